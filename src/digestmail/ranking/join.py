"""Phrase rows × subscriber weights, many subscribers at once and in bounded memory. Pure.

All numbers are whole and stay below 2^53, so float64 sums are exact: blocks, order and company change nothing.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from digestmail.ranking.worth import Floats, Places

#: a weight of one, in the units that the join counts
WEIGHT = 1_000
# numbers gathered at once: 32 MB of float64
_BLOCK = 1 << 22

Rows = npt.NDArray[np.float32]


class Lists:
    """Lists of places, one per query, end to end in one array."""

    def __init__(self, lists: Sequence[Places]) -> None:
        self._flat = np.concatenate([*lists, np.empty(0, np.int64)]).astype(np.int32)
        self._starts = np.cumsum([0, *(len(one) for one in lists)])

    def gather(self, numbers: Places) -> tuple[Places, Places]:
        """(places, how many from each): the lists of these queries, end to end."""
        lengths = self._starts[numbers + 1] - self._starts[numbers]
        before = np.cumsum(lengths) - lengths
        at = np.repeat(self._starts[numbers] - before, lengths) + np.arange(int(lengths.sum()))
        return self._flat[at].astype(np.int64), lengths


class Asked(NamedTuple):
    """A profile in the numbers that the join works with."""

    #: wanted queries, their weights in units of 1/WEIGHT, and what a paper that writes the phrase must reach
    numbers: tuple[int, ...]
    weights: tuple[int, ...]
    bars: tuple[float, ...]
    #: queries that exclude
    unwanted: tuple[int, ...]
    #: what a paper must reach that writes none of the phrases
    bar: float
    #: points of likes and dislikes on every paper, and the papers that likes alone let in
    likes: Floats | None = None
    liked: Places | None = None
    #: False when nothing is wanted: all papers, by upvotes
    positive: bool = True


class Standing(NamedTuple):
    """How the papers stand with one profile; arrays over all papers."""

    #: whole points in units of 1/(POINT·WEIGHT), and what each paper must reach
    totals: Floats
    bars: Floats
    #: kept out by a negative keyword
    unwanted: npt.NDArray[np.bool_]


def standings(rows: Rows, exact: Lists, profiles: Sequence[Asked]) -> Iterator[Standing]:
    """One per profile, in order. ``rows`` is queries × papers, ``exact`` the papers that write each phrase.

    Profiles that ask the same are worked out once.
    """
    papers = max(1, rows.shape[1])
    start = 0
    while start < len(profiles):
        end, gathered = start, 0
        while end < len(profiles) and (end == start or gathered < _BLOCK):
            gathered += (len(profiles[end].numbers) + 3) * papers
            end += 1
        yield from _block(rows, exact, profiles[start:end])
        start = end


def _block(rows: Rows, exact: Lists, profiles: Sequence[Asked]) -> Iterator[Standing]:
    distinct: dict[tuple[object, ...], int] = {}
    lines = [
        distinct.setdefault(asked[:5] if asked.likes is None else (index,), len(distinct))
        for index, asked in enumerate(profiles)
    ]
    first = dict(zip(reversed(lines), reversed(profiles), strict=True))
    block = [first[line] for line in range(len(first))]
    totals = _totals(rows, block)
    bars = np.repeat(np.array([asked.bar for asked in block]), rows.shape[1]).reshape(totals.shape)
    np.minimum.at(
        bars.reshape(-1),
        *_places(exact, rows.shape[1], [asked.numbers for asked in block], [asked.bars for asked in block]),
    )
    unwanted = np.zeros(totals.shape, np.bool_)
    at, _ = _places(exact, rows.shape[1], [asked.unwanted for asked in block], None)
    unwanted.reshape(-1)[at] = True
    for line, asked in enumerate(block):
        if asked.likes is not None:
            totals[line] += asked.likes
        if asked.liked is not None:
            bars[line, asked.liked] = np.minimum(bars[line, asked.liked], 1.0)
    for line in lines:
        yield Standing(totals[line], bars[line], unwanted[line])


def _totals(rows: Rows, block: Sequence[Asked]) -> Floats:
    totals = np.zeros((len(block), rows.shape[1]))
    asking = [line for line, asked in enumerate(block) if asked.numbers]
    if asking:
        numbers = np.array([number for line in asking for number in block[line].numbers])
        weights = np.array([weight for line in asking for weight in block[line].weights], np.float64)
        starts = np.cumsum([0, *(len(block[line].numbers) for line in asking[:-1])])
        weighted = rows[numbers] * weights[:, np.newaxis]
        totals[asking] = np.add.reduceat(weighted, starts, axis=0)
    return totals


def _places(
    exact: Lists, papers: int, numbers: Sequence[tuple[int, ...]], values: Sequence[tuple[float, ...]] | None
) -> tuple[Places, Floats]:
    """Where the phrases of each line stand, as places in the flat block, with the value of each phrase."""
    flat = np.array([number for line in numbers for number in line], np.int64)
    lines = np.repeat(np.arange(len(numbers)), [len(line) for line in numbers])
    places, lengths = exact.gather(flat)
    at = places + np.repeat(lines * papers, lengths)
    value = np.array([one for line in values for one in line]) if values is not None else np.zeros(len(flat))
    return at, np.repeat(value, lengths)
