"""Which words of a paper speak for it, as the paper writes them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from digestmail.model import Evidence, Field, Match, Paper, Place
from digestmail.ranking.phrases import PhraseIndex, Text, category_names, close_windows, forms, reach
from digestmail.ranking.queries import Query
from digestmail.text.analysis import tokens

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a profile finds in one paper: what speaks for it and what keeps it out."""

    matches: tuple[Match, ...]
    negatives: tuple[Match, ...]
    #: what the paper is ranked by, and what it must reach to be shown; the unit is the point
    score: float = 0.0
    threshold: float = 0.0

    @property
    def relevance(self) -> float:
        """The sum of the points."""
        return sum(match.points for match in self.matches)

    @property
    def passes(self) -> bool:
        """Whether there is enough evidence."""
        # sums of points carry the rounding of their decimals
        return self.relevance >= self.threshold * (1 - 1e-9)


def found_in(paper: Paper, query: Query) -> Iterator[Place]:
    """Where the query is found, the strongest kind of evidence in each field."""
    if query.field is Field.AUTHOR:
        index = _index(query)
        names = [name for name in paper.authors if next(index.scan(_read(name)), None)]
        if names:
            yield Place(Field.AUTHOR, ", ".join(names), len(names), (), Evidence.AUTHOR)
    elif query.field is Field.CATEGORY:
        categories = [
            one for one in paper.categories if query.words[0] in (one.casefold(), one.casefold().partition(".")[0])
        ]
        if query.words[0] in category_names(paper):
            yield Place(Field.CATEGORY, categories[0], 1, (), Evidence.CATEGORY)
    else:
        for field, text in ((Field.TITLE, paper.title), (Field.ABSTRACT, paper.abstract)):
            if query.field in (Field.ANY, field) and (found := _in_text(query, field, text)):
                yield found


def _in_text(query: Query, field: Field, text: str) -> Place | None:
    read = _read(text)
    words = read.words
    exact = tuple(dict.fromkeys((words[first].start, words[last].end) for _, first, last in _index(query).scan(read)))
    if exact:
        return Place(field, text[slice(*exact[0])], len(exact), exact)
    if query.near and (windows := _windows(query, read)):
        inside = tuple(
            (token.start, token.end)
            for first, last in windows
            for token in words[first : last + 1]
            if not set(query.words).isdisjoint(forms(token))
        )
        first, last = windows[0]
        return Place(field, text[words[first].start : words[last].end], len(windows), inside, Evidence.NEAR)
    places = sorted(place for stem in query.stems for place in read.stems.get(stem, ()))
    if not places:
        return None
    spans = tuple((words[place].start, words[place].end) for place in places)
    written = dict.fromkeys(text[start:end] for start, end in spans)
    folded = {word.casefold(): word for word in reversed(written)}
    said = ", ".join(word for word in written if word in folded.values())
    return Place(field, said, len(spans), spans, Evidence.WORDS)


def _windows(query: Query, text: Text) -> list[Span]:
    places = [text.places.get(word, []) for word in sorted(set(query.words))]
    return close_windows(places, reach(query)) if all(places) else []


@lru_cache(maxsize=1 << 16)
def _index(query: Query) -> PhraseIndex:
    return PhraseIndex((spelling, 0) for spelling in query.spellings)


@lru_cache(maxsize=4096)
def _read(text: str) -> Text:
    return Text(tokens(text))
