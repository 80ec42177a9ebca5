"""The papers of the last days, each on the day on which a run would have met it."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digestmail.errors import InputError
from digestmail.model import Paper
from digestmail.newsletter import Newsletter


@dataclass(frozen=True, slots=True)
class Past:
    """Papers of a stretch of days. ``first_seen`` of each is the instant it counts as seen."""

    papers: tuple[Paper, ...]
    #: the stretch, both ends included; the last day is the newest that brought papers
    first: date
    last: date
    #: True when the corpus came in one go: then the day a paper was listed, else published, stands in
    announced: bool

    @property
    def days(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1


def past(newsletter: Newsletter, days: int, timezone: str = "UTC") -> Past:
    """The papers of the last ``days`` days of the corpus, fewer when it is younger, as ``timezone`` counts days.

    Raises InputError when there are no papers.
    """
    ends = newsletter.store.corpus.seen()
    if ends is None:
        raise InputError("no papers yet: 'digestmail fetch' collects them")
    zone = ZoneInfo(timezone)
    oldest, newest = (instant.astimezone(zone).date() for instant in ends)
    begins = max(oldest, newest - timedelta(days=days - 1))
    since = datetime.combine(begins, time(), tzinfo=zone).astimezone(UTC)
    papers = newsletter.store.corpus.window(since, ends[1])
    announced = oldest == newest and len({_announced(paper, newest) for paper in papers}) > 1
    if announced:
        papers = [_as_announced(paper, newest, zone) for paper in papers]
        newest = max(_announced(paper, newest) for paper in papers)
        begins = max(min(_announced(paper, newest) for paper in papers), newest - timedelta(days=days - 1))
        papers = [paper for paper in papers if _announced(paper, newest) >= begins]
    return Past(tuple(papers), begins, newest, announced)


def _announced(paper: Paper, latest: date) -> date:
    return min(paper.listed or paper.published or latest, latest)


def _as_announced(paper: Paper, latest: date, zone: ZoneInfo) -> Paper:
    noon = datetime.combine(_announced(paper, latest), time(12), tzinfo=zone)
    return replace(paper, first_seen=noon.astimezone(UTC))
