"""Collect: sources → corpus. A source that fails costs only its own papers."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from digestmail.errors import SourceError
from digestmail.model import Paper, SkippedEntry
from digestmail.newsletter import Newsletter
from digestmail.protocols import Source
from digestmail.storage.fetches import Fetched
from digestmail.text.papers import readable

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Answer:
    """What one source gave."""

    source: str
    papers: list[Paper] = field(default_factory=list)
    skipped: list[SkippedEntry] = field(default_factory=list)
    #: why it did not answer, or stopped in the middle; what it gave before is kept
    error: SourceError | None = None
    fallback: bool = False

    @property
    def answered(self) -> bool:
        """Whether it can be said what the source announces. A quiet day is an answer."""
        return self.error is None or bool(self.papers)


@dataclass(frozen=True, slots=True)
class Collected:
    """One answer, stored."""

    answer: Answer
    #: papers that the corpus did not hold before
    new: int


def collect(newsletter: Newsletter, now: datetime) -> list[Collected]:
    """Ask all sources and store what they give. Source errors are in the result, StoreError is raised."""
    return store_answers(newsletter, ask_sources(newsletter, now.date()), now)


def ask_sources(newsletter: Newsletter, today: date) -> list[Answer]:
    """The network half: nothing is written, so no lock is held while a server is slow.

    Fallbacks show a newcomer what an issue looks like. Once the corpus holds live papers they are never read again: a
    source that is down must not send samples to readers.
    """
    total = len(newsletter.sources)
    answers = []
    for done, source in enumerate(newsletter.sources):
        newsletter.progress(f"Reading {source.name}", done, total)
        answers.append(_ask(source, today))
    newsletter.progress("Read all sources", total, total)
    if not any(answer.answered for answer in answers) and not newsletter.store.corpus.holds_live_papers():
        answers += [_as_samples(_ask(source, today)) for source in newsletter.fallbacks]
    return answers


def store_answers(newsletter: Newsletter, answers: Iterable[Answer], now: datetime) -> list[Collected]:
    """The store half: one transaction per source."""
    return [Collected(answer, _store(newsletter, answer, now)) for answer in answers]


def _ask(source: Source, today: date) -> Answer:
    answer = Answer(source.name)
    try:
        for entry in source.fetch(today):
            if isinstance(entry, SkippedEntry):
                answer.skipped.append(entry)
            else:
                answer.papers.append(replace(readable(entry), source=source.name))
    except SourceError as error:
        answer.error = error
    return answer


def _as_samples(answer: Answer) -> Answer:
    answer.papers = [replace(paper, sample=True) for paper in answer.papers]
    answer.fallback = True
    return answer


def _store(newsletter: Newsletter, answer: Answer, now: datetime) -> int:
    new = newsletter.store.corpus.add(answer.papers, now)
    error = answer.error.why if answer.error else ""
    newsletter.store.fetches.add(Fetched(answer.source, now, len(answer.papers), new, len(answer.skipped), error))
    _log.info(
        "fetch source=%s announced=%d new=%d skipped=%d ok=%s",
        answer.source,
        len(answer.papers),
        new,
        len(answer.skipped),
        answer.error is None,
    )
    return new
