"""Finding phrases in many papers at once: the same as one text at a time, word for word."""

import gzip
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import paper, places_of
from digestmail.model import Field, Keyword, Paper, Profile
from digestmail.ranking import Index, matching
from digestmail.ranking.matching import Findings
from digestmail.ranking.phrases import PhraseIndex, Text, close_windows, forms, reach
from digestmail.ranking.queries import Query, back_off_word, query_of
from digestmail.ranking.reading import Entries, Reading
from digestmail.text.analysis import Token, Vocabulary, tokens

_WORDS = [
    "sparse",
    "experts",
    "Expert",
    "multi-modal",
    "multimodal",
    "RAG",
    "rag",
    "MoE-based",
    "of",
    "$k$-means",
    "语言",
]
_TEXT = st.lists(st.sampled_from([*_WORDS, "x", "."]), max_size=25).map(" ".join)
_PAPERS = st.lists(st.tuples(_TEXT, _TEXT), max_size=5).map(
    lambda texts: [
        paper(title, key=f"arxiv:2606.{number:05}", abstract=text) for number, (title, text) in enumerate(texts)
    ]
)
_QUERIES = st.lists(
    st.builds(
        Keyword,
        st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map(" ".join),
        field=st.sampled_from([Field.ANY, Field.TITLE, Field.ABSTRACT]),
        exact=st.booleans(),
    ).map(query_of),
    max_size=6,
    unique=True,
)
Table = dict[tuple[int, int], tuple[int, int]]


def table(entries: Entries) -> Table:
    """(thing, paper) → counts in title and abstract."""
    return {
        (thing, place): (title, abstract)
        for thing, place, title, abstract in zip(*(part.tolist() for part in entries), strict=True)
    }


def counted(papers: list[Paper], queries: list[Query], count: Callable[[Query, list[Token]], int]) -> Table:
    """The same, one text at a time."""
    found: Table = {}
    for number, query in enumerate(queries):
        for place, one in enumerate(papers):
            title = count(query, tokens(one.title)) if query.field is not Field.ABSTRACT else 0
            abstract = count(query, tokens(one.abstract)) if query.field is not Field.TITLE else 0
            if title or abstract:
                found[number, place] = (title, abstract)
    return found


def exact(query: Query, words: list[Token]) -> int:
    index = PhraseIndex((spelling, 0) for spelling in query.spellings)
    return len({(first, last) for _, first, last in index.scan(Text(words))})


def near(query: Query, words: list[Token]) -> int:
    places = [[at for at, token in enumerate(words) if word in forms(token)] for word in sorted(set(query.words))]
    windows = len(close_windows(places, reach(query))) if query.near and all(places) else 0
    return max(windows, exact(query, words))


@given(_PAPERS, _QUERIES, st.sampled_from([1, 1 << 20]))
def test_many_papers_at_once_give_what_one_text_at_a_time_gives(
    papers: list[Paper], queries: list[Query], block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_BLOCK", block)
        found = Findings(Reading(papers), queries)
    assert table(found.exact) == counted(papers, queries, exact)
    assert table(found.near) == counted(papers, queries, near)


@given(_PAPERS)
def test_back_off_words_are_counted_in_each_field(papers: list[Paper]) -> None:
    reading = Reading(papers)
    assert table(reading.stem_entries) == {
        (number, place): (title, abstract)
        for stem, number in reading.stems.items()
        for place, one in enumerate(papers)
        for title, abstract in [
            tuple(sum(back_off_word(word) == stem for word in tokens(text)) for text in (one.title, one.abstract))
        ]
        if title or abstract
    }


@given(st.text())
def test_a_vocabulary_reads_the_words_that_tokens_tell_apart(text: str) -> None:
    vocabulary = Vocabulary()
    assert [vocabulary.words[number] for number in vocabulary.read(text)] == [
        token._replace(start=0, end=0) for token in tokens(text)
    ]


def test_a_vocabulary_reads_real_papers_as_tokens_does(shared_data: Callable[[str], Path]) -> None:
    vocabulary = Vocabulary()
    for one in _real(shared_data, 1_000):
        for text in (one.title, one.abstract):
            assert [vocabulary.words[number] for number in vocabulary.read(text)] == [
                token._replace(start=0, end=0) for token in tokens(text)
            ]


def test_no_short_keyword_is_ever_found_inside_another_word_of_real_papers(
    shared_data: Callable[[str], Path],
) -> None:
    papers = _real(shared_data, 300)
    inside = {
        word[start : start + 4]
        for one in papers
        for token in islice(tokens(one.title), 6)
        for word in [token.term]
        for start in range(1, len(word) - 4)
    }
    index = Index(papers)
    keywords = {keyword: query_of(keyword) for part in sorted(inside) for keyword in [Keyword(part)]}
    index.learn(Profile((keyword,)) for keyword in keywords)
    for keyword, query in keywords.items():
        for ranked in index.rank(Profile((keyword,))):
            for place in places_of(ranked.matches):
                text = ranked.paper.title if place.field is Field.TITLE else ranked.paper.abstract
                whole = {(token.start, token.end): token for token in tokens(text)}
                for span in place.spans:
                    said = whole.get(span)
                    assert said is None or {*forms(said), said.stem} & {*query.words, *query.stems}
                    # two neighbours that are one word together: "de coder", "de-coder"
                    assert said or "".join(token.word for token in tokens(text[slice(*span)])).startswith(
                        keyword.phrase[:-1]
                    )


def _real(shared_data: Callable[[str], Path], number: int) -> list[Paper]:
    with gzip.open(shared_data("corpus/arxiv-2026-03-to-06.jsonl.gz"), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, number)]
    return [Paper(key=row["id"], title=row["title"], abstract=row["abstract"]) for row in rows]
