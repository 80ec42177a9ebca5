"""What only the newsletter knows: its secret, and the keys that sign its messages. Read from the disk, or made."""

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from digestmail.config import Config, DkimSettings
from digestmail.errors import ConfigError, InputError
from digestmail.mail.tokens import Tokens
from digestmail.newsletter import unsigned
from digestmail.storage.secret import secret_beside, secret_file

if TYPE_CHECKING:
    from digestmail.mail.dkim import DkimKey, PrivateKey

_log = logging.getLogger(__name__)

_BITS, _EXPONENT = 2048, 65537
_OTHERS = stat.S_IRWXO | stat.S_IWGRP  # a group that reads is how services share a key


def tokens_of(config: Config) -> Tokens:
    """The tokens of a configuration: by its secret, or by the one beside its store. Raises StoreError."""
    if config.newsletter.secret:
        return Tokens(config.newsletter.secret.encode())
    database = config.store_url.database
    assert database, "a store without a file needs a secret: config.rules"
    return Tokens(secret_beside(Path(database.removeprefix("file:"))))


def signing_of(config: Config) -> Callable[[bytes], bytes]:
    """What signs the messages of a configuration. Raises ConfigError."""
    if not config.newsletter.dkim:
        return unsigned
    from digestmail.mail.dkim import signing

    for path in private_files(config):
        if is_exposed(path):
            _log.warning("others may use the private file %s: chmod 600", path)
    return signing(dkim_keys(config))


def dkim_keys(config: Config) -> "tuple[DkimKey, ...]":
    """The DKIM keys of a configuration. Raises ConfigError with every key that cannot be used."""
    from digestmail.mail.dkim import DkimKey, read_key

    keys: list[DkimKey] = []
    problems: list[str] = []
    for index, settings in enumerate(config.newsletter.dkim):
        path = config.resolve(settings.key)
        try:
            private = read_key(path.read_bytes())
        except (InputError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            problems.append(f"newsletter.dkim[{index}].key: {path}: {why}")
            continue
        keys.append(DkimKey(_domain(config, settings), settings.selector, private))
    if problems:
        raise ConfigError(problems)
    return tuple(keys)


def private_files(config: Config) -> list[Path]:
    """The files that nobody else may read, as far as they are there."""
    files = [config.resolve(settings.key) for settings in config.newsletter.dkim]
    database = config.store_url.database
    if not config.newsletter.secret and database:
        files.append(secret_file(Path(database.removeprefix("file:"))))
    return [path for path in files if path.exists()]


def is_exposed(path: Path) -> bool:
    """Whether anybody may use a file, or a group change it."""
    return bool(path.stat().st_mode & _OTHERS)


def new_key(path: Path, *, ed25519: bool) -> "PrivateKey":
    """Make a key and write it to ``path`` as PEM, for its owner alone. Raises InputError; nothing is overwritten."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private: PrivateKey = Ed25519PrivateKey.generate() if ed25519 else generate_private_key(_EXPONENT, _BITS)
    content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except FileExistsError:
        raise InputError(f"{path} is there already: nothing was changed") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    return private


def _domain(config: Config, settings: DkimSettings) -> str:
    return settings.domain or config.newsletter.sender.address.rpartition("@")[2]
