"""Joined from kept pieces, an issue says to the letter what filling its template says."""

import re
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from benchmarks.datasets import corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import in_all, issue, match, paper, papers, subscriber
from digestmail.errors import TemplateError
from digestmail.mail.message import build_message
from digestmail.model import Evidence, Field, Issue, Match, Paper, RankedPaper, Rendered
from digestmail.ranking import Index
from digestmail.ranking.profile import parse_keywords
from digestmail.rendering.cards import QUOTED_MARKS
from digestmail.rendering.compile import CompiledTemplate, Templates
from digestmail.rendering.issue import render_issue
from digestmail.rendering.joining import Joining, joining_of, rendered
from digestmail.text.quoted import ended, quoted, unquoted
from newsletters import ROOT

UNSUBSCRIBE = "mailto:papers@example.org?subject=unsubscribe"
SHIPPED = Templates(ROOT / "templates")

# what breaks HTML, templates, headers and quoted-printable, drawn often
HOSTILE = st.builds(
    "".join,
    st.lists(
        st.characters()
        | st.sampled_from([*" \r\n\t\x00\x0b\x85\u2028.=?_^<>&\"'ä論אب😀\ud800\u202e", "{{", "}}", "{%", "=?", "=20"])
        | st.sampled_from(["\r\n.", "word ", "x" * 74, "</p>", "<script>", "\0title\0"]),
        max_size=40,
    ),
)


def same_words(number: Issue, template: CompiledTemplate, joining: Joining | None = None) -> Rendered:
    """The words of an issue, filled plainly; joined they must be the same."""
    plain = render_issue(number, template, unsubscribe_url=UNSUBSCRIBE)
    joined = rendered((joining or joining_of(template)).join(number, unsubscribe_url=UNSUBSCRIBE))
    assert joined.subject == plain.subject
    assert joined.text == plain.text
    assert joined.html == plain.html
    return plain


def outcome(render: Callable[[], Rendered]) -> Rendered | str:
    """What comes of it: words, or the mistake that is told."""
    try:
        return render()
    except TemplateError as error:
        return str(error)


def decoded(content: bytes) -> list[str]:
    """The bodies of a message as the standard library reads them."""
    parsed = message_from_bytes(content, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return [part.get_content() for part in parsed.iter_parts() if isinstance(part, EmailMessage)]


def with_email_message(words: Rendered) -> bytes:
    """The bodies as ``EmailMessage`` writes them."""
    message = EmailMessage(policy=policy.SMTP)
    message.set_content(words.text, cte="quoted-printable")
    message.add_alternative(words.html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def matched(one: Paper, *matches: Match, topic: str = "") -> RankedPaper:
    return RankedPaper(one, 1.0, matches, topic)


@pytest.mark.parametrize("name", ["issue", "compact"])
@pytest.mark.parametrize("size", [0, 1, 3, 12, 40])
def test_a_shipped_template_is_joined_to_the_words_that_filling_it_gives(name: str, size: int) -> None:
    template = SHIPPED.load(name)
    same_words(issue(papers(size)), template)
    assert joining_of(template).faults == ()


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE), max_size=12),
    keyword=HOSTILE,
    name=HOSTILE,
    spans=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 80)), max_size=4),
    language=st.sampled_from(["en", "de", "zh"]),
)
def test_hostile_papers_and_readers_come_out_as_jinja_and_email_message_have_them(
    texts: list[tuple[str, str, str]], keyword: str, name: str, spans: list[tuple[int, int]], language: str
) -> None:
    found = [
        matched(
            paper(title, key=f"arxiv:2606.{at:05}", abstract=abstract, authors=(author,), upvotes=at),
            in_all(
                match(keyword, Field.TITLE, title[:20], 1, 2.0, tuple(spans)),
                match(keyword, Field.ABSTRACT, abstract[:9], at + 1, 1.0, tuple(spans), Evidence.NEAR),
            ),
            match(author, Field.AUTHOR, author, 1, 1.0),
            topic=keyword if at % 3 else "",
        )
        for at, (title, abstract, author) in enumerate(texts)
    ]
    whole = issue([], subscriber(language=language))
    number = replace(whole, papers=tuple(found), mailing_list=replace(whole.mailing_list, name=name))
    template = SHIPPED.load("issue")
    plain = same_words(number, template)
    content = build_message(number, joining_of(template).join(number, unsubscribe_url=UNSUBSCRIBE)).content
    assert decoded(content) == decoded(with_email_message(plain))
    body = content.partition(b"\r\n\r\n")[2]
    assert body.isascii()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", body)
    assert max(map(len, body.split(b"\r\n"))) <= 76


def test_real_papers_come_out_as_jinja_and_email_message_have_them(
    shared_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGESTMAIL_TEST_DATA", str(shared_data("corpus").parent))
    index = Index(corpus(300))
    template = SHIPPED.load("issue")
    profiles = [
        parse_keywords(words)
        for words in (
            ["language model", "agents^2", "diffusion"],
            ["reasoning", "benchmark", "title:learning"],
            ["graph neural network", "optimization", "-survey", "theory"],
        )
    ]
    index.learn(set(profiles))
    for profile, chosen in zip(profiles, index.rank_many(profiles, [25] * len(profiles)), strict=True):
        reader = subscriber()
        number = replace(issue([], replace(reader, profile=profile)), papers=index.ranked(profile, chosen))
        assert len(number.papers) > 3
        plain = same_words(number, template)
        encoded = joining_of(template).join(number, unsubscribe_url=UNSUBSCRIBE)
        assert decoded(build_message(number, encoded).content) == decoded(with_email_message(plain))


def test_readers_of_one_paper_share_its_card_and_see_their_own_words() -> None:
    one = paper("Small attention models", abstract="We study attention.")
    template = SHIPPED.load("issue")
    first = matched(one, match("attention", Field.TITLE, "attention", 1, 1.0, ((6, 15),)))
    second = matched(one, match("models", Field.TITLE, "models", 1, 1.0, ((16, 22),)))
    joining = Joining(template)
    pages = [same_words(replace(issue([]), papers=(found,)), template, joining).html for found in (first, second)]
    assert "Small <b>attention</b> models" in pages[0]
    assert "Small attention <b>models</b>" in pages[1]


@pytest.mark.parametrize(("name", "shows_abstracts"), [("issue", True), ("compact", False)])
def test_abstracts_are_marked_only_for_a_template_that_shows_them(name: str, shows_abstracts: bool) -> None:
    one = paper("Small attention models", abstract="We study attention.")
    found = matched(one, match("attention", Field.ABSTRACT, "attention", 1, 1.0, ((9, 18),)))
    QUOTED_MARKS.clear()
    joined = rendered(
        Joining(SHIPPED.load(name)).join(replace(issue([]), papers=(found,)), unsubscribe_url=UNSUBSCRIBE)
    )
    assert bool(QUOTED_MARKS) is shows_abstracts
    assert ("We study <b>attention</b>." in joined.html) is shows_abstracts


def test_the_same_issue_is_joined_to_the_same_bytes_whoever_came_before() -> None:
    template = SHIPPED.load("issue")
    number = issue(papers(12))
    used = Joining(template)
    used.join(issue(papers(30, "pruning"), subscriber("ann@example.org")), unsubscribe_url=UNSUBSCRIBE)
    used.join(number, unsubscribe_url=UNSUBSCRIBE)
    fresh = Joining(template).join(number, unsubscribe_url=UNSUBSCRIBE)
    assert used.join(number, unsubscribe_url=UNSUBSCRIBE) == fresh


def template_with(tmp_path: Path, body: str, text: str) -> CompiledTemplate:
    """A template whose parts are these."""
    folder = tmp_path / "templates" / "own"
    folder.mkdir(parents=True, exist_ok=True)
    page = f"<mjml><mj-body><mj-section><mj-column><mj-text>{body}</mj-text></mj-column></mj-section></mj-body></mjml>"
    for name, content in {
        "subject.txt": "{{ headline }}",
        "body.mjml": page,
        "inline.css": "",
        "body.txt": text,
    }.items():
        (folder / name).write_text(content, encoding="utf-8")
    return Templates(tmp_path / "templates").load("own")


def loop(card: str, cards: str = "cards") -> str:
    """A body with this in block ``card``."""
    return f"{{% for card in {cards} %}}{{% block card scoped %}}<p>{card}</p>{{% endblock %}}{{% endfor %}}"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{% for card in cards %}{{ card.title }}{% endfor %}", "'card' can only be used in block 'card'"),
        (loop("{{ card.title|upper }}"), "'card.title' can only be printed"),
        (loop("{{ card.title|length }}"), "'card.title' can only be printed"),
        (loop("{{ card.title|wrap }}"), "'card.title' can only be printed as it is"),
        ("{{ subscription|wrap|wrap(3) }}", "'subscription' can only be printed"),
        (loop("{{ card.title|default('none')|first }}"), "'card.title' can only be printed"),
        (loop("{{ card.title[0] }}"), "'card.title' can only be printed"),
        (loop("{{ card.title.upper() }}"), "'card.title' can only be printed"),
        (loop("{{ card.title is string }}"), "'card.title' can only be printed"),
        (loop("{{ card.title is iterable }}"), "'card.title' can only be printed"),
        (loop("{{ [card.number, card.title]|join(', ') }}"), "'card.number' can only be printed"),
        (loop('{{ _("Why: %(title)s", title=card.title) }}'), "'card.title' can only be printed"),
        (loop("{% if card.number == 1 %}first{% endif %}"), "'card.number' can only be printed"),
        (loop("{{ card.number ~ '.' }}"), "'card.number' can only be printed"),
        (loop("{{ card.why|length }}"), "'card.why' is one reader's own"),
        (loop("{% if card.why %}!{% endif %}"), "'card.why' is one reader's own"),
        (loop("{{ newsletter }}"), "'newsletter' is not the same for all readers of a paper"),
        (loop("{{ loop.index }}"), "'loop' is not the same for all readers of a paper"),
        (loop("{% set own %}{{ card.title }}{% endset %}{{ own|length }}"), "collects what is printed"),
        (loop("{% filter upper %}{{ card.title }}{% endfilter %}"), "collects what is printed"),
        ("{% set all %}" + loop("{{ card.title }}") + "{% endset %}{{ all }}", "collects what is printed"),
        ("{% macro big(one) %}<b>{{ one }}</b>{% endmacro %}{{ big(address)|length }}", "collects what is printed"),
        (loop("{{ card.title }}") + "{{ self.card()|length }}", "'self' collects"),
        ("{{ address|upper }}", "'address' can only be printed"),
        ("{{ keywords or '-' }}{{ keywords ~ '.' }}", "'keywords' can only be printed"),
        ("{% if receipt > 'a' %}!{% endif %}", "'receipt' can only be printed"),
        ("{% for group in groups %}{{ group.heading|lower }}{% endfor %}", "'group.heading' can only be printed"),
        ("{% for part in contents %}{{ part.entries[0].title|first }}{% endfor %}", "'entry.title' can only be"),
        ("{% for letter in headline %}{{ letter }}{% endfor %}", "'headline' can only be printed"),
    ],
)
def test_a_template_that_cannot_be_shared_says_why_and_is_filled_all_the_same(
    tmp_path: Path, body: str, why: str
) -> None:
    template = template_with(tmp_path, body, loop("{{ card.number }} {{ card.title|wrap }}"))
    joining = Joining(template)
    number = issue(papers(4))
    assert outcome(lambda: rendered(joining.join(number, unsubscribe_url=UNSUBSCRIBE))) == outcome(
        lambda: render_issue(number, template, unsubscribe_url=UNSUBSCRIBE)
    )
    assert any(why in fault and "body.mjml:" in fault for fault in joining.faults), joining.faults


@pytest.mark.parametrize(
    "body",
    [
        "{{ newsletter }}" + loop("{{ card.number }} <b>{{ card.title }}</b> {{ card.reasons }} {{ card.reason }}"),
        "{{ (newsletter ~ ': ' ~ date|day)|upper }}{{ preview|wrap(4) }} {{ keywords }} {{ address }}" + loop("!"),
        "{% if keywords %}{{ keywords }}{% endif %}{{ keywords or address }}{{ preferences_url or 'none' }}",
        "{% if keywords is defined and not preferences_url %}{{ receipt|default('-') }}{% endif %}",
        "{% for group in groups %}{{ loop.index }} {{ group.heading|wrap(2) }}"
        + loop("", "group.cards")
        + "{% endfor %}",
        "{% for group in groups %}{% if group.heading %}{{ group.heading }}{% endif %}{% endfor %}",
        "{% for one in cards %}{% set card = one %}{% block card scoped %}{{ card.title }}{% endblock %}{% endfor %}",
        "{% for part in contents %}{% for one in part.entries %}{{ one.number + 1 }} {% endfor %}{% endfor %}",
        "{% for part in contents %}{% for one in part.entries %}{{ one.title }} {% endfor %}{% endfor %}",
        "{{ cards|length }}{% block reader %}{{ subscription }}{% endblock %}100 %s %b %%",
    ],
)
def test_a_template_of_ones_own_is_joined_when_it_keeps_the_rules(tmp_path: Path, body: str) -> None:
    template = template_with(tmp_path, body, loop("{{ card.number }} {{ card.title|wrap }} {{ card.abstract|upper }}"))
    joining = Joining(template)
    for reader in (subscriber(), subscriber(keywords=[]), subscriber(keywords=["-a", "[b] c"])):
        number = issue(papers(7), reader)
        same_words(number, template, joining)
        same_words(replace(number, papers=tuple(replace(one, matches=()) for one in number.papers)), template, joining)
    assert joining.faults == ()


@given(st.lists(HOSTILE, max_size=8))
def test_pieces_that_are_encoded_one_by_one_decode_to_the_whole(texts: list[str]) -> None:
    body = b"".join(ended([quoted(text) for text in texts]))
    whole = "".join(re.sub(r"\r\n?", "\n", text) for text in texts).encode("utf-8", "replace").decode()
    assert unquoted(body) == (whole if whole.endswith("\n") else whole + "\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|[ \t]\r\n", body)
    assert max(map(len, body.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("length", range(70, 160))
@pytest.mark.parametrize("end", ["", " ", "\t\n", " \n", "=", "é", "."])
def test_no_line_is_too_long_wherever_a_piece_ends(length: int, end: str) -> None:
    piece = quoted("x" * length + end)
    assert max(map(len, piece.split(b"\r\n"))) <= 76
    assert unquoted(piece) == "x" * length + end
