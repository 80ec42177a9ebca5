"""What goes over the wire. Field names are those of config.yaml and of ``--json``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Annotated, Generic, TypeVar
from zoneinfo import available_timezones

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from digestmail.errors import InputError
from digestmail.mail.links import ascii_address
from digestmail.model import Attempt, AttemptEvent, Delivery, DeliveryStatus, Gate, Paper, Subscriber, SubscriberStatus
from digestmail.model import Cadence as CadenceOf
from digestmail.newsletter import Newsletter, Subscription
from digestmail.newsletter.overview import Answered, Past
from digestmail.ranking.profile import MAX_KEYWORDS, format_keywords, parse_keywords
from digestmail.rendering.language import languages, parse_language

T = TypeVar("T")

_LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
_LONGEST_KEYWORD = 500


def _checked(check: Callable[[str], object]) -> AfterValidator:
    """What ``check`` refuses is refused with its reason."""

    def validate(value: str) -> str:
        try:
            check(value)
        except InputError as error:
            raise ValueError(str(error)) from None
        return value

    return AfterValidator(validate)


@cache
def _timezones() -> set[str]:
    return available_timezones()


def _timezone(text: str) -> None:
    if text not in _timezones():
        raise InputError(f"unknown time zone {text!r}: an IANA name such as Europe/Berlin")


def address(text: str) -> str:
    """An address, normalised. Raises AddressError."""
    return ascii_address(text.strip())


def _iso_date(value: object) -> object:
    # pydantic would take "0" for a day in 1970
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("a date such as 2026-06-30 is wanted")
    return value


Day = Annotated[date, BeforeValidator(_iso_date)]
Address = Annotated[str, Field(max_length=_LONGEST_ADDRESS, json_schema_extra={"format": "email"}), _checked(address)]
AddressInPath = Annotated[str, Path(max_length=_LONGEST_ADDRESS, description="The address of a subscriber.")]
Number = Annotated[int, Path(ge=1, le=2**62, description="The number of a delivery.")]
PageNumber = Annotated[int, Query(ge=1, le=10_000, description="Which page, from 1 on.")]
PageSize = Annotated[int, Query(ge=1, le=100, description="How many on a page.")]
Words = Annotated[str, Query(max_length=200)]
Keywords = Annotated[
    list[Annotated[str, Field(max_length=_LONGEST_KEYWORD)]],
    Field(max_length=MAX_KEYWORDS, description="What to look for, in the syntax of config.yaml."),
]
Cadence = Annotated[
    str,
    _checked(CadenceOf.parse),
    WithJsonSchema({"type": "string", "pattern": "^(daily|weekdays|weekly(:(mon|tue|wed|thu|fri|sat|sun))?)$"}),
]
Timezone = Annotated[str, Field(max_length=64, examples=["Europe/Berlin"]), _checked(_timezone)]
Language = Annotated[str, _checked(parse_language), WithJsonSchema({"type": "string", "enum": list(languages())})]


class Body(BaseModel):
    """What a request carries: nothing but the fields it knows."""

    model_config = ConfigDict(extra="forbid", strict=False)


class ProfileIn(Body):
    """What to look for."""

    keywords: Keywords = []
    gate: Gate | None = None


class SubscriptionIn(ProfileIn):
    """What somebody is to get."""

    cadence: Cadence = "daily"
    timezone: Timezone = "UTC"
    max_papers: Annotated[int, Field(ge=1, le=100)] | None = None
    language: Language | None = None

    def subscription(self, email: str, newsletter: Newsletter) -> Subscription:
        """As the application has it. Raises ProfileError."""
        return Subscription(
            email=email,
            profile=replace(parse_keywords(self.keywords), gate=self.gate or newsletter.rules.gate),
            cadence=CadenceOf.parse(self.cadence),
            timezone=self.timezone,
            max_papers=self.max_papers,
            language=self.language,
        )


class NewSubscriber(SubscriptionIn):
    """Somebody new."""

    email: Address


class CheckIn(Body):
    """Keywords to look at."""

    keywords: Annotated[Keywords, Field(min_length=1)]
    weeks: Annotated[int, Field(ge=1, le=52)] = 4


class DecisionIn(Body):
    """What becomes of a delivery that waits."""

    decision: Annotated[str, Field(pattern="^(sent|again|drop)$", description="`sent`, `again` or `drop`.")]


class TrialIn(Body):
    """A test message."""

    to: Address
    reader: Annotated[Address | None, Field(description="Whose next issue; by default the first subscriber's.")] = None


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
        same = ("id", "slot", "status", "generation", "attempts", "ambiguous", "code", "note", "planned_at")
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
    same_as: str | None
    within: str | None


class CheckOut(BaseModel):
    """What keywords find in the papers of the last weeks."""

    papers: int
    weeks: float
    wanted: int
    room: int
    keywords: list[KeywordOut]
