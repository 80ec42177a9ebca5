"""What the application asks of its adapters. Each docstring is the promise an adapter must keep."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Protocol

from digestmail.model import Envelope, Paper, SkippedEntry

#: Gives the present as an aware UTC datetime.
Clock = Callable[[], datetime]


class Source(Protocol):
    """Brings papers in."""

    #: what reports call it, unique in one configuration: ``huggingface``, ``page:samples/daily-papers.txt``
    name: str

    def fetch(self, today: date) -> Iterator[Paper | SkippedEntry]:
        """Yield what the source announces up to ``today``, in any order.

        Repeats are harmless: papers already known are told apart by their key. An entry that cannot be read is yielded
        as a ``SkippedEntry`` and the rest goes on. What was yielded before an error is kept.

        Raises SourceUnavailable when the source does not answer and SourceFormatError when it answers something else
        than its format.
        """
        ...


class Transport(Protocol):
    """Takes messages out."""

    def send(self, envelope: Envelope) -> str:
        """Hand over one message and return the reply (one line).

        Returning means the message is safe on the other side. Handing over the same Message-ID again must not harm: a
        transport that can see that it has the message returns as if it had just taken it.

        Raises DeliveryDeferred or DeliveryRejected about this message, TransportUnavailable when no message can go out
        now.
        """
        ...

    def close(self) -> None:
        """Give back connections. Calling it twice, or without ``send``, does nothing."""
        ...
