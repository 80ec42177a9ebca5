"""A folder of messages, which any mail client opens: ``.eml`` files, or a Maildir.

A file is complete or absent, whatever kills the process or the machine: it is written under a name that nobody reads,
synced, linked to its final name, and the folder is synced before ``send`` returns (http://cr.yp.to/proto/maildir.html,
which leaves out the last step). One sync of a folder serves all messages that were linked before it began.
"""

import asyncio
import errno
import os
import re
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeVar

from digestmail.errors import TransportUnavailable
from digestmail.model import Envelope
from digestmail.protocols import Commit

_Result = TypeVar("_Result")

_UNSAFE = re.compile(r"[^a-z0-9@._+-]")
_ADDRESS = (
    200  # characters of the address in a name; with the day and the id far below the 255 bytes of most file systems
)
_ID = 8  # base32 digits, 40 bits: within one address and day that is plenty
# what file systems without hard links answer to link(2)
_NO_LINKS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)
# syncs wait for the disk, not for one another: file systems write what several ask for at once
_THREADS, _LANES = 8, 32


class Layout(StrEnum):
    """How the folder is laid out."""

    FOLDER = "folder"  # all in one folder
    DAYS = "days"  # a folder for each day
    MAILDIR = "maildir"


class OutboxTransport:
    """Puts each message into ``folder``, which is made when it is missing."""

    lanes = _LANES

    def __init__(self, folder: Path, layout: Layout = Layout.FOLDER) -> None:
        self._folder, self._layout = folder, layout
        self._threads: ThreadPoolExecutor | None = None
        self._syncs: dict[Path, _SharedSync] = {}
        #: names of messages that a mail program has moved, with or without flags
        self._moved: frozenset[str] | None = None

    def path_of(self, envelope: Envelope) -> Path:
        """Where the message goes: ``2024-01-29_reader@example.org_ab12cd34.eml``.

        The last piece is the beginning of the Message-ID, which ``digestmail.mail.message`` derives from a hash: one
        message has one name, on every attempt. In a Maildir the name has no ending, for it may get flags.
        """
        address = _UNSAFE.sub("-", envelope.rcpt_to.lower())[:_ADDRESS]
        identity = _UNSAFE.sub("-", envelope.message_id.strip("<>").lower().partition("@")[0])[:_ID]
        slot = envelope.slot.isoformat()
        match self._layout:
            case Layout.FOLDER:
                return self._folder / f"{slot}_{address}_{identity}.eml"
            case Layout.DAYS:
                return self._folder / slot / f"{slot}_{address}_{identity}.eml"
            case Layout.MAILDIR:
                return self._folder / "new" / f"{slot}_{address}_{identity}"

    async def ready(self) -> None:
        """Always."""

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        """Write the message and return its path; one that is there already is left as it is.

        Raises TransportUnavailable when the folder cannot be made or written.
        """
        path = self.path_of(envelope)
        temporary = await self._in_thread(partial(self._prepare, path, envelope.content))
        try:
            await commit()
            if temporary:
                await self._in_thread(partial(_publish, temporary, path))
            # also for a file that was there: the process that linked it may have ended before this
            await self._synced(path.parent)
        finally:
            if temporary:
                temporary.unlink(missing_ok=True)
        return str(path)

    async def close(self) -> None:
        """End the threads that wait for the disk."""
        threads, self._threads, self._moved = self._threads, None, None
        self._syncs.clear()
        if threads:
            threads.shutdown()

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="outbox")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as error:
            raise TransportUnavailable(f"outbox {self._folder}: {(error.strerror or str(error)).lower()}") from error

    def _prepare(self, path: Path, content: bytes) -> Path | None:
        """Write the message beside its place, on disk when it returns; nothing when it has been delivered before."""
        name = secrets.token_hex(8)
        temporary = path.with_name(f".{name}.tmp")
        _make(path.parent)
        if self._layout is Layout.MAILDIR:
            temporary = self._folder / "tmp" / name
            _make(temporary.parent)
            _make(self._folder / "cur")
            if self._moved is None:
                # looked at once: nobody gets a message twice within one pass
                self._moved = frozenset(one.name.partition(":")[0] for one in (self._folder / "cur").iterdir())
            if path.name in self._moved:
                return None
        if path.is_file():
            return None
        _write(temporary, content)
        return temporary

    async def _synced(self, folder: Path) -> None:
        sync = self._syncs.setdefault(folder, _SharedSync(partial(self._in_thread, partial(_sync, folder))))
        await sync()


class _SharedSync:
    """Waits for a sync that began after it was asked for; all that ask while one is under way share the next."""

    def __init__(self, sync: Callable[[], Awaitable[None]]) -> None:
        self._sync = sync
        self._running: asyncio.Future[None] | None = None
        self._next: asyncio.Future[None] | None = None

    async def __call__(self) -> None:
        if self._next is None:
            self._next = asyncio.ensure_future(self._after(self._running))
        await asyncio.shield(self._next)

    async def _after(self, before: "asyncio.Future[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        await self._sync()


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        _sync(made.parent)


def _write(temporary: Path, content: bytes) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _publish(temporary: Path, path: Path) -> None:
    """Give the finished file its name, never over another one where the file system can tell."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        # another process delivered the same message in the meantime, unless what stands there is no file at all
        if not path.is_file():
            raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        temporary.rename(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
