"""JSON Lines: one paper a line. The way in for everything that has no source of its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from digestmail.model import Inquiry, Paper, SkippedEntry
from digestmail.protocols import Entry
from digestmail.sources.files.records import entry, whole
from digestmail.sources.reading import cannot_read, kind
from digestmail.text.clean import clean_line

LONGEST_LINE = 1_000_000  # bytes; the longest of 74,728 real records has 3,303 authors and stays under 100 kB


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
        yield from whole(entries(self._path, self.name), self.name, "line")


def entries(path: Path, source: str) -> Iterator[Paper | SkippedEntry]:
    """What the lines of a file are, in its order. Raises SourceUnavailable."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file), start=1):
                if line is None or line.strip():
                    yield entry(_fields(line), f"{path.name}:{number}", source)
    except OSError as error:
        raise cannot_read(source, path, error) from error


def _fields(line: bytes | None) -> dict[str, Any] | str:
    if line is None:
        return f"the line is longer than {LONGEST_LINE // 1_000_000} MB"
    try:
        fields: Any = json.loads(line.decode("utf-8-sig", "replace"))
    except RecursionError:
        return "JSON nested too deeply"
    except ValueError as error:
        return f"not JSON: {clean_line(str(error))}"
    return fields if isinstance(fields, dict) else f"{kind(fields)} instead of an object"


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a file; None for one that is too long, which is passed over without being held."""
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) <= LONGEST_LINE:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)
        yield None
