"""JSON Lines: the documented keys, real dumps, and lines that are no papers."""

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import asked
from builders import read as read_from
from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import Paper, SkippedEntry
from digestmail.sources.files.jsonl import LONGEST_LINE, JsonlSource
from digestmail.sources.files.records import PaperLine
from digestmail.text.clean import clean_line
from digestmail.text.identity import title_key

TODAY = date(2026, 7, 1)
ROOT = Path(__file__).parents[1]
Read = Callable[..., list[Paper | SkippedEntry]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a file whose lines are given as objects or bytes."""

    def reader(*lines: Any, newline: bytes = b"\n") -> list[Paper | SkippedEntry]:
        path = tmp_path / "x.jsonl"
        path.write_bytes(newline.join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
        return read_from(JsonlSource(path), TODAY)

    return reader


def one(entries: list[Paper | SkippedEntry]) -> Paper:
    """The only entry, which must be a paper."""
    (entry,) = entries
    assert isinstance(entry, Paper)
    return entry


# Real files


def test_real_listings_are_read_without_a_skipped_line(shared_data: Callable[[str], Path]) -> None:
    files = sorted(shared_data("arxiv_daily").glob("*.jsonl"))
    assert files
    for file in files[:8]:
        lines = [json.loads(line) for line in file.read_text().splitlines() if line]
        papers = [entry for entry in JsonlSource(file).fetch(asked(TODAY)) if isinstance(entry, Paper)]
        assert [paper.key for paper in papers] == [f"arxiv:{line['id']}" for line in lines]
        assert [paper.url for paper in papers] == [line["abs"] for line in lines]
        assert all(paper.abstract and paper.authors and paper.categories for paper in papers)


def test_a_real_dump_of_preprints_is_read_with_its_dois(shared_data: Callable[[str], Path]) -> None:
    papers = read_from(JsonlSource(shared_data("biorxiv/paperscraper_test_dump.jsonl")), TODAY)
    for paper in papers:
        assert isinstance(paper, Paper)
        assert paper.key == f"doi:{paper.doi}"
        assert paper.url == f"https://doi.org/{paper.doi}"
        assert paper.authors


def test_the_sample_file_shows_the_three_kinds_of_key() -> None:
    papers = read_from(JsonlSource(ROOT / "samples" / "papers.jsonl"), TODAY)
    assert [paper.key for paper in papers if isinstance(paper, Paper)] == [
        "arxiv:1706.03762",
        "arxiv:2103.13630",
        "doi:10.1038/nature14539",
    ]
    assert all(isinstance(paper, Paper) and paper.authors and paper.abstract for paper in papers)


# One line


def test_a_paper_carries_every_documented_key(read: Read) -> None:
    line = {
        "title": "Mixtures\n  of Experts",
        "id": "arXiv:2107.05580v2",
        "doi": "https://doi.org/10.1101/2026.A",
        "abstract": "About \u200bexperts.\u0000",
        "authors": ["Ada Lovelace", " Alan  Turing ", "", "Ada Lovelace"],
        "author_count": 12,
        "organization": "Lab",
        "venue": "Journal of Tests",
        "categories": ["cs.LG", "cs.CL"],
        "published": "2026-06-29",
        "listed": "2026-06-30T23:30:00-04:00",
        "upvotes": 3,
        "comments": 0,
        "url": "https://example.org/paper",
        "code_url": "http://example.org/code",
        "project_url": "https://example.org/",
        "unknown": {"ignored": True},
    }
    assert one(read(line)) == Paper(
        key="arxiv:2107.05580",
        title="Mixtures of Experts",
        abstract="About experts.",
        authors=("Ada Lovelace", "Alan Turing"),
        author_count=12,
        organization="Lab",
        venue="Journal of Tests",
        categories=("cs.LG", "cs.CL"),
        doi="10.1101/2026.a",
        published=date(2026, 6, 29),
        listed=date(2026, 7, 1),
        upvotes=3,
        comments=0,
        url="https://example.org/paper",
        code_url="http://example.org/code",
        project_url="https://example.org/",
        source="jsonl:x.jsonl",
    )


def test_a_title_is_enough(read: Read) -> None:
    assert one(read({"title": "T1"})) == Paper(key=title_key("T1"), title="T1", source="jsonl:x.jsonl")


def test_null_is_the_same_as_absent(read: Read) -> None:
    keys = [key for key in PaperLine.model_fields if key != "title"]
    assert read({"title": "T1", **dict.fromkeys(keys)}) == read({"title": "T1"})


@pytest.mark.parametrize("empty", ["", "  ", "\u200b"])
def test_empty_text_is_the_same_as_absent(read: Read, empty: str) -> None:
    keys = ["id", "doi", "abstract", "organization", "categories", "url", "authors"]
    assert read({"title": "T1", **dict.fromkeys(keys, empty)}) == read({"title": "T1"})


@pytest.mark.parametrize(
    ("line", "key", "url"),
    [
        ({"arxiv_id": "2107.05580"}, "arxiv:2107.05580", "https://arxiv.org/abs/2107.05580"),
        ({"id": "https://arxiv.org/pdf/2107.05580v1"}, "arxiv:2107.05580", "https://arxiv.org/abs/2107.05580"),
        ({"id": "math.GT/0309136"}, "arxiv:math/0309136", "https://arxiv.org/abs/math/0309136"),
        ({"doi": "10.48550/arXiv.2107.05580"}, "arxiv:2107.05580", "https://arxiv.org/abs/2107.05580"),
        ({"doi": "10.1101/001891"}, "doi:10.1101/001891", "https://doi.org/10.1101/001891"),
        ({"id": "doi:10.1101/001891"}, "doi:10.1101/001891", "https://doi.org/10.1101/001891"),
        ({"id": "W4382", "doi": "10.1101/001891"}, "doi:10.1101/001891", "https://doi.org/10.1101/001891"),
        ({"id": "W4382"}, title_key("T1"), None),
    ],
)
def test_the_best_id_makes_the_key_and_the_key_makes_the_link(
    read: Read, line: dict[str, str], key: str, url: str | None
) -> None:
    paper = one(read({"title": "T1", **line}))
    assert (paper.key, paper.url) == (key, url)


def test_a_summary_is_an_abstract(read: Read) -> None:
    assert one(read({"title": "T1", "summary": "S."})).abstract == "S."


@pytest.mark.parametrize(
    ("authors", "names"),
    [
        ("Ada Lovelace\n and  Alan Turing", ("Ada Lovelace", "Alan Turing")),
        ("Lovelace, Ada; Turing, Alan;", ("Lovelace, Ada", "Turing, Alan")),
        ("Anders Andersson", ("Anders Andersson",)),
        ([], ()),
    ],
)
def test_authors_may_be_one_string(read: Read, authors: object, names: tuple[str, ...]) -> None:
    assert one(read({"title": "T1", "authors": authors})).authors == names


def test_categories_may_be_one_string(read: Read) -> None:
    assert one(read({"title": "T1", "categories": "cs.LG  cs.CL cs.LG"})).categories == ("cs.LG", "cs.CL")


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "example.org", 7])
def test_a_link_that_leads_nowhere_is_dropped_and_the_paper_kept(read: Read, link: object) -> None:
    paper = one(read({"title": "T1", "url": link, "code_url": link, "project_url": link}))
    assert (paper.url, paper.code_url, paper.project_url) == (None, None, None)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\n\n", b"\n \t\r\n"])
def test_blank_lines_and_line_ends_do_not_matter(read: Read, newline: bytes) -> None:
    entries = read(b'\xef\xbb\xbf{"title": "A"}', {"title": "B"}, b"", newline=newline)
    assert [entry.title for entry in entries if isinstance(entry, Paper)] == ["A", "B"]
    assert len(entries) == 2


def test_odd_bytes_and_lone_surrogates_cost_only_themselves(read: Read) -> None:
    entries = read(b'{"title": "Schr\xf6dinger"}', rb'{"title": "Half \ud83d a face"}')
    assert [entry.title for entry in entries if isinstance(entry, Paper)] == ["Schr\ufffddinger", "Half a face"]


# Lines that are no papers


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "not JSON: Expecting property name"),
        (b"title,authors", "not JSON: Expecting value"),
        (b"[" * 100_000, "JSON nested too deeply"),
        (b'{"upvotes": ' + b"9" * 5000 + b"}", "not JSON: Exceeds the limit"),
        (["a"], "an array instead of an object"),
        ({}, "title field required"),
        ({"title": None}, "title should be a valid string"),
        ({"title": 7}, "title should be a valid string"),
        ({"title": " … "}, "title is empty"),
        ({"title": "T", "id": 2107.0558}, "id should be a valid string"),
        ({"title": "T", "authors": [{"name": "Ada"}]}, "authors should be a list of strings"),
        ({"title": "T", "categories": 7}, "categories should be a list of strings"),
        ({"title": "T", "published": "29 June"}, "published should be a date like 2026-06-30"),
        ({"title": "T", "listed": 20260630}, "listed should be a date like 2026-06-30"),
        ({"title": "T", "upvotes": -1}, "upvotes should be a whole number from 0"),
        ({"title": "T", "comments": 2**31}, "comments should be a whole number from 0"),
        ({"title": "T", "author_count": "3"}, "author_count should be a whole number from 0"),
        ({"title": 7, "upvotes": "3"}, "title should be a valid string; upvotes should be a whole number from 0"),
    ],
)
def test_a_bad_line_is_named_and_its_neighbours_are_kept(read: Read, line: object, why: str) -> None:
    first, bad, last = read({"title": "A"}, line, {"title": "B"})
    assert isinstance(first, Paper)
    assert isinstance(last, Paper)
    assert isinstance(bad, SkippedEntry)
    assert bad.where == "x.jsonl:2"
    assert bad.why.startswith(why)


def test_line_numbers_count_blank_lines(read: Read) -> None:
    entries = read({"title": "A"}, b"", b"", b"junk")
    assert isinstance(entries[-1], SkippedEntry)
    assert entries[-1].where == "x.jsonl:4"


def test_a_line_of_more_than_1_mb_is_passed_over(read: Read) -> None:
    long = b'{"title": "' + b"x" * 3 * LONGEST_LINE + b'"}'
    assert read({"title": "A"}, long, b"", {"title": "B"}, long)[1::2] == [
        SkippedEntry("x.jsonl:2", "the line is longer than 1 MB"),
        SkippedEntry("x.jsonl:5", "the line is longer than 1 MB"),
    ]


@pytest.mark.parametrize("excess", [0, 1])
def test_the_longest_line_is_exactly_1_mb(read: Read, excess: int) -> None:
    frame = b'{"title": "A", "x": ""}\n'
    line = frame.replace(b'""', b'"' + b"y" * (LONGEST_LINE - len(frame) + excess) + b'"')
    entries = read(line + b'{"title": "B"}')
    assert [isinstance(entry, Paper) for entry in entries] == [excess == 0, True]


# Files that are something else


@pytest.mark.parametrize("content", [b"", b"\n\n", b" \r\n"])
def test_a_file_without_lines_is_a_quiet_day(read: Read, content: bytes) -> None:
    assert read(content) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hello\nworld", "x.jsonl:1: not JSON"),
        (b'[\n {\n  "title": "A"\n }\n]', "x.jsonl:1: not JSON"),
        (b'[{"title": "A"}]', "x.jsonl:1: an array instead of an object"),
        (b"\x89PNG\r\n\x1a\n\0\0", "x.jsonl:1: not JSON"),
    ],
)
def test_a_file_without_a_paper_is_an_error_with_the_first_reason(read: Read, content: bytes, why: str) -> None:
    with pytest.raises(SourceFormatError, match=rf"^jsonl:x.jsonl: no line is a paper; {re.escape(why)}"):
        read(content)


def test_a_missing_file_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"^jsonl:gone.jsonl: cannot read .*: No such file or directory$"):
        read_from(JsonlSource(tmp_path / "gone.jsonl"), TODAY)


def test_papers_come_before_the_end_of_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"title": "A"}\n' * 100_000)
    papers = JsonlSource(path).fetch(asked(TODAY))
    assert isinstance(next(papers), Paper)
    path.write_bytes(b"")
    assert len(list(papers)) < 99_999


def test_a_file_is_called_by_its_name_unless_it_has_another(tmp_path: Path) -> None:
    assert JsonlSource(tmp_path / "a.jsonl").name == "jsonl:a.jsonl"
    assert JsonlSource(tmp_path / "a.jsonl", name="mine").name == "mine"


# The reference page and properties


def test_the_reference_names_every_key() -> None:
    page = (ROOT / "docs" / "reference" / "sources.md").read_text()
    rows = re.findall(r"^\| `(\w+)`", page, re.MULTILINE)
    assert set(PaperLine.model_fields) <= set(rows)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.characters(categories=["Cs"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
lines = st.dictionaries(st.sampled_from([*PaperLine.model_fields, "arxiv_id", "summary"]), values, max_size=8)


@given(st.lists(lines.map(lambda line: json.dumps(line).encode()) | st.binary(max_size=60), max_size=6))
def test_any_lines_give_entries_or_a_source_error(content: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.jsonl")
        path.write_bytes(b"\n".join(content))
        try:
            entries = read_from(JsonlSource(path), TODAY)
        except SourceError as error:
            assert "\n" not in str(error)  # noqa: PT017 - no error is as good as one
        else:
            for entry in entries:
                (entry.title if isinstance(entry, Paper) else str(entry)).encode()


texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@given(
    title=texts.filter(lambda text: any(letter.isalnum() for letter in text)),
    published=st.none() | st.dates(),
    upvotes=st.none() | st.integers(0, 2**31 - 1),
    categories=st.lists(texts, max_size=3, unique=True),
)
def test_what_a_line_says_is_what_is_read(
    title: str, published: date | None, upvotes: int | None, categories: list[str]
) -> None:
    line = {"title": title, "published": str(published or ""), "upvotes": upvotes, "categories": categories}
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.jsonl")
        path.write_text(json.dumps(line))
        paper = one(read_from(JsonlSource(path), TODAY))
    assert paper.title == clean_line(title)
    assert (paper.published, paper.upvotes) == (published, upvotes)
    assert paper.categories == tuple(dict.fromkeys(filter(None, map(clean_line, categories))))
