"""Measures: numbers for those who watch. Nothing is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from digestmail.model import DeliveryStatus, SubscriberStatus
from digestmail.newsletter import Newsletter


@dataclass(frozen=True, slots=True)
class Measures:
    """What can be counted."""

    papers: int
    subscribers: Mapping[SubscriberStatus, int]
    deliveries: Mapping[DeliveryStatus, int]
    #: source → when it last answered without an error; None: never
    succeeded: Mapping[str, datetime | None]
    #: when sources were last asked
    last_run: datetime | None


def measure(newsletter: Newsletter) -> Measures:
    """Count."""
    store = newsletter.store
    return Measures(
        papers=store.corpus.count(),
        subscribers=store.subscribers.count_by_status(),
        deliveries=store.deliveries.count_by_status(),
        succeeded={one.source: store.fetches.succeeded(one.source) for one in store.fetches.latest()},
        last_run=store.fetches.newest()[1],
    )


def probe(newsletter: Newsletter) -> None:
    """Ask the store something small. Raises StoreError when it does not answer."""
    newsletter.store.fetches.newest()
