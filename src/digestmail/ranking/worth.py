"""What each query is worth on each paper. Pure.

::

    idf(df)  = ln(1 + (N - df + .5) / (df + .5))                                  N, df over the corpus
    tf       = 3·title / (1 - b + b·length/average) + abstract / (1 - b + b·length/average)
    sat(x,k) = x·(k + 1) / (x + k)
    phrase   = idf·sat(tf exact, 1.2) + idf·sat(tf windows, 1.2)   b = .3 in titles, .4 in abstracts
    words    = .75·Σ idf·sat(tf word, 2)                         b = .5; none for quoted phrases

Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), for BM25F; Metzler and Croft, "A Markov Random
Field Model for Term Dependencies" (2005), for windows. On nine weeks of papers and 32 curated topics the word
back-off is what matters (``benchmarks.relevance``); any title weight from 2 to 5 and any saturation from .8 to 3 ranks
the same.

Points are whole thousandths. Whole numbers add up the same in every order, so a ranking is the same to the last
digit whatever the order of papers, subscribers and blocks.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from digestmail.model import Field
from digestmail.ranking.matching import Counts, Findings
from digestmail.ranking.queries import Query

#: one point in the units that rows count
POINT = 1_000
#: a followed author: as much as a rare phrase in a title, so it passes every gate alone
AUTHOR_POINTS = 12.0
#: a category orders papers a little; it admits them only when a profile asks for nothing else
CATEGORY_POINTS = 1.0

TITLE_WEIGHT = 3.0
_NEAR_SHARE = 1.0
_WORD_SHARE = 0.75
_PHRASE_SATURATION = 1.2
_WORD_SATURATION = 2.0
_B_TITLE, _B_ABSTRACT, _B_WORDS = 0.3, 0.4, 0.5
# a text counts as at most this many times the average: one mention in a very long abstract is still a mention
_LONGEST = 2.0

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


def saturated(x: Floats, k: float) -> Floats:
    """``x·(k + 1)/(x + k)``: the tenth occurrence adds next to nothing."""
    return x * (k + 1) / (x + k)


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long each paper's title and abstract are, in tokens over the average; at most two."""

    title: Floats
    abstract: Floats

    @classmethod
    def of(cls, lengths: Sequence[tuple[int, int]]) -> "Lengths":
        """From the numbers of tokens in each title and abstract."""
        return cls(_relative([title for title, _ in lengths]), _relative([abstract for _, abstract in lengths]))

    def phrase_tf(self, counts: Counts) -> tuple[Places, Floats, Floats]:
        """(places, weight of the title's occurrences, weight of the abstract's)."""
        return self._tf(counts, _B_TITLE, _B_ABSTRACT)

    def word_tf(self, counts: Counts) -> tuple[Places, Floats, Floats]:
        """The same for single words."""
        return self._tf(counts, _B_WORDS, _B_WORDS)

    def _tf(self, counts: Counts, b_title: float, b_abstract: float) -> tuple[Places, Floats, Floats]:
        places = np.fromiter(counts, np.int64, len(counts))
        found = np.array(list(counts.values()), np.float64).reshape(-1, 2)
        title = TITLE_WEIGHT * found[:, 0] / (1 - b_title + b_title * self.title[places])
        abstract = found[:, 1] / (1 - b_abstract + b_abstract * self.abstract[places])
        return places, title, abstract


def _relative(lengths: Sequence[int]) -> Floats:
    average = sum(lengths) / len(lengths) if lengths else 0.0
    return np.minimum(np.array(lengths, np.float64) / (average or 1.0), _LONGEST)


@dataclass(frozen=True, slots=True)
class Worth:
    """What one query is worth, in whole units of 1/POINT, on the papers where it is found at all."""

    places: Places
    #: units from the title, the names or the category
    title: npt.NDArray[np.int64]
    #: units from the abstract
    abstract: npt.NDArray[np.int64]
    #: papers that write the phrase itself
    exact: Places
    #: units of a paper that writes it once, in the longest kind of abstract: what gates are measured by
    once: int


class Worths:
    """Turns findings into worths; word rows are shared between all queries that hold the word."""

    def __init__(self, findings: Findings, queries: Sequence[Query]) -> None:
        self._findings, self._queries = findings, queries
        self._lengths = Lengths.of(findings.lengths)
        self._size = len(findings.lengths)
        self._words: dict[tuple[str, Field], tuple[Places, Floats, Floats]] = {}

    def of(self, number: int) -> Worth:
        """What the query with this number is worth."""
        query, exact = self._queries[number], self._findings.exact[number]
        places = np.sort(np.fromiter(exact, np.int64, len(exact)))
        if not query.in_text:
            units = round(POINT * (AUTHOR_POINTS if query.field is Field.AUTHOR else CATEGORY_POINTS))
            return Worth(places, np.full(len(places), units), np.zeros(len(places), np.int64), places, units)
        title, abstract = np.zeros(self._size), np.zeros(self._size)
        for at, in_title, in_abstract in self._parts(number, query):
            title[at] += in_title
            abstract[at] += in_abstract
        whole = np.rint(POINT * title).astype(np.int64), np.rint(POINT * abstract).astype(np.int64)
        found = np.flatnonzero(whole[0] + whole[1])
        return Worth(found, whole[0][found], whole[1][found], places, self._once(number, query))

    def word(self, stem: str, field: Field = Field.ANY) -> tuple[Places, Floats, Floats]:
        """(places, title, abstract): what a word is worth, before its share in the back-off."""
        known = self._words.get((stem, field))
        if known is None:
            places, title, abstract = self._lengths.word_tf(self._findings.words[stem])
            title, abstract = title * (field is not Field.ABSTRACT), abstract * (field is not Field.TITLE)
            idf = self.idf(int(np.count_nonzero(title + abstract)))
            known = self._words[stem, field] = (places, *_shared(title, abstract, idf, _WORD_SATURATION))
        return known

    def word_idf(self, stem: str) -> float:
        """How telling a word is."""
        return self.idf(len(self._findings.words[stem]))

    def idf(self, df: int) -> float:
        """How telling it is to be found in ``df`` papers."""
        return math.log(1 + (self._size - df + 0.5) / (df + 0.5))

    def _parts(self, number: int, query: Query) -> Iterable[tuple[Places, Floats, Floats]]:
        exact = self._findings.exact[number]
        yield self._phrase(exact, 1.0)
        if query.near:
            yield self._phrase(self._findings.near[number], _NEAR_SHARE)
        for stem in query.stems:
            places, title, abstract = self.word(stem, query.field)
            yield places, _WORD_SHARE * title, _WORD_SHARE * abstract
            if unseen := exact.keys() - self._findings.words[stem].keys():
                # "multi-modal" was found for "multimodal": then its words were found as well
                counts = {place: exact[place] for place in unseen}
                at, title, abstract = self._lengths.word_tf(counts)
                idf = _WORD_SHARE * self.idf(max(len(places), len(exact)))
                yield at, *_shared(title, abstract, idf, _WORD_SATURATION)

    def _phrase(self, counts: Counts, share: float) -> tuple[Places, Floats, Floats]:
        places, title, abstract = self._lengths.phrase_tf(counts)
        return places, *_shared(title, abstract, share * self.idf(len(counts)), _PHRASE_SATURATION)

    def _once(self, number: int, query: Query) -> int:
        phrase, word = (
            np.array([1 / (1 + _B_ABSTRACT * (_LONGEST - 1))]),
            np.array([1 / (1 + _B_WORDS * (_LONGEST - 1))]),
        )
        exact = self._findings.exact[number]
        idf = self.idf(len(exact))
        idf += _NEAR_SHARE * self.idf(len(self._findings.near[number])) if query.near else 0.0
        points = idf * saturated(phrase, _PHRASE_SATURATION)
        for stem in query.stems:
            df = int(np.count_nonzero(sum(self.word(stem, query.field)[1:])))
            points += _WORD_SHARE * self.idf(max(df, len(exact))) * saturated(word, _WORD_SATURATION)
        return math.floor(POINT * float(points[0]))


def _shared(title: Floats, abstract: Floats, idf: float, k: float) -> tuple[Floats, Floats]:
    """The points of both fields together, divided between them by what each brought."""
    tf = title + abstract
    points = np.divide(idf * (k + 1), tf + k)  # sat(tf)/tf, which is defined where tf is 0
    return points * title, points * abstract
