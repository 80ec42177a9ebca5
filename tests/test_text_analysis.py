"""Tokens and folding."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.text.analysis import acronym, fold_plural, tokens


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
