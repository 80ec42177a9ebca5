"""What an issue is made of: papers with reasons, and who sends them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from digestmail.model.papers import Paper
from digestmail.model.readers import Evidence, Field, Subscriber
from digestmail.model.sources import Change, Quiet


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
    #: taken back by their authors before they were sent
    withdrawn: int = 0

    @property
    def below(self) -> int:
        """Papers with too little or nothing that the profile asks for."""
        return self.candidates - self.matched - self.excluded - self.withdrawn

    @property
    def carried(self) -> int:
        """Matched papers that did not fit and compete again next time."""
        return self.matched - self.shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Lull:
    """Why an issue has no papers, as it was known when the issue was planned."""

    why: Quiet
    #: papers that came since the reader's issue before this one, and are not for this reader
    new: int = 0
    #: names of sources that did not answer, or broke off
    down: tuple[str, ...] = ()
    #: names of sources that have not announced what was due
    stale: tuple[str, ...] = ()
    #: of the new papers those that came closest to the profile, the closest first
    nearest: tuple[Paper, ...] = ()
    #: the reader's day of the next announcement, after a weekend or a holiday
    next_day: date | None = None


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
    #: what happened to papers that the reader has, in the order in which it is told
    followups: tuple[Change, ...] = ()
    #: why there are no papers; None in an issue with papers
    lull: Lull | None = None

    @property
    def language(self) -> str:
        """Code of the language that our own words are in."""
        return self.subscriber.language or self.mailing_list.language

    @property
    def sample(self) -> bool:
        """Whether the papers come from a fallback source."""
        return any(ranked.paper.sample for ranked in self.papers)


class Pages(NamedTuple):
    """Where an issue leads its reader, besides taking them off the list. Empty: there is no such place."""

    #: where keywords and cadence are changed
    preferences_url: str = ""
    #: where the reader says what they think of its papers
    feedback_url: str = ""
    #: the issue as a page
    browser_url: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """An issue in words: no headers but the subject."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """An issue in words, its bodies as mail carries them: quoted-printable, CRLF (RFC 2045 §6.7), in pieces to join."""

    subject: str
    html: Sequence[bytes]
    text: Sequence[bytes]
