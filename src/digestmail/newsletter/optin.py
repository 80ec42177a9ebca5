"""Opt in: a stranger asks to be on the list, a letter asks them whether it was them, and they say yes.

Asking is the same for every address, known or not, so that nobody can find out who is on the list. Letters hold no
word of whoever asked, and no address gets more than a few: nobody can be pestered through this newsletter.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from digestmail.errors import AddressError, InputError, NotFoundError, TooOften
from digestmail.mail.links import ascii_address
from digestmail.mail.message import message_id
from digestmail.mail.tokens import Purpose
from digestmail.model import DeliveryKind, Origin, Subscriber, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.access import slot_of, visitor
from digestmail.newsletter.preferences import Wishes, fields_of, read_wishes, with_wishes
from digestmail.storage.limits import Limit
from digestmail.storage.plans import KeptTemplate
from digestmail.storage.signups import NewLetter, Signup

#: askings from one network, and letters to one address
FROM_NETWORK = Limit(5, timedelta(hours=1))
TO_ADDRESS = (Limit(1, timedelta(hours=24)), Limit(3, timedelta(days=30)))
#: letters to all: more wait for the next minute
A_MINUTE = Limit(60, timedelta(minutes=1))
#: what nobody has confirmed is deleted at this age
UNCONFIRMED = timedelta(days=7)
_LONGEST_LIMIT = max(limit.within for limit in (FROM_NETWORK, *TO_ADDRESS))
# what is written to whoever asks; nothing where mail has come back
_KIND = {
    SubscriberStatus.PENDING: DeliveryKind.CONFIRM,
    SubscriberStatus.UNSUBSCRIBED: DeliveryKind.CONFIRM,
    SubscriberStatus.ACTIVE: DeliveryKind.REMINDER,
    SubscriberStatus.PAUSED: DeliveryKind.REMINDER,
}


def read_address(text: str) -> str:
    """An address as it was typed. Raises AddressError."""
    address = ascii_address(text.strip())
    if address.startswith("-"):
        raise AddressError(f"{text!r} is not an address that mail is sent to from here")
    return address


def stranger(newsletter: Newsletter, wishes: Wishes, email: str = "") -> Subscriber:
    """Somebody who is not on the list, with what they wish."""
    nobody = Subscriber(
        uid=newsletter.new_id(), email=email, status=SubscriberStatus.PENDING, created_at=newsletter.clock()
    )
    return with_wishes(nobody, wishes)


def ask(newsletter: Newsletter, email: str, wishes: Wishes, client: str) -> None:
    """Somebody at the IP address ``client`` wants ``email`` to be on the list: ``answer`` writes to it.

    Raises TooOften for a network that asks for address after address.
    """
    reader = stranger(newsletter, wishes, email)
    network = newsletter.tokens.limited(_network(client))
    wait = newsletter.store.signups.ask(
        email, fields_of(reader), newsletter.clock(), network=network, limit=FROM_NETWORK
    )
    if wait:
        raise TooOften("so many subscriptions have come from your network that no more are taken for a while", wait)


def answer(newsletter: Newsletter) -> bool:
    """Plan a letter for everybody who has asked, as far as limits allow; tidy up what nobody has confirmed.

    Whether all were answered: the others wait for the next minute. Raises StoreError and TemplateError.
    """
    now, store = newsletter.clock(), newsletter.store
    store.signups.forget(asked_before=now - UNCONFIRMED, limited_before=now - _LONGEST_LIMIT)
    room = max(0, A_MINUTE.most - store.signups.written(A_MINUTE.within, now))
    waiting = store.signups.waiting(A_MINUTE.most + 1)
    for signup in waiting[:room]:
        letter = _letter(newsletter, signup, now)
        address = newsletter.tokens.limited(signup.email)
        store.signups.answer(signup, letter, now, address=address, allowed=TO_ADDRESS)
    return len(waiting) <= room


def _letter(newsletter: Newsletter, signup: Signup, now: datetime) -> NewLetter | None:
    """What is written to whom; None: nothing, for mail to them has come back."""
    reader = newsletter.store.subscribers.find(signup.email) or stranger(newsletter, Wishes(), signup.email)
    kind = _KIND.get(reader.status)
    if kind is None:
        return None
    slot = now.astimezone(UTC).date()
    # who is on the list is written to in the language of their issues, whoever has asked
    asked = signup.wishes.get("language") if kind is DeliveryKind.CONFIRM else reader.language
    return NewLetter(
        kind=kind,
        subscriber=reader,
        slot=slot,
        message_id=message_id(newsletter.mailing_list, reader, slot, kind=kind),
        language=asked or newsletter.mailing_list.language,
        template=KeptTemplate.of(newsletter.templates.load(kind).parts()),
    )


@dataclass(frozen=True, slots=True)
class Invitation:
    """What somebody is asked to confirm."""

    #: as they will be; as they are when it is ``settled``
    subscriber: Subscriber
    #: nothing is left to be confirmed: they are on the list
    settled: bool


def invitation(newsletter: Newsletter, token: str) -> Invitation:
    """What the link of a letter is about; looking changes nothing. Raises NotFoundError."""
    visit = visitor(newsletter, Purpose.CONFIRM, token)
    reader = visit.subscriber
    if _KIND.get(reader.status) is DeliveryKind.REMINDER:
        return Invitation(reader, settled=True)
    wishes = newsletter.store.signups.wishes(reader.uid, slot_of(visit))
    if _KIND.get(reader.status) is not DeliveryKind.CONFIRM or wishes is None:
        raise NotFoundError("this link is not good any more")
    return Invitation(_wished(reader, wishes), settled=False)


def confirm(newsletter: Newsletter, token: str) -> Subscriber:
    """Put somebody on the list, with what they asked for; asked again, it does nothing. Raises NotFoundError.

    They have asked themselves: an address that was erased may come back.
    """
    invited = invitation(newsletter, token)
    if invited.settled:
        return invited.subscriber
    newsletter.store.signups.confirm(
        invited.subscriber,
        *("keywords", "gate", "cadence", "timezone", "language", "max_papers"),
        *("status", "origin", "paused_until", "paused_at"),
    )
    newsletter.store.erasures.forgive(newsletter.tokens.tombstone(invited.subscriber.email))
    return newsletter.store.subscribers.by_uid(invited.subscriber.uid) or invited.subscriber


def _wished(reader: Subscriber, wishes: Mapping[str, str]) -> Subscriber:
    try:
        read = read_wishes(wishes)
    except InputError as error:  # written by a version that read more than this one
        raise NotFoundError(f"this link is not good any more: {error}") from error
    here = {"status": SubscriberStatus.ACTIVE, "origin": Origin.STORE, "paused_until": None, "paused_at": None}
    return replace(with_wishes(reader, read), **here)  # type: ignore[arg-type]  # one type for each


def _network(client: str) -> str:
    """A /24 in IPv4, a /64 in IPv6: what one customer has at least (RFC 6177)."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))  # noqa: PLR2004
