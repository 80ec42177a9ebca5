"""Cleaning of text from outside."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from digestmail.text.clean import clean_line, shorten


def test_line_breaks_inside_a_title_become_single_spaces() -> None:
    assert clean_line("Hierarchical Backbones as Visual Encoder\n  for Models\r\n") == (
        "Hierarchical Backbones as Visual Encoder for Models"
    )


def test_controls_zero_width_and_direction_overrides_are_dropped() -> None:
    assert clean_line("a\x00b\u200bc\u202ed\x85e\ufefff\x1b[0m") == "abcd ef[0m"


def test_a_lone_surrogate_cannot_reach_the_database() -> None:
    assert clean_line("x\ud800y").encode() == b"xy"


def test_letters_are_composed() -> None:
    assert clean_line("Poincare\u0301") == "Poincaré"


def test_joiners_that_scripts_need_are_kept() -> None:
    assert clean_line("می\u200cخواهم") == "می\u200cخواهم"


@given(st.text())
def test_a_clean_line_is_one_line_and_stays_as_it_is(text: str) -> None:
    line = clean_line(text)
    assert len(line.splitlines()) <= 1
    assert clean_line(line) == line
    assert not any(unicodedata.category(character) == "Cc" for character in line)


def test_short_text_is_not_touched() -> None:
    assert shorten("A short title", 13) == "A short title"


def test_long_text_is_cut_at_a_word() -> None:
    assert shorten("Mixture of experts, revisited and extended", 22) == "Mixture of experts…"


@given(st.text(min_size=1), st.integers(min_value=2, max_value=60))
def test_shortened_text_never_exceeds_its_width(text: str, width: int) -> None:
    assert len(shorten(text, width)) <= width


@given(st.text(st.characters(codec="ascii") | st.sampled_from("  a\t"), max_size=30))
def test_plain_text_is_cleaned_like_any_other(text: str) -> None:
    # a letter beyond ASCII makes it any other
    assert clean_line(f"é {text} é") == f"é {clean_line(text)} é".replace("  ", " ")
