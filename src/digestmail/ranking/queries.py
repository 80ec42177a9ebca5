"""What a keyword looks for, apart from who asks and how much it weighs to them. Pure."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, pairwise
from typing import NamedTuple

from digestmail.model import Field, Keyword
from digestmail.text.analysis import STOP_WORDS, Token, joined, tokens

# back-off of longer phrases counts only the first so many words: their points must fit a column (``scoring.Rows``)
_MOST_STEMS = 8
_FEW_WORDS = 6

#: what each word asks of a token, in order: its folded form, ``=`` its plain form, or ``^`` its form as written
Phrase = tuple[str, ...]


class Query(NamedTuple):
    """All keywords that ask the same share one query, whoever wrote them and with whatever weight."""

    field: Field
    #: the words in order; for categories the category itself
    words: Phrase
    #: other ways to write the phrase that count as the phrase: ``multi modal``, ``multimodal``
    spellings: tuple[Phrase, ...] = ()
    #: distinct words (stems, or acronyms as written) that back-off counts; none for quoted phrases
    stems: tuple[str, ...] = ()

    @property
    def in_text(self) -> bool:
        """Whether it looks in title or abstract."""
        return self.field in (Field.ANY, Field.TITLE, Field.ABSTRACT)

    @property
    def near(self) -> bool:
        """Whether its words count when they only stand close together."""
        return self.in_text and len(self.words) > 1 and bool(self.stems)


def query_of(keyword: Keyword) -> Query:
    """The query of a keyword."""
    return _query(keyword.phrase, str(keyword.field), keyword.exact)


@lru_cache(maxsize=1 << 17)
def _query(phrase: str, field_name: str, exact: bool) -> Query:
    field = Field(field_name)
    if field is Field.CATEGORY:
        return Query(field, (phrase.casefold().removesuffix(".*").strip(),))
    found = tokens(phrase)
    if field is Field.AUTHOR:
        words = tuple(f"={token.word}" for token in found)
        return Query(field, words, (words,))
    words = tuple(_asked(token, exact=exact) for token in found)
    if exact:
        return Query(field, words, (words,))
    return Query(field, words, tuple(dict.fromkeys([words, *_joined_spellings(found)])), _stems(found))


def _asked(token: Token, *, exact: bool) -> str:
    if token.acronym:
        return f"^{token.acronym}"
    return f"={token.word}" if exact else token.term


def _joined_spellings(words: Sequence[Token]) -> list[Phrase]:
    """The phrase with some neighbours written as one word, for all pairs that people join.

    All sets of pairs in phrases of up to six words; in longer ones each pair alone, for there would be too many.
    """
    asked = [_asked(token, exact=False) for token in words]
    pairs = [(place, one) for place, (first, second) in enumerate(pairwise(words)) if (one := joined(first, second))]
    spellings: list[Phrase] = []
    for size in range(1, len(words) // 2 + 1 if len(words) <= _FEW_WORDS else 2):
        for some in combinations(pairs, size):
            if all(second - first > 1 for (first, _), (second, _) in pairwise(some)):
                spelling = list(asked)
                for place, one in reversed(some):
                    spelling[place : place + 2] = [_asked(one, exact=False)]
                spellings.append(tuple(spelling))
    return spellings


def _stems(words: Sequence[Token]) -> tuple[str, ...]:
    """Sorted; function words only when there is nothing else."""
    telling = [token for token in words if token.word not in STOP_WORDS] or words
    stems = dict.fromkeys(stem for token in telling if (stem := back_off_word(token)))
    return tuple(sorted(list(stems)[:_MOST_STEMS]))


def back_off_word(token: Token) -> str:
    """What back-off compares: acronyms as written, other words by their stem."""
    return f"^{token.acronym}" if token.acronym else token.stem
