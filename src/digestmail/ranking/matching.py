"""Finding all phrases of all profiles in all papers: every paper is read once. Pure.

The distinct phrases form one token trie, so a paper costs the same whether one profile or a million ask for it. What
the trie cannot see, words that stand close together and single words, comes from the places of the words in question,
noted in the same pass.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Any

from digestmail.model import Field, Paper
from digestmail.ranking.queries import Phrase, Query, back_off_word
from digestmail.text.analysis import Token, joined, tokens

#: the phrase's words count as close together within so many tokens; 5 to 20 measure the same
WINDOW = 8

#: place of the paper → occurrences in its title and in its abstract
Counts = dict[int, tuple[int, int]]
_TITLE, _ABSTRACT = 0, 1


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


class Findings:
    """Where each of some queries was found in each of some papers."""

    def __init__(self, papers: Sequence[Paper], queries: Sequence[Query], stems: Iterable[str] = ()) -> None:
        """Read the papers. ``stems`` are counted beside those of the queries."""
        self.exact: list[Counts] = [{} for _ in queries]
        self.near: list[Counts] = [{} for _ in queries]
        #: tokens in each title and abstract
        self.lengths: list[tuple[int, int]] = []
        #: back-off word → occurrences
        self.words: dict[str, Counts] = {stem: {} for query in queries for stem in query.stems}
        self.words.update((stem, {}) for stem in stems)
        #: word → (place, field) → token positions, for the words of multi-word phrases
        self._positions: dict[str, dict[int, list[int]]] = {
            word: {} for query in queries if query.near for word in query.words
        }
        self._texts = _index(queries, lambda query: query.in_text)
        self._names = _index(queries, lambda query: query.field is Field.AUTHOR)
        self._categories = defaultdict(list)
        for number, query in enumerate(queries):
            if query.field is Field.CATEGORY:
                self._categories[query.words[0]].append(number)
        for place, paper in enumerate(papers):
            self._read(place, paper, queries)
        for number, query in enumerate(queries):
            if query.near:
                self.near[number] = self._close_together(query, self.exact[number])
        self._positions.clear()

    def _read(self, place: int, paper: Paper, queries: Sequence[Query]) -> None:
        texts = tokens(paper.title), tokens(paper.abstract)
        self.lengths.append((len(texts[_TITLE]), len(texts[_ABSTRACT])))
        for field, words in enumerate(texts):
            for number, _, _ in set(self._texts.scan(words)):
                if _looks_in(queries[number].field, field):
                    _count(self.exact[number], place, field)
            self._note_words(place, field, words)
        for name in paper.authors if self._names else ():
            for number in {number for number, _, _ in self._names.scan(tokens(name))}:
                _count(self.exact[number], place, _TITLE)
        for number in {number for name in category_names(paper) for number in self._categories.get(name, ())}:
            self.exact[number][place] = (1, 0)

    def _note_words(self, place: int, field: int, words: Sequence[Token]) -> None:
        key = 2 * place + field
        for position, token in enumerate(words):
            counts = self.words.get(back_off_word(token))
            if counts is not None:
                _count(counts, place, field)
            places = self._positions.get(f"^{token.acronym}") if token.acronym else None
            if places is not None:
                places.setdefault(key, []).append(position)
            places = self._positions.get(token.term)
            if places is not None:
                places.setdefault(key, []).append(position)

    def _close_together(self, query: Query, exact: Counts) -> Counts:
        """Windows that hold all the words; the phrase itself is one."""
        found = dict(exact)
        places = sorted((self._positions[word] for word in set(query.words)), key=len)
        shared: AbstractSet[int] = places[0].keys()
        for others in places[1:]:
            shared = shared & others.keys()
        for key in sorted(shared):
            place, field = divmod(key, 2)
            if _looks_in(query.field, field):
                windows = len(close_windows([positions[key] for positions in places], reach(query)))
                title, abstract = found.get(place, (0, 0))
                if windows:
                    found[place] = (
                        (max(title, windows), abstract) if field == _TITLE else (title, max(abstract, windows))
                    )
        return found


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


def _index(queries: Sequence[Query], wanted: Callable[[Query], bool]) -> PhraseIndex:
    return PhraseIndex(
        (spelling, number) for number, query in enumerate(queries) if wanted(query) for spelling in query.spellings
    )


def _looks_in(asked: Field, field: int) -> bool:
    return asked is Field.ANY or asked is (Field.ABSTRACT if field == _ABSTRACT else Field.TITLE)


def _count(counts: Counts, place: int, field: int) -> None:
    title, abstract = counts.get(place, (0, 0))
    counts[place] = (title, abstract + 1) if field == _ABSTRACT else (title + 1, abstract)
