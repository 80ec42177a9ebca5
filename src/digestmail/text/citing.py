"""Papers as reference managers read them: BibTeX, and RIS (the format of EndNote, Zotero and others). Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from digestmail.model import Paper
from digestmail.text.clean import clean_line

# what TeX takes for a command, in the order of replacement
_TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        # BibTeX counts braces even behind a backslash: "\\{" without its partner would swallow all that follows
        "{": r"\textbraceleft{}",
        "}": r"\textbraceright{}",
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
_PARTS_NAMES = re.compile(r",|(?:^| )and(?: |$)", re.IGNORECASE)


def bibtex(papers: Iterable[Paper]) -> str:
    """One ``@misc`` or ``@article`` each, in UTF-8. Their keys are those of the papers, each different."""
    told = list(papers)
    return "\n".join(map(_entry, told, _keys(told)))


def ris(papers: Iterable[Paper]) -> str:
    """One record each, lines ended by CRLF as the format wants it."""
    return "".join(_record(paper) for paper in papers)


def _keys(papers: Iterable[Paper]) -> Iterator[str]:
    """Twice the same would be an error to BibTeX. It does not tell upper from lower case."""
    counts = Counter[str]()
    for paper in papers:
        key = _NOT_KEY.sub("-", paper.key)
        counts[key.lower()] += 1
        yield key if counts[key.lower()] == 1 else f"{key}--{counts[key.lower()]}"


def _entry(paper: Paper, key: str) -> str:
    told = {"title": _text(paper.title), "author": " and ".join(map(_name, paper.authors))}
    told |= {"journal": _text(paper.venue or ""), "doi": _verbatim(paper.doi or ""), "url": _verbatim(paper.url or "")}
    told |= {"eprint": paper.arxiv_id or "", "archiveprefix": "arXiv" if paper.arxiv_id else ""}
    told |= {"year": _year(paper), "abstract": _text(paper.abstract)}
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in told.items() if value)
    return f"@{'article' if paper.venue else 'misc'}{{{key},\n{lines}}}\n"


def _text(value: str) -> str:
    return clean_line(value).translate(_TEX)


def _name(name: str) -> str:
    """A name; in braces where its words would be taken for what parts names, or parts of a name."""
    parts = _PARTS_NAMES.search(name) or name.lower() == "others"
    return f"{{{_text(name)}}}" if parts else _text(name)


def _verbatim(value: str) -> str:
    """What is no text: as it is, but for what ends it."""
    return re.sub(r"[{}\s\\]", lambda one: "".join(f"%{byte:02X}" for byte in one[0].encode()), value)


def _record(paper: Paper) -> str:
    lines: list[tuple[str, str | None]] = [("TY", "JOUR" if paper.venue else "GEN"), ("TI", paper.title)]
    # a comma stands between a family name and what comes before it, and nowhere else
    lines += [("AU", name.replace(",", " ")) for name in paper.authors]
    lines += [("PY", _year(paper)), ("T2", paper.venue), ("DO", paper.doi), ("UR", paper.url)]
    lines += [("AN", f"arXiv:{paper.arxiv_id}" if paper.arxiv_id else None), ("AB", paper.abstract)]
    lines += [("KW", term) for term in paper.categories]
    told = [f"{tag}  - {clean_line(value)}\r\n" for tag, value in lines if value]
    return "".join([*told, "ER  - \r\n\r\n"])


def _year(paper: Paper) -> str:
    day = paper.published or paper.listed
    return str(day.year) if day else ""
