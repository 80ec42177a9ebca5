"""Signed tokens that name a reader: long ones for links, short ones for addresses. Pure.

A token opens one door: the keys of the purposes are derived from the secret separately, so that a token seen in the
return path of a message cannot be used to unsubscribe. Whoever changes a token, or has none, gets nothing back: not
why, so that nobody learns how near they were.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from itsdangerous import Signer
from itsdangerous.encoding import base64_encode

_LONGEST = 512
_BLOCK = 64  # bytes that SHA-256 hashes at once
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_MAC = 10  # bytes in an address, beside the 122 random bits of a uid
_HEX = re.compile(r"(?:[0-9a-f]{2}){16}")
_VALUE = re.compile(r"(~?[\w-]+)\.([0-9]{1,9})(?:\.([0-9]{1,12}))?(?:\.~([\w-]{1,64}))?", re.ASCII)
#: characters of an address token of a uid as ``uuid4().hex`` makes it
ADDRESS_TOKEN = 42


class Purpose(StrEnum):
    """What a token is good for."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    CONFIRM = "confirm"
    BOUNCE = "bounce"
    #: says what a reader thinks of the papers of one issue; the subject is its day
    FEEDBACK = "feedback"
    #: shows one issue; the subject is its day
    ISSUE = "issue"
    SAVED = "saved"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a valid token says."""

    uid: str
    #: raised to make all earlier tokens of a reader worthless; comparing is the caller's part
    version: int
    expires: datetime | None
    #: what it is about, where the purpose alone does not say it: the day of an issue
    subject: str = ""


class Tokens:
    """Makes and reads the tokens of one newsletter."""

    def __init__(self, secret: bytes) -> None:
        """``secret`` is known to the newsletter alone. A new one makes every token in every message worthless."""
        # the keys are derived once: an issue has four links, and deriving takes longer than signing
        self._links = {purpose: _Mac(_signer(secret, "link", purpose).derive_key()) for purpose in Purpose}
        self._addresses = {purpose: _Mac(_signer(secret, "address", purpose).derive_key()) for purpose in Purpose}
        self._erased, self._limited = (
            Signer(secret, salt=f"digestmail {what}", key_derivation="hmac", digest_method=hashlib.sha256)
            for what in ("erased", "limited")
        )

    def link(
        self, purpose: Purpose, uid: str, *, version: int = 0, expires: datetime | None = None, subject: str = ""
    ) -> str:
        """A token for URLs: HMAC-SHA256 over purpose, uid, version, expiry (whole seconds) and subject.

        ``subject`` is of letters, digits, ``-`` and ``_``, 64 at most.
        """
        ends = f".{int(expires.timestamp())}" if expires else ""
        about = f".~{subject}" if subject else ""
        return self._signed(purpose, f"{_packed(uid)}.{version}{ends}{about}")

    def _signed(self, purpose: Purpose, value: str) -> str:
        """``Signer.sign`` with a key that is derived already."""
        return f"{value}.{base64_encode(self._links[purpose].digest(value.encode())).decode()}"

    def read_link(self, purpose: Purpose, token: str, now: datetime) -> Claim | None:
        """What the token of a URL says; None unless it was made for this purpose and holds at ``now``."""
        value = token.rpartition(".")[0]
        found = _VALUE.fullmatch(value)
        if len(token) > _LONGEST or not found:
            return None
        # made anew and compared: a decoder would pass what differs in bits that carry nothing
        if not hmac.compare_digest(self._signed(purpose, value).encode(), token.encode("utf-8", "replace")):
            return None
        expires = datetime.fromtimestamp(int(found[3]), UTC) if found[3] else None
        if expires and expires <= now:
            return None
        uid = _unpacked(found[1])
        return None if uid is None else Claim(uid, int(found[2]), expires, found[4] or "")

    def tombstone(self, email: str) -> str:
        """What is kept of an address that was erased: HMAC-SHA256 (hex) of it in lower case."""
        return hmac.digest(self._erased.derive_key(), email.lower().encode(), hashlib.sha256).hex()

    def limited(self, what: str) -> str:
        """What is kept of an address or a network that may do something only so often: HMAC-SHA256 (hex) of it."""
        return hmac.digest(self._limited.derive_key(), what.lower().encode(), hashlib.sha256).hex()

    def address(self, purpose: Purpose, uid: str) -> str:
        """A token for the local part of an address: base32 in lower case, which every mail server leaves alone.

        It never changes for a reader: greylisting (RFC 6647) waits for the same return path to come again.
        """
        mac = self._addresses[purpose].digest(uid.encode())[:_MAC]
        return base64.b32encode(_bytes_of(uid) + mac).decode().rstrip("=").lower()

    def read_address(self, purpose: Purpose, token: str) -> str | None:
        """The uid that the token of an address names, whatever case it came back in; None unless it was made here."""
        token = token.lower()
        try:
            body = base64.b32decode(token.upper() + "=" * (-len(token) % 8))[:-_MAC]
        except (binascii.Error, ValueError):
            return None
        for uid in (body.hex(), body.decode("utf-8", "replace")):
            if hmac.compare_digest(self.address(purpose, uid).encode(), token.encode("utf-8", "replace")):
                return uid
        return None

    def returned(self, token: str, now: datetime) -> str | None:
        """The uid in a token that came back with a bounce or asks to be taken off: of an address, or of a link."""
        for purpose in (Purpose.BOUNCE, Purpose.UNSUBSCRIBE):
            if uid := self.read_address(purpose, token):
                return uid
        claim = self.read_link(Purpose.UNSUBSCRIBE, token, now)
        return claim.uid if claim else None


class _Mac:
    """HMAC-SHA256 (RFC 2104 §4) whose key is hashed once: an issue has six of them, each in half of ``hmac``'s time."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner, self._outer = hashlib.sha256(padded.translate(_INNER)), hashlib.sha256(padded.translate(_OUTER))

    def digest(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


def _signer(secret: bytes, form: str, purpose: Purpose) -> Signer:
    return Signer(secret, salt=f"digestmail {form} {purpose}", key_derivation="hmac", digest_method=hashlib.sha256)


def _bytes_of(uid: str) -> bytes:
    return bytes.fromhex(uid) if _HEX.fullmatch(uid) else uid.encode()


# the links of one message follow one another
@lru_cache(64)
def _packed(uid: str) -> str:
    packed = base64.urlsafe_b64encode(_bytes_of(uid)).decode().rstrip("=")
    return packed if _HEX.fullmatch(uid) else f"~{packed}"


def _unpacked(text: str) -> str | None:
    try:
        body = base64.urlsafe_b64decode(text.lstrip("~") + "=" * (-len(text.lstrip("~")) % 4))
        return body.decode() if text.startswith("~") else body.hex()
    except ValueError:
        return None
