"""Files of subscribers."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import subscriber
from digestmail.cli import exchange
from digestmail.config import load_subscribers
from digestmail.errors import InputError
from digestmail.model import Cadence, Gate, Keyword
from digestmail.ranking.profile import format_keywords
from digestmail.rendering.language import languages


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_with_nothing_but_addresses_is_enough(tmp_path: Path) -> None:
    readers = load_subscribers(written(tmp_path, "r.csv", "email\nann@example.org\nbob@example.org\n"))
    assert [reader.email for reader in readers] == ["ann@example.org", "bob@example.org"]


def test_keywords_in_a_csv_cell_are_separated_by_semicolons_or_commas(tmp_path: Path) -> None:
    text = 'email,keywords,max_papers\nann@example.org,"""a, b""^2; -survey, RAG",5\n'
    [reader] = load_subscribers(written(tmp_path, "r.csv", text))
    assert reader.keywords == ('"a, b"^2', "-survey", "RAG")
    assert reader.max_papers == 5


def test_all_problems_of_a_csv_are_told_with_their_lines(tmp_path: Path) -> None:
    text = "email,keyword,timezone\nann@example.org,x,UTC\nnobody,,Europe/Berlim\n"
    with pytest.raises(InputError) as caught:
        load_subscribers(written(tmp_path, "r.csv", text))
    lines = [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]
    assert lines[0] == "r.csv:1: unknown column 'keyword' (did you mean 'keywords'?)"
    assert lines[1].startswith("r.csv:3: subscribers[1].email: ")
    assert lines[2].startswith("r.csv:3: subscribers[1].timezone: ")
    assert "Europe/Berlin" in lines[2]


def test_a_bad_keyword_in_yaml_is_named(tmp_path: Path) -> None:
    text = "subscribers:\n  - email: ann@example.org\n    keywords: [fine, '\"open']\n"
    with pytest.raises(InputError, match=r"r\.yaml:3: subscribers\[0\]\.keywords\[1\]: unbalanced quote"):
        load_subscribers(written(tmp_path, "r.yaml", text))


def test_topics_of_a_yaml_file_are_keywords_with_their_topic(tmp_path: Path) -> None:
    text = """
subscribers:
  - email: ann@example.org
    gate: strict
    keywords: [moe, -survey, '[vision] "a, b"^2']
    topics: {systems: [quantization^2, 'KV cache'], Formal methods: [title:proof]}
  - email: bob@example.org
"""
    ann, bob = exchange.read(written(tmp_path, "r.yaml", text), Gate.WIDE)
    assert format_keywords(ann.profile) == [
        "moe",
        "-survey",
        '[vision] "a, b"^2',
        "[systems] quantization^2",
        "[systems] KV cache",
        "[Formal methods] title:proof",
    ]
    assert (ann.profile.gate, bob.profile.gate) == (Gate.STRICT, Gate.WIDE)


def test_a_csv_holds_gates_and_topics(tmp_path: Path) -> None:
    text = "email,keywords,gate\nann@example.org,[systems] KV cache^2; -survey,strict\nbob@example.org,,\n"
    ann, bob = exchange.read(written(tmp_path, "r.csv", text), Gate.WIDE)
    assert ann.profile.keywords == (Keyword("KV cache", 2.0, topic="systems"), Keyword("survey", negative=True))
    assert (ann.profile.gate, bob.profile.gate) == (Gate.STRICT, Gate.WIDE)


def test_problems_with_gates_and_topics_are_told_with_their_lines(tmp_path: Path) -> None:
    text = "email,keywords,gate\nann@example.org,[a] x; [b] X,loose\nbob@example.org,[a x,\ncy@example.org,[a] -x,\n"
    with pytest.raises(InputError) as caught:
        load_subscribers(written(tmp_path, "r.csv", text))
    negative = "a negative keyword takes no topic in '[a] -x': it keeps a paper out of the whole issue"
    assert [line.removeprefix(f"{tmp_path}/r.csv:") for line in str(caught.value).splitlines()] == [
        "2: subscribers[0].keywords[1]: 'X' stands in 'a' and in 'b': a keyword belongs to one topic (first in line 2)",
        "2: subscribers[0].gate: expected 'strict', 'normal' or 'wide', got 'loose'",
        "3: subscribers[1].keywords[0]: unbalanced bracket in '[a x': a topic is written [systems] quantization",
        f"4: subscribers[2].keywords[0]: {negative}",
    ]


def test_an_address_that_stands_twice_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"r\.csv:3: .*the same address as subscribers\[0\] \(line 2\)"):
        load_subscribers(written(tmp_path, "r.csv", "email\nann@example.org\nAnn@example.org\n"))


@pytest.mark.parametrize("name", ["missing.csv", "missing.yaml"])
def test_a_missing_file_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"missing\.\w+: no such file$"):
        load_subscribers(tmp_path / name)


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"should end with \.csv or \.yaml"):
        exchange.read(tmp_path / "readers.xlsx", Gate.NORMAL)


_KEYWORDS = st.lists(
    st.sampled_from(
        [
            '"mixture of experts"^3',
            "quantization",
            "-survey",
            "author:Tri Dao",
            '"a; b, c"',
            "cat:cs.LG^0.5",
            "[systems] pruning",
            '[systems] "a; b"^2',
            "[theory] proof",
        ]
    ),
    unique=True,
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    keywords=_KEYWORDS,
    cadence=st.sampled_from(["daily", "weekdays", "weekly:sun"]),
    size=st.none() | st.integers(1, 100),
    kind=st.sampled_from(exchange.Kind),
    gate=st.sampled_from(Gate),
    code=st.none() | st.sampled_from(languages()),
)
def test_what_is_exported_is_imported_again(
    tmp_path: Path,
    keywords: list[str],
    cadence: str,
    size: int | None,
    kind: exchange.Kind,
    gate: Gate,
    code: str | None,
) -> None:
    one = subscriber(
        keywords=keywords, cadence=Cadence.parse(cadence), timezone="Asia/Tokyo", max_papers=size, language=code
    )
    one = replace(one, profile=replace(one.profile, gate=gate))
    path = written(tmp_path, f"r.{kind}", exchange.write([one], kind))
    [read] = exchange.read(path, Gate.NORMAL)
    assert (read.email, read.profile, read.cadence, read.timezone, read.max_papers, read.language) == (
        one.email,
        one.profile,
        one.cadence,
        one.timezone,
        one.max_papers,
        one.language,
    )


def test_of_a_whole_configuration_the_subscribers_are_read_and_a_slip_is_told(tmp_path: Path) -> None:
    text = "sources: [{kind: page}]\nsubscribers:\n  - email: ann@example.org\n"
    assert [one.email for one in load_subscribers(written(tmp_path, "c.yaml", text))] == ["ann@example.org"]
    with pytest.raises(InputError, match=r"c\.yaml:1: subscriber: unknown key"):
        load_subscribers(written(tmp_path, "c.yaml", "subscriber: []\n"))
