"""The sections about where papers come from.

The descriptions are the words of the reference documentation and of the editors' JSON Schema.
"""

import re
from typing import Literal

from pydantic import Field

from digestmail.config.fields import Category, FilePath, Flag, Line, Section, WebLink, Whole, Year

_LOGIN = re.compile(r"//[^/@]*@")


class SourceBase(Section):
    """What all kinds have."""

    name: Line | None = Field(default=None, description="What reports call the source. By default its kind and path.")
    fallback: Flag = Field(
        default=False,
        description="Read only when no other source answered, and only until the corpus holds live papers.",
    )


class HuggingFaceSettings(SourceBase):
    """The papers of Hugging Face's Daily Papers."""

    kind: Literal["huggingface"] = Field(description="`huggingface`: the live Daily Papers.")
    days: Whole = Field(default=2, ge=1, le=30, description="How many days to look back at least, today included.")
    limit: Whole = Field(default=100, ge=1, le=100, description="Papers asked for per day.")
    path: FilePath | None = Field(default=None, description="A saved response to read instead of asking the site.")

    @property
    def label(self) -> str:
        """What reports call it, unique in one configuration."""
        return self.name or self.kind


class BiorxivSettings(SourceBase):
    """Preprints of biology or medicine."""

    kind: Literal["biorxiv"] = Field(description="`biorxiv`: what bioRxiv or medRxiv posted.")
    server: Literal["biorxiv", "medrxiv"] = Field(default="biorxiv", description="`biorxiv` or `medrxiv`.")
    categories: tuple[Line, ...] = Field(
        default=(),
        description="Only these subject categories, such as `neuroscience`, whatever their case. By default all.",
    )

    @property
    def label(self) -> str:
        """What reports call it, unique in one configuration."""
        return self.name or self.server


class ArxivSettings(SourceBase):
    """What arXiv announces."""

    kind: Literal["arxiv"] = Field(description="`arxiv`: what arXiv announces, every working day.")
    categories: tuple[Category, ...] = Field(
        min_length=1, description="Categories (`cs.LG`, `hep-th`) or whole archives (`math`)."
    )
    query: Line | None = Field(
        default=None, description="Only papers that this search finds, in the syntax of arXiv's query API."
    )
    announce: tuple[Literal["new", "cross", "replace"], ...] = Field(
        default=("new", "cross"),
        min_length=1,
        description="Which announcements are papers to send: `new` ones, `cross` lists, `replace`d ones.",
    )

    @property
    def label(self) -> str:
        """What reports call it, unique in one configuration."""
        return self.name or self.kind


class PageSettings(SourceBase):
    """A saved page of Daily Papers."""

    kind: Literal["page"] = Field(description="`page`: a Daily Papers page saved as text.")
    path: FilePath = Field(description="The saved page.")
    year: Year | None = Field(
        default=None,
        description="Year of the page's dates, which name none. By default the latest that fits.",
    )

    @property
    def label(self) -> str:
        """What reports call it, unique in one configuration."""
        return self.name or f"{self.kind}:{self.path}"


class JsonlSettings(SourceBase):
    """Papers in a file of your own."""

    kind: Literal["jsonl"] = Field(description="`jsonl`: one paper per line as a JSON object.")
    path: FilePath = Field(description="The file.")

    @property
    def label(self) -> str:
        """What reports call it, unique in one configuration."""
        return self.name or f"{self.kind}:{self.path}"


class FeedSettings(SourceBase):
    """A feed of a journal, a preprint server or a blog."""

    name: Line | None = Field(
        default=None, description="What reports call the source. By default its kind and address."
    )
    kind: Literal["feed"] = Field(description="`feed`: RSS, Atom or JSON Feed.")
    url: WebLink = Field(description="The address of the feed.")

    @property
    def label(self) -> str:
        """What reports call it, unique in one configuration; without the user and the password of the address."""
        return self.name or f"{self.kind}:{_LOGIN.sub('//', self.url)}"


class FilesSettings(SourceBase):
    """Files that reference managers and scripts write."""

    kind: Literal["files"] = Field(description="`files`: BibTeX, RIS, CSV and JSON Lines.")
    path: FilePath = Field(description="A file, a folder, or a pattern like `papers/*.bib`; read when changed.")

    @property
    def label(self) -> str:
        """What reports call it, unique in one configuration."""
        return self.name or f"{self.kind}:{self.path}"


SourceSettings = (
    ArxivSettings | BiorxivSettings | FeedSettings | FilesSettings | HuggingFaceSettings | JsonlSettings | PageSettings
)

#: what ``kind`` may be
SOURCE_KINDS: dict[str, type[Section]] = {
    "arxiv": ArxivSettings,
    "biorxiv": BiorxivSettings,
    "feed": FeedSettings,
    "files": FilesSettings,
    "huggingface": HuggingFaceSettings,
    "jsonl": JsonlSettings,
    "page": PageSettings,
}
