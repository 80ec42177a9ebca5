"""The nouns. Frozen, slotted, tuples inside; instants are aware UTC, days are plain dates. Pure."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from digestmail.errors import InputError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One work, whichever source brought it."""

    #: source-qualified and versionless: ``arxiv:2107.05580``, ``doi:10.1101/…``, ``title:<hash>`` when nothing better
    #: is known
    key: str
    title: str
    abstract: str = ""
    #: display names in the paper's order; empty when the source only gives a number
    authors: tuple[str, ...] = ()
    #: how many authors there are, when the source says only that
    author_count: int | None = None
    organization: str | None = None
    #: arXiv category terms, primary first
    categories: tuple[str, ...] = ()
    doi: str | None = None
    #: the day of the first version
    published: date | None = None
    #: the day the source announced it
    listed: date | None = None
    upvotes: int | None = None
    comments: int | None = None
    url: str | None = None
    code_url: str | None = None
    project_url: str | None = None
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a paper has a keyword: one field, and how it was found there."""

    field: Field
    #: the matched words as the paper writes them
    text: str
    count: int = 1
    #: character ranges in the field's text, [start, end)
    spans: tuple[tuple[int, int], ...] = ()
    evidence: Evidence = Evidence.EXACT
    #: its part of the points of the match; those of all places add up to 1
    share: float = 1.0

    @property
    def written(self) -> bool:
        """Whether a text has the keyword there, or its words close together; not only some of them, here and there."""
        return self.evidence is Evidence.EXACT or self.evidence is Evidence.NEAR


@dataclass(frozen=True, slots=True)
class Hit:
    """One keyword in one paper: the same for all readers who ask for it, whatever weight they give it."""

    #: as the subscriber wrote it, without weight
    keyword: str
    #: the heaviest first
    places: tuple[Place, ...]
    #: whether title or abstract write it, or have its words close together
    written: bool = field(init=False, repr=False, compare=False)
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # frozen: what follows from the rest is set once, for all of the readers that share it
        object.__setattr__(self, "written", any(place.written for place in self.places))
        object.__setattr__(self, "_hash", hash((self.keyword, self.places)))

    def __hash__(self) -> int:
        # reasons and marks are looked up by it, eighty times an issue: hashing all fields takes 1 µs
        return self._hash

    def __reduce__(self) -> tuple[type["Hit"], tuple[str, tuple[Place, ...]]]:
        return Hit, (self.keyword, self.places)  # hashes of strings differ from process to process


@dataclass(frozen=True, slots=True)
class Match:
    """Why a paper is there: a keyword that it has, and what that is worth to one reader."""

    hit: Hit
    #: what it adds to the score
    points: float

    @property
    def keyword(self) -> str:
        """As the subscriber wrote it, without weight."""
        return self.hit.keyword

    @property
    def places(self) -> tuple[Place, ...]:
        """Where the paper has it, the heaviest first."""
        return self.hit.places


@dataclass(frozen=True, slots=True)
class RankedPaper:
    """A candidate with its score and the matches that made it."""

    paper: Paper
    #: what it is ranked by: the relevance, raised a little by upvotes
    score: float
    #: one for each keyword, and for likes and dislikes; the weightiest first
    matches: tuple[Match, ...] = ()
    #: the interest group that speaks most for it; empty when the profile has none
    topic: str = ""

    @property
    def relevance(self) -> float:
        """The sum of the points of all matches: shares are parts of it."""
        return sum(match.points for match in self.matches)


@dataclass(frozen=True, slots=True)
class Ranking:
    """All candidates that matched a profile, best first, and how many were kept out."""

    papers: tuple[RankedPaper, ...] = ()
    #: by negative keywords
    excluded: int = 0
    #: by too little evidence
    below_gate: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was weighed for one issue, so that a short issue explains itself."""

    #: papers in the window that this subscriber has not been sent
    candidates: int = 0
    matched: int = 0
    #: kept out by negative keywords
    excluded: int = 0
    shown: int = 0
    #: for how many days a paper was a candidate, and the number of the newest paper of that moment: with these the
    #: candidates can be counted again
    days: int = 0
    newest: int = 0

    @property
    def below(self) -> int:
        """Papers with too little or nothing that the profile asks for."""
        return self.candidates - self.matched - self.excluded

    @property
    def carried(self) -> int:
        """Matched papers that did not fit and compete again next time."""
        return self.matched - self.shown


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingList:
    """Who sends: the list of RFC 2919 and RFC 2369."""

    name: str
    sender_name: str
    sender_address: str
    base_url: str | None = None
    #: for subscribers who chose no language
    language: str = "en"
    #: where answers of readers go; None: to the sender
    reply_to: str | None = None
    #: takes bounces, with "+" and anything before the "@"; None: bounces go to the sender
    bounce_address: str | None = None
    #: whether the sender's address, too, takes mail with "+" and anything before the "@"
    plus_addressing: bool = False

    @property
    def domain(self) -> str:
        """The domain of the sender, which Message-IDs and the List-Id use."""
        return self.sender_address.rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One dated number for one subscriber."""

    mailing_list: MailingList
    subscriber: Subscriber
    #: the subscriber's local day; with the subscriber it makes the slot
    slot: date
    papers: tuple[RankedPaper, ...]
    receipt: Receipt
    #: becomes the Date header, on every attempt the same
    composed_at: datetime
    #: how often the operator has asked for this issue anew; each has a Message-ID of its own
    generation: int = 0
    #: fixed when the issue is planned, with its angle brackets; empty: made from sender, reader, slot and generation
    message_id: str = ""

    @property
    def language(self) -> str:
        """Code of the language that our own words are in."""
        return self.subscriber.language or self.mailing_list.language

    @property
    def sample(self) -> bool:
        """Whether the papers come from a fallback source."""
        return any(ranked.paper.sample for ranked in self.papers)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An issue in words: no headers but the subject."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """An issue in words, its bodies as mail carries them: quoted-printable, CRLF (RFC 2045 §6.7), in pieces to join.

    Copying 40 KB from one join to the next takes longer than making most of the pieces.
    """

    subject: str
    html: tuple[bytes, ...]
    text: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a transport takes: two paths (RFC 5321 §2.3.1) and the final bytes (RFC 5322, CRLF)."""

    mail_from: str
    rcpt_to: str
    message_id: str
    slot: date
    content: bytes


class DeliveryStatus(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    #: waits for a person: nobody knows whether it was accepted, or it kills the processes that send it
    HELD = "held"
    CANCELLED = "cancelled"
    #: nothing to send for this slot; a later run of the same day may still fill it
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An issue on its way, with the plan it is rendered from."""

    id: int
    #: as they were when it was planned, but for address and status
    subscriber: Subscriber
    slot: date
    status: DeliveryStatus
    #: as they were when it was planned
    papers: tuple[RankedPaper, ...]
    receipt: Receipt
    planned_at: datetime
    #: how often the operator has asked for it anew
    generation: int = 0
    #: the Message-ID of every attempt; empty when it was planned by a version that kept none
    message_id: str = ""
    #: names the compiled template of every attempt in the store; None: today's
    template: str | None = None
    attempts: int = 0
    #: grows with every claim; only the holder of the newest one may settle
    fence: int = 0
    #: processes that died while they were sending it
    crashes: int = 0
    #: attempts of which nobody knows whether the message was accepted
    ambiguous: int = 0
    #: SHA-256 (hex) of the content of the last attempt that came as far as that
    digest: str | None = None
    next_at: datetime | None = None
    settled_at: datetime | None = None
    #: the last answer of the transport: its status code, if any, and its words; or why nothing was sent
    code: str = ""
    note: str = ""


class AttemptEvent(StrEnum):
    """What can happen to a delivery; ``storage.claims`` says when each is written."""

    #: the next step cannot be taken back: the final dot, the link of a file
    COMMITTED = "committed"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    #: accepted or not, nobody knows; what follows from it is the delivery's status
    AMBIGUOUS = "ambiguous"
    #: the process that was sending it died before anything could be accepted
    CRASHED = "crashed"
    #: somebody wanted to go on with it who had lost the claim
    STALE = "stale"
    HELD = "held"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    #: given back untried
    RELEASED = "released"
    #: the operator has decided
    RESOLVED = "resolved"
    RESENT = "resent"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a delivery's past."""

    at: datetime
    event: AttemptEvent
    #: the claim under which it happened
    fence: int = 0
    code: str = ""
    note: str = ""
