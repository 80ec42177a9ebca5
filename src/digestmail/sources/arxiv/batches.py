"""On which day papers are announced. Pure.

Submissions until 14:00 Eastern time are announced at 20:00, Sunday to Thursday, and the feeds flip at midnight: the day
of a batch is the working day after the one on which it closed (https://info.arxiv.org/help/availability.html). The
OAI-PMH datestamp (a day in GMT) of a record that an announcement touched is that day, too: 22:30 Eastern is past
midnight there. Checked on real records: 2512.13507v3, Tuesday 12:38 Eastern, has the datestamp of Wednesday.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digestmail.calendars import ARXIV

_DEADLINE = time(14)
_DAY = timedelta(days=1)


def announced(submitted: datetime) -> date:
    """The day of the first batch that a version can be in; moderation may hold it for longer. ``submitted`` is aware.

    >>> from datetime import UTC
    >>> announced(datetime(2026, 8, 28, 22, 22, tzinfo=UTC))  # Friday evening
    datetime.date(2026, 9, 1)
    """
    local = submitted.astimezone(ZoneInfo(ARXIV.zone))
    closing = local.date() if local.time() < _DEADLINE else local.date() + _DAY
    while closing.weekday() not in ARXIV.weekdays:
        closing += _DAY
    following = closing + _DAY
    while following.weekday() not in ARXIV.weekdays:
        following += _DAY
    return following


def of_datestamp(datestamp: date) -> date:
    """The batch that a datestamp belongs to. Records that change on a weekend were announced before it."""
    while datestamp.weekday() not in ARXIV.weekdays:
        datestamp -= _DAY
    return datestamp


def may_announce(first: date, last: date) -> list[date]:
    """All days, both ends included, that may have a batch: working days, holidays as well, because nobody knows."""
    every = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in every if day.weekday() in ARXIV.weekdays]
