"""The feeds of rss.arxiv.org, RSS 2.0 and Atom → what a category announces. Pure.

Source: the server's code (arXiv/arxiv-feed). A feed holds the batch of one day, at most 2,000 entries, and the new ones
are what is cut. Replacements are shown up to version 5.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from digestmail.calendars import ARXIV
from digestmail.errors import SourceFormatError
from digestmail.model import SkippedEntry
from digestmail.sources.arxiv.documents import Broken, Document, UnreadableError, child_text, texts
from digestmail.sources.arxiv.entries import Announced, Kind, Told, identify, names, skipped, skipped_broken

MOST_ENTRIES = 2000  # what the server gives at most
_DESCRIPTION = re.compile(r"arXiv:\S+\s+Announce Type:\s*(?P<kind>\S+)\s*(?:Abstract:\s*)?(?P<abstract>.*)", re.DOTALL)
_KINDS = {"new": Kind.NEW, "cross": Kind.CROSS, "replace": Kind.REPLACE, "replace-cross": Kind.REPLACE}


@dataclass(frozen=True, slots=True)
class Feed:
    """What one category announces."""

    entries: tuple[Announced | SkippedEntry, ...]
    #: the newest day that an entry is of; None without entries
    day: date | None
    #: why it does not hold all; empty when it does
    incomplete: str = ""


def parse_feed(content: bytes, category: str, source: str) -> Feed:
    """Read a feed. An empty one is a day without announcements.

    Raises SourceFormatError, which names the category, when it is none, when it tells of an error, and when none of its
    entries can be read.
    """
    document = Document.read(content, roots=("rss", "feed"), entry=_entry_name(content), source=source, label=category)
    channel = document.head.find("{*}channel")
    head = document.head if channel is None else channel
    if (title := child_text(head, "title")).startswith("Feed error"):
        told = child_text(head, "description", "subtitle") or title
        raise SourceFormatError(source, f"{category}: arXiv says {told!r}")
    default = _day(child_text(head, "pubDate"))
    entries = tuple(_read(entry, number, category, source, default) for number, entry in enumerate(document.entries, 1))
    found = [entry.paper for entry in entries if isinstance(entry, Announced)]
    if entries and not found:
        first = next(entry.why for entry in entries if isinstance(entry, SkippedEntry))
        raise SourceFormatError(
            source, f"{category}: none of {len(entries)} entries is a paper; the first one: {first}"
        )
    if document.broken and not entries:
        raise SourceFormatError(source, f"{category}: {document.broken}")
    cut = f"the feed is cut at {MOST_ENTRIES:,} entries" if len(entries) >= MOST_ENTRIES else ""
    day = max((paper.listed for paper in found if paper.listed), default=None)
    return Feed(entries, day, document.broken or cut)


def _entry_name(content: bytes) -> str:
    found = re.search(rb"<(?:rss|feed)\b", content)
    return "entry" if found and found[0] == b"<feed" else "item"


def _read(
    entry: Element | Broken, number: int, category: str, source: str, default: date | None
) -> Announced | SkippedEntry:
    if isinstance(entry, Broken):
        return skipped_broken(category, number, entry)
    try:
        return _announced(entry, source, default)
    except UnreadableError as error:
        return skipped(category, number, str(error), child_text(entry, "guid", "id").rpartition(":")[2])


def _announced(entry: Element, source: str, default: date | None) -> Announced:
    description = child_text(entry, "description", "summary")
    told = _DESCRIPTION.match(description)
    link = next((found.get("href", "") for found in entry.iterfind("{*}link")), "")
    places = (child_text(entry, "guid", "id"), description.partition(" ")[0], child_text(entry, "link"), link)
    identifier = next(filter(None, map(identify, places)), None)
    paper = Told(
        id=identifier,
        title=child_text(entry, "title"),
        abstract=told["abstract"] if told else description,
        authors=_authors(entry),
        categories=_categories(entry),
        doi=child_text(entry, "DOI"),
        journal_ref=child_text(entry, "journal_reference"),
        listed=_day(child_text(entry, "pubDate", "published")) or default,
    ).paper(source)
    return Announced(paper, _kind(child_text(entry, "announce_type") or (told["kind"] if told else ""), paper.version))


def _kind(word: str, version: int | None) -> Kind | None:
    """The kind of an entry. One that does not tell is new in its first version; other words are no announcements."""
    if not word:
        return Kind.REPLACE if (version or 1) > 1 else Kind.NEW
    return _KINDS.get(word.lower())


def _authors(entry: Element) -> tuple[str, ...]:
    """Names from ``dc:creator``, which is one string; from Atom's own authors where there is none."""
    creators = tuple(name for text in texts(entry, "creator") for name in names(text))
    people = (child_text(author, "name") for author in entry.iterfind("{*}author"))
    return creators or tuple(dict.fromkeys(filter(None, people)))


def _categories(entry: Element) -> list[str]:
    return [found.get("term") or (found.text or "").strip() for found in entry.iterfind("{*}category")]


def _day(text: str) -> date | None:
    """The day in Eastern time: dates are its midnights (``Thu, 24 Sep 2026 00:00:00 -0400``, or ISO 8601 in Atom)."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text)
            return (moment.astimezone(ZoneInfo(ARXIV.zone)) if moment.tzinfo else moment).date()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None
