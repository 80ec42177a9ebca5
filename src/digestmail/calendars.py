"""When sources announce. Pure.

A calendar tells a quiet day from a broken one: nothing on a Saturday is as it should be, nothing on a Tuesday is not.
"""

from collections.abc import Iterator
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
