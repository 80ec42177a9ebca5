"""Who asks, for what, and how often."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from digestmail.errors import InputError
from digestmail.model.papers import Paper

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Field(StrEnum):
    """Where a keyword looks, and where a match was found."""

    ANY = "any"  # title and abstract
    TITLE = "title"
    ABSTRACT = "abstract"
    AUTHOR = "author"
    CATEGORY = "category"


class Evidence(StrEnum):
    """How a keyword was found: what a match is worth depends on it."""

    EXACT = "exact"  # the phrase itself
    NEAR = "near"  # all its words close together
    WORDS = "words"  # some of its words, stemmed
    AUTHOR = "author"
    CATEGORY = "category"
    LIKE = "like"  # words of papers the subscriber asked for more of
    DISLIKE = "dislike"  # words of papers they asked for less of; negative points


class Gate(StrEnum):
    """How much evidence lets a paper into an issue."""

    STRICT = "strict"
    NORMAL = "normal"
    WIDE = "wide"


@dataclass(frozen=True, slots=True)
class Keyword:
    """One phrase of a profile. Always a literal, never a regular expression."""

    phrase: str
    weight: float = 1.0
    field: Field = Field.ANY
    #: a paper that matches is excluded
    negative: bool = False
    #: quoted: words are taken as they are, plurals are not folded
    exact: bool = False
    #: the interest group it belongs to; empty when the profile has none
    topic: str = ""

    def __hash__(self) -> int:
        # a dozen look-ups per reader: hashing all fields takes five times as long, and these two nearly always differ
        return hash((self.phrase, self.weight))


@dataclass(frozen=True, slots=True)
class Profile:
    """What a subscriber asked for. Without positive keywords: the day's papers by upvotes."""

    keywords: tuple[Keyword, ...] = ()
    gate: Gate = Gate.NORMAL
    #: "more like this" and "less like this"
    liked: tuple[Paper, ...] = ()
    disliked: tuple[Paper, ...] = ()

    @property
    def wanted(self) -> tuple[Keyword, ...]:
        """The keywords that bring papers in."""
        return tuple(keyword for keyword in self.keywords if not keyword.negative)

    @property
    def unwanted(self) -> tuple[Keyword, ...]:
        """The keywords that keep papers out."""
        return tuple(keyword for keyword in self.keywords if keyword.negative)

    @property
    def has_opinions(self) -> bool:
        """Whether any paper is liked or disliked."""
        return bool(self.liked or self.disliked)

    @property
    def has_topics(self) -> bool:
        """Whether any keyword belongs to an interest group."""
        return any(keyword.topic for keyword in self.keywords)


class CadenceKind(StrEnum):
    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class Cadence:
    """On which local days a subscriber gets an issue. Written ``daily``, ``weekdays`` or ``weekly:mon``."""

    kind: CadenceKind = CadenceKind.DAILY
    #: 0 is Monday; only for ``weekly``
    weekday: int = 0

    @classmethod
    def parse(cls, text: str) -> "Cadence":
        """Read what ``str()`` writes. Raises InputError."""
        kind, _, day = text.strip().lower().partition(":")
        for names in (WEEKDAYS, _WEEKDAY_NAMES):
            if kind == CadenceKind.WEEKLY and (day or names[0]) in names:
                return cls(CadenceKind.WEEKLY, names.index(day or names[0]))
        if kind in (CadenceKind.DAILY, CadenceKind.WEEKDAYS) and not day:
            return cls(CadenceKind(kind))
        raise InputError(f"unknown cadence {text!r}: write daily, weekdays or weekly:mon … weekly:sun")

    def __str__(self) -> str:
        return f"weekly:{WEEKDAYS[self.weekday]}" if self.kind is CadenceKind.WEEKLY else str(self.kind)

    def includes(self, day: date) -> bool:
        """Whether an issue is due on this local day."""
        if self.kind is CadenceKind.WEEKLY:
            return day.weekday() == self.weekday
        return self.kind is CadenceKind.DAILY or day.weekday() < WEEKDAYS.index("sat")


class SubscriberStatus(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"


class Origin(StrEnum):
    """Where a subscriber is kept: rows from the config file follow the file."""

    CONFIG = "config"
    STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """An address and what it asked for."""

    #: random, stable for life; Message-IDs are derived from it
    uid: str
    email: str
    profile: Profile = field(default_factory=Profile)
    cadence: Cadence = field(default_factory=Cadence)
    #: IANA name; its calendar decides which day it is for this subscriber
    timezone: str = "UTC"
    #: papers in one issue; None: the newsletter's own ``issue.max_papers``
    max_papers: int | None = None
    #: code of the language that our own words are in (``de``); None: the newsletter's
    language: str | None = None
    status: SubscriberStatus = SubscriberStatus.ACTIVE
    origin: Origin = Origin.STORE
    created_at: datetime
    #: raised to make all links of earlier messages worthless
    token_version: int = 0
    #: the first local day that may have an issue again, and when the pause began. Both stay until the issue that
    #: catches up is planned
    paused_until: date | None = None
    paused_at: datetime | None = None
