"""Overview: pages of subscribers and deliveries, what sources said, the last runs. Nothing is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from digestmail.errors import NotFoundError
from digestmail.model import Attempt, Delivery, DeliveryStatus, Subscriber, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.resolve import delivery_of
from digestmail.storage.addresses import AddressEvent
from digestmail.storage.fetches import Fetched

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of many."""

    items: tuple[T, ...]
    #: how many there are in all
    total: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The last answer of a source."""

    fetched: Fetched
    #: when it last answered without an error
    succeeded: datetime | None


@dataclass(frozen=True, slots=True)
class Past:
    """A run that asked sources."""

    at: datetime
    answers: tuple[Fetched, ...]
    #: how many of the deliveries it planned rest in each status by now
    deliveries: Mapping[DeliveryStatus, int]


@dataclass(frozen=True, slots=True)
class Reader:
    """One subscriber, with what is known of them."""

    subscriber: Subscriber
    deliveries: tuple[Delivery, ...]
    events: tuple[AddressEvent, ...]


def subscribers(
    newsletter: Newsletter, words: str = "", status: SubscriberStatus | None = None, *, limit: int, offset: int = 0
) -> Page[Subscriber]:
    """Those whose address holds ``words``, last come first."""
    found, total = newsletter.store.subscribers.page(words, status, limit=limit, offset=offset)
    return Page(tuple(found), total)


def reader(newsletter: Newsletter, email: str, *, limit: int) -> Reader:
    """A subscriber with their last deliveries and all that came back from their address. Raises NotFoundError."""
    store = newsletter.store
    return Reader(
        subscriber_of(newsletter, email),
        tuple(store.deliveries.find(email=email, limit=limit)),
        tuple(store.addresses.list(email, limit=limit)),
    )


def subscriber_of(newsletter: Newsletter, email: str) -> Subscriber:
    """The subscriber with this address. Raises NotFoundError."""
    found = newsletter.store.subscribers.find(email)
    if found is None:
        raise NotFoundError(f"{email} is not subscribed")
    return found


def deliveries(
    newsletter: Newsletter,
    statuses: Sequence[DeliveryStatus] = (),
    email: str | None = None,
    *,
    limit: int,
    offset: int = 0,
) -> Page[Delivery]:
    """Deliveries, newest slot first."""
    found, total = newsletter.store.deliveries.page(*statuses, email=email, limit=limit, offset=offset)
    return Page(tuple(found), total)


def delivery(newsletter: Newsletter, number: int) -> tuple[Delivery, tuple[Attempt, ...]]:
    """A delivery and all that happened to it. Raises NotFoundError."""
    return delivery_of(newsletter, number), tuple(newsletter.store.deliveries.past(number))


def sources(newsletter: Newsletter) -> tuple[Answered, ...]:
    """What each source said last, by name."""
    fetches = newsletter.store.fetches
    return tuple(Answered(one, fetches.succeeded(one.source)) for one in fetches.latest())


def runs(newsletter: Newsletter, *, limit: int) -> tuple[Past, ...]:
    """The last runs that asked sources, newest first."""
    store = newsletter.store
    asked = store.fetches.last(limit)
    planned = store.deliveries.planned_at(at for at, _ in asked)
    return tuple(Past(at, answers, planned.get(at, {})) for at, answers in asked)


def mark(newsletter: Newsletter) -> object:
    """Something that differs once papers have come in. Cheap."""
    return newsletter.store.fetches.newest()[0], newsletter.store.corpus.mark()
