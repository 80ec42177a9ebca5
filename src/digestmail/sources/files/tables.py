"""CSV and its relatives: a table whose first row names the columns."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from digestmail.sources import dates
from digestmail.sources.files.records import Records
from digestmail.sources.names import author_names
from digestmail.text.clean import clean_line, shorten
from digestmail.text.identity import arxiv_id, doi

# field → what exports of reference managers, Scopus, Web of Science and people call it, in letters and digits only
_COLUMNS = {
    "title": ("title", "papertitle", "articletitle", "documenttitle"),
    "abstract": ("abstract", "abstractnote", "summary", "abstracttext"),
    "authors": ("authors", "author", "authornames", "authorfullnames", "creators", "creator"),
    "doi": ("doi", "doilink", "articledoi"),
    "arxiv": ("arxivid", "arxiv", "arxivnumber", "eprint", "id", "identifier"),
    "url": ("url", "link", "links", "urls", "paperurl", "href"),
    "date": ("date", "published", "publicationdate", "datepublished", "publisheddate", "coverdate", "pubdate"),
    "year": ("year", "publicationyear", "pubyear"),
    "venue": ("journal", "venue", "publicationtitle", "journaltitle", "sourcetitle", "booktitle", "conference"),
    "keywords": ("keywords", "authorkeywords", "tags", "manualtags", "categories", "category", "subjects"),
}
_NO_LETTER = re.compile(r"[\W_]+")
_DELIMITERS = (",", ";", "\t", "|")
_BETWEEN_TERMS = re.compile(r"[;,|]")
_QUOTE = '"'


def records(text: str) -> Records:
    """The rows of a table; blank rows are nothing. What cannot be a table is one entry with the reason why."""
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if first == len(lines):
        return
    if lines[first].lower().startswith("sep=") and first + 1 < len(lines):  # how Excel is told the delimiter
        first += 1
    delimiter = max(_DELIMITERS, key=lambda one: _known(_columns(lines[first], one)))
    columns = _columns(lines[first], delimiter)
    if "title" not in columns:
        yield first + 1, f"no column 'title' among {shorten(clean_line(lines[first]), 80)!r}"
        return
    for number, row in _rows(lines, first + 1, delimiter):
        if isinstance(row, str) or any(cell.strip() for cell in row):
            yield number, row if isinstance(row, str) else _fields(_named(columns, row))


def _columns(line: str, delimiter: str) -> list[str]:
    """The field of each column; empty for one that is not known."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
    names = (_NO_LETTER.sub("", cell).lower() for cell in cells)
    return [next((field for field, known in _COLUMNS.items() if name in known), "") for name in names]


def _known(columns: Sequence[str]) -> int:
    return len(set(filter(None, columns)))


def _rows(lines: Sequence[str], start: int, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """The rows and their lines. A quotation mark that nothing closes costs its own line, not all that follow."""
    while start < len(lines):
        reader = csv.reader(islice(lines, start, None), delimiter=delimiter)
        for number, row in _read(reader, start):
            end = start + reader.line_num
            if isinstance(row, list) and end == len(lines) and _open(lines[number - 1 : end]):
                row = "a quotation mark that is never closed"  # noqa: PLW2901 - the rest goes for both
            yield number, row
            if isinstance(row, str):
                start = number
                break
        else:
            return


def _read(reader: Any, start: int) -> Iterator[tuple[int, list[str] | str]]:
    while True:
        number = start + reader.line_num + 1
        try:
            yield number, next(reader)
        except csv.Error as error:
            yield number, f"not a row of a table: {error}"
        except StopIteration:
            return


def _open(lines: Sequence[str]) -> bool:
    """Whether several lines were read as one row to the end of the file, because of an odd quotation mark."""
    return len(lines) > 1 and "".join(lines).count(_QUOTE) % 2 == 1


def _named(columns: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    """The cells by field; of columns that mean the same, the first that is not empty."""
    named: dict[str, str] = {}
    for column, cell in zip(columns, row, strict=False):
        if column and not named.get(column):
            named[column] = cell.strip()
    return named


def _fields(row: dict[str, str]) -> dict[str, Any]:
    identifier = row.get("arxiv", "")
    found = next(filter(None, (dates.some_day(row.get(name)) for name in ("date", "year"))), None)
    return {
        "title": row.get("title", ""),
        "id": arxiv_id(identifier) or arxiv_id(_named_arxiv(row.get("url", ""))),
        "doi": row.get("doi") or doi(identifier) or doi(row.get("url", "")),
        "abstract": row.get("abstract"),
        "authors": list(author_names(row.get("authors", ""))),
        "venue": row.get("venue"),
        "categories": [term for term in map(clean_line, _BETWEEN_TERMS.split(row.get("keywords", ""))) if term],
        "published": found.isoformat() if found else None,
        "url": row.get("url"),
    }


def _named_arxiv(link: str) -> str:
    return link if "arxiv" in link.lower() else ""
