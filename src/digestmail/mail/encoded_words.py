"""Encoded words: text beyond ASCII in a header (RFC 2047). Pure.

The words are those of the standard library's ``email.header.Header``, to the byte, at a tenth of its time: that encodes
a line anew for each of its characters.
"""

import base64
from collections.abc import Iterator
from string import ascii_letters, digits

_LINE = 76  # RFC 2047 §2: a line that holds an encoded word
_CHROME = len("=?utf-8?q??=")
_SAFE = f"{ascii_letters}{digits}!*+-/"
#: each octet in the Q encoding (RFC 2047 §4.2)
_Q = [f"={octet:02X}" if chr(octet) not in _SAFE else chr(octet) for octet in range(256)]
_Q[ord(" ")] = "_"


def encoded_words(text: str, begun: int) -> str:
    """``text``, one line, in encoded words, folded (CRLF, blank); ``begun`` columns of the first line are taken.

    No word cuts a character. All are in Q or all in B, whichever is shorter.
    """
    data = text.encode()
    in_q = sum([len(_Q[octet]) for octet in data])
    write, kind = (_b, "b") if _length_in_b(len(data)) < in_q else (_q, "q")
    lines = _lines(text, begun, in_b=kind == "b")
    return "\r\n ".join([f"=?utf-8?{kind}?{write(line.encode())}?=" if line else "" for line in lines])


def _lines(text: str, begun: int, *, in_b: bool) -> Iterator[str]:
    """As many characters as fit into each line; none in the first when not even one does."""
    room, start, used = _LINE - begun - _CHROME, 0, 0
    for at, character in enumerate(text):
        octets = character.encode()
        cost = len(octets) if in_b else sum([len(_Q[octet]) for octet in octets])
        needed = _length_in_b(used + cost) if in_b else used + cost
        if needed > room:
            yield text[start:at]
            room, start, used = _LINE - 1 - _CHROME, at, 0
        used += cost
    yield text[start:]


def _length_in_b(octets: int) -> int:
    return (octets + 2) // 3 * 4


def _b(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _q(data: bytes) -> str:
    return "".join([_Q[octet] for octet in data])
