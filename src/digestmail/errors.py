"""Every error digestmail raises on purpose.

::

    DigestmailError
    ├── ConfigError            config.yaml cannot be used; carries every problem at once
    ├── TemplateError          a template cannot be used; names the file and the line
    ├── InputError             something a person gave us is wrong
    │   ├── AddressError       not an address mail can be sent to
    │   ├── ProfileError       a keyword cannot be read
    │   ├── FileFormatError    a file cannot be read; names the file and the line
    │   └── NotFoundError      no such subscriber, no such paper
    ├── SourceError            one source could not give its papers
    │   ├── SourceUnavailable  it did not answer; later may help
    │   └── SourceFormatError  it answered something else than it should
    ├── TooOften               somebody asks more often than anybody needs to
    ├── StoreError             the database cannot be used
    ├── LookupFailed           the DNS gave no answer
    ├── ClaimLost              another process has taken this delivery over
    ├── MessageError           a message cannot be built for one reader
    ├── MailboxUnavailable     the mailbox with the bounces does not answer; later may help
    └── TransportError         a message could not be handed over
        ├── TransportUnavailable  nothing can go out now; later may help
        ├── DeliveryDeferred   this message was refused for now
        ├── DeliveryRejected   this message was refused for good
        └── DeliveryAmbiguous  this message was handed over or was not: nobody knows

Adapters translate: no exception of a library leaves the adapter that uses it, the original stays as ``__cause__``.
Loops catch one narrow family (``SourceError`` per source, ``DeliveryDeferred`` and ``DeliveryRejected`` per delivery),
never the base. Each shell maps them once.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path


class DigestmailError(Exception):
    """Base of all errors that are reported in one line instead of a traceback."""


class ConfigError(DigestmailError):
    """The configuration cannot be used. ``problems`` holds one finished line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class TemplateError(DigestmailError):
    """A template cannot be used; the message begins with ``file:line:``."""


class InputError(DigestmailError):
    """Something a person gave us is wrong."""


class AddressError(InputError):
    """Not an address that mail can be sent to."""


class ProfileError(InputError):
    """A keyword cannot be read; the message names it."""


class FileFormatError(InputError):
    """A file cannot be read. The message begins with the file and, where there is one, the line."""

    def __init__(self, path: Path | str, why: str, *, line: int | None = None) -> None:
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {why}")


class NotFoundError(InputError):
    """No such subscriber or paper."""


class TooOften(DigestmailError):  # noqa: N818 - it says what happened, and nothing is broken
    """Somebody asks more often than anybody needs to."""

    def __init__(self, why: str, wait: timedelta) -> None:
        """``wait`` is the time after which it may be asked again."""
        super().__init__(why)
        self.wait = wait


class SourceError(DigestmailError):
    """One source could not give its papers; the others go on."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"{source}: {why}")
        self.source = source
        self.why = why


class SourceUnavailable(SourceError):  # noqa: N818 - the state of the source is the name people look for
    """The source did not answer; a later run may succeed."""

    def __init__(self, source: str, why: str, *, retry_after: timedelta | None = None) -> None:
        """``retry_after`` is what the server asked for, when that is longer than anybody waits."""
        super().__init__(source, why)
        self.retry_after = retry_after


class SourceFormatError(SourceError):
    """The source answered something else than the format says."""


class MessageError(DigestmailError):
    """A message cannot be built for one reader, or does not read back as it was meant."""


class StoreError(DigestmailError):
    """The database cannot be opened, read or written."""


class MailboxUnavailable(DigestmailError):  # noqa: N818 - as above
    """The mailbox that messages come in to does not answer, or refuses us; later may help."""


class LookupFailed(DigestmailError):  # noqa: N818 - not an error of ours, and doctor goes on
    """The DNS gave no answer: neither that there is something nor that there is nothing."""


class ClaimLost(DigestmailError):  # noqa: N818 - it says what happened, and nothing is broken
    """Another process has taken this delivery over: what is not handed over yet must not be."""


class TransportError(DigestmailError):
    """A message could not be handed over.

    ``code`` is the status code of the answer, enhanced (RFC 3463) where there is one, else the reply code (RFC 5321
    §4.2), and empty when there was no answer.
    """

    def __init__(self, why: str, *, code: str = "") -> None:
        super().__init__(why)
        self.code = code


class TransportUnavailable(TransportError):  # noqa: N818 - as above
    """Nothing can go out now: the outbox is not writable, the server refuses connections. Later may help."""


class DeliveryDeferred(TransportError):  # noqa: N818 - RFC 3463 calls it so
    """This message was refused for now (SMTP 4yz), or the connection was lost before it could be accepted."""

    def __init__(self, why: str, *, code: str = "", retry_after: timedelta | None = None) -> None:
        """``retry_after`` is what the server asked for ("try again in 5 minutes")."""
        super().__init__(why, code=code)
        self.retry_after = retry_after


class DeliveryRejected(TransportError):  # noqa: N818 - as above
    """This message was refused for good (SMTP 5yz)."""

    def __init__(self, why: str, *, code: str = "", about_address: bool = False) -> None:
        """``about_address`` says that the address is at fault (5.1.x): it counts against it."""
        super().__init__(why, code=code)
        self.about_address = about_address


class DeliveryAmbiguous(TransportError):  # noqa: N818 - as above
    """The connection was lost after the final dot and before its reply (RFC 1047): accepted or not, nobody knows."""
