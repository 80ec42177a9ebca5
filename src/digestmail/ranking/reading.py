"""Papers as columns of numbered words: read once, then searched by array operations. Pure.

Titles and abstracts stand end to end, each followed by a 0, so that nothing reaches from one text into the next. Field
number ``2·p`` is the title of paper ``p``, ``2·p + 1`` its abstract.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from digestmail.model import Paper
from digestmail.ranking.queries import back_off_word
from digestmail.text.analysis import Token, Vocabulary, fold_plural, joined

Places = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]

_SHORTEST_PART = 3  # as in ``joined``: shorter words are not written as one without a hyphen


class Entries(NamedTuple):
    """How often things were found in papers: parallel arrays, sorted by thing and paper, one row for each pair."""

    #: what was found: the number of a query or of a word
    thing: Places
    #: the paper
    place: Places
    #: occurrences in the title and in the abstract
    title: Places
    abstract: Places

    @classmethod
    def counted(cls, things: Places, fields: Places, papers: int, times: Places | None = None) -> "Entries":
        """From one row per occurrence, or ``times`` of them: what was found, and the number of the field."""
        keys = things * (2 * papers) + fields
        if times is None:
            keys = np.sort(keys)  # many times as fast as finding the order
        else:
            order = np.argsort(keys)
            keys, times = keys[order], times[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.diff(first, append=len(keys)) if times is None else np.add.reduceat(times, first)
        keys = keys[first]
        pair = np.flatnonzero(np.diff(keys // 2, prepend=-1))
        row = np.repeat(np.arange(len(pair)), np.diff(pair, append=len(keys)))
        sides = np.zeros((2, len(pair)), np.int64)
        sides[keys % 2, row] = counts
        found = keys[pair] // 2
        return cls(found // max(1, papers), found % max(1, papers), *sides)


class Reading:
    """The words of some papers."""

    def __init__(self, papers: Sequence[Paper]) -> None:
        self.papers = papers
        vocabulary = Vocabulary()
        numbers: list[int] = []
        lengths: list[int] = []
        for paper in papers:
            for text in (paper.title, paper.abstract):
                found = vocabulary.read(text)
                lengths.append(len(found))
                numbers += found
                numbers.append(0)
        #: the word at each position
        self.words: Numbers = np.array(numbers, np.int32)
        #: what the numbers stand for
        self.vocabulary: list[Token] = vocabulary.words
        #: words in each field, and where it starts
        self.lengths = np.array(lengths, np.int64)
        self.starts = np.cumsum(self.lengths + 1) - self.lengths - 1

    @cached_property
    def fields(self) -> Numbers:
        """The field of each position."""
        return np.repeat(np.arange(len(self.lengths), dtype=np.int32), self.lengths + 1)

    def numbered(self, number_of: Callable[[Token], int]) -> Numbers:
        """``number_of`` for each word of the vocabulary; -1 for no word."""
        return np.array([-1, *map(number_of, self.vocabulary[1:])], np.int32)

    @cached_property
    def stems(self) -> dict[str, int]:
        """The back-off words of all papers, numbered."""
        stems = dict.fromkeys(map(back_off_word, self.vocabulary[1:]))
        stems.pop("", None)
        return {stem: number for number, stem in enumerate(stems)}

    @cached_property
    def stem_entries(self) -> Entries:
        """How often each back-off word stands in each paper."""
        found = self.numbered(lambda token: self.stems.get(back_off_word(token), -1))[self.words]
        held = np.flatnonzero(found >= 0)
        return Entries.counted(found[held].astype(np.int64), self.fields[held].astype(np.int64), len(self.papers))

    def pairs(self, words: AbstractSet[str]) -> tuple[Places, list[Token], Places]:
        """Neighbours that are one of ``words`` when they are written as one word.

        (Positions of the first, distinct joined words, which of them stands at each position.)
        """
        first, second = self.words[:-1], self.words[1:]
        hyphenated = np.array([token.hyphenated for token in self.vocabulary], np.bool_)
        positions = np.flatnonzero(hyphenated[first] & (second > 0) | self._together(words))
        keys = first[positions].astype(np.int64) * len(self.vocabulary) + second[positions]
        distinct, which = np.unique(keys, return_inverse=True)
        found: list[Token] = []
        known = np.full(len(distinct), -1)
        for number, key in enumerate(distinct.tolist()):
            one, other = (self.vocabulary[part] for part in divmod(key, len(self.vocabulary)))
            if one.acronym or fold_plural(one.word + other.word) in words:
                whole = joined(one, other)
                if whole:
                    known[number] = len(found)
                    found.append(whole)
        joins = known[which]
        return positions[joins >= 0], found, joins[joins >= 0]

    def _together(self, words: AbstractSet[str]) -> npt.NDArray[np.bool_]:
        """Whether each position and the next make one of ``words`` together."""
        cuts = [
            (word[:cut], word[cut:]) for word in words for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
        ]
        begins: dict[str, list[int]] = {begin: [] for begin, _ in cuts}
        ends: dict[str, list[int]] = {end: [] for _, end in cuts}
        for number, token in enumerate(self.vocabulary):
            if token.word in begins:
                begins[token.word].append(number)
            if token.word in ends:
                ends[token.word].append(number)
            if token.term != token.word and token.term in ends:
                ends[token.term].append(number)
        size = len(self.vocabulary)
        keys = [one * size + other for begin, end in cuts for one in begins[begin] for other in ends[end]]
        first, second = self.words[:-1], self.words[1:]
        candidates = np.zeros(len(self.vocabulary), np.bool_)
        candidates[[key // size for key in keys]] = True
        at = np.flatnonzero(candidates[first])
        found = np.zeros(len(first), np.bool_)
        found[at] = np.isin(first[at].astype(np.int64) * len(self.vocabulary) + second[at], np.array(keys, np.int64))
        return found
