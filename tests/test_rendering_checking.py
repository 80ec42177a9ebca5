"""What is asked of every issue: each fault is noticed, and the shipped templates have none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from digestmail.model import Rendered
from digestmail.rendering.checking import Trial, faults, read_page, trials
from digestmail.rendering.compile import Templates
from digestmail.rendering.extremes import UNSUBSCRIBE_URL, extremes

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tried() -> dict[str, Trial]:
    """All extremes, made with the shipped template."""
    return {trial.name: trial for trial in trials(Templates(ROOT / "templates").load("issue"))}


def test_extremes_are_what_they_are_called() -> None:
    sizes = {name: len(issue.papers) for name, issue in extremes().items()}
    assert (sizes["no papers"], sizes["one paper"], sizes["ten papers"], sizes["forty papers"]) == (0, 1, 10, 40)
    assert max(len(ranked.paper.title) for ranked in extremes()["long titles"].papers) == 300
    hostile = " ".join(ranked.paper.title for ranked in extremes()["hostile"].papers)
    assert all(words in hostile for words in ("<script>", "</mj-text><mj-raw>", "{{7*191}}", "\r\n", "\u202e"))
    assert (
        sum(any("\u0590" < letter < "\u0700" for letter in r.paper.title) for r in extremes()["right to left"].papers)
        == 3
    )


def test_hostile_words_are_shown_as_words(tried: dict[str, Trial]) -> None:
    said = tried["hostile"].rendered
    assert "<script" not in said.html
    assert "mj-raw" in read_page(said.html).text
    assert "{{7*191}}" in read_page(said.html).text.replace(" ", "")
    assert said.subject.isprintable()


IN_BODY = "</body>"
HTML_FAULTS: dict[str, tuple[str, str, str]] = {
    "a script": (IN_BODY, "<script>x()</script></body>", "<script> has no place in a mail"),
    "a tag of MJML": (IN_BODY, "<mj-text>a</mj-text></body>", "<mj-text> has no place in a mail"),
    "a handler": (IN_BODY, '<p onclick="x()">a</p></body>', "the attribute onclick has no place in a mail"),
    "a dangerous link": (IN_BODY, '<a href="javascript:x()">a</a></body>', "a link leads nowhere a mail may lead"),
    "an empty link": (IN_BODY, "<a>a</a></body>", "a link leads nowhere a mail may lead"),
    "an unclosed tag": (IN_BODY, "<p><b>a</p></body>", "<b> is not closed before </p>"),
    "a closing tag too many": (IN_BODY, "</b></body>", "</b> closes nothing"),
    "an id that stands twice": (IN_BODY, '<p id="a"></p><p id="a"></p></body>', "the id 'a' stands 2 times"),
    "a picture without words": (IN_BODY, '<img src="cid:a"></body>', "a picture has no alt"),
    "a picture from the network": (IN_BODY, '<img alt="" src="//example.org/a"></body>', "a picture is fetched"),
    "a style that asks the network": (IN_BODY, '<p style="background:url(a)">a</p></body>', "a style attribute asks"),
    "a style sheet that asks the network": ("</style>", "@import 'a';</style>", "a style asks the network: @import"),
    "no doctype": ("<!DOCTYPE html>", "", "there is no doctype"),
    "no language": (' lang="en"', "", "<html> has no lang"),
    "a link of its own": (IN_BODY, '<a href="https://example.org/own">a</a></body>', "the text lacks a link"),
    "a forgotten placeholder": (IN_BODY, "dm0123abcdn7z</body>", "a placeholder was left in the HTML"),
    "a computed expression": (IN_BODY, "<p>1337</p></body>", "words of a paper were run as a template in the HTML"),
    "a turned line": (IN_BODY, "\u202e</body>", "a character that turns lines around was left in the HTML"),
    "no way to unsubscribe": (UNSUBSCRIBE_URL, "mailto:papers@example.org", "there is no way to unsubscribe"),
    "too much": (IN_BODY, "x" * 100_000 + "</body>", "Gmail clips it"),
}


@pytest.mark.parametrize(("old", "new", "fault"), HTML_FAULTS.values(), ids=HTML_FAULTS.keys())
def test_a_fault_in_the_html_is_noticed(old: str, new: str, fault: str, tried: dict[str, Trial]) -> None:
    trial = tried["ten papers"]
    assert old in trial.rendered.html
    assert faults(trial.issue, trial.rendered) == ()
    said = replace(trial.rendered, html=trial.rendered.html.replace(old, new))
    assert any(fault in found for found in faults(trial.issue, said))


CHANGES: dict[str, tuple[Callable[[Rendered], Rendered], str]] = {
    "an empty subject": (lambda said: replace(said, subject=" "), "the subject is empty"),
    "a broken subject": (lambda said: replace(said, subject="a\nb"), "the subject holds control characters"),
    "no title": (lambda said: replace(said, html=said.html.replace("<title>", "<title></title><!--", 1)), "no title"),
    "a paper that only the HTML has": (lambda said: replace(said, text=""), "the text lacks a paper"),
    "a paper that only the text has": (lambda said: replace(said, html=""), "the HTML lacks a paper"),
    "a link that only the text has": (
        lambda said: replace(said, text=said.text + "https://example.org/own\n"),
        "the HTML lacks a link that the text has: https://example.org/own",
    ),
    "a long line": (lambda said: replace(said, text=said.text + "word " * 20 + "\n"), "longer than 72 columns"),
}


@pytest.mark.parametrize(("change", "fault"), CHANGES.values(), ids=CHANGES.keys())
def test_a_fault_in_subject_or_text_is_noticed(
    change: Callable[[Rendered], Rendered], fault: str, tried: dict[str, Trial]
) -> None:
    trial = tried["ten papers"]
    assert any(fault in found for found in faults(trial.issue, change(trial.rendered)))
