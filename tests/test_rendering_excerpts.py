"""Excerpts: what a card shows of a text, and the marks in it."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from digestmail.rendering.excerpts import Printed, escaped, two_sentences, whole

ABSTRACT = "Birds fly. We count owls at night. Some <hoot>. They number 12."


def test_a_slot_is_plain_in_text_and_marked_in_html() -> None:
    slot = whole("Owls & <birds>").marked([(0, 4)])
    assert isinstance(slot, Printed)
    assert slot == "Owls & <birds>"
    assert slot.__html__() == "<b>Owls</b> &amp; &lt;birds&gt;"


def test_marks_stand_where_the_words_stand_in_the_sentences_that_are_left() -> None:
    start = ABSTRACT.index("owls")
    lead = two_sentences(ABSTRACT).marked([(0, 5), (start, start + 4), (ABSTRACT.index("12"), len(ABSTRACT) - 1)])
    assert lead == "We count owls at night. … They number 12."
    assert lead.__html__() == "We count <b>owls</b> at night. … They number <b>12</b>."


def test_sentences_that_follow_each_other_stand_together() -> None:
    assert str(two_sentences("Birds fly. Owls hoot.")) == "Birds fly. Owls hoot."


def test_long_sentences_are_cut_at_a_word_and_a_mark_beyond_the_cut_is_dropped() -> None:
    text = "word " * 100 + "owls."
    shown = two_sentences(text).marked([(text.index("owls"), len(text) - 1)])
    assert len(shown) <= 220
    assert shown.endswith("word…")
    assert "<b>" not in shown.__html__()


def test_what_is_no_abstract_any_more_is_cut_too() -> None:
    assert len(str(whole("word " * 2000))) <= 3600
    assert str(whole("word " * 2000)).endswith("word…")


def test_an_empty_text_gives_way_to_its_fallback() -> None:
    assert str(whole("  ", fallback="Untitled")) == "Untitled"
    assert str(whole("")) == ""
    assert str(two_sentences("")) == ""


def test_a_text_that_had_to_be_cleaned_has_no_marks() -> None:
    assert whole("Big\nowls").marked([(0, 3)]).__html__() == "Big owls"


def test_raised_and_lowered_parts_become_elements_around_the_marks() -> None:
    text = "Fast O(n^(3/2)) owls"
    assert whole(text).marked([(16, 20)]).__html__() == "Fast O(n<sup>3/2</sup>) <b>owls</b>"
    assert whole("x_(i) owls").marked([(6, 10)]).__html__() == "x<sub>i</sub> <b>owls</b>"


@pytest.mark.parametrize("make", [whole, two_sentences])
@given(text=st.text("ab <>&.A漢ü\n", max_size=80), spans=st.lists(st.tuples(st.integers(-3, 90), st.integers(-3, 90))))
def test_marks_change_nothing_but_the_weight(make: object, text: str, spans: list[tuple[int, int]]) -> None:
    slot = make(text).marked(spans)  # type: ignore[operator]
    assert html.unescape(re.sub("</?b>", "", slot.__html__())) == str(slot)
    marked = re.findall("<b>(.*?)</b>", slot.__html__())
    assert {html.unescape(words) for words in marked} <= {text[max(0, first) : last] for first, last in spans}


@given(st.text(st.characters() | st.sampled_from("&<>'\";#34")))
def test_plain_text_is_escaped_as_markupsafe_escapes_it(text: str) -> None:
    assert escaped(text) == str(escape(text))
