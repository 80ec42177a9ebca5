"""Status: what the operator should know, and whether something needs attention."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from digestmail.model import Delivery, DeliveryStatus, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.sources import gaps_since, silent_feeds
from digestmail.newsletter.subscribe import sync
from digestmail.schedule import due_slot
from digestmail.storage.fetches import Fetched

#: deliveries that have not ended well: each is listed with its reason
UNFINISHED = (
    DeliveryStatus.PLANNED,
    DeliveryStatus.SENDING,
    DeliveryStatus.DEFERRED,
    DeliveryStatus.HELD,
    DeliveryStatus.FAILED,
)

# a day and some time for a slow night, half a day of refusals, two days of silence
_OVERDUE, _DEFERRED, _SILENT = timedelta(hours=26), timedelta(hours=12), timedelta(hours=48)
# days that are lost are told for as long as somebody who looks once a day needs to see it
_TOLD = timedelta(hours=48)


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


def alarms(newsletter: Newsletter, state: Status) -> list[str]:
    """What a watchdog should wake somebody for, one line each. Nothing is changed."""
    now = newsletter.clock()
    return [*overdue(newsletter, now), *_stuck(state, now), *_silent(newsletter, now), *_missing(newsletter, now)]


def overdue(newsletter: Newsletter, now: datetime) -> Iterator[str]:
    """Readers whose slot began long ago and was never planned: nothing runs any more."""
    store = newsletter.store
    with store.rehearsal():
        sync(newsletter)
        readers = store.subscribers.all(SubscriberStatus.ACTIVE)
    latest = store.deliveries.latest_slots()
    slots = [(reader, due_slot(reader, now - _OVERDUE, newsletter.rules.at)) for reader in readers]
    missed = [
        (slot, reader) for reader, slot in slots if slot and (reader.uid not in latest or latest[reader.uid] < slot)
    ]
    if missed:
        slot, reader = min(missed, key=lambda pair: pair[0])
        yield f"overdue: {len(missed)} of {len(readers)} readers, since {slot} ({reader.email})"


def _stuck(state: Status, now: datetime) -> Iterator[str]:
    held = [delivery for delivery in state.unfinished if delivery.status is DeliveryStatus.HELD]
    if held:
        yield f"held: {len(held)}, for 'digestmail resolve' to decide (the first is delivery {held[-1].id})"
    waiting = (DeliveryStatus.PLANNED, DeliveryStatus.DEFERRED)
    late = [one for one in state.unfinished if one.status in waiting and one.planned_at < now - _DEFERRED]
    if late:
        oldest = min(late, key=lambda delivery: delivery.planned_at)
        yield f"waiting: {len(late)}, the oldest since {oldest.planned_at:%Y-%m-%d %H:%M} UTC: {oldest.note}"


def _silent(newsletter: Newsletter, now: datetime) -> Iterator[str]:
    for fetched, since in newsletter.store.fetches.failing():
        if since < now - _SILENT:
            yield f"silent: {fetched.source} has not answered since {since:%Y-%m-%d %H:%M} UTC: {fetched.error}"


def _missing(newsletter: Newsletter, now: datetime) -> Iterator[str]:
    """Announcements that should be there, and days that no source can give any more."""
    for name, due in silent_feeds(newsletter, now):
        yield f"stale: {name} answers, but has not announced what was due on {due}"
    for source in newsletter.sources:
        for gap in dict.fromkeys(gaps_since(newsletter, source.name, now - _TOLD)):
            if gap.lost:
                yield f"lost: {source.name} could not give {gap}"
