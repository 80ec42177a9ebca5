"""Quiet days: the reader is told which kind it is, and so is the operator."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from builders import issue, paper, papers, subscriber
from digestmail.calendars import EVERY_DAY, WORKDAYS, Calendar
from digestmail.errors import SourceUnavailable
from digestmail.model import Covered, Lull, Quiet
from digestmail.newsletter import Newsletter
from digestmail.newsletter.deliver import joining_for, message_of
from digestmail.newsletter.run import run
from digestmail.protocols import Entry
from digestmail.rendering.compile import Templates
from digestmail.rendering.issue import render_issue
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, ListSource
from newsletters import ROOT, newsletter, subscription

FRIDAY, SATURDAY, MONDAY = (date(2026, 6, day) for day in (26, 27, 29))
HOLIDAY = Calendar(weekdays=WORKDAYS.weekdays, holidays=frozenset({date(2026, 7, 3)}))


def at_noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)


def source(name: str, *entries: Entry, calendar: Calendar | None = None, down: bool = False) -> ListSource:
    return ListSource(entries, name=name, calendar=calendar, error=SourceUnavailable(name, "refused") if down else None)


def feed(name: str = "a") -> ListSource:
    """It announces on workdays, and has done so up to Friday."""
    return source(name, Covered(FRIDAY), calendar=WORKDAYS)


def house_of(
    store: Store, sources: Sequence[ListSource], clock: FixedClock, keywords: Sequence[str] = ("quantization",)
) -> Newsletter:
    reader = subscription("reader@example.org", keywords)
    return newsletter(store, *sources, clock=clock, subscriptions=[reader], send_empty=True)


def said(store: Store, house: Newsletter) -> str:
    delivery = store.deliveries.find()[0]
    text = message_of(house, delivery, joining_for(house, delivery.template)).rendered.text
    return " ".join(text.partition("for you today.\n")[2].partition("\n-- ")[0].split())


@pytest.mark.parametrize(
    ("sources", "day", "why", "words"),
    [
        (
            [feed()],
            SATURDAY,
            Quiet.WEEKEND,
            "It is the weekend: nothing was announced. The next announcement is due on Monday, 29 June 2026.",
        ),
        (
            [source("a", Covered(date(2026, 7, 2)), calendar=HOLIDAY)],
            date(2026, 7, 3),
            Quiet.HOLIDAY,
            "It is a holiday: nothing was announced. The next announcement is due on Monday, 6 July 2026.",
        ),
        ([source("a", down=True)], MONDAY, Quiet.DOWN, "We could not reach a: what is new there comes later."),
        ([source("a"), source("b")], MONDAY, Quiet.KNOWN, "Nothing new was announced."),
        ([feed()], MONDAY, Quiet.STALE, "What a should have announced by now is not there yet."),
        (
            [source("a", down=True), source("b", Covered(MONDAY), calendar=EVERY_DAY)],
            MONDAY,
            Quiet.KNOWN,
            "Nothing new was announced. We could not reach a: what is new there comes later.",
        ),
        (
            [source("a", down=True), feed("b"), source("c", down=True)],
            SATURDAY,
            Quiet.WEEKEND,
            (
                "It is the weekend: nothing was announced. We could not reach a, c: what is new there comes later. "
                "The next announcement is due on Monday, 29 June 2026."
            ),
        ),
        # one of them announces on weekends, too: it is none for the reader
        ([feed(), source("b")], SATURDAY, Quiet.KNOWN, "Nothing new was announced."),
        (
            [source("a", paper("Fish"), paper("Birds"))],
            MONDAY,
            Quiet.UNMATCHED,
            "2 new papers came in, and none is about what you asked for.",
        ),
        (
            [source("a", paper("Fish")), source("b", down=True)],
            SATURDAY,
            Quiet.UNMATCHED,
            (
                "1 new paper came in, and it is not about what you asked for. "
                "We could not reach b: what is new there comes later."
            ),
        ),
    ],
)
def test_the_reader_is_told_why_the_day_is_quiet(
    store: Store, sources: list[ListSource], day: date, why: Quiet, words: str
) -> None:
    house = house_of(store, sources, FixedClock(at_noon(day)))
    run(house)
    [delivery] = store.deliveries.find()
    assert (delivery.status, delivery.papers) == ("sent", ())
    assert delivery.lull
    assert delivery.lull.why is why
    assert said(store, house) == words


def test_what_was_weighed_yesterday_is_not_new_today(store: Store) -> None:
    """It stays a candidate for a week; a quiet day after it is still a quiet day."""
    clock, workdays = FixedClock(at_noon(FRIDAY)), source("a", paper("Fish"), Covered(FRIDAY), calendar=WORKDAYS)
    house = house_of(store, [workdays], clock)
    run(house)
    clock.advance(days=1)
    workdays.entries = []
    run(house)
    latest, first = store.deliveries.find()
    assert first.lull
    assert latest.lull
    assert (first.lull.why, first.lull.new, latest.lull.why, latest.lull.new) == ("unmatched", 1, "weekend", 0)
    assert latest.receipt.candidates == 1


def test_the_papers_that_came_closest_are_named_and_linked(store: Store) -> None:
    """Not those with one common word, nor those that a negative keyword keeps out."""
    half = "Some mixture is there."
    near = paper("Networks of experts", key="arxiv:2606.00001", abstract=half)
    barred = paper("A survey of experts", key="arxiv:2606.00002", abstract=half)
    far = paper("Quantized nets", key="arxiv:2606.00003", abstract="Networks with quantized mixtures of weights.")
    keywords = ["mixture of experts", "-survey"]
    house = house_of(store, [source("a", near, barred, far, paper("Fish"))], FixedClock(at_noon(MONDAY)), keywords)
    run(house)
    [delivery] = store.deliveries.find()
    assert delivery.lull
    assert [one.title for one in delivery.lull.nearest] == ["Networks of experts"]
    assert said(store, house).endswith("The closest: - Networks of experts https://arxiv.org/abs/2606.00001")
    # to be named is not to be sent: it may still come, should the keywords change
    assert store.deliveries.promised([delivery.subscriber], at_noon(FRIDAY)) == {}


def test_the_reason_stays_as_it_was_when_the_issue_was_planned(store: Store) -> None:
    asked = source("a", paper("Fish", abstract="Fish that are partly quantized."), down=True)
    house = house_of(store, [asked], FixedClock(at_noon(MONDAY)), ["quantized birds"])
    run(house)
    before = said(store, house)
    store.corpus.add([paper("Fish", abstract="Otherwise.", code_url="https://github.com/a/b")], at_noon(MONDAY))
    asked.error = None
    run(house)
    assert said(store, house) == before


def test_an_issue_with_papers_has_no_excuse(store: Store) -> None:
    house = house_of(store, [source("a", *papers(2)), source("b", down=True)], FixedClock(at_noon(MONDAY)))
    run(house)
    assert store.deliveries.find()[0].lull is None


@pytest.mark.parametrize(
    ("keywords", "sources", "told"),
    [
        (["quantization"], [feed()], "no new papers (weekend)"),
        (["quantization"], [source("a", down=True)], "no source answered"),
        (["quantization"], [source("a")], "no new papers"),
        (["quantization"], [source("a", paper("Fish"))], "none of 1 new papers matched"),
        (
            ["fish", "-bird"],
            [source("a", paper("Bird fish"))],
            "none of 1 new papers matched, 1 kept out by negative keywords",
        ),
    ],
)
def test_a_skipped_issue_is_noted_with_its_reason(
    store: Store, keywords: list[str], sources: list[ListSource], told: str
) -> None:
    house = house_of(store, sources, FixedClock(at_noon(SATURDAY)), keywords)
    run(replace(house, rules=replace(house.rules, send_empty=False)))
    assert [(one.status, one.note) for one in store.deliveries.find()] == [("empty", told)]


@pytest.mark.parametrize("template", ["issue", "compact"])
@pytest.mark.parametrize("code", ["en", "de", "fr", "es", "zh"])
@pytest.mark.parametrize("why", [why for why in Quiet if why is not Quiet.DOWN])
def test_every_reason_is_told_in_every_language(template: str, code: str, why: Quiet) -> None:
    compiled = Templates(ROOT / "templates").load(template)
    lull = Lull(why=why, new=3, stale=("feed",) if why is Quiet.STALE else (), next_day=MONDAY)
    number = replace(issue([], subscriber(language=code)), lull=lull)
    others = [replace(number, lull=replace(lull, why=other, stale=())) for other in Quiet if other is not why]
    mine = render_issue(number, compiled, unsubscribe_url="https://example.org/u")
    assert mine.text not in {
        render_issue(one, compiled, unsubscribe_url="https://example.org/u").text for one in others
    }
    if code != "en":
        english = replace(number, subscriber=subscriber(language="en"))
        assert not set(_lines(mine.text)) & set(_lines(render_issue(english, compiled, unsubscribe_url="x:y").text))


def _lines(text: str) -> list[str]:
    """What is said of the quiet day."""
    lines = text.splitlines()
    return [line for line in lines[6 : lines.index("-- ")] if len(line.split()) > 2]
