"""A paper as it is kept: Unicode instead of TeX, and the addresses that its abstract names. Pure."""

from dataclasses import replace

from digestmail.model import Paper
from digestmail.text.clean import clean_line
from digestmail.text.links import addresses
from digestmail.text.tex import to_text


def readable(paper: Paper) -> Paper:
    """Title, abstract and names as Unicode; code and project page from the abstract when the source told none.

    Idempotent on what it gives, but for the few abstracts (6 of 26,502) that quote TeX.
    """
    abstract = _line(paper.abstract)
    named = addresses(abstract)
    return replace(
        paper,
        title=_line(paper.title) or paper.title,
        abstract=abstract,
        authors=tuple(_line(name) or name for name in paper.authors),
        code_url=paper.code_url or named.code,
        project_url=paper.project_url or named.project,
    )


def _line(tex: str) -> str:
    return clean_line(to_text(tex))
