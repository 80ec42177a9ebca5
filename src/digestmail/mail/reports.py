"""What a message that came back, or came in, can say. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is known of an address after a message, an answer of a mail server, or a word of the operator."""

    #: refused for good, because of the address
    HARD = "hard bounce"
    #: refused because of the mailbox, its server, or the way to it
    SOFT = "soft bounce"
    #: refused because of who we are or what we send: not the reader's fault
    BLOCKED = "blocked"
    #: not refused: a server is still trying
    DELAYED = "delayed"
    #: refused because of the address, by the server that we hand our mail to
    REJECTED = "rejected"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    #: says which papers of an issue the reader wants more of, less of, or keeps
    FEEDBACK = "feedback"
    #: an out-of-office or another machine's answer
    AUTOMATIC = "automatic reply"
    #: by a person
    REPLY = "reply"
    #: a report of something that needs nothing: delivered, relayed, "this is no spam"
    NOTICE = "notice"
    #: a mail system says something that nobody understands
    UNCLEAR = "unclear report"
    #: said by who runs the newsletter
    OPERATOR = "operator"


#: an issue that one of these tells of has not arrived
UNDELIVERED = (Kind.HARD, Kind.SOFT, Kind.BLOCKED, Kind.DELAYED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One thing that a message says about one recipient."""

    kind: Kind
    #: whom it names, the best first: as we wrote the address, then as the last server knows it. Anybody can write that
    addresses: tuple[str, ...] = ()
    #: enhanced status code (RFC 3463), else a reply code
    code: str = ""
    #: one line in the words of who reports
    note: str = ""
    #: what is asked for papers, by their numbers in the issue: ``("more", 3)``
    wishes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message, understood."""

    #: SHA-256 of its text, the same however its lines end
    digest: str
    #: what may be tokens of ours, the most trustworthy place first
    tokens: tuple[str, ...] = ()
    #: of what it returns or answers
    message_ids: tuple[str, ...] = ()
    #: one report at least
    reports: tuple[Report, ...]
