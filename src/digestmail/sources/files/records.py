"""The fields of one paper in a file, checked: the same for all formats."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, ValidationError

from digestmail.errors import SourceFormatError
from digestmail.model import Paper, SkippedEntry
from digestmail.sources.reading import count, day, is_title, web_link
from digestmail.text.clean import clean_line
from digestmail.text.identity import doi, paper_key

#: what a reader of a format gives: the line of an entry, and its fields or why it has none
Records = Iterator[tuple[int, dict[str, Any] | str]]

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
    venue: Line = None
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
        key = paper_key(title=self.title, arxiv=self.id, doi_text=self.doi or self.id, authors=self.authors)
        copied = self.model_dump(exclude={"id", "doi", "abstract", "url"})
        return Paper(
            key=key,
            doi=doi(self.doi or self.id or ""),
            abstract=self.abstract or "",
            url=self.url or _home(key),
            source=source,
            **copied,
        )


def entry(fields: dict[str, Any] | str, where: str, source: str) -> Paper | SkippedEntry:
    """The paper of some fields, or why there is none; ``where`` names its place."""
    if isinstance(fields, str):
        return SkippedEntry(where, fields)
    try:
        return PaperLine.model_validate(fields).paper(source)
    except ValidationError as error:
        return SkippedEntry(where, "; ".join(_problems(error)))


def whole(found: Iterator[Paper | SkippedEntry], source: str, unit: str) -> Iterator[Paper | SkippedEntry]:
    """The same; raises SourceFormatError at the end when there were entries (``unit``) and none was a paper."""
    first_trouble: SkippedEntry | None = None
    found_one = False
    for one in found:
        if isinstance(one, Paper):
            found_one = True
        else:
            first_trouble = first_trouble or one
        yield one
    if first_trouble and not found_one:
        raise SourceFormatError(source, f"no {unit} is a paper; {first_trouble}")


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        why = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        yield f"{problem['loc'][0]} {why[:1].lower()}{why[1:]}"


def _home(key: str) -> str | None:
    kind_of_key, _, rest = key.partition(":")
    homes = {"arxiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}
    return homes[kind_of_key] + rest if kind_of_key in homes else None
