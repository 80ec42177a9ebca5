"""bioRxiv and medRxiv: what was posted, day by day (https://api.biorxiv.org, ``details``).

One record is one version of one preprint. Numbers come as numbers or as texts, days without zeros (``2026-6-30``), and
a page has 30 records today where it had 100: pages go on after what came, whatever the totals say.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Any, Literal

from digestmail.calendars import EVERY_DAY
from digestmail.errors import SourceFormatError
from digestmail.model import Covered, Gap, Inquiry, Paper, Revision, SkippedEntry
from digestmail.protocols import Entry
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.reading import count, is_title, kind
from digestmail.text.clean import clean_line
from digestmail.text.identity import doi, paper_key

API = "https://api.biorxiv.org/details"
#: New York's days, told only when they are nearly over: preprints are posted all day long.
CALENDAR = replace(EVERY_DAY, zone="America/New_York", at=time(23))

Server = Literal["biorxiv", "medrxiv"]

_MOST_PAGES = 200  # of one day: 6,000 versions, ten times the fullest
_NOTHING = "no posts found"
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_TAG = re.compile(r"</?(?:i|b|em|strong|sub|sup|u|p|br|italic|bold|sc)\s*/?>", re.IGNORECASE)
_WITHDRAWN_TITLE = re.compile(r"^\W*withdrawn\s*[\]):.–—-]\W*", re.IGNORECASE)
_WITHDRAWN_ABSTRACT = re.compile(
    r"^\W*(?:withdrawn\s*[\]):.]|withdrawal statement\b|(?:the|all) (?:\w+ )?authors? (?:have|has) withdrawn\b"
    r"|this (?:article|manuscript|paper|preprint) has been withdrawn\b)",
    re.IGNORECASE,
)


class BiorxivSource:
    """The preprints of one server, all or those of some ``categories`` (whatever their case)."""

    def __init__(
        self,
        client: PoliteClient,
        server: Server = "biorxiv",
        *,
        categories: Iterable[str] = (),
        url: str = API,
        name: str | None = None,
    ) -> None:
        self.name = name or server
        self.calendar = CALENDAR
        self._client = client
        self._server = server
        self._categories = frozenset(map(_category, categories))
        self._url = url

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:
        """Yield first versions as papers and later ones as revisions, oldest day first, at least since yesterday.

        A day that is answered in another format is a ``Gap``, and its SourceFormatError is raised after the others. A
        day without posts is covered by a later one with some. The first SourceUnavailable ends the fetch.
        """
        trouble: SourceFormatError | None = None
        covered: date | None = None
        for asked in _asked(inquiry):
            records, error = self._day(asked)
            entries, unreadable = self._entries(records, asked)
            yield from entries
            if wrong := error or unreadable:
                yield Gap(asked, asked, wrong.why)
                trouble = trouble or wrong
            elif records and not trouble:
                covered = asked
        if covered:
            yield Covered(covered)
        if trouble:
            raise trouble

    def _day(self, asked: date) -> tuple[list[Any], SourceFormatError | None]:
        """The records of a day, and why these are not all.

        Page after page until one is empty or the one before again, because totals do not always add up. No page is
        asked conditionally: without its records nobody knows where the next one begins.
        """
        records: list[Any] = []
        page: list[Any] = []
        for _ in range(_MOST_PAGES):
            last, url = page, f"{self._url}/{self._server}/{asked}/{asked}/{len(records)}/json"
            try:
                page = _collection(self._client.get(url, source=self.name), asked, self.name)
            except SourceFormatError as error:
                return records, error
            if not page or page == last:
                break
            records += page
        return records, None

    def _entries(
        self, records: list[Any], asked: date
    ) -> tuple[list[Paper | Revision | SkippedEntry], SourceFormatError | None]:
        """What a day's records say; an error when there are some and none can be read."""
        found = [_version(record, self._server, self.name) for record in records]
        troubles = [(number, each) for number, each in enumerate(found, 1) if isinstance(each, _Unreadable)]
        if troubles and len(troubles) == len(found):
            why = f"none of {len(found)} records is a preprint; the first one: {troubles[0][1].why}"
            return [], SourceFormatError(self.name, f"{asked}: {why}")
        versions = [each for each in found if isinstance(each, Paper) and self._wanted(each)]
        skipped = [_skipped(f"{asked} record {number}", trouble) for number, trouble in troubles]
        return [*_works(versions, asked), *skipped], None

    def _wanted(self, paper: Paper) -> bool:
        return not self._categories or any(_category(each) in self._categories for each in paper.categories)


def _asked(inquiry: Inquiry) -> Iterator[date]:
    """Yesterday and today, and what is missing with the day before it, which may have been read while it filled."""
    first = inquiry.today - timedelta(days=1)
    if inquiry.since:
        first = min(first, inquiry.since - timedelta(days=1))
    return (first + timedelta(days=number) for number in range((inquiry.today - first).days + 1))


def _collection(content: bytes, asked: date, source: str) -> list[Any]:
    """The records of one page. Raises SourceFormatError for anything else than records or the words for none."""
    try:
        answer = json.loads(content.decode("utf-8-sig", "replace"))
    except RecursionError as error:
        raise SourceFormatError(source, f"{asked}: JSON nested too deeply") from error
    except ValueError as error:  # numbers of thousands of digits are one, too
        raise SourceFormatError(source, f"{asked}: not JSON: {clean_line(str(error))}") from error
    records = answer.get("collection") if isinstance(answer, dict) else None
    status = _status(answer)
    if isinstance(records, list) and (records or status == "ok"):
        return records
    if status.startswith(_NOTHING):
        return []
    what = f"the server says {status!r}" if status else f"{kind(answer)} without a 'collection'"
    raise SourceFormatError(source, f"{asked}: {what}")


def _status(answer: object) -> str:
    messages = answer.get("messages") if isinstance(answer, dict) else None
    first = messages[0] if isinstance(messages, list) and messages else None
    status = first.get("status") if isinstance(first, dict) else None
    return clean_line(status).lower() if isinstance(status, str) else ""


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Why a record cannot be a preprint, and its DOI as far as known."""

    why: str
    doi: str = ""


def _skipped(where: str, trouble: _Unreadable) -> SkippedEntry:
    return SkippedEntry(f"{where} ({trouble.doi})" if trouble.doi else where, trouble.why)


def _version(record: object, server: Server, source: str) -> Paper | _Unreadable:
    """One version. Its ``published`` is the day of this version."""
    if not isinstance(record, dict):
        return _Unreadable(f"{kind(record)} instead of an object")
    own = doi(_text(record.get("doi")))
    if not own:
        return _Unreadable("no DOI")
    written, abstract = _text(record.get("title")), _text(record.get("abstract"))
    title = _WITHDRAWN_TITLE.sub("", written) or written
    if not is_title(title):
        return _Unreadable("no title", own)
    number = count(_number(record.get("version"))) or 1
    category, posted = _text(record.get("category")), _day(record.get("date"))
    return Paper(
        key=paper_key(title=title, doi_text=own),
        title=title,
        abstract=abstract,
        authors=tuple(_authors(_text(record.get("authors")))),
        organization=_text(record.get("author_corresponding_institution")) or None,
        categories=(category,) if category else (),
        doi=doi(_text(record.get("published"))) or own,
        version=number,
        withdrawn=title != written or bool(_WITHDRAWN_ABSTRACT.match(abstract)) or _is_withdrawal(record),
        published=posted,
        listed=posted,
        url=f"https://www.{server}.org/content/{own}v{number}",
        source=source,
    )


def _works(versions: list[Paper], asked: date) -> Iterator[Paper | Revision]:
    """Each work once, in its highest version; it is new when its first version is among them."""
    works: dict[str, list[Paper]] = {}
    for version in versions:
        works.setdefault(version.key, []).append(version)
    for found in works.values():
        newest = max(found, key=lambda each: each.version or 1)
        first = next((each for each in found if each.version == 1), None)
        if first:
            posted = first.published or asked
            yield replace(newest, published=posted, listed=posted)
        else:
            yield Revision(replace(newest, published=None, listed=None))


def _text(value: object) -> str:
    return clean_line(html.unescape(_TAG.sub("", value))) if isinstance(value, str) else ""


def _number(value: object) -> object:
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else value  # noqa: PLR2004


def _day(value: object) -> date | None:
    found = _DAY.match(value.strip()) if isinstance(value, str) else None
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:  # 2026-02-30
        return None


def _category(name: str) -> str:
    return clean_line(name.replace("_", " ")).casefold()


def _is_withdrawal(record: dict[str, Any]) -> bool:
    return _text(record.get("type")).casefold().startswith("withdraw")


def _authors(names: str) -> Iterator[str]:
    """``Naka, A.; Smith, J., Jr.`` → ``A. Naka``, ``J. Smith Jr.``: as other sources name people."""
    for name in names.split(";"):
        family, *rest = [part for part in map(clean_line, name.split(",")) if part] or [""]
        ordered = [rest[0], family, *rest[1:]] if rest else [family]
        if display := " ".join(ordered):
            yield display
