"""From matches to a ranking. Pure.

A keyword adds ``weight × (3·sat(title) + sat(abstract))`` with ``sat(n) = 2.2·n / (n + 1.2)``: the title counts three
times (any factor from 2 to 5 measures the same), and the tenth occurrence adds next to nothing. Followed authors weigh
as a keyword in the title. Upvotes and recency break ties and never admit a paper.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from digestmail.model import Field, Keyword, Match, Paper, Profile, RankedPaper, Ranking
from digestmail.ranking.matching import Phrase, PhraseIndex, phrase_of
from digestmail.text.analysis import tokens

FIELD_WEIGHT = {Field.TITLE: 3.0, Field.ABSTRACT: 1.0, Field.AUTHOR: 3.0, Field.CATEGORY: 1.0}
_SATURATION = 1.2

#: where a keyword of each field looks
_LOOKS_IN = {
    Field.ANY: (Field.TITLE, Field.ABSTRACT),
    Field.TITLE: (Field.TITLE,),
    Field.ABSTRACT: (Field.ABSTRACT,),
    Field.AUTHOR: (Field.AUTHOR,),
    Field.CATEGORY: (Field.CATEGORY,),
}


@dataclass(frozen=True, slots=True)
class _Found:
    """One phrase in one field of one paper."""

    field: Field
    text: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a profile finds in one paper: what speaks for it and what keeps it out."""

    matches: tuple[Match, ...]
    negatives: tuple[Match, ...]

    @property
    def score(self) -> float:
        """The sum of the points."""
        return sum(match.points for match in self.matches)


class Ranker:
    """Ranks one set of papers for many profiles: every paper is read once, whatever the number of profiles."""

    def __init__(self, papers: Sequence[Paper], profiles: Iterable[Profile]) -> None:
        """Only ``profiles`` given here can be ranked later: their phrases make the index."""
        self._papers = papers
        self._places = {paper.key: place for place, paper in enumerate(papers)}
        keywords = {keyword for profile in profiles for keyword in profile.keywords}
        self._phrases = {keyword: phrase_of(keyword) for keyword in keywords if keyword.field is not Field.CATEGORY}
        index = PhraseIndex(set(self._phrases.values()))
        # phrase → place of the paper → where it was found
        self._found: dict[Phrase, dict[int, list[_Found]]] = defaultdict(dict)
        for place, paper in enumerate(papers):
            for phrase, found in _scan(index, paper):
                self._found[phrase].setdefault(place, []).append(found)
        self._categories: dict[str, dict[int, list[_Found]]] = _categories(papers)

    def rank(self, profile: Profile, exclude: Container[str] = frozenset()) -> Ranking:
        """All papers that match, best first, but those whose key is in ``exclude``.

        Ties fall the same way every time.
        """
        barred = {place for keyword in profile.unwanted for place, _ in self._matches(keyword)}
        if profile.wanted:
            matches: dict[int, list[Match]] = defaultdict(list)
            for keyword in profile.wanted:
                for place, match in self._matches(keyword):
                    matches[place].append(match)
        else:
            matches = {place: [] for place in range(len(self._papers))}
        open_places = [place for place in matches if self._papers[place].key not in exclude]
        ranked = [self._ranked(place, matches[place], profile) for place in open_places if place not in barred]
        ranked.sort(key=_order)
        return Ranking(tuple(ranked), excluded=sum(place in barred for place in open_places))

    def explain(self, profile: Profile, key: str) -> Explanation:
        """What ``profile`` finds in the paper with this key, excluded or not.

        Raises KeyError for a paper that is not here.
        """
        place = self._places[key]
        return Explanation(
            tuple(match for keyword in profile.wanted for at, match in self._matches(keyword) if at == place),
            tuple(match for keyword in profile.unwanted for at, match in self._matches(keyword) if at == place),
        )

    def _ranked(self, place: int, matches: Sequence[Match], profile: Profile) -> RankedPaper:
        paper = self._papers[place]
        score = sum(match.points for match in matches) if profile.wanted else float(paper.upvotes or 0)
        return RankedPaper(paper, score, tuple(sorted(matches, key=lambda match: -match.points)))

    def _matches(self, keyword: Keyword) -> Iterator[tuple[int, Match]]:
        if keyword.field is Field.CATEGORY:
            occurrences = self._categories.get(keyword.phrase.casefold().removesuffix(".*"), {})
        else:
            occurrences = self._found.get(self._phrases[keyword], {})
        for place, places_found in occurrences.items():
            for found in places_found:
                if found.field in _LOOKS_IN[keyword.field]:
                    yield place, _match(keyword, found)


def _order(ranked: RankedPaper) -> tuple[float, int, int, int, str]:
    paper = ranked.paper
    return (
        -ranked.score,
        -(paper.upvotes or 0),
        -(paper.comments or 0),
        -(paper.published or paper.listed or date.min).toordinal(),
        paper.key,
    )


def _match(keyword: Keyword, found: _Found) -> Match:
    count = len(found.spans) or 1
    points = keyword.weight * FIELD_WEIGHT[found.field] * count * (_SATURATION + 1) / (count + _SATURATION)
    return Match(keyword.phrase, found.field, found.text, count, points, found.spans)


def _scan(index: PhraseIndex, paper: Paper) -> Iterator[tuple[Phrase, _Found]]:
    for field, text in ((Field.TITLE, paper.title), (Field.ABSTRACT, paper.abstract)):
        words = tokens(text)
        spans: dict[Phrase, dict[tuple[int, int], None]] = defaultdict(dict)
        for phrase, first, last in index.scan(words):
            spans[phrase][words[first].start, words[last].end] = None
        for phrase, places in spans.items():
            start, end = next(iter(places))
            yield phrase, _Found(field, text[start:end], tuple(places))
    for name in paper.authors:
        for phrase in {phrase for phrase, _, _ in index.scan(tokens(name))}:
            yield phrase, _Found(Field.AUTHOR, name, ())


def _categories(papers: Sequence[Paper]) -> dict[str, dict[int, list[_Found]]]:
    """``cs.lg`` and its archive ``cs`` → the papers in them, the first matching category of each."""
    found: dict[str, dict[int, list[_Found]]] = defaultdict(dict)
    for place, paper in enumerate(papers):
        for category in paper.categories:
            for name in (category.casefold(), category.casefold().partition(".")[0]):
                found[name].setdefault(place, [_Found(Field.CATEGORY, category, ())])
    return found
