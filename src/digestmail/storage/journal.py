"""Results that the database would not take: a server has accepted a message, and the disk is full.

They wait in a small file beside the database and are the first thing that the next pass stores, so that a message that
went out is not taken for one whose fate nobody knows. The file is made before anything is sent, with room for the
results of all messages that can be under way: writing them needs no new block on a full disk. Exim keeps a journal for
the same reason (its specification, "Format of the -J file").
"""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

_ROOM = 1 << 17


class Journal:
    """Append-only while a pass lasts, gone when all that it held is stored. Without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def reserve(self) -> None:
        """Make the file. Raises OSError."""
        if self._path is None or self._path.exists():
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # written, not only promised: a file with holes needs blocks later
            os.write(descriptor, b"\0" * _ROOM)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def append(self, results: Iterable[Mapping[str, object]]) -> None:
        """Add results, on disk when it returns. Raises OSError."""
        if self._path is None:
            return
        content = self._content() + b"".join(json.dumps(dict(result)).encode() + b"\n" for result in results)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, content, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> list[dict[str, object]]:
        """What was added; a last line that a crash cut off is left out."""
        whole = self._content().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def clear(self) -> None:
        """Everything is stored."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _content(self) -> bytes:
        if self._path is None:
            return b""
        with contextlib.suppress(FileNotFoundError):
            return self._path.read_bytes().rstrip(b"\0")
        return b""
