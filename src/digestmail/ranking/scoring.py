"""What each query is worth on each paper. Pure.

::

    idf(df)  = ln(1 + (N - df + .5) / (df + .5))                                  N, df over the corpus
    tf       = 3·title / (1 - b + b·length/average) + abstract / (1 - b + b·length/average)
    sat(x,k) = x·(k + 1) / (x + k)
    phrase   = idf·sat(tf exact, 1.2) + idf·sat(tf windows, 1.2)   b = .3 in titles, .4 in abstracts
    share    = Σ idf of the phrase's words that the paper holds / Σ idf of them all; 1 where it writes the phrase
    words    = .75·share·Σ idf·sat(tf word, 2)                   b = .5; none for quoted phrases

Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), for BM25F; Metzler and Croft, "A Markov Random
Field Model for Term Dependencies" (2005), for windows. On nine weeks of papers and 32 curated topics the word
back-off is what matters (``benchmarks.relevance``); any title weight from 2 to 5 and any saturation from .8 to 3 ranks
the same.

Points are whole two-hundredths. Whole numbers add up the same in every order, so a ranking is the same to the last
digit whatever the order of papers, subscribers and blocks.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from digestmail.model import Field
from digestmail.ranking.matching import Findings, ranges
from digestmail.ranking.queries import Query
from digestmail.ranking.reading import Entries, Places, Reading

#: one point in the units that rows count
POINT = 200
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
# rarer phrases than one in a hundred papers ask no more of a paper: a gate must not close because a keyword is exotic
_RARE = 0.01
# whole numbers for the idf of words, to add them up the same in every order
_IDF_UNIT = 1_000
# a text counts as at most this many times the average: one mention in a very long abstract is still a mention
_LONGEST = 2.0
# queries whose rows are filled together
_BLOCK = 512

Floats = npt.NDArray[np.float64]
#: units of each query (row) on each paper (column): with at most eight words and an idf below 14.6, which takes two
#: million papers, none reaches 2^16
Rows = npt.NDArray[np.uint16]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.integer[Any]]


def saturated(x: float, k: float) -> float:
    """``x·(k + 1)/(x + k)``: the tenth occurrence adds next to nothing."""
    return x * (k + 1) / (x + k)


class Lengths:
    """How long each paper's title and abstract are, in words over the average; at most two."""

    def __init__(self, reading: Reading) -> None:
        sides = reading.lengths.reshape(-1, 2).astype(np.float64)
        averages = sides.mean(axis=0) if len(sides) else np.ones(2)
        relative = np.minimum(sides / np.where(averages > 0, averages, 1.0), _LONGEST)
        self._title, self._abstract = relative[:, 0], relative[:, 1]

    def phrase_tf(self, found: Entries) -> tuple[Floats, Floats]:
        """Weight of the title's occurrences, weight of the abstract's."""
        return self._tf(found, _B_TITLE, _B_ABSTRACT)

    def word_tf(self, found: Entries) -> tuple[Floats, Floats]:
        """The same for single words."""
        return self._tf(found, _B_WORDS, _B_WORDS)

    def _tf(self, found: Entries, b_title: float, b_abstract: float) -> tuple[Floats, Floats]:
        title = TITLE_WEIGHT * found.title / (1 - b_title + b_title * self._title[found.place])
        abstract = found.abstract / (1 - b_abstract + b_abstract * self._abstract[found.place])
        return title, abstract


class Units(NamedTuple):
    """Parallel arrays, sorted by thing and place: what queries or words are worth on papers, in units of 1/POINT."""

    thing: Places
    place: Places
    title: Places
    abstract: Places


class Scores:
    """What queries are worth, from where they were found; words are shared between all queries that hold them."""

    def __init__(self, findings: Findings, size: int) -> None:
        """``size`` papers, the first of the reading, are ranked; the others only tell how common things are."""
        self._findings, self._queries, self._size = findings, findings.queries, size
        self._papers = len(findings.reading.papers)
        self._lengths = Lengths(findings.reading)
        fields = {query.field: None for query in self._queries if query.stems}
        self._words = Words(findings.reading, self._lengths, fields or [Field.ANY])
        self._slots = self._word_slots()
        self._several = np.array([len(query.stems) > 1 for query in self._queries], np.bool_)
        self._held = np.flatnonzero(np.bincount(self._slots.ravel(), minlength=1))
        self._telling = self._words.telling[self._slots].sum(axis=1)
        self._exact_starts = np.searchsorted(findings.exact.thing, np.arange(len(self._queries) + 1))
        self._own = self._own_units()
        self._own_starts = np.searchsorted(self._own.thing, np.arange(len(self._queries) + 1))

    def exact(self) -> list[Places]:
        """For each query the papers that write it, or have it as an author or category."""
        found = self._findings.exact
        found = _only(found, found.place < self._size)
        return np.split(found.place, np.searchsorted(found.thing, np.arange(1, len(self._queries))))

    def rows(self) -> Rows:
        """Queries × papers."""
        rows = np.empty((len(self._queries), self._size), np.uint16)
        words = self._words.rows(self._held, self._size)
        telling = (words > 0) * self._words.telling[self._held, np.newaxis].astype(np.uint16)
        for start in range(0, len(rows), _BLOCK):
            end = min(start + _BLOCK, len(rows))
            total = self._word_block(start, end, words, telling)
            own = slice(*self._own_starts[[start, end]])
            thing, place, title, abstract = (part[own] for part in self._own)
            total[thing - start, place] += title + abstract
            rows[start:end] = total
        return rows

    def _word_block(self, start: int, end: int, words: Rows, telling: Rows) -> Whole:
        """What the words of some queries bring: queries × papers."""
        slots = np.searchsorted(self._held, self._slots[start:end])
        total = np.zeros((end - start, self._size), np.int32)
        for slot in slots.T:
            total += words[slot]
        # a phrase of a single word has all of its words or none
        several = np.flatnonzero(self._several[start:end])
        share = np.zeros((len(several), self._size), np.int32)
        for slot in slots[several].T:
            share += telling[slot]
        whole = self._telling[start + several]
        exact = self._findings.exact
        written = slice(*self._exact_starts[[start, end]])
        thing, place = exact.thing[written] - start, exact.place[written]
        counts = self._several[start + thing] & (place < self._size)
        row = np.searchsorted(several, thing[counts])
        share[row, place[counts]] = whole[row]
        total[several] = _shared(total[several], share, whole[:, np.newaxis])
        return total

    def at(self, number: int, place: int) -> tuple[int, int]:
        """(title, abstract): the units of one query on one paper."""
        own = self._own
        title, abstract = _look_up(own.place, own.title, own.abstract, self._own_starts, number, place)
        in_title, in_abstract, share = 0, 0, 0
        for slot in self._slots[number].tolist():
            more = self._words.at(slot, place)
            in_title, in_abstract = in_title + more[0], in_abstract + more[1]
            share += int(self._words.telling[slot]) if any(more) else 0
        written = self._findings.exact
        if any(_look_up(written.place, written.title, written.abstract, self._exact_starts, number, place)):
            share = self._telling[number]
        both = np.array([in_title, in_title + in_abstract])
        in_title, whole = _shared(both, np.array(share), self._telling[number]).tolist()
        return title + in_title, abstract + whole - in_title

    def once(self) -> tuple[Floats, Floats]:
        """For each query the units of a paper that writes it once, in the longest kind of abstract.

        As it is, and had the phrase and its words been in one paper in a hundred at least: gates are measured by that.
        """
        return self._once(0.0), self._once(_RARE * self._papers)

    @property
    def occurs(self) -> Flags:
        """Whether any paper writes the query."""
        return np.diff(self._exact_starts) > 0

    def _once(self, least: float) -> Floats:
        rarest = float(idf(np.array(least), self._papers))
        exact, near = (np.minimum(self._idfs(found), rarest) for found in (self._findings.exact, self._findings.near))
        phrase = saturated(1 / (1 + _B_ABSTRACT * (_LONGEST - 1)), _PHRASE_SATURATION)
        word = saturated(1 / (1 + _B_WORDS * (_LONGEST - 1)), _WORD_SATURATION)
        has_near = self._findings.asks_near
        units = np.floor(POINT * phrase * exact)
        units[has_near] += np.floor(POINT * phrase * _NEAR_SHARE * near[has_near])
        for slot in self._slots.T:
            units += np.floor(POINT * word * _WORD_SHARE * np.minimum(self._words.idfs[slot], exact))
        fixed = np.array([_fixed(query) for query in self._queries], np.float64)
        return np.where(fixed > 0, fixed, units)

    def _word_slots(self) -> Places:
        """Queries × at most so many words: the numbers of the words that each query adds up."""
        width = max((len(query.stems) for query in self._queries), default=0)
        slots = np.full((len(self._queries), width), self._words.nothing, np.int64)
        for number, query in enumerate(self._queries):
            for place, stem in enumerate(query.stems):
                slots[number, place] = self._words.number(stem, query.field)
        return slots

    def _own_units(self) -> Units:
        """What each query brings apart from its words."""
        parts = [self._phrase(self._findings.exact, 1.0), *self._unseen_words()]
        near = self._findings.near
        parts.append(self._phrase(_only(near, self._findings.asks_near[near.thing]), _NEAR_SHARE))
        fixed = np.array([_fixed(query) for query in self._queries], np.int64)
        exact = self._findings.exact
        named = fixed[exact.thing] > 0
        parts[0].title[named], parts[0].abstract[named] = fixed[exact.thing[named]], 0
        thing, place, title, abstract = (np.concatenate(part) for part in zip(*parts, strict=True))
        within = place < self._size
        keys, row = np.unique(thing[within] * self._papers + place[within], return_inverse=True)
        sums = [np.bincount(row, side[within], len(keys)).astype(np.int64) for side in (title, abstract)]
        return Units(keys // max(1, self._papers), keys % max(1, self._papers), *sums)

    def _phrase(self, found: Entries, share: float) -> Units:
        idfs = share * self._idfs(found)[found.thing]
        points = _points(*self._lengths.phrase_tf(found), idfs, _PHRASE_SATURATION)
        return Units(found.thing, found.place, *map(_units, points))

    def _unseen_words(self) -> Iterator[Units]:
        """``multi-modal`` was found for ``multimodal``: then its words were found as well."""
        exact = self._findings.exact
        phrase_idf = self._idfs(exact)
        for slot in self._slots.T:
            held = np.flatnonzero(slot[exact.thing] < self._words.nothing)
            words = slot[exact.thing[held]]
            unseen = _only(exact, held[~self._words.holds(words, exact.place[held])])
            idfs = _WORD_SHARE * np.minimum(self._words.idfs[slot[unseen.thing]], phrase_idf[unseen.thing])
            points = _points(*self._lengths.word_tf(unseen), idfs, _WORD_SATURATION)
            yield Units(unseen.thing, unseen.place, *map(_units, points))

    def _idfs(self, found: Entries) -> Floats:
        """How telling each query is to be found."""
        return idf(np.bincount(found.thing, minlength=len(self._queries)), self._papers)


class Words:
    """What single words are worth on papers; a word has a number of its own for each field it may be looked for in."""

    def __init__(self, reading: Reading, lengths: Lengths, fields: Iterable[Field] = (Field.ANY,)) -> None:
        self._stems, self._papers = reading.stems, len(reading.papers)
        # one more than there are stems, for the words that no paper holds
        span = len(self._stems) + 1
        self._offsets = {field: span * place for place, field in enumerate(dict.fromkeys(fields))}
        parts = [
            found._replace(thing=found.thing + offset)
            for field, offset in self._offsets.items()
            for found in [_looked_at(reading.stem_entries, field)]
        ]
        self._found = Entries(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        #: the number of no word, which is worth nothing
        self.nothing = span * len(parts)
        self._starts = np.searchsorted(self._found.thing, np.arange(self.nothing + 2))
        #: how telling each word is
        self.idfs = np.append(idf(np.diff(self._starts[:-1]), self._papers), 0.0)
        #: the same in whole numbers
        self.telling = np.rint(_IDF_UNIT * self.idfs).astype(np.int64)
        self._points = _points(*lengths.word_tf(self._found), self.idfs[self._found.thing], _WORD_SATURATION)
        self._title, self._abstract = (_units(_WORD_SHARE * points) for points in self._points)

    def number(self, stem: str, field: Field) -> int:
        """The number of a word."""
        return self._offsets[field] + self._stems.get(stem, len(self._stems))

    def rows(self, numbers: Places, size: int) -> Rows:
        """Words × the first ``size`` papers."""
        rows = np.zeros((len(numbers), size), np.uint16)
        lengths = self._starts[numbers + 1] - self._starts[numbers]
        at = ranges(self._starts[numbers], lengths)
        row, place = np.repeat(np.arange(len(numbers)), lengths), self._found.place[at]
        within = place < size
        rows[row[within], place[within]] = (self._title + self._abstract)[at[within]]
        return rows

    def at(self, number: int, place: int) -> tuple[int, int]:
        """(title, abstract): the units of one word on one paper."""
        return _look_up(self._found.place, self._title, self._abstract, self._starts, number, place)

    def holds(self, numbers: Places, places: Places) -> Flags:
        """Whether each word stands in each paper."""
        keys = self._found.thing * self._papers + self._found.place
        wanted = numbers * self._papers + places
        at = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
        return keys[at] == wanted if len(keys) else np.zeros(len(wanted), np.bool_)

    def points(self, stem: str) -> tuple[Places, Floats]:
        """(papers, points before their share in the back-off): the worth of a word in title and abstract."""
        number = self.number(stem, Field.ANY)
        own = slice(self._starts[number], self._starts[number + 1])
        return self._found.place[own], self._points[0][own] + self._points[1][own]

    def idf(self, stem: str) -> float:
        """How telling a word in title or abstract is."""
        return float(self.idfs[self.number(stem, Field.ANY)])


def idf(df: npt.NDArray[np.integer[Any]], papers: int) -> Floats:
    """How telling it is to be found in ``df`` of the papers."""
    telling: Floats = np.log(1 + (papers - df + 0.5) / (df + 0.5))
    return telling


def _looked_at(found: Entries, field: Field) -> Entries:
    if field is Field.ANY:
        return found
    side = found.title if field is Field.TITLE else found.abstract
    chosen = _only(found, np.flatnonzero(side))
    nothing = np.zeros(len(chosen.thing), np.int64)
    return chosen._replace(abstract=nothing) if field is Field.TITLE else chosen._replace(title=nothing)


def _only(found: Entries, rows: Places | Flags) -> Entries:
    return Entries(*(part[rows] for part in found))


def _points(title: Floats, abstract: Floats, idfs: Floats, k: float) -> tuple[Floats, Floats]:
    """The points of both fields together, divided between them by what each brought."""
    tf = title + abstract
    points = idfs * (k + 1) / (tf + k)  # sat(tf)/tf, which is defined where tf is 0
    return points * title, points * abstract


def _units(points: Floats) -> Places:
    return np.rint(POINT * points).astype(np.int64)


def _shared(units: Whole, share: Whole, whole: Whole) -> Places:
    """The units of words, as far as the paper holds the words of the phrase."""
    shared: Places = np.rint(units * (share / np.maximum(whole, 1))).astype(np.int64)
    return shared


def _fixed(query: Query) -> int:
    """What a paper gets that has the author or the category; nothing for phrases."""
    if query.in_text:
        return 0
    return round(POINT * (AUTHOR_POINTS if query.field is Field.AUTHOR else CATEGORY_POINTS))


def _look_up(
    places: Places, title: Places, abstract: Places, starts: Places, thing: int, place: int
) -> tuple[int, int]:
    start, end = int(starts[thing]), int(starts[thing + 1])
    row = start + int(np.searchsorted(places[start:end], place))
    if row == end or places[row] != place:
        return 0, 0
    return int(title[row]), int(abstract[row])
