"""What arXiv's services say of a paper → Paper. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from digestmail.model import Paper, Revision, SkippedEntry
from digestmail.sources.arxiv.categories import is_term
from digestmail.sources.arxiv.documents import Broken, UnreadableError
from digestmail.sources.reading import is_title
from digestmail.text.identity import arxiv_id, doi, paper_key

_ID = re.compile(r"(?:^|[:/\s])(\d{4}\.\d{4,5}|[a-z][a-z-]{1,20}(?:\.[A-Z]{2})?/\d{7})(?:v(\d{1,4}))?(?![\w.])")
_OWN_DOI = "10.48550/"
_SUFFIX = re.compile(r"(?:jr|sr|ii|iii|iv)\.?", re.IGNORECASE)
_BETWEEN_NAMES = re.compile(r"(?<!\\),|;|:\s")  # \, is a space in TeX
# As arXiv and authors word it (https://info.arxiv.org/help/withdraw.html). Only a whole sentence is a notice: "replaces
# the withdrawn paper" and "the first version was withdrawn" are not about this one.
_WORK = r"(?:paper|article|manuscript|submission|preprint|e-?print|work|note|letter|report|thesis)"
_SUBJECT = rf"(?:this\s+version|(?:(?:this|the|our)\s+)?(?:(?:present|current|entire|whole)\s+)?{_WORK})"
_VERB = r"(?:(?:has|have|had)\s+(?:now\s+)?been\s+|(?:is|was)\s+(?:being\s+)?|being\s+)?(?:\w+ly\s+|now\s+)?"
_NOTICE = (
    rf"(?:{_SUBJECT}\s+{_VERB}withdrawn\b(?!\s+from\s+(?!(?:the\s+)?arxiv))"
    r"|withdrawn\s+by\s+(?:the\s+)?(?:authors?|submitters?|arxiv)\b"
    r"|(?:the\s+)?authors?\s+ha(?:s|ve)\s+withdrawn\s+th(?:is|e|eir)\b)"
)
_IN_ABSTRACT = re.compile(rf"\W{{0,9}}(?:{_NOTICE}|withdrawn\W{{0,9}}$)", re.IGNORECASE)
_IN_COMMENT = re.compile(rf"(?:^|[.;:!]\s)\W{{0,9}}(?:{_NOTICE}|withdrawn\b)", re.IGNORECASE)


class Kind(StrEnum):
    """How a paper is announced."""

    NEW = "new"
    CROSS = "cross"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Announced:
    """A paper in a batch; ``kind`` is None when only its metadata changed."""

    paper: Paper
    kind: Kind | None


def identify(text: str) -> tuple[str, int | None] | None:
    """The id without version and the version that stand at the end of ``oai:arXiv.org:math/0306266v2`` or a URL.

    >>> identify("http://arxiv.org/abs/math/0306266v2"), identify("oai:arXiv.org:2609.26811")
    (('math/0306266', 2), ('2609.26811', None))
    """
    found = _ID.search(text)
    name = arxiv_id(found[1]) if found else None
    return (name, int(found[2]) if found[2] else None) if found and name else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an entry says of a paper, in cleaned texts."""

    #: without version, and the version
    id: tuple[str, int | None] | None
    title: str
    abstract: str
    authors: tuple[str, ...]
    #: primary first; may hold MSC and ACM classes
    categories: Iterable[str]
    comment: str = ""
    doi: str = ""
    journal_ref: str = ""
    published: date | None = None
    listed: date | None = None

    def paper(self, source: str) -> Paper:
        """The paper. Raises UnreadableError without an id or a title."""
        if self.id is None:
            raise UnreadableError("no arXiv id")
        if not is_title(self.title):
            raise UnreadableError("no title")
        name, version = self.id
        found = doi(self.doi)
        return Paper(
            key=paper_key(title=self.title, arxiv=name),
            title=self.title,
            abstract=self.abstract,
            authors=self.authors,
            categories=tuple(dict.fromkeys(filter(is_term, self.categories))),
            doi=None if found is None or found.startswith(_OWN_DOI) else found,
            version=version,
            withdrawn=is_withdrawn(abstract=self.abstract, comment=self.comment),
            venue=self.journal_ref or None,
            published=self.published,
            listed=self.listed,
            url=f"https://arxiv.org/abs/{name}",
            source=source,
        )


def is_withdrawn(*, abstract: str = "", comment: str = "") -> bool:
    """Whether a notice says so: at the start of the abstract, or of a sentence of the comment."""
    return _IN_ABSTRACT.match(abstract) is not None or _IN_COMMENT.search(comment) is not None


def names(text: str, *, joined: bool = False) -> tuple[str, ...]:
    """The authors of one string: ``A. One (Lab, Town), Andr\\'e Two``; affiliations are dropped, TeX stays as it is.

    ``joined`` strings have an "and" before the last name. Each name once: some lists repeat one.
    """
    plain = _without_affiliations(text)
    if joined:
        plain = re.sub(r",?\s+and\s+", ", ", plain)
    found: list[str] = []
    for name in filter(None, (part.strip(" ,;") for part in _parts(plain))):
        if found and _SUFFIX.fullmatch(name):
            found[-1] += f" {name}"
        else:
            found.append(name)
    return tuple(dict.fromkeys(found))


def _without_affiliations(text: str) -> str:
    """The text outside parentheses; a parenthesis that is not closed is taken for a slip that ends at the comma."""
    kept, depth = [], 0
    for character in text:
        depth += character == "("
        if depth == 0:
            kept.append(character)
        depth -= character == ")" and depth > 0
    return " ".join("".join(kept).split()) if depth == 0 else re.sub(r"\([^,;)]*\)?", "", text).replace(")", "")


def _parts(text: str) -> list[str]:
    """Split between names, but not inside braces, which belong to TeX."""
    if "{" not in text:
        return _BETWEEN_NAMES.split(text)
    parts, start, depth = [], 0, 0
    for position, character in enumerate(text):
        depth = max(0, depth + (character == "{") - (character == "}"))
        if depth == 0 and (found := _BETWEEN_NAMES.match(text, position)):
            parts.append(text[start:position])
            start = found.end()
    return [*parts, text[start:]]


def revision(paper: Paper) -> Revision:
    """What is told of a paper that is not announced now: the day on which it was stays the one that is known."""
    return Revision(replace(paper, listed=None))


def skipped(label: str, number: int, why: str, identifier: str = "") -> SkippedEntry:
    """``cs.LG entry 7 (2609.26811v1): no title``."""
    return SkippedEntry(f"{label} entry {number}" + (f" ({identifier})" if identifier else ""), why)


def skipped_broken(label: str, number: int, broken: Broken) -> SkippedEntry:
    """The same of an entry that is no XML."""
    return skipped(label, number, broken.why, broken.id)
