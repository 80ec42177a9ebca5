"""Simulate: what a profile would have received on each of the last days. Nothing is written."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digestmail.errors import InputError
from digestmail.model import Issue, Keyword, Paper, Profile, RankedPaper, Subscriber
from digestmail.newsletter import Newsletter
from digestmail.newsletter.compose import compose, stale, window_days
from digestmail.newsletter.past import past
from digestmail.newsletter.preview import reader_of
from digestmail.newsletter.subscribe import sync
from digestmail.ranking import Index
from digestmail.ranking.profile import format_keyword, identity


@dataclass(frozen=True, slots=True)
class Simulation:
    """The issues that a profile would have received, oldest first; days without an issue are not in it."""

    subscriber: Subscriber
    issues: tuple[Issue, ...]
    #: the days that were walked, both ends included
    first: date
    last: date
    #: True when the days are those on which papers were listed or published: the corpus came in one go
    announced: bool

    @property
    def papers(self) -> tuple[RankedPaper, ...]:
        """All papers of all issues."""
        return tuple(ranked for issue in self.issues for ranked in issue.papers)

    @property
    def mean(self) -> float:
        """Papers in an issue, empty ones counted."""
        return len(self.papers) / len(self.issues) if self.issues else 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """How one issue differs from the issue of the same day under another profile."""

    day: date
    #: in this issue, and in none of the other profile's
    added: tuple[RankedPaper, ...]
    #: in the other profile's issue of this day, and in none of this one's
    dropped: tuple[RankedPaper, ...]
    #: in issues of both profiles, but here first or here only on this day
    moved: int


def simulate(
    newsletter: Newsletter,
    *,
    email: str | None = None,
    profile: Profile | None = None,
    changes: Sequence[Callable[[Profile], Profile]] = (),
    days: int,
) -> list[Simulation]:
    """What a subscriber, or ``profile``, would have received in the last ``days`` days; then the same once for each of
    ``changes`` applied to the profile.

    The days are walked as one run a day would have walked them, with a ledger in memory: window, carry-over, choice and
    no repeat are those of ``compose``. The walk begins a window earlier than it tells, so that the first day told is a
    usual one and not one with a week's backlog. How telling each word is, is measured once over all these papers, and
    not over each day's window. Raises InputError without papers, NotFoundError for an unknown subscriber.
    """
    with newsletter.store.rehearsal():
        sync(newsletter)
        subscriber = reader_of(newsletter, email, profile, newsletter.clock())
        found = past(newsletter, days + window_days(newsletter, subscriber), subscriber.timezone)
    readers = [subscriber, *(replace(subscriber, profile=change(subscriber.profile)) for change in changes)]
    papers = sorted(found.papers, key=seen)
    index = Index(papers)
    index.learn(reader.profile for reader in readers)
    told = max(found.first, found.last - timedelta(days=days - 1))
    instants = instants_of(papers, found.first, found.last, ZoneInfo(subscriber.timezone))
    walks = [walk(newsletter, reader, index, papers, instants) for reader in readers]
    return [
        Simulation(
            reader, tuple(issue for issue in walk if issue.slot >= told), told, found.last, announced=found.announced
        )
        for reader, walk in zip(readers, walks, strict=True)
    ]


def changed(profile: Profile, *, add: Sequence[Keyword] = (), drop: Sequence[Keyword] = ()) -> Profile:
    """The profile with some keywords more and some less; one that is there already is replaced.

    Raises InputError when a keyword to drop is not there.
    """
    keywords = {identity(keyword): keyword for keyword in profile.keywords}
    for keyword in drop:
        if keywords.pop(identity(keyword), None) is None:
            there = ", ".join(map(format_keyword, profile.keywords)) or "none"
            raise InputError(f"{format_keyword(keyword)!r} is not among the keywords: {there}")
    keywords.update((identity(keyword), keyword) for keyword in add)
    return replace(profile, keywords=tuple(keywords.values()))


def compare(before: Simulation, after: Simulation) -> list[Change]:
    """Day by day, what ``after`` adds and drops. Both must walk the same days."""
    had = {ranked.paper.key for ranked in before.papers}
    has = {ranked.paper.key for ranked in after.papers}
    changes = []
    for old, new in zip(before.issues, after.issues, strict=True):
        here = {ranked.paper.key for ranked in old.papers}
        added = tuple(ranked for ranked in new.papers if ranked.paper.key not in had)
        dropped = tuple(ranked for ranked in old.papers if ranked.paper.key not in has)
        moved = sum(ranked.paper.key in had - here for ranked in new.papers)
        changes.append(Change(new.slot, added, dropped, moved))
    return changes


def seen(paper: Paper) -> datetime:
    """When the corpus first held a paper."""
    if paper.first_seen is None:
        raise ValueError(f"{paper.key} does not come from the corpus")
    return paper.first_seen


def instants_of(papers: Iterable[Paper], first: date, last: date, zone: ZoneInfo) -> list[datetime]:
    """When the run of each day took place: when it saw that day's last paper, or at the same time as the day before."""
    latest: dict[date, datetime] = {}
    for paper in papers:
        latest[seen(paper).astimezone(zone).date()] = seen(paper).astimezone(zone)
    instants: list[datetime] = []
    at = time(12)
    for day in (first + timedelta(days=ahead) for ahead in range((last - first).days + 1)):
        at = latest[day].time() if day in latest else at
        instants.append(datetime.combine(day, at, tzinfo=zone))
    return instants


def walk(
    newsletter: Newsletter,
    subscriber: Subscriber,
    index: Index,
    papers: Sequence[Paper],
    instants: Iterable[datetime],
) -> list[Issue]:
    """One run a day, with a ledger in memory. ``papers`` stand in the order in which they were seen."""
    issues: list[Issue] = []
    promised: set[str] = set()
    times = [seen(paper) for paper in papers]
    for now in instants:
        if not subscriber.cadence.includes(now.date()):
            continue
        unseen = {paper.key for paper in papers[bisect_right(times, now) :]}
        barred = promised | unseen | stale(papers, window_days(newsletter, subscriber), now)
        [issue] = compose(newsletter, [(subscriber, now.date())], index, [barred], now)
        promised.update(ranked.paper.key for ranked in issue.papers)
        issues.append(issue)
    return issues
