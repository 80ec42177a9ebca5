"""Cleaning what sources and people send, once, at the door. Pure."""

import re
import unicodedata

#: controls but tab and newline, soft hyphen, zero-width characters, bidirectional overrides, byte order mark, lone surrogates:
#: they break headers, hide words from matching or turn the line around (notes on hostile metadata: CVE-2021-42574 and friends)
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ud800-\udfff]")
_SPACE = re.compile(r"\s+")


def clean_line(text: str) -> str:
    """One line without control or invisible characters, white space folded, in Unicode's composed form (NFC)."""
    return _SPACE.sub(" ", _UNWANTED.sub("", text.replace("\x0b", " ").replace("\x0c", " ").replace("\r", "\n"))).strip() if text.isascii() else (
        _SPACE.sub(" ", _UNWANTED.sub("", unicodedata.normalize("NFC", text.replace("\r", "\n")))).strip()
    )


def shorten(text: str, width: int) -> str:
    """At most ``width`` characters, cut at a word and ended with an ellipsis where something was left out."""
    if len(text) <= width:
        return text
    head = text[: width - 1]
    cut = head.rfind(" ")
    return (head[:cut] if cut > width // 2 else head).rstrip(" ,;:.-") + "…"
