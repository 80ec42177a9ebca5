"""Sources: how each of them is, as its answers and its calendar tell. Nothing is asked and nothing changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from digestmail.model import Gap, Quiet
from digestmail.newsletter import Newsletter
from digestmail.protocols import Source
from digestmail.storage.fetches import Fetched

#: the stretch that is looked back on
MONTH = timedelta(days=30)
# an announcement may be late: a source is not called silent before that
_LATE = timedelta(hours=24)


class Health(StrEnum):
    """How a source is."""

    OK = "ok"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    #: it answers, and what it should have announced by now is not there
    STALE = "stale"
    FAILING = "failing"
    NEVER_ASKED = "never asked"
    #: a fallback: not asked once there are live papers
    STANDBY = "standby"


@dataclass(frozen=True, slots=True)
class Overview:
    """One source."""

    name: str
    health: Health
    #: since when it fails, or its last announcement that is there while it is stale
    since: datetime | date | None
    #: when it answered without an error for the last time
    succeeded: datetime | None
    #: new papers a day in the last 30 days, or since it was first asked
    per_day: float
    #: days that it could not give in the last 30 days: those that are lost, and those that are asked for again
    gaps: tuple[Gap, ...]
    #: when (UTC) its next announcement can be read, where a calendar knows
    next_at: datetime | None
    #: why it did not answer
    error: str


def overview(newsletter: Newsletter) -> list[Overview]:
    """All configured sources, in their order, fallbacks last."""
    now = newsletter.clock()
    latest = {fetched.source: fetched for fetched in newsletter.store.fetches.latest()}
    found = [_overview(newsletter, source, latest.get(source.name), now) for source in newsletter.sources]
    return found + [
        _overview(newsletter, source, latest.get(source.name), now, standby=True) for source in newsletter.fallbacks
    ]


def _overview(
    newsletter: Newsletter, source: Source, last: Fetched | None, now: datetime, *, standby: bool = False
) -> Overview:
    fetches, calendar = newsletter.store.fetches, source.calendar
    first, succeeded = fetches.first(source.name), fetches.succeeded(source.name)
    days = min(MONTH, now - first) if first else MONTH
    health = Health.STANDBY if standby and not (last and last.error) else _health(source, last, now)
    since: datetime | date | None = None
    if health is Health.FAILING:
        since = succeeded or first
    elif health is Health.STALE:
        since = fetches.covered(source.name)
    return Overview(
        name=source.name,
        health=health,
        since=since,
        succeeded=succeeded,
        per_day=fetches.per_day(source.name, now - days, days),
        gaps=tuple(dict.fromkeys(gaps_since(newsletter, source.name, now - MONTH))),
        next_at=calendar.next(now) if calendar else None,
        error=last.error if last else "",
    )


def _health(source: Source, last: Fetched | None, now: datetime) -> Health:
    if last is None:
        return Health.NEVER_ASKED
    if last.error:
        return Health.FAILING
    if last.quiet is Quiet.STALE:
        return Health.STALE
    day_off = source.calendar.quiet(source.calendar.day(now)) if source.calendar else None
    return {Quiet.WEEKEND: Health.WEEKEND, Quiet.HOLIDAY: Health.HOLIDAY}.get(day_off or Quiet.KNOWN, Health.OK)


def gaps_since(newsletter: Newsletter, name: str, since: datetime) -> Iterator[Gap]:
    """The days that a source could not give: all that are lost, and those of its last answer, to be asked for again."""
    answers = newsletter.store.fetches.since(name, since)
    for answer in answers:
        yield from (gap for gap in answer.gaps if gap.lost or answer is answers[-1])


def silent_feeds(newsletter: Newsletter, now: datetime) -> Iterator[tuple[str, date]]:
    """Sources that answer, and whose announcement of more than a day ago is still not there; its day."""
    fetches = newsletter.store.fetches
    for fetched in fetches.latest():
        source = next((one for one in newsletter.sources if one.name == fetched.source), None)
        if source is None or source.calendar is None or fetched.error or fetched.quiet is not Quiet.STALE:
            continue
        due, covered = source.calendar.latest(now - _LATE), fetches.covered(source.name)
        if due and (covered is None or covered < due):
            yield source.name, due
