"""Papers as reference managers read them: BibTeX, and RIS (the format of EndNote, Zotero and others). Pure."""

import re
from collections.abc import Iterable

from digestmail.model import Paper
from digestmail.text.clean import clean_line

# what TeX takes for a command, in the order of replacement
_TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
    }
)
_NOT_KEY = re.compile(r"[^A-Za-z0-9.:-]+")


def bibtex(papers: Iterable[Paper]) -> str:
    """One ``@misc`` or ``@article`` each, in UTF-8. Their keys are those of the papers."""
    return "\n".join(_entry(paper) for paper in papers)


def ris(papers: Iterable[Paper]) -> str:
    """One record each, lines ended by CRLF as the format wants it."""
    return "".join(_record(paper) for paper in papers)


def _entry(paper: Paper) -> str:
    plain = {"doi": paper.doi, "url": paper.url, "eprint": paper.arxiv_id}
    told = {"title": paper.title, "author": " and ".join(map(_one_name, paper.authors)), "journal": paper.venue}
    facts = {name: clean_line(value).translate(_TEX) for name, value in told.items() if value}
    facts |= {name: _verbatim(value) for name, value in plain.items() if value}
    if paper.arxiv_id:
        facts["archiveprefix"] = "arXiv"
    if year := _year(paper):
        facts["year"] = year
    if paper.abstract:
        facts["abstract"] = clean_line(paper.abstract).translate(_TEX)
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in facts.items())
    return f"@{'article' if paper.venue else 'misc'}{{{_NOT_KEY.sub('-', paper.key)},\n{lines}}}\n"


def _one_name(name: str) -> str:
    # "and" divides names
    return name.replace(" and ", " & ")


def _verbatim(value: str) -> str:
    return re.sub(r"[{}\s\\]", "", value)


def _record(paper: Paper) -> str:
    lines: list[tuple[str, str | None]] = [("TY", "JOUR" if paper.venue else "GEN"), ("TI", paper.title)]
    lines += [("AU", name) for name in paper.authors]
    lines += [("PY", _year(paper)), ("T2", paper.venue), ("DO", paper.doi), ("UR", paper.url), ("AB", paper.abstract)]
    lines += [("KW", term) for term in paper.categories]
    told = [f"{tag}  - {clean_line(value)}\r\n" for tag, value in lines if value]
    return "".join([*told, "ER  - \r\n\r\n"])


def _year(paper: Paper) -> str:
    day = paper.published or paper.listed
    return str(day.year) if day else ""
