"""Where keywords stand in papers, word for word: no score, no gate, no back-off. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from digestmail.model import Field, Keyword, Paper
from digestmail.ranking.phrases import PhraseIndex, Text, category_names
from digestmail.ranking.queries import query_of
from digestmail.text.analysis import tokens

#: place of the paper → each occurrence, as the paper writes it
Occurrences = dict[int, list[str]]

_LOOKS_IN = {
    Field.ANY: (Field.TITLE, Field.ABSTRACT),
    Field.TITLE: (Field.TITLE,),
    Field.ABSTRACT: (Field.ABSTRACT,),
    Field.AUTHOR: (Field.AUTHOR,),
    Field.CATEGORY: (),
}


# the quick look does not see through accents of TeX and through tags
_OPAQUE = re.compile(r"\\(?:[`'^\"~=.]|[cvuHkrdb]\{)|<[/a-z]")
_JOINTS = str.maketrans("", "", " -\n\t${}\\")
_NOT_LETTERS = re.compile(r"[\W_]+")


def find_occurrences(keywords: Iterable[Keyword], papers: Sequence[Paper]) -> dict[Keyword, Occurrences]:
    """Every occurrence of every keyword, in the fields it asks for.

    Texts that cannot hold any keyword are passed over unread: for a dozen keywords, that is most of them.
    """
    sought = list(dict.fromkeys(keywords))
    found: list[Occurrences] = [{} for _ in sought]
    spellings = [(spelling, number) for number, one in enumerate(sought) for spelling in query_of(one).spellings]
    index = PhraseIndex(spellings)
    needles = [tuple(_needle(word) for word in spelling) for spelling, _ in spellings]
    categories = [(number, query_of(one).words[0]) for number, one in enumerate(sought) if one.field is Field.CATEGORY]
    fields = {field for keyword in sought for field in _LOOKS_IN[keyword.field]}
    for place, paper in enumerate(papers):
        for field, text in _texts(paper, fields):
            if not _may_hold(text, needles):
                continue
            for number, written in _scan(index, text):
                if field in _LOOKS_IN[sought[number].field]:
                    found[number].setdefault(place, []).append(written)
        for number, wanted in categories:
            if wanted in category_names(paper):
                found[number][place] = [wanted]
    return dict(zip(sought, found, strict=True))


def _needle(word: str) -> str:
    """Letters that every spelling of the word begins with: only "-ies" for "-y" is not the word and more."""
    if word.startswith("^"):
        return _letters(word)  # acronyms keep their case: "RAG" is in few papers, "rag" in every "average"
    return _letters(word.casefold()).removesuffix("y")


def _may_hold(text: str, needles: Iterable[tuple[str, ...]]) -> bool:
    if _OPAQUE.search(text):
        return True
    letters = text.translate(_JOINTS) if text.isascii() else _letters(text)
    either = f"{letters}\n{letters.casefold()}"
    return any(all(needle in either for needle in one) for one in needles)


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", unicodedata.normalize("NFKD", text))


def _texts(paper: Paper, fields: set[Field]) -> Iterator[tuple[Field, str]]:
    if Field.TITLE in fields:
        yield Field.TITLE, paper.title
    if Field.ABSTRACT in fields:
        yield Field.ABSTRACT, paper.abstract
    if Field.AUTHOR in fields:
        for name in paper.authors:
            yield Field.AUTHOR, name


def _scan(index: PhraseIndex, text: str) -> Iterator[tuple[int, str]]:
    words = tokens(text)
    for number, first, last in sorted(set(index.scan(Text(words)))):  # neighbours that may be one word come twice
        yield number, text[words[first].start : words[last].end]
