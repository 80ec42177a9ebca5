"""Hugging Face Daily Papers: the public API, and saved answers of it.

The raw JSON is read, all of its eras since May 2024: fields came and moved; only ``paper.{id, title, summary, authors,
publishedAt, upvotes}`` and the outer ``title``, ``publishedAt`` and ``numComments`` were in each of 9,581 measured
entries.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from digestmail.calendars import WORKDAYS
from digestmail.errors import SourceFormatError
from digestmail.model import Covered, Gap, Inquiry, Paper, Revision, SkippedEntry, Validators
from digestmail.protocols import Entry
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.reading import count, day, is_title, kind, read_file, web_link
from digestmail.text.clean import clean_line
from digestmail.text.identity import arxiv_id, paper_key

API = "https://huggingface.co/api/daily_papers"
_MOST_PAGES = 20  # of one day; the fullest day measured has 50 papers
_DAY_IN_NAME = re.compile(r"\d{4}-\d{2}-\d{2}")


#: A list fills from midnight UTC on; the last of its papers came at 08:14 in 47 lists measured.
CALENDAR = replace(WORKDAYS, at=time(12))


class HuggingFaceSource:
    """The lists of the UTC days that are not all known, at least of the last ``days``.

    A list fills during its day, so two days are the least that misses nothing. ``limit`` is the size of a page; the
    server's own default of 50 cuts full days off.
    """

    def __init__(
        self,
        client: PoliteClient,
        *,
        days: int = 2,
        limit: int = 100,
        url: str = API,
        name: str = "huggingface",
    ) -> None:
        self.name = name
        self.calendar = CALENDAR
        self._client = client
        self._days = days
        self._limit = limit
        self._url = url

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:
        """Yield the papers of each day, oldest day first; those of days that are known as revisions: votes count on.

        A day that is answered in another format does not cost the later ones: it is a ``Gap``, and its
        SourceFormatError is raised after them. The first SourceUnavailable ends the fetch, because the same server
        would be asked again.
        """
        trouble: SourceFormatError | None = None
        covered: date | None = None
        missing = self._missing(inquiry)
        first = min(missing, inquiry.refresh or missing) if inquiry.since else missing
        for asked in (first + timedelta(days=number) for number in range((inquiry.today - first).days + 1)):
            papers = False
            try:
                for entry in self._day(asked, inquiry.validators):
                    # an address that has not changed is told by its validators: it had papers before
                    papers = papers or isinstance(entry, (Paper, Validators))
                    yield Revision(entry) if isinstance(entry, Paper) and asked < missing else entry
            except SourceFormatError as error:
                yield Gap(asked, asked, error.why)
                trouble = trouble or error
            if not trouble and (papers or asked < inquiry.today):
                covered = asked
        if covered:
            yield Covered(covered)
        if trouble:
            raise trouble

    def _missing(self, inquiry: Inquiry) -> date:
        """The first day whose papers may be new. The first time, as far back as there is a list; later, the day before:

        It may have been read while it filled.
        """
        least = inquiry.today - timedelta(days=self._days - 1)
        if inquiry.since is None:
            return min(least, self.calendar.latest(inquiry.now) or least)
        return min(least, inquiry.since - timedelta(days=1))

    def _day(self, asked: date, known: Mapping[str, Validators]) -> Iterator[Paper | SkippedEntry | Validators]:
        """Pages of one day until one is short; a page that brings nothing new means that ``p`` is not understood.

        Only a short page with papers is remembered: one that has not changed ends its day again.
        """
        seen: set[str] = set()
        for page in range(_MOST_PAGES):
            params: dict[str, str | int] = {"date": asked.isoformat(), "limit": self._limit, "p": page}
            reply = self._client.ask(self._url, params=params, source=self.name, known=known)
            if reply.body is None:
                yield reply.validators
                return
            answer = _Answer(reply.body, str(asked), self.name)
            entries = answer.papers(asked, first=page * self._limit + 1)
            keys = {entry.key for entry in entries if isinstance(entry, Paper)} - seen
            if keys:
                yield from (entry for entry in entries if isinstance(entry, SkippedEntry) or entry.key in keys)
            if keys and len(answer.entries) < self._limit:
                yield reply.validators
            if not keys or len(answer.entries) < self._limit:
                return
            seen |= keys


class SavedHuggingFaceSource:
    """A saved answer of the API. A date in the file name is the day of entries that do not tell theirs."""

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        self.name = name or f"huggingface:{path.name}"
        self.calendar = None
        self._path = path

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:  # noqa: ARG002 - a file does not depend on the day
        """Yield the papers of the file in its order. Raises SourceUnavailable and SourceFormatError."""
        found = _DAY_IN_NAME.search(self._path.name)
        answer = _Answer(read_file(self._path, self.name), self._path.name, self.name)
        yield from answer.papers(day(found[0]) if found else None)


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Why an entry cannot be a paper, and its id as far as known."""

    why: str
    id: str = ""


class _Answer:
    """One JSON array of the API. ``label`` names it in messages: a file name or a day."""

    def __init__(self, content: bytes, label: str, source: str) -> None:
        self._label = label
        self._source = source
        self.entries = self._array(content)

    def _array(self, content: bytes) -> list[Any]:
        try:
            entries = json.loads(content.decode("utf-8-sig", "replace"))
        except RecursionError as error:
            raise self._error("JSON nested too deeply") from error
        except ValueError as error:  # numbers of thousands of digits are one, too
            raise self._error(f"not JSON: {clean_line(str(error))}") from error
        if not isinstance(entries, list):
            raise self._error(f"{kind(entries)} instead of an array of papers")
        return entries

    def _error(self, why: str) -> SourceFormatError:
        # A source that is one file carries the file's name already.
        return SourceFormatError(self._source, why if self._label in self._source else f"{self._label}: {why}")

    def papers(self, asked: date | None, *, first: int = 1) -> list[Paper | SkippedEntry]:
        """All entries, numbered from ``first``. Raises SourceFormatError when there are some and none is readable."""
        found = [_paper(entry, asked, self._source) for entry in self.entries]
        troubles = [entry for entry in found if isinstance(entry, _Unreadable)]
        if troubles and len(troubles) == len(found):
            why = f"none of {len(found)} entries is a paper; the first one: {troubles[0].why}"
            raise self._error(why)
        return [
            self._skipped(n, entry) if isinstance(entry, _Unreadable) else entry for n, entry in enumerate(found, first)
        ]

    def _skipped(self, number: int, trouble: _Unreadable) -> SkippedEntry:
        named = f" ({trouble.id})" if trouble.id else ""
        return SkippedEntry(f"{self._label} entry {number}{named}", trouble.why)


def _paper(entry: object, asked: date | None, source: str) -> Paper | _Unreadable:
    if not isinstance(entry, dict):
        return _Unreadable(f"{kind(entry)} instead of an object")
    inner = entry.get("paper")
    if not isinstance(inner, dict):
        return _Unreadable(f"'paper' is {kind(inner)} instead of an object")
    identifier = _text(inner.get("id"))
    if not identifier:
        return _Unreadable("no 'paper.id'")
    title = _text(inner.get("title")) or _text(entry.get("title"))
    if not is_title(title):
        return _Unreadable("no title", identifier)
    return Paper(
        key=paper_key(title=title, arxiv=identifier),
        title=title,
        abstract=_text(inner.get("summary")) or _text(entry.get("summary")),
        authors=_authors(inner.get("authors")),
        organization=_organization(inner.get("organization")) or _organization(entry.get("organization")),
        # Never the outer publishedAt: since 2025-03-11 it is the inner one minus 4 or 5 hours, often the day before.
        published=day(inner.get("publishedAt")),
        listed=day(inner.get("submittedOnDailyAt")) or asked,
        upvotes=count(inner.get("upvotes")),
        comments=count(entry.get("numComments")),
        url=f"https://huggingface.co/papers/{quote(arxiv_id(identifier) or identifier, safe='/')}",
        code_url=web_link(inner.get("githubRepo")),
        project_url=web_link(inner.get("projectPage")),
        source=source,
    )


def _text(value: object) -> str:
    return clean_line(value) if isinstance(value, str) else ""


def _authors(value: object) -> tuple[str, ...]:
    """Names in order. Some lists repeat a name (50 papers measured) or mark one as hidden (26)."""
    people = [person for person in value if isinstance(person, dict)] if isinstance(value, list) else []
    names = [_text(person.get("name")) for person in people if person.get("hidden") is not True]
    return tuple(dict.fromkeys(filter(None, names)))


def _organization(value: object) -> str | None:
    if not isinstance(value, dict):
        return None
    return _text(value.get("fullname")) or _text(value.get("name")) or None
