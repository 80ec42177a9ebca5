"""The archive: the papers of a day, one paper, search. Nothing in it is anybody's own."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from digestmail.model import Paper
from digestmail.newsletter import Newsletter
from digestmail.storage.search import Found
from digestmail.text.analysis import STOP_WORDS, tokens

_SIMILAR = 6
_REPEATED = 12  # words of an abstract


@dataclass(frozen=True, slots=True)
class Day:
    """A page of the papers of one day."""

    #: None while the corpus is empty
    day: date | None
    papers: tuple[Paper, ...]
    #: how many the day has in all
    total: int
    #: the nearest days that have papers
    before: date | None = None
    after: date | None = None


def day_of(newsletter: Newsletter, day: date | None, *, limit: int, offset: int) -> Day:
    """The papers of a day, most upvotes first; None is the newest day."""
    corpus = newsletter.store.corpus
    day = day or corpus.newest_day()
    if day is None:
        return Day(None, (), 0)
    papers, total = corpus.day(day, limit=limit, offset=offset)
    return Day(day, tuple(papers), total, *corpus.days_around(day))


def search_for(newsletter: Newsletter, words: str, *, limit: int, offset: int) -> Found:
    """The papers that hold all words, best first."""
    return newsletter.store.search.find(words, limit=limit, offset=offset)


def work(newsletter: Newsletter, key: str) -> Paper | None:
    """The paper with this key."""
    return newsletter.store.corpus.find(key)


def similar_to(newsletter: Newsletter, paper: Paper) -> tuple[Paper, ...]:
    """The papers that share most with one."""
    found = newsletter.store.search.similar(_telling_words(paper), limit=_SIMILAR + 1)
    return tuple(other for other in found if other.key != paper.key)[:_SIMILAR]


def _telling_words(paper: Paper) -> list[str]:
    """The words of the title, then those that the abstract repeats most: how rare each is, the search weighs."""
    title = [token.word for token in tokens(paper.title)]
    repeated = Counter(token.word for token in tokens(paper.abstract))
    words = [*title, *(word for word, times in repeated.most_common(_REPEATED) if times > 1)]
    return [word for word in dict.fromkeys(words) if word not in STOP_WORDS and len(word) > 1]
