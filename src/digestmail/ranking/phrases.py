"""Finding a few phrases in one text, with their places in it. Pure.

``matching`` finds the same in many papers at once, without the places.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from digestmail.model import Paper
from digestmail.ranking.queries import Phrase, Query, back_off_word
from digestmail.text.analysis import Token, joined

#: the phrase's words count as close together within so many tokens; 5 to 20 measure the same
WINDOW = 8


class Text:
    """The words of one text, and where to find them by what they answer to."""

    def __init__(self, words: Sequence[Token]) -> None:
        self.words = words
        #: what each word answers to
        self.answers = [forms(word) for word in words]
        #: what a word answers to → where it stands
        self.places: dict[str, list[int]] = {}
        for place, answered in enumerate(self.answers):
            for form in answered:
                self.places.setdefault(form, []).append(place)

    @cached_property
    def stems(self) -> dict[str, list[int]]:
        """Back-off word → where it stands."""
        stems: dict[str, list[int]] = {}
        for place, word in enumerate(self.words):
            stems.setdefault(back_off_word(word), []).append(place)
        return stems

    @cached_property
    def together(self) -> dict[str, list[int]]:
        """What two neighbours answer to when they are written as one word → where the first stands."""
        together: dict[str, list[int]] = {}
        for place, (first, second) in enumerate(pairwise(self.words)):
            names = {first.word + second.word, first.word + second.term}
            one = joined(first, second) if first.hyphenated else None
            if one:
                names.update((one.term, f"^{one.acronym}"))
            for name in names:
                together.setdefault(name, []).append(place)
        return together


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

    def scan(self, text: Text) -> Iterator[tuple[int, int, int]]:
        """Every occurrence: (what it stands for, first token, last token), overlaps included.

        Neighbours that may be written as one word are tried as one word too, so one occurrence can come twice.
        """
        both = self._joins(text)
        starts = {place for form in self._root for place in text.places.get(form, ())}
        for first in sorted(starts.union(both)):
            yield from self._walk(self._root, text.answers, both, first, first)

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

    def _joins(self, text: Text) -> dict[int, tuple[str, ...]]:
        """What neighbours answer to as one word, where any phrase holds that word."""
        found: dict[int, tuple[str, ...]] = {}
        for place in {place for word in self._words for place in text.together.get(word, ())}:
            one = joined(text.words[place], text.words[place + 1])
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
