"""Cleaning what sources and people send, once, at the door. Pure."""

import re
import unicodedata

# Controls that are not white space, soft hyphen, zero-width characters, bidirectional overrides, byte order mark and
# lone surrogates: they break headers and databases, hide words from matching or turn the line around.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ud800-\udfff]",
)


def clean_line(text: str) -> str:
    """One line: no control or invisible characters, white space folded, Unicode composed (NFC)."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    return " ".join(_UNWANTED.sub("", unicodedata.normalize("NFC", text)).split())


def shorten(text: str, width: int) -> str:
    """At most ``width`` characters, cut at a word and ended with an ellipsis where something was left out."""
    if len(text) <= width:
        return text
    head = text[: width - 1]
    cut = head.rfind(" ")
    return (head[:cut] if cut > width // 2 else head).rstrip(" ,;:.-") + "…"
