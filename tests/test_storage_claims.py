"""Claims: one owner at a time, nothing forgotten, whoever dies."""

import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from builders import NOON, issue, papers, subscriber
from digestmail.errors import StoreError
from digestmail.model import AttemptEvent, Delivery, DeliveryStatus, SubscriberStatus
from digestmail.storage import database, owners
from digestmail.storage.claims import LEASE, MOST_CRASHES, Commitment, Settlement
from digestmail.storage.store import Store

SENT = (DeliveryStatus.SENT, AttemptEvent.SENT)
DEAD = owners.this_process().rpartition(" ")[0] + " 1"  # our number, started just after the machine
LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def full(store: Store) -> Store:
    """A store with one reader, five papers, and one delivery that waits."""
    store.subscribers.put([subscriber()])
    store.corpus.add(papers(5), NOON)
    store.deliveries.plan([issue(papers(3))])
    return store


@pytest.fixture
def other(full: Store, tmp_path: Path) -> Iterable[Store]:
    """The same store, opened by another process."""
    other = Store(f"sqlite:///{tmp_path / 'digestmail.db'}", owner="elsewhere boot ns 1 1")
    yield other
    other.close()


def claim(store: Store, now: datetime = NOON, wanted: int = 9) -> list[Delivery]:
    return store.claims.turn(now, wanted=wanted).claimed


def commit(store: Store, delivery: Delivery, now: datetime = NOON) -> bool:
    return not store.claims.turn(now, commitments=[Commitment(delivery, "ab12")]).lost


def settle(
    store: Store, delivery: Delivery, status: DeliveryStatus, event: AttemptEvent, next_at: datetime | None = None
) -> bool:
    settlement = Settlement(delivery, status, event, "2.0.0", "noted", next_at)
    return not store.claims.turn(NOON, settlements=[settlement]).lost


def recover(store: Store, now: datetime = NOON, *, resend: bool = True) -> None:
    store.claims.recover(now, expires_after=timedelta(days=5), resend=resend)


def only(store: Store) -> Delivery:
    [delivery] = store.deliveries.find()
    return delivery


def past(store: Store) -> list[AttemptEvent]:
    return [attempt.event for attempt in store.deliveries.past(only(store).id)]


def test_what_was_claimed_is_claimed_once(full: Store, other: Store) -> None:
    [mine] = claim(full)
    assert (mine.status, mine.fence, mine.attempts) == (DeliveryStatus.SENDING, 1, 1)
    assert claim(other) == []


def test_what_was_claimed_reads_its_plan_when_it_is_asked(full: Store, other: Store) -> None:
    [delivery] = claim(full)
    [known] = other.deliveries.find()
    assert delivery.email == known.email
    assert (delivery.papers, delivery.receipt, delivery.subscriber) == (known.papers, known.receipt, known.subscriber)


def test_the_longest_waiting_are_claimed_first_and_no_more_than_wanted(full: Store) -> None:
    for number in range(3):
        reader = subscriber(f"reader{number}@example.org")
        full.subscribers.put([reader])
        full.deliveries.plan([issue(papers(1), reader)])
    assert [one.subscriber.email for one in claim(full, wanted=2)] == ["reader@example.org", "reader0@example.org"]


def test_what_was_sent_rests(full: Store) -> None:
    [delivery] = claim(full)
    assert commit(full, delivery)
    assert settle(full, delivery, *SENT)
    sent = only(full)
    assert (sent.status, sent.code, sent.note, sent.digest) == (DeliveryStatus.SENT, "2.0.0", "noted", "ab12")
    assert past(full) == [AttemptEvent.COMMITTED, AttemptEvent.SENT]
    recover(full, NOON + timedelta(days=30))
    assert claim(full, NOON + timedelta(days=30)) == []


def test_what_was_deferred_is_due_when_its_time_has_come(full: Store) -> None:
    [delivery] = claim(full)
    settle(full, delivery, DeliveryStatus.DEFERRED, AttemptEvent.DEFERRED, LATER)
    assert claim(full) == []
    assert claim(full, LATER)


def test_a_hurry_makes_due_what_was_deferred_for_a_while(full: Store) -> None:
    [delivery] = claim(full)
    settle(full, delivery, DeliveryStatus.DEFERRED, AttemptEvent.DEFERRED, LATER)
    full.claims.hurry(NOON, within=timedelta(hours=1), only="somebody@example.org")
    full.claims.hurry(NOON, within=timedelta(minutes=4))
    assert claim(full) == []
    full.claims.hurry(NOON, within=timedelta(minutes=5), only="Reader@example.org")
    assert claim(full)


def test_what_was_given_back_untried_is_due_at_once_and_has_no_attempt(full: Store) -> None:
    [delivery] = claim(full)
    back = Settlement(delivery, DeliveryStatus.DEFERRED, AttemptEvent.RELEASED, note="down", next_at=NOON, tried=False)
    full.claims.turn(NOON, settlements=[back])
    assert claim(full)[0].attempts == 1


def test_a_lease_that_ran_out_lets_another_take_over_and_the_slow_one_stops_before_the_dot(
    full: Store, other: Store
) -> None:
    [slow] = claim(other)
    recover(full, NOON + LEASE)
    assert claim(full, NOON + LEASE) == []
    late = NOON + LEASE + timedelta(seconds=1)
    recover(full, late)
    [quick] = claim(full, late)
    assert not commit(other, slow)
    assert commit(full, quick)
    assert settle(full, quick, *SENT)
    assert not settle(other, slow, DeliveryStatus.FAILED, AttemptEvent.FAILED)
    assert only(full).status is DeliveryStatus.SENT
    assert past(full).count(AttemptEvent.STALE) == 2


def test_a_commitment_begins_the_lease_anew(full: Store, other: Store) -> None:
    [slow] = claim(other)
    assert commit(other, slow, NOON + LEASE)
    recover(full, NOON + LEASE + timedelta(minutes=1))
    assert only(full).status is DeliveryStatus.SENDING


def test_a_dead_owner_is_seen_at_once(full: Store, tmp_path: Path) -> None:
    dead = Store(f"sqlite:///{tmp_path / 'digestmail.db'}", owner=DEAD)
    claim(dead)
    dead.close()
    recover(full)
    assert (only(full).status, only(full).crashes) == (DeliveryStatus.DEFERRED, 1)
    assert past(full) == [AttemptEvent.CRASHED]
    assert claim(full)


def test_death_after_the_commitment_is_ambiguous_and_tried_once_more(full: Store, tmp_path: Path) -> None:
    for expected in (DeliveryStatus.DEFERRED, DeliveryStatus.HELD):
        dead = Store(f"sqlite:///{tmp_path / 'digestmail.db'}", owner=DEAD)
        [delivery] = claim(dead)
        commit(dead, delivery)
        dead.close()
        recover(full)
        assert only(full).status is expected
    assert (only(full).ambiguous, only(full).crashes) == (2, 0)
    assert past(full).count(AttemptEvent.AMBIGUOUS) == 2
    assert claim(full) == []


def test_whoever_prefers_it_has_ambiguous_deliveries_held(full: Store, tmp_path: Path) -> None:
    dead = Store(f"sqlite:///{tmp_path / 'digestmail.db'}", owner=DEAD)
    [delivery] = claim(dead)
    commit(dead, delivery)
    dead.close()
    recover(full, resend=False)
    assert only(full).status is DeliveryStatus.HELD
    assert "nobody knows" in only(full).note


def test_a_delivery_that_kills_whoever_sends_it_is_held(full: Store, tmp_path: Path) -> None:
    for _ in range(MOST_CRASHES):
        assert only(full).status is not DeliveryStatus.HELD
        dead = Store(f"sqlite:///{tmp_path / 'digestmail.db'}", owner=DEAD)
        claim(dead)
        dead.close()
        recover(full)
    assert only(full).status is DeliveryStatus.HELD
    assert "3 times" in only(full).note


def test_whoever_unsubscribed_is_not_claimed_for_and_what_waits_is_cancelled(full: Store) -> None:
    full.subscribers.put([subscriber(status=SubscriberStatus.UNSUBSCRIBED)])
    assert claim(full) == []
    recover(full)
    assert (only(full).status, only(full).note) == (DeliveryStatus.CANCELLED, "no longer subscribed")
    full.subscribers.put([subscriber()])
    assert claim(full) == []


def test_what_was_planned_before_a_pause_is_neither_cancelled_nor_lost(full: Store) -> None:
    full.subscribers.put([subscriber(status=SubscriberStatus.PAUSED)])
    recover(full)
    assert only(full).status is DeliveryStatus.PLANNED
    assert [delivery.email for delivery in claim(full)] == ["reader@example.org"]


def test_those_who_left_do_not_stand_in_the_way_of_the_others(full: Store) -> None:
    gone = [subscriber(f"gone{number}@example.org") for number in range(3)]
    full.subscribers.put(gone)
    full.deliveries.plan([issue(papers(1), reader) for reader in gone])
    full.subscribers.put([subscriber(one.email, status=SubscriberStatus.UNSUBSCRIBED) for one in gone])
    assert [delivery.subscriber.email for delivery in claim(full, wanted=2)] == ["reader@example.org"]


def test_what_could_not_be_delivered_in_days_has_failed(full: Store) -> None:
    [delivery] = claim(full)
    settle(full, delivery, DeliveryStatus.DEFERRED, AttemptEvent.DEFERRED, LATER)
    recover(full, NOON + timedelta(days=5))
    assert only(full).status is DeliveryStatus.DEFERRED
    recover(full, NOON + timedelta(days=5, seconds=1))
    assert (only(full).status, past(full)[-1]) == (DeliveryStatus.FAILED, AttemptEvent.EXPIRED)


def test_claims_can_be_for_one_subscriber(full: Store) -> None:
    full.subscribers.put([subscriber("other@example.org")])
    full.deliveries.plan([issue(papers(1), subscriber("other@example.org"))])
    [mine] = full.claims.turn(NOON, wanted=9, only="Other@example.org").claimed
    assert mine.subscriber.email == "other@example.org"


def test_one_transaction_settles_commits_and_claims(full: Store) -> None:
    readers = [subscriber(f"reader{number}@example.org") for number in range(3)]
    full.subscribers.put(readers)
    full.deliveries.plan([issue(papers(1), reader) for reader in readers])
    first, second = claim(full, wanted=2)
    turn = full.claims.turn(
        NOON, settlements=[Settlement(first, *SENT)], commitments=[Commitment(second, "cd34")], wanted=1
    )
    assert (turn.lost, len(turn.claimed)) == (set(), 1)
    assert full.deliveries.count_by_status() == {
        DeliveryStatus.SENT: 1,
        DeliveryStatus.SENDING: 2,
        DeliveryStatus.PLANNED: 1,
    }


def test_a_result_that_the_database_did_not_take_is_stored_by_the_next_pass(full: Store, tmp_path: Path) -> None:
    full.claims.reserve()
    [delivery] = claim(full)
    commit(full, delivery)
    full.claims.remember([Settlement(delivery, *SENT, "2.0.0", "queued as 7")], NOON)
    recover(full, LATER)
    sent = only(full)
    assert (sent.status, sent.note, sent.settled_at) == (DeliveryStatus.SENT, "queued as 7", NOON)
    assert past(full) == [AttemptEvent.COMMITTED, AttemptEvent.SENT]
    assert not (tmp_path / "digestmail.db.results").exists()


def test_what_the_journal_says_too_late_changes_nothing(full: Store, other: Store) -> None:
    [slow] = claim(other)
    late = NOON + 2 * LEASE
    recover(full, late)
    [quick] = claim(full, late)
    settle(full, quick, *SENT)
    other.claims.remember([Settlement(slow, DeliveryStatus.FAILED, AttemptEvent.FAILED)], late)
    recover(full, late)
    assert only(full).status is DeliveryStatus.SENT


def test_the_journal_has_its_room_before_anything_is_sent(full: Store, tmp_path: Path) -> None:
    full.claims.reserve()
    journal = tmp_path / "digestmail.db.results"
    room = journal.stat().st_blocks
    [delivery] = claim(full)
    for _ in range(100):
        full.claims.remember([Settlement(delivery, *SENT, note="250 " + "x" * 190)], NOON)
    assert journal.stat().st_blocks == room


def test_nothing_is_claimed_on_a_disk_that_is_nearly_full(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_LEAST_ROOM", 1 << 60)
    with pytest.raises(StoreError, match="the disk is nearly full"):
        claim(full)
    assert only(full).status is DeliveryStatus.PLANNED


def test_this_process_is_alive_and_one_that_ended_is_dead() -> None:
    code = "from digestmail.storage.owners import this_process; print(this_process())"
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    assert not owners.is_dead(owners.this_process())
    assert owners.is_dead(ended)


@pytest.mark.parametrize("owner", ["", "x", "elsewhere - - 1 1", f"{os.uname().nodename} x"])
def test_what_cannot_be_judged_is_not_called_dead(owner: str) -> None:
    assert not owners.is_dead(owner)


def test_a_process_from_before_the_machine_was_started_is_dead() -> None:
    host, _, namespace, pid, started = owners.this_process().split()
    assert owners.is_dead(f"{host} another-boot {namespace} {pid} {started}")
