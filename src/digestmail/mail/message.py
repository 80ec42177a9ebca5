"""An issue in words becomes the bytes of one message. Pure: same arguments, same bytes.

The bytes are written here and read back with the standard library's parser, so that two independent hands agree on
every message. They are not written with ``email.message.EmailMessage``: its folding turns a long List-Unsubscribe or
Message-ID into encoded words that no client undoes, and what it writes changes between Python releases, while a
retried delivery must be the same bytes.
"""

import base64
import binascii
import hashlib
import hmac
import re
import textwrap
import unicodedata
from collections import Counter
from datetime import date
from email import message_from_bytes
from email.header import Header, decode_header, make_header
from email.message import Message
from email.utils import format_datetime, parseaddr

from digestmail.errors import MessageError
from digestmail.mail.links import ascii_address, unsubscribe_mailto
from digestmail.model import Envelope, Issue, MailingList, Rendered, Subscriber
from digestmail.text.clean import clean_line

_LINE = 76  # RFC 2047 §2: a line that holds an encoded word
_PLAIN = 60  # ASCII text up to here fits in one line beside any header name used here
_ID_LENGTH = 26  # base32 digits, 130 bits
_LABEL = 63  # RFC 1035 §2.3.4; a List-Id ends at 255 (RFC 2919 §3)
_NOT_LABEL = re.compile(r"[^a-z0-9]+")
_SUBTYPES = ("plain", "html")  # RFC 2046 §5.1.4: the best form last


def message_id(mailing_list: MailingList, subscriber: Subscriber, slot: date) -> str:
    """The Message-ID of a slot (RFC 5322 §3.6.4), with its angle brackets; the same on every attempt.

    26 base32 digits of HMAC-SHA256 over the sender's address and the slot, keyed with the subscriber's uid: it tells
    nothing about the reader and differs between readers, days and senders. Raises AddressError.
    """
    sender = ascii_address(mailing_list.sender_address)
    digest = hmac.digest(subscriber.uid.encode(), f"{sender}|{slot.isoformat()}".encode(), hashlib.sha256)
    return f"<{base64.b32encode(digest).decode().lower()[:_ID_LENGTH]}@{sender.rpartition('@')[2]}>"


def build_message(issue: Issue, rendered: Rendered) -> Envelope:
    """The message of one issue: multipart/alternative, CRLF, 7-bit, no line longer than 998 characters.

    Control and invisible characters are dropped from names and subject. Raises AddressError when an address cannot be
    written, MessageError when the message does not read back as what went in.
    """
    sender = ascii_address(issue.mailing_list.sender_address)
    reader = ascii_address(issue.subscriber.email)
    identity = message_id(issue.mailing_list, issue.subscriber, issue.slot)
    name, subject = clean_line(issue.mailing_list.sender_name), clean_line(rendered.subject)
    bodies = (_lines(rendered.text), _lines(rendered.html))
    # "=_" never occurs in quoted-printable (RFC 2045 §6.7), so the boundary is in no part
    boundary = f"=_{identity[1 : 1 + _ID_LENGTH]}"
    headers = {
        "From": _mailbox(name, sender),
        "To": reader,
        "Subject": _subject(subject),
        "Date": format_datetime(issue.composed_at),
        "Message-ID": identity,
        "List-Id": _mailbox(clean_line(issue.mailing_list.name), _list_id(issue.mailing_list.name, sender)),
        "List-Unsubscribe": f"<{unsubscribe_mailto(issue.mailing_list)}>",
        "Auto-Submitted": "auto-generated",
        "Precedence": "bulk",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative;\r\n boundary="{boundary}"',
    }
    content = _content(headers, bodies, boundary)
    _check(content, headers, {"From": (name, sender), "To": ("", reader)}, subject, bodies)
    return Envelope(mail_from=sender, rcpt_to=reader, message_id=identity, slot=issue.slot, content=content)


def _lines(text: str) -> str:
    """Text as a part carries it: lines ended by CRLF (RFC 2046 §4.1.1), no lone surrogates."""
    unix = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    return (unix if unix.endswith("\n") else unix + "\n").replace("\n", "\r\n")


def _text(text: str) -> str:
    """A header's free text: as it is when short and plain, else in encoded words (RFC 2047)."""
    # text that looks like an encoded word would be read as one
    if text.isascii() and len(text) <= _PLAIN and "=?" not in text:
        return text
    # Subject and List-Id are the longest names that carry text, and equally long
    return Header(text, "utf-8", maxlinelen=_LINE, header_name="List-Id").encode(linesep="\r\n")


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


def _content(headers: dict[str, str], bodies: tuple[str, str], boundary: str) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    parts = [
        f"--{boundary}\r\n"
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        f"\r\n{binascii.b2a_qp(body.encode()).decode()}\r\n"
        for subtype, body in zip(_SUBTYPES, bodies, strict=True)
    ]
    return f"{head}\r\n{''.join(parts)}--{boundary}--\r\n".encode("ascii")


def _check(
    content: bytes,
    headers: dict[str, str],
    mailboxes: dict[str, tuple[str, str]],
    subject: str,
    bodies: tuple[str, str],
) -> None:
    """Read the message back. Raises MessageError naming the first thing that came out differently."""
    read = message_from_bytes(content)
    seen: dict[str, tuple[object, object]] = {
        "the headers": (Counter(read.keys()), Counter(headers.keys())),
        "the subject": (_decoded(read["Subject"].replace("\r\n", "")), subject),
        **{name: (_read_mailbox(read[name]), mailbox) for name, mailbox in mailboxes.items()},
        "the parts": (_read_parts(read), list(zip(_SUBTYPES, bodies, strict=True))),
    }
    for what, (found, meant) in seen.items():
        if found != meant:
            raise MessageError(f"message {headers['Message-ID']} does not read back as it was written: {what}")


def _decoded(value: str) -> str:
    return str(make_header(decode_header(value)))


def _read_mailbox(value: str) -> tuple[str, str]:
    name, address = parseaddr(value)
    return _decoded(name), address


def _read_parts(read: Message) -> list[tuple[str, str]]:
    payload = read.get_payload()
    parts = [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []
    return [(part.get_content_subtype(), _read_body(part)) for part in parts]


def _read_body(part: Message) -> str:
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes), "a leaf decodes to bytes"
    return body.decode()
