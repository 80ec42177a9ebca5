"""OAI-PMH answers with ``arXivRaw`` records → papers with the dates of their versions. Pure.

Sources: https://info.arxiv.org/help/oa, http://www.openarchives.org/OAI/openarchivesprotocol.html. The datestamp of a
record is the day of its last change of any kind, so that an answer mixes what is new with what was replaced and with
old papers that were given a DOI.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import Element

from digestmail.errors import SourceFormatError
from digestmail.model import SkippedEntry
from digestmail.sources.arxiv.batches import announced, of_datestamp
from digestmail.sources.arxiv.categories import holds
from digestmail.sources.arxiv.documents import Broken, Document, UnreadableError, child_text
from digestmail.sources.arxiv.entries import Announced, Kind, Told, identify, names, skipped, skipped_broken

#: how long moderation holds papers at most; 24 days were seen (https://github.com/scirate/scirate/issues/170)
LONGEST_HOLD = timedelta(days=30)
_MOST_VERSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """One answer."""

    entries: Sequence[Announced | SkippedEntry]
    #: what the next page is asked for with; empty on the last one
    token: str = ""
    #: OAI-PMH's code of the error that is the answer: ``noRecordsMatch``, ``badResumptionToken`` …
    error: str = ""
    #: what it says about it, or why the document is not whole
    trouble: str = ""


def parse_page(content: bytes, label: str, source: str, *, since: date, categories: Sequence[str]) -> Page:
    """Read an answer to ListRecords; ``label`` names it in messages.

    ``since`` is the first day that is asked for. Raises SourceFormatError when it is no OAI-PMH.
    """
    document = Document.read(content, roots=("OAI-PMH",), entry="record", source=source, label=label)
    error = document.head.find("{*}error")
    if error is not None:
        return Page((), error=error.get("code", "error"), trouble=" ".join((error.text or "").split()))
    entries = []
    for number, record in enumerate(document.entries, 1):
        entry = _read(record, number, label, source, since, categories)
        if entry is not None:
            entries.append(entry)
    listing = document.head.find("{*}ListRecords")
    if listing is None and not document.broken:
        raise SourceFormatError(source, f"{label}: neither records nor an error")
    token = "" if listing is None else child_text(listing, "resumptionToken")
    return Page(entries, token, trouble=document.broken)


def _read(
    record: Element | Broken, number: int, label: str, source: str, since: date, categories: Sequence[str]
) -> Announced | SkippedEntry | None:
    """An entry, or None for a record that was deleted: nothing is known of it but its id."""
    if isinstance(record, Broken):
        return skipped_broken(label, number, record)
    header = record.find("{*}header")
    identifier = "" if header is None else child_text(header, "identifier")
    if header is not None and header.get("status") == "deleted":
        return None
    try:
        return _announced(record, identifier, header, source, since, categories)
    except UnreadableError as error:
        return skipped(label, number, str(error), identifier.rpartition(":")[2])


def _announced(
    record: Element, identifier: str, header: Element | None, source: str, since: date, categories: Sequence[str]
) -> Announced:
    raw = record.find("{*}metadata/{*}arXivRaw")
    if raw is None:
        raise UnreadableError("no arXivRaw metadata")
    versions = dict(_versions(raw))
    datestamp = _iso_day("" if header is None else child_text(header, "datestamp"))
    terms = child_text(raw, "categories").split()
    name = identify(child_text(raw, "id")) or identify(identifier)
    kind, listed = _announcement(versions, datestamp, since)
    if kind is Kind.NEW and terms and not any(holds(category, terms[0]) for category in categories):
        kind = Kind.CROSS
    paper = Told(
        id=(name[0], max(versions, default=None)) if name else None,
        title=child_text(raw, "title"),
        abstract=child_text(raw, "abstract"),
        authors=names(child_text(raw, "authors"), joined=True),
        categories=terms,
        comment=child_text(raw, "comments"),
        doi=child_text(raw, "doi"),
        journal_ref=child_text(raw, "journal-ref"),
        published=versions[1].date() if 1 in versions else None,
        listed=listed,
    ).paper(source)
    return Announced(paper, kind)


def _announcement(
    versions: Mapping[int, datetime], datestamp: date | None, since: date
) -> tuple[Kind | None, date | None]:
    """What happened in the days asked for, and when.

    - The first version was submitted late enough to be announced in these days: new, whatever came after it.
    - It is the only one and was submitted up to LONGEST_HOLD before the datestamp: new. Moderation can have held it; if
      it was only given a DOI, the corpus most likely holds it, and a work is never sent twice.
    - The newest version was submitted up to LONGEST_HOLD before the datestamp: replaced.
    - Else only its metadata changed, or it was put on one more list: that cannot be told apart.
    """
    if not versions:
        return None, None
    stamped = of_datestamp(datestamp) if datestamp else None
    submitted = announced(versions[min(versions)])
    alone = len(versions) == 1 and 1 in versions
    if 1 in versions and submitted >= since and not alone:
        return Kind.NEW, submitted
    newest = versions[max(versions)].date()
    recent = stamped is not None and stamped - newest <= LONGEST_HOLD
    if alone and (recent or submitted >= since):
        return Kind.NEW, stamped or submitted
    return (Kind.REPLACE if recent else None), (stamped if recent else None)


def _versions(raw: Element) -> Iterator[tuple[int, datetime]]:
    """Number and time of each version that can be read."""
    for element in raw.iterfind("{*}version"):
        number = element.get("version", "").removeprefix("v")
        moment = _moment(child_text(element, "date"))
        if moment and number.isascii() and number.isdigit() and 0 < int(number) < _MOST_VERSIONS:
            yield int(number), moment


def _moment(text: str) -> datetime | None:
    """An RFC 5322 date in GMT: ``Wed, 23 Jan 2008 21:06:41 GMT``."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _iso_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
