"""What is asked of sources, and what they say beside papers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from digestmail.model.papers import Paper


@dataclass(frozen=True, slots=True)
class Validators:
    """What marks the state of one address, so that it need not be read again: RFC 9110 §8.8.

    Files have one, too: their size and time as ``etag``.
    """

    #: the URL with its parameters, or the path of a file
    address: str
    etag: str = ""
    last_modified: str = ""

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a source is asked."""

    #: an aware UTC instant
    now: datetime
    #: the first day whose announcements are not all known; None asks for what the source gives without being asked for
    #: more
    since: date | None = None
    #: papers announced from this day on may still be sent: newer facts about them are welcome
    refresh: date | None = None
    #: the state of each address when its answer was last stored, by address
    validators: Mapping[str, Validators] = field(default_factory=dict)

    @property
    def today(self) -> date:
        """The UTC day."""
        return self.now.date()


@dataclass(frozen=True, slots=True)
class Revision:
    """Facts about a work that is not announced now: only works that the corpus holds take them on."""

    paper: Paper


@dataclass(frozen=True, slots=True)
class Gap:
    """Days whose announcements a source could not give, both ends included."""

    first: date
    last: date
    why: str
    #: whether asking again is no use: the source does not have them any more
    lost: bool = False

    def __str__(self) -> str:
        days = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        return f"{days}: {self.why}"


@dataclass(frozen=True, slots=True)
class Covered:
    """All that the source announced up to and including this day has been given, now or before, but for its gaps."""

    through: date


class Quiet(StrEnum):
    """Why there is nothing new, the most telling reason first."""

    #: the source did not answer
    DOWN = "down"
    #: it answered, and what it should have announced by now is not there
    STALE = "stale"
    HOLIDAY = "holiday"
    WEEKEND = "weekend"
    #: all that it announced was known
    KNOWN = "known"
    #: there were new papers, and none is for this reader
    UNMATCHED = "unmatched"


class ChangeKind(StrEnum):
    """What may happen to a paper after it was sent."""

    WITHDRAWN = "withdrawn"
    #: a newer version has another abstract
    REVISED = "revised"
    #: it has a DOI that is not its preprint's
    PUBLISHED = "published"
    #: its code can be had
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to a paper that readers have been promised."""

    id: int
    paper: Paper
    kind: ChangeKind
    at: datetime
    #: what it was before, and what it is now: abstracts, a DOI, an address
    before: str
    after: str
