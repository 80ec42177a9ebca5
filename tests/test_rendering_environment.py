"""The world that templates live in."""

from dataclasses import dataclass

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import SecurityError

from digestmail.rendering.environment import environment, wrap

WORDS = st.lists(st.sampled_from(["a", "bb", "some", "é", "–", "×", "https://example.org/" + "x" * 30, "y" * 25, " "]))


@dataclass(frozen=True)
class Thing:
    """A value of our own."""

    name: str = "shown"
    _kept: str = "secret"


@given(words=WORDS, indent=st.integers(0, 6), width=st.integers(16, 40))
def test_text_without_wide_characters_is_wrapped_as_any_text(words: list[str], indent: int, width: int) -> None:
    text = " ".join(words)
    lines = wrap(text, indent, width).split("\n")
    assert " ".join(text.split()).replace(" ", "") == "".join(lines).replace(" ", "")
    assert all(len(line.strip()) <= width - indent or "https://" in line for line in lines)
    # the same with one wide character, which takes the way for any text, two columns as two letters do
    wide = wrap(f"{text} 論", indent, width).split("\n")
    assert [line.replace("論", "oo") for line in wide] == wrap(f"{text} oo", indent, width).split("\n")


def test_a_template_sees_what_a_value_shows_and_nothing_else() -> None:
    env = environment(html=True)
    assert env.from_string("{{ one.name }}").render(one=Thing()) == "shown"
    for hidden in ("one._kept", "one.__class__", "one.__class__.__mro__", "one.absent"):
        with pytest.raises((SecurityError, jinja2.UndefinedError)):
            env.from_string("{{ " + hidden + " }}").render(one=Thing())
