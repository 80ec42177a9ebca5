"""What requests carry. Field names are those of config.yaml; what is wrong is refused with its place."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Annotated, Self
from zoneinfo import available_timezones

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from digestmail.errors import InputError
from digestmail.mail.links import ascii_address
from digestmail.model import Cadence as CadenceOf
from digestmail.model import Gate
from digestmail.newsletter import Newsletter, Subscription
from digestmail.newsletter.feedback import Kind
from digestmail.ranking.profile import MAX_KEYWORDS, parse_keywords
from digestmail.rendering.language import languages, parse_language

_LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
_LONGEST_IN_PATH = 64 + 1 + 255  # the parts of an address, by themselves: what is too long together is told as such
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


def _no_truth(value: object) -> object:
    # pydantic would take true for 1
    if isinstance(value, bool):
        raise ValueError("a whole number is wanted")  # noqa: TRY004 - the error that pydantic tells
    return value


Whole = Annotated[int, BeforeValidator(_no_truth)]
Day = Annotated[date, BeforeValidator(_iso_date)]
Address = Annotated[str, Field(max_length=_LONGEST_ADDRESS, json_schema_extra={"format": "email"}), _checked(address)]
AddressInPath = Annotated[
    str,
    Path(max_length=_LONGEST_IN_PATH, description="The address of a subscriber.", examples=["reader@example.org"]),
]
Number = Annotated[int, Path(ge=1, le=2**62, description="The number of a delivery.")]
PageNumber = Annotated[int, Query(ge=1, le=10_000, description="Which page, from 1 on.")]
PageSize = Annotated[int, Query(ge=1, le=100, description="How many on a page.")]
Words = Annotated[str, Query(max_length=200)]
PaperName = Annotated[str, Field(min_length=1, max_length=500, examples=["arxiv:2606.00001"])]
PaperReference = Annotated[
    str,
    Query(
        min_length=1,
        max_length=500,
        description="A key, an arXiv id or URL, a DOI, the link of its page, or the whole title.",
        examples=["arxiv:2606.00001"],
    ),
]
Keywords = Annotated[
    list[Annotated[str, Field(max_length=_LONGEST_KEYWORD)]],
    Field(
        max_length=MAX_KEYWORDS,
        description="What to look for, in the syntax of config.yaml.",
        examples=[["quantization^2", "-survey"]],
    ),
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
    max_papers: Annotated[Whole, Field(ge=1, le=100)] | None = None
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
    weeks: Annotated[Whole, Field(ge=1, le=52)] = 4


class DecisionIn(Body):
    """What becomes of a delivery that waits."""

    decision: Annotated[str, Field(pattern="^(sent|again|drop)$", description="`sent`, `again` or `drop`.")]


class TrialIn(Body):
    """A test message."""

    to: Address
    reader: Annotated[Address | None, Field(description="Whose next issue; by default the first subscriber's.")] = None


class PauseIn(Body):
    """A pause."""

    until: Annotated[
        Day,
        Field(
            description="No issue before this day, where the subscriber is; 92 days at most.", examples=["2026-07-15"]
        ),
    ]


class OpinionIn(Body):
    """What a subscriber thinks of a paper."""

    paper: PaperName
    opinion: Kind | None = None


class NoteIn(Body):
    """Why, for those who read the events later."""

    note: Annotated[str, Field(max_length=200)] = ""


class SuggestIn(Body):
    """Papers to learn from: these, and those that `reader` likes."""

    reader: Address | None = None
    papers: Annotated[list[PaperName], Field(max_length=200)] = []
    weeks: Annotated[Whole, Field(ge=1, le=52)] = 4
    limit: Annotated[Whole, Field(ge=1, le=100)] = 10


class SimulationIn(Body):
    """A profile, and perhaps another one to compare it with."""

    reader: Annotated[Address | None, Field(description="Whose; by default the first subscriber's.")] = None
    keywords: Annotated[Keywords, Field(description="Instead of the reader's own.")] = []
    days: Annotated[Whole, Field(ge=1, le=366)] = 14
    add: Annotated[Keywords, Field(description="Compare: with these, too.")] = []
    drop: Annotated[Keywords, Field(description="Compare: without these.")] = []
    instead: Annotated[Keywords, Field(description="Compare: with these alone.")] = []

    @model_validator(mode="after")
    def _one_other(self) -> Self:
        if self.instead and (self.add or self.drop):
            raise ValueError("instead is the whole other profile: it stands without add and drop")
        return self
