"""A message from anybody, taken apart within limits. Pure.

The parser of the standard library is exact but trusting: its time grows with depth times lines and with the square of a
header's length, and it raises what it likes. So it gets the beginning of the message only, which holds all that reports
say, with short headers and few parts.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32, Policy

from digestmail.errors import InputError

#: a longer message is not read at all
MAX_MESSAGE = 10_000_000
#: reports say what they say here; behind it is what they return
MAX_PARSED = 512 * 1024
_MAX_HEADER = 4000
_MAX_PARTS = 200
_MAX_BOUNDARIES = 20
_BOUNDARY = re.compile(rb"boundary[\s*\d]{0,9}=(?!3D)", re.IGNORECASE)
# what the standard library raises on charsets, quotes, addresses and nesting that it did not foresee
MANGLED = (AssertionError, AttributeError, LookupError, MessageError, RecursionError, TypeError, ValueError)
_ADDRESS = re.compile(r"[^\s<>()\[\]:;,@\\\"\x00-\x1f]{1,64}@[^\s<>()\[\]:;,@\\\"\x00-\x1f]{1,255}")


class _Limits(Compat32):
    """Headers are cut, and they are always text."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_MAX_HEADER]

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - the standard library's
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def parse(raw: bytes) -> Message:
    """The message. Raises InputError when it is too long, has too many parts, or cannot be taken apart."""
    if len(raw) > MAX_MESSAGE:
        raise InputError(f"longer than {MAX_MESSAGE:,} bytes")
    head = raw[:MAX_PARSED]
    if sum(1 for _ in _BOUNDARY.finditer(head)) > _MAX_BOUNDARIES:
        raise InputError("too many parts within parts")
    try:
        return BytesParser(_counting(), policy=_Limits()).parsebytes(head)
    except RecursionError as error:
        raise InputError("too many parts within parts") from error
    except MANGLED as error:
        raise InputError("not a message that can be read") from error


def _counting() -> Callable[..., Message]:
    made = 0

    def make(policy: Policy) -> Message:
        nonlocal made
        made += 1
        if made > _MAX_PARTS:
            raise InputError("too many parts")
        return Message(policy)

    return make


def header(message: Message, name: str) -> str:
    """A header as text, encoded words decoded (RFC 2047), on one line; empty when there is none."""
    value = str(message.get(name, ""))
    if "=?" in value:
        with suppress(*MANGLED):  # else it stays as it stands
            value = "".join(
                text.decode(charset or "ascii", "replace") if isinstance(text, bytes) else text
                for text, charset in decode_header(value)
            )
    return " ".join(value.split())


def parameter(message: Message, name: str) -> str:
    """A parameter of the Content-Type in lower case; empty when there is none."""
    try:
        value = message.get_param(name, "")
    except MANGLED:
        return ""
    return value.lower() if isinstance(value, str) else ""


def parts(message: Message, *types: str) -> Iterator[Message]:
    """All parts of these types, but none of the messages within: what is returned or forwarded speaks for itself."""
    if message.get_content_type() in types:
        yield message
    if message.get_content_maintype() == "multipart":
        for part in blocks(message):
            yield from parts(part, *types)


def blocks(part: Message) -> list[Message]:
    """What a part consists of: the groups of fields in a message/delivery-status or message/feedback-report."""
    # asked for the payload of a part that has none of these, it would decode it, and stumble over the charset
    payload = part.get_payload() if part.is_multipart() else []
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []


def words(message: Message) -> str:
    """The first text part that is not HTML, whatever its charset claims."""
    for part in parts(message, "text/plain"):
        try:
            payload = part.get_payload(decode=True)
        except MANGLED:
            continue
        if isinstance(payload, bytes):
            return payload.decode("utf-8", "replace")
    return ""


def addresses(text: str) -> tuple[str, ...]:
    """The addresses in a header or field, in their order, each once. Only plain ones (dot-atom, RFC 5322 §3.2.3)."""
    return tuple(dict.fromkeys(match.group().rstrip(".") for match in _ADDRESS.finditer(text[:_MAX_HEADER])))
