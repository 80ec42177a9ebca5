"""Where the sentences of an abstract begin and end, and which of them tell most. Pure."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

# A sentence ends where the next word does not begin small; Chinese and Japanese ends need no space behind them.
_END = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s+["'“‘(\[]?[^\Wa-z_])|[。！？]["”’」）]*""")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.?g|i\.?e|cf|vs|et al|resp|approx|Figs?|Eqs?|Secs?|Refs?|Tab|No|Dr|Prof|Mr|Mrs|St)|\.[A-Z])\.$"
)
_CLAIM = re.compile(r"\b(?:we|this (?:paper|work|study|article|report|survey|thesis|letter|note))\b", re.IGNORECASE)
# "Code is available at …": the links of a card say it better
_POINTER = re.compile(
    r"https?://|www\.|\bavailable (?:at|on|here|online|under|upon)\b|\bopen-?sourced?\b", re.IGNORECASE
)


def sentences(text: str) -> list[Span]:
    """The sentences of one line of text, as character ranges without the space between them."""
    return list(_sentences(text))


def _sentences(text: str) -> Iterator[Span]:
    start = 0
    for end in _END.finditer(text):
        if not _ABBREVIATION.search(text, max(0, end.end() - 12), end.end()):
            yield start, end.end()
            start = end.end() + text[end.end() : end.end() + 1].isspace()
    if text[start:].strip():
        yield start, len(text)


def gist(text: str) -> Span:
    """The first sentence that says what was done ("We show …"), else the first; empty for an empty text."""
    found = sentences(text)
    return next((span for span in found if _CLAIM.search(text, *span)), found[0] if found else (0, 0))


def lead(text: str) -> tuple[Span, ...]:
    """At most two sentences in the order of the text: its gist, and the last one, where results stand.

    A last sentence that only says where code is found gives way to the one before it.
    """
    found = sentences(text)
    if len(found) <= 2:  # noqa: PLR2004 - two sentences, as the docstring says
        return tuple(found)
    first = gist(text)
    results = [span for span in found if span != first and not _POINTER.search(text, *span)]
    return tuple(sorted((first, results[-1]))) if results else (first,)
