"""Messages in a file or on standard input: one message, or an mbox with many."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from digestmail.errors import FileFormatError
from digestmail.protocols import Letter

# the line that begins a message of an mbox (RFC 4155), and that mail servers put before what they pipe. A line of a
# message that begins with "From " has no date
_FROM_LINE = re.compile(rb"From \S+.{0,80}\d\d:\d\d.{0,40}\d{4}\s*\Z")
_QUOTED_FROM = re.compile(rb">+From ")
_CHUNK = 64 * 1024


class FileMailbox:
    """One file, or one stream. Nothing in it is marked: what was read before is told by its digest."""

    def __init__(self, path: Path | str, stream: BinaryIO | None = None, *, limit: int) -> None:
        """Messages of more than ``limit`` bytes are problems. ``stream`` is read instead of opening ``path``."""
        self.name = "stdin" if stream else "file"
        self._path = path
        self._stream = stream
        self._limit = limit

    def letters(self) -> Iterator[Letter]:
        """Yield its messages."""
        try:
            if self._stream:
                yield from self._split(self._stream)
            else:
                with Path(self._path).open("rb") as file:
                    yield from self._split(file)
        except OSError as error:
            raise FileFormatError(self._path, error.strerror or str(error)) from error

    def done(self, letter: Letter, *, look: bool) -> None:
        """Nothing to mark."""

    def _split(self, stream: BinaryIO) -> Iterator[Letter]:
        number, held, is_mbox, blank = 0, bytearray(), False, True
        for line in iter(lambda: stream.readline(_CHUNK), b""):
            if blank and (is_mbox or not held) and _FROM_LINE.match(line):
                if number or held:
                    yield self._letter(held, number)
                number, held, is_mbox = number + 1, bytearray(), True
                continue
            # some programs quote a line that begins with "From "
            text = line[1:] if is_mbox and _QUOTED_FROM.match(line) else line
            if len(held) <= self._limit:
                held += text
            blank = not line.strip()
        if number or held:
            yield self._letter(held, number)

    def _letter(self, held: bytearray, number: int) -> Letter:
        name = f"{self._path}:{number}" if number > 1 else str(self._path)
        if not held.strip():
            return Letter(name, b"", "empty")
        if len(held) > self._limit:
            return Letter(name, b"", f"longer than {self._limit:,} bytes")
        return Letter(name, bytes(held))
