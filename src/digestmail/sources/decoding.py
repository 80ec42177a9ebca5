"""Bytes that should be text, whatever they say of themselves."""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})")
_SEVEN_BITS = ("iso-2022-", "iso2022", "hz")  # valid as ASCII, and yet something else
_ESCAPE = b"\x1b"


def decode(content: bytes) -> str:
    """The text, with U+FFFD for what cannot be decoded. Raises nothing.

    A byte order mark decides; then UTF-8, whose multi-byte sequences nothing else has; then what an XML declaration
    says; then Windows-1252, the superset of Latin-1, unless nearly all of it is UTF-8 after all.

    >>> decode(b'<?xml version="1.0" encoding="utf-8"?>Schr\\xf6dinger')[-11:]
    'Schrödinger'
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    if content[1:2] == b"\0" != content[:1] or content[:1] == b"\0" != content[1:2]:
        return content.decode("utf-16-le" if content[1:2] == b"\0" else "utf-16-be", "replace")
    found = _DECLARED.match(content)
    declared = found[1].decode("ascii").lower() if found else ""
    seven_bits = declared.startswith(_SEVEN_BITS) and (_ESCAPE in content or declared.startswith("hz"))
    for encoding in ([declared] if seven_bits else []) + ["utf-8", declared]:
        try:
            return content.decode(encoding)
        except (LookupError, ValueError):  # no such encoding, or not in it
            continue
    text = content.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    right = sum(character > "\x7f" for character in text) - wrong
    return text if wrong <= right else content.decode("cp1252", "replace")
