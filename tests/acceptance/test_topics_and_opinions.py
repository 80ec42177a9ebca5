"""Gates, topics and opinions, through the command line."""

import json
import re
from typing import Any

import pytest

from house import House

PAPERS = [
    (
        "2606.00010",
        "Quantization of weights",
        "We quantize weights to four bits and keep the accuracy of large networks.",
    ),
    ("2606.00011", "Grokking explained", "A proof that networks generalize long after they fit the data."),
    ("2606.00012", "Birds of the north", "Herons and cranes counted from the air over two winters."),
    ("2606.00013", "Cranes of the south", "Herons and cranes counted from boats over two winters."),
    ("2606.00014", "Cooking with robots", "A kitchen robot learns to fry eggs from demonstrations."),
    ("2606.00015", "Sailing with robots", "A sailing robot crosses the lake without a map."),
]


@pytest.fixture
def lab(house: House) -> House:
    """A newsletter without readers, and papers about several things."""
    lines = [json.dumps({"id": key, "title": title, "abstract": abstract}) for key, title, abstract in PAPERS]
    (house.folder / "papers.jsonl").write_text("\n".join(lines), encoding="utf-8")
    house.write(subscribers=[])
    return house


def shown(house: House, email: str) -> dict[str, Any]:
    record: dict[str, Any] = house.json("subscribers", "show", email)
    return record


def test_gates_and_topics_go_out_to_files_and_come_back(lab: House) -> None:
    keywords = ["[systems] quantization^2", '[theory] "generalization bounds"', "-survey"]
    options = [word for keyword in keywords for word in ("-k", keyword)]
    said = lab("subscribe", "ann@example.org", *options, "--gate", "strict").stderr
    assert "[systems] quantization^2" in said
    assert "strict gate" in said
    record = shown(lab, "ann@example.org")
    assert (record["keywords"], record["gate"]) == (keywords, "strict")
    assert "gate        strict\n" in lab("subscribers", "show", "ann@example.org").stdout
    for name in ("readers.csv", "readers.yaml"):
        lab("subscribers", "export", name)
        assert lab("subscribers", "import", name).stderr == "1 unchanged\n"
    text = (lab.folder / "readers.csv").read_text()
    (lab.folder / "readers.csv").write_text(text.replace("strict", "wide").replace("[theory]", "[maths]"))
    changed = lab("subscribers", "import", "readers.csv").stdout
    assert "[theory]" in changed
    assert "[maths]" in changed
    assert "gate: strict → wide" in changed


def test_who_names_no_gate_gets_that_of_the_newsletter(lab: House) -> None:
    lab.write(issue={"gate": "wide"}, subscribers=[{"email": "file@example.org"}])
    lab("subscribe", "ann@example.org", "-k", "pruning")
    (lab.folder / "more.csv").write_text("email,gate\nbob@example.org,\ncy@example.org,strict\n")
    lab("subscribers", "import", "more.csv")
    gates = {one["email"]: one["gate"] for one in lab.json("subscribers", "list")}
    assert gates == {
        "file@example.org": "wide",
        "ann@example.org": "wide",
        "bob@example.org": "wide",
        "cy@example.org": "strict",
    }
    lab.write(issue={"gate": "strict"})
    assert shown(lab, "file@example.org")["gate"] == "strict"
    assert shown(lab, "ann@example.org")["gate"] == "wide"


def test_an_unknown_gate_is_a_wrong_command_line(lab: House) -> None:
    assert "'loose'" in lab("subscribe", "ann@example.org", "-k", "x", "--gate", "loose", code=2).stderr


def test_a_keyword_in_two_topics_is_refused(lab: House) -> None:
    done = lab("subscribe", "ann@example.org", "-k", "[a] pruning", "-k", "[b] pruning", code=65)
    assert done.stderr == (
        "digestmail: keywords[1]: 'pruning' stands in 'a' and in 'b': a keyword belongs to one topic\n"
    )


def test_an_issue_has_a_heading_for_every_topic(lab: House) -> None:
    topics = {"proofs": ["grokking"], "systems": ["quantization"]}
    lab.write(subscribers=[{"email": "reader@example.org", "keywords": ["cranes"], "topics": topics}])
    lab("fetch")
    text = lab("preview", "--text").stdout
    headings = re.findall(r"^== (.*) ==$", text, re.MULTILINE)
    assert headings == ["proofs", "systems", "More"]
    cards = text[text.index("== proofs") :]  # after the list of contents
    places = [
        cards.index(words) for words in ("== proofs", "Grokking", "== systems", "Quantization", "== More", "Cranes")
    ]
    assert places == sorted(places)
    assert re.findall(r"^ (\d)\. ", cards, re.MULTILINE) == [str(number) for number in range(1, 5)]


def test_opinions_are_told_kept_and_forgotten(lab: House) -> None:
    lab("subscribe", "ann@example.org", "-k", "robots")
    lab("fetch")
    assert lab("like", "ann@example.org", "2606.00014").stderr == (
        "ann@example.org: likes “Cooking with robots”: from the next issue on, more like it (1 liked, 0 disliked)\n"
    )
    assert "likes “Cooking with robots” already" in lab("like", "Ann@example.org", "cooking with Robots").stderr
    assert shown(lab, "ann@example.org")["liked"] == ["arxiv:2606.00014"]
    assert "less like it (0 liked, 1 disliked)" in lab("dislike", "ann@example.org", "2606.00014").stderr
    assert shown(lab, "ann@example.org")["disliked"] == ["arxiv:2606.00014"]
    assert "no longer dislikes" in lab("unlike", "ann@example.org", "2606.00014").stderr
    assert "had no opinion of" in lab("unlike", "ann@example.org", "2606.00014").stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("bob@example.org", "2606.00014"), "bob@example.org is not subscribed"),
        (("ann@example.org", "2401.99999"), "no paper '2401.99999' in the corpus"),
    ],
)
def test_opinions_of_strangers_are_refused(lab: House, arguments: tuple[str, str], why: str) -> None:
    lab("subscribe", "ann@example.org")
    lab("fetch")
    assert why in lab("like", *arguments, code=65).stderr


def test_a_like_brings_more_of_the_same_and_the_issue_says_so(lab: House) -> None:
    lab("subscribe", "ann@example.org", "-k", "quantization")
    lab("fetch")
    assert "Cranes of the south" not in lab("preview", "ann@example.org", "--text").stdout
    lab("like", "ann@example.org", "Birds of the north")
    text = lab("preview", "ann@example.org", "--text").stdout
    assert "Cranes of the south" in text
    assert "as in papers you asked for more of" in " ".join(text.split())
    assert "Cooking" not in text
