"""What arXiv's categories announce each day: the feeds, and OAI-PMH for days that were missed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from digestmail.calendars import ARXIV
from digestmail.errors import SourceError, SourceUnavailable
from digestmail.model import Covered, Gap, Inquiry, Paper, Revision, SkippedEntry, Validators
from digestmail.protocols import Entry
from digestmail.sources.arxiv.batches import may_announce
from digestmail.sources.arxiv.entries import Announced, Kind, revision
from digestmail.sources.arxiv.feeds import Feed, parse_feed
from digestmail.sources.arxiv.harvest import harvest
from digestmail.sources.fetching import PoliteClient

FEEDS = "https://rss.arxiv.org/rss"
OAI = "https://oaipmh.arxiv.org/oai"
_DAY = timedelta(days=1)
_ORDER = {kind: rank for rank, kind in enumerate((Kind.NEW, Kind.CROSS, Kind.REPLACE, None))}


class ArxivSource:
    """The announcements of some categories (in normal form) or whole archives.

    A feed holds the batch of the current day (Eastern time) and nothing else. It is asked per category: the server cuts
    feeds at 2,000 entries, and the new ones are what is cut. ``announce`` are the kinds that become papers; all others
    become revisions. ``feeds`` and ``oai`` are the addresses that categories are appended to and that is harvested.
    """

    def __init__(
        self,
        client: PoliteClient,
        categories: Sequence[str],
        *,
        announce: Sequence[str] = (Kind.NEW, Kind.CROSS),
        name: str = "arxiv",
        feeds: str = FEEDS,
        oai: str = OAI,
    ) -> None:
        self.name = name
        self.calendar = ARXIV
        self._client = client
        self._categories = tuple(dict.fromkeys(categories))
        self._announce = frozenset(Kind(kind) for kind in announce)
        self._feeds = feeds
        self._oai = oai

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:
        """Yield the batch of the day, then the batches of missed days.

        A category whose feed fails does not cost the others: its error is raised after their papers, and missed days
        are left for the next time. OAI-PMH that fails is a gap. A feed that is empty or of an earlier day, where there
        should be announcements, is a gap that names the category; the day is then asked of OAI-PMH when it is over.
        """
        day = self.calendar.day(inquiry.now)
        batch = self._read_feeds(inquiry, day)
        yield from map(self._entry, batch.found.values())
        yield from batch.skipped
        yield from batch.validators
        if batch.trouble:
            raise batch.trouble
        whole = True
        missed = may_announce(inquiry.since, day - _DAY) if inquiry.since else []
        if inquiry.since and missed:
            for entry in self._back_fill(inquiry.since, missed, batch):
                whole = whole and not isinstance(entry, Gap)
                yield entry
        if self.calendar.announces(day) or batch.is_of(day):
            yield from (Gap(day, day, f"{category}: {why}") for category, why in batch.behind(day))
        through = batch.through(day, first_contact=inquiry.since is None)
        if whole and (inquiry.since is None or through >= inquiry.since):
            yield Covered(through)

    def _read_feeds(self, inquiry: Inquiry, day: date) -> "_Batch":
        """All feeds; after two that do not answer, or one that asks for a rest, no other is asked."""
        due = self.calendar.latest(inquiry.now)
        # What is unchanged says nothing of its day: it is asked for whole as long as something is missing.
        complete = inquiry.since is not None and due is not None and inquiry.since > due
        batch, silent = _Batch(), 0
        for category in self._categories:
            try:
                reply = self._client.ask(
                    f"{self._feeds}/{category}", source=self.name, known=inquiry.validators if complete else {}
                )
                feed = parse_feed(reply.body, category, self.name) if reply.body is not None else None
            except SourceError as error:
                batch.trouble = batch.trouble or error
                silent += isinstance(error, SourceUnavailable)
                if silent > 1 or (isinstance(error, SourceUnavailable) and error.retry_after):
                    batch.trouble = error
                    break
            else:
                batch.add(category, feed, reply.validators, day)
        return batch

    def _entry(self, found: Announced) -> Paper | Revision:
        return found.paper if found.kind in self._announce else revision(found.paper)

    def _back_fill(self, since: date, missed: Sequence[date], batch: "_Batch") -> Iterator[Entry]:
        """What changed since a day, each work once. Papers of today's feeds are revisions: more is known of them."""
        given = {key for key, found in batch.found.items() if found.kind in self._announce}
        seen: set[str] = set()
        for category in self._categories:
            entries = harvest(self._client, self._oai, category, since, source=self.name, categories=self._categories)
            try:
                for entry in entries:
                    if isinstance(entry, SkippedEntry):
                        yield entry
                    elif entry.paper.key not in seen:
                        seen.add(entry.paper.key)
                        yield revision(entry.paper) if entry.paper.key in given else self._entry(entry)
            except SourceError as error:
                yield Gap(missed[0], missed[-1], f"{category}: {error.why}")
                if isinstance(error, SourceUnavailable):
                    return


@dataclass(slots=True)
class _Batch:
    """What the feeds of one day say together."""

    #: one for each work, by key
    found: dict[str, Announced] = field(default_factory=dict)
    skipped: list[SkippedEntry] = field(default_factory=list)
    validators: list[Validators] = field(default_factory=list)
    #: each feed by category; None for one that has not changed
    feeds: dict[str, Feed | None] = field(default_factory=dict)
    trouble: SourceError | None = None

    def add(self, category: str, feed: Feed | None, validators: Validators, day: date) -> None:
        """Take in a feed. What it announces for a later day is left for that day."""
        self.feeds[category] = feed
        if feed is None:
            return
        early = False
        for entry in feed.entries:
            if isinstance(entry, SkippedEntry):
                self.skipped.append(entry)
            elif entry.paper.listed and entry.paper.listed > day:
                early = True
            else:
                known = self.found.get(entry.paper.key)
                if known is None or _ORDER[entry.kind] < _ORDER[known.kind]:
                    self.found[entry.paper.key] = entry
        if not early and not feed.incomplete:
            self.validators.append(validators)

    def is_of(self, day: date) -> bool:
        """Whether any feed announces something on a day."""
        return any(feed and feed.day == day for feed in self.feeds.values())

    def behind(self, day: date) -> Iterator[tuple[str, str]]:
        """The categories that do not give all of a day, and why."""
        for category, feed in self.feeds.items():
            if feed is None:
                continue
            if feed.day is None:
                yield category, "the feed is empty"
            elif feed.day != day:
                yield category, f"the feed is {'still' if feed.day < day else 'already'} of {feed.day}"
            elif feed.incomplete:
                yield category, feed.incomplete

    def through(self, day: date, *, first_contact: bool) -> date:
        """The last day of which all categories gave all, provided that missed days have been filled in."""
        if None not in self.feeds.values() and not any(self.behind(day)):
            return day
        days = [feed.day for feed in self.feeds.values() if feed and feed.day] if first_contact else []
        return min([*days, day - _DAY])
