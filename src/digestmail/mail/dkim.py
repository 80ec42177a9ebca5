"""DKIM (RFC 6376, RFC 8463): a finished message gets one signature per key. Pure: same bytes and keys, same signatures.

dkimpy reads what is written here, in the tests and in ``digestmail doctor``: two independent hands, as for the headers.
It does not write it: its clock goes into ``t=``, so that no attempt of a delivery would be the same bytes as another,
and its RSA takes 7 ms a message where OpenSSL takes 0.3.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from digestmail.errors import InputError, MessageError

#: what nobody may add to a signed message: each is signed once more than it is there (RFC 6376 §5.4.2)
_ONCE = (
    *("from", "to", "cc", "subject", "date", "message-id", "reply-to"),
    *("mime-version", "content-type", "list-unsubscribe", "list-unsubscribe-post"),
)
#: RFC 6376 §5.4.1; RFC 8058 §4 wants both headers of one-click, Gmail its Feedback-ID
SIGNED = (*_ONCE, "list-id", "list-help", "list-owner", "list-archive", "list-post", "feedback-id")
_SEED = 32  # bytes of an Ed25519 key (RFC 8032 §5.1.5)
_SHORTEST_RSA = 1024  # RFC 8301 §3.2
_WIDTH = 72
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_BLANKS = re.compile(rb"[ \t]+")

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private key and where its public half is published."""

    domain: str
    selector: str
    private: PrivateKey

    @property
    def name(self) -> str:
        """The name of the DNS record."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """The TXT record that belongs there (RFC 6376 §3.6.1, RFC 8463 §4)."""
        public = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            shown = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return f"v=DKIM1; k=rsa; p={base64.b64encode(shown).decode()}"
        shown = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(shown).decode()}"

    @property
    def algorithm(self) -> str:
        """Its name in a signature."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    @property
    def bits(self) -> int | None:
        """The length of an RSA key."""
        return self.private.key_size if isinstance(self.private, RSAPrivateKey) else None

    def sign(self, text: bytes) -> bytes:
        """The signature of a text; both algorithms always give the same for the same."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(text, PKCS1v15(), SHA256())
        return self.private.sign(hashlib.sha256(text).digest())  # RFC 8463 §3: of the hash


def read_key(content: bytes) -> PrivateKey:
    """A private key from PEM, or an Ed25519 seed in base64. Raises InputError, which never quotes it."""
    try:
        private = _read(content)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError("not a private key: neither PEM without a password nor 32 bytes in base64") from None
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise InputError("not a key that DKIM knows: RSA or Ed25519")
    if isinstance(private, RSAPrivateKey) and private.key_size < _SHORTEST_RSA:
        raise InputError(f"an RSA key of {private.key_size} bits; receivers take {_SHORTEST_RSA} at least, best 2048")
    return private


def _read(content: bytes) -> object:
    if b"-----BEGIN" in content:
        return load_pem_private_key(content, password=None)
    seed = base64.b64decode(content.strip(), validate=True)
    if len(seed) != _SEED:
        raise binascii.Error
    return Ed25519PrivateKey.from_private_bytes(seed)


def signing(keys: Sequence[DkimKey]) -> Callable[[bytes], bytes]:
    """A function that puts the signatures of all keys before a message."""

    def sign(content: bytes) -> bytes:
        return signed(content, keys)

    return sign


def signed(content: bytes, keys: Sequence[DkimKey]) -> bytes:
    """The message with one DKIM-Signature per key before it. Raises MessageError when it is no message of ours."""
    head, end, body = content.partition(b"\r\n\r\n")
    fields = _relaxed(head)
    if not end or not fields.get("from") or not fields.get("date"):
        raise MessageError("a message without From or Date cannot be signed")
    names = [name for name in SIGNED for _ in fields.get(name, ())]
    # of a name that is there twice the last one is signed first (RFC 6376 §5.4.2)
    lines = b"".join(line for name in SIGNED for line in reversed(fields.get(name, [])))
    at = int(parsedate_to_datetime(fields["date"][0].partition(b":")[2].decode().strip()).timestamp())
    body_hash = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest()).decode()
    signatures = (_signature(key, lines, [*names, *_ONCE], at, body_hash) for key in keys)
    return b"".join((*signatures, content))


def _signature(key: DkimKey, lines: bytes, names: Sequence[str], at: int, body_hash: str) -> bytes:
    unsigned = (
        f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n"
        f" d={key.domain}; s={key.selector};\r\n"
        f" t={at}; bh={body_hash};\r\n"
        f" h={_joined(names)};\r\n"
        " b="
    )
    [own] = _relaxed(unsigned.encode("ascii"))["dkim-signature"]
    found = base64.b64encode(key.sign(lines + own.removesuffix(b"\r\n"))).decode()
    pieces = [found[start : start + _WIDTH] for start in range(0, len(found), _WIDTH)]
    folded = "\r\n  ".join(pieces)
    return f"{unsigned}{folded}\r\n".encode("ascii")


def _joined(names: Sequence[str]) -> str:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > _WIDTH:
            lines.append("")
        lines[-1] += f"{name}:"
    return "\r\n  ".join(lines).removesuffix(":")


def _relaxed(head: bytes) -> dict[str, list[bytes]]:
    """The header lines as they are hashed (RFC 6376 §3.4.2), by name."""
    fields: dict[str, list[bytes]] = {}
    for line in _FOLD.sub(b"", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        key = name.rstrip().lower()
        fields.setdefault(key.decode("ascii"), []).append(key + b":" + _BLANKS.sub(b" ", value).strip(b" ") + b"\r\n")
    return fields


def _relaxed_body(body: bytes) -> bytes:
    """RFC 6376 §3.4.4: blanks are one, none at the end of a line, no empty lines at the end."""
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    lines = (body + b"\r\n").replace(b" \r\n", b"\r\n")
    while lines.endswith(b"\r\n\r\n"):
        lines = lines[:-2]
    return b"" if lines == b"\r\n" else lines
