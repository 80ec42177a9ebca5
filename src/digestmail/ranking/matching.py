"""Finding all phrases of all profiles in all papers: every paper is read once. Pure.

The distinct phrases form one token trie, and all places of all papers walk through it together, one word at a time: a
paper costs nearly the same whether one profile or a million ask for it. Words that stand close together come from the
places of the rarest of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from digestmail.model import Field
from digestmail.ranking.phrases import PhraseIndex, Text, category_names, close_windows, reach
from digestmail.ranking.queries import Phrase, Query
from digestmail.ranking.reading import Entries, Numbers, Places, Reading
from digestmail.text.analysis import Token, tokens

_SHIFT = 32
# words of a phrase, as far as two occurrences at one place are told apart by it
_LONGEST = 32
# occurrences of rarest words looked at together
_BLOCK = 1 << 20
_NOWHERE = np.empty(0, np.int64)
_SIDES = {Field.ANY: (True, True), Field.TITLE: (True, False), Field.ABSTRACT: (False, True)}


class Findings:
    """Where each of some queries was found in the papers of a reading."""

    def __init__(self, reading: Reading, queries: Sequence[Query]) -> None:
        self.reading, self.queries = reading, queries
        papers = len(reading.papers)
        numbers, fields = self._occurrences()
        in_text = Entries.counted(numbers, fields, papers)
        #: papers that write the phrase; for authors and categories, papers that have them
        self.exact = _joined(in_text, Entries.counted(*self._named(), papers))
        #: papers that hold all words of the phrase close together, the phrase itself included
        #: which queries look for words close together
        self.asks_near = np.array([query.near for query in queries], np.bool_)
        things, places, windows = _Windows(reading, queries).found()
        self.near = _greater(in_text, Entries.counted(things, places, papers, windows))

    def _occurrences(self) -> tuple[Places, Places]:
        """(query, field) of every occurrence of every phrase."""
        spellings = [
            (spelling, number)
            for number, query in enumerate(self.queries)
            if query.in_text
            for spelling in query.spellings
        ]
        numbers, first, last = _Trie(spellings).scan(self.reading)
        # neighbours that may be one word come twice
        lengths = np.minimum(last - first, _LONGEST - 1)
        keys = _distinct((numbers * len(self.reading.words) + first) * _LONGEST + lengths)
        numbers, first = np.divmod(keys // _LONGEST, max(1, len(self.reading.words)))
        fields = self.reading.fields[first].astype(np.int64)
        wanted = np.array([_SIDES.get(query.field, (True, True)) for query in self.queries], np.bool_).reshape(-1, 2)
        kept = wanted[numbers, fields % 2]
        return numbers[kept], fields[kept]

    def _named(self) -> tuple[Places, Places]:
        """(query, title of the paper) of every author and category that is asked for."""
        names = PhraseIndex(
            (spelling, number)
            for number, query in enumerate(self.queries)
            if query.field is Field.AUTHOR
            for spelling in query.spellings
        )
        categories: dict[str, list[int]] = {}
        for number, query in enumerate(self.queries):
            if query.field is Field.CATEGORY:
                categories.setdefault(query.words[0], []).append(number)
        if not names and not categories:
            return _NOWHERE, _NOWHERE
        found = [
            (number, 2 * place)
            for place, paper in enumerate(self.reading.papers)
            for number in (
                *{
                    number
                    for name in (paper.authors if names else ())
                    for number, _, _ in names.scan(Text(tokens(name)))
                },
                *{number for name in category_names(paper) for number in categories.get(name, ())},
            )
        ]
        pairs = np.array(found, np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]


def _distinct(keys: Places) -> Places:
    # np.unique hashes: on keys made of products it takes ten times as long
    keys = np.sort(keys)
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] > keys[:-1]
    return keys[first]


def _joined(one: Entries, other: Entries) -> Entries:
    """Of things that differ."""
    order = np.argsort(np.concatenate([one.thing, other.thing]), kind="stable")
    return Entries(*(np.concatenate(pair)[order] for pair in zip(one, other, strict=True)))


def _greater(one: Entries, other: Entries) -> Entries:
    """The greater counts of both."""
    things, places, titles, abstracts = (np.concatenate(pair) for pair in zip(one, other, strict=True))
    papers = int(places.max(initial=0)) + 1
    keys, row = np.unique(things * papers + places, return_inverse=True)
    title, abstract = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    np.maximum.at(title, row, titles)
    np.maximum.at(abstract, row, abstracts)
    return Entries(keys // papers, keys % papers, title, abstract)


class _Trie:
    """Distinct phrases as a tree of words; edges are sorted keys, so that many places take a step at once."""

    def __init__(self, phrases: Iterable[tuple[Phrase, int]]) -> None:
        self._symbols: dict[str, int] = {}
        edges: dict[int, int] = {}
        meanings: list[tuple[int, int]] = []
        for phrase, meaning in phrases:
            node = 0
            for word in phrase:
                symbol = self._symbols.setdefault(word, len(self._symbols))
                node = edges.setdefault(node << _SHIFT | symbol, len(edges) + 1)
            if node:
                meanings.append((node, meaning))
        keys = np.fromiter(edges, np.int64, len(edges))
        order = np.argsort(keys)
        self._keys = keys[order]
        self._targets = np.fromiter(edges.values(), np.int64, len(edges))[order]
        self._goes_on = np.zeros(len(edges) + 1, np.bool_)
        self._goes_on[keys >> _SHIFT] = True
        self._from_root = np.zeros(len(self._symbols) + 1, np.int64)
        from_root = self._keys < 1 << _SHIFT
        self._from_root[self._keys[from_root]] = self._targets[from_root]
        ends = np.array(sorted(meanings), np.int64).reshape(-1, 2)
        self._ends, self._meanings = ends[:, 0], ends[:, 1]

    def scan(self, reading: Reading) -> tuple[Places, Places, Places]:
        """Every occurrence, overlaps included: (what it stands for, first position, last position)."""
        singles, pairs = self._answers(reading)
        begins = np.zeros(len(reading.words), np.bool_)
        for answers in singles:
            begins |= (self._from_root[answers] > 0)[reading.words]
        if len(pairs[0]):
            begins[pairs[0]] = True
        first = np.flatnonzero(begins)
        nodes, at = np.zeros(len(first), np.int64), first
        found: list[tuple[Places, Places, Places]] = [(_NOWHERE, _NOWHERE, _NOWHERE)]
        while len(at):
            steps = [(self._step(nodes, answers[reading.words[at]]), 1) for answers in singles]
            steps += self._pair_steps(nodes, at, pairs)
            arrived = [(reached, first[rows], at[rows] + width) for (reached, rows), width in steps]
            nodes, first, at = (np.concatenate(parts) for parts in zip(*arrived, strict=True))
            meanings, rows = self._meant(nodes)
            found.append((meanings, first[rows], at[rows] - 1))
            on = self._goes_on[nodes]
            nodes, first, at = nodes[on], first[on], at[on]
        numbers, firsts, lasts = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return numbers, firsts, lasts

    def _answers(self, reading: Reading) -> tuple[list[Numbers], tuple[Places, list[Numbers]]]:
        """The symbols that each word of the vocabulary answers to; and the same for each pair that may be one word."""
        symbol = self._symbols.get
        singles = [
            reading.numbered(lambda token: symbol(token.term, -1)),
            reading.numbered(lambda token: symbol(f"={token.word}", -1)),
            reading.numbered(lambda token: symbol(f"^{token.acronym}", -1) if token.acronym else -1),
        ]
        positions, words, which = reading.pairs(self._symbols.keys())
        # a quoted phrase wants its words as they are: no plain form
        forms: list[Callable[[Token], int]] = [
            lambda token: symbol(token.term, -1),
            lambda token: symbol(f"^{token.acronym}", -1) if token.acronym else -1,
        ]
        answers = [np.array(list(map(form, words)), np.int32)[which] for form in forms]
        asked = (answers[0] >= 0) | (answers[1] >= 0)
        return singles, (positions[asked], [one[asked] for one in answers])

    def _step(self, nodes: Places, symbols: Numbers) -> tuple[Places, Places]:
        """(the nodes that are reached, the rows that reach one)."""
        rows = np.flatnonzero(symbols >= 0)
        if not nodes.any():
            # the root has by far the most visitors
            targets = self._from_root[symbols[rows]]
            return targets[targets > 0], rows[targets > 0]
        keys = nodes[rows] << _SHIFT | symbols[rows]
        edges = np.minimum(np.searchsorted(self._keys, keys), max(0, len(self._keys) - 1))
        hit = self._keys[edges] == keys
        return self._targets[edges[hit]], rows[hit]

    def _pair_steps(
        self, nodes: Places, at: Places, pairs: tuple[Places, list[Numbers]]
    ) -> Iterator[tuple[tuple[Places, Places], int]]:
        positions, answers = pairs
        if not len(positions):
            return
        found = np.minimum(np.searchsorted(positions, at), len(positions) - 1)
        here = positions[found] == at
        for symbols in answers:
            yield self._step(nodes, np.where(here, symbols[found], -1)), 2

    def _meant(self, nodes: Places) -> tuple[Places, Places]:
        """(what the phrases that end here stand for, the row of each)."""
        start, end = np.searchsorted(self._ends, nodes), np.searchsorted(self._ends, nodes, side="right")
        rows = np.repeat(np.arange(len(nodes)), end - start)
        return self._meanings[ranges(start, end - start)], rows


def ranges(starts: Places, lengths: Places) -> Places:
    """``start, start + 1, …`` for each start, as many as its length, end to end."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


class _Windows:
    """Words that stand close together, in any order."""

    def __init__(self, reading: Reading, queries: Sequence[Query]) -> None:
        self._reading, self._queries = reading, queries
        symbols = {word: None for query in queries if query.near for word in query.words}
        self._symbols = {word: number for number, word in enumerate(symbols)}
        held = [
            reading.numbered(lambda token: self._symbols.get(token.term, -1)),
            reading.numbered(lambda token: self._symbols.get(f"^{token.acronym}", -1) if token.acronym else -1),
        ]
        size = self._size = len(reading.words) + 1
        keys = [_NOWHERE]
        for answers in held:
            found = answers[reading.words].astype(np.int64)
            at = np.flatnonzero(found >= 0)
            keys.append(found[at] * size + at)
        #: every place of every word, in order: symbol · size + position; the last one is beyond all
        self._keys = np.append(np.sort(np.concatenate(keys)), len(self._symbols) * size + size)
        self._starts = np.searchsorted(self._keys, np.arange(len(self._symbols) + 1) * size)

    def found(self) -> tuple[Places, Places, Places]:
        """(query, field, how many windows)."""
        asked = [(number, words) for number, query in enumerate(self._queries) if (words := self._rarest_first(query))]
        counts = np.diff(self._starts)
        found: list[tuple[int, int, int]] = []
        block: list[tuple[int, list[int]]] = []
        size = 0
        for number, words in asked:
            block.append((number, words))
            size += int(counts[words[0]])
            if size > _BLOCK:
                found += self._count(block)
                block, size = [], 0
        found += self._count(block)
        rows = np.array(found, np.int64).reshape(-1, 3)
        return rows[:, 0], rows[:, 1], rows[:, 2]

    def _rarest_first(self, query: Query) -> list[int]:
        """The distinct words of the query, nothing when one of them is nowhere."""
        if not query.near:
            return []
        words = {self._symbols[word] for word in query.words}
        starts = self._starts
        ordered = sorted(words, key=lambda word: (starts[word + 1] - starts[word], word))
        return ordered if starts[ordered[0] + 1] > starts[ordered[0]] else []

    def _count(self, asked: Sequence[tuple[int, list[int]]]) -> Iterator[tuple[int, int, int]]:
        """The windows of some queries: those that the rarest word makes possible are looked at one by one."""
        for row, field, alone in self._possible(asked):
            number, words = asked[row]
            query = self._queries[number]
            windows = 1 if alone else len(close_windows(self._places(words, field), reach(query)))
            if windows and _SIDES[query.field][field % 2]:
                yield number, field, windows

    def _possible(self, asked: Sequence[tuple[int, list[int]]]) -> Iterator[tuple[int, int, bool]]:
        """(row, field, whether it is one window for certain): where every word is near the rarest one."""
        rarest = np.array([words[0] for _, words in asked], np.int64)
        lengths = self._starts[rarest + 1] - self._starts[rarest]
        rows = np.repeat(np.arange(len(asked)), lengths)
        at = self._keys[ranges(self._starts[rarest], lengths)] % self._size
        widths = np.array([reach(self._queries[number]) for number, _ in asked], np.int64)
        for slot in range(1, max((len(words) for _, words in asked), default=0)):
            others = np.array([words[slot] if slot < len(words) else -1 for _, words in asked], np.int64)
            near = (others[rows] < 0) | self._has_near(others[rows], at, widths[rows])
            rows, at = rows[near], at[near]
        fields = self._reading.fields[at]
        keys, times = np.unique(rows * len(self._reading.lengths) + fields, return_counts=True)
        pairs = np.array([len(words) == 2 for _, words in asked], np.bool_)  # noqa: PLR2004 - two words
        rows, fields = np.divmod(keys, max(1, len(self._reading.lengths)))
        yield from zip(rows.tolist(), fields.tolist(), (pairs[rows] & (times == 1)).tolist(), strict=True)

    def _has_near(self, symbols: Places, at: Places, widths: Places) -> npt.NDArray[np.bool_]:
        """Whether each symbol stands within ``widths`` words of each position, in the same field."""
        start = self._reading.starts[self._reading.fields[at]]
        lowest = symbols * self._size + np.maximum(at - widths + 1, start)
        end = start + self._reading.lengths[self._reading.fields[at]]
        highest = symbols * self._size + np.minimum(at + widths, end) - 1
        found: npt.NDArray[np.bool_] = self._keys[np.searchsorted(self._keys, lowest)] <= highest
        return found

    def _places(self, words: Sequence[int], field: int) -> list[list[int]]:
        start = int(self._reading.starts[field])
        end = start + int(self._reading.lengths[field])
        found = []
        for word in words:
            offset = word * self._size
            first, last = np.searchsorted(self._keys, (offset + start, offset + end))
            found.append((self._keys[first:last] - offset).tolist())
        return found
