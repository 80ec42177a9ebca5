"""A folder of messages: one ``.eml`` file each, which any mail client opens.

A file is complete or absent, whatever kills the process or the machine: it is written under a hidden name, synced,
linked to its final name, and the folder is synced before ``send`` returns. What a crash leaves is a hidden ``.tmp``
file that nobody reads.
"""

import errno
import os
import re
import secrets
from pathlib import Path

from digestmail.errors import TransportUnavailable
from digestmail.model import Envelope
from digestmail.protocols import Commit

_UNSAFE = re.compile(r"[^a-z0-9@._+-]")
_ADDRESS = (
    200  # characters of the address in a name; with the day and the id far below the 255 bytes of most file systems
)
_ID = 8  # base32 digits, 40 bits: within one address and day that is plenty
# what file systems without hard links answer to link(2)
_NO_LINKS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


class OutboxTransport:
    """Puts each message into ``folder``, which is made when it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_of(self, envelope: Envelope) -> Path:
        """Where the message goes: ``2024-01-29_reader@example.org_ab12cd34.eml``.

        The last piece is the beginning of the Message-ID, which ``digestmail.mail.message`` derives from a hash: one
        message has one name, on every attempt.
        """
        address = _UNSAFE.sub("-", envelope.rcpt_to.lower())[:_ADDRESS]
        identity = _UNSAFE.sub("-", envelope.message_id.strip("<>").lower().partition("@")[0])[:_ID]
        return self._folder / f"{envelope.slot.isoformat()}_{address}_{identity}.eml"

    @property
    def lanes(self) -> int:
        """One: it waits for the disk."""
        return 1

    async def ready(self) -> None:
        """At any time."""

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        """Write the message and return its path; one that is there already is left as it is.

        Raises TransportUnavailable when the folder cannot be made or written.
        """
        path = self.path_of(envelope)
        await commit()
        try:
            _make(self._folder)
            if not path.is_file():
                _write(path, envelope.content)
            # also for a file that was there: the process that linked it may have ended before this
            _sync(self._folder)
        except OSError as error:
            raise TransportUnavailable(f"outbox {self._folder}: {(error.strerror or str(error)).lower()}") from error
        return str(path)

    async def close(self) -> None:
        """There is nothing to give back."""


def _make(folder: Path) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        _sync(made.parent)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
