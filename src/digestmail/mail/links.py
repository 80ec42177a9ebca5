"""Addresses as they go on the wire, and the ways back to the newsletter that a message names. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from urllib.parse import quote, urlsplit

from email_validator import EmailNotValidError, validate_email

from digestmail.errors import AddressError
from digestmail.mail.tokens import ADDRESS_TOKEN, Purpose, Tokens
from digestmail.model import LETTER_LIFE, Delivery, MailingList, Pages, Subscriber

# What RFC 6068 §2 lets stand of an atom (RFC 5322 §3.2.3), besides letters, digits and "-._~"
_STANDS = "!$'*+"
_STAYS = re.compile(rf"[A-Za-z0-9._~{_STANDS}-]*")
# What nearly every address looks like: in ASCII, lower case after the @. It stays as it is, and knowing that takes 1 µs
# where validating takes 60. Labels with two hyphens may be punycode and are left to the validator.
_COMMON = re.compile(
    r"(?=[^@]{1,64}@)(?=.{1,254}\Z)(?!.*@.*[^.]{64})"
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}"
)
_LOCAL_PART = 64  # octets, RFC 5321 §4.5.3.1.1
#: how long the local part of a ``bounce_address`` may be, so that "+" and a token fit behind it
BOUNCE_LOCAL_PART = _LOCAL_PART - 1 - ADDRESS_TOKEN
_ASKED = "unsub-"
# understood by ``mail.bounces``; the examples themselves are not, for they share a line
_HOW_TO_ANSWER = quote(
    "One line for each paper, with its number, as in: more 1 / less 2 / save 3 / mute 4 / undo 4\r\n\r\n", safe="/,:"
)
# RFC 6761 and 6762, RFC 8375, RFC 9476, and what routers and offices call their own
_INSIDE = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "test", "invalid", "alt")
_KEPT_LISTS = 64


def ascii_address(address: str) -> str:
    """``address`` with its domain in ASCII (IDNA 2008), the form that envelopes and headers carry.

    Only a dot-atom before the @ passes: no quoted local part, comment, address literal or control character, at most 64
    and 254 characters (RFC 5321 §4.5.3.1). A local part beyond ASCII is refused, it would need SMTPUTF8 (RFC 6531) on
    the whole way. Raises AddressError.
    """
    if _COMMON.fullmatch(address):
        return address
    try:
        valid = validate_email(
            address, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError as error:
        raise AddressError(f"{address!r} is not an address mail can be sent to: {error}") from error
    assert valid.ascii_email is not None, "without SMTPUTF8 there is always an ASCII form"
    return valid.ascii_email


def mailto(address: str) -> str:
    """The URI of an address (RFC 6068)."""
    local, _, domain = address.rpartition("@")
    # nearly every one stays as it is, and seeing that takes a quarter of the time of quoting it
    return f"mailto:{local if _STAYS.fullmatch(local) else quote(local, safe=_STANDS)}@{domain}"


def is_public(url: str | None) -> bool:
    """Whether strangers reach this URL: its host is no name or address of this machine or of a private network."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower() if url else ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not any(host == name or host.endswith(f".{name}") for name in _INSIDE)


@dataclass(frozen=True, slots=True)
class Routes:
    """The ways back that one reader's messages name."""

    #: where mail about a message that cannot be delivered goes (RFC 5321 §4.4)
    return_path: str
    #: the mail that asks to be taken off the list (RFC 6068)
    mailto: str
    #: the page that does; None where there is no web server that strangers reach
    web: str | None = None

    @property
    def unsubscribe_url(self) -> str:
        """The link that a message shows."""
        return self.web or self.mailto


def routes_of(mailing_list: MailingList, tokens: Tokens, subscriber: Subscriber) -> Routes:
    """The ways back of one reader, the same in every message: each carries a token, no way trusts a From header.

    Raises AddressError.
    """
    local, domain, bounces, web = _ways(mailing_list)
    token = tokens.address(Purpose.UNSUBSCRIBE, subscriber.uid)
    tagged = f"{local}+{_ASKED}{token}"
    if mailing_list.plus_addressing and len(tagged) <= _LOCAL_PART:
        asking = f"{mailto(f'{tagged}@{domain}')}?subject=unsubscribe"
    else:
        asking = f"{mailto(f'{local}@{domain}')}?subject=unsubscribe%20{token}"
    return Routes(
        return_path=_bounces_to(bounces, tokens, subscriber.uid) if bounces else f"{local}@{domain}",
        mailto=asking,
        web=f"{web}{path(tokens, Purpose.UNSUBSCRIBE, subscriber)}" if web else None,
    )


def plain_routes(mailing_list: MailingList) -> Routes:
    """The ways back without a reader's tokens, for messages that go to nobody. Raises AddressError."""
    sender = ascii_address(mailing_list.sender_address)
    return Routes(return_path=sender, mailto=f"{mailto(sender)}?subject=unsubscribe")


def preferences_url(mailing_list: MailingList, tokens: Tokens, subscriber: Subscriber) -> str | None:
    """The page where a reader changes what they get; None where there is no web server that strangers reach."""
    web = _ways(mailing_list)[3]
    return f"{web}{path(tokens, Purpose.PREFERENCES, subscriber)}" if web else None


def pages_of(mailing_list: MailingList, tokens: Tokens, subscriber: Subscriber, slot: date) -> Pages:
    """Where one issue leads its reader. Without a web server, opinions of papers go by mail.

    Raises AddressError.
    """
    local, domain, _, web = _ways(mailing_list)
    day = slot.isoformat()
    if web:
        return Pages(
            f"{web}{path(tokens, Purpose.PREFERENCES, subscriber)}",
            f"{web}{path(tokens, Purpose.FEEDBACK, subscriber, day)}",
            f"{web}{path(tokens, Purpose.ISSUE, subscriber, day)}",
        )
    token = tokens.link(Purpose.FEEDBACK, subscriber.uid, version=subscriber.token_version, subject=day)
    return Pages(feedback_url=f"{mailto(f'{local}@{domain}')}?subject=feedback%20{token}&body={_HOW_TO_ANSWER}")


def page_url(mailing_list: MailingList, tokens: Tokens, purpose: Purpose, subscriber: Subscriber) -> str:
    """A reader's page, wherever the pages of the newsletter are: also on a private network."""
    return f"{mailing_list.base_url or ''}{path(tokens, purpose, subscriber)}"


def confirm_url(mailing_list: MailingList, tokens: Tokens, letter: Delivery) -> str:
    """The page where somebody confirms what a letter asks; it is good for as long as the letter."""
    reader, until = letter.subscriber, letter.planned_at + LETTER_LIFE
    subject, version = letter.slot.isoformat(), reader.token_version
    token = tokens.link(Purpose.CONFIRM, reader.uid, version=version, expires=until, subject=subject)
    return f"{mailing_list.base_url or ''}/{_DOORS[Purpose.CONFIRM]}/{token}"


_DOORS = {
    Purpose.CONFIRM: "c",
    Purpose.UNSUBSCRIBE: "u",
    Purpose.PREFERENCES: "p",
    Purpose.FEEDBACK: "f",
    Purpose.ISSUE: "v",
    Purpose.SAVED: "s",
}


def path(tokens: Tokens, purpose: Purpose, subscriber: Subscriber, subject: str = "") -> str:
    """The path of a reader's page: ``/u/TOKEN``."""
    return (
        f"/{_DOORS[purpose]}/{tokens.link(purpose, subscriber.uid, version=subscriber.token_version, subject=subject)}"
    )


def unsubscribe_mailto(mailing_list: MailingList) -> str:
    """The mail that asks to be taken off the list (RFC 6068): ``mailto:papers@example.org?subject=unsubscribe``.

    Raises AddressError.
    """
    return plain_routes(mailing_list).mailto


@lru_cache(_KEPT_LISTS)
def _ways(mailing_list: MailingList) -> tuple[str, str, str | None, str | None]:
    """The sender's local part and domain, where bounces go, and the web pages that a one-click link may name.

    RFC 8058 §3.1 wants https.
    """
    local, _, domain = ascii_address(mailing_list.sender_address).rpartition("@")
    bounces = ascii_address(mailing_list.bounce_address) if mailing_list.bounce_address else None
    base = mailing_list.base_url
    return local, domain, bounces, base if base and base.lower().startswith("https:") and is_public(base) else None


def _bounces_to(address: str, tokens: Tokens, uid: str) -> str:
    """``bounces+TOKEN@example.org`` (VERP)."""
    local, _, domain = address.rpartition("@")
    tagged = f"{local}+{tokens.address(Purpose.BOUNCE, uid)}"
    return f"{tagged}@{domain}" if len(tagged) <= _LOCAL_PART else address
