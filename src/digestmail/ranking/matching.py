"""Finding all phrases of all profiles in a paper, in one pass over its words. Pure.

The distinct phrases form one token trie, so a paper costs the same whether one profile or a million ask for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from digestmail.model import Field, Keyword
from digestmail.text.analysis import Token, tokens

#: what each word of a keyword asks of a token, in order: its folded form, ``=`` its plain form, or ``^`` its form as
#: written
Phrase = tuple[str, ...]

_END = ""


def phrase_of(keyword: Keyword) -> Phrase:
    """What a keyword looks for.

    Acronyms are taken as written; quoted phrases and names are not folded to the singular.
    """
    if keyword.field is Field.AUTHOR:
        return tuple(f"={token.word}" for token in tokens(keyword.phrase))
    return tuple(
        f"^{token.acronym}" if token.acronym else f"={token.word}" if keyword.exact else token.term
        for token in tokens(keyword.phrase)
    )


class PhraseIndex:
    """A token trie over distinct phrases."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._root: dict[str, Any] = {}
        for phrase in phrases:
            node = self._root
            for word in phrase:
                node = node.setdefault(word, {})
            node[_END] = phrase

    def scan(self, words: Sequence[Token]) -> Iterator[tuple[Phrase, int, int]]:
        """Every occurrence of every phrase: (phrase, first token, last token), overlaps included."""
        forms = [_forms(token) for token in words]
        for first in range(len(forms)):
            yield from self._walk(self._root, forms, first, first)

    def _walk(
        self, node: dict[str, Any], forms: Sequence[tuple[str, ...]], first: int, at: int
    ) -> Iterator[tuple[Phrase, int, int]]:
        if at == len(forms):
            return
        for form in forms[at]:
            child = node.get(form)
            if child is not None:
                if _END in child:
                    yield child[_END], first, at
                yield from self._walk(child, forms, first, at + 1)


def _forms(token: Token) -> tuple[str, ...]:
    plain = f"={token.word}"
    return (token.term, plain, f"^{token.acronym}") if token.acronym else (token.term, plain)
