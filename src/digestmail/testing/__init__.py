"""Doubles for tests of code that uses digestmail: a clock, a source and a transport that live in memory."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from digestmail.calendars import Calendar
from digestmail.errors import DeliveryAmbiguous, SourceError, TransportError
from digestmail.model import Envelope, Inquiry
from digestmail.protocols import Commit, Entry


class FixedClock:
    """A clock that moves only when told."""

    def __init__(self, now: datetime = datetime(2026, 6, 30, 7, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time it is set to."""
        return self.now

    def advance(self, **how_far: float) -> None:
        """Move on, in the words of ``timedelta``: ``clock.advance(days=1)``."""
        self.now += timedelta(**how_far)


class ListSource:
    """A source that yields what it is given, then raises ``error`` if there is one. ``asked`` keeps the inquiries."""

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        *,
        name: str = "list",
        error: SourceError | None = None,
        calendar: Calendar | None = None,
    ) -> None:
        self.name = name
        self.calendar = calendar
        self.entries = list(entries)
        self.error = error
        self.asked: list[Inquiry] = []

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:
        """Yield the entries."""
        self.asked.append(inquiry)
        yield from self.entries
        if self.error:
            raise self.error


class MemoryTransport:
    """A transport that keeps messages by Message-ID. ``failures`` are raised first, one per message, in order."""

    lanes = 4

    def __init__(self, failures: Iterable[TransportError] = ()) -> None:
        self.messages: dict[str, Envelope] = {}
        self.failures = list(failures)
        self.closed = 0

    async def ready(self) -> None:
        """Always."""

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        """Keep the message."""
        if self.failures and not isinstance(self.failures[0], DeliveryAmbiguous):
            raise self.failures.pop(0)
        await commit()
        if self.failures:
            raise self.failures.pop(0)
        self.messages[envelope.message_id] = envelope
        return f"kept {envelope.message_id}"

    async def close(self) -> None:
        """Count the calls."""
        self.closed += 1
