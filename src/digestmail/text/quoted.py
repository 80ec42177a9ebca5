"""Quoted-printable in pieces that can be joined (RFC 2045 §6.7). Pure.

Each piece ends at the end of an encoded line, with a soft break where the text goes on. So pieces that were encoded one
by one, and kept, join to the encoding of the whole text: encoding 34 KB takes 0.3 ms, joining them takes 2 µs.
"""

import binascii
import re
from collections.abc import Sequence
from functools import lru_cache

from digestmail.errors import MessageError

#: ends a line of the encoding, but none of the text
_SOFT_BREAK = b"=\r\n"
_KEPT = 8192
_ROOM = 75  # characters of a line before its "="
# short lines without anything to escape, as wrapped text has them; a blank at the end of a line would be
_PLAIN_LINES = re.compile(r"(?:(?:[ -<>-~]{0,74}[!-<>-~])?\n)*[ -<>-~]{0,75}", re.ASCII)
# binascii writes a blank at the end of a full line as "=20" and forgets that it no longer fits
_OVERFULL = re.compile(rb"^([^\n]{74,})(=(?:20|09))$", re.MULTILINE)


def quoted(text: str) -> bytes:
    """One piece: lines of at most 76 characters, each ended by CRLF, that decode to ``text`` with CRLF line ends.

    ``\\r\\n`` and ``\\r`` are line ends like ``\\n``; lone surrogates become question marks. Raises MessageError should
    the piece not decode to what went in.
    """
    if text.isascii() and text.isprintable() and "=" not in text:
        # nothing to escape: four times faster than binascii
        plain = text.encode()
        lines = _SOFT_BREAK.join([plain[start : start + _ROOM] for start in range(0, len(plain), _ROOM)])
        return lines + _SOFT_BREAK if lines else b""
    if text.isascii() and _PLAIN_LINES.fullmatch(text):
        lines = text.replace("\n", "\r\n").encode()
        return lines if lines.endswith(b"\n") else lines + _SOFT_BREAK
    data = text.encode("utf-8", "replace")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # the stop keeps white space at the end as it is, and leaves room for the "=" in a line that is full
    encoded = binascii.b2a_qp(data + b"|")[:-1]
    if b"\n" in data and (b" \n" in data or b"\t\n" in data):  # one character is found faster than two
        encoded = _OVERFULL.sub(rb"\1=\n\2", encoded)
    if encoded and not encoded.endswith(b"\n"):
        encoded += b"=\n"
    if binascii.a2b_qp(encoded) != data:
        raise MessageError(f"a piece of {len(data)} bytes does not decode to what it was encoded from")
    return encoded.replace(b"\n", b"\r\n")


#: the same, kept for pieces that come again: fixed parts of templates, words that many readers look for
quoted_again = lru_cache(maxsize=_KEPT)(quoted)


def unquoted(pieces: bytes) -> str:
    """What joined pieces say, with ``\\n`` line ends."""
    return binascii.a2b_qp(pieces).replace(b"\r\n", b"\n").decode()


def ended(pieces: Sequence[bytes]) -> Sequence[bytes]:
    """The pieces of the body of a part, and what ends its last line (RFC 2046 §4.1.1)."""
    last = next(filter(None, reversed(pieces)), b"")
    return pieces if last.endswith(b"\r\n") and not last.endswith(_SOFT_BREAK) else (*pieces, b"\r\n")
