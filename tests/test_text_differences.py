"""What changed between two abstracts, in few words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.text.differences import Part, differences

OLD = "We study how sparse attention fares on long contexts. It gains 12.3% over nine tasks and needs no tuning at all."
WORDS = st.lists(st.sampled_from(["a", "b", "c", "long", "<b>", "&", "α", "x" * 300]), max_size=60).map(" ".join)


def told(before: str, after: str) -> str:
    marks = {Part.KEPT: "{}", Part.LEFT_OUT: "{}", Part.REMOVED: "-{}-", Part.ADDED: "+{}+"}
    return " ".join(marks[part].format(words) for part, words in differences(before, after))


def test_a_figure_that_changed_is_told_with_the_words_around_it() -> None:
    after = OLD.replace("12.3%", "14.1%")
    assert told(OLD, after) == "… contexts. It gains -12.3%- +14.1%+ over nine tasks …"


def test_changes_that_are_close_are_told_together_and_others_apart() -> None:
    after = OLD.replace("12.3%", "14.1%").replace("nine", "eleven").replace("We study", "Here we study")
    assert told(OLD, after) == (
        "-We- +Here we+ study how sparse … contexts. It gains -12.3%- +14.1%+ over -nine- +eleven+ tasks and needs …"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [(OLD, "Nothing of it is left: this text speaks of something else."), (OLD, OLD), ("", OLD), (OLD, ""), ("", "")],
)
def test_an_abstract_that_was_written_anew_or_not_at_all_has_no_differences(before: str, after: str) -> None:
    assert differences(before, after) == ()


def test_white_space_is_no_change() -> None:
    assert differences(OLD, OLD.replace(" ", "\n  ")) == ()


@given(WORDS, WORDS)
def test_what_is_told_is_short_and_true(before: str, after: str) -> None:
    pieces = differences(before, after)
    assert sum(len(piece.words) for piece in pieces) <= 420 + 2 * 160
    for part, words in pieces:
        begun = words.rstrip("…")
        if part in (Part.KEPT, Part.REMOVED):
            assert begun in before
        if part in (Part.KEPT, Part.ADDED):
            assert begun in after
