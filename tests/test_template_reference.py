"""The page for people who write templates lists what templates are really given, in the words of the code."""

import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from builders import issue, papers
from digestmail.rendering.cards import Link, Personal, SharedCard
from digestmail.rendering.environment import environment
from digestmail.rendering.issue import Entry, Group, IssueContext, Section, issue_context
from digestmail.rendering.letters import LetterContext
from digestmail.rendering.passages import FollowUp
from digestmail.rendering.reasons import Reason

PAGE = Path(__file__).parents[1] / "docs/how-to/write-a-template.md"
BEGIN, END = "<!-- from the code: begin -->\n", "<!-- from the code: end -->\n"
TABLES: dict[str, tuple[type, ...]] = {
    "The issue": (IssueContext,),
    "A group of `groups`": (Group,),
    "A part of `contents`, and one of its `entries`": (Section, Entry),
    "A card, the same for all readers": (SharedCard,),
    "A card, one reader's own": (Personal,),
    "A reason of `card.why`": (Reason,),
    "A link of `card.links`": (Link,),
    "One of `followups`": (FollowUp,),
    "A letter, `confirm` or `reminder`: this and nothing else": (LetterContext,),
}


def notes(kind: type) -> Iterator[tuple[str, str]]:
    """The public fields of a class, each with the ``#:`` comment above it."""
    said: list[str] = []
    wanted = {name for name in kind.__annotations__ if not name.startswith("_")}
    for line in inspect.getsource(kind).splitlines():
        name = re.match(r"    (\w+):", line)
        if line.startswith("    #:"):
            said.append(line.removeprefix("    #:").strip())
        elif name and name[1] in wanted:
            assert said, f"{kind.__name__}.{name[1]} has no words"
            yield name[1], " ".join(said)
            said = []


def reference() -> str:
    out, bar = [], r"\|"
    for heading, kinds in TABLES.items():
        rows = [f"| `{name}` | {words.replace('|', bar)} |\n" for kind in kinds for name, words in notes(kind)]
        out.append(f"### {heading}\n\n| name | value |\n|---|---|\n{''.join(rows)}\n")
    return "".join(out)


def test_the_page_has_every_variable_in_the_words_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    head, found, tail = page.partition(BEGIN)
    assert found
    written, found, tail = tail.partition(END)
    assert found
    if os.environ.get("DIGESTMAIL_UPDATE_GOLDEN"):
        PAGE.write_text(f"{head}{BEGIN}\n{reference()}{END}{tail}", encoding="utf-8")
        written = f"\n{reference()}"
    assert written == f"\n{reference()}"


def test_a_template_is_given_what_the_page_lists_and_its_language() -> None:
    listed = {name for name, _ in notes(IssueContext)}
    given = issue_context(issue(papers(1)), unsubscribe_url="mailto:a@example.org").keys()
    assert given - listed == {"words", "_", "gettext", "ngettext"}
    assert listed <= given


def test_the_page_lists_every_filter() -> None:
    names = environment(html=True).filters
    line = re.search(r"^Filters: .*?\n\n", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert line
    assert set(re.findall(r"`([a-z]+)(?:\(.*?\))?`", line[0])) == set(names)


@pytest.mark.parametrize("name", [name for kind in (SharedCard, Personal) for name, _ in notes(kind)])
def test_everything_on_a_card_can_be_used(name: str) -> None:
    template = environment(html=True).from_string(
        "{% for card in cards %}{{ card." + name + " is defined }}{% endfor %}"
    )
    context = issue_context(issue(papers(1)), unsubscribe_url="mailto:a@example.org")
    assert template.render(context) == "True"


@pytest.mark.parametrize("name", ["_title", "_abstract", "__class__"])
def test_what_is_not_on_the_page_cannot_be_used(name: str) -> None:
    template = environment(html=True).from_string("{% for card in cards %}{{ card." + name + " }}{% endfor %}")
    with pytest.raises(jinja2.TemplateError, match=name):
        template.render(issue_context(issue(papers(1)), unsubscribe_url="mailto:a@example.org"))
