"""Sentences: where they end, and which two tell what a paper did."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.text.sentences import gist, lead, sentences


def said(text: str) -> list[str]:
    return [text[slice(*span)] for span in sentences(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("  ", []),
        ("One", ["One"]),
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ("It gains 3.5 points. Then it stops.", ["It gains 3.5 points.", "Then it stops."]),
        ("Large models (e.g. GPT-4) fail. We ask why.", ["Large models (e.g. GPT-4) fail.", "We ask why."]),
        ("As in Smith et al. We differ (cf. Fig. 3).", ["As in Smith et al. We differ (cf. Fig. 3)."]),
        ("U.S. Data are used. They are old.", ["U.S. Data are used.", "They are old."]),
        ('He said "stop." Nobody did.', ['He said "stop."', "Nobody did."]),
        ("version 2. of it", ["version 2. of it"]),
        ("我们提出一种方法。它很快！", ["我们提出一种方法。", "它很快！"]),
        ("אנו מציגים שיטה. היא מהירה.", ["אנו מציגים שיטה.", "היא מהירה."]),
    ],
)
def test_sentences_end_where_a_new_one_begins(text: str, parts: list[str]) -> None:
    assert said(text) == parts


@given(st.text())
def test_sentences_hold_all_of_the_text_but_the_space_between(text: str) -> None:
    spans = sentences(text)
    assert "".join("".join(said(text)).split()) == "".join(text.split())
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


ABSTRACT = (
    "Much has been written on birds. Few fly at night. In this paper, we count owls. "
    "Owls are many. They number 12. Code is available at https://example.org/owls."
)


def test_the_gist_says_what_was_done() -> None:
    assert ABSTRACT[slice(*gist(ABSTRACT))] == "In this paper, we count owls."
    assert gist("Birds fly. Owls hoot.") == (0, 10)
    assert gist("") == (0, 0)


def test_a_lead_is_the_gist_and_the_result_never_the_address_of_the_code() -> None:
    assert [ABSTRACT[slice(*span)] for span in lead(ABSTRACT)] == ["In this paper, we count owls.", "They number 12."]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("One.", ["One."]),
        ("One. Two.", ["One.", "Two."]),
        ("One. Two. Three.", ["One.", "Three."]),
        ("Birds sing. Owls hoot. We record both.", ["Owls hoot.", "We record both."]),
        ("We record. See https://a.example. See https://b.example.", ["We record."]),
    ],
)
def test_a_lead_has_at_most_two_sentences_in_their_order(text: str, parts: list[str]) -> None:
    assert [text[slice(*span)] for span in lead(text)] == parts
