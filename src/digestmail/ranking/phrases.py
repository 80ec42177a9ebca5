"""Finding a few phrases in one text, with their places in it. Pure.

``matching`` finds the same in many papers at once, without the places.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from digestmail.model import Paper
from digestmail.ranking.queries import Phrase, Query
from digestmail.text.analysis import Token, joined

#: the phrase's words count as close together within so many tokens; 5 to 20 measure the same
WINDOW = 8


class PhraseIndex:
    """A token trie over distinct phrases; each may stand for several things that are looked for."""

    def __init__(self, phrases: Iterable[tuple[Phrase, int]]) -> None:
        """Index (phrase, what it stands for) pairs."""
        self._root: dict[Any, Any] = {}
        self._words: set[str] = set()
        for phrase, meaning in phrases:
            node = self._root
            for word in phrase:
                node = node.setdefault(word, {})
            node.setdefault(None, []).append(meaning)
            self._words.update(phrase)

    def __bool__(self) -> bool:
        return bool(self._root)

    def scan(self, words: Sequence[Token]) -> Iterator[tuple[int, int, int]]:
        """Every occurrence: (what it stands for, first token, last token), overlaps included.

        Neighbours that may be written as one word are tried as one word too, so one occurrence can come twice.
        """
        answers = [forms(word) for word in words]
        both = self._joins(words) if self._root else {}
        root = self._root
        for first, answered in enumerate(answers):
            # most words begin no phrase: do not walk for them
            if first in both or any(form in root for form in answered):
                yield from self._walk(root, answers, both, first, first)

    def _walk(
        self,
        node: dict[Any, Any],
        answers: Sequence[tuple[str, ...]],
        both: Mapping[int, tuple[str, ...]],
        first: int,
        at: int,
    ) -> Iterator[tuple[int, int, int]]:
        for form in answers[at]:
            if form in node:
                yield from self._arrive(node[form], answers, both, first, at)
        for form in both.get(at, ()):
            if form in node:
                yield from self._arrive(node[form], answers, both, first, at + 1)

    def _arrive(
        self,
        node: dict[Any, Any],
        answers: Sequence[tuple[str, ...]],
        both: Mapping[int, tuple[str, ...]],
        first: int,
        last: int,
    ) -> Iterator[tuple[int, int, int]]:
        for meaning in node.get(None, ()):
            yield meaning, first, last
        if last + 1 < len(answers):
            yield from self._walk(node, answers, both, first, last + 1)

    def _joins(self, words: Sequence[Token]) -> dict[int, tuple[str, ...]]:
        """What neighbours answer to as one word, where any phrase holds that word."""
        found: dict[int, tuple[str, ...]] = {}
        for place, (first, second) in enumerate(pairwise(words)):
            if first.hyphenated or first.word + second.word in self._words or first.word + second.term in self._words:
                one = joined(first, second)
                if one:
                    # a quoted phrase wants its words as they are: no plain form
                    found[place] = (one.term, f"^{one.acronym}") if one.acronym else (one.term,)
        return found


def forms(token: Token) -> tuple[str, ...]:
    """All that a token answers to."""
    plain = f"={token.word}"
    return (token.term, plain, f"^{token.acronym}") if token.acronym else (token.term, plain)


def reach(query: Query) -> int:
    """How many tokens a window of this phrase may span."""
    return max(WINDOW, len(query.words))


def close_windows(positions: Sequence[Sequence[int]], width: int) -> list[tuple[int, int]]:
    """Windows of at most ``width`` tokens that hold one position of each list, as (first, last); none overlap."""
    merged = sorted((position, word) for word, places in enumerate(positions) for position in places)
    last: list[int | None] = [None] * len(positions)
    found: list[tuple[int, int]] = []
    for position, word in merged:
        last[word] = position
        seen = [place for place in last if place is not None]
        if len(seen) == len(last) and position - min(seen) < width:
            found.append((min(seen), position))
            last = [None] * len(positions)
    return found


def category_names(paper: Paper) -> Iterator[str]:
    """What a paper's categories answer to: ``cs.lg`` and its archive ``cs``."""
    for category in paper.categories:
        yield category.casefold()
        yield category.casefold().partition(".")[0]
