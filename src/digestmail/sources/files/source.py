"""Files, a folder of them, or those that a pattern names; read when they have changed."""

import glob
from collections.abc import Callable, Iterator
from pathlib import Path

from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import Inquiry, Paper, SkippedEntry, Validators
from digestmail.protocols import Entry
from digestmail.sources.decoding import decode
from digestmail.sources.files import bibtex, jsonl, ris, tables
from digestmail.sources.files.records import Records, entry, whole
from digestmail.sources.reading import cannot_read, read_file

_LINES = (".jsonl", ".ndjson")
_WHOLE: dict[str, Callable[[str], Records]] = {
    ".bib": bibtex.records,
    ".bibtex": bibtex.records,
    ".ris": ris.records,
    ".csv": tables.records,
    ".tsv": tables.records,
}
#: what is read; everything else in a folder is left alone
EXTENSIONS = (*_WHOLE, *_LINES)


class FilesSource:
    """Papers in BibTeX, RIS, CSV and JSON Lines. ``path`` is a file, a folder (not those in it) or a glob pattern."""

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        self.name = name or f"files:{path.name}"
        self.calendar = None
        self._path = path

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:
        """Yield the papers of the files that have changed, file by file in the order of their names.

        A file that fails costs the others nothing: its error is raised after all have been read, and the next time
        they are all read again. Raises SourceUnavailable when there is no such file or folder, SourceFormatError.
        """
        troubles: list[SourceError] = []
        for path in self._files():
            try:
                state = _state(path, self.name)
                if state != inquiry.validators.get(state.address):
                    yield from whole(_entries(path, self.name), self.name, f"entry of {path.name}")
                    yield state
            except SourceError as error:
                troubles.append(error)
        if troubles:
            raise _all(troubles)

    def _files(self) -> list[Path]:
        """The files there are to read. An empty folder is fine; a name of a file that nobody can read is not."""
        path = self._path
        if path.is_dir():
            return _readable(_listed(path, self.name))
        if path.exists() or not glob.has_magic(str(path)):
            if path.exists() and path.suffix.lower() not in EXTENSIONS:
                raise SourceFormatError(self.name, f"{path.name} ends in none of {', '.join(EXTENSIONS)}")
            return [path]
        fixed = next(parent for parent in path.parents if not glob.has_magic(str(parent)))
        if not fixed.is_dir():
            raise SourceUnavailable(self.name, f"cannot read {fixed}: No such folder")
        matched = list(fixed.glob(str(path.relative_to(fixed))))
        if matched and not _readable(matched):
            raise SourceFormatError(self.name, f"no file that {path.name} names ends in {', '.join(EXTENSIONS)}")
        return _readable(matched)


def _listed(folder: Path, source: str) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise cannot_read(source, folder, error) from error


def _readable(paths: list[Path]) -> list[Path]:
    return sorted(path for path in paths if path.suffix.lower() in EXTENSIONS and not path.is_dir())


def _state(path: Path, source: str) -> Validators:
    """Taken before the file is read: what is written to it meanwhile makes it another one."""
    try:
        found = path.stat()
    except OSError as error:
        raise cannot_read(source, path, error) from error
    return Validators(str(path), etag=f"{found.st_size}-{found.st_mtime_ns}")


def _entries(path: Path, source: str) -> Iterator[Paper | SkippedEntry]:
    suffix = path.suffix.lower()
    if suffix in _LINES:
        yield from jsonl.entries(path, source)
        return
    text = decode(read_file(path, source))
    if "\0" in text:
        raise SourceFormatError(source, f"{path.name} is not text")
    for line, fields in _WHOLE[suffix](text):
        yield entry(fields, f"{path.name}:{line}", source)


def _all(troubles: list[SourceError]) -> SourceError:
    """One error for all: the first, and how many there are."""
    first = troubles[0]
    more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
    return type(first)(first.source, first.why + more)
