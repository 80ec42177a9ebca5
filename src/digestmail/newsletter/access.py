"""Who stands at the door: the reader that a signed link names, or nobody."""

from dataclasses import dataclass
from datetime import date

from digestmail.errors import NotFoundError
from digestmail.mail.tokens import Purpose
from digestmail.model import Delivery, DeliveryStatus, Subscriber
from digestmail.newsletter import Newsletter

#: what has no issue to show: nothing was in it
_NO_ISSUE = (DeliveryStatus.EMPTY,)


@dataclass(frozen=True, slots=True)
class Visit:
    """A reader who came by a link, and what it is about."""

    subscriber: Subscriber
    subject: str


def visitor(newsletter: Newsletter, purpose: Purpose, token: str) -> Visit:
    """The reader whose link this is.

    Raises NotFoundError, always in the same words: nobody learns whether a token was forged, made for something else,
    outdated, or of somebody who is not there any more.
    """
    claim = newsletter.tokens.read_link(purpose, token, newsletter.clock())
    subscriber = newsletter.store.subscribers.by_uid(claim.uid) if claim else None
    if claim is None or subscriber is None or subscriber.token_version != claim.version:
        raise NotFoundError("this link is not good, or not good any more")
    return Visit(subscriber, claim.subject)


def issue_of(newsletter: Newsletter, visit: Visit) -> Delivery:
    """The issue that a link is about: its subject is the day. Raises NotFoundError."""
    delivery = newsletter.store.deliveries.of_slot(visit.subscriber.email, slot_of(visit))
    if delivery is None or delivery.status in _NO_ISSUE:
        raise NotFoundError("there is no such issue")
    return delivery


def slot_of(visit: Visit) -> date:
    """The day that a link is about. Raises NotFoundError."""
    try:
        return date.fromisoformat(visit.subject)
    except ValueError:
        raise NotFoundError("this link is about no day") from None
