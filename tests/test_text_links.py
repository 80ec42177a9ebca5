"""Addresses that abstracts name."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.text.links import addresses
from digestmail.text.tex import to_text


@pytest.mark.parametrize(
    ("abstract", "code", "project"),
    [
        ("Code is available at https://github.com/ann/tool.", "https://github.com/ann/tool", None),
        ("Our code: github.com/ann/tool-2_x!", "https://github.com/ann/tool-2_x", None),
        ("(code released at https://gitlab.com/lab/a.b/).", "https://gitlab.com/lab/a.b/", None),
        ("See [our code](https://github.com/ann/tool).", "https://github.com/ann/tool", None),
        ("We publish code at https://gitlab.example.edu/ann/tool.", "https://gitlab.example.edu/ann/tool", None),
        ("Project page: https://ann.github.io/tool/.", None, "https://ann.github.io/tool/"),
        ("Our website is tool-lab.github.io/x.", None, "https://tool-lab.github.io/x"),
        ("Models are released at https://huggingface.co/ann/m.", None, "https://huggingface.co/ann/m"),
        ("Project page: https://tool.example.org/?a=(1)", None, "https://tool.example.org/?a=(1)"),
        (
            "Code: https://github.com/ann/tool, project page: https://ann.github.io.",
            "https://github.com/ann/tool",
            "https://ann.github.io",
        ),
        (
            "We fork https://github.com/bob/lib. Our code is at https://github.com/ann/x.",
            "https://github.com/ann/x",
            None,
        ),
        ("It compares well. https://github.com/ann/last", "https://github.com/ann/last", None),
        ("Based on https://github.com/bob/lib, it is fast.", None, None),
        ("Code will be released at https://github.com/ann.", None, None),
        ("Data are available at https://doi.org/10.5281/zenodo.1 and https://zenodo.org/records/1.", None, None),
        ("Write to ann@github.com/x about our code.", None, None),
        ("Code at https://github.com/ann/tool\u2014and more.", "https://github.com/ann/tool", None),
    ],
)
def test_the_papers_own_addresses_are_found(abstract: str, code: str | None, project: str | None) -> None:
    assert addresses(abstract) == (code, project)


@given(
    st.text()
    | st.lists(st.sampled_from(["code ", "https://", "github.com/", "a", "/", "(", ")", ".", "é", " "])).map("".join)
)
def test_what_is_found_is_an_address_in_ascii(text: str) -> None:
    for address in filter(None, addresses(text)):
        assert address.isascii()
        assert address.lower().startswith(("http://", "https://"))
        assert " " not in address


def test_most_real_abstracts_that_name_github_have_code(shared_data: Callable[[str], Path]) -> None:
    with gzip.open(shared_data("corpus/arxiv-2026-03-to-06.jsonl.gz"), "rt", encoding="utf-8") as lines:
        abstracts = [to_text(json.loads(line)["abstract"]) for line in [*lines][::4]]
    naming = [addresses(abstract) for abstract in abstracts if "github.com/" in abstract]
    assert sum(bool(found.code) for found in naming) > 0.95 * len(naming)
