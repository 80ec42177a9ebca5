"""One set of papers, ranked for many profiles. Pure."""

import copy
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date
from functools import cached_property

import numpy as np

from digestmail.model import (
    Evidence,
    Field,
    Gate,
    Hit,
    Keyword,
    Match,
    Paper,
    Place,
    Profile,
    RankedPaper,
    Ranking,
)
from digestmail.ranking import likes
from digestmail.ranking.explanation import Explanation, found_in
from digestmail.ranking.join import UNIT, WEIGHT, Asked, Chosen, Join
from digestmail.ranking.matches import exactly, hit_of, one_a_phrase, topic_of
from digestmail.ranking.matching import Findings
from digestmail.ranking.queries import Query, query_of
from digestmail.ranking.reading import Places, Reading
from digestmail.ranking.scoring import POINT, Floats, Lengths, Rows, Scores, Words

#: how many mentions of a full-weight phrase let a paper in
GATES = {Gate.STRICT: 1.75, Gate.NORMAL: 1.0, Gate.WIDE: 0.75}
#: upvotes raise a score by at most a fifth: they reorder and never admit (nDCG@10 +.006 to +.011 on a day's papers)
_UPVOTE_SHARE = 0.2
_MANY_UPVOTES = 5.0  # log2: about thirty
_KEPT, _KEPT_TASTES = 1 << 18, 256
# columns of the table of keywords
_NUMBER, _WEIGHT, _KIND, _ONCE, _GATED, _OCCURS = range(6)
_TEXT, _AUTHOR, _CATEGORY = range(3)
_KINDS = {Field.AUTHOR: _AUTHOR, Field.CATEGORY: _CATEGORY}
# profiles × papers that go through the join together: 2 MB of float64
_CELLS = 1 << 18
_MOST_ROWS = 1 << 12
_ALL = 1 << 60


class Index:
    """Ranks one set of papers. Every paper is read once for all profiles that are made known together."""

    def __init__(self, papers: Sequence[Paper], corpus: Sequence[Paper] | None = None) -> None:
        """``corpus`` tells how common words and phrases are; by default the papers themselves."""
        # in the order in which ties fall, so that equal scores need no further thought
        self._papers = sorted(papers, key=_tie)
        self._columns = {paper.key: column for column, paper in enumerate(self._papers)}
        others = [paper for paper in corpus or () if paper.key not in self._columns]
        self._reading = Reading([*self._papers, *others])
        self._priors = np.array([_prior(paper) for paper in self._papers])
        self._popularity = np.array([float(paper.upvotes or 0) for paper in self._papers])
        self._forget()

    def _forget(self) -> None:
        self._known: dict[Query, int] = {}
        self._terms: dict[Keyword, int] = {}
        #: for each keyword what ``_NUMBER`` and the others say
        self._table: Floats = np.zeros((0, 6))
        #: each lot of queries that was learned, with the number of its first
        self._lots: list[tuple[int, Scores]] = []
        self._rows: Rows = np.zeros((0, len(self._papers)), np.uint16)
        self._exact: list[Places] = []
        #: for each query the units of one mention, the same for the gate, and whether it occurs
        self._mentions: Floats = np.zeros((0, 3))
        self._join = Join(self._rows, self._exact, self._priors, self._popularity)
        #: a keyword as written, its query and a paper: what is found there, and its units
        self._hits: dict[tuple[str, int, int], tuple[Hit, int]] = {}
        self._alike: dict[tuple[str, ...], Floats] = {}

    @cached_property
    def _words(self) -> Words:
        return Words(self._reading, Lengths(self._reading))

    @cached_property
    def withdrawn(self) -> frozenset[str]:
        """The keys of papers that their authors took back: nobody is to be sent them."""
        return frozenset(paper.key for paper in self._papers if paper.withdrawn)

    def paper(self, key: str) -> Paper:
        """The paper with this key. Raises KeyError for one that is not here."""
        return self._papers[self._columns[key]]

    def apart(self) -> "Index":
        """The same papers, read already, and nothing learned: what is learned there takes no room here."""
        other = copy.copy(self)
        other._forget()  # noqa: SLF001 - of the same kind
        return other

    def written(self, keyword: Keyword) -> int:
        """How many of the papers write a keyword, or have it as author or category."""
        self.learn([Profile((keyword,))])
        return len(self._exact[self._known[query_of(keyword)]])

    def count_without(self, exclude: AbstractSet[str]) -> int:
        """How many papers there are but those whose key is in ``exclude``."""
        return len(self._papers) - sum(key in self._columns for key in exclude)

    def learn(self, profiles: Iterable[Profile]) -> None:
        """Find the phrases of these profiles in all papers, in one pass. Ranking does it for what is not yet known."""
        keywords = {keyword: None for profile in profiles for keyword in profile.keywords}
        asked = {keyword: query_of(keyword) for keyword in keywords if keyword not in self._terms}
        self._find([query for query in dict.fromkeys(asked.values()) if query not in self._known])
        numbers = [self._known[query] for query in asked.values()]
        kinds = [_KINDS.get(keyword.field, _TEXT) for keyword in asked]
        columns = [numbers, list(map(_weight, asked)), kinds, *self._mentions[numbers].T]
        self._terms.update((keyword, len(self._table) + place) for place, keyword in enumerate(asked))
        self._table = np.concatenate([self._table, np.array(columns, np.float64).T.reshape(-1, 6)])

    def _find(self, queries: Sequence[Query]) -> None:
        if not queries:
            return
        first = len(self._known)
        scores = Scores(Findings(self._reading, queries), len(self._papers))
        self._rows = np.concatenate([self._rows, scores.rows()]) if first else scores.rows()
        self._exact += scores.exact()
        self._mentions = np.concatenate([self._mentions, np.stack([*scores.once(), scores.occurs], axis=1)])
        self._known.update({query: first + place for place, query in enumerate(queries)})
        self._lots.append((first, scores))
        self._join = Join(self._rows, self._exact, self._priors, self._popularity)

    def rank(self, profile: Profile, exclude: AbstractSet[str] = frozenset()) -> list[RankedPaper]:
        """The papers that pass the gate, best first, but those whose key is in ``exclude``."""
        return list(self.ranking(profile, exclude).papers)

    def best(self, profile: Profile, size: int) -> tuple[RankedPaper, ...]:
        """The first ``size`` of the ranking, chosen as for an issue."""
        [chosen] = self.rank_many([profile], size)
        return self.ranked(profile, chosen)

    def ranking(self, profile: Profile, exclude: AbstractSet[str] = frozenset()) -> Ranking:
        """The same, with how many papers were kept out."""
        [chosen] = self.rank_many([profile], _ALL, [exclude])
        return Ranking(self.ranked(profile, chosen), chosen.excluded, chosen.below_gate)

    def rank_many(
        self,
        profiles: Sequence[Profile],
        size: int | Sequence[int],
        excludes: Sequence[AbstractSet[str]] | None = None,
    ) -> Iterator[Chosen]:
        """For each profile what an issue of ``size`` shows (see ``choose``), without the keys in its exclude."""
        sizes = [size] * len(profiles) if isinstance(size, int) else size
        barred = [self._barred(keys) for keys in excludes] if excludes is not None else [()] * len(profiles)
        block = min(_MOST_ROWS, max(1, _CELLS // max(1, len(self._papers))))
        for start in range(0, len(profiles), block):
            places = range(start, min(start + block, len(profiles)))
            # profiles that are equal share the work
            rows: dict[tuple[object, ...], int] = {}
            which = [
                rows.setdefault((profiles[place], sizes[place], tuple(barred[place])), len(rows)) for place in places
            ]
            some, counts, kept_out = zip(*rows, strict=True)
            try:
                asked = self._asked(some, kept_out)
            except KeyError:
                # not looked for beforehand: that would cost as much as the answer, and most callers have learned them
                self.learn(profiles)
                asked = self._asked(some, kept_out)
            chosen = list(self._join.choose(asked, counts))
            yield from (chosen[row] for row in which)

    def _barred(self, keys: AbstractSet[str]) -> list[int]:
        return sorted(column for key in keys if (column := self._columns.get(key)) is not None)

    def scores(self, profile: Profile) -> dict[str, float]:
        """What every paper is ranked by, gate or not, by key."""
        asked, totals = self._standing(profile)
        columns = np.arange(len(self._papers))
        scores = self._join.scores(asked, np.zeros_like(columns), columns, totals)
        return dict(zip(self._columns, scores.tolist(), strict=True))

    def margins(self, profile: Profile) -> dict[str, float]:
        """The relevance of every paper over what the normal gate asks of all, by key: 1 is just enough.

        A paper that writes a keyword of full weight has 1 at least.
        """
        asked, totals = self._standing(replace(profile, gate=Gate.NORMAL))
        over = totals / asked.bar[0]
        margins = np.where(totals >= self._join.bars(asked)[0], np.maximum(over, 1.0), over)
        return dict(zip(self._columns, margins.tolist(), strict=True))

    def _standing(self, profile: Profile) -> tuple[Asked, Floats]:
        """The profile, and the units of every paper."""
        self.learn([profile])
        asked = self._asked([profile])
        return asked, self._join.totals(asked)[0]

    def ranked(self, profile: Profile, chosen: Chosen) -> tuple[RankedPaper, ...]:
        """What was chosen, with the reasons: points add up to the relevance, spans point into title and abstract."""
        found = []
        self.learn([profile])
        asked = self._numbered(profile.wanted)
        numbers = np.array([number for _, number in asked], np.int64)
        held = self._rows[numbers[:, np.newaxis], list(chosen.columns)].T.tolist()
        for column, score, units in zip(chosen.columns, chosen.scores, held, strict=True):
            wanted = [pair for pair, any_units in zip(asked, units, strict=True) if any_units]
            matches = self._matches(profile, wanted, column)
            topic = topic_of(profile, matches) if profile.has_topics else ""
            found.append(RankedPaper(self._papers[column], score, one_a_phrase(profile, matches), topic))
        return tuple(found)

    def explain(self, profile: Profile, key: str) -> Explanation:
        """What ``profile`` finds in the paper with this key, shown or not.

        Raises KeyError for a paper that is not here.
        """
        column = self._columns[key]
        asked, totals = self._standing(profile)
        [score] = self._join.scores(asked, np.zeros(1, np.int64), np.array([column]), totals[[column]])
        bars = self._join.bars(asked)[0]
        wanted, unwanted = self._numbered(profile.wanted), self._numbered(profile.unwanted)
        negatives = (exactly(match) for match, _ in self._keyword_matches(unwanted, column))
        return Explanation(
            one_a_phrase(profile, self._matches(profile, wanted, column)),
            tuple(match for match in negatives if match.places),
            float(score),
            float(bars[column]) / UNIT if _is_positive(profile) else 0.0,
        )

    def _asked(self, profiles: Sequence[Profile], barred: Sequence[Sequence[int]] = ()) -> Asked:
        """The profiles, one a row, in numbers."""
        wanted: list[int] = []
        unwanted: list[tuple[int, int]] = []
        starts = [0]
        for row, profile in enumerate(profiles):
            for keyword in profile.keywords:
                if keyword.negative:
                    unwanted.append((row, self._terms[keyword]))
                else:
                    wanted.append(self._terms[keyword])
            starts.append(len(wanted))
        terms = self._table[wanted]
        bars, bar = _gates(terms, np.repeat(np.arange(len(profiles)), np.diff(starts)), profiles)
        pairs = np.array(unwanted, np.int64).reshape(-1, 2)
        return Asked(
            starts=np.array(starts, np.int64),
            numbers=terms[:, _NUMBER].astype(np.int64),
            weights=terms[:, _WEIGHT],
            bars=bars,
            bar=bar,
            positive=np.array([_is_positive(profile) for profile in profiles], np.bool_),
            unwanted=(pairs[:, 0], self._table[pairs[:, 1], _NUMBER].astype(np.int64)),
            topics={
                row: [keyword.topic for keyword in profile.wanted]
                for row, profile in enumerate(profiles)
                if profile.has_topics
            },
            opinions={row: self._opinions(profile) for row, profile in enumerate(profiles) if profile.has_opinions},
            barred={row: columns for row, columns in enumerate(barred) if columns},
        )

    def _opinions(self, profile: Profile) -> Floats:
        liked, disliked = self._likeness(profile.liked), self._likeness(profile.disliked)
        return (likes.like_units(liked) + likes.like_units(disliked, -1)) * WEIGHT

    def _likeness(self, papers: Sequence[Paper]) -> Floats:
        keys = tuple(paper.key for paper in papers)
        if keys not in self._alike:
            if len(self._alike) == _KEPT_TASTES:
                self._alike.clear()
            self._alike[keys] = likes.alike(likes.taste(papers, self._words), self._words, len(self._papers))
        return self._alike[keys]

    def _matches(
        self, profile: Profile, wanted: Iterable[tuple[Keyword, int]], column: int
    ) -> list[tuple[Match, Keyword | None]]:
        """What speaks for a paper, best first. ``wanted`` are keywords with the numbers of their queries."""
        found: list[tuple[Match, Keyword | None]] = [*self._keyword_matches(wanted, column)]
        if profile.has_opinions and _is_positive(profile):
            found += [(match, None) for match in self._like_matches(profile, column)]
        return sorted(found, key=lambda pair: -pair[0].points)

    def _numbered(self, keywords: Iterable[Keyword]) -> list[tuple[Keyword, int]]:
        """Keywords that were learned, with the numbers of their queries."""
        return [(keyword, int(self._table[self._terms[keyword], _NUMBER])) for keyword in keywords]

    def _keyword_matches(self, asked: Iterable[tuple[Keyword, int]], column: int) -> Iterator[tuple[Match, Keyword]]:
        for keyword, number in asked:
            hit, units = self._hit(keyword, number, column)
            if units:
                yield Match(hit, units * _weight(keyword) / UNIT), keyword

    def _hit(self, keyword: Keyword, number: int, column: int) -> tuple[Hit, int]:
        """Where a query is found in a paper, and its units there."""
        # readers share keywords, and all of them get the best papers of a keyword
        key = (keyword.phrase, number, column)
        known = self._hits.get(key)
        if known is None:
            first, scores = self._lots[bisect_right(self._lots, number, key=lambda lot: lot[0]) - 1]
            title, abstract = scores.at(number - first, column)
            found = found_in(self._papers[column], query_of(keyword))
            known = hit_of(keyword.phrase, [(one, abstract if one.field is Field.ABSTRACT else title) for one in found])
            if len(self._hits) == _KEPT:
                self._hits.clear()
            self._hits[key] = known
        return known

    def _like_matches(self, profile: Profile, column: int) -> Iterator[Match]:
        for papers, sign, evidence in ((profile.liked, 1, Evidence.LIKE), (profile.disliked, -1, Evidence.DISLIKE)):
            units = float(likes.like_units(self._likeness(papers), sign)[column]) if papers else 0.0
            if units:
                nearest, words = likes.nearest(papers, self._papers[column], self._words)
                text = ", ".join(words)
                keyword = f"papers like «{nearest.title}»"
                hit = Hit(keyword, (Place(Field.ABSTRACT, text, len(words), (), evidence),))
                yield Match(hit, units / POINT)


def _gates(terms: Floats, rows: Places, profiles: Sequence[Profile]) -> tuple[Floats, Floats]:
    """(what a paper must reach that writes each phrase, what every other paper must reach, for each profile).

    ``terms`` are rows of the table, ``rows`` the profile of each.
    """
    size, kinds = len(profiles), terms[:, _KIND]
    gates = np.array([GATES[profile.gate] for profile in profiles])
    # a weight above one raises its own phrase; it must not lock the others out
    weights = np.where(kinds == _CATEGORY, 0.0, np.minimum(terms[:, _WEIGHT], WEIGHT))
    heaviest = _greatest(rows, weights, size)
    mentioned = (kinds == _TEXT) & (weights == heaviest[rows]) & (gates[rows] <= 1)
    bars = np.where(mentioned, gates[rows] * weights * terms[:, _ONCE], np.inf)
    bars[kinds == _AUTHOR] = 1.0
    # a category lets papers in only when nothing else is asked for
    alone = (heaviest == 0) & ~np.array([bool(profile.liked) for profile in profiles], np.bool_)
    bars[(kinds == _CATEGORY) & alone[rows]] = 1.0
    # an author asks for nothing of other papers, nor does a keyword that never occurs, unless there is no other
    asked = gates[rows] * weights * terms[:, _GATED]
    text = kinds == _TEXT
    bar = gates * likes.LIKE_BAR * UNIT
    for some in (kinds == _AUTHOR, text, text & (terms[:, _OCCURS] > 0)):
        highest = _greatest(rows[some], asked[some], size)
        bar = np.where(highest > 0, highest, bar)
    return bars, bar


def _weight(keyword: Keyword) -> int:
    return max(1, round(keyword.weight * WEIGHT))


def _greatest(rows: Places, values: Floats, size: int) -> Floats:
    """The greatest value of each row, 0 for a row without any."""
    greatest = np.zeros(size)
    np.maximum.at(greatest, rows, values)
    return greatest


def _is_positive(profile: Profile) -> bool:
    return bool(profile.liked) or any(not keyword.negative for keyword in profile.keywords)


def _prior(paper: Paper) -> float:
    return 1 + _UPVOTE_SHARE * min(1.0, math.log2(1 + max(0, paper.upvotes or 0)) / _MANY_UPVOTES)


def _tie(paper: Paper) -> tuple[int, int, int, str]:
    newest = -(paper.published or paper.listed or date.min).toordinal()
    return -(paper.upvotes or 0), -(paper.comments or 0), newest, paper.key
