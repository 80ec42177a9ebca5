"""What the application asks of its adapters. Each docstring is the promise an adapter must keep."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from digestmail.calendars import Calendar
from digestmail.model import Covered, Envelope, Gap, Inquiry, Paper, Revision, SkippedEntry, Validators

#: Gives the present as an aware UTC datetime.
Clock = Callable[[], datetime]

#: Makes durable that what follows cannot be taken back. Raises ClaimLost when somebody else has taken over.
Commit = Callable[[], Awaitable[None]]


class State(StrEnum):
    """What ``digestmail doctor`` found."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    #: nobody looked, or nobody answered: never told as good
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    state: State
    #: what was looked at, in a word or two
    name: str
    found: str
    #: what to do about it
    advice: str = ""


#: Looks at one part of the house; changes and sends nothing. May raise DigestmailError, which counts as failed.
Probe = Callable[[], Iterable[Check]]

#: The records of a name and a type (``TXT``, ``MX`` …) in the DNS, as text; may be none. Raises LookupFailed.
Lookup = Callable[[str, str], tuple[str, ...]]


#: what a source says
Entry = Paper | Revision | SkippedEntry | Gap | Covered | Validators


class Source(Protocol):
    """Brings papers in."""

    #: what reports call it, unique in one configuration: ``huggingface``, ``page:samples/daily-papers.txt``
    name: str

    @property
    def calendar(self) -> Calendar | None:
        """When it announces something; None when nobody knows."""
        ...

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:
        """Yield what the source announces up to ``inquiry.now``, in any order.

        Repeats are harmless: papers already known are told apart by their identities. An entry that cannot be read is
        yielded as a ``SkippedEntry`` and the rest goes on. What was yielded before an error is kept.

        ``inquiry.since`` asks for the announcements of earlier days as well. A source that does not have them, or not
        all of them, yields a ``Gap`` for the days that it cannot give. One that knows its days ends with ``Covered``;
        an empty answer where there should be papers covers nothing.

        An address that has not changed since ``inquiry.validators`` yields nothing. ``Validators`` are yielded after
        the papers of their address: they are stored only together with these, and only when no error is raised.

        Raises SourceUnavailable when the source does not answer and SourceFormatError when it answers something else
        than its format.
        """
        ...


class Enricher(Protocol):
    """Knows more about papers that are there."""

    #: what reports call it: ``openalex``
    name: str

    def enrich(self, papers: Sequence[Paper]) -> Iterator[Revision | SkippedEntry]:
        """Yield those of the papers about which it knows more, with the facts that it knows.

        Raises SourceUnavailable and SourceFormatError; nothing depends on it.
        """
        ...


class Transport(Protocol):
    """Takes messages out.

    All calls come from one event loop. Up to ``lanes`` calls of ``send`` are under way at once.
    """

    @property
    def lanes(self) -> int:
        """How many messages may be under way at once at most."""
        ...

    async def ready(self) -> None:
        """Return when another message can be taken now.

        Rate limits and servers that ask to slow down make callers wait here, before they claim anything.

        Raises TransportUnavailable when nothing can go out.
        """
        ...

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        """Hand over one message and return the reply (one line).

        Awaits ``commit()`` exactly once on the way to success, after everything that can be taken back and right before
        what cannot: the final dot, the name of a file. What ``commit`` raises passes through, and then nothing was
        handed over. No ``commit`` means that nothing was handed over, either.

        Returning means the message is safe on the other side. Handing over the same Message-ID again must not harm: a
        transport that can see that it has the message returns as if it had just taken it.

        A cancelled ``send`` ends at once. Whether the message was handed over is then as unknown as after a crash.

        Raises DeliveryDeferred, DeliveryRejected or DeliveryAmbiguous about this message, TransportUnavailable when no
        message can go out now.
        """
        ...

    async def close(self) -> None:
        """Give back connections; those that are idle are ended politely. Twice, or without ``send``, it does nothing.

        A later ``send`` works again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that came in."""

    #: what reports call it: a file name, ``message 4711``
    name: str
    #: empty when it could not be read
    content: bytes
    #: why it could not be read
    problem: str = ""


class Mailbox(Protocol):
    """Where messages come in."""

    #: ``file``, ``stdin``, ``maildir``, ``imap``
    name: str

    def letters(self) -> Iterator[Letter]:
        """Yield the messages that are not done, each once; one that cannot be read, as a letter with its problem.

        Raises InputError when there is no such mailbox, and MailboxUnavailable when it does not answer.
        """
        ...

    def done(self, letter: Letter, *, look: bool) -> None:
        """Mark one as done, so that the next call does not yield it. Nothing is deleted.

        ``look`` marks it for a person to look at, where the mailbox has a mark for that.
        """
        ...
