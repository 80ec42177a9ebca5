"""The letters to people who sign up: in every language, with the newsletter's name, our words, and no others."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from babel.messages.pofile import read_po

from builders import THE_LIST
from digestmail.model import LETTERS, Rendered
from digestmail.rendering.checking import letter_faults, letter_trials, read_page
from digestmail.rendering.compile import Templates
from digestmail.rendering.extremes import LETTER_UNTIL, LETTER_URL
from digestmail.rendering.language import language, languages
from digestmail.rendering.letters import render_letter
from newsletters import ROOT
from test_rendering_issue import Page, flat
from test_rendering_language import CATALOGS, TRANSLATED

TEMPLATES = Templates(ROOT / "templates")
URL = "https://papers.example.org/c/dGVzdA"
UNTIL = datetime(2026, 7, 2, 9, 5, tzinfo=UTC)
KB = 1024
#: what keeps the page out of the inbox row
JOINERS = re.compile("[\u034f\u200c\xa0]")


def letter(name: str, code: str = "en", *, newsletter: str = "Owl Post", url: str = URL) -> Rendered:
    until = UNTIL if name == "confirm" else None
    return render_letter(TEMPLATES.load(name), replace(THE_LIST, name=newsletter), code, url=url, until=until)


def seen(said: Rendered) -> tuple[str, str]:
    """Both bodies as they are read, the text without its line breaks."""
    return Page(said.html).text, flat(said.text)


def solid(text: str) -> str:
    """Text without white space: Chinese lines break anywhere."""
    return "".join(text.split())


# what they say


def test_the_question_says_who_asks_what_to_press_and_until_when() -> None:
    said = letter("confirm")
    assert said.subject == "Please confirm: Owl Post"
    for words in seen(said):
        assert "Somebody, probably you, has asked for Owl Post to be sent to this address." in words
        assert "Confirm my subscription" in words
        assert "The link is good until Thursday, 2 July 2026, 09:05 UTC." in words
        assert "no other mail is sent, and the address is deleted after seven days." in words


def test_the_reminder_says_that_nothing_has_changed_and_where_to_change_it() -> None:
    said = letter("reminder")
    assert said.subject == "You already get Owl Post"
    for words in seen(said):
        assert "nothing has changed" in words
        assert "change keywords, to pause, or to leave" in words
        assert "Preferences" in words
        assert "everything stays as it is" in words


@pytest.mark.parametrize("name", LETTERS)
def test_a_letter_leads_to_one_place_and_writes_it_out_on_a_line_of_its_own(name: str) -> None:
    said = letter(name)
    assert Page(said.html).hrefs == [URL]
    assert [line for line in said.text.split("\n") if "://" in line] == [URL]
    assert "unsubscribe" not in (said.html + said.text).lower()


@pytest.mark.parametrize("code", languages())
@pytest.mark.parametrize("name", LETTERS)
def test_in_every_language_both_bodies_say_the_same_in_72_columns(name: str, code: str) -> None:
    said = letter(name, code)
    html, text = seen(said)
    for sentence in re.split(r"\n{2,}", said.text.replace("-- \n", "").replace(f":\n{URL}", "")):
        assert solid(sentence) in solid(html)
    assert "%(" not in html + text + said.subject
    assert all(len(line) <= 72 for line in said.text.split("\n"))
    words = language(code)
    assert f'<html lang="{words.tag}" dir="{words.direction}"' in said.html
    assert (words.date(UNTIL) in text) == (name == "confirm")


@pytest.mark.parametrize("code", TRANSLATED)
@pytest.mark.parametrize("name", LETTERS)
def test_a_translated_letter_holds_no_english_sentence(name: str, code: str) -> None:
    english = {flat(part) for part in re.split(r"\n{2,}", letter(name).text)}
    translated = {flat(part) for part in re.split(r"\n{2,}", letter(name, code).text)}
    assert english & translated == set()
    assert letter(name).subject != letter(name, code).subject


@pytest.mark.parametrize("code", languages())
@pytest.mark.parametrize("name", LETTERS)
def test_every_word_is_the_newsletters_name_or_our_own(name: str, code: str) -> None:
    with (CATALOGS / f"{TRANSLATED[0] if code == 'en' else code}.po").open("rb") as file:
        ours = {str(message.id if code == "en" else message.string) for message in read_po(file) if message.id}
    words = language(code)
    values = {"newsletter": "Owl Post", "date": words.date(UNTIL), "time": "09:05"}
    known = sorted((solid(re.sub(r"%\((\w+)\)s", lambda at: values.get(at[1], ""), one)) for one in ours), key=len)
    for body in seen(letter(name, code)):
        left = solid(JOINERS.sub("", body)).replace(URL, "")
        for sentence in reversed(known):
            left = left.replace(sentence, "") if sentence else left
        assert left.replace(":", "") in ("", "--")  # the mark of a signature


# what can go wrong


@pytest.mark.parametrize("name", LETTERS)
def test_a_hostile_name_is_shown_as_words(name: str) -> None:
    hostile = "<script>{{7*191}}</script>\r\nBcc: everyone@example.org \u202e%(date)s \x00"
    said = letter(name, newsletter=hostile)
    shown = "<script>{{7*191}}</script> Bcc: everyone@example.org %(date)s"
    assert [shown in words for words in (*seen(said), said.subject)] == [True] * 3
    assert "<script" not in said.html
    assert said.subject.isprintable()


@pytest.mark.parametrize("name", LETTERS)
def test_a_link_cannot_leave_its_place(name: str) -> None:
    url = 'https://papers.example.org/c/"><script>x()</script>?a=1&b=2'
    said = letter(name, url=url)
    assert Page(said.html).hrefs == [url]
    assert "<script" not in said.html


@pytest.mark.parametrize("name", LETTERS)
def test_a_letter_is_small_and_asks_the_network_for_nothing(name: str) -> None:
    tried = list(letter_trials(name, TEMPLATES.load(name)))
    assert {trial.name for trial in tried} >= {"hostile", "foreign", "long", "long word"} | {
        f"in {code}" for code in languages()
    }
    for trial in tried:
        page = Page(trial.rendered.html)
        assert trial.faults == ()
        assert len(trial.rendered.html.encode()) < 12 * KB
        assert page.attributes.isdisjoint({"src", "srcset", "background"})
        assert set(page.tags).isdisjoint({"img", "link", "form", "script", "iframe"})
        assert not re.search(r"@import|@font-face|url\(", trial.rendered.html)


def test_the_inbox_row_shows_what_the_subject_does_not_say() -> None:
    for name, words in (("confirm", "The link is good until"), ("reminder", "Your preferences are the place")):
        assert (
            Page(letter(name).html)
            .text.removeprefix("Confirm my subscription")
            .removeprefix("Preferences")
            .strip()
            .startswith(words)
        )


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from hashlib import sha256
from test_rendering_letters import LETTERS, languages, letter
print(sha256(repr([letter(name, code) for name in LETTERS for code in languages()]).encode()).hexdigest())
"""


def test_letters_are_the_same_to_the_byte_in_every_process() -> None:
    command = [sys.executable, "-c", SCRIPT.format(tests=str(ROOT / "tests"))]
    made = {
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert len(made) == 1


# faults are noticed

FAULTS: dict[str, tuple[Callable[[Rendered], Rendered], str]] = {
    "no link": (
        lambda said: replace(said, html=said.html.replace("https:", "mailto:")),
        "the link that the letter is for is not in it",
    ),
    "a link that only the HTML has": (
        lambda said: replace(said, text=said.text.replace(LETTER_URL, "")),
        "the text lacks a link that the HTML has",
    ),
    "no name": (
        lambda said: replace(said, text=said.text.replace("Daily Papers", "it")),
        "the text lacks the name of the newsletter",
    ),
    "no day": (
        lambda said: replace(said, html=said.html.replace("2 July 2026", "soon")),
        "the HTML lacks until when its link is good",
    ),
    "a picture": (
        lambda said: replace(
            said, html=said.html.replace("</body>", '<img alt="" src="https://example.org/p"></body>')
        ),
        "a picture is fetched from the network",
    ),
    "a computed name": (lambda said: replace(said, subject="Please confirm: 1337"), "were run as a template"),
}


@pytest.mark.parametrize(("change", "fault"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_in_a_letter_is_noticed(change: Callable[[Rendered], Rendered], fault: str) -> None:
    trial = next(trial for trial in letter_trials("confirm", TEMPLATES.load("confirm")) if trial.name == "in en")
    day, said = language("en").date(LETTER_UNTIL), trial.rendered
    assert letter_faults(trial.mailing_list, said, until=day) == ()
    spoilt = change(said)
    assert spoilt != said
    assert any(fault in found for found in letter_faults(trial.mailing_list, spoilt, until=day))


def test_the_day_is_told_as_the_reader_writes_it() -> None:
    assert "2026年7月2日星期四" in read_page(letter("confirm", "zh").html).text
    assert language("de").date(date(2026, 7, 2)) in flat(letter("confirm", "de").text)
