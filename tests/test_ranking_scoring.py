"""Matching and ranking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import paper
from digestmail.model import Field, Paper, Ranking
from digestmail.ranking.profile import parse_keywords
from digestmail.ranking.scoring import Ranker


def rank(papers: list[Paper], *keywords: str, exclude: frozenset[str] = frozenset()) -> Ranking:
    profile = parse_keywords(keywords)
    return Ranker(papers, [profile]).rank(profile, exclude)


def titles(ranking: Ranking) -> list[str]:
    return [ranked.paper.title for ranked in ranking.papers]


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("RAG", "storage coverage of fragments"),
        ("RAG", "a rag doll"),
        ("edge", "knowledge"),
        ("art", "state of the artifact"),
        ("mixture of experts", "a mixture of several experts"),
        ("mixture of experts", "mixture of"),
        ('"model"', "models"),
        ("title:proof", "a proof"),
    ],
)
def test_a_keyword_matches_words_never_parts_of_words(keyword: str, text: str) -> None:
    assert not rank([paper("Something", abstract=text)], keyword).papers


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("RAG", "We build RAGs."),
        ("MoE", "an MoE-based model"),
        ("mixture of experts", "Mixture-of-Experts"),
        ("language model", "Large Language Models"),
        ("diffusion models", "a diffusion model"),
        ('"mixture of experts"', "MIXTURE OF EXPERTS"),
        ('"models"', "Models"),
        ("naive bayes", "Naïve Bayes"),
        ("GPT-4", "we ask GPT-4"),
    ],
)
def test_case_hyphens_plurals_and_accents_fold(keyword: str, text: str) -> None:
    assert rank([paper("Something", abstract=text)], keyword).papers


def test_a_word_in_the_title_counts_more_than_in_the_abstract() -> None:
    in_title, in_abstract = paper("Quantization of all", abstract="x"), paper("Other", abstract="quantization " * 3)
    assert titles(rank([in_abstract, in_title], "quantization")) == ["Quantization of all", "Other"]


def test_weights_decide_between_keywords() -> None:
    found = [paper("About attention"), paper("About pruning")]
    assert titles(rank(found, "attention", "pruning^2")) == ["About pruning", "About attention"]
    assert titles(rank(found, "attention^2", "pruning")) == ["About attention", "About pruning"]


def test_a_negative_keyword_excludes_and_is_counted() -> None:
    ranking = rank(
        [paper("Attention"), paper("A Survey of Attention"), paper("Surveys of Birds")], "attention", "-survey"
    )
    assert titles(ranking) == ["Attention"]
    assert ranking.excluded == 1


def test_a_field_keyword_looks_only_there() -> None:
    papers = [paper("Proofs by machine"), paper("Other", abstract="a proof")]
    assert titles(rank(papers, "title:proof")) == ["Proofs by machine"]
    assert titles(rank(papers, "abstract:proof")) == ["Other"]


@pytest.mark.parametrize("asked", ["author:Tri Dao", "author:dao", 'au:"tri dao"'])
def test_a_followed_author_is_found_whatever_the_case(asked: str) -> None:
    ranking = rank([paper("A", authors=("Albert Gu", "Tri Dao")), paper("B", authors=("Dan Fu",))], asked)
    assert titles(ranking) == ["A"]
    assert ranking.papers[0].matches[0].text == "Tri Dao"


def test_an_author_is_not_looked_for_in_the_abstract() -> None:
    assert not rank([paper("A", abstract="as Tri Dao shows")], "author:Tri Dao").papers


def test_a_category_matches_itself_and_its_archive() -> None:
    papers = [paper("A", categories=("cs.LG", "cs.CL")), paper("B", categories=("math.OC",))]
    for asked in ("cat:cs.LG", "cat:cs.lg", "cat:cs", "cat:cs.*"):
        assert titles(rank(papers, asked)) == ["A"]
    assert not rank(papers, "cat:cs.CV").papers


def test_upvotes_break_ties_then_recency_and_never_admit() -> None:
    from datetime import date

    papers = [
        paper("Attention one", upvotes=1),
        paper("Attention two", upvotes=9),
        paper("Attention three", upvotes=1, published=date(2026, 6, 1)),
        paper("Loud", upvotes=1000),
    ]
    assert titles(rank(papers, "attention")) == ["Attention two", "Attention three", "Attention one"]


def test_without_keywords_the_day_comes_by_upvotes() -> None:
    papers = [paper("A", upvotes=1), paper("B", upvotes=5), paper("C")]
    assert titles(rank(papers)) == ["B", "A", "C"]
    assert titles(rank(papers, "-b")) == ["A", "C"]


def test_excluded_keys_are_not_ranked() -> None:
    sent, fresh = paper("Attention one"), paper("Attention two")
    assert titles(rank([sent, fresh], "attention", exclude=frozenset({sent.key}))) == ["Attention two"]


def test_matches_say_where_and_how_often_and_add_up_to_the_score() -> None:
    found = paper("Sparse attention", abstract="Attention, and again attentions.")
    [ranked] = rank([found], "attention").papers
    title, abstract = ranked.matches
    assert (title.field, title.text, title.count) == (Field.TITLE, "attention", 1)
    assert (abstract.field, abstract.text, abstract.count) == (Field.ABSTRACT, "Attention", 2)
    assert [found.abstract[start:end] for start, end in abstract.spans] == ["Attention", "attentions"]
    assert ranked.score == pytest.approx(title.points + abstract.points)


def test_repeating_a_word_in_the_abstract_never_beats_the_title() -> None:
    stuffed = paper("Other", abstract="attention " * 500)
    assert titles(rank([stuffed, paper("Attention")], "attention"))[0] == "Attention"


def test_one_ranker_serves_many_profiles_as_if_each_were_alone() -> None:
    papers = [paper("Attention in proofs"), paper("Pruning"), paper("Mixture of experts", abstract="no attention")]
    profiles = [parse_keywords([keyword]) for keyword in ("attention", "pruning", "mixture of experts", "proof^2")]
    together = Ranker(papers, profiles)
    for profile in profiles:
        assert together.rank(profile) == Ranker(papers, [profile]).rank(profile)


def test_an_explanation_names_negatives_too() -> None:
    profile = parse_keywords(["attention", "-survey"])
    surveyed = paper("A survey of attention")
    explanation = Ranker([surveyed], [profile]).explain(profile, surveyed.key)
    assert [match.keyword for match in explanation.matches] == ["attention"]
    assert [match.keyword for match in explanation.negatives] == ["survey"]


_WORD = st.sampled_from(["attention", "models", "model", "of", "experts", "expert", "RAG", "coverage", "x"])


@given(st.lists(_WORD, max_size=12), st.lists(_WORD, min_size=1, max_size=3))
def test_the_trie_finds_just_what_a_scan_of_all_places_finds(text: list[str], phrase: list[str]) -> None:
    from digestmail.text.analysis import fold_plural

    def same(written: str, asked: str) -> bool:
        return (
            written.removesuffix("s") == "RAG" if asked == "RAG" else fold_plural(written.lower()) == fold_plural(asked)
        )

    places = [
        start
        for start in range(len(text) - len(phrase) + 1)
        if all(same(text[start + offset], word) for offset, word in enumerate(phrase))
    ]
    found = rank([paper("Nothing here", abstract=" ".join(text))], " ".join(phrase)).papers
    assert (found[0].matches[0].count if found else 0) == len(places)


@given(st.permutations([paper(f"Attention {number}", upvotes=number % 2) for number in range(6)]))
def test_the_order_of_the_papers_does_not_matter(papers: list[Paper]) -> None:
    expected = rank(sorted(papers, key=lambda one: one.title), "attention")
    assert titles(rank(papers, "attention")) == titles(expected)
