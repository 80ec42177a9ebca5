"""The saved Daily Papers page: both layouts, what people do to files, and the years that the page leaves out."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from builders import read as read_from
from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import Paper, SkippedEntry
from digestmail.sources.page import PageSource
from digestmail.text.clean import clean_line
from digestmail.text.identity import title_key

TODAY = date(2026, 3, 1)
SAMPLES = Path(__file__).parents[1] / "samples"
HEAD = """new

Get trending papers in your email inbox!

Subscribe

Daily Papers

byAK and the research community

"""
ABSTRACT = "Experts share the work. Each of them sees few tokens."
Read = Callable[..., list[Paper | SkippedEntry]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a page given as text or bytes."""

    def reader(page: str | bytes, *, today: date = TODAY, year: int | None = None) -> list[Paper | SkippedEntry]:
        path = tmp_path / "page.txt"
        path.write_bytes(page if isinstance(page, bytes) else page.encode())
        return read_from(PageSource(path, year=year), today)

    return reader


def one(entries: list[Paper | SkippedEntry]) -> Paper:
    """The only entry, which must be a paper."""
    (entry,) = entries
    assert isinstance(entry, Paper)
    return entry


def titles(entries: list[Paper | SkippedEntry]) -> list[str]:
    return [entry.title if isinstance(entry, Paper) else f"({entry})" for entry in entries]


# Real pages


def test_the_page_without_meta_lines_is_read_completely(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("snapshots/daily-papers-sep-16.txt")
    papers = read_from(PageSource(path), date(2025, 9, 20))
    blocks = re.split(r"\n\s*\n", path.read_text().strip())
    assert titles(papers) == blocks[6::2]
    assert [paper.abstract for paper in papers if isinstance(paper, Paper)] == blocks[7::2]
    assert len(papers) == 83
    assert {paper.listed for paper in papers if isinstance(paper, Paper)} == {date(2025, 9, 16)}


def test_the_page_with_meta_lines_is_read_completely(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("snapshots/daily-papers-dec-8.txt")
    entries = read_from(PageSource(path), date(2025, 12, 10))
    papers = {paper.title: paper for paper in entries if isinstance(paper, Paper)}
    text = path.read_text()
    assert len(papers) == len(entries) == text.count("\n·\n") + 1 == 48
    assert all(paper.abstract for paper in papers.values())
    assert sum(paper.author_count is not None for paper in papers.values()) == text.count(" authors\n")
    assert [paper.title for paper in papers.values() if paper.published is None] == ["The Markovian Thinker"]
    assert [paper.organization for paper in papers.values() if paper.organization] == ["Amazon"]
    first = papers["MoE-LLaVA: Mixture of Experts for Large Vision-Language Models"]
    assert (first.author_count, first.published, first.comments) == (9, date(2024, 1, 29), 4)
    assert (first.listed, first.key) == (date(2025, 12, 8), title_key(first.title))
    may = papers["Improving Routing in Sparse Mixture of Experts with Graph of Tokens"]
    assert (may.published, may.comments) == (date(2025, 5, 1), None)
    assert papers["Addition is All You Need for Energy-efficient Language Models"].comments == 17


def test_the_sample_page_reads_without_a_skipped_entry() -> None:
    entries = read_from(PageSource(SAMPLES / "daily-papers.txt"), TODAY)
    papers = [entry for entry in entries if isinstance(entry, Paper)]
    assert len(papers) == len(entries) == 14
    assert all(paper.abstract for paper in papers)
    assert [paper.title for paper in papers if paper.organization] == [
        "From Frames to Clips: Efficient Key Clip Selection for Long-Form Video Understanding"
    ]
    assert [paper.title for paper in papers if paper.published is None] == ["The Markovian Thinker"]


# One entry


def test_a_paper_carries_everything_the_page_says(read: Read) -> None:
    page = f"{HEAD}Feb 10\n\nMixtures: A Study\n\n{ABSTRACT}\n\n  • 9 authors\n·\nJan 29, 2024 4\n"
    assert one(read(page)) == Paper(
        key=title_key("Mixtures: A Study"),
        title="Mixtures: A Study",
        abstract=ABSTRACT,
        author_count=9,
        published=date(2024, 1, 29),
        listed=date(2026, 2, 10),
        comments=4,
        url="https://arxiv.org/search/?searchtype=title&query=Mixtures%3A+A+Study",
        source="page:page.txt",
    )


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("{head}{date}{entry}", id="as saved"),
        pytest.param("{entry}", id="nothing above"),
        pytest.param("{head}{entry}", id="no date"),
        pytest.param("{date}{entry}", id="only a date above"),
        pytest.param("Daily Papers\nbyAK and the research community\nFeb 10\n\n{entry}", id="head without blank lines"),
        pytest.param("\n\n \t\n{entry}\n\n\n", id="more blank lines"),
        pytest.param("New\n\nSUBSCRIBE\n\nBy AK and the research community\n\n{entry}", id="head in other letters"),
        pytest.param("\u200b\n\u200b\n{entry}", id="invisible lines"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_same_paper_is_found_however_the_page_was_saved(read: Read, page: str, newline: str, mark: str) -> None:
    entry = f"Mixtures: A Study\n\n{ABSTRACT}\n\n  • 9 authors\n·\nJan 29, 2024 4\n"
    text = mark + page.format(head=HEAD, date="Feb 10\n\n", entry=entry)
    paper = one(read(text.replace("\n", newline)))
    assert (paper.title, paper.abstract) == ("Mixtures: A Study", ABSTRACT)
    assert (paper.author_count, paper.published, paper.comments) == (9, date(2024, 1, 29), 4)


@pytest.mark.parametrize(
    ("meta", "author_count", "organization", "published", "comments"),
    [
        ("• 9 authors · Jan 29, 2024 4", 9, None, date(2024, 1, 29), 4),
        ("  •  9 authors\n ·\n Jan 29, 2024 4", 9, None, date(2024, 1, 29), 4),
        ("•\n9 authors\n·\nJan 29, 2024", 9, None, date(2024, 1, 29), None),
        ("9 authors·Jan 29, 2024", 9, None, date(2024, 1, 29), None),
        ("• 1 author\n·\nMay 1", 1, None, date(2025, 5, 1), None),
        ("• 1 authors\n·\nFeb 19 2", 1, None, date(2026, 2, 19), 2),
        ("• 9 authors\n·\nJanuary 29, 2024", 9, None, date(2024, 1, 29), None),
        ("amazon Amazon\n·\nOct 2", None, "Amazon", date(2025, 10, 2), None),
        ("ByteDance-Seed ByteDance Seed\n·\nOct 2", None, "ByteDance Seed", date(2025, 10, 2), None),
        ("• nvidia NVIDIA\n·\nOct 2 11", None, "NVIDIA", date(2025, 10, 2), 11),
        ("Stanford University\n·\nOct 2", None, "Stanford University", date(2025, 10, 2), None),
        ("Google\n·\nOct 2", None, "Google", date(2025, 10, 2), None),
        ("Google · 5 authors · Oct 2", 5, "Google", date(2025, 10, 2), None),
        ("• 9 authors\n·\nFeb 30, 2024 4", 9, None, None, 4),
    ],
)
def test_a_meta_block_gives_authors_or_organisation_date_and_comments(
    read: Read,
    meta: str,
    author_count: int | None,
    organization: str | None,
    published: date | None,
    comments: int | None,
) -> None:
    paper = one(read(f"A Title\n\n{ABSTRACT}\n\n{meta}\n"))
    assert (paper.author_count, paper.organization) == (author_count, organization)
    assert (paper.published, paper.comments) == (published, comments)


def test_a_hard_wrapped_abstract_is_one_paragraph(read: Read) -> None:
    assert one(read("A Title\n\nExperts share\nthe new\nwork.\n")).abstract == "Experts share the new work."


def test_an_abstract_may_have_paragraphs(read: Read) -> None:
    assert one(read(f"A Title\n\nFirst:\n\n{ABSTRACT}\n\n• 3 authors · May 1\n")).abstract == f"First: {ABSTRACT}"


def test_a_closing_line_with_a_link_belongs_to_the_abstract(read: Read) -> None:
    page = f"A Title\n\n{ABSTRACT}\n\nCode: https://example.org/code\n\nAnother Title\n\n{ABSTRACT}\n"
    assert titles(read(page)) == ["A Title", "Another Title"]


def test_a_long_block_without_a_full_stop_is_an_abstract(read: Read) -> None:
    assert one(read("A Title\n\n" + "word " * 70)).abstract == clean_line("word " * 70)


@pytest.mark.parametrize("title", ["Do Models Think?", "Attention!", "pyhgf", "U.S. Law", "Say “why?”", "GPT-4 (2023)"])
def test_titles_are_told_from_paragraphs_without_meta_lines(read: Read, title: str) -> None:
    assert titles(read(f"First\n\n{ABSTRACT}\n\n{title}\n\n{ABSTRACT}\n")) == ["First", title]


def test_a_title_after_a_meta_line_may_end_like_a_sentence(read: Read) -> None:
    page = f"A\n\n{ABSTRACT}\n\n• 3 authors · May 1\n\nThe end.\n\n{ABSTRACT}\n"
    assert titles(read(page)) == ["A", "The end."]


def test_an_entry_without_an_abstract_is_kept_when_it_has_authors_and_date(read: Read) -> None:
    page = f"Bare\n\n• 3 authors · May 1\n\nFull\n\n{ABSTRACT}\n\nAlso Bare\n\n• 2 authors · May 2\n"
    papers = read(page)
    assert titles(papers) == ["Bare", "Full", "Also Bare"]
    assert [paper.author_count for paper in papers if isinstance(paper, Paper)] == [3, None, 2]


def test_an_entry_without_meta_line_costs_its_neighbours_nothing(read: Read) -> None:
    meta = "• 3 authors · May 1"
    page = f"A\n\n{ABSTRACT}\n\n{meta}\n\nB\n\n{ABSTRACT}\n\nC\n\n{ABSTRACT}\n\n{meta}\n"
    papers = read(page)
    assert titles(papers) == ["A", "B", "C"]
    assert [paper.author_count for paper in papers if isinstance(paper, Paper)] == [3, None, 3]


# What is left over


def test_a_leftover_line_is_named_with_its_line_number(read: Read) -> None:
    page = f"A Title\n\n{ABSTRACT}\n\nPrevious\n\nNext\n"
    why = "has neither an abstract nor authors and date"
    assert read(page)[1:] == [
        SkippedEntry("page.txt:5", f"'Previous' {why}"),
        SkippedEntry("page.txt:7", f"'Next' {why}"),
    ]


def test_a_leftover_line_does_not_swallow_the_next_paper(read: Read) -> None:
    page = f"Log In\n\nA Title\n\n• 3 authors · May 1\n\nSign Up\n\nB Title\n\n{ABSTRACT}\n"
    assert [entry.title for entry in read(page) if isinstance(entry, Paper)] == ["A Title", "B Title"]


def test_a_paragraph_without_a_title_is_skipped(read: Read) -> None:
    assert read("word " * 70 + f".\n\nA Title\n\n{ABSTRACT}\n")[0] == SkippedEntry(
        "page.txt:1", "a paragraph without a title above it"
    )


def test_a_meta_line_without_a_title_is_skipped(read: Read) -> None:
    assert read(f"• 3 authors · May 1\n\nA Title\n\n{ABSTRACT}\n")[0] == SkippedEntry(
        "page.txt:1", "a line of authors and date without a title above it"
    )


def test_a_title_without_a_letter_is_skipped(read: Read) -> None:
    page = f"***\n\n{ABSTRACT}\n\nA Title\n\n{ABSTRACT}\n"
    assert read(page)[0] == SkippedEntry("page.txt:1", "a title without a letter")


# Years


def entry_dated(page_date: str, entry_date: str) -> str:
    return f"{page_date}\n\nA Title\n\n{ABSTRACT}\n\n• 3 authors · {entry_date}\n"


@pytest.mark.parametrize(
    ("page_date", "today", "year", "listed"),
    [
        ("Sep 16", date(2026, 3, 1), None, date(2025, 9, 16)),
        ("Sep 16", date(2026, 9, 16), None, date(2026, 9, 16)),
        ("Sep 16", date(2026, 9, 15), None, date(2025, 9, 16)),
        ("Sep 16", date(2026, 3, 1), 2023, date(2023, 9, 16)),
        ("Sep 16, 2022", date(2026, 3, 1), 2023, date(2022, 9, 16)),
        ("Feb 29", date(2026, 3, 1), None, date(2024, 2, 29)),
        ("Feb 29", date(1904, 2, 28), None, date(1896, 2, 29)),
        ("Feb 29", date(2026, 3, 1), 2020, date(2020, 2, 29)),
        ("", date(2026, 3, 1), None, None),
    ],
)
def test_the_page_date_gets_the_newest_year_that_is_not_in_the_future(
    read: Read, page_date: str, today: date, year: int | None, listed: date | None
) -> None:
    assert one(read(entry_dated(page_date, "May 1, 2021"), today=today, year=year)).listed == listed


@pytest.mark.parametrize(
    ("page_date", "entry_date", "year", "published"),
    [
        ("Sep 16", "May 1", None, date(2025, 5, 1)),
        ("Sep 16", "Sep 16", None, date(2025, 9, 16)),
        ("Sep 16", "Sep 17", None, date(2024, 9, 17)),
        ("Sep 16", "Nov 30", 2023, date(2022, 11, 30)),
        ("", "Feb 28", None, date(2026, 2, 28)),
        ("", "Mar 2", None, date(2025, 3, 2)),
        ("", "Dec 30", 2023, date(2023, 12, 30)),
        ("", "Dec 30", 2027, date(2025, 12, 30)),
        ("Sep 16", "Feb 29", None, date(2024, 2, 29)),
        ("Sep 16", "Feb 29, 2023", None, None),
        ("Sep 16", "May 1, 2030", None, date(2030, 5, 1)),
    ],
)
def test_an_entry_date_gets_the_newest_year_that_is_not_after_the_page(
    read: Read, page_date: str, entry_date: str, year: int | None, published: date | None
) -> None:
    assert one(read(entry_dated(page_date, entry_date), year=year)).published == published


def test_a_page_date_that_the_given_year_does_not_have_is_an_error(read: Read) -> None:
    with pytest.raises(SourceFormatError, match=r"^page:page.txt: line 1: there is no Feb 29 in 2023$"):
        read(entry_dated("Feb 29", "May 1"), year=2023)


def test_a_page_date_that_no_year_has_is_an_error(read: Read) -> None:
    with pytest.raises(SourceFormatError, match="there is no Feb 30 in any year"):
        read(entry_dated("Feb 30", "May 1"))


def test_the_first_year_of_the_calendar_is_no_trouble(read: Read) -> None:
    assert one(read(f"A Title\n\n{ABSTRACT}\n\n• 3 authors · May 1\n", today=date(1, 1, 1))).published is None


# Files that are something else


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf \r\n\r\n", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "the file is not UTF-8 text"),
        (bytes(range(128, 256)) * 4, "the file is not UTF-8 text"),
        ("A Title".encode("utf-16"), "the file is not UTF-8 text"),
        (b" <!DOCTYPE html><html>", "the file is HTML"),
        (b"<HTML lang=en>", "the file is HTML"),
        (HEAD.encode(), "no papers found"),
        (HEAD.encode() + b"Sep 16\n", "no papers found"),
        (b"hello", "no papers found"),
    ],
)
def test_a_file_that_is_no_page_is_an_error_with_a_reason(read: Read, content: bytes, why: str) -> None:
    with pytest.raises(SourceFormatError, match=f"^page:page.txt: {why}"):
        read(content)


def test_a_missing_file_says_why(tmp_path: Path) -> None:
    path = tmp_path / "gone.txt"
    with pytest.raises(SourceUnavailable) as caught:
        read_from(PageSource(path), TODAY)
    assert str(caught.value) == f"page:gone.txt: cannot read {path}: No such file or directory"


def test_a_folder_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="Is a directory"):
        read_from(PageSource(tmp_path), TODAY)


def test_bytes_that_are_not_utf_8_cost_only_themselves(read: Read) -> None:
    page = f"Schr\xf6dinger Bridges\n\n{ABSTRACT}\n".encode("latin-1")
    assert one(read(page)).title == "Schr\ufffddinger Bridges"


def test_a_page_is_called_by_its_file_unless_it_has_a_name(tmp_path: Path) -> None:
    assert PageSource(tmp_path / "a.txt").name == "page:a.txt"
    assert PageSource(tmp_path / "a.txt", name="mine").name == "mine"


# Properties


@dataclass(frozen=True)
class Entry:
    """What a page shows of one paper."""

    title: str
    paragraphs: tuple[str, ...]
    author_count: int | None
    organization: str | None
    published: date | None
    comments: int | None

    def render(self, *, one_line: bool, width: int) -> str:
        blocks = [self.title, *("\n".join(wrapped(text, width)) for text in self.paragraphs)]
        if self.published:
            who = f"  • {self.author_count} authors" if self.author_count is not None else str(self.organization)
            when = f"{self.published:%b} {self.published.day}, {self.published.year}"
            when += f" {self.comments}" if self.comments is not None else ""
            blocks.append((" · " if one_line else "\n·\n").join([who, when]))
        return "\n\n".join(blocks)


def wrapped(text: str, width: int) -> list[str]:
    words, lines = text.split(" "), [""]
    for word in words:
        lines[-1:] = [f"{lines[-1]} {word}".strip()] if len(lines[-1]) + len(word) < width else [lines[-1], word]
    return [line for line in lines if line]


CHROME = {"new", "subscribe", "daily papers"}
words = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789äßж語-$\\", min_size=1, max_size=12)
phrases = st.lists(words, min_size=2, max_size=12).map(" ".join)
page_titles = phrases.filter(
    lambda text: (
        any(letter.isalnum() for letter in text)
        and text.casefold() not in CHROME
        and not re.match(r"(?i)(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w* \d", text)
    )
)
paragraphs = phrases.filter(lambda text: text.split()[0].casefold() not in CHROME).map(lambda text: text + ".")


@st.composite
def page_entries(draw: st.DrawFn) -> Entry:
    published = draw(st.none() | st.dates(date(1991, 1, 1), date(2025, 12, 31)))
    count = draw(st.none() | st.integers(1, 3303)) if published else None
    text = draw(st.lists(paragraphs, min_size=0 if published else 1, max_size=3))
    organization = draw(st.sampled_from(["Amazon", "ByteDance Seed"])) if published and count is None else None
    comments = draw(st.none() | st.integers(0, 999)) if published else None
    return Entry(draw(page_titles), tuple(text), count, organization, published, comments)


@given(
    entries=st.lists(page_entries(), min_size=1, max_size=6),
    head=st.sampled_from(["", HEAD, HEAD + "Sep 16\n\n", "Sep 16\n\n"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    one_line=st.booleans(),
    width=st.sampled_from([20, 72, 10_000]),
)
def test_what_a_page_shows_is_what_is_read(
    entries: list[Entry], head: str, newline: str, one_line: bool, width: int
) -> None:
    text = head + "\n\n".join(entry.render(one_line=one_line, width=width) for entry in entries)
    with TemporaryDirectory() as folder:
        path = Path(folder, "page.txt")
        path.write_bytes(text.replace("\n", newline).encode())
        papers = read_from(PageSource(path), TODAY)
    assert [
        Entry(paper.title, (paper.abstract,), paper.author_count, paper.organization, paper.published, paper.comments)
        for paper in papers
        if isinstance(paper, Paper)
    ] == [
        Entry(
            clean_line(entry.title),
            (clean_line(" ".join(entry.paragraphs)),),
            entry.author_count,
            entry.organization,
            entry.published,
            entry.comments,
        )
        for entry in entries
    ]


LINES = [
    "Next",
    "A Title",
    ABSTRACT,
    "• 3 authors · May 1",
    "·",
    "•",
    "Feb 29",
    "Feb 30",
    "",
    " ",
    "amazon Amazon",
    "…",
]


@given(st.one_of(st.binary(max_size=400), st.lists(st.sampled_from(LINES), max_size=30).map("\n".join).map(str.encode)))
@example(b"\xef\xbb\xbf")
@example("·\n\n· May 1\n\n• · May 1".encode())
def test_any_file_gives_papers_or_a_source_error(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "page.txt")
        path.write_bytes(content)
        try:
            entries = read_from(PageSource(path), TODAY)
        except SourceError as error:
            assert "\n" not in str(error)  # noqa: PT017 - no error is as good as one
        else:
            assert any(isinstance(entry, Paper) for entry in entries)
