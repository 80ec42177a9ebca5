"""BibTeX and BibLaTeX, as reference managers write it."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bibtexparser.library import Library
from bibtexparser.middlewares import RemoveEnclosingMiddleware, ResolveStringReferencesMiddleware
from bibtexparser.model import (
    Block,
    DuplicateBlockKeyBlock,
    DuplicateFieldKeyBlock,
    Entry,
    ImplicitComment,
    ParsingFailedBlock,
)
from bibtexparser.splitter import Splitter

from digestmail.sources import dates
from digestmail.sources.files.records import Records
from digestmail.sources.names import display_name, distinct
from digestmail.text.clean import clean_line, shorten
from digestmail.text.identity import arxiv_id
from digestmail.text.tex import to_text

_LONGEST_REASON = 150
_MOST_BRACES = 3  # around one value; programs write two
_NAMES_ID = ("eprint", "url", "doi", "note", "journal", "howpublished", "number", "pages")
_PARTS_NAMES = re.compile(r"\\.|[{}]|(?<!\s)\s+and(?=\s)", re.IGNORECASE | re.DOTALL)
_PREPRINT = re.compile(r"arxiv|corr\b", re.IGNORECASE)


def records(text: str) -> Records:
    """The entries of a file, also those with the key of another one; a broken one as the reason why."""
    # broken blocks are told below; the library would also log each
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    blocks = list(_unique(Splitter(text).split().blocks))
    broken = [block for block in blocks if isinstance(block, ParsingFailedBlock)]
    library = Library([block for block in blocks if not isinstance(block, ParsingFailedBlock)])
    for middleware in (ResolveStringReferencesMiddleware(), RemoveEnclosingMiddleware()):
        library = middleware.transform(library)
    found: list[tuple[int, dict[str, Any] | str]] = [
        (_line(block), _fields({field.key.lower(): str(field.value) for field in block.fields}))
        for block in library.entries
    ]
    found += [(_line(block), _why(block)) for block in broken]
    if not found and all(isinstance(block, ImplicitComment) for block in blocks):
        yield from _only_text(blocks)
    yield from sorted(found, key=lambda one: one[0])


def _unique(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks, with a key of its own for each entry: keys and fields that come twice are no reason to lose one."""
    for number, block in enumerate(blocks):
        inner = block
        while isinstance(inner, (DuplicateBlockKeyBlock, DuplicateFieldKeyBlock)) and inner.ignore_error_block:
            inner = inner.ignore_error_block
        if isinstance(inner, Entry):
            first = {field.key.lower(): field for field in reversed(inner.fields)}
            yield Entry(inner.entry_type, f"{inner.key}#{number}", list(first.values()), start_line=inner.start_line)
        elif not isinstance(block, DuplicateBlockKeyBlock):  # a macro that is defined again
            yield block


def _only_text(blocks: Iterable[Block]) -> Records:
    """A file of nothing but text is none of BibTeX, unless the text says that it is a comment."""
    for block in blocks:
        lines = (block.raw or "").splitlines()
        if any(line.strip() and not line.lstrip().startswith("%") for line in lines):
            yield _line(block), "text without an entry: is it BibTeX?"
            return


def _why(block: ParsingFailedBlock) -> str:
    reason = clean_line(str(getattr(block.error, "abort_reason", "") or block.error))
    return shorten(reason, _LONGEST_REASON) or "not an entry of BibTeX"


def _line(block: Block) -> int:
    return (block.start_line or 0) + 1


def _fields(fields: Mapping[str, str]) -> dict[str, Any]:
    venue = next(filter(None, (fields.get(name, "") for name in ("journal", "journaltitle", "booktitle"))), "")
    return {
        "title": _bare(fields.get("title", "")),
        "id": _arxiv(fields),
        "doi": fields.get("doi"),
        "abstract": _bare(fields.get("abstract", "")),
        "authors": _people(fields.get("author") or fields.get("editor") or ""),
        "venue": None if _PREPRINT.search(venue) else to_text(_bare(venue)),
        "categories": _terms(fields),
        "published": _day(fields),
        "url": fields.get("url"),
    }


def _bare(text: str) -> str:
    """Without braces around all of it; those inside are TeX, which is read later."""
    text = text.strip()
    for _ in range(_MOST_BRACES):
        if not text.startswith("{") or _closes(text) != len(text) - 1:
            break
        text = text[1:-1].strip()
    return text


def _closes(text: str) -> int:
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return place
    return -1


def _people(text: str) -> list[str]:
    """The names; one in braces stands as it is: ``{The ATLAS and CMS Collaborations}``."""
    parts = [part.strip() for part in _parted(text)]
    names = (
        clean_line(_bare(part)) if part.startswith("{") else display_name(part)
        for part in parts
        if part.lower() != "others"
    )
    return list(distinct(names))


def _parted(text: str) -> Iterator[str]:
    """What stands between the ``and``s that are in no braces.

    The library's own way loses a command at the beginning of a name: ``and \\'E. Cartan`` becomes ``E. Cartan``.
    """
    depth = start = 0
    for found in _PARTS_NAMES.finditer(text):
        depth = max(0, depth + (found[0] == "{") - (found[0] == "}"))
        if not depth and found[0][0].isspace():
            yield text[start : found.start()]
            start = found.end()
    yield text[start:]


def _arxiv(fields: Mapping[str, str]) -> str | None:
    prefix = (fields.get("archiveprefix") or fields.get("eprinttype") or "").strip("{} ").lower()
    texts = [fields.get(name, "").strip("{} ") for name in _NAMES_ID]
    eprint, others = texts[0], (text for text in texts[1:] if "arxiv" in text.lower())
    told = arxiv_id(eprint) if prefix in ("", "arxiv") else None
    return told or next(filter(None, map(arxiv_id, others)), None)


def _terms(fields: Mapping[str, str]) -> list[str]:
    told = (fields.get("primaryclass", ""), *re.split(r"[;,]", fields.get("keywords", "")))
    return [term for term in map(clean_line, told) if term]


def _day(fields: Mapping[str, str]) -> str | None:
    """The date, or what year, month and day make together."""
    found = dates.some_day(fields.get("date", "").partition("/")[0].strip("{} "))
    if found is None:
        year, month = fields.get("year", "").strip("{} "), dates.month(fields.get("month", ""))
        day = fields.get("day", "").strip("{} ")
        written = (f"{year}-{month}-{day}", f"{year}-{month}", year) if month else (year,)
        found = next(filter(None, map(dates.some_day, written)), None)
    return found.isoformat() if found else None
