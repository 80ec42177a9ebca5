"""Doubles for tests of code that uses digestmail: a clock, a source and a transport that live in memory."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from digestmail.errors import SourceError, TransportError
from digestmail.model import Envelope, Paper, SkippedEntry
from digestmail.protocols import Commit


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
    """A source that yields what it is given, then raises ``error`` if there is one."""

    def __init__(
        self, entries: Iterable[Paper | SkippedEntry] = (), *, name: str = "list", error: SourceError | None = None
    ) -> None:
        self.name = name
        self.entries = list(entries)
        self.error = error

    def fetch(self, today: date) -> Iterator[Paper | SkippedEntry]:  # noqa: ARG002 - the same every day
        """Yield the entries."""
        yield from self.entries
        if self.error:
            raise self.error


class MemoryTransport:
    """A transport that keeps messages by Message-ID. ``failures`` are raised first, one per message, in order."""

    def __init__(self, failures: Iterable[TransportError] = ()) -> None:
        self.messages: dict[str, Envelope] = {}
        self.failures = list(failures)
        self.closed = 0

    @property
    def lanes(self) -> int:
        """One after the other."""
        return 1

    async def ready(self) -> None:
        """At any time."""

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        """Keep the message."""
        if self.failures:
            raise self.failures.pop(0)
        await commit()
        self.messages[envelope.message_id] = envelope
        return f"kept {envelope.message_id}"

    async def close(self) -> None:
        """Count the calls."""
        self.closed += 1
