"""When sources announce. Pure.

A calendar tells a quiet day from a broken one: nothing on a Saturday is as it should be, nothing on a Tuesday is not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digestmail.model import Quiet

_WORKDAYS = frozenset(range(5))
_EVERY_DAY = frozenset(range(7))
_LONGEST_PAUSE = 31  # days looked through for the next announcement


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days on which a source announces something."""

    #: whose days they are
    zone: str = "UTC"
    #: from when on an announcement can be read on its day, in that zone
    at: time = time(0)
    #: 0 is Monday
    weekdays: frozenset[int] = _EVERY_DAY
    #: days without an announcement, or on which nobody can say whether there is one
    holidays: frozenset[date] = frozenset()

    def announces(self, day: date) -> bool:
        """Whether something is announced on this day."""
        return day.weekday() in self.weekdays and day not in self.holidays

    def quiet(self, day: date) -> Quiet | None:
        """Why nothing is announced on this day; None when something is."""
        if day.weekday() not in self.weekdays:
            return Quiet.WEEKEND
        return Quiet.HOLIDAY if day in self.holidays else None

    def day(self, now: datetime) -> date:
        """The day that it is for the source; one begins when its announcement can be read."""
        local = now.astimezone(ZoneInfo(self.zone))
        return local.date() if local.time() >= self.at else local.date() - timedelta(days=1)

    def latest(self, now: datetime) -> date | None:
        """The day of the newest announcement that can be read by now."""
        today = self.day(now)
        back = (today - timedelta(days=days) for days in range(_LONGEST_PAUSE))
        return next(filter(self.announces, back), None)

    def next(self, now: datetime) -> datetime | None:
        """When (UTC) the next announcement can be read."""
        today = self.day(now)
        ahead = (today + timedelta(days=days) for days in range(1, _LONGEST_PAUSE))
        day = next(filter(self.announces, ahead), None)
        return datetime.combine(day, self.at, tzinfo=ZoneInfo(self.zone)).astimezone(UTC) if day else None

    def days(self, first: date, last: date) -> Iterator[date]:
        """The days with an announcement, both ends included."""
        every = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return filter(self.announces, every)


#: Every day, as preprint servers post papers.
EVERY_DAY = Calendar()

#: Monday to Friday: 558 lists of Hugging Face's Daily Papers were looked at, none is of a weekend.
WORKDAYS = Calendar(weekdays=_WORKDAYS)


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    """The number-th such weekday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _observed(day: date) -> date:
    """The working day on which the United States keep a holiday with a date (5 U.S.C. §6103)."""
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


def _arxiv_holidays(years: Iterable[int]) -> Iterator[date]:
    """The rules behind arXiv's list of 2026; which of the last days of a year are quiet, it says anew each year."""
    for year in years:
        yield from (_observed(date(year, month, day)) for month, day in ((1, 1), (6, 19), (7, 4), (12, 25)))
        yield from (_nth(year, 1, 0, 3), _nth(year, 9, 0, 1), _nth(year, 11, 3, 4))
        yield from (date(year, 12, day) for day in (29, 30, 31))


def _with_next(days: Iterable[date]) -> Iterator[date]:
    """Each day and the working day after it."""
    for day in days:
        yield day
        yield day + timedelta(days={4: 3, 5: 2}.get(day.weekday(), 1))


#: arXiv's feeds flip at midnight Eastern time, Monday to Friday. Its list of holidays
#: (https://info.arxiv.org/help/availability.html) does not say whether a day is the evening of the announcement or the
#: batch of the morning after, so that on both there may be nothing. In 2026, the batch of 22 June (after 19 June) was
#: missing.
ARXIV = Calendar(
    zone="America/New_York", weekdays=_WORKDAYS, holidays=frozenset(_with_next(_arxiv_holidays(range(2024, 2051))))
)
