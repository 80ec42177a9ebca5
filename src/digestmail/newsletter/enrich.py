"""Enrich: ask indexes of publications what they know of the papers that may be sent. Nothing depends on an answer."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from digestmail.errors import SourceError, SourceUnavailable
from digestmail.model import Paper, Revision, SkippedEntry
from digestmail.newsletter import Newsletter
from digestmail.protocols import Enricher

_log = logging.getLogger(__name__)

#: papers that one index is asked about in one run; the others are asked about in the next ones
MOST_PAPERS = 500
#: preprints are indexed, cited and published while they are candidates: each is asked about once a day
_AGAIN = timedelta(days=1)
_AFTER_TROUBLE = timedelta(hours=1)


@dataclass(slots=True)
class Enriched:
    """What one index told."""

    enricher: str
    #: papers it was asked about
    asked: int = 0
    #: of these, papers it knows
    known: int = 0
    skipped: list[SkippedEntry] = field(default_factory=list)
    #: why it did not answer, or stopped answering; what it told before is kept
    error: SourceError | None = None


def enrich(newsletter: Newsletter, now: datetime) -> list[Enriched]:
    """Ask every index about the papers of the window. Its errors are in the result, StoreError is raised."""
    return [_enrich(newsletter, enricher, now) for enricher in newsletter.enrichers]


def _enrich(newsletter: Newsletter, enricher: Enricher, now: datetime) -> Enriched:
    store, since = newsletter.store, now - timedelta(days=newsletter.rules.max_age_days)
    papers = store.enrichments.due(enricher.name, since, now, MOST_PAPERS)
    result = Enriched(enricher.name, asked=len(papers))
    if not papers:
        return result
    newsletter.progress(f"Asking {enricher.name}", 0, 1)
    told = _told(enricher, papers, result)
    store.corpus.revise(told, now)
    store.enrichments.put_off(enricher.name, papers, now + _pause(result.error))
    newsletter.progress(f"Asked {enricher.name}", 1, 1)
    _log.info(
        "enrich index=%s asked=%d known=%d ok=%s", enricher.name, result.asked, result.known, result.error is None
    )
    return result


def _told(enricher: Enricher, papers: Sequence[Paper], result: Enriched) -> list[Paper]:
    told = []
    try:
        for entry in enricher.enrich(papers):
            if isinstance(entry, Revision):
                # counts of a source may have grown since the paper was read
                told.append(replace(entry.paper, upvotes=None, comments=None))
            else:
                result.skipped.append(entry)
    except SourceError as error:
        result.error = error
    result.known = len(told)
    return told


def _pause(error: SourceError | None) -> timedelta:
    if error is None:
        return _AGAIN
    asked = error.retry_after if isinstance(error, SourceUnavailable) else None
    return max(asked or _AFTER_TROUBLE, _AFTER_TROUBLE)
