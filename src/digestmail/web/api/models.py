"""What answers carry. Field names are those of config.yaml and of ``--json``."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from digestmail.model import (
    Attempt,
    AttemptEvent,
    Delivery,
    DeliveryKind,
    DeliveryStatus,
    Gate,
    Paper,
    Subscriber,
    SubscriberStatus,
)
from digestmail.newsletter.keywords import Checked, Suggestions
from digestmail.newsletter.overview import Answered, Past
from digestmail.newsletter.sources import Health
from digestmail.ranking.profile import format_keyword, format_keywords

T = TypeVar("T")


class Listed(BaseModel, Generic[T]):
    """A page of a list."""

    items: list[T]
    total: int
    page: int
    size: int


class SubscriberOut(BaseModel):
    """A subscriber."""

    email: str
    keywords: list[str]
    gate: Gate
    cadence: str
    timezone: str
    max_papers: int | None
    language: str | None
    status: SubscriberStatus
    paused_until: date | None
    origin: str
    created_at: datetime
    liked: list[str]
    disliked: list[str]

    @classmethod
    def of(cls, one: Subscriber) -> "SubscriberOut":
        """As it is shown."""
        return cls(
            email=one.email,
            keywords=format_keywords(one.profile),
            gate=one.profile.gate,
            cadence=str(one.cadence),
            timezone=one.timezone,
            max_papers=one.max_papers,
            language=one.language,
            status=one.status,
            paused_until=one.paused_until,
            origin=str(one.origin),
            created_at=one.created_at,
            liked=[paper.key for paper in one.profile.liked],
            disliked=[paper.key for paper in one.profile.disliked],
        )


class PaperOut(BaseModel):
    """A paper."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    title: str
    abstract: str
    authors: list[str]
    author_count: int | None
    organization: str | None
    categories: list[str]
    doi: str | None
    published: date | None
    listed: date | None
    upvotes: int | None
    comments: int | None
    url: str | None
    code_url: str | None
    project_url: str | None
    withdrawn: bool
    source: str
    first_seen: datetime | None

    @classmethod
    def of(cls, paper: Paper) -> "PaperOut":
        """As it is shown."""
        return cls.model_validate(paper)


class RankedOut(BaseModel):
    """A paper of an issue and why it is there."""

    key: str
    title: str
    score: float
    keywords: list[str]


class PreviewOut(BaseModel):
    """The next issue."""

    subject: str
    slot: date
    papers: list[RankedOut]
    html: str
    text: str
    html_bytes: int


class DeliveryOut(BaseModel):
    """An issue on its way."""

    id: int
    subscriber: str
    slot: date
    kind: DeliveryKind
    status: DeliveryStatus
    message_id: str | None
    generation: int
    attempts: int
    ambiguous: int
    code: str
    note: str
    planned_at: datetime
    next_at: datetime | None
    settled_at: datetime | None
    papers: list[str]
    candidates: int
    matched: int
    excluded: int

    @classmethod
    def of(cls, one: Delivery) -> "DeliveryOut":
        """As it is shown."""
        same = ("id", "slot", "kind", "status", "generation", "attempts", "ambiguous", "code", "note", "planned_at")
        return cls(
            subscriber=one.subscriber.email,
            message_id=one.message_id or None,
            papers=[ranked.paper.key for ranked in one.papers],
            candidates=one.receipt.candidates,
            matched=one.receipt.matched,
            excluded=one.receipt.excluded,
            **{name: getattr(one, name) for name in (*same, "next_at", "settled_at")},
        )


class AttemptOut(BaseModel):
    """A line of a delivery's past."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    event: AttemptEvent
    fence: int
    code: str
    note: str


class DeliveryWithPast(DeliveryOut):
    """A delivery and all that happened to it."""

    past: list[AttemptOut]

    @classmethod
    def with_past(cls, one: Delivery, past: tuple[Attempt, ...]) -> "DeliveryWithPast":
        """As it is shown."""
        told = [AttemptOut.model_validate(attempt) for attempt in past]
        return cls(**DeliveryOut.of(one).model_dump(), past=told)


class GapOut(BaseModel):
    """Days that a source could not give."""

    model_config = ConfigDict(from_attributes=True)

    first: date
    last: date
    why: str
    lost: bool


class AnswerOut(BaseModel):
    """What a source said when it was asked."""

    model_config = ConfigDict(from_attributes=True)

    source: str
    at: datetime
    announced: int
    new: int
    revised: int
    skipped: int
    error: str
    quiet: str | None
    gaps: list[GapOut]
    covered: date | None


class SourceOut(AnswerOut):
    """The last answer of a source."""

    succeeded: datetime | None

    @classmethod
    def of(cls, one: Answered) -> "SourceOut":
        """As it is shown."""
        return cls(**AnswerOut.model_validate(one.fetched).model_dump(), succeeded=one.succeeded)


class RunOut(BaseModel):
    """A run that asked sources, and what became of the deliveries that it planned."""

    at: datetime
    answers: list[AnswerOut]
    deliveries: dict[DeliveryStatus, int]

    @classmethod
    def of(cls, one: Past) -> "RunOut":
        """As it is shown."""
        answers = [AnswerOut.model_validate(answer) for answer in one.answers]
        return cls(at=one.at, answers=answers, deliveries=dict(one.deliveries))


class Started(BaseModel):
    """Whether a run begins now; else one is under way."""

    started: bool


class Sent(BaseModel):
    """What the mail server answered."""

    reply: str


class StatusOut(BaseModel):
    """The state of the newsletter."""

    papers: int
    subscribers: Mapping[SubscriberStatus, int]
    deliveries: Mapping[DeliveryStatus, int]
    alarms: list[str]
    needs_attention: bool


class SpellingOut(BaseModel):
    """A way in which papers write something."""

    model_config = ConfigDict(from_attributes=True)

    text: str
    papers: int


class KeywordOut(BaseModel):
    """What one keyword does."""

    model_config = ConfigDict(from_attributes=True)

    keyword: str
    verdict: str
    papers: int
    per_week: float
    noise: float
    spellings: list[SpellingOut]
    near: list[SpellingOut]
    inside_words: list[SpellingOut]
    same_as: str | None
    within: str | None
    share: float
    kept_out: list[str]


class CheckOut(BaseModel):
    """What keywords find in the papers of the last weeks."""

    papers: int
    weeks: float
    wanted: int
    room: int
    keywords: list[KeywordOut]

    @classmethod
    def of(cls, one: Checked) -> "CheckOut":
        """As it is shown."""
        found = one.diagnosis
        reports = [KeywordOut.model_validate(report) for report in found.keywords]
        return cls(papers=found.papers, weeks=found.weeks, wanted=found.wanted, room=one.room, keywords=reports)


class SuggestedOut(BaseModel):
    """A keyword to try."""

    keyword: str
    papers: int
    per_week: float


class SuggestionsOut(BaseModel):
    """Keywords to try, the most telling first."""

    keywords: list[SuggestedOut]
    papers: list[str]
    unknown: list[str]

    @classmethod
    def of(cls, one: Suggestions) -> "SuggestionsOut":
        """As it is shown."""
        drawn = [
            SuggestedOut(keyword=format_keyword(each.keyword), papers=each.favourites, per_week=each.per_week)
            for each in one.keywords
        ]
        return cls(keywords=drawn, papers=[paper.key for paper in one.favourites], unknown=list(one.unknown))


class EventOut(BaseModel):
    """What came back from an address, and what was decided."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    email: str | None
    kind: str
    source: str
    code: str
    note: str
    decision: str
    slot: date | None


class HealthOut(BaseModel):
    """How a source is."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    health: Health
    since: datetime | date | None
    succeeded: datetime | None
    per_day: float
    gaps: list[GapOut]
    next_at: datetime | None
    error: str
