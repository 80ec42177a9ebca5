"""Papers written for reference managers: what our own reader makes of them, and what the formats ask."""

import re
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given
from hypothesis import strategies as st

from builders import paper, read
from digestmail.model import Paper
from digestmail.sources.files.source import FilesSource
from digestmail.sources.names import LONGEST
from digestmail.sources.reading import is_title, web_link
from digestmail.text.citing import bibtex, ris
from digestmail.text.clean import clean_line
from digestmail.text.identity import doi, title_key
from digestmail.text.papers import readable
from digestmail.text.tex import to_text

HOSTILE = [
    *"{}\\\"$&#%_^~@=,;-'`éß🜁",
    *(r"\{", r"\}", r"\\", "{\\", "$x_1$", "--", "---", "``", "''", "%7B", r"\textbackslash{}", r"\alpha", r"\'e"),
    *("@misc{x,", "@comment{", "@string{a=b}", "^(3/2)", "x₁", "ℝⁿ", "量子"),
    *("\r\n", "\n\n", "\r", "\u2028", "\x0b", "\x85", "\u202e", "\n}\n", "},\n", "\n@article{x, title = {y}}"),
    *("\nER  - \r\n", "TY  - JOUR", "\nAU  - Eve", " and ", "others", "Jr."),
]
words = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.text(max_size=6), st.from_regex("[A-Za-z]{1,5}", fullmatch=True))
)
lines = words.map("".join)


# the source cuts names after 200 characters of TeX, of which some signs take 18
_LONGEST = LONGEST // 18


def _named(text: str) -> str:
    return clean_line(text).strip(" ,;")[:_LONGEST].strip(" ,;")


titles = lines.map(lambda text: readable(paper(clean_line(f"T{text}"))).title).filter(is_title)
names = lines.map(lambda text: _named(readable(paper("T", authors=(_named(f"A{text}"),))).authors[0])).filter(
    lambda name: any(map(str.isalpha, name))
)
urls = st.one_of(
    st.just("https://example.org/a_b?c=%7B1%7D&d=~e#f"),
    st.text("ab/{}\\%_&#~=?$,;'\"", max_size=12).map(lambda text: web_link(f"https://example.org/{text}")),
)
dois = st.text("ab1_%#&$()<>;:/.~^-", max_size=8).map(lambda text: doi(f"10.1000/a{text}"))
arxiv_ids = st.sampled_from(["2107.05580", "quant-ph/0201082", "2606.00001"])


@st.composite
def papers(draw: st.DrawFn) -> Paper:
    """As the corpus keeps them: cleaned, in Unicode."""
    title, found, arxiv = draw(titles), draw(st.none() | dois), draw(st.none() | arxiv_ids)
    return Paper(
        key=f"arxiv:{arxiv}" if arxiv else f"doi:{found}" if found else title_key(title),
        title=title,
        abstract=readable(paper("T", abstract=clean_line(draw(lines)))).abstract,
        authors=tuple(dict.fromkeys(draw(st.lists(names, max_size=3)))),
        doi=found,
        url=draw(st.none() | urls),
        categories=("cs.LG",),
    )


def back(text: str, name: str) -> list[Paper]:
    """What the files source reads."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text.encode())
        found = read(FilesSource(path))
    assert all(isinstance(one, Paper) for one in found), found
    return [readable(one) if name.endswith(".bib") else one for one in found if isinstance(one, Paper)]


def told(papers: Iterable[Paper], link: Callable[[str], str] = str) -> list[tuple[object, ...]]:
    """What must come back. ``link`` is how the format writes a link."""
    return [
        (one.title, one.authors, one.abstract, one.doi, one.arxiv_id, link(one.url) if one.url else "")
        for one in papers
    ]


def linked(read_back: Iterable[Paper], given_: Iterable[Paper]) -> list[tuple[object, ...]]:
    """What has come back; a link only where there was one to write."""
    pairs = zip(told(read_back), given_, strict=True)
    return [(*facts[:-1], facts[-1] if one.url else "") for facts, one in pairs]


def without_commas(name: str) -> str:
    """RIS has commas only between a family name and what comes before it."""
    return clean_line(name.replace(",", " "))


def encoded(url: str) -> str:
    """BibTeX counts braces, and TeX takes a backslash for a command."""
    return re.sub(r"[{}\\]", lambda one: f"%{ord(one[0]):02X}", url)


@given(st.lists(papers(), min_size=1, max_size=3))
@example([paper("T", authors=("A $", "B"))])
@example([paper("T", authors=("The ATLAS and CMS Collaborations", "Others", "King, Jr."))])
@example([paper("T", abstract=to_text(r"caf\'e--\'etude"))])
@example([paper("T {", abstract="}", key="url:a.org/x_y"), paper("U \\", key="url:a.org/X-Y")])
def test_bibtex_is_read_back_as_it_was(given_: list[Paper]) -> None:
    text = bibtex(given_)
    assert linked(back(text, "papers.bib"), given_) == told(given_, encoded)
    # backslashes do not count: BibTeX itself sees braces only
    assert text.count("{") == text.count("}")
    keys = re.findall(r"^@\w+\{([^,]*),$", text, re.MULTILINE)
    assert len({key.lower() for key in keys}) == len(given_)


@given(st.lists(papers(), min_size=1, max_size=3))
@example([paper("T", authors=("King, Jr.",), key="arxiv:2606.00001", url="https://example.org/")])
def test_ris_is_read_back_as_it_was_but_for_commas_in_names(given_: list[Paper]) -> None:
    text = ris(given_)
    names = [tuple(dict.fromkeys(map(without_commas, one.authors))) for one in given_]
    expected = [(title, those, *rest) for (title, _, *rest), those in zip(told(given_), names, strict=True)]
    assert linked(back(text, "papers.ris"), given_) == expected
    assert text.split("\r\n")[0][:6] == "TY  - "
    assert "\n" not in text.replace("\r\n", "")


def test_a_venue_and_the_year_are_told_as_the_formats_have_them() -> None:
    one = paper("T", venue="Journal of R&D", published=date(2026, 6, 30), key="doi:10.1000/a_b", doi="10.1000/a_b")
    assert bibtex([one]).splitlines() == [
        "@article{doi:10.1000-a-b,",
        "  title = {T},",
        "  journal = {Journal of R\\&D},",
        "  doi = {10.1000/a_b},",
        "  year = {2026},",
        "  abstract = {We study it.},",
        "}",
    ]
    for text, name in ((bibtex([one]), "a.bib"), (ris([one]), "a.ris")):
        [found] = back(text, name)
        assert (found.key, found.venue, found.published) == (one.key, one.venue, date(2026, 1, 1))
