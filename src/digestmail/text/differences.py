"""What changed between two texts, word by word, short enough for a mail. Pure."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

from digestmail.text.clean import clean_line, shorten

# words on both sides of a change that tell where it is
_CONTEXT = 3
_MOST_WORDS = 800  # of a text: longer ones are not abstracts
_LONGEST, _LONGEST_PIECE = 420, 160
# with less in common, a text was written anew: its changes word by word tell nobody anything
_ALIKE = 0.5


class Part(StrEnum):
    """What became of some words."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"
    #: words that are the same and not shown
    LEFT_OUT = "left out"


class Piece(NamedTuple):
    """Words in a row of which the same became."""

    part: Part
    words: str


def differences(before: str, after: str) -> tuple[Piece, ...]:
    """The changes, each with some words around it, in about 420 characters; nothing when most of it is new.

    >>> [f"{part}: {words}" for part, words in differences("a gain of 12% on all tasks", "a gain of 14% on all tasks")]
    ['kept: a gain of', 'removed: 12%', 'added: 14%', 'kept: on all tasks']
    """
    old, new = (clean_line(text).split()[:_MOST_WORDS] for text in (before, after))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return ()
    shown: list[Piece] = []
    room = _LONGEST
    for piece in _pieces(matcher.get_opcodes(), old, new):
        if room <= 0:
            shown.append(Piece(Part.LEFT_OUT, "…"))
            break
        shown.append(piece)
        room -= len(piece.words) + 1
    return tuple(shown) if any(piece.part in (Part.REMOVED, Part.ADDED) for piece in shown) else ()


def _pieces(steps: Sequence[tuple[str, int, int, int, int]], old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    for place, (step, first, end, new_first, new_end) in enumerate(steps):
        if step == "equal":
            yield from _context(old[first:end], is_first=place == 0, is_last=place == len(steps) - 1)
            continue
        for part, words in ((Part.REMOVED, old[first:end]), (Part.ADDED, new[new_first:new_end])):
            if words:
                yield Piece(part, shorten(" ".join(words), _LONGEST_PIECE))


def _context(words: Sequence[str], *, is_first: bool, is_last: bool) -> Iterator[Piece]:
    """The words beside the changes around them."""
    head, tail = 0 if is_first else _CONTEXT, 0 if is_last else _CONTEXT
    if len(words) <= head + tail + 1:
        yield Piece(Part.KEPT, shorten(" ".join(words), _LONGEST_PIECE))
        return
    if head:
        yield Piece(Part.KEPT, shorten(" ".join(words[:head]), _LONGEST_PIECE))
    yield Piece(Part.LEFT_OUT, "…")
    if tail:
        yield Piece(Part.KEPT, shorten(" ".join(words[-tail:]), _LONGEST_PIECE))
