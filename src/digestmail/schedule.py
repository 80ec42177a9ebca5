"""Cadence and time zone → which local day's issue is due. Pure.

The schedule is data: a slot is a (subscriber, local date) pair, and whoever asks late still gets the newest slot that
has begun. Alarm clocks (cron, systemd, ``serve``) only ask.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digestmail.model import Subscriber

_LOOK_BACK_DAYS = 7  # a weekly cadence is due at least once in any seven days


def slot_begins(day: date, at: time, timezone: str) -> datetime:
    """The instant (UTC) at which the slot of a local day begins.

    A local time that a clock change skips or repeats means the first instant.
    """
    return datetime.combine(day, at, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def due_slot(subscriber: Subscriber, now: datetime, at: time) -> date | None:
    """The newest local date on the subscriber's cadence whose slot has begun at ``now`` (UTC).

    None before the first slot of a new subscriber: days that ended before they subscribed are not theirs, nor are those
    of a pause. Missed days need no list: their papers are still candidates and compete for the newest slot.
    """
    zone = ZoneInfo(subscriber.timezone)
    today = now.astimezone(zone).date()
    first = subscriber.created_at.astimezone(zone).date()
    if subscriber.paused_until:
        first = max(first, subscriber.paused_until)
    for back in range(_LOOK_BACK_DAYS + 1):
        day = today - timedelta(days=back)
        if day < first:
            return None
        if subscriber.cadence.includes(day) and slot_begins(day, at, subscriber.timezone) <= now:
            return day
    return None
