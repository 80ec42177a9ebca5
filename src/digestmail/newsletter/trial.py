"""Trial: what a profile would have received over the last seven days, quick enough to be shown while it is written.

Not ``simulate``, which is exact and takes the store for itself: here nothing is written or locked, the papers are read
once for all who ask until there are newer ones, and what one profile asks for is forgotten with the answer.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from zoneinfo import ZoneInfo

from digestmail.errors import InputError
from digestmail.model import Issue, Keyword, Paper, Subscriber
from digestmail.newsletter import Newsletter
from digestmail.newsletter.keywords import room_of
from digestmail.newsletter.past import past
from digestmail.newsletter.simulate import instants_of, seen, walk
from digestmail.ranking import Index
from digestmail.ranking.diagnosis import ENOUGH
from digestmail.ranking.profile import format_keyword

DAYS = 7
#: a keyword that so many of the papers write tells nothing
NOISE = 0.2
# arXiv announces 6,000 papers in a busy week; fifty keywords take two seconds on these
_MOST_PAPERS = 10_000
_WAITING = 3


class Doubt(StrEnum):
    """What is wrong with a keyword."""

    #: nearly everything has it
    NOISE = "noise"
    #: it alone brings more papers than half of the room that the issues have
    BROAD = "broad"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Count:
    """What one keyword finds."""

    #: as people write it
    keyword: str
    #: papers that write it
    papers: int
    negative: bool
    doubt: Doubt | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a profile would have received."""

    #: the days, both ends included; None while there are no papers
    first: date | None
    last: date | None
    #: how many papers there were, and how many of these the profile lets in
    papers: int
    matched: int
    #: one for each day with an issue, the newest first; some may be empty
    issues: tuple[Issue, ...]
    #: in the order of the profile
    counts: tuple[Count, ...]

    @property
    def shown(self) -> int:
        """How many papers the issues show."""
        return sum(len(issue.papers) for issue in self.issues)


@dataclass(frozen=True, slots=True)
class _Week:
    """The papers of the last days."""

    #: the newest paper of the corpus when they were read
    newest: int
    first: date
    last: date
    #: in the order in which they were seen
    papers: tuple[Paper, ...]
    index: Index


class Trials:
    """Keeps the papers of the last seven days between requests. Many threads may ask; one is served at a time."""

    def __init__(self) -> None:
        self._week: _Week | None = None
        self._one = threading.Lock()
        self._room = threading.BoundedSemaphore(1 + _WAITING)

    def of(self, newsletter: Newsletter, subscriber: Subscriber) -> Trial | None:
        """What ``subscriber`` would have received with the profile, cadence and size that they have.

        None when too many others are asking: then later.
        """
        if not self._room.acquire(blocking=False):
            return None
        try:
            with self._one:
                week = self._current(newsletter)
                return _tried(newsletter, subscriber, week) if week else _NOTHING
        finally:
            self._room.release()

    def _current(self, newsletter: Newsletter) -> _Week | None:
        newest = newsletter.store.corpus.mark()
        if self._week is None or self._week.newest != newest:
            self._week = None  # before the next one is made: there is no need for room for two
            self._week = _read(newsletter, newest)
        return self._week


_NOTHING = Trial(None, None, 0, 0, (), ())


def _read(newsletter: Newsletter, newest: int) -> _Week | None:
    try:
        found = past(newsletter, DAYS)
    except InputError:
        return None  # there are no papers yet
    papers = tuple(sorted(found.papers, key=seen)[-_MOST_PAPERS:])
    return _Week(newest, found.first, found.last, papers, Index(papers))


def _tried(newsletter: Newsletter, subscriber: Subscriber, week: _Week) -> Trial:
    index, profile = week.index.apart(), subscriber.profile
    index.learn([profile])
    instants = instants_of(week.papers, week.first, week.last, ZoneInfo(subscriber.timezone))
    issues = walk(newsletter, subscriber, index, week.papers, instants)
    [chosen] = index.rank_many([profile], 1)
    room = room_of(newsletter, subscriber)
    return Trial(
        first=week.first,
        last=week.last,
        papers=len(week.papers),
        matched=chosen.matched,
        issues=tuple(reversed(issues)),
        counts=_counts(profile.keywords, index, len(week.papers), room),
    )


def _counts(keywords: Sequence[Keyword], index: Index, papers: int, room: int) -> tuple[Count, ...]:
    found = []
    for keyword in keywords:
        count = index.written(keyword)
        doubt = None
        if not count:
            doubt = Doubt.NEVER
        elif count >= max(ENOUGH, NOISE * papers):
            doubt = Doubt.NOISE
        elif count > room / 2 and not keyword.negative:
            doubt = Doubt.BROAD
        found.append(Count(format_keyword(keyword), count, keyword.negative, doubt))
    return tuple(found)
