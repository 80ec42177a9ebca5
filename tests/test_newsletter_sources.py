"""How each source is, as its answers and its calendar tell."""

from datetime import UTC, date, datetime, time

import pytest

from builders import paper, papers
from digestmail.calendars import WORKDAYS, Calendar
from digestmail.errors import SourceUnavailable
from digestmail.model import Covered, Gap
from digestmail.newsletter import Newsletter
from digestmail.newsletter.collect import collect
from digestmail.newsletter.sources import Health, Overview, overview
from digestmail.newsletter.status import alarms, status
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, ListSource
from newsletters import newsletter

THURSDAY, FRIDAY, SATURDAY, MONDAY, TUESDAY = (date(2026, 6, day) for day in (25, 26, 27, 29, 30))
LOST = Gap(date(2026, 6, 20), date(2026, 6, 24), "not kept for so long", lost=True)
MISSING = Gap(THURSDAY, THURSDAY, "page 2 did not come")
HOLIDAYS = Calendar(weekdays=WORKDAYS.weekdays, holidays=frozenset({MONDAY}))


def at_noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)


def ask(store: Store, source: ListSource, *days: date, now: date | None = None) -> Newsletter:
    """Ask a source at noon of some days."""
    house = newsletter(store, source, clock=FixedClock(at_noon(now or days[-1])))
    for day in days:
        collect(house, at_noon(day))
    return house


def only(house: Newsletter) -> Overview:
    [one] = overview(house)
    return one


def test_a_source_that_was_never_asked(store: Store) -> None:
    one = only(newsletter(store, ListSource(calendar=WORKDAYS), clock=FixedClock(at_noon(SATURDAY))))
    assert (one.health, one.succeeded, one.per_day, one.gaps) == (Health.NEVER_ASKED, None, 0.0, ())
    assert one.next_at == datetime(2026, 6, 29, tzinfo=UTC)


def test_a_source_that_brings_papers(store: Store) -> None:
    source = ListSource([*papers(6), Covered(THURSDAY)])
    house = ask(store, source, THURSDAY)
    source.entries = [*papers(8), Covered(FRIDAY)]
    one = only(ask(store, source, FRIDAY, now=SATURDAY))
    # eight new papers in the two days since it was first asked
    assert (one.health, one.succeeded, one.per_day, one.next_at) == (Health.OK, at_noon(FRIDAY), 4.0, None)
    assert house.store is store


@pytest.mark.parametrize(
    ("day", "calendar", "health"),
    [(SATURDAY, WORKDAYS, Health.WEEKEND), (MONDAY, HOLIDAYS, Health.HOLIDAY), (FRIDAY, WORKDAYS, Health.OK)],
)
def test_a_day_off_is_no_fault(store: Store, day: date, calendar: Calendar, health: Health) -> None:
    house = ask(store, ListSource([Covered(FRIDAY)], calendar=calendar), day)
    assert (only(house).health, only(house).since) == (health, None)
    assert not [alarm for alarm in alarms(house, status(house)) if alarm.startswith("stale")]


def test_a_feed_that_stands_still_is_stale_and_after_a_day_an_alarm(store: Store) -> None:
    source = ListSource([Covered(FRIDAY)], calendar=WORKDAYS)
    late = ask(store, source, FRIDAY, MONDAY)
    assert (only(late).health, only(late).since) == (Health.STALE, FRIDAY)
    assert alarms(late, status(late)) == []
    silent = ask(store, source, TUESDAY)
    assert alarms(silent, status(silent)) == ["stale: list answers, but has not announced what was due on 2026-06-29"]
    assert not status(silent).needs_attention
    source.entries = [Covered(TUESDAY)]
    good = ask(store, source, TUESDAY)
    assert (only(good).health, alarms(good, status(good))) == (Health.OK, [])


def test_a_source_that_fails_tells_since_when_and_why(store: Store) -> None:
    source = ListSource([Covered(THURSDAY)])
    ask(store, source, THURSDAY)
    source.error = SourceUnavailable("list", "refused")
    one = only(ask(store, source, FRIDAY, SATURDAY))
    assert (one.health, one.since, one.error) == (Health.FAILING, at_noon(THURSDAY), "refused")
    assert one.succeeded == at_noon(THURSDAY)


def test_days_that_are_lost_stay_and_others_go_when_they_are_given(store: Store) -> None:
    source = ListSource([LOST, MISSING, Covered(FRIDAY)])
    house = ask(store, source, FRIDAY)
    assert only(house).gaps == (LOST, MISSING)
    assert alarms(house, status(house)) == [f"lost: list could not give {LOST}"]
    source.entries = [paper("New"), Covered(SATURDAY)]
    house = ask(store, source, SATURDAY)
    assert only(house).gaps == (LOST,)
    # for two days a watchdog is told, for a month whoever looks
    later = ask(store, source, MONDAY)
    assert (alarms(later, status(later)), only(later).gaps) == ([], (LOST,))


def test_a_fallback_that_was_not_needed_stands_by(store: Store) -> None:
    house = newsletter(store, ListSource([paper("A")]), fallbacks=[ListSource(name="samples")])
    collect(house, house.clock())
    assert [(one.name, one.health) for one in overview(house)] == [("list", Health.OK), ("samples", Health.STANDBY)]
