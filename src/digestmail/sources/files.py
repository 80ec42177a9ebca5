"""JSON Lines: one paper a line. The way in for everything that has no source of its own."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, ValidationError

from digestmail.errors import SourceFormatError
from digestmail.model import Inquiry, Paper, SkippedEntry
from digestmail.protocols import Entry
from digestmail.sources.reading import cannot_read, count, day, is_title, kind, web_link
from digestmail.text.clean import clean_line
from digestmail.text.identity import doi, paper_key

LONGEST_LINE = 1_000_000  # bytes; the longest of 74,728 real records has 3,303 authors and stays under 100 kB
_BETWEEN_AUTHORS = re.compile(" and |;")


def _line(value: object) -> object:
    return (clean_line(value) or None) if isinstance(value, str) else value


def _title(value: object) -> object:
    title = clean_line(value) if isinstance(value, str) else value
    if isinstance(title, str) and not is_title(title):
        raise ValueError("is empty")
    return title


def _names(value: object) -> object:
    parts = _BETWEEN_AUTHORS.split(clean_line(value)) if isinstance(value, str) else value
    return _cleaned(parts)


def _terms(value: object) -> object:
    return _cleaned(value.split() if isinstance(value, str) else value)


def _cleaned(parts: object) -> object:
    if parts is None:
        return ()
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("should be a list of strings")
    return tuple(dict.fromkeys(filter(None, map(clean_line, parts))))


def _date(value: object) -> date | None:
    found = day(value)
    if found is None and value not in (None, ""):
        raise ValueError("should be a date like 2026-06-30")
    return found


def _number(value: object) -> int | None:
    found = count(value)
    if found is None and value is not None:
        raise ValueError("should be a whole number from 0")
    return found


Line = Annotated[str | None, BeforeValidator(_line)]
Day = Annotated[date | None, BeforeValidator(_date)]
Count = Annotated[int | None, BeforeValidator(_number)]
Link = Annotated[str | None, BeforeValidator(web_link)]


class PaperLine(BaseModel):
    """The keys of one line. Only ``title`` is required; null is the same as absent; unknown keys are ignored."""

    title: Annotated[str, BeforeValidator(_title)]
    id: Line = Field(None, validation_alias=AliasChoices("id", "arxiv_id"))
    doi: Line = None
    abstract: Line = Field(None, validation_alias=AliasChoices("abstract", "summary"))
    authors: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    author_count: Count = None
    organization: Line = None
    categories: Annotated[tuple[str, ...], BeforeValidator(_terms)] = ()
    published: Day = None
    listed: Day = None
    upvotes: Count = None
    comments: Count = None
    url: Link = None
    code_url: Link = None
    project_url: Link = None

    def paper(self, source: str) -> Paper:
        """The paper, keyed by arXiv id, else DOI (``id`` may hold either), else title; linked to where that leads."""
        key = paper_key(title=self.title, arxiv=self.id, doi_text=self.doi or self.id)
        copied = self.model_dump(exclude={"id", "doi", "abstract", "url"})
        return Paper(
            key=key,
            doi=doi(self.doi or self.id or ""),
            abstract=self.abstract or "",
            url=self.url or _home(key),
            source=source,
            **copied,
        )


class JsonlSource:
    """Papers of one file, read line by line: the file may be larger than memory."""

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        self.name = name or f"jsonl:{path.name}"
        self.calendar = None
        self._path = path

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:  # noqa: ARG002 - a file does not depend on the day
        """Yield the papers of the file in its order; blank lines are nothing, a file without lines is a quiet day.

        Raises SourceUnavailable when the file cannot be read, SourceFormatError when it has lines and none is a paper.
        """
        first_trouble: SkippedEntry | None = None
        found_one = False
        for entry in self._entries():
            if isinstance(entry, Paper):
                found_one = True
            else:
                first_trouble = first_trouble or entry
            yield entry
        if first_trouble and not found_one:
            raise SourceFormatError(self.name, f"no line is a paper; {first_trouble}")

    def _entries(self) -> Iterator[Paper | SkippedEntry]:
        try:
            with self._path.open("rb") as file:
                for number, line in enumerate(_lines(file), start=1):
                    if line is None or line.strip():
                        yield self._entry(number, line)
        except OSError as error:
            raise cannot_read(self.name, self._path, error) from error

    def _entry(self, number: int, line: bytes | None) -> Paper | SkippedEntry:
        where = f"{self._path.name}:{number}"
        if line is None:
            return SkippedEntry(where, f"the line is longer than {LONGEST_LINE // 1_000_000} MB")
        try:
            fields: Any = json.loads(line.decode("utf-8-sig", "replace"))
            if not isinstance(fields, dict):
                return SkippedEntry(where, f"{kind(fields)} instead of an object")
            return PaperLine.model_validate(fields).paper(self.name)
        except ValidationError as error:
            return SkippedEntry(where, "; ".join(_problems(error)))
        except RecursionError:
            return SkippedEntry(where, "JSON nested too deeply")
        except ValueError as error:
            return SkippedEntry(where, f"not JSON: {clean_line(str(error))}")


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a file; None for one that is too long, which is passed over without being held."""
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) <= LONGEST_LINE:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)
        yield None


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        why = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        yield f"{problem['loc'][0]} {why[:1].lower()}{why[1:]}"


def _home(key: str) -> str | None:
    kind_of_key, _, rest = key.partition(":")
    homes = {"arxiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}
    return homes[kind_of_key] + rest if kind_of_key in homes else None
