"""Status: what the operator should know, and whether something needs attention."""

from dataclasses import dataclass

from digestmail.model import Delivery, DeliveryStatus, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.subscribe import sync
from digestmail.storage.fetches import Fetched

#: deliveries that have not ended well: each is listed with its reason
UNFINISHED = (
    DeliveryStatus.PLANNED,
    DeliveryStatus.SENDING,
    DeliveryStatus.DEFERRED,
    DeliveryStatus.HELD,
    DeliveryStatus.FAILED,
)


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the house."""

    papers: int
    subscribers: dict[SubscriberStatus, int]
    deliveries: dict[DeliveryStatus, int]
    unfinished: tuple[Delivery, ...]
    #: the newest delivery, sent or empty
    latest: Delivery | None
    fetches: tuple[Fetched, ...]

    @property
    def needs_attention(self) -> bool:
        """A message was not delivered, or a source did not answer when it was last asked."""
        return bool(self.unfinished) or any(fetched.error for fetched in self.fetches)


def status(newsletter: Newsletter) -> Status:
    """Read the state of the store. Nothing is changed."""
    store = newsletter.store
    with store.rehearsal():
        sync(newsletter)
        subscribers = store.subscribers.count_by_status()
    return Status(
        papers=store.corpus.count(),
        subscribers=subscribers,
        deliveries=store.deliveries.count_by_status(),
        unfinished=tuple(store.deliveries.find(*UNFINISHED)),
        latest=next(iter(store.deliveries.find(limit=1)), None),
        fetches=tuple(store.fetches.latest()),
    )
