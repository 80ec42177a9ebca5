"""Clocks that jump: each local day has one issue, nothing is lost and nothing comes twice."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from builders import NOON, paper, subscriber
from digestmail.model import DeliveryStatus
from digestmail.newsletter.audit import audit
from digestmail.newsletter.run import run
from digestmail.schedule import due_slot
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, ListSource, MemoryTransport
from newsletters import newsletter, subscription

#: nights in which the clocks of a place go forward, or back; Lord Howe's move by half an hour
NIGHTS = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/Santiago", date(2026, 4, 5)),
    ("America/Santiago", date(2026, 9, 6)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
]


@pytest.mark.parametrize("at", [time(0, 0), time(2, 15)], ids=str)
@pytest.mark.parametrize(("zone", "night"), NIGHTS, ids=str)
def test_a_night_in_which_clocks_change_brings_each_day_its_issue(
    store: Store, zone: str, night: date, at: time
) -> None:
    start = datetime.combine(night - timedelta(days=2), time(12), tzinfo=ZoneInfo(zone)).astimezone(UTC)
    clock = FixedClock(start)
    source = ListSource()
    transport = MemoryTransport()
    readers = [subscription(), subscription("local@example.org")]
    house = newsletter(store, source, transport=transport, clock=clock, subscriptions=readers, at=at)
    run(house)
    store.subscribers.put([subscriber("local@example.org", timezone=zone, created_at=start)])
    for tick in range(4 * 24):
        source.entries.append(paper(f"Quantization {tick}", key=f"arxiv:2606.{tick:05}"))
        run(house, only="local@example.org")
        clock.advance(hours=1)
    deliveries = store.deliveries.find(DeliveryStatus.SENT, email="local@example.org")
    slots = sorted(delivery.slot for delivery in deliveries)
    first = night - timedelta(days=2)
    assert slots == [first + timedelta(days=number) for number in range(len(slots))]
    assert len(slots) >= 4
    promised = [ranked.paper.key for delivery in deliveries for ranked in delivery.papers]
    assert len(promised) == len(set(promised))
    assert audit(house).faults == []


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1), timedelta(days=400)], ids=str)
def test_a_clock_that_is_set_back_and_mended_repeats_and_loses_nothing(store: Store, back: timedelta) -> None:
    clock = FixedClock(NOON)
    source = ListSource([paper("Quantization 0", key="arxiv:2606.00000")])
    transport = MemoryTransport()
    house = newsletter(store, source, transport=transport, clock=clock, subscriptions=[subscription()])
    run(house)
    clock.now -= back
    source.entries.append(paper("Quantization 1", key="arxiv:2606.00001"))
    run(house)
    clock.now += back + timedelta(days=1)
    source.entries.append(paper("Quantization 2", key="arxiv:2606.00002"))
    run(house)
    deliveries = store.deliveries.find(DeliveryStatus.SENT)
    promised = sorted(ranked.paper.key for delivery in deliveries for ranked in delivery.papers)
    expected = [f"arxiv:2606.0000{number}" for number in range(3)]
    # what was first seen in a year that never was is too old when the clock is right again
    assert promised == (expected if back < timedelta(days=7) else [expected[0], expected[2]])
    assert set(house.transport.messages) == {delivery.message_id for delivery in deliveries}  # type: ignore[attr-defined]


def test_in_every_zone_every_hour_of_a_year_has_one_newest_slot_and_none_is_left_out() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for zone in sorted(available_timezones()):
        reader = subscriber(created_at=start - timedelta(days=9), timezone=zone)
        before: date | None = None
        for hours in range(0, 366 * 24, 12):
            slot = due_slot(reader, start + timedelta(hours=hours), time(2, 30))
            assert slot is not None
            assert before is None or slot - before in (timedelta(0), timedelta(days=1)), (zone, slot)
            before = slot
