"""Quiet: why an issue has no papers, as the reader is told."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from heapq import nlargest
from zoneinfo import ZoneInfo

from digestmail.model import Issue, Lull, Paper, Profile, Quiet
from digestmail.newsletter import Newsletter
from digestmail.ranking import Index

_NEAREST, _LOOKED_AT = 2, 8
# of what the gate asks for: papers with less share one common word with the profile
_NEAR = 0.25
_DAYS_OFF = (Quiet.HOLIDAY, Quiet.WEEKEND)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the sources last answered, all of them."""

    down: tuple[str, ...]
    stale: tuple[str, ...]
    #: why there was nothing new, when it was not the reader
    why: Quiet
    next_at: datetime | None

    @classmethod
    def of(cls, newsletter: Newsletter, now: datetime) -> "_Heard":
        answers = {fetched.source: fetched for fetched in newsletter.store.fetches.latest()}
        latest = [answers[source.name] for source in newsletter.sources if source.name in answers]
        down = tuple(fetched.source for fetched in latest if fetched.error)
        stale = tuple(fetched.source for fetched in latest if fetched.quiet is Quiet.STALE and not fetched.error)
        answered = {fetched.quiet or Quiet.KNOWN for fetched in latest if not fetched.error}
        calendars = [source.calendar for source in newsletter.sources if source.calendar]
        nexts = (calendar.next(now) for calendar in calendars)
        return cls(down, stale, _why(answered, any_down=bool(down)), min(filter(None, nexts), default=None))


def _why(answered: AbstractSet[Quiet], *, any_down: bool) -> Quiet:
    """One word for all sources: a day off is one only when it is one for all that answered."""
    if not answered and any_down:
        return Quiet.DOWN
    if Quiet.STALE in answered:
        return Quiet.STALE
    if answered and answered <= set(_DAYS_OFF):
        return next(reason for reason in _DAYS_OFF if reason in answered)
    return Quiet.KNOWN


class Lulls:
    """Says for each issue without papers why. Asks the store only when there is such an issue."""

    def __init__(self, newsletter: Newsletter, index: Index, papers: Iterable[Paper], now: datetime) -> None:
        """``papers`` are those of the index, from the whole window."""
        self._newsletter, self._index, self._now = newsletter, index, now
        seen = sorted((paper.first_seen or now, paper.key) for paper in papers if not paper.withdrawn)
        self._times, self._keys = [at for at, _ in seen], [key for _, key in seen]
        # issues from before the window have left nothing behind that could still be new
        self._since = (self._times[0] if seen else now).date() - timedelta(days=1)
        self._heard: _Heard | None = None

    def explained(self, issues: Sequence[Issue], barred: Sequence[AbstractSet[str]]) -> Iterator[Issue]:
        """The issues; those without papers know why. ``barred`` are the keys that could not be in each."""
        empty = {issue.subscriber.uid: issue.slot for issue in issues if not issue.papers}
        before = self._newsletter.store.deliveries.planned_before(empty, self._since) if empty else {}
        for issue, keys in zip(issues, barred, strict=True):
            yield self._explained(issue, keys, before.get(issue.subscriber.uid)) if not issue.papers else issue

    def _explained(self, issue: Issue, barred: AbstractSet[str], last: datetime | None) -> Issue:
        heard = self._heard = self._heard or _Heard.of(self._newsletter, self._now)
        # what came after the last issue was planned is barred by nothing
        first = bisect_right(self._times, last) if last else 0
        new = len(self._keys) - first if last else issue.receipt.candidates - issue.receipt.withdrawn
        why = Quiet.UNMATCHED if new else heard.why
        lull = Lull(
            why=why,
            new=new,
            down=heard.down,
            stale=heard.stale,
            nearest=self._nearest(issue.subscriber.profile, self._keys[first:], barred) if new else (),
            next_day=self._next_day(issue, heard) if why in _DAYS_OFF else None,
        )
        return replace(issue, lull=lull)

    def _next_day(self, issue: Issue, heard: _Heard) -> date | None:
        return heard.next_at.astimezone(ZoneInfo(issue.subscriber.timezone)).date() if heard.next_at else None

    def _nearest(self, profile: Profile, fresh: Sequence[str], barred: AbstractSet[str]) -> tuple[Paper, ...]:
        """Papers with something of what was asked for, when the reader is to be told."""
        if not self._newsletter.rules.send_empty or not (profile.wanted or profile.liked):
            return ()
        margins = self._index.margins(profile)
        some = (key for key in fresh if margins[key] >= _NEAR and key not in barred)
        best = nlargest(_LOOKED_AT, some, key=lambda key: (margins[key], key))
        kept = [key for key in best if not self._index.explain(profile, key).negatives]
        return tuple(self._index.paper(key) for key in kept[:_NEAREST])
