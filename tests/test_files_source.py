"""Files of reference managers: BibTeX, RIS, CSV; folders and patterns of them."""

import os
from collections.abc import Callable
from datetime import date
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import asked
from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import Paper, SkippedEntry, Validators
from digestmail.sources.files import bibtex, ris, tables
from digestmail.sources.files.records import Records
from digestmail.sources.files.source import FilesSource
from digestmail.text.identity import title_key
from digestmail.text.papers import readable

TODAY = date(2026, 7, 1)
Read = Callable[[str, str | bytes], list[Paper | SkippedEntry]]


def entries_of(source: FilesSource, **facts: object) -> list[Paper | SkippedEntry]:
    return [entry for entry in source.fetch(asked(TODAY, **facts)) if isinstance(entry, (Paper, SkippedEntry))]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read one file of a name and a content."""

    def reader(name: str, content: str | bytes) -> list[Paper | SkippedEntry]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return entries_of(FilesSource(path))

    return reader


def papers_of(entries: list[Paper | SkippedEntry]) -> list[Paper]:
    assert all(isinstance(entry, Paper) for entry in entries), entries
    return [entry for entry in entries if isinstance(entry, Paper)]


# BibTeX


def test_bibtex_is_read_with_all_that_reference_managers_write(read: Read) -> None:
    (paper,) = papers_of(
        read(
            "library.bib",
            """\ufeff% Encoding: UTF-8
@string{jmlr = "Journal of {Machine} Learning"}
@Article{lovelace2026,
  Title = {{Deep {L}earning of {\\'E}tale Maps}},
  AUTHOR = "Lovelace, Ada and {The ATLAS and CMS Collaborations} and Andr{\\'e} Weil and others",
  journal = jmlr, month = jun, year = 2026, day = 30,
  doi = {10.1000/ABC},
  eprint = {2107.05580v2}, archivePrefix = {arXiv}, primaryClass = {cs.LG},
  keywords = {maps, deep learning},
  url = {https://example.org/a},
  abstract = {We study maps
     at length.},
}
""".replace("\n", "\r\n"),
        )
    )
    assert paper == Paper(
        key="arxiv:2107.05580",
        title="Deep {L}earning of {\\'E}tale Maps",
        abstract="We study maps at length.",
        authors=("Ada Lovelace", "The ATLAS and CMS Collaborations", "Andr{\\'e} Weil"),
        categories=("cs.LG", "maps", "deep learning"),
        doi="10.1000/abc",
        venue="Journal of Machine Learning",
        published=date(2026, 6, 30),
        url="https://example.org/a",
        source="files:library.bib",
    )
    assert readable(paper).title == "Deep Learning of Étale Maps"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ("eprint={math.GT/0309136}", "arxiv:math/0309136"),
        ("eprint={2107.05580}, eprinttype={arxiv}", "arxiv:2107.05580"),
        ("eprint={12345678}, eprinttype={pubmed}, doi={10.1000/a}", "doi:10.1000/a"),
        ("journal={arXiv preprint arXiv:2107.05580}", "arxiv:2107.05580"),
        ("url={https://arxiv.org/abs/2107.05580v3}", "arxiv:2107.05580"),
        ("doi={https://doi.org/10.1000/A}", "doi:10.1000/a"),
        ("note={see 10.1000/a}", title_key("T")),
    ],
)
def test_the_work_of_an_entry_is_known_by_the_best_that_it_tells(read: Read, fields: str, key: str) -> None:
    (paper,) = papers_of(read("x.bib", f"@misc{{k, title={{T}}, {fields}}}"))
    assert paper.key == key


def test_names_may_begin_with_a_command_or_be_called_others_in_braces(read: Read) -> None:
    authors = r"\'Elie Cartan and \AA ke Sj\"o  AND" + "\n" + r" {Others} and Smith and Sons, Ltd. and others"
    (paper,) = papers_of(read("x.bib", f"@misc{{k, title={{T}}, author={{{authors}}}}}"))
    assert readable(paper).authors == ("Élie Cartan", "Åke Sjö", "Others", "Smith", "Ltd. Sons")


@pytest.mark.parametrize(
    ("fields", "published"),
    [
        ("year=2026, month=jun", date(2026, 6, 1)),
        ("year={2026}, month={June}, day={3}", date(2026, 6, 3)),
        ("year={2026}, month={06}", date(2026, 6, 1)),
        ("year={2026}, month={Summer}", date(2026, 1, 1)),
        ("year={in press}", None),
        ("date={2026-06-30}", date(2026, 6, 30)),
        ("date={2026-06}", date(2026, 6, 1)),
        ("date={2026-06-30/2026-07-02}", date(2026, 6, 30)),
    ],
)
def test_months_are_macros_words_or_numbers(read: Read, fields: str, published: date | None) -> None:
    (paper,) = papers_of(read("x.bib", f"@misc{{k, title={{T}}, {fields}}}"))
    assert paper.published == published


def test_entries_with_the_key_of_another_and_fields_that_come_twice_are_kept(read: Read) -> None:
    papers = papers_of(read("x.bib", "@misc{k, title={A}}\n@misc{k, title={B}}\n@misc{c, title={C}, title={D}}"))
    assert [paper.title for paper in papers] == ["A", "B", "C"]


def test_a_broken_entry_is_named_with_its_line_and_costs_the_others_nothing(read: Read) -> None:
    entries = read("x.bib", "@misc{a, title={A}}\n\n@misc{b, title={open\n@misc{c, title={C}}\n@misc{d, year=2026}")
    assert [entry.title for entry in entries if isinstance(entry, Paper)] == ["A", "C"]
    first, second = (entry for entry in entries if isinstance(entry, SkippedEntry))
    assert (first.where, second) == ("x.bib:3", SkippedEntry("x.bib:5", "title is empty"))
    assert "closing" in first.why


def test_works_that_have_nothing_but_a_common_title_are_told_apart_by_author(read: Read) -> None:
    first, second = papers_of(
        read("x.bib", "@misc{a, title={Editorial}, author={A Bee}}@misc{b, title={Editorial}, author={C Dee}}")
    )
    assert first.key != second.key


def test_only_comments_are_an_empty_file_and_only_text_is_none(read: Read) -> None:
    assert read("x.bib", "% Encoding: UTF-8\n\n@comment{jabref-meta: x}\n") == []
    assert read("x.bib", "\n") == []
    with pytest.raises(SourceFormatError, match=r"no entry of x.bib is a paper; x.bib:1: text without an entry"):
        read("x.bib", "hello\n")


# RIS


def test_ris_is_read_with_all_that_publishers_write(read: Read) -> None:
    (paper,) = papers_of(
        read(
            "export.ris",
            """\ufeffRecord 1 of 1

TY  - JOUR
T1  - Deep learning of maps
A1  - Lovelace, Ada
AU  - Turing, Alan M.
AU  - King, Martin, Jr.
PY  - 2026/06/30/
N2  - We study maps
at length.
JO  - Nature
KW  - maps
KW  - deep learning
UR  - https://example.org/a;b
DO  - 10.1000/ABC
XX  - unknown
ER  -
""".replace("\n", "\r\n"),
        )
    )
    assert paper == Paper(
        key="doi:10.1000/abc",
        title="Deep learning of maps",
        abstract="We study maps at length.",
        authors=("Ada Lovelace", "Alan M. Turing", "Martin King Jr."),
        categories=("maps", "deep learning"),
        doi="10.1000/abc",
        venue="Nature",
        published=date(2026, 6, 30),
        url="https://example.org/a;b",
        source="files:export.ris",
    )


@pytest.mark.parametrize("tags", [("TI", "AB", "DA"), ("T1", "N2", "Y1"), ("TI", "N2", "PY")])
def test_ris_has_several_tags_for_one_thing(read: Read, tags: tuple[str, ...]) -> None:
    title, abstract, day = tags
    (paper,) = papers_of(read("x.ris", f"TY  - JOUR\n{title}  - T\n{abstract}  - A.\n{day}  - 2026/6/3/x\nER  -"))
    assert (paper.title, paper.abstract, paper.published) == ("T", "A.", date(2026, 6, 3))


def test_a_record_without_its_end_costs_the_next_one_nothing(read: Read) -> None:
    papers = papers_of(read("x.ris", "TY  - JOUR\nTI  - A\nTY  - JOUR\nTI  - B\nER  - \nTY - GEN\nTI - C"))
    assert [paper.title for paper in papers] == ["A", "B", "C"]


def test_a_record_without_a_title_is_named_with_its_line(read: Read) -> None:
    entries = read("x.ris", "TY  - JOUR\nTI  - A\nER  - \n\nTY  - JOUR\nAU  - B\nER  - \n")
    assert entries[1] == SkippedEntry("x.ris:5", "title is empty")


# Tables


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_tables_are_read_whatever_delimits_and_encodes_them(read: Read, delimiter: str, encoding: str) -> None:
    rows = [
        ["Key", "Title", "Author(s)", "Authors", "DOI", "Publication Year", "Abstract Note", "Manual Tags", "Url"],
        ["1", '"Maps, a ""new"" one; | too"', "", "Müller, Ada; Turing, Alan", "10.1000/A", "2026", '"Two\r\nlines"',
         "a; b", "https://x.org/a"],
    ]  # fmt: skip
    rows[1] = [cell if cell.startswith('"') else f'"{cell}"' for cell in rows[1]]
    (paper,) = papers_of(read("x.csv", "\r\n".join(map(delimiter.join, rows)).encode(encoding)))
    assert paper == Paper(
        key="doi:10.1000/a",
        title='Maps, a "new" one; | too',
        abstract="Two lines",
        authors=("Ada Müller", "Alan Turing"),
        categories=("a", "b"),
        doi="10.1000/a",
        published=date(2026, 1, 1),
        url="https://x.org/a",
        source="files:x.csv",
    )


@pytest.mark.parametrize(
    ("header", "row", "key"),
    [
        ("title,arXiv ID", "T,2107.05580v2", "arxiv:2107.05580"),
        ("title,id", "T,10.1000/a", "doi:10.1000/a"),
        ("title,id", "T,17", title_key("T")),
        ("TITLE,link", "T,https://arxiv.org/abs/2107.05580", "arxiv:2107.05580"),
        ("Paper Title,Link,DOI", "T,https://doi.org/10.1000/a,", "doi:10.1000/a"),
    ],
)
def test_columns_are_known_by_many_names(read: Read, header: str, row: str, key: str) -> None:
    (paper,) = papers_of(read("x.csv", f"{header}\n{row}\n"))
    assert paper.key == key


def test_a_quotation_mark_that_is_never_closed_costs_its_own_line(read: Read) -> None:
    entries = read("x.csv", 'title,year\nA,2026\n"B,2026\nC,2026\n' + "D,2026\n" * 30_000)
    assert entries[1] == SkippedEntry("x.csv:3", "not a row of a table: field larger than field limit (131072)")
    assert len(entries) == 30_003
    assert read("x.csv", 'title\n"A\nB\nC')[0] == SkippedEntry("x.csv:2", "a quotation mark that is never closed")


def test_short_long_and_blank_rows_are_no_trouble(read: Read) -> None:
    papers = papers_of(read("x.csv", "\nsep=;\ntitle;year\n\nA\n;;\nB;2026;more;and more\n"))
    assert [(paper.title, paper.published) for paper in papers] == [("A", None), ("B", date(2026, 1, 1))]


def test_a_table_without_a_title_column_is_no_list_of_papers(read: Read) -> None:
    with pytest.raises(SourceFormatError, match=r"x.csv:1: no column 'title' among 'name,price'"):
        read("x.csv", "name,price\na,1\n")


# Files, folders, patterns


def write(folder: Path, **contents: str) -> None:
    for name, content in contents.items():
        (folder / name.replace("_", ".")).write_text(content)


BIB, RIS, CSV, JSONL = (
    "@misc{a, title={From BibTeX}}",
    "TY  - JOUR\nTI  - From RIS\nER  - ",
    "title\nFrom CSV",
    '{"title": "From JSON"}',
)


def test_a_folder_is_read_file_by_file_and_what_is_something_else_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, a_bib=BIB, b_RIS=RIS, c_csv=CSV, d_jsonl=JSONL, README_md="# hello", paper_pdf="%PDF")
    write(tmp_path, _hidden_bib=BIB)
    (tmp_path / "more.bib").mkdir()
    papers = papers_of(entries_of(FilesSource(tmp_path)))
    assert [paper.title for paper in papers] == ["From BibTeX", "From RIS", "From CSV", "From JSON"]


def test_a_pattern_names_files_also_in_folders_below(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path, a_bib=BIB, b_ris=RIS)
    write(tmp_path / "sub", c_bib=BIB)
    assert len(entries_of(FilesSource(tmp_path / "*.bib"))) == 1
    assert len(entries_of(FilesSource(tmp_path / "**" / "*.bib"))) == 2
    assert entries_of(FilesSource(tmp_path / "*.csv")) == []


def test_a_file_may_have_a_name_that_looks_like_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].bib").write_text(BIB)
    assert len(entries_of(FilesSource(tmp_path / "a[1].bib"))) == 1


def test_files_that_have_not_changed_are_not_read_again(tmp_path: Path) -> None:
    write(tmp_path, a_bib=BIB, b_ris=RIS)
    states = {one.address: one for one in FilesSource(tmp_path).fetch(asked(TODAY)) if isinstance(one, Validators)}
    assert sorted(states) == [str(tmp_path / "a.bib"), str(tmp_path / "b.ris")]
    assert list(FilesSource(tmp_path).fetch(asked(TODAY, validators=states))) == []
    write(tmp_path, b_ris=RIS.replace("From", "Also from"))
    (paper,) = entries_of(FilesSource(tmp_path), validators=states)
    assert isinstance(paper, Paper)
    assert paper.title == "Also from RIS"


def test_a_file_that_was_only_touched_is_read_again(tmp_path: Path) -> None:
    write(tmp_path, a_bib=BIB)
    *_, state = FilesSource(tmp_path).fetch(asked(TODAY))
    assert isinstance(state, Validators)
    os.utime(tmp_path / "a.bib", ns=(1, 1))
    assert len(entries_of(FilesSource(tmp_path), validators={state.address: state})) == 1


def test_a_file_that_fails_is_reported_after_the_others_were_read(tmp_path: Path) -> None:
    write(tmp_path, a_bib="hello", b_ris=RIS, c_csv="name\nx", d_jsonl=JSONL)
    entries = FilesSource(tmp_path).fetch(asked(TODAY))
    found = [entry.title for entry in islice(entries, 6) if isinstance(entry, Paper)]
    assert found == ["From RIS", "From JSON"]
    with pytest.raises(SourceFormatError, match=r"no entry of a.bib is a paper; a.bib:1: .* \(and 1 more\)$"):
        next(entries)


def test_an_empty_folder_is_a_quiet_day_and_none_is_unavailable(tmp_path: Path) -> None:
    assert list(FilesSource(tmp_path).fetch(asked(TODAY))) == []
    for path in ("gone.bib", "gone/*.bib", "gone/**/*.bib"):
        with pytest.raises(SourceUnavailable, match=r"cannot read .*gone"):
            entries_of(FilesSource(tmp_path / path))


def test_a_folder_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"cannot read .*papers: No such file or directory"):
        entries_of(FilesSource(tmp_path / "papers"))


def test_a_file_or_pattern_that_nobody_can_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, a_txt="hello")
    with pytest.raises(SourceFormatError, match=r"a.txt ends in none of .bib, .*.jsonl"):
        entries_of(FilesSource(tmp_path / "a.txt"))
    with pytest.raises(SourceFormatError, match=r"no file that \*.txt names ends in .bib"):
        entries_of(FilesSource(tmp_path / "*.txt"))


def test_a_file_of_more_than_20_mb_and_one_that_is_no_text_are_refused(read: Read) -> None:
    with pytest.raises(SourceFormatError, match=r"x.bib is larger than 20 MB"):
        read("x.bib", b" " * 20_000_001)
    with pytest.raises(SourceFormatError, match=r"x.csv is not text"):
        read("x.csv", b"\x89PNG\r\n\x1a\n\0\0title\0")


# Properties

GOOD = {
    ".bib": '@string{j = "J"}\n@article{a, title={{A {B}}}, author={A B and {C and D}}, '
    'journal=j, month=jun # ",", year=2026}\n',
    ".ris": "TY  - JOUR\nTI  - A\nAU  - B, C\nPY  - 2026/06/30/\nUR  - https://x.org\nER  - \n",
    ".csv": 'title,authors,year\n"A, ""B""",C D,2026\nE,F,2025\n',
}  # fmt: skip
pieces = st.binary(max_size=8) | st.sampled_from(
    [b"{", b"}", b'"', b"@", b"@a{", b"\n", b"\r", b"TY  - ", b"ER  -", b",", b"#", b"="]
)


@st.composite
def mangled(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file with some pieces put in or taken out, and its ending."""
    ending = draw(st.sampled_from(sorted(GOOD)))
    body = GOOD[ending].encode() * draw(st.integers(1, 2))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        body = body[:start] + draw(pieces) + body[start + draw(st.integers(0, 10)) :]
    return ending, body


@given(mangled() | st.tuples(st.sampled_from([*GOOD, ".jsonl"]), st.lists(pieces, max_size=12).map(b"".join)))
def test_any_file_gives_entries_or_a_source_error(file: tuple[str, bytes]) -> None:
    ending, content = file
    with TemporaryDirectory() as folder:
        path = Path(folder, f"x{ending}")
        path.write_bytes(content)
        try:
            entries = entries_of(FilesSource(path))
        except SourceError as error:
            assert "\n" not in str(error)  # noqa: PT017 - no error is as good as one
        else:
            for entry in entries:
                (entry.title if isinstance(entry, Paper) else str(entry)).encode()


titles = st.lists(
    st.text("abcXYZ äß019-:.?", min_size=1, max_size=12).filter(lambda text: text.strip(" -:.?")),
    min_size=1,
    max_size=6,
)
# what breaks one entry and says where the next begins
between = st.sampled_from(["", "\n\n", "\r\n", "text\n"])


def names_of(found: Records) -> list[str]:
    return [" ".join(fields["title"].split()) for _, fields in found if isinstance(fields, dict)]


@given(titles, st.data())
def test_no_entry_is_lost_among_broken_ones(wanted: list[str], data: st.DataObject) -> None:
    broken = {
        "bib": ["", "@misc{x, title={open\n", "@misc x\n", "% {\n"],
        "ris": ["", "TY  - JOUR\nAU  - X\n", "ER  - \nER  - \n", "stray line\n"],
        "csv": ["", "\n", "a,b,c\n", '"quoted" tail,x\n'],
    }
    mess = {kind: [data.draw(st.sampled_from(choices)) for _ in wanted] for kind, choices in broken.items()}
    bib = "".join(f"{bad}@misc{{k, title={{{title}}}}}\n" for bad, title in zip(mess["bib"], wanted, strict=True))
    records = "".join(
        f"{bad}TY  - JOUR\nTI  - {title}\nER  - \n" for bad, title in zip(mess["ris"], wanted, strict=True)
    )
    rows = "title\n" + "".join(f"{bad}{title}\n" for bad, title in zip(mess["csv"], wanted, strict=True))
    expected = [" ".join(title.split()) for title in wanted]
    assert [name for name in names_of(bibtex.records(bib)) if name in expected] == expected
    assert [name for name in names_of(ris.records(records)) if name in expected] == expected
    assert [name for name in names_of(tables.records(rows)) if name not in ("a", "quoted tail")] == [
        name for name in expected if name != "a"
    ]
