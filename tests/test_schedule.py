"""Which issue is due."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import subscriber
from digestmail.errors import InputError
from digestmail.model import Cadence, CadenceKind
from digestmail.schedule import due_slot, slot_begins

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MIDNIGHT = time(0, 0)


@pytest.mark.parametrize("text", ["daily", "weekdays", "weekly:mon", "weekly:sun"])
def test_a_cadence_reads_back_as_written(text: str) -> None:
    assert str(Cadence.parse(text)) == text


@pytest.mark.parametrize("text", ["", "monthly", "weekly:someday", "weekly:monkey", "daily:mon"])
def test_an_unknown_cadence_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="unknown cadence"):
        Cadence.parse(text)


def test_weekly_without_a_day_means_monday() -> None:
    assert Cadence.parse("weekly") == Cadence(CadenceKind.WEEKLY, 0)


def test_a_daily_issue_is_due_on_its_day() -> None:
    now = datetime(2026, 6, 30, 7, tzinfo=UTC)
    assert due_slot(subscriber(created_at=LONG_AGO), now, MIDNIGHT) == date(2026, 6, 30)


def test_before_its_time_of_day_the_day_before_is_still_the_newest() -> None:
    now = datetime(2026, 6, 30, 6, 59, tzinfo=UTC)
    assert due_slot(subscriber(created_at=LONG_AGO), now, time(7, 0)) == date(2026, 6, 29)


def test_the_subscribers_calendar_decides_which_day_it_is() -> None:
    now = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    for zone, day in (("Asia/Tokyo", 1), ("America/New_York", 30)):
        slot = due_slot(subscriber(created_at=LONG_AGO, timezone=zone), now, MIDNIGHT)
        assert slot is not None
        assert slot.day == day


def test_weekdays_skip_the_weekend() -> None:
    sunday = datetime(2026, 6, 28, 12, tzinfo=UTC)
    reader = subscriber(created_at=LONG_AGO, cadence=Cadence.parse("weekdays"))
    assert due_slot(reader, sunday, MIDNIGHT) == date(2026, 6, 26)


def test_a_weekly_issue_that_was_missed_stays_due_until_the_next() -> None:
    reader = subscriber(created_at=LONG_AGO, cadence=Cadence.parse("weekly:mon"))
    for day in range(29, 31):
        assert due_slot(reader, datetime(2026, 6, day, 12, tzinfo=UTC), MIDNIGHT) == date(2026, 6, 29)
    assert due_slot(reader, datetime(2026, 6, 29, 6, tzinfo=UTC), time(7)) == date(2026, 6, 22)


def test_days_before_someone_subscribed_are_not_theirs() -> None:
    now = datetime(2026, 6, 30, 6, 0, tzinfo=UTC)
    assert due_slot(subscriber(created_at=now), now, time(7, 0)) is None
    assert due_slot(subscriber(created_at=now), now, MIDNIGHT) == date(2026, 6, 30)


def test_a_local_time_that_a_clock_change_skips_still_begins_a_slot() -> None:
    skipped = slot_begins(date(2026, 3, 29), time(2, 30), "Europe/Berlin")
    assert skipped == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@given(
    st.sampled_from(sorted(available_timezones())),
    st.integers(0, 3 * 365 * 24 * 60).map(
        lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_every_local_day_gets_its_slot_in_every_zone(zone: str, start: datetime, at: time) -> None:
    reader = subscriber(created_at=LONG_AGO, timezone=zone)
    seen = {due_slot(reader, start + timedelta(hours=hours), at) for hours in range(0, 24 * 8, 6)}
    days = sorted(day for day in seen if day)
    # Kiritimati and others skipped a calendar day long before 2024; none does in these years
    assert days == [days[0] + timedelta(days=number) for number in range(len(days))]
    assert len(days) >= 7
