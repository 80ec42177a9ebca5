"""Works, and what sources say of them."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One work, whichever source brought it."""

    #: source-qualified and versionless: ``arxiv:2107.05580``, ``doi:10.1101/…``, ``url:<host and path>`` or
    #: ``title:<hash>`` when nothing better is known
    key: str
    title: str
    abstract: str = ""
    #: display names in the paper's order; empty when the source only gives a number
    authors: tuple[str, ...] = ()
    #: how many authors there are, when the source says only that
    author_count: int | None = None
    organization: str | None = None
    #: arXiv category terms, primary first; else the subjects or tags that its source gives it
    categories: tuple[str, ...] = ()
    doi: str | None = None
    #: number of the newest version that a source told of
    version: int | None = None
    #: whether its authors took it back
    withdrawn: bool = False
    #: where it was published
    venue: str | None = None
    #: the day of the first version
    published: date | None = None
    #: the day the source announced it
    listed: date | None = None
    upvotes: int | None = None
    comments: int | None = None
    citations: int | None = None
    url: str | None = None
    code_url: str | None = None
    project_url: str | None = None
    #: a copy that everybody may read, of a paper that lies behind a paywall
    open_access_url: str | None = None
    #: name of the source that brought it first
    source: str = ""
    #: True when it came from a ``fallback: true`` source: shown as a sample, never mixed with live papers
    sample: bool = False
    #: when the corpus first held it; None before it is stored
    first_seen: datetime | None = None

    def __hash__(self) -> int:
        # every card is looked up by its paper: hashing all fields takes ten times as long, and keys do differ
        return hash(self.key)

    @property
    def arxiv_id(self) -> str | None:
        """The versionless arXiv id, if the paper has one."""
        return self.key.removeprefix("arxiv:") if self.key.startswith("arxiv:") else None


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """An entry of a source that could not be read: the rest of the source is kept."""

    #: what names it: ``daily-papers.txt:120``, ``entry 7 (2412.07730)``
    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"
