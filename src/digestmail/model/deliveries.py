"""Issues on their way: messages, states, attempts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from digestmail.model.issues import Lull, RankedPaper, Receipt
from digestmail.model.readers import Subscriber
from digestmail.model.sources import Change


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


class DeliveryKind(StrEnum):
    ISSUE = "issue"
    #: asks somebody whether they want to be on the list
    CONFIRM = "confirm"
    #: tells somebody who asked again that they are on the list
    REMINDER = "reminder"


#: what is about a subscription and brings no papers; each has a template of its name
LETTERS = (DeliveryKind.CONFIRM, DeliveryKind.REMINDER)
#: for so long a confirmation is good, and letters are tried
LETTER_LIFE = timedelta(hours=48)


class Planned(NamedTuple):
    """What an issue is rendered from."""

    #: as they were when it was planned, but for address and status
    subscriber: Subscriber
    #: as they were when it was planned
    papers: tuple[RankedPaper, ...]
    receipt: Receipt
    #: what it tells of papers that were sent before, and why it has none of its own
    followups: tuple[Change, ...] = ()
    lull: Lull | None = None


@dataclass(frozen=True, kw_only=True)  # no slots: the plan is kept once it was read
class Delivery:
    """A message on its way, an issue unless ``kind`` says otherwise, with the plan it is rendered from."""

    id: int
    kind: DeliveryKind = DeliveryKind.ISSUE
    #: where it goes
    email: str
    slot: date
    status: DeliveryStatus
    planned_at: datetime
    #: reads the plan. That costs more than all else that happens to a delivery but rendering and sending
    read: Callable[[], Planned] = field(repr=False, compare=False)
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
    #: XXH3 (128 bits, hex) of the content of the last attempt that came as far as that. For 40 KB it takes 0.3 us,
    #: SHA-256 20 (52 without instructions of its own), and nobody gains by a change that it does not see
    digest: str | None = None
    next_at: datetime | None = None
    settled_at: datetime | None = None
    #: the last answer of the transport: its status code, if any, and its words; or why nothing was sent
    code: str = ""
    note: str = ""

    @property
    def is_letter(self) -> bool:
        """Whether it goes to somebody about their subscription, and brings no papers."""
        return self.kind in LETTERS

    @cached_property
    def plan(self) -> Planned:
        """The plan; it is read when it is first asked for."""
        return self.read()

    @property
    def subscriber(self) -> Subscriber:
        """Who gets it."""
        return self.plan.subscriber

    @property
    def papers(self) -> tuple[RankedPaper, ...]:
        """What it brings, in order."""
        return self.plan.papers

    @property
    def receipt(self) -> Receipt:
        """How its papers were chosen."""
        return self.plan.receipt

    @property
    def followups(self) -> tuple[Change, ...]:
        """What it tells of papers that were sent before."""
        return self.plan.followups

    @property
    def lull(self) -> Lull | None:
        """Why it has no papers of its own."""
        return self.plan.lull


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
