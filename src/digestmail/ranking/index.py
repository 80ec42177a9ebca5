"""One set of papers, ranked for many profiles. Pure."""

import math
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import numpy as np

from digestmail.model import Evidence, Field, Gate, Keyword, Match, Paper, Profile, RankedPaper, Ranking
from digestmail.ranking import likes
from digestmail.ranking.explanation import Explanation, Found, found_in
from digestmail.ranking.join import WEIGHT, Asked, Lists, Rows, Standing, standings
from digestmail.ranking.matching import Findings
from digestmail.ranking.queries import Query, query_of
from digestmail.ranking.selection import pick
from digestmail.ranking.worth import POINT, Floats, Places, Worth, Worths

_UNIT = POINT * WEIGHT

#: how many mentions of a full-weight phrase let a paper in
GATES = {Gate.STRICT: 1.5, Gate.NORMAL: 1.0, Gate.WIDE: 0.75}
#: upvotes raise a score by at most a fifth: they reorder and never admit (nDCG@10 +.006 to +.011 on a day's papers)
_UPVOTE_SHARE = 0.2
_MANY_UPVOTES = 5.0  # log2: about thirty
_KEPT_WORTHS = 4096
_ALL = 1 << 60


class Chosen(NamedTuple):
    """What an issue of one profile would show, in numbers; ``Index.ranked`` gives the reasons."""

    #: columns of the index, best first
    columns: tuple[int, ...]
    scores: tuple[float, ...]
    #: papers that passed the gate, chosen or not
    matched: int
    excluded: int
    below_gate: int


class Index:
    """Ranks one set of papers. Every paper is read once for all profiles that are made known together."""

    def __init__(self, papers: Sequence[Paper], corpus: Sequence[Paper] | None = None) -> None:
        """``corpus`` tells how common words and phrases are; by default the papers themselves."""
        # in the order in which ties fall, so that equal scores need no further thought
        self._papers = sorted(papers, key=_tie)
        self._columns = {paper.key: column for column, paper in enumerate(self._papers)}
        others = [paper for paper in corpus or () if paper.key not in self._columns]
        self._everything = [*self._papers, *others]
        self._priors = np.array([_prior(paper) for paper in self._papers])
        self._numbers: dict[tuple[str, str, bool], int] = {}
        self._known: dict[Query, int] = {}
        self._worths: list[tuple[Worths, int]] = []
        self._words: dict[str, Worths] = {}
        self._rows: Rows = np.zeros((0, len(self._papers)), np.float32)
        self._places: list[Places] = []
        self._once: list[int] = []
        self._exact = Lists([])
        self._recent: dict[int, Worth] = {}

    def count_without(self, exclude: AbstractSet[str]) -> int:
        """How many papers there are but those whose key is in ``exclude``."""
        return len(self._papers) - sum(key in self._columns for key in exclude)

    def learn(self, profiles: Iterable[Profile]) -> None:
        """Find the phrases of these profiles in all papers, in one pass. Ranking does it for what is not yet known."""
        new: dict[Query, int] = {}
        stems: set[str] = set()
        for profile in profiles:
            for keyword in profile.keywords:
                if _name(keyword) not in self._numbers:
                    query = query_of(keyword)
                    number = self._known.get(query)
                    if number is None:
                        number = new.setdefault(query, len(self._known) + len(new))
                    self._numbers[_name(keyword)] = number
            if profile.liked or profile.disliked:
                stems |= likes.words_of((*profile.liked, *profile.disliked)) - self._words.keys()
        if new or stems:
            self._find(list(new), stems)

    def _find(self, queries: Sequence[Query], stems: set[str]) -> None:
        worths = Worths(Findings(self._everything, queries, stems), queries)
        self._words.update(dict.fromkeys(stems, worths))
        rows = np.zeros((len(queries), len(self._papers)), np.float32)
        for number in range(len(queries)):
            worth = self._within(worths.of(number))
            rows[number, worth.places] = worth.title + worth.abstract
            self._places.append(worth.exact.astype(np.int32))
            self._once.append(worth.once)
        self._known.update({query: len(self._known) + place for place, query in enumerate(queries)})
        self._worths += [(worths, number) for number in range(len(queries))]
        self._rows = np.concatenate([self._rows, rows]) if len(self._rows) else rows
        self._exact = Lists(self._places)

    def _within(self, worth: Worth) -> Worth:
        """Without the papers that are only there to be counted."""
        size = len(self._papers)
        inside = worth.places < size
        return Worth(
            worth.places[inside],
            worth.title[inside],
            worth.abstract[inside],
            worth.exact[worth.exact < size],
            worth.once,
        )

    def word(self, stem: str) -> tuple[Places, Floats, Floats]:
        """(columns, title, abstract): the worth of a word of liked papers."""
        places, title, abstract = self._words[stem].word(stem)
        inside = places < len(self._papers)
        return places[inside], title[inside], abstract[inside]

    def word_idf(self, stem: str) -> float:
        """How telling a word of liked papers is."""
        return self._words[stem].word_idf(stem)

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
        self.learn(profiles)
        asked = [self._asked(profile) for profile in profiles]
        sizes = [size] * len(profiles) if isinstance(size, int) else size
        for place, standing in enumerate(standings(self._rows, self._exact, asked)):
            barred = excludes[place] if excludes is not None else frozenset[str]()
            yield self._chosen(profiles[place], asked[place], standing, sizes[place], barred)

    def scores(self, profile: Profile) -> dict[str, float]:
        """What every paper is ranked by, gate or not, by key."""
        return dict(zip(self._columns, self._scores(profile, self._standing(profile)).tolist(), strict=True))

    def margins(self, profile: Profile) -> dict[str, float]:
        """The relevance of every paper over what the normal gate asks of it, by key: 1 is just enough."""
        standing = self._standing(replace(profile, gate=Gate.NORMAL))
        return dict(zip(self._columns, (standing.totals / standing.bars).tolist(), strict=True))

    def ranked(self, profile: Profile, chosen: Chosen) -> tuple[RankedPaper, ...]:
        """What was chosen, with the reasons: points add up to the relevance, spans point into title and abstract."""
        found = []
        for column, score in zip(chosen.columns, chosen.scores, strict=True):
            matches = self._matches(profile, column)
            topic = _topic(profile, [match for match, _ in matches], [keyword for _, keyword in matches])
            found.append(RankedPaper(self._papers[column], score, tuple(match for match, _ in matches), topic))
        return tuple(found)

    def explain(self, profile: Profile, key: str) -> Explanation:
        """What ``profile`` finds in the paper with this key, shown or not.

        Raises KeyError for a paper that is not here.
        """
        column = self._columns[key]
        standing = self._standing(profile)
        unwanted = [self._keyword_matches(keyword, column) for keyword in profile.unwanted]
        negatives = (match for matches in unwanted for match in matches if _is_hit(match))
        return Explanation(
            tuple(match for match, _ in self._matches(profile, column)),
            tuple(negatives),
            float(self._scores(profile, standing)[column]),
            float(standing.bars[column]) / _UNIT if _is_positive(profile) else 0.0,
        )

    def _standing(self, profile: Profile) -> Standing:
        self.learn([profile])
        [standing] = standings(self._rows, self._exact, [self._asked(profile)])
        return standing

    def _scores(self, profile: Profile, standing: Standing) -> Floats:
        if not _is_positive(profile):
            return np.array([float(paper.upvotes or 0) for paper in self._papers])
        return standing.totals / _UNIT * np.where(standing.totals > 0, self._priors, 1.0)

    def _chosen(
        self, profile: Profile, asked: Asked, standing: Standing, size: int, barred: AbstractSet[str]
    ) -> Chosen:
        free = np.ones(len(self._papers), np.bool_)
        free[[column for key in barred if (column := self._columns.get(key)) is not None]] = False
        passed, found = free, free
        if asked.positive:
            found = free & (standing.totals > 0)
            passed = found & (standing.totals >= standing.bars)
        candidates = np.flatnonzero(passed & ~standing.unwanted)
        scores = self._scores(profile, standing)[candidates]
        order = np.argsort(-scores, kind="stable")
        candidates, scores = candidates[order], scores[order]
        places = self._pick(profile, asked, candidates, size)
        return Chosen(
            tuple(candidates[places].tolist()),
            tuple(scores[places].tolist()),
            matched=len(candidates),
            excluded=int(np.count_nonzero(passed & standing.unwanted)),
            below_gate=int(np.count_nonzero(found & ~passed)),
        )

    def _pick(self, profile: Profile, asked: Asked, candidates: Places, size: int) -> list[int]:
        if len(candidates) <= size:
            return list(range(len(candidates)))
        if not asked.numbers:
            return list(range(size))
        points = (
            self._rows[np.ix_(np.array(asked.numbers), candidates)] * np.array(asked.weights, np.float64)[:, np.newaxis]
        )
        wanted = profile.wanted
        names = dict.fromkeys(keyword.topic for keyword in wanted)
        if not any(names):
            return pick(points.argmax(axis=0).tolist(), [""] * len(candidates), size)
        by_topic = np.stack([points[[keyword.topic == name for keyword in wanted]].sum(axis=0) for name in names])
        topics = [list(names)[row] for row in by_topic.argmax(axis=0).tolist()]
        return pick(points.argmax(axis=0).tolist(), topics, size)

    def _asked(self, profile: Profile) -> Asked:
        numbers = tuple(self._numbers[_name(keyword)] for keyword in profile.keywords if not keyword.negative)
        unwanted = tuple(self._numbers[_name(keyword)] for keyword in profile.keywords if keyword.negative)
        wanted = profile.wanted
        weights = tuple(max(1, round(keyword.weight * WEIGHT)) for keyword in wanted)
        opening = [keyword.field is not Field.CATEGORY for keyword in wanted]
        # a weight above one raises its own phrase; it must not lock the others out
        cap = min(
            WEIGHT, max((weight for weight, opens in zip(weights, opening, strict=True) if opens), default=WEIGHT)
        )
        factor = GATES[profile.gate] * cap
        once = [factor * self._once[number] for number in numbers]
        only_categories = not any(opening) and not profile.liked
        bars = tuple(_bar(keyword, bar, only_categories) for keyword, bar in zip(wanted, once, strict=True))
        alone = GATES[profile.gate] * likes.ALIKE
        bar = max(
            (bar for bar, opens in zip(once, opening, strict=True) if opens), default=alone * likes.LIKE_POINTS * _UNIT
        )
        if not profile.liked and not profile.disliked:
            return Asked(numbers, weights, bars, unwanted, bar, positive=bool(numbers))
        liked, disliked = self._likeness(profile.liked), self._likeness(profile.disliked)
        units = (likes.like_units(liked) + likes.like_units(disliked, -1)) * WEIGHT
        return Asked(
            numbers, weights, bars, unwanted, bar, units, np.flatnonzero(liked >= alone), _is_positive(profile)
        )

    def _likeness(self, papers: Sequence[Paper]) -> Floats:
        return likes.alike(likes.taste(papers, self), self, len(self._papers))

    def _matches(self, profile: Profile, column: int) -> list[tuple[Match, Keyword | None]]:
        """Best first."""
        found: list[tuple[Match, Keyword | None]] = [
            (match, keyword) for keyword in profile.wanted for match in self._keyword_matches(keyword, column)
        ]
        if _is_positive(profile):
            found += [(match, None) for match in self._like_matches(profile, column)]
        return sorted(found, key=lambda pair: -pair[0].points)

    def _keyword_matches(self, keyword: Keyword, column: int) -> Iterator[Match]:
        self.learn([Profile((keyword,))])
        worth = self._worth(self._numbers[_name(keyword)])
        at = int(np.searchsorted(worth.places, column))
        if at == len(worth.places) or worth.places[at] != column:
            return
        weight = max(1, round(keyword.weight * WEIGHT))
        for found in found_in(self._papers[column], query_of(keyword)):
            units = int((worth.abstract if found.field is Field.ABSTRACT else worth.title)[at])
            if units:
                yield _match(keyword.phrase, found, units * weight / _UNIT)

    def _worth(self, number: int) -> Worth:
        if number not in self._recent:
            if len(self._recent) == _KEPT_WORTHS:
                self._recent.clear()
            worths, local = self._worths[number]
            self._recent[number] = self._within(worths.of(local))
        return self._recent[number]

    def _like_matches(self, profile: Profile, column: int) -> Iterator[Match]:
        for papers, sign, evidence in ((profile.liked, 1, Evidence.LIKE), (profile.disliked, -1, Evidence.DISLIKE)):
            units = float(likes.like_units(self._likeness(papers), sign)[column]) if papers else 0.0
            if units:
                nearest, words = likes.nearest(papers, self._papers[column], self)
                text = ", ".join(words)
                keyword = f"papers like «{nearest.title}»"
                yield Match(keyword, Field.ABSTRACT, text, len(words), units / POINT, (), evidence)


def _name(keyword: Keyword) -> tuple[str, str, bool]:
    return keyword.phrase, keyword.field.value, keyword.exact


def _is_positive(profile: Profile) -> bool:
    return bool(profile.wanted or profile.liked)


def _bar(keyword: Keyword, once: float, only_categories: bool) -> float:
    if keyword.field is Field.CATEGORY:
        return 1.0 if only_categories else math.inf
    return 1.0 if keyword.field is Field.AUTHOR else once


def _is_hit(match: Match) -> bool:
    return match.evidence in (Evidence.EXACT, Evidence.AUTHOR, Evidence.CATEGORY)


def _match(phrase: str, found: Found, points: float) -> Match:
    return Match(phrase, found.field, found.text, found.count, points, found.spans, found.evidence)


def _topic(profile: Profile, matches: Sequence[Match], keywords: Sequence[Keyword | None]) -> str:
    points = {keyword.topic: 0.0 for keyword in profile.wanted if keyword.topic}
    for match, keyword in zip(matches, keywords, strict=True):
        if keyword and keyword.topic:
            points[keyword.topic] += match.points
    best = max(points, key=lambda topic: points[topic], default="")
    return best if points.get(best) else ""


def _prior(paper: Paper) -> float:
    return 1 + _UPVOTE_SHARE * min(1.0, math.log2(1 + max(0, paper.upvotes or 0)) / _MANY_UPVOTES)


def _tie(paper: Paper) -> tuple[int, int, int, str]:
    newest = -(paper.published or paper.listed or date.min).toordinal()
    return -(paper.upvotes or 0), -(paper.comments or 0), newest, paper.key
