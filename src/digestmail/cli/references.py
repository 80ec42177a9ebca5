"""Papers that somebody has read, as files: BibTeX, lists of ids."""

import logging
from pathlib import Path

from bibtexparser.entrypoint import parse_string
from bibtexparser.middlewares import LatexDecodingMiddleware
from bibtexparser.model import Entry

from digestmail.errors import FileFormatError, InputError
from digestmail.newsletter.keywords import Reference
from digestmail.text.clean import clean_line
from digestmail.text.identity import arxiv_id, doi


def of_ids(texts: list[str]) -> list[Reference]:
    """One reference for each id, URL, DOI or title."""
    return [Reference(name=text, names=(text,)) for text in map(clean_line, texts) if text]


def read_ids(path: Path) -> list[Reference]:
    """One reference a line; blank lines and what follows a ``#`` are nothing. Raises InputError."""
    return of_ids([line.partition("#")[0] for line in _read(path).splitlines()])


def read_bibtex(path: Path) -> list[Reference]:
    """The entries of a BibTeX or BibLaTeX file, as reference managers write it; broken entries are left out.

    Raises InputError, FileFormatError when no entry can be read.
    """
    # broken blocks are counted here; the library would also log each
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    library = parse_string(_read(path), append_middleware=[LatexDecodingMiddleware()])
    references = [reference for entry in library.entries if (reference := _reference(entry))]
    if not references:
        raise FileFormatError(path, "no entry with a title, an arXiv id or a DOI: is it BibTeX?")
    return references


def _reference(entry: Entry) -> Reference | None:
    fields = {field.key.lower(): clean_line(str(field.value)) for field in entry.fields}
    eprint = fields.get("eprint", "")
    arxiv = next(
        (found for text in (eprint, *map(fields.get, ("url", "doi", "note"))) if (found := arxiv_id(text or ""))), None
    )
    names = (
        f"arxiv:{arxiv}" if arxiv else "",
        f"doi:{found}" if (found := doi(fields.get("doi", ""))) else "",
        fields.get("title", ""),
    )
    known = tuple(name for name in names if name)
    if not known:
        return None
    return Reference(name=entry.key, names=known, title=fields.get("title", ""), abstract=fields.get("abstract", ""))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
