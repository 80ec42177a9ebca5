"""Audit, proof, alarms and decisions: what a person can ask of the record."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from builders import NOON, TODAY, paper, papers
from digestmail.errors import DeliveryAmbiguous, DeliveryDeferred, DeliveryRejected, InputError, SourceUnavailable
from digestmail.model import DeliveryStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.audit import audit
from digestmail.newsletter.prove import prove
from digestmail.newsletter.resolve import Decision, resend, resolve
from digestmail.newsletter.run import run
from digestmail.newsletter.status import alarms, status
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, ListSource, MemoryTransport
from newsletters import newsletter, subscription

ANN, BOB, CYD = "ann@example.org", "bob@example.org", "cyd@example.org"


def house_of(store: Store, transport: MemoryTransport, clock: FixedClock, papers_there: int = 14) -> Newsletter:
    """Three readers: of much, of nothing, and with a negative keyword."""
    readers = [
        subscription(ANN),
        subscription(BOB, ["pruning"]),
        subscription(CYD, ["quantization", "-birds"]),
    ]
    source = ListSource([*papers(papers_there), paper("Quantization of birds", key="arxiv:2606.77777"), paper("Fish")])
    return newsletter(store, source, transport=transport, clock=clock, subscriptions=readers)


def two_days(store: Store, *failures: Exception) -> Newsletter:
    """A run today and one tomorrow; the first messages fail as told."""
    clock = FixedClock(NOON)
    house = house_of(store, MemoryTransport(failures), clock)  # type: ignore[arg-type]
    run(house)
    clock.advance(days=1)
    run(house)
    return house


def test_all_papers_of_all_slots_have_their_place(store: Store) -> None:
    done = audit(two_days(store, DeliveryRejected("550 no"), DeliveryDeferred("451 later")))
    assert done.faults == []
    assert sum(done.places.values()) == done.candidates
    assert done.slots == 6
    assert done.places == {
        "sent": 10 + 5 + 4,
        "failed": 10,
        "carried over": 5 + 4,
        "below threshold": (1 + 16 + 1) + (1 + 16 + 1),
        "negative keyword": 2,
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DELETE FROM ledger WHERE paper_id = 1 AND subscriber_id = 1", "the ledger has 9 for it"),
        ("UPDATE ledger SET delivery_id = 4 WHERE delivery_id = 1", "the ledger has 0 for it"),
        ("DELETE FROM attempt WHERE event = 'sent' AND delivery_id = 1", "no attempt on record"),
        ("UPDATE paper SET first_seen = '2020-01-01 00:00:00.000000' WHERE id = 3", "are counted"),
        (
            "UPDATE plan SET content = json_set(content, '$.receipt.excluded', 99) WHERE delivery_id = 1",
            "more papers were chosen",
        ),
        ("UPDATE plan SET content = json_remove(content, '$.papers[0]') WHERE delivery_id = 1", "9 papers are planned"),
    ],
)
def test_what_does_not_add_up_is_told_with_reader_and_slot(
    store: Store, tmp_path: Path, change: str, told: str
) -> None:
    house = two_days(store)
    with closing(sqlite3.connect(tmp_path / "digestmail.db")) as connection, connection:
        assert connection.execute(change).rowcount
    faults = audit(house).faults
    assert any(told in fault for fault in faults), faults
    assert all(fault.startswith((f"{ANN} 2026-", f"{CYD} 2026-", f"{BOB} 2026-")) for fault in faults)


def test_what_waits_and_what_expired_is_counted_as_such(store: Store) -> None:
    clock = FixedClock(NOON)
    house = house_of(store, MemoryTransport([DeliveryDeferred("451")] * 99), clock)
    run(house)
    assert audit(house).places["deferred"] == 20
    clock.advance(days=6)
    run(house)
    assert audit(house).places["expired"] == 20
    assert audit(house).faults == []


def test_samples_that_gave_way_to_live_papers_are_counted_as_they_were(store: Store) -> None:
    clock = FixedClock(NOON)
    down = ListSource(error=SourceUnavailable("list", "refused"))
    samples = ListSource(papers(3), name="samples")
    house = newsletter(store, down, fallbacks=[samples], clock=clock, subscriptions=[subscription()])
    run(house)
    clock.advance(days=1)
    down.entries, down.error = [paper("Quantization live", key="arxiv:2606.55555")], None
    run(house)
    done = audit(house)
    assert (done.faults, done.places["sent"]) == ([], 4)


def test_the_way_of_a_paper_is_told_from_the_source_to_the_answer(store: Store) -> None:
    house = two_days(store, DeliveryDeferred("451 4.7.1 greylisted"))
    proof = prove(house, ANN, "2606.00000")
    assert proof.is_delivered
    told = [step.what for step in proof.steps]
    assert told[0] == "first seen, in list"
    assert told[1].startswith(f"promised in the issue of {TODAY}, place 1 of 10 <")
    assert told[2:4] == [
        "attempt 1: refused for now: 451 4.7.1 greylisted",
        "attempt 2: handed over up to the last step, which was put on record",
    ]
    assert told[4].startswith("attempt 2: accepted: kept <")
    assert [step.at for step in proof.steps] == sorted(step.at for step in proof.steps)


def test_a_paper_that_was_never_promised_is_explained(store: Store) -> None:
    proof = prove(two_days(store), CYD, "2606.77777")
    assert not proof.is_delivered
    assert (proof.delivery, proof.explained.verdict.name) == (None, "EXCLUDED")


def held(store: Store) -> Newsletter:
    house = newsletter(
        store,
        ListSource(papers(3)),
        transport=MemoryTransport([DeliveryAmbiguous("lost after the dot")]),
        subscriptions=[subscription()],
        on_ambiguous="hold",
    )
    run(house)
    return house


@pytest.mark.parametrize(
    ("decision", "then", "messages"),
    [
        (Decision.SENT, DeliveryStatus.SENT, 0),
        (Decision.AGAIN, DeliveryStatus.SENT, 1),
        (Decision.DROP, DeliveryStatus.CANCELLED, 0),
    ],
)
def test_a_person_decides_about_a_held_delivery(
    store: Store, decision: Decision, then: DeliveryStatus, messages: int
) -> None:
    house = held(store)
    resolve(house, 1, decision)
    run(house)
    [delivery] = store.deliveries.find()
    assert delivery.status is then
    assert len(house.transport.messages) == messages  # type: ignore[attr-defined]
    assert any(f"decided: {decision}" in attempt.note for attempt in store.deliveries.past(1))


def test_only_what_waits_for_a_person_is_decided(store: Store) -> None:
    house = two_days(store)
    with pytest.raises(InputError, match="delivery 1 is sent"):
        resolve(house, 1, Decision.AGAIN)
    with pytest.raises(InputError, match="no delivery 99"):
        resolve(house, 99, Decision.AGAIN)


def test_an_issue_is_sent_again_as_another_message_with_the_same_papers(store: Store) -> None:
    house = two_days(store)
    [before] = [one for one in store.deliveries.find(DeliveryStatus.SENT, email=ANN) if one.slot == TODAY]
    resend(house, before.id)
    run(house)
    after = store.deliveries.get(before.id)
    assert after is not None
    assert (after.status, after.generation) == (DeliveryStatus.SENT, 1)
    assert after.message_id != before.message_id
    assert [one.paper.key for one in after.papers] == [one.paper.key for one in before.papers]
    transport = house.transport
    assert isinstance(transport, MemoryTransport)
    assert {before.message_id, after.message_id} <= transport.messages.keys()
    assert audit(house).faults == []
    with pytest.raises(InputError, match="still on its way"):
        resend(house, resend(house, before.id).id)


def test_a_newsletter_that_runs_every_day_raises_no_alarm(store: Store) -> None:
    house = two_days(store)
    assert alarms(house, status(house)) == []


def test_a_newsletter_that_nobody_runs_any_more_is_overdue(store: Store) -> None:
    house = two_days(store)
    assert isinstance(house.clock, FixedClock)
    house.clock.advance(hours=26)
    assert alarms(house, status(house)) == []
    house.clock.advance(hours=25)
    [alarm] = alarms(house, status(house))
    assert alarm.startswith(f"overdue: 3 of 3 readers, since {TODAY + timedelta(days=2)}")


def test_what_is_held_or_waits_for_long_wakes_somebody(store: Store) -> None:
    house = held(store)
    assert alarms(house, status(house)) == ["held: 1, for 'digestmail resolve' to decide (the first is delivery 1)"]


def test_a_delivery_that_waits_for_half_a_day_wakes_somebody(store: Store) -> None:
    clock = FixedClock(NOON)
    house = newsletter(
        store,
        ListSource(papers(3)),
        transport=MemoryTransport([DeliveryDeferred("451 busy")]),
        clock=clock,
        subscriptions=[subscription()],
    )
    run(house)
    clock.advance(hours=12)
    assert alarms(house, status(house)) == []
    clock.advance(minutes=1)
    assert alarms(house, status(house)) == ["waiting: 1, the oldest since 2026-06-30 12:00 UTC: 451 busy"]


def test_a_source_that_is_silent_for_two_days_wakes_somebody(store: Store) -> None:
    clock = FixedClock(NOON)
    source = ListSource(papers(3))
    house = newsletter(store, source, clock=clock, subscriptions=[subscription()])
    run(house)
    source.error, source.entries = SourceUnavailable("list", "refused"), []
    for _ in range(2):
        clock.advance(days=1)
        run(house)
        assert alarms(house, status(house)) == []
    clock.advance(hours=1)
    run(house)
    assert alarms(house, status(house)) == ["silent: list has not answered since 2026-06-30 12:00 UTC: refused"]
