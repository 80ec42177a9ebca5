"""The application: one module per use case. Knows sources and transports by their protocols only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Literal

from digestmail.mail.tokens import Tokens
from digestmail.model import Cadence, Gate, MailingList, Profile
from digestmail.protocols import Clock, Enricher, Source, Transport
from digestmail.rendering.compile import Templates
from digestmail.storage.store import Store

#: told of long work: what is going on, how many are done, how many there are
Progress = Callable[[str, int, int], None]


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Nobody is watching."""


def unsigned(content: bytes) -> bytes:
    """The message as it is: there is no key, or the relay signs."""
    return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a person asks for: a subscriber before there is one."""

    email: str
    profile: Profile = field(default_factory=Profile)
    cadence: Cadence = field(default_factory=Cadence)
    timezone: str = "UTC"
    max_papers: int | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How issues are made."""

    max_papers: int = 10
    #: a paper is a candidate for this many days after it was first seen
    max_age_days: int = 7
    #: for those who name none when they subscribe
    gate: Gate = Gate.NORMAL
    #: whether a day without papers sends a short note
    send_empty: bool = False
    #: whether readers are told what became of papers that they have
    followups: bool = False
    #: the template of issues
    template: str = "issue"
    #: an issue is due from this local time of the subscriber on
    at: time = time(0, 0)
    #: what becomes of a delivery of which nobody knows whether it was accepted: tried once more, or left to a person
    on_ambiguous: Literal["resend", "hold"] = "resend"
    #: a delivery that was deferred for so long has failed
    expires_after: timedelta = timedelta(days=5)
    #: this many issues that bounce softly within so many days suppress
    soft_limit: int = 5
    soft_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Newsletter:
    """Everything a use case needs, put together by ``wiring``."""

    mailing_list: MailingList
    rules: Rules
    store: Store
    sources: tuple[Source, ...]
    #: read only when no other source answered, and only until the corpus holds live papers
    fallbacks: tuple[Source, ...] = ()
    #: indexes of publications, asked about papers that are there
    enrichers: tuple[Enricher, ...] = ()
    transport: Transport
    templates: Templates
    #: makes and reads the tokens in links and return paths
    tokens: Tokens
    #: puts signatures on a finished message (DKIM)
    sign: Callable[[bytes], bytes] = unsigned
    #: subscriptions kept in the config file
    subscriptions: tuple[Subscription, ...] = ()
    clock: Clock
    new_id: Callable[[], str]
    progress: Progress = no_progress
