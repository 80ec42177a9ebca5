"""A message of ours, looked at as a receiver looks at it; nobody else is asked."""

import re
from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage

import dkim

from digestmail.mail.dkim import DkimKey
from digestmail.mail.links import is_public
from digestmail.model import Envelope, MailingList
from digestmail.protocols import Check, State

#: RFC 5322 §3.6, RFC 2045 §4: each exactly once
_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
_EXPECTED = ("List-Id", "List-Unsubscribe", "List-Help", "List-Owner", "Precedence", "Auto-Submitted", "Feedback-ID")
_ONE_CLICK = b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|[^\x00-\x7f]|\x00")
_LONGEST_LINE = 998
_SHORT_RSA = 2048
# RFC 2606 and RFC 6761: nobody receives there
_EXAMPLES = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)$", re.IGNORECASE)


def check_message(envelope: Envelope, mailing_list: MailingList) -> Iterator[Check]:
    """Headers, lines and ways back of a sample message."""
    parsed = message_from_bytes(envelope.content, policy=policy.default)
    assert isinstance(parsed, EmailMessage), "the policy makes them"
    yield _form(envelope.content, parsed)
    yield _headers(parsed)
    yield _one_click(envelope.content, parsed, mailing_list)
    yield _bounces(envelope, mailing_list)
    domain = envelope.message_id.rpartition("@")[2].rstrip(">")
    if _EXAMPLES.search(domain):
        advice = "put an address into newsletter.from that you may send from"
        yield Check(State.WARNING, "sender", f"{domain} is a domain for examples", advice)
    else:
        yield Check(State.OK, "sender", str(parsed["From"]))


def _form(content: bytes, parsed: EmailMessage) -> Check:
    defects = [str(defect) for part in parsed.walk() for defect in part.defects]
    longest = max(map(len, content.split(b"\r\n")))
    if _BARE.search(content):
        defects.append("a bare CR or LF, or a byte beyond ASCII")
    if longest > _LONGEST_LINE:
        defects.append(f"a line of {longest} characters")
    if defects:
        return Check(State.FAILED, "message", "; ".join(defects), "please report this: it is a fault of digestmail")
    return Check(
        State.OK, "message", f"{len(content) / 1024:.0f} KB, reads back without defects, longest line {longest}"
    )


def _headers(parsed: EmailMessage) -> Check:
    counts = {name: len(parsed.get_all(name, [])) for name in (*_ONCE, *_EXPECTED)}
    wrong = [f"{name} {count} times" for name, count in counts.items() if count != 1]
    if wrong:
        return Check(State.FAILED, "headers", ", ".join(wrong), "please report this: it is a fault of digestmail")
    return Check(State.OK, "headers", f"{len(parsed)}, each once")


def _one_click(content: bytes, parsed: EmailMessage, mailing_list: MailingList) -> Check:
    page = re.search(r"<(https:[^>]*)>", str(parsed["List-Unsubscribe"]).replace(" ", ""))
    if page and _ONE_CLICK in content:
        return Check(State.OK, "unsubscribe", "one click, and by mail")
    why = "there is no newsletter.base_url"
    if mailing_list.base_url:
        public = is_public(mailing_list.base_url)
        why = f"{mailing_list.base_url} is {'not https' if public else 'for this machine or network only'}"
    advice = "receivers ask bulk senders for one click: serve the pages under https and set newsletter.base_url"
    return Check(State.WARNING, "unsubscribe", f"by mail only: {why}", advice)


def _bounces(envelope: Envelope, mailing_list: MailingList) -> Check:
    if mailing_list.bounce_address and envelope.mail_from != mailing_list.bounce_address:
        return Check(State.OK, "bounces", f"to {mailing_list.bounce_address}, with a token per reader")
    advice = "set newsletter.bounce_address to one whose server takes +anything, so that every bounce finds its reader"
    return Check(State.WARNING, "bounces", f"to {envelope.mail_from}, which names no reader", advice)


def check_signatures(content: bytes, keys: Sequence[DkimKey]) -> Iterator[Check]:
    """Whether every key signed the message, and what that is worth."""
    if not keys:
        advice = "let the relay sign, or see docs/how-to/sign-with-dkim.md"
        yield Check(State.NOT_CHECKED, "dkim", "there is no key in newsletter.dkim: messages leave unsigned", advice)
    for index, key in enumerate(keys):
        yield _signature(content, key, index)
        if key.bits and key.bits < _SHORT_RSA:
            advice = "make a new one: 'digestmail dkim new'"
            yield Check(State.WARNING, "dkim", f"{key.name}: {key.bits} bits are short", advice)
        sender = str(message_from_bytes(content, policy=policy.default)["From"].addresses[0].domain)
        if not aligned(key.domain, sender):
            advice = f"DMARC wants a key of {sender}: see newsletter.dkim[{index}].domain"
            yield Check(State.WARNING, "dkim", f"{key.domain} is not the domain of the sender", advice)


def _signature(content: bytes, key: DkimKey, index: int) -> Check:
    """As dkimpy sees it, with the public key that belongs into the DNS."""

    def answer(_name: bytes, timeout: float = 0) -> bytes:  # noqa: ARG001 - dkimpy's way to ask
        return key.record.encode()

    reader = dkim.DKIM(content, minkey=1024)
    try:
        valid = reader.verify(index, dnsfunc=answer)
        covered = set(reader.include_headers) if valid else set()
    except dkim.DKIMException as error:
        return Check(State.FAILED, "dkim", f"{key.name}: {error}", "please report this: it is a fault of digestmail")
    here = {name.lower() for name in message_from_bytes(content)} & {"list-unsubscribe", "list-unsubscribe-post"}
    missing = [name for name in sorted(here) if name.encode() not in covered]
    if not valid or missing:
        why = f"does not cover {', '.join(missing)}" if valid else "does not verify"
        return Check(State.FAILED, "dkim", f"{key.name}: {why}", "please report this: it is a fault of digestmail")
    return Check(State.OK, "dkim", f"{key.name}: {key.algorithm} verifies, covers unsubscribing")


def aligned(one: str, other: str) -> bool:
    """Whether two domains count as one for DMARC: relaxed, and without looking where the organisation begins."""
    one, other = one.lower(), other.lower()
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
