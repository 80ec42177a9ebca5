"""The secret of a newsletter whose configuration names none: made once, kept beside the store."""

import errno
import os
import secrets
import tempfile
from pathlib import Path

from digestmail.errors import StoreError

_BYTES = 32
_SHORTEST = 16
# what file systems without hard links answer to link(2)
_NO_LINKS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


def secret_file(database: Path) -> Path:
    """``digestmail.db.secret`` beside ``digestmail.db``."""
    return database.with_name(f"{database.name}.secret")


def secret_beside(database: Path) -> bytes:
    """The secret in the file beside ``database``, written at the first call, for its owner alone.

    Of several processes that come first at once, all get the same. Raises StoreError.
    """
    path = secret_file(database)
    try:
        if not path.exists():
            _make(path)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise StoreError(f"secret {path}: {error.strerror}") from error
    if len(secret) < _SHORTEST:
        raise StoreError(f"secret {path}: too short; restore it from a backup: links in sent messages need it")
    return secret


def _make(path: Path) -> None:
    """Whole or not at all: written elsewhere, made durable, then linked to its name unless another was first."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # for its owner alone
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(_BYTES).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _link(name: str, path: Path) -> None:
    try:
        os.link(name, path)
    except FileExistsError:
        return  # another process was first: its secret is the secret
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        Path(name).rename(path)
