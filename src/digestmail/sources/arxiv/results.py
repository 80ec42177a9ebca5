"""Answers of the query API (Atom) → papers. Pure.

Source: https://info.arxiv.org/help/api/user-manual.html. Elements come in any order (``category`` before ``published``
since 2026), links to PDFs may be missing, ids of before 2007 hold a slash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from digestmail.errors import SourceFormatError
from digestmail.model import Paper, SkippedEntry
from digestmail.sources.arxiv.batches import announced
from digestmail.sources.arxiv.documents import Broken, Document, UnreadableError, child_text
from digestmail.sources.arxiv.entries import Told, identify, skipped, skipped_broken


@dataclass(frozen=True, slots=True)
class Results:
    """One page."""

    entries: Sequence[Paper | SkippedEntry]
    #: of all pages; None when the answer does not say
    total: int | None
    #: why the page does not hold all of its entries; empty when it does
    broken: str = ""


def parse_results(content: bytes, label: str, source: str, *, first: int = 1) -> Results:
    """Read a page whose entries are numbered from ``first``; ``label`` names it in messages.

    Raises SourceFormatError when it is none, or tells of an error: with status 400, in former years 200.
    """
    document = Document.read(content, roots=("feed",), entry="entry", source=source, label=label)
    for entry in document.entries:
        if isinstance(entry, Element) and "/api/errors" in child_text(entry, "id"):
            raise SourceFormatError(source, f"arXiv refuses the query: {child_text(entry, 'summary')}")
    entries = [_read(entry, number, label, source) for number, entry in enumerate(document.entries, first)]
    total = child_text(document.head, "totalResults")
    return Results(entries, int(total[:9]) if total.isascii() and total.isdigit() else None, document.broken)


def _read(entry: Element | Broken, number: int, label: str, source: str) -> Paper | SkippedEntry:
    if isinstance(entry, Broken):
        return skipped_broken(label, number, entry)
    try:
        return _paper(entry, source)
    except UnreadableError as error:
        return skipped(label, number, str(error), child_text(entry, "id").partition("/abs/")[2])


def _paper(entry: Element, source: str) -> Paper:
    submitted = _moment(child_text(entry, "published"))
    people = (child_text(author, "name") for author in entry.iterfind("{*}author"))
    return Told(
        id=identify(child_text(entry, "id")),
        title=child_text(entry, "title"),
        abstract=child_text(entry, "summary"),
        authors=tuple(dict.fromkeys(filter(None, people))),
        categories=[element.get("term", "") for name in _CATEGORIES for element in entry.iterfind(name)],
        comment=child_text(entry, "comment"),
        doi=child_text(entry, "doi"),
        journal_ref=child_text(entry, "journal_ref"),
        published=submitted.date() if submitted else None,
        listed=announced(submitted) if submitted else None,
    ).paper(source)


#: the primary one first
_CATEGORIES = ("{*}primary_category", "{*}category")


def _moment(text: str) -> datetime | None:
    """An ISO 8601 date and time, in UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
