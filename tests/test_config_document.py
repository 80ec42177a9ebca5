"""config.yaml as YAML: syntax, types, bounds, and values from the environment."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from digestmail.config.document import MAX_BYTES, MAX_DEPTH, MAX_NODES, Document, plain, read_document
from digestmail.errors import ConfigError


def read(text: str, environ: Mapping[str, str] | None = None) -> Document:
    return read_document("config.yaml", text, environ or {})


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def problems(text: str, environ: Mapping[str, str] | None = None) -> list[tuple[int, str]]:
    return [(problem.line, problem.what) for problem in read(text, environ).problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("10", 10),
        ("-3", -3),
        ("007", 7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("~", None),
        ("null", None),
        ("", None),
        ('"10"', "10"),
        ("!!str 10", "10"),
    ],
)
def test_plain_values_have_the_types_of_yaml_1_2(written: str, value: object) -> None:
    found = read(f"a: {written}").data["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "written",
    ["07:30", "1:2:3", "yes", "no", "on", "off", "2024-01-01", "0x10", "0o7", "1_000", ".inf", ".nan", "=", "tRue"],
)
def test_what_yaml_1_1_made_of_times_and_words_stays_text(written: str) -> None:
    assert read(f"a: {written}").data["a"] == written


def test_the_word_on_may_be_a_key() -> None:
    assert read("on: mon").data == {"on": "mon"}


@given(st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_text_from_a_variable_reads_as_the_same_text_unquoted(value: float | None) -> None:
    written = json.dumps(value)
    assert plain(written) == read(f"a: {written}").data["a"] == value


def test_a_key_knows_its_line_and_an_item_its_own() -> None:
    document = read("a:\n  b:\n    - x\n    - c: 1\n\n      d: 2\n")
    assert document.lines == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "b", 0): 3,
        ("a", "b", 1): 4,
        ("a", "b", 1, "c"): 4,
        ("a", "b", 1, "d"): 6,
    }


def test_what_is_not_in_the_file_has_the_line_of_what_is_around_it() -> None:
    document = read("x: 1\na:\n  b: [1]\n")
    assert document.line(("a", "b", 0, "missing")) == 3
    assert document.line(("a", "missing")) == 2
    assert document.line(("missing",)) == 1


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter() -> None:
    document = read("\ufeffa: 1\r\nb: x\r\n")
    assert document.data == {"a": 1, "b": "x"}
    assert document.line(("b",)) == 2


def test_an_alias_is_followed() -> None:
    assert read("a: &x [1, 2]\nb: *x\n").data == {"a": [1, 2], "b": [1, 2]}


def test_an_alias_bomb_is_refused_before_it_goes_off() -> None:
    rows = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert f"more than {MAX_NODES:,} keys and values" in refusal("\n".join(["a0: &a0 [x]", *rows]))


def test_aliases_of_a_long_text_are_refused_before_they_fill_the_memory() -> None:
    text = f"a: &a '{'x' * 5000}'\nb: [{', '.join(['*a'] * 1000)}]\n"
    assert f"more than {MAX_BYTES:,} characters" in refusal(text)


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}"])
def test_an_alias_inside_its_own_anchor_is_refused(text: str) -> None:
    assert "an alias inside its own anchor" in refusal(text)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused(opening: str) -> None:
    assert f"nested more than {MAX_DEPTH} levels deep" in refusal(opening * 5000)


def test_a_megabyte_of_empty_lists_is_refused_without_reading_to_its_end() -> None:
    assert f"more than {MAX_NODES:,} keys and values" in refusal("a: [" + "[]," * 300_000 + "} no list ends so")


def test_a_key_that_stands_twice_is_reported_with_both_lines() -> None:
    assert problems("a: 1\nb: 2\na: 3\n") == [(3, "this key stands twice (first in line 1)")]


def test_the_first_of_two_equal_keys_is_kept() -> None:
    assert read("a: 1\na: 2\n").data == {"a": 1}


def test_merge_keys_are_refused_with_their_line() -> None:
    assert problems("a: &a {x: 1}\nb:\n  <<: *a\n") == [(3, "merge keys (<<) are not supported; write the keys out")]


@pytest.mark.parametrize("key", ["1", "true", "~", "1.5"])
def test_a_key_that_is_not_text_is_refused(key: str) -> None:
    assert problems(f"a: 1\n{key}: 2\n") == [(2, f"a key must be text: put {key!r} in quotes")]


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!!binary", "!!set", "!mine"]
)
def test_tags_are_refused_and_nothing_is_run(tag: str) -> None:
    document = read(f"a: 1\nb: {tag} x\n")
    assert [(problem.line, problem.what) for problem in document.problems] == [
        (2, f"the tag '{tag}' is not supported here; write the value without it"),
    ]
    assert document.data["b"] is None


def test_a_tag_on_the_top_level_is_refused() -> None:
    assert problems("!!python/dict\na: 1\n") == [
        (1, "the tag '!!python/dict' is not supported here; write the value without it"),
    ]


def test_a_value_that_is_not_of_its_tag_is_refused() -> None:
    assert problems("a: !!int abc\n") == [(1, "not a valid !!int")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "config.yaml:1: the file is empty"),
        ("# only a comment\n", "config.yaml:1: the file is empty"),
        ("- a\n", "config.yaml:1: expected keys and values at the top, got a list"),
        ("\n\nword\n", "config.yaml:3: expected keys and values at the top, got a single value"),
        ("a: 1\n---\nb: 2\n", "config.yaml:2: not valid YAML: a second document begins here"),
        ("a: 1\nb: [1, 2\n", "config.yaml:3: not valid YAML"),
        ("a: 1\n\tb: 2\n", "config.yaml:2: not valid YAML"),
        ("a: *nowhere\n", "config.yaml:1: not valid YAML: found undefined alias 'nowhere'"),
        ("a: 1\nb: \x07\n", "config.yaml:2: not valid YAML: the character U+0007 is not allowed"),
        ('a: 1\nb: "\\UFFFFFFFF"\n', "config.yaml:2: not valid YAML"),
        ("%YAML " + "9" * 5000 + ".1\n---\na: 1\n", "config.yaml:1: not valid YAML"),
    ],
)
def test_a_text_that_is_no_configuration_is_refused_with_its_line(text: str, expected: str) -> None:
    assert refusal(text).startswith(expected)


def test_text_after_a_closing_quote_brings_advice() -> None:
    assert "single quotes around all of it" in refusal('keywords:\n  - "mixture of experts"^3\n')


def test_an_unquoted_variable_between_braces_brings_advice() -> None:
    assert "put ${NAME} in quotes" in refusal("transport: {kind: smtp, password: ${SMTP_PASSWORD}}\n")


def test_variables_are_expanded_in_values() -> None:
    document = read("a: x${ONE}y${TWO:-2}\nb: ['${ONE}']\nc: plain\n", {"ONE": "1"})
    assert document.data == {"a": "x1y2", "b": ["1"], "c": "plain"}
    assert document.expanded == {("a",), ("b", 0)}


@pytest.mark.parametrize("environ", [{}, {"NAME": ""}])
def test_a_default_stands_in_for_a_variable_that_is_unset_or_empty(environ: dict[str, str]) -> None:
    assert read("a: ${NAME:-other}", environ).data == {"a": "other"}


def test_a_variable_may_be_empty() -> None:
    assert read("a: ${NAME}\nb: ${OTHER:-}", {"NAME": ""}).data == {"a": "", "b": ""}


def test_a_doubled_dollar_stands_for_itself() -> None:
    document = read("a: $${NAME} $x$ $$ {b}\n")
    assert document.data == {"a": "${NAME} $x$ $$ {b}"}
    assert document.expanded == set()


def test_keys_are_not_expanded() -> None:
    assert read("${NAME}: 1", {"NAME": "a"}).data == {"${NAME}": 1}


def test_what_a_variable_holds_is_not_expanded_again() -> None:
    assert read("a: ${ONE}", {"ONE": "${TWO}", "TWO": "2"}).data == {"a": "${TWO}"}


def test_a_value_equal_to_its_own_reference_still_counts_as_from_the_environment() -> None:
    assert read("a: ${ONE}", {"ONE": "${ONE}"}).expanded == {("a",)}


def test_every_unset_variable_is_named_with_its_line() -> None:
    assert problems("a: 1\nb: ${ONE}${TWO}\n") == [
        (2, "the environment variable ONE is not set (${ONE:-…} gives a default)"),
        (2, "the environment variable TWO is not set (${TWO:-…} gives a default)"),
    ]


@pytest.mark.parametrize("written", ["'${'", "'${}'", "'${1A}'", "'${NAME'", "'${NA ME}'", "'${NAME:default}'"])
def test_a_reference_that_cannot_be_read_is_a_problem(written: str) -> None:
    assert problems(f"a: {written}", {"NAME": "x"}) == [
        (1, "'${' without a variable's name and '}' (write $${ for the two characters themselves)"),
    ]


YAML_PIECES = st.sampled_from(
    [
        *"a1:[]{},|>'\"\\#%!~.@`\n\t\r\x85\ufeffé😀 ",
        "  ",
        "- ",
        "? ",
        "&a ",
        "*a",
        "!!",
        "---",
        "...",
        "<<",
        "${",
        "A}",
        "\\U",
        "F" * 8,
    ],
)


@given(st.text() | st.lists(YAML_PIECES, max_size=40).map("".join))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    found: tuple[str, ...] = ()
    try:
        document = read(text, {"A": "value"})
    except ConfigError as error:
        found = error.problems
    assert len(found) == 1 or all(type(key) is str for key in document.data)
    assert all(problem.startswith("config.yaml:") and "\n" not in problem for problem in found)


JSON_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"], exclude_characters="$\ufeff\u2028\u2029")
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | JSON_TEXT,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(JSON_TEXT, values, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(JSON_TEXT, JSON_VALUES, max_size=4))
def test_json_reads_as_itself(data: dict[str, Any]) -> None:
    document = read(json.dumps(data, ensure_ascii=False))
    assert document.data == data
    assert document.problems == []


@given(st.dictionaries(JSON_TEXT, JSON_VALUES, min_size=1, max_size=4))
def test_every_value_of_a_block_style_document_has_a_line_of_the_text(data: dict[str, Any]) -> None:
    text = yaml.safe_dump(data, allow_unicode=True)
    document = read(text)
    assert set(document.lines.values()) <= set(range(1, text.count("\n") + 2))
