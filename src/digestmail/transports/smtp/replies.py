"""What a server says (RFC 5321 §4.2, RFC 3463), and what follows from it. Pure.

Who an error is about decides what becomes of it. What is said about one message or one reader defers or rejects that
message; what is said about us (the login, the sender address, policy) makes the server unavailable: the run pauses and
no reader is blamed. The enhanced code decides where there is one, the reply code elsewhere.
"""

import re
from datetime import timedelta
from typing import Literal, NamedTuple

from digestmail.errors import DeliveryDeferred, DeliveryRejected, TransportError, TransportUnavailable
from digestmail.text.clean import clean_line, shorten

#: What was asked when the reply came. ``message`` is the whole message, which the final dot ends.
Step = Literal["RSET", "MAIL", "RCPT", "DATA", "message"]

LONGEST_LINE = 2048  # RFC 5321 §4.5.3.1.5 allows 512
LONGEST_REPLY = 64 * 1024
MOST_LINES = 100
CLOSING = 421  # RFC 5321 §3.8: the server ends the connection, whatever it was asked
GO_AHEAD = 354
_SHOWN = 200
_OK, _TRANSIENT, _PERMANENT = 2, 4, 5  # first digits, RFC 5321 §4.2.1
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*?))?\r?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")
_NO_LOGIN = (530, 535)  # RFC 4954 §6
_NO_MAIL_HERE = 556  # RFC 7504 §3
_TOO_BIG = 552
_TOO_BIG_ENHANCED = ("5.2.3", "5.3.4")
_ABOUT_SENDER = ("5.1.7", "5.1.8")  # RFC 3463 §3.2: the sender's mailbox, the sender's system
_WAIT = re.compile(r"\b(?:in|after|for|within) (\d{1,6}) ?(s|m|h)(?:ec|in|econd|inute|our|r)?s?\b", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_WAIT = timedelta(hours=24)


class Reply(NamedTuple):
    """One reply, all its lines."""

    code: int
    lines: list[bytes]

    @property
    def ok(self) -> bool:
        """Whether what was asked is done (2yz)."""
        return self.code // 100 == _OK

    @property
    def refuses(self) -> bool:
        """Whether it says no (4yz, 5yz)."""
        return self.code // 100 in (_TRANSIENT, _PERMANENT)

    @property
    def enhanced(self) -> str:
        """The enhanced status code (``5.1.1``) at the beginning of its text, or nothing."""
        found = _ENHANCED.match(self.lines[0].decode(errors="replace")) if self.lines else None
        return found[0] if found else ""

    @property
    def status(self) -> str:
        """The enhanced code where there is one, else the reply code."""
        return self.enhanced or str(self.code)

    def __str__(self) -> str:
        """One line without control characters, at most 200 characters long."""
        enhanced = self.enhanced
        texts = [line.decode(errors="replace") for line in self.lines]
        # servers repeat the enhanced code in every line
        rest = [text.removeprefix(enhanced).lstrip() if enhanced else text for text in texts[1:]]
        return shorten(clean_line(" ".join([str(self.code), *texts[:1], *rest])), _SHOWN)


class Line(NamedTuple):
    """One line of a reply."""

    code: int
    last: bool
    text: bytes


def parse_line(line: bytes | bytearray) -> Line | None:
    """A line without its line feed; None when it is no line of a reply."""
    found = _LINE.fullmatch(line)
    return Line(int(found[1]), found[2] != b"-", bytes(found[3] or b"")) if found else None


def slows_down(reply: Reply) -> bool:
    """Whether the server asks for fewer messages at a time: it closes (421), or speaks of policy for now (4.7.z)."""
    for_now = reply.code // 100 == _TRANSIENT or reply.enhanced.startswith("4.")
    return reply.code == CLOSING or (for_now and reply.enhanced[1:4] == ".7.")


def wait_asked(reply: Reply) -> timedelta | None:
    """``try again in 5 minutes``, 24 hours at most; None when it names no time."""
    found = _WAIT.search(str(reply))
    if not found:
        return None
    return min(timedelta(seconds=int(found[1]) * _SECONDS[found[2].lower()]), _LONGEST_WAIT)


def refusal(step: Step, reply: Reply, relay: str) -> TransportError:
    """The error that a refusal (4yz, 5yz) of one step means."""
    why, status = f"{relay}: {step}: {reply}", reply.status
    if reply.code == CLOSING or status.startswith("4"):
        return DeliveryDeferred(why, code=status, retry_after=wait_asked(reply))
    if reply.code == _TOO_BIG or status in _TOO_BIG_ENHANCED:
        return DeliveryRejected(why, code=status)
    if step == "MAIL" or reply.code in _NO_LOGIN or status.startswith("5.7.") or status in _ABOUT_SENDER:
        return TransportUnavailable(why, code=status)
    return DeliveryRejected(why, code=status, about_address=status.startswith("5.1.") or status == str(_NO_MAIL_HERE))
