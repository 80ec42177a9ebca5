"""What holds for every ranking, whatever the words."""

import gzip
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import paper, places_of
from digestmail.model import Evidence, Field, Keyword, Paper, Place, Profile, RankedPaper
from digestmail.ranking import Index, matching, scoring
from digestmail.text.analysis import tokens

_WORDS = [
    "attention",
    "models",
    "model",
    "sparse",
    "experts",
    "multi-modal",
    "multimodal",
    "RAG",
    "coverage",
    "of",
    "语言",
]
_PHRASE = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map(" ".join)
_TEXT = st.lists(st.sampled_from([*_WORDS, "x", "birds", "."]), max_size=15).map(" ".join)
_KEYWORDS = st.builds(
    Keyword,
    _PHRASE,
    st.sampled_from([0.5, 1.0, 2.25]),
    st.sampled_from([Field.ANY, Field.TITLE, Field.ABSTRACT]),
    exact=st.booleans(),
)
_PROFILES = st.lists(_KEYWORDS, min_size=1, max_size=5).map(lambda keywords: Profile(tuple(keywords)))
_PAPERS = st.lists(st.tuples(_TEXT, _TEXT, st.integers(0, 50)), min_size=1, max_size=8).map(
    lambda texts: [
        paper(title or "x", key=f"arxiv:2606.{number:05}", abstract=abstract, upvotes=upvotes)
        for number, (title, abstract, upvotes) in enumerate(texts)
    ]
)


def text_of(found: Paper, place: Place) -> str:
    return found.title if place.field is Field.TITLE else found.abstract


@given(_PAPERS, _PROFILES)
def test_shares_sum_to_the_whole_and_spans_point_to_what_is_said(papers: list[Paper], profile: Profile) -> None:
    index = Index(papers)
    for ranked in index.rank(profile):
        explained = index.explain(profile, ranked.paper.key)
        assert explained.matches == ranked.matches
        assert sum(match.points / ranked.relevance for match in ranked.matches) == pytest.approx(1)
        assert explained.passes
        prior = ranked.score / ranked.relevance
        assert 1 - 1e-9 <= prior <= 1.2 + 1e-9
        for match in ranked.matches:
            assert sum(place.share for place in match.places) == pytest.approx(1)
        for place in places_of(ranked.matches):
            assert len(place.spans) >= place.count
            if place.evidence is Evidence.EXACT:
                assert text_of(ranked.paper, place)[slice(*place.spans[0])] == place.text


@given(_PAPERS, _PROFILES)
def test_what_is_not_shown_is_below_its_threshold(papers: list[Paper], profile: Profile) -> None:
    index = Index(papers)
    shown = {ranked.paper.key for ranked in index.rank(profile)}
    assert all(not index.explain(profile, one.key).passes for one in papers if one.key not in shown)


@given(_PAPERS, st.lists(_PROFILES, min_size=1, max_size=6), st.randoms())
def test_order_of_papers_company_and_blocks_change_nothing(
    papers: list[Paper], profiles: list[Profile], rng: random.Random
) -> None:
    alone = [Index(papers).ranking(profile) for profile in profiles]
    shuffled = rng.sample(papers, len(papers))
    order = rng.sample(range(len(profiles)), len(profiles))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "_BLOCK", rng.choice([1, 2, 512]))
        patch.setattr(matching, "_BLOCK", rng.choice([1, 3, 1 << 20]))
        index = Index(shuffled)
        chosen = list(index.rank_many([profiles[number] for number in order], 99))
        together = {number: index.ranked(profiles[number], one) for number, one in zip(order, chosen, strict=True)}
    assert [together[number] for number in range(len(profiles))] == [ranking.papers for ranking in alone]


@given(_PAPERS, _PROFILES, _PHRASE)
def test_negatives_always_win(papers: list[Paper], profile: Profile, unwanted: str) -> None:
    negative = Keyword(unwanted, negative=True)
    index = Index(papers)
    for ranked in index.rank(Profile((*profile.keywords, negative))):
        found = index.explain(Profile((Keyword(unwanted),)), ranked.paper.key).matches
        assert all(place.evidence is not Evidence.EXACT for place in places_of(found))


@given(_PHRASE, _PHRASE)
def test_folding_is_symmetric(left: str, right: str) -> None:
    def finds(asked: str, written: str) -> bool:
        one = paper(written, abstract="")
        matches = Index([one]).explain(Profile((Keyword(asked),)), one.key).matches
        whole = (tokens(written)[0].start, tokens(written)[-1].end)
        return any(place.evidence is Evidence.EXACT and whole in place.spans for place in places_of(matches))

    if left.upper() != left and right.upper() != right and "RAG" not in f"{left} {right}":
        assert finds(left, right) == finds(right, left)


@given(st.text(min_size=1, max_size=40), st.text(max_size=80), st.booleans())
def test_any_text_is_a_safe_keyword_and_a_safe_paper(asked: str, written: str, exact: bool) -> None:
    one = paper(written, abstract=f"{written} {asked}")
    for ranked in Index([one]).rank(Profile((Keyword(asked, exact=exact),))):
        assert all(text_of(one, place)[start:end] for place in places_of(ranked.matches) for start, end in place.spans)


@pytest.mark.parametrize("word", ["rag", "art", "sam", "edge", "model", "ai"])
def test_no_short_keyword_is_found_inside_a_word_of_a_real_corpus(
    word: str, shared_data: Callable[[str], Path]
) -> None:
    for one in _real_week(shared_data):
        for ranked in Index([one]).rank(Profile((Keyword(word),))):
            for place in places_of(ranked.matches):
                for start, end in place.spans:
                    around = text_of(one, place)[max(0, start - 1) : end + 1]
                    assert not re.fullmatch(
                        r"[a-z].*|.*[a-rt-z]", around.replace(text_of(one, place)[start:end], "", 1)
                    )


def test_every_reason_of_a_real_week_adds_up_and_highlights_the_words_it_names(
    shared_data: Callable[[str], Path],
) -> None:
    papers = _real_week(shared_data)
    topics = json.loads((shared_data("topics") / "topics.json").read_text(encoding="utf-8"))
    index = Index(papers)
    profiles = [Profile(tuple(Keyword(phrase, weight) for phrase, weight in topic["profile"])) for topic in topics]
    index.learn(profiles)
    shown: list[RankedPaper] = [ranked for profile in profiles for ranked in index.rank(profile)]
    assert len(shown) > len(profiles)
    for ranked in shown:
        assert 1 - 1e-9 <= ranked.score / ranked.relevance <= 1.2 + 1e-9
        for match in ranked.matches:
            asked = {token.stem for token in tokens(match.keyword)} | {token.term for token in tokens(match.keyword)}
            joined = "".join(token.term for token in tokens(match.keyword))
            for start, end, text in (
                (*span, text_of(ranked.paper, place)) for place in match.places for span in place.spans
            ):
                written = tokens(text[start:end])
                assert all(token.stem in asked or token.term in asked for token in written) or (
                    "".join(token.term for token in written) == joined
                )


def _real_week(shared_data: Callable[[str], Path]) -> list[Paper]:
    with gzip.open(shared_data("topics/papers.jsonl.gz"), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    week = max(row["week"] for row in rows)
    return [
        Paper(key=row["id"], title=row["title"], abstract=row["abstract"], upvotes=row["upvotes"])
        for row in rows
        if row["week"] == week
    ][:400]
