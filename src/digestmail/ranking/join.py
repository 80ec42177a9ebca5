"""Phrase rows × the weights of many subscribers, the gate, and the best of what passes. Pure.

Blocks of subscribers go through together, so that memory stays the same however many there are. All sums are of whole
numbers below 2^53, which float64 adds exactly: blocks, order and company change nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np

from digestmail.ranking.matching import ranges
from digestmail.ranking.reading import Places
from digestmail.ranking.scoring import POINT, Flags, Floats, Rows
from digestmail.ranking.selection import pick

#: a weight of one, in the units that the join counts
WEIGHT = 1_000
UNIT = POINT * WEIGHT
# the keyword that brings a paper is looked up for so many papers of a profile at once: they decide nearly always
_SOME = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Some profiles, one a row, in the numbers that the join works with."""

    #: wanted queries end to end, row after row: where each row begins (and the last ends), the numbers of the queries,
    #: their weights in units of 1/WEIGHT, and what a paper that writes the phrase must reach
    starts: Places
    numbers: Places
    weights: Floats
    bars: Floats
    #: for each row, what a paper must reach that writes none of the phrases
    bar: Floats
    #: whether anything is wanted; if not: all papers, by upvotes
    positive: Flags
    #: (row, query) of what excludes
    unwanted: tuple[Places, Places]
    #: the interest group of each wanted query, for the rows that have any
    topics: Mapping[int, Sequence[str]] = field(default_factory=dict)
    #: units of likes and dislikes on every paper, for the rows that have any
    opinions: Mapping[int, Floats] = field(default_factory=dict)
    #: columns of papers that are none for that row
    barred: Mapping[int, Sequence[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.bar)

    def own(self, row: int) -> slice:
        """The wanted queries of a row."""
        return slice(int(self.starts[row]), int(self.starts[row + 1]))


class Chosen(NamedTuple):
    """What an issue of one profile would show, in numbers; ``Index.ranked`` gives the reasons."""

    #: columns of the index, best first
    columns: tuple[int, ...]
    scores: tuple[float, ...]
    #: papers that passed the gate, chosen or not
    matched: int
    excluded: int
    below_gate: int


class Join:
    """The papers and what each query is worth on them."""

    def __init__(self, rows: Rows, exact: Sequence[Places], priors: Floats, popularity: Floats) -> None:
        """``rows`` are queries × papers; ``exact`` are the papers that write each phrase.

        ``priors`` and ``popularity`` are one number per paper: what upvotes do to a score, and the score of a profile
        that wants nothing.
        """
        self._rows, self._priors, self._popularity = rows, priors, popularity
        self._exact = np.concatenate([*exact, np.empty(0, np.int64)])
        self._exact_starts = np.cumsum([0, *map(len, exact)])

    def totals(self, asked: Asked) -> Floats:
        """The whole units of every paper: profiles × papers."""
        totals = np.empty((len(asked), len(self._priors)))
        for row, total in enumerate(totals):
            own = asked.own(row)
            np.matmul(asked.weights[own], self._rows.take(asked.numbers[own], axis=0).astype(np.float64), out=total)
        for row, units in asked.opinions.items():
            totals[row] += units
        return totals

    def bars(self, asked: Asked) -> Floats:
        """What every paper must reach: profiles × papers."""
        bars = np.repeat(asked.bar[:, np.newaxis], len(self._priors), axis=1)
        rows = np.repeat(np.arange(len(asked)), np.diff(asked.starts))
        which, columns = self._writing(asked.numbers)
        np.minimum.at(bars, (rows[which], columns), asked.bars[which])
        return bars

    def scores(self, asked: Asked, rows: Places, columns: Places, totals: Floats) -> Floats:
        """What papers are ranked by: parallel arrays of profiles, papers and what ``totals`` has for them."""
        own = np.where(asked.positive[rows], totals, 0.0) / UNIT
        # what dislikes outweigh must not gain by its upvotes
        scores = np.where(own > 0, own * self._priors[columns], own)
        return np.where(asked.positive[rows], scores, self._popularity[columns])

    def choose(self, asked: Asked, sizes: Sequence[int]) -> Iterator[Chosen]:
        """For each row the best of the papers that pass the gate, at most its size (see ``pick``)."""
        totals = self.totals(asked)
        totals[~asked.positive] = np.inf  # all papers are in
        for row, kept_out in asked.barred.items():
            totals[row, list(kept_out)] = -np.inf  # below every bar, also that of a word which all papers hold: 0
        passes = self._passes(asked, totals)
        passed = np.count_nonzero(passes, axis=1).tolist()
        found = np.count_nonzero(totals > 0, axis=1).tolist()
        which, columns = self._writing(asked.unwanted[1])
        passes[asked.unwanted[0][which], columns] = False
        rows, columns = np.nonzero(passes)
        scores = self.scores(asked, rows, columns, totals[rows, columns])
        order = _best_first(rows, scores)
        columns, scores = columns[order], scores[order]
        ends = np.searchsorted(rows, np.arange(len(asked) + 1))
        leads = self._first_leads(asked, columns, ends)
        for row, (start, end) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
            own, own_scores = columns[start:end], scores[start:end]
            if len(own) > sizes[row]:
                later = chain.from_iterable(self._leads(asked, row, own[_SOME:]))
                shown = pick(chain(leads[row][: len(own)], later), self._topics(asked, row, own), sizes[row])
                own, own_scores = own[shown], own_scores[shown]
            yield Chosen(
                tuple(own.tolist()),
                tuple(own_scores.tolist()),
                matched=end - start,
                excluded=passed[row] - (end - start),
                below_gate=found[row] - passed[row],
            )

    def _passes(self, asked: Asked, totals: Floats) -> Flags:
        """Whether each paper reaches its bar; what writes none of the phrases has the highest."""
        passes: Flags = (totals >= asked.bar[:, np.newaxis]) & (totals > 0)
        rows = np.repeat(np.arange(len(asked)), np.diff(asked.starts))
        which, columns = self._writing(asked.numbers)
        enough = totals[rows[which], columns] >= asked.bars[which]
        passes[rows[which[enough]], columns[enough]] = True
        return passes

    def _writing(self, numbers: Places) -> tuple[Places, Places]:
        """(place in ``numbers``, paper): the papers that write each of the queries."""
        starts = self._exact_starts[numbers]
        lengths = self._exact_starts[numbers + 1] - starts
        return np.repeat(np.arange(len(numbers)), lengths), self._exact[ranges(starts, lengths)]

    def _first_leads(self, asked: Asked, columns: Places, ends: Places) -> list[list[int | None]]:
        """Which wanted query brings each of the first few papers, for all rows: they decide nearly always."""
        leads: list[list[int | None]] = [[None] * _SOME] * len(asked)
        asking = np.flatnonzero(np.diff(asked.starts))
        if not len(asking) or not len(columns):
            return leads
        # rows with fewer papers repeat the last one; nobody asks who brings it
        few = columns[np.minimum(ends[:-1, np.newaxis] + np.arange(_SOME), len(columns) - 1)]
        owners = np.repeat(np.arange(len(asked)), np.diff(asked.starts))
        points = self._rows[asked.numbers[:, np.newaxis], few[owners]] * asked.weights[:, np.newaxis]
        begins = asked.starts[asking]
        best = np.repeat(np.maximum.reduceat(points, begins), np.diff(asked.starts)[asking], axis=0)
        places = np.where(points == best, np.arange(len(points))[:, np.newaxis], len(points))
        firsts = np.minimum.reduceat(places, begins) - begins[:, np.newaxis]
        for row, lead in zip(asking.tolist(), firsts.tolist(), strict=True):
            leads[row] = lead
        return leads

    def _leads(self, asked: Asked, row: int, columns: Places) -> Iterator[Iterable[int | None]]:
        """Which wanted query brings each paper, some papers at a time."""
        wanted = asked.own(row)
        for start in range(0, len(columns), _SOME):
            some = columns[start : start + _SOME]
            if wanted.start == wanted.stop:
                yield [None] * len(some)
            else:
                yield self._points(asked, row, some).argmax(axis=0).tolist()

    def _topics(self, asked: Asked, row: int, columns: Places) -> Sequence[str]:
        """Which topic speaks most for each paper; nothing for a profile without topics."""
        topics = asked.topics.get(row, ())
        names = list(dict.fromkeys(topics))
        if not names:
            return ()
        points = self._points(asked, row, columns)
        by_topic = np.stack([points[[topic == name for topic in topics]].sum(axis=0) for name in names])
        return [names[best] for best in by_topic.argmax(axis=0).tolist()]

    def _points(self, asked: Asked, row: int, columns: Places) -> Floats:
        """Wanted queries × papers."""
        own = asked.own(row)
        rows = self._rows[asked.numbers[own, np.newaxis], columns]
        points: Floats = rows * asked.weights[own, np.newaxis]
        return points


def _best_first(rows: Places, scores: Floats) -> Places:
    """The order by row, then by falling score; what is equal stays in its order. Rows are sorted already.

    The same as ``np.lexsort((-scores, rows))`` in a third of the time: few scores are equal, and sorts that need not be
    stable are fast, as are those of small numbers (so there may be 2^15 rows).
    """
    order = np.argsort(-scores)
    order = order[np.argsort(rows[order].astype(np.int16), kind="stable")]
    same = (np.diff(scores[order]) == 0) & (np.diff(rows[order]) == 0)
    equal = np.flatnonzero(np.append(same, False) | np.append(False, same))
    runs = np.cumsum(~np.append(False, same))[equal]
    order[equal] = order[equal][np.lexsort((order[equal], runs))]
    return order
