"""A saved Hugging Face Daily Papers page, as plain text.

The page is blocks of lines between blank lines: a title, then paragraphs of its abstract, then at most one meta block
(``• 9 authors``, ``·``, ``Jan 29, 2024 4``: authors or organisation, date, comments). The older layout has no meta
blocks, and nothing marks a title. The rule that tells them apart:

* a block that has the shape of a meta block closes the entry;
* a block is *prose* when it is longer than 300 characters, ends like a sentence (``.``, ``:``, ``;``, ``,``, ``…``) or
  ends in a link;
* prose belongs to the entry that is open; where none is open (at the top, after a meta block) it is a title when it is
  short enough;
* every other block is a title and opens an entry. Only what follows shows whether it was one: an entry that gets
  neither prose nor a meta block ("Next") is skipped.

Of 37,933 real titles (arXiv 2026, Hugging Face 2024 to 2026) none is prose by this rule and the longest has 216
characters; of as many abstracts two are not.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import MINYEAR, date
from pathlib import Path
from urllib.parse import urlencode

from digestmail.errors import SourceFormatError
from digestmail.model import Inquiry, Paper, SkippedEntry
from digestmail.protocols import Entry
from digestmail.sources.reading import is_title, read_file
from digestmail.text.clean import clean_line, shorten
from digestmail.text.identity import paper_key

_LONGEST_TITLE = 300
_LONGEST_META = 200
_SENTENCE_ENDS = (".", ":", ";", ",", "…", "。")
_CLOSERS = "\"'”’)]}»"
_UNREADABLE_SHARE = 0.1  # Latin-1 prose read as UTF-8 stays far below, other encodings and binaries far above
_LEAP_CYCLE = 8  # years between two 29ths of February, at most

_CHROME = re.compile(
    r"new|subscribe|daily papers|get trending papers in your email inbox!?|by ?AK and the research community",
    re.IGNORECASE,
)
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WHEN = re.compile(
    r"(?P<month>" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS) + r")\.? (?P<day>\d{1,2})"
    r"(?:,? (?P<year>(?:19|20)\d\d))?(?: (?P<comments>\d{1,6}))?",
    re.IGNORECASE | re.ASCII,
)
_AUTHORS = re.compile(r"(\d{1,6}) authors?", re.IGNORECASE | re.ASCII)
_NOT_WORD = re.compile(r"[\W_]+")


class PageSource:
    """Papers of one saved page.

    ``year`` is the year of the page's own date, which the page does not show. Without it: the newest one that puts the
    date not in the future. Dates of entries without a year are the newest ones not after the page's date.
    """

    def __init__(self, path: Path, *, year: int | None = None, name: str | None = None) -> None:
        self.name = name or f"page:{path.name}"
        self.calendar = None
        self._path = path
        self._year = year

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:
        """Yield the page's papers in its order.

        ``listed`` is the page's date, ``published`` the entry's, ``url`` a title search on arXiv because the page text
        has no links. Raises SourceUnavailable when the file cannot be read and SourceFormatError when it is not such a
        page.
        """
        blocks = list(_blocks(self._text()))
        shown = _page_date(blocks)
        today = inquiry.today
        listed = self._listed(shown, today) if shown else None
        newest = listed or (min(today, date(self._year, 12, 31)) if self._year else today)
        content = [block for block in blocks if block is not shown]
        entries = [self._read(entry, listed, newest) for entry in _entries(content)]
        if not any(isinstance(entry, Paper) for entry in entries):
            raise SourceFormatError(self.name, "no papers found: the file is not the text of a Daily Papers page")
        yield from entries

    def _text(self) -> str:
        content = read_file(self._path, self.name)
        text = content.decode("utf-8-sig", "replace")
        if not text.strip():
            raise SourceFormatError(self.name, "the file is empty")
        if "\0" in text or text.count("\ufffd") > len(text) * _UNREADABLE_SHARE:
            raise SourceFormatError(self.name, "the file is not UTF-8 text")
        if text.lstrip()[:14].lower().startswith(("<!doctype html", "<html")):
            raise SourceFormatError(self.name, "the file is HTML: save the page as plain text")
        return text

    def _listed(self, shown: "_Block", today: date) -> date:
        when = _When.parse(shown.text)
        assert when is not None  # _page_date saw to it
        listed = when.day_in(when.year or self._year) if when.year or self._year else when.newest(today)
        if listed is None:
            raise SourceFormatError(
                self.name, f"line {shown.line}: there is no {shown.text} in {self._year or 'any year'}"
            )
        return listed

    def _read(self, entry: "_Entry", listed: date | None, newest: date) -> Paper | SkippedEntry:
        if why := entry.trouble():
            return SkippedEntry(f"{self._path.name}:{entry.title.line}", why)
        title, meta = entry.title.text, entry.meta or _Meta()
        return Paper(
            key=paper_key(title=title),
            title=title,
            abstract=" ".join(entry.paragraphs),
            author_count=meta.author_count,
            organization=meta.organization,
            published=meta.when.resolve(newest) if meta.when else None,
            listed=listed,
            comments=meta.when.comments if meta.when else None,
            url="https://arxiv.org/search/?" + urlencode({"searchtype": "title", "query": title}),
            source=self.name,
        )


@dataclass(frozen=True, slots=True)
class _Block:
    #: of its first line, from 1
    line: int
    text: str

    @property
    def prose(self) -> bool:
        last = self.text[self.text.rfind(" ") + 1 :]
        return len(self.text) > _LONGEST_TITLE or self.text.rstrip(_CLOSERS).endswith(_SENTENCE_ENDS) or "://" in last


@dataclass(frozen=True, slots=True)
class _When:
    """A date as the page writes it: ``Jan 29, 2024`` or ``May 1``, and the comments that stand behind it."""

    month: int
    day: int
    year: int | None
    comments: int | None

    @classmethod
    def parse(cls, text: str) -> "_When | None":
        found = _WHEN.fullmatch(text)
        if not found:
            return None
        month = [name[:3].lower() for name in _MONTHS].index(found["month"][:3].lower()) + 1
        year, comments = found["year"], found["comments"]
        return cls(month, int(found["day"]), int(year) if year else None, int(comments) if comments else None)

    def day_in(self, year: int | None) -> date | None:
        """The day in this year, None when the calendar has no such day."""
        try:
            return date(year or 0, self.month, self.day)
        except ValueError:
            return None

    def newest(self, limit: date) -> date | None:
        """The newest such day up to ``limit``; None for Feb 30 and the like."""
        for year in range(limit.year, max(MINYEAR, limit.year - _LEAP_CYCLE) - 1, -1):
            found = self.day_in(year)
            if found and found <= limit:
                return found
        return None

    def resolve(self, limit: date) -> date | None:
        return self.day_in(self.year) if self.year else self.newest(limit)


@dataclass(frozen=True, slots=True)
class _Meta:
    author_count: int | None = None
    organization: str | None = None
    when: _When | None = None

    @classmethod
    def parse(cls, text: str) -> "_Meta | None":
        """Read ``• 9 authors · Jan 29, 2024 4`` or ``amazon Amazon · Oct 2``; None when it is something else."""
        who, dot, date_text = (part.strip() for part in text.rpartition("·"))
        when = _When.parse(date_text) if dot and len(text) <= _LONGEST_META else None
        if when is None:
            return None
        author_count = organization = None
        for part in (part.strip() for part in who.lstrip("• ").split("·")):
            if found := _AUTHORS.fullmatch(part):
                author_count = int(found[1])
            elif part:
                organization = _display_name(part)
        return cls(author_count, organization, when)


@dataclass(slots=True)
class _Entry:
    title: _Block
    paragraphs: list[str] = field(default_factory=list)
    meta: _Meta | None = None

    def trouble(self) -> str | None:
        """Why this is no paper, None when it is one."""
        text = self.title.text
        if _Meta.parse(text):
            return "a line of authors and date without a title above it"
        if len(text) > _LONGEST_TITLE:
            return "a paragraph without a title above it"
        if not is_title(text):
            return "a title without a letter"
        if not self.paragraphs and self.meta is None:
            return f"{shorten(text, 60)!r} has neither an abstract nor authors and date"
        return None


def _blocks(text: str) -> Iterator[_Block]:
    """The blocks between blank lines, each joined to one line, without the page's furniture."""
    lines: list[str] = []
    # Not splitlines: it also splits at form feeds and U+2028, and line numbers would not be those of an editor.
    for number, raw in enumerate([*re.split(r"\r\n|\r|\n", text), ""], start=1):
        line = clean_line(raw)
        if line and (lines or not _CHROME.fullmatch(line)):
            lines.append(line)
        elif lines:
            yield _Block(number - len(lines), " ".join(lines))
            lines = []


def _page_date(blocks: Sequence[_Block]) -> _Block | None:
    """The block above the first entry that is a date and nothing else."""
    for block in blocks:
        if block.prose or _Meta.parse(block.text):
            return None
        when = _When.parse(block.text)
        if when and when.comments is None:
            return block
    return None


def _entries(blocks: Sequence[_Block]) -> Iterator[_Entry]:
    """Group the blocks by the rule above; what fits nowhere is an entry in ``trouble``."""
    entry: _Entry | None = None
    for block in blocks:
        meta = _Meta.parse(block.text)
        if entry is not None and meta is not None:
            entry.meta = meta
            yield entry
            entry = None
        elif entry is not None and block.prose:
            entry.paragraphs.append(block.text)
        else:
            if entry is not None:
                yield entry
            entry = _Entry(block)
            if meta is not None or len(block.text) > _LONGEST_TITLE:
                yield entry
                entry = None
    if entry is not None:
        yield entry


def _display_name(written: str) -> str:
    """An organisation without its slug: ``ByteDance-Seed ByteDance Seed`` is ``ByteDance Seed``."""
    slug, _, rest = written.partition(" ")
    same = _NOT_WORD.sub("", slug).casefold() == _NOT_WORD.sub("", rest).casefold()
    return rest if rest and same else written
