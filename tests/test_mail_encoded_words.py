"""Encoded words: those of the standard library, to the byte."""

from email.header import Header, decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.mail.encoded_words import encoded_words

LINES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=300)


@given(LINES, st.sampled_from(["Subject", "List-Id", "From", "X" * 30]))
def test_they_are_those_of_the_standard_library(text: str, name: str) -> None:
    theirs = Header(text, "utf-8", maxlinelen=76, header_name=name).encode(linesep="\r\n")
    assert encoded_words(text, len(name) + 2) == theirs


@given(LINES)
def test_they_read_back_and_no_line_is_too_long(text: str) -> None:
    written = encoded_words(text, len("Subject: "))
    assert str(make_header(decode_header(written.replace("\r\n", "")))) == text
    first, *rest = written.split("\r\n")
    assert len("Subject: ") + len(first) <= 76
    assert all(len(line) <= 76 and line.startswith(" =?utf-8?") for line in rest)


@pytest.mark.parametrize("text", ["é" * 100, "a" * 100 + "…", "中文" * 60, "…" + "=?_" * 40, "😀" * 40])
def test_they_are_those_of_the_standard_library_also_where_lines_are_full(text: str) -> None:
    for begun in range(9, 40):
        theirs = Header(text, "utf-8", maxlinelen=76, header_name="x" * (begun - 2)).encode(linesep="\r\n")
        assert encoded_words(text, begun) == theirs
