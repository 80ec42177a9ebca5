"""Resolve and resend: what a person decides about deliveries."""

from enum import StrEnum

from digestmail.errors import InputError, NotFoundError
from digestmail.mail.message import message_id
from digestmail.model import Delivery, DeliveryStatus
from digestmail.newsletter import Newsletter


class Decision(StrEnum):
    """What is to become of a delivery that waits for a person."""

    SENT = "sent"  # it has arrived
    AGAIN = "again"  # it has not: the same message is tried again
    DROP = "drop"  # nobody is to get it


_STATUS = {
    Decision.SENT: DeliveryStatus.SENT,
    Decision.AGAIN: DeliveryStatus.DEFERRED,
    Decision.DROP: DeliveryStatus.CANCELLED,
}
#: what ``resolve`` decides about, and what ``resend`` sends again
RESOLVABLE = (DeliveryStatus.HELD, DeliveryStatus.FAILED)
FINISHED = (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.HELD, DeliveryStatus.CANCELLED)


def delivery_of(newsletter: Newsletter, number: int) -> Delivery:
    """The delivery with this number. Raises NotFoundError."""
    delivery = newsletter.store.deliveries.get(number)
    if delivery is None:
        raise NotFoundError(f"no delivery {number}: 'digestmail deliveries' lists them")
    return delivery


def resolve(newsletter: Newsletter, number: int, decision: Decision) -> Delivery:
    """Decide about a delivery that is held or has failed. Raises NotFoundError, and InputError for any other."""
    delivery = delivery_of(newsletter, number)
    if delivery.status not in RESOLVABLE:
        raise InputError(f"delivery {number} is {delivery.status}: only held and failed ones are resolved")
    note = f"was {delivery.status}; decided: {decision}"
    newsletter.store.claims.decide(delivery, _STATUS[decision], newsletter.clock(), note=note)
    return delivery_of(newsletter, number)


def can_resend(delivery: Delivery) -> bool:
    """Whether it can be sent anew: letters are good for two days, issues for ever."""
    return delivery.status in FINISHED and not delivery.is_letter


def resend(newsletter: Newsletter, number: int) -> Delivery:
    """Have an issue sent again, as a new message: its generation grows, and with it its Message-ID changes.

    The reader may have it twice; that is what is asked for. Raises NotFoundError, and InputError for a delivery that is
    still on its way.
    """
    delivery = delivery_of(newsletter, number)
    if delivery.is_letter:
        raise InputError(f"delivery {number} is a letter about a subscription: whoever wants another one asks again")
    if not can_resend(delivery):
        raise InputError(f"delivery {number} is {delivery.status}: it is still on its way")
    generation = delivery.generation + 1
    identity = message_id(newsletter.mailing_list, delivery.subscriber, delivery.slot, generation)
    newsletter.store.claims.renew(delivery, generation, identity, newsletter.clock())
    return delivery_of(newsletter, number)
