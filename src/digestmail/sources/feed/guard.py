"""Feeds are read by a process of its own: feedparser spends 9.9 s on one 60 KB author (its issue 562, open in 6.0.14).

A feed that takes too long, or too much memory, costs that process and nothing else.
"""

import json
import signal
import subprocess
import sys

from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.sources.feed.child import CPU_SECONDS, MEMORY
from digestmail.sources.feed.facts import Document, load
from digestmail.text.clean import clean_line

WALL_SECONDS = 60.0
_COMMAND = (sys.executable, "-P", "-m", "digestmail.sources.feed.child")  # -P: no modules from the working directory


def read_guarded(body: bytes, base: str, source: str, *, wall: float = WALL_SECONDS) -> Document:
    """The facts of a feed, within 10 s of computing and 512 MB. Raises SourceFormatError.

    SourceUnavailable when the system starts no process.
    """
    try:
        given = f"{base}\n".encode() + body
        done = subprocess.run(_COMMAND, input=given, capture_output=True, timeout=wall, check=False)  # noqa: S603 - our own module
    except OSError as error:
        raise SourceUnavailable(source, f"no process to read the feed: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        raise SourceFormatError(source, f"the feed was not read within {wall:.0f} s: given up") from error
    if done.returncode:
        raise SourceFormatError(source, _why(done))
    lines = done.stdout.splitlines()
    if trouble := json.loads(lines[0]).get("error"):
        raise SourceFormatError(source, clean_line(trouble))
    return load(lines)


def _why(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"the feed takes more than {CPU_SECONDS} s to read: given up"
    last = clean_line(done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2])
    if last.startswith("MemoryError"):
        return f"the feed takes more than {MEMORY // 1024**2} MB to read: given up"
    return f"the feed cannot be read: {last[:200] or f'exit code {done.returncode}'}"
