"""What enrichers share when they read. Knows no format."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from digestmail.errors import SourceFormatError
from digestmail.model import Paper
from digestmail.text.clean import clean_line
from digestmail.text.identity import is_preprint

Thing = TypeVar("Thing")

# preprint servers as indexes call them: no paper is published there
_NO_VENUE = re.compile(
    r"arxiv|corr\b|biorxiv|medrxiv|chemrxiv|techrxiv|psyarxiv|ssrn|research square|preprints?\b|zenodo|hal\b",
    re.IGNORECASE,
)


def answer_of(content: bytes, source: str) -> Any:
    """The JSON of an answer. Raises SourceFormatError."""
    try:
        return json.loads(content.decode("utf-8-sig", "replace"))
    except RecursionError as error:
        raise SourceFormatError(source, "JSON nested too deeply") from error
    except ValueError as error:  # numbers of thousands of digits are one, too
        raise SourceFormatError(source, f"not JSON: {clean_line(str(error))}") from error


def part(value: object, *path: str) -> Any:
    """The value at a path of keys; None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def venue(*names: object) -> str | None:
    """The first name of a place where papers are published, which a preprint server is not."""
    lines = (clean_line(name) for name in names if isinstance(name, str))
    return next((line for line in lines if line and not _NO_VENUE.match(line)), None)


def chunks(things: Sequence[Thing], size: int) -> Iterator[Sequence[Thing]]:
    """All of them, so many at a time."""
    return (things[start : start + size] for start in range(0, len(things), size))


def with_facts(
    paper: Paper, *, doi: str | None, venue: str | None, citations: int | None, open_access_url: str | None
) -> Paper:
    """The paper with what is known now; what is not keeps its value, and so does the DOI of a publication."""
    published = doi if doi and not is_preprint(doi) else None
    return replace(
        paper,
        doi=paper.doi if paper.doi and not is_preprint(paper.doi) else published or paper.doi,
        venue=venue or paper.venue,
        citations=paper.citations if citations is None else citations,
        open_access_url=open_access_url or paper.open_access_url,
    )
