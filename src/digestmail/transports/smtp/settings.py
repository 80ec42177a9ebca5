"""What a transport is told about a server: how to reach it, and how long to wait for it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """A mail server and how to reach it.

    ``tls`` is ``starttls`` (encrypts before anything is sent, or gives up), ``implicit`` (TLS from the first byte) or
    ``none``. Certificates are verified against the system's authorities, or those in ``ca_file`` (PEM).
    """

    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    #: its share of the messages, beside those of other relays
    weight: float = 1.0
    #: how many messages may be under way at once at most
    connections: int = 4

    def __str__(self) -> str:
        """What errors call it."""
        return f"smtp {self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds until a phase must be over, all of it (RFC 5321 §4.5.3.2; a relay of one's own greets within a minute).

    Shortening ``dot`` makes duplicates: a server that is slow to answer it has accepted the message all the same.
    """

    connect: float = 30.0
    tls: float = 60.0
    greeting: float = 60.0
    #: EHLO, AUTH, RSET, MAIL and RCPT, each
    command: float = 300.0
    #: NOOP: a kept connection that does not answer is replaced, and nothing is lost
    noop: float = 10.0
    data: float = 120.0
    body: float = 180.0
    dot: float = 600.0
    #: all of saying goodbye
    quit: float = 3.0

    def until_dot(self, seconds: float) -> "Deadlines":
        """The same ``seconds`` for each phase before the dot."""
        return Deadlines(
            connect=seconds,
            tls=seconds,
            greeting=seconds,
            command=seconds,
            data=seconds,
            body=seconds,
            dot=self.dot,
            noop=min(seconds, self.noop),
            quit=min(seconds, self.quit),
        )
