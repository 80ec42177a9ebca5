"""Tokens and folding."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.text.analysis import acronym, fold_plural, joined, tokens


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("networks", "network"),
        ("studies", "study"),
        ("biases", "bias"),
        ("classes", "class"),
        ("boxes", "box"),
        ("batches", "batch"),
        ("viruses", "virus"),
        ("caches", "cache"),
        ("causes", "cause"),
        ("bases", "base"),
    ],
)
def test_plurals_fold_to_the_form_the_singular_has(plural: str, singular: str) -> None:
    assert fold_plural(plural) == fold_plural(singular) == singular


@pytest.mark.parametrize("word", ["bias", "analysis", "gas", "loss", "corpus", "as", "bus"])
def test_words_that_only_look_like_plurals_stay(word: str) -> None:
    assert fold_plural(word) == word


def test_hyphens_separate_words() -> None:
    assert [token.term for token in tokens("Mixture-of-Experts")] == ["mixture", "of", "expert"]


def test_case_and_accents_fold() -> None:
    assert [token.word for token in tokens("Naïve BAYES")] == ["naive", "bayes"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("RAG", "RAG"),
        ("LLMs", "LLM"),
        ("MoE", "MoE"),
        ("LoRA", "LoRA"),
        ("Models", None),
        ("I", None),
        ("BENCHMARK", None),
    ],
)
def test_short_words_with_two_capitals_are_acronyms(written: str, expected: str | None) -> None:
    assert acronym(written) == expected


@given(st.text())
def test_every_token_stands_where_it_says(text: str) -> None:
    found = tokens(text)
    assert all(text[token.start : token.end] for token in found)
    assert all(left.end <= right.start for left, right in pairwise(found))


def test_markup_and_tex_are_masked_and_places_stay() -> None:
    text = 'The \\emph{Schr\\"odinger} <i>bridge</i> of H<sub>2</sub>O'
    assert [token.word for token in tokens(text)] == ["the", "schrodinger", "bridge", "of", "h2o"]
    assert [text[token.start : token.end] for token in tokens(text)][3:] == ["of", "H<sub>2</sub>O"]


def test_only_hyphens_and_longer_words_join() -> None:
    def one(text: str) -> str | None:
        both = joined(*tokens(text))
        return both.term if both else None

    assert [one(text) for text in ("multi-modal", "data sets", "in painting", "in-painting")] == [
        "multimodal",
        "dataset",
        None,
        "inpainting",
    ]


def test_a_row_of_unspaced_characters_backs_off_to_pairs() -> None:
    assert [token.stem for token in tokens("语言模型")] == ["语言", "言模", "模型", ""]


@given(st.text())
def test_no_token_is_empty_whatever_the_script(text: str) -> None:
    assert all(token.word and token.term for token in tokens(text))


@pytest.mark.parametrize(
    ("written", "typed"),
    [("α-synuclein", "alpha-synuclein"), ("ΛCDM", "LambdaCDM"), ("π₀", "pi0"), ("ϵ-greedy", "epsilon greedy")],
)
def test_a_greek_letter_is_found_by_its_name(written: str, typed: str) -> None:
    assert [token.word for token in tokens(written)] == [token.word for token in tokens(typed)]


def test_greek_words_stay_greek() -> None:
    assert [token.word for token in tokens("και όχι")] == ["και", "οχι"]
