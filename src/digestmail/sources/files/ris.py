"""RIS, as publishers and reference managers write it."""

import re
from collections.abc import Iterator
from typing import Any

from rispy import RisParser

from digestmail.sources import dates
from digestmail.sources.files.records import Records
from digestmail.sources.names import display_name, distinct
from digestmail.text.identity import arxiv_id

_TAG = re.compile(r"([A-Z][A-Z0-9]) {1,2}-(?: |$)")
_TITLES = ("primary_title", "title")
_ABSTRACTS = ("abstract", "notes_abstract")
_DAYS = ("date", "year", "publication_year")
_VENUES = ("journal_name", "alternate_title3", "secondary_title", "alternate_title2")
_IDS = ("doi", "accession_number", "note", "custom1")


def records(text: str) -> Records:
    """The records of a file, from one ``TY`` to the next: one without its ``ER`` costs the next one nothing."""
    parser = RisParser(skip_unknown_tags=True, delimiter_tags_mapping={})
    number = 0
    for number, lines in _split(text):
        (fields,) = parser.parse_lines(iter([*lines, "ER  - "]))
        yield number, _fields(fields)
    if not number and text.strip():
        yield 1, "text without a line 'TY  - ': is it RIS?"


def _split(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of each record with the number of the first, all with two spaces after the tag."""
    start, lines = 0, list[str]()
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        found = _TAG.match(line)
        tag = found[1] if found else ""
        if tag in ("TY", "ER"):
            if lines:
                yield start, lines
            start, lines = number, []
        if tag == "TY" or (lines and tag != "ER" and (tag or len(lines) > 1)):
            lines.append(f"{tag}  - {line[found.end() :]}" if found else line)
    if lines:
        yield start, lines


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    links = record.get("urls", [])
    told = [*links, *(record.get(name, "") for name in _IDS)]
    people = distinct(map(display_name, [*record.get("first_authors", []), *record.get("authors", [])]))
    found = next(filter(None, (dates.some_day(record.get(name)) for name in _DAYS)), None)
    return {
        "title": _first(record, _TITLES),
        "id": next(filter(None, (arxiv_id(text) for text in told if "arxiv" in text.lower())), None),
        "doi": record.get("doi"),
        "abstract": _first(record, _ABSTRACTS),
        "authors": list(people),
        "venue": _first(record, _VENUES),
        "categories": record.get("keywords", []),
        "published": found.isoformat() if found else None,
        "url": next(iter(links), None),
    }


def _first(record: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((record[name] for name in names if record.get(name)), "")
