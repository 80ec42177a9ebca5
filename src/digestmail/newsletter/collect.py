"""Collect: sources → corpus. A source that fails costs only its own papers."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from digestmail.errors import SourceError, SourceUnavailable
from digestmail.model import Covered, Gap, Inquiry, Paper, Quiet, Revision, SkippedEntry, Validators
from digestmail.newsletter import Newsletter
from digestmail.newsletter.spool import Spool
from digestmail.protocols import Entry, Source
from digestmail.storage.fetches import Fetched
from digestmail.text.papers import readable

_log = logging.getLogger(__name__)

#: how far back the days are asked for that were missed; ``fetch --since`` asks for more
MOST_BACKFILL = timedelta(days=60)
#: who is asked all the time is asked in earnest only so often
_REST = timedelta(hours=1)


@dataclass(slots=True)
class Answer:
    """What one source gave."""

    source: str
    papers: Spool[Paper] = field(default_factory=Spool)
    revisions: Spool[Paper] = field(default_factory=Spool)
    skipped: list[SkippedEntry] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    covered: date | None = None
    validators: list[Validators] = field(default_factory=list)
    #: why it did not answer, or stopped in the middle; what it gave before is kept
    error: SourceError | None = None
    #: it asked not to be asked again before
    retry_at: datetime | None = None
    #: whether an announcement that should be there by now is not: None where nobody knows when it should
    stale: bool | None = None
    #: why the source announces nothing today
    day_off: Quiet | None = None
    fallback: bool = False

    @property
    def answered(self) -> bool:
        """Whether it can be said what the source announces. A quiet day is an answer."""
        return self.error is None or bool(self.papers)

    def take(self, entry: Entry) -> None:
        """Keep one thing that the source said."""
        match entry:
            case Paper():
                self.papers.append(replace(readable(entry), source=self.source))
            case Revision():
                self.revisions.append(replace(readable(entry.paper), source=self.source))
            case SkippedEntry():
                self.skipped.append(entry)
            case Gap():
                self.gaps.append(entry)
            case Covered():
                self.covered = entry.through
            case Validators():
                self.validators.append(entry)

    def quiet(self, new: int) -> Quiet | None:
        """Why there is nothing new, when there is nothing new."""
        if self.error and not self.papers:
            return Quiet.DOWN
        if new:
            return None
        return Quiet.STALE if self.stale else self.day_off or Quiet.KNOWN


@dataclass(frozen=True, slots=True)
class Collected:
    """One answer, stored."""

    answer: Answer
    fetched: Fetched

    @property
    def new(self) -> int:
        """Papers that the corpus did not hold before."""
        return self.fetched.new

    @property
    def known(self) -> int:
        """Papers that it held."""
        return self.fetched.announced - self.fetched.new


def collect(newsletter: Newsletter, now: datetime, *, since: date | None = None) -> list[Collected]:
    """Ask all sources and store what they give. Source errors are in the result, StoreError is raised.

    ``since`` asks them for all they have announced from that day on, known or not.
    """
    return store_answers(newsletter, ask_sources(newsletter, now, since=since), now)


def ask_sources(
    newsletter: Newsletter, now: datetime, *, since: date | None = None, patient: bool = False
) -> list[Answer]:
    """The network half: nothing is written, so no lock is held while a server is slow.

    ``patient`` leaves alone who has answered within the hour.

    Fallbacks show a newcomer what an issue looks like. Once the corpus holds live papers they are never read again: a
    source that is down must not send samples to readers.
    """
    sources = [source for source in newsletter.sources if not (patient and _rests(newsletter, source, now))]
    answers = []
    for done, source in enumerate(sources):
        newsletter.progress(f"Reading {source.name}", done, len(sources))
        answers.append(_ask(newsletter, source, now, since))
    newsletter.progress("Read all sources", len(sources), len(sources))
    resting = len(sources) < len(newsletter.sources)
    if (
        not any(answer.answered for answer in answers)
        and not resting
        and not newsletter.store.corpus.holds_live_papers()
    ):
        answers += [_as_samples(_ask(newsletter, source, now, None)) for source in newsletter.fallbacks]
    return answers


def store_answers(newsletter: Newsletter, answers: Iterable[Answer], now: datetime) -> list[Collected]:
    """The store half: one transaction per source."""
    return [Collected(answer, _store(newsletter, answer, now)) for answer in answers]


def _rests(newsletter: Newsletter, source: Source, now: datetime) -> bool:
    answered = newsletter.store.fetches.succeeded(source.name)
    return answered is not None and now - _REST < answered <= now


def _ask(newsletter: Newsletter, source: Source, now: datetime, since: date | None) -> Answer:
    answer = Answer(source.name)
    resting = newsletter.store.fetches.retry_at(source.name)
    if resting and now < resting:
        answer.retry_at = resting
        answer.error = SourceUnavailable(source.name, f"it asked not to be asked again before {resting:%H:%M} UTC")
        return answer
    inquiry = _inquiry(newsletter, source, now, since, answer)
    try:
        for entry in source.fetch(inquiry):
            answer.take(entry)
    except SourceError as error:
        answer.error = error
        answer.retry_at = (
            now + error.retry_after if isinstance(error, SourceUnavailable) and error.retry_after else None
        )
    _look_at_calendar(newsletter, source, now, answer)
    return answer


def _inquiry(newsletter: Newsletter, source: Source, now: datetime, since: date | None, answer: Answer) -> Inquiry:
    """What is not known yet, and what may have changed."""
    fetches, today = newsletter.store.fetches, now.date()
    refresh = today - timedelta(days=newsletter.rules.max_age_days)
    if since:
        return Inquiry(now, since, min(since, refresh))
    covered = fetches.covered(source.name)
    missed = covered and covered + timedelta(days=1)
    earliest = today - MOST_BACKFILL
    if missed and missed < earliest:
        why = f"more than {MOST_BACKFILL.days} days ago: 'digestmail fetch --since {missed}' asks for it"
        answer.gaps.append(Gap(missed, earliest - timedelta(days=1), why, lost=True))
        missed = earliest
    return Inquiry(now, missed, refresh, fetches.validators(source.name))


def _look_at_calendar(newsletter: Newsletter, source: Source, now: datetime, answer: Answer) -> None:
    calendar = source.calendar
    if calendar is None:
        return
    answer.day_off = calendar.quiet(calendar.day(now))
    due, known = calendar.latest(now), newsletter.store.fetches.covered(source.name)
    covered = max(filter(None, (answer.covered, known)), default=None)
    answer.stale = due is not None and (covered is None or covered < due)


def _as_samples(answer: Answer) -> Answer:
    answer.papers = Spool(replace(paper, sample=True) for paper in answer.papers)
    answer.fallback = True
    return answer


def _store(newsletter: Newsletter, answer: Answer, now: datetime) -> Fetched:
    """Nothing is remembered of an answer that broke off or was empty: the next one must be asked the same."""
    whole = answer.error is None
    fetched = newsletter.store.fetches.add(
        Fetched(
            answer.source,
            now,
            skipped=len(answer.skipped),
            error=answer.error.why if answer.error else "",
            gaps=tuple(answer.gaps),
            covered=answer.covered if whole else None,
            retry_at=answer.retry_at,
        ),
        answer.papers,
        answer.revisions,
        answer.validators if whole and (answer.papers or answer.revisions) else (),
        answer.quiet,
    )
    _log.info(
        "fetch source=%s announced=%d new=%d skipped=%d quiet=%s gaps=%d ok=%s",
        answer.source,
        fetched.announced,
        fetched.new,
        fetched.skipped,
        fetched.quiet,
        len(fetched.gaps),
        answer.error is None,
    )
    return fetched
