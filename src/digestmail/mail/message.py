"""An issue in words becomes the bytes of one message. Pure: same arguments, same bytes.

The bytes are written here and read back with the standard library, so that two independent hands agree on every
message. They are not written with ``email.message.EmailMessage``: its folding turns a long List-Unsubscribe or
Message-ID into encoded words that no client undoes, what it writes changes between Python releases, while a retried
delivery must be the same bytes, and it takes 3 to 6 ms for an issue of ten papers.

What is the same in many messages, the headers of the list, a subject, a piece of a body (``text.quoted``), is written
and read back once and kept. Of the rest only addresses, dates, ids and links are left, which follow one short grammar.
At last the names in the whole head are counted: it holds the headers of ``_Shared.names`` and no other.
"""

import base64
import hashlib
import hmac
import re
import textwrap
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from email import message_from_string
from email.header import decode_header, make_header
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import NamedTuple

from digestmail.errors import MessageError
from digestmail.mail.encoded_words import encoded_words
from digestmail.mail.links import Routes, ascii_address, is_public, mailto, plain_routes
from digestmail.model import DeliveryKind, Encoded, Envelope, Issue, MailingList, Rendered, Subscriber
from digestmail.text.clean import clean_line
from digestmail.text.quoted import ended, quoted

_LINE = 76  # RFC 2047 §2: a line that holds an encoded word
_PLAIN = 60  # ASCII text up to here fits in one line beside any header name used here
_LONGEST_LINE = 998  # RFC 5322 §2.1.1
_ID_LENGTH, _ID_BITS = 26, 130  # base32 digits, and what they hold
_LABEL = 63  # RFC 1035 §2.3.4; a List-Id ends at 255 (RFC 2919 §3)
_NOT_LABEL = re.compile(r"[^a-z0-9]+")
_SENDER_ID = 12  # Gmail's Feedback-ID wants 5 to 15 characters
_STREAM = 40
_KEPT_LISTS, _KEPT_SUBJECTS = 64, 4096
_ADDRESS, _ID = r"[!-~]+@[a-z0-9.-]+", rf"<[a-z2-7]{{{_ID_LENGTH}}}@[a-z0-9.-]+>"
# byte for byte what RFC 8058 §3.1 says, and only beside a link that takes the request
_ONE_CLICK = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_URI = r"[!-;=?-~]{1,900}"
# the headers that differ from message to message, but for the subject
_OWN = re.compile(
    rf"To: {_ADDRESS}\r\n"
    rf"Date: \w{{3}}, \d\d \w{{3}} \d{{4}} \d\d:\d\d:\d\d [+-]\d{{4}}\r\nMessage-ID: {_ID}\r\n"
    rf"List-Unsubscribe: (?:<https:{_URI}>,\r\n <mailto:{_URI}>\r\n{_ONE_CLICK}|<mailto:{_URI}>\r\n)"
    rf'Content-Type: multipart/alternative;\r\n boundary="=_[a-z2-7]{{{_ID_LENGTH}}}"\r\n',
    re.ASCII,
)
_OF_LETTERS = ("Reply-To", "Auto-Submitted", "MIME-Version")
_PATH = re.compile(_ADDRESS, re.ASCII)
_NAMES = re.compile(r"\n([^\s:]+):")  # half the time of looking for line starts


def message_id(
    mailing_list: MailingList,
    subscriber: Subscriber,
    slot: date,
    generation: int = 0,
    kind: DeliveryKind = DeliveryKind.ISSUE,
) -> str:
    """The Message-ID of a slot (RFC 5322 §3.6.4), with its angle brackets; the same on every attempt.

    26 base32 digits of HMAC-SHA256 over the sender's address, the slot, the generation and the kind, keyed with the
    subscriber's uid: it tells nothing about the reader and differs between readers, days, senders, kinds and issues
    that are asked for anew. Raises AddressError.
    """
    sender = ascii_address(mailing_list.sender_address)
    # the first issue keeps the id it had before there were generations and letters
    rest = (f"|{generation}" if generation else "") + ("" if kind is DeliveryKind.ISSUE else f"|{kind}")
    digest = hmac.digest(subscriber.uid.encode(), f"{sender}|{slot.isoformat()}{rest}".encode(), hashlib.sha256)
    return f"<{_digits(digest)}@{sender.rpartition('@')[2]}>"


_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 §6, in lower case
# two digits at a time: the standard library takes five times as long
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]
_SHIFTS = range(_ID_BITS - 10, -1, -10)


def _digits(digest: bytes) -> str:
    """The first 130 bits of a digest as 26 digits."""
    number = int.from_bytes(digest) >> (8 * len(digest) - _ID_BITS)
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def build_message(issue: Issue, words: Rendered | Encoded, routes: Routes | None = None) -> Envelope:
    """The message of one issue: multipart/alternative, CRLF, 7-bit, no line longer than 998 characters.

    ``routes`` are the reader's; without them the message names the list's plain addresses. Control and invisible
    characters are dropped from names and subject. Raises AddressError when an address cannot be written, MessageError
    when something does not read back as what went in.
    """
    shared = _shared(issue.mailing_list, issue.slot)
    routes = routes or shared.plain_routes
    reader = ascii_address(issue.subscriber.email)
    identity = issue.message_id or message_id(issue.mailing_list, issue.subscriber, issue.slot, issue.generation)
    # "=_" never occurs in quoted-printable (RFC 2045 §6.7), so the boundary is in no part
    boundary = f"=_{identity[1 : 1 + _ID_LENGTH]}"
    own = (
        f"To: {reader}\r\n",
        f"Date: {_date(issue.composed_at)}\r\nMessage-ID: {identity}\r\n",
        _unsubscribe_header(routes),
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n',
    )
    if not _OWN.fullmatch("".join(own)) or not _PATH.fullmatch(routes.return_path):
        raise MessageError(f"message {identity} cannot be read back: {routes.return_path} {''.join(own)}")
    encoded = words if isinstance(words, Encoded) else encode(words)
    to, dated, unsubscribe, kind = own
    head = f"{shared.from_}{to}{_subject_header(encoded.subject)}{dated}{unsubscribe}{shared.of_list}{kind}"
    if _NAMES.findall(f"\n{head}") != shared.names[bool(routes.web)]:
        raise MessageError(f"message {identity} holds other headers than it should: {head}")
    content = _joined(head, boundary, encoded)
    return Envelope(mail_from=routes.return_path, rcpt_to=reader, message_id=identity, slot=issue.slot, content=content)


def build_letter(
    mailing_list: MailingList, words: Rendered, *, to: str, identity: str, slot: date, at: datetime, return_path: str
) -> Envelope:
    """The message of a letter about a subscription: as an issue's, but no headers of a list.

    Nobody is on a list who has not confirmed, so there is nothing to be taken off (no List-Unsubscribe), and an answer
    of a machine to it is not wanted (RFC 3834 §5). Raises as ``build_message`` does.
    """
    shared, reader = _shared(mailing_list, slot), ascii_address(to)
    boundary = f"=_{identity[1 : 1 + _ID_LENGTH]}"
    head = (
        f"{shared.from_}{_header('To', reader)}{_subject_header(words.subject)}"
        f"{_header('Date', _date(at))}{_header('Message-ID', identity)}{shared.of_letter}"
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'
    )
    if not _PATH.fullmatch(return_path):
        raise MessageError(f"message {identity} cannot be read back: {return_path}")
    content = _joined(head, boundary, encode(words))
    return Envelope(mail_from=return_path, rcpt_to=reader, message_id=identity, slot=slot, content=content)


def _joined(head: str, boundary: str, encoded: Encoded) -> bytes:
    """The best form comes last (RFC 2046 §5.1.4)."""
    return b"".join(
        [
            f"{head}\r\n{_part_head('plain', boundary)}".encode("ascii"),
            *ended(encoded.text),
            f"\r\n{_part_head('html', boundary)}".encode("ascii"),
            *ended(encoded.html),
            f"\r\n--{boundary}--\r\n".encode("ascii"),
        ]
    )


def _unsubscribe_header(routes: Routes) -> str:
    """The page first, for it takes one click (RFC 8058), then the mail (RFC 2369 §3.2)."""
    if routes.web is None:
        return f"List-Unsubscribe: <{routes.mailto}>\r\n"
    return f"List-Unsubscribe: <{routes.web}>,\r\n <{routes.mailto}>\r\n{_ONE_CLICK}"


def encode(rendered: Rendered) -> Encoded:
    """The bodies as quoted-printable, each in one piece."""
    return Encoded(subject=rendered.subject, html=(quoted(rendered.html),), text=(quoted(rendered.text),))


def _part_head(subtype: str, boundary: str) -> str:
    return (
        f"--{boundary}\r\n"
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )


@lru_cache(_KEPT_LISTS)
def _date(instant: datetime) -> str:
    return format_datetime(instant)


class _Shared(NamedTuple):
    """What all messages of a list and a day share."""

    from_: str
    of_list: str
    #: what a letter has of it
    of_letter: str
    #: every name in the head in order, without a page that unsubscribes and with one
    names: tuple[list[str], list[str]]
    #: of messages to readers who have none of their own
    plain_routes: Routes


@lru_cache(_KEPT_LISTS)
def _shared(mailing_list: MailingList, slot: date) -> _Shared:
    sender, name = ascii_address(mailing_list.sender_address), clean_line(mailing_list.sender_name)
    list_id = _list_id(mailing_list.name, sender)
    reply_to = ascii_address(mailing_list.reply_to) if mailing_list.reply_to else ""
    of_list = [
        ("List-Id", _mailbox(clean_line(mailing_list.name), list_id)),
        ("List-Help", f"<{mailto(sender)}?subject=help>"),
        ("List-Owner", f"<{mailto(reply_to or sender)}>"),
        ("List-Post", "NO"),
        ("Feedback-ID", _feedback_id(list_id, sender, slot)),
        ("Precedence", "bulk"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    ]
    if is_public(mailing_list.base_url):
        of_list.insert(3, ("List-Archive", f"<{mailing_list.base_url}/papers>"))
    if reply_to:
        of_list.insert(0, ("Reply-To", reply_to))
    first = ["From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe"]
    last = [*(key for key, _ in of_list), "Content-Type"]
    written = {key: _header(key, value) for key, value in of_list}
    of_letter = "".join(header for key, header in written.items() if key in _OF_LETTERS)
    from_ = _header("From", _mailbox(name, sender), (name, sender), _read_mailbox)
    names = ([*first, *last], [*first, "List-Unsubscribe-Post", *last])
    return _Shared(from_, "".join(written.values()), of_letter, names, plain_routes(mailing_list))


def _feedback_id(list_id: str, sender: str, slot: date) -> str:
    """``20240129:issue:daily-papers.example.org:q3…``: day, stream, list and sender; nothing that tells readers apart.

    By it Gmail tells senders how many complain (https://support.google.com/mail/answer/6254652).
    """
    sender_id = base64.b32encode(hashlib.sha256(sender.encode()).digest()).decode().lower()[:_SENDER_ID]
    return f"{slot:%Y%m%d}:issue:{list_id[:_STREAM]}:{sender_id}"


@lru_cache(_KEPT_SUBJECTS)
def _subject_header(subject: str) -> str:
    subject = clean_line(subject)
    return _header("Subject", _subject(subject), subject, _decoded)


def _header(name: str, value: str, meant: object = None, read: Callable[[str], object] | None = None) -> str:
    """One header as it is written, after the parser has read it back. Raises MessageError."""
    written = f"{name}: {value}\r\n"
    parsed = message_from_string(f"{written}\r\n")
    if parsed.keys() != [name] or parsed.get_payload() or (read and read(parsed[name].replace("\r\n", "")) != meant):
        raise MessageError(f"header {name} does not read back as it was written: {value!r}")
    if max(map(len, written.split("\r\n"))) > _LONGEST_LINE:
        raise MessageError(f"header {name} is longer than a line may be: {value!r}")
    return written


def _decoded(value: str) -> str:
    return str(make_header(decode_header(value)))


def _read_mailbox(value: str) -> tuple[str, str]:
    name, address = parseaddr(value)
    return _decoded(name), address


def _text(text: str) -> str:
    """A header's free text: as it is when short and plain, else in encoded words (RFC 2047)."""
    # text that looks like an encoded word would be read as one
    if text.isascii() and len(text) <= _PLAIN and "=?" not in text:
        return text
    # Subject and List-Id are the longest names that carry text, and equally long
    return encoded_words(text, len("Subject: "))


def _subject(text: str) -> str:
    """Plain and folded at words (RFC 5322 §2.2.3) where it can be: filters distrust needless encoded words."""
    lines = textwrap.wrap(text, _LINE - len("Subject: "), break_long_words=False, break_on_hyphens=False)
    if text.isascii() and "=?" not in text and all(len(line) <= _LINE for line in lines):
        return "\r\n ".join(lines)
    return _text(text)


def _mailbox(name: str, inner: str) -> str:
    """``"Name" <inner>`` (RFC 5322 §3.4, RFC 2919 §3)."""
    if not name:
        return f"<{inner}>"
    written = _text(name)
    if written == name:
        quoted = name.replace("\\", r"\\").replace('"', r"\"")
        written = f'"{quoted}"'
    return f"{written}\r\n <{inner}>" if len(written) + len(inner) > _PLAIN else f"{written} <{inner}>"


def _list_id(name: str, sender: str) -> str:
    """``daily-papers.example.org``; a name without Latin letters or digits gives way to the sender's local part."""
    local, _, domain = sender.rpartition("@")
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    label = _NOT_LABEL.sub("-", latin).strip("-")[:_LABEL].rstrip("-")
    return f"{label or local}.{domain}"
