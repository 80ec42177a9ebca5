"""What the guarded process says of a feed, and how it says it: JSON lines in ASCII."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Record:
    """One entry; all texts without markup and as the feed has them."""

    title: str = ""
    #: what it is about: the summary and the whole text, where there are both
    summary: str = ""
    content: str = ""
    link: str = ""
    id: str = ""
    authors: list[str] = field(default_factory=list)
    #: when it was published, the best source first
    days: list[str] = field(default_factory=list)
    #: where an arXiv id or a DOI may stand
    identifiers: list[str] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)
    venue: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole feed."""

    #: the page that the feed is of
    home: str
    #: whether it breaks off before its end
    cut: bool
    records: list[Record]


def dump(document: Document) -> Iterator[str]:
    """The document, then its records, a line each."""
    yield json.dumps({"home": document.home, "cut": document.cut})
    for record in document.records:
        yield json.dumps(asdict(record))


def load(lines: Sequence[bytes]) -> Document:
    """What ``dump`` wrote. Raises ValueError."""
    first, *rest = [json.loads(line) for line in lines]
    return Document(first["home"], first["cut"], [Record(**fields) for fields in rest])
