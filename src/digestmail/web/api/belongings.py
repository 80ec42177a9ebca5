"""What an answer carries that has all that is kept about somebody, as ``farewell.everything`` gives it."""

from datetime import date, datetime

from pydantic import BaseModel

from digestmail.model import DeliveryStatus, Gate, SubscriberStatus


class KeptPaper(BaseModel):
    """A paper in what is kept about somebody."""

    key: str
    title: str
    url: str | None
    authors: list[str]


class SavedPaper(KeptPaper):
    """One that they have saved."""

    saved_at: datetime


class SentPaper(KeptPaper):
    """One that they were sent."""

    score: float
    matched: list[str]


class KeptIssue(BaseModel):
    """An issue of theirs."""

    day: date
    status: DeliveryStatus
    papers: list[SentPaper]


class KeptEvent(BaseModel):
    """What came back from their address."""

    at: datetime
    kind: str
    decision: str
    note: str


class EverythingOut(BaseModel):
    """All that is kept about a subscriber."""

    newsletter: str
    email: str
    status: SubscriberStatus
    subscribed_at: datetime
    paused_until: date | None
    keywords: list[str]
    gate: Gate
    cadence: str
    timezone: str
    language: str | None
    max_papers: int | None
    liked: list[KeptPaper]
    disliked: list[KeptPaper]
    saved: list[SavedPaper]
    issues: list[KeptIssue]
    events: list[KeptEvent]
