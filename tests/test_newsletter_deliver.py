"""A pass over the deliveries: lanes, commitments, stops, and messages that stay the same."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from builders import NOON, paper, papers, subscriber
from digestmail.errors import DeliveryAmbiguous, DeliveryDeferred, DeliveryRejected, StoreError, TransportUnavailable
from digestmail.model import AttemptEvent, Delivery, DeliveryStatus, Envelope, SubscriberStatus
from digestmail.newsletter import Newsletter, eventloop
from digestmail.newsletter.compose import plan_due
from digestmail.newsletter.deliver import DeliveryReport, Stop, deliver
from digestmail.newsletter.resolve import Decision, resolve
from digestmail.newsletter.turns import Turns
from digestmail.protocols import Commit
from digestmail.rendering.compile import Templates
from digestmail.storage.claims import Commitment, Turn
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, MemoryTransport
from newsletters import ROOT, newsletter


class Recorder(MemoryTransport):
    """Keeps the bytes of every attempt, also of those that end badly."""

    def __init__(self, failures: Iterable[Exception] = ()) -> None:
        super().__init__(failures)  # type: ignore[arg-type] # also others than ours
        self.attempts: list[bytes] = []

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        self.attempts.append(envelope.content)
        return await super().send(envelope, commit)


def planned(
    store: Store, transport: MemoryTransport, readers: int = 1, clock: FixedClock | None = None, **rules: str
) -> Newsletter:
    """A newsletter whose issues of today are planned."""
    store.subscribers.put([subscriber(f"reader{number}@example.org") for number in range(readers)])
    store.corpus.add(papers(3), NOON)
    house = newsletter(store, transport=transport, clock=clock or FixedClock(NOON), **rules)  # type: ignore[arg-type]
    plan_due(house, NOON)
    return house


def statuses(store: Store) -> dict[DeliveryStatus, int]:
    return store.deliveries.count_by_status()


def past(store: Store) -> list[AttemptEvent]:
    [delivery] = store.deliveries.find()
    return [attempt.event for attempt in store.deliveries.past(delivery.id)]


def edit_template(folder: Path) -> None:
    body = folder / "issue" / "body.txt"
    body.write_text(body.read_text(encoding="utf-8") + "\nA new last line.\n", encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda store, _: store.corpus.add([replace(papers(3)[0], abstract="Now it is told.", upvotes=99)], NOON),
        lambda store, _: store.subscribers.put(
            [subscriber("reader0@example.org", ["pruning"], language="fr", timezone="Asia/Tokyo")]
        ),
        lambda _, folder: edit_template(folder),
        lambda _, folder: shutil.rmtree(folder / "issue"),
    ],
    ids=["paper", "reader", "template", "template gone"],
)
def test_every_attempt_is_the_same_to_the_byte_whatever_changes_in_between(
    store: Store, tmp_path: Path, change: Callable[[Store, Path], object]
) -> None:
    folder = tmp_path / "templates"
    shutil.copytree(ROOT / "templates", folder)
    transport = Recorder([DeliveryDeferred("451 later")])
    house = replace(planned(store, transport), templates=Templates(folder))
    deliver(house)
    change(store, folder)
    deliver(house)
    assert statuses(store) == {DeliveryStatus.SENT: 1}
    first, second = transport.attempts
    assert first == second


def test_the_commitment_is_stored_before_what_cannot_be_taken_back(store: Store) -> None:
    house = planned(store, Recorder())
    deliver(house)
    assert past(store) == [AttemptEvent.COMMITTED, AttemptEvent.SENT]


def test_a_deferral_before_the_dot_commits_to_nothing(store: Store) -> None:
    deliver(planned(store, Recorder([DeliveryDeferred("451 later", code="4.2.0")])))
    assert past(store) == [AttemptEvent.DEFERRED]
    assert store.deliveries.find()[0].code == "4.2.0"


def test_an_ambiguous_end_is_tried_once_more_with_the_same_bytes(store: Store) -> None:
    transport = Recorder([DeliveryAmbiguous("connection lost after the dot")])
    house = planned(store, transport)
    deliver(house)
    assert statuses(store) == {DeliveryStatus.DEFERRED: 1}
    deliver(house)
    assert statuses(store) == {DeliveryStatus.SENT: 1}
    assert past(store) == [
        AttemptEvent.COMMITTED,
        AttemptEvent.AMBIGUOUS,
        AttemptEvent.COMMITTED,
        AttemptEvent.SENT,
    ]
    assert len(set(transport.attempts)) == 1


def test_a_second_ambiguous_end_waits_for_a_person(store: Store) -> None:
    house = planned(store, Recorder([DeliveryAmbiguous("lost"), DeliveryAmbiguous("lost")]))
    deliver(house)
    assert deliver(house).counts == {DeliveryStatus.HELD: 1}
    assert deliver(house).counts == {}


def test_whoever_prefers_it_has_ambiguous_ends_held(store: Store) -> None:
    house = planned(store, Recorder([DeliveryAmbiguous("lost")]), on_ambiguous="hold")
    deliver(house)
    assert statuses(store) == {DeliveryStatus.HELD: 1}


def test_a_message_that_may_have_been_accepted_is_never_followed_by_another_text(store: Store) -> None:
    house = planned(store, Recorder([DeliveryAmbiguous("lost")]))
    deliver(house)
    renamed = replace(house.mailing_list, sender_name="Somebody Else")
    deliver(replace(house, mailing_list=renamed))
    [held] = store.deliveries.find()
    assert held.status is DeliveryStatus.HELD
    assert "digestmail resolve" in held.note
    resolve(house, held.id, Decision.AGAIN)
    deliver(replace(house, mailing_list=renamed))
    assert statuses(store) == {DeliveryStatus.SENT: 1}


def test_what_a_server_asks_for_counts_more_than_our_own_back_off(store: Store) -> None:
    wait = timedelta(hours=2)
    house = planned(store, Recorder([DeliveryDeferred("451 try again in 2 hours", retry_after=wait)]))
    deliver(house)
    assert store.deliveries.find()[0].next_at == NOON + wait
    assert deliver(house).counts == {}


def test_a_clock_that_is_set_back_makes_nothing_due_twice_in_one_pass(store: Store) -> None:
    clock = FixedClock(NOON)

    class Back(Recorder):
        async def send(self, envelope: Envelope, commit: Commit) -> str:
            clock.advance(hours=-2)
            return await super().send(envelope, commit)

    transport = Back([DeliveryDeferred("451 later")] * 3)
    deliver(planned(store, transport, clock=clock))
    assert len(transport.attempts) == 1


def test_someone_who_unsubscribes_after_planning_gets_nothing(store: Store) -> None:
    transport = Recorder()
    house = planned(store, transport)
    store.subscribers.put([subscriber("reader0@example.org", status=SubscriberStatus.UNSUBSCRIBED)])
    deliver(house)
    assert transport.attempts == []
    assert statuses(store) == {DeliveryStatus.CANCELLED: 1}


class Together(Recorder):
    """Takes nothing until ``number`` messages are there."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.lanes = max(8, number)
        self.waiting = 0
        self.all_here = asyncio.Event()

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        self.waiting += 1
        if self.waiting == self.number:
            self.all_here.set()
        await self.all_here.wait()
        return await super().send(envelope, commit)


@pytest.fixture
def commitments(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many share each transaction."""
    numbers: list[int] = []
    open_turn = store.claims.open_turn

    def counted(*arguments: object, **options: object) -> object:
        numbers.append(len(options["commitments"]))  # type: ignore[arg-type]
        return open_turn(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store.claims, "open_turn", counted)
    return numbers


def test_lanes_send_at_once_and_share_transactions(store: Store, commitments: list[int]) -> None:
    house = planned(store, Together(8), readers=8)
    assert deliver(house).counts == {DeliveryStatus.SENT: 8}
    assert max(commitments) == 8
    assert len(commitments) <= 6


def test_of_many_lanes_some_send_while_others_wait_for_the_disk(store: Store, commitments: list[int]) -> None:
    house = planned(store, Together(48), readers=48)
    assert deliver(house).counts == {DeliveryStatus.SENT: 48}
    assert [number for number in commitments if number] == [24, 24]


def test_a_timer_that_goes_off_early_takes_no_company_away(
    store: Store, commitments: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = planned(store, MemoryTransport(), readers=1)
    now = 0.0
    monkeypatch.setattr("digestmail.newsletter.turns.monotonic", lambda: now)

    async def scene() -> None:
        nonlocal now
        turns = Turns(store.claims, house.clock, lanes=2, due=NOON)
        turns._seconds = 0.001
        claiming = asyncio.ensure_future(turns.claim())
        await asyncio.sleep(0.01)  # the timer is due before this one
        assert not commitments
        now = 0.001
        assert await claiming
        await turns.close()

    eventloop.run(scene())


def test_what_was_claimed_ahead_is_given_back_when_the_pass_ends(store: Store) -> None:
    stop = Stop()

    class Last(Recorder):
        lanes = 1

        async def send(self, envelope: Envelope, commit: Commit) -> str:
            reply = await super().send(envelope, commit)
            stop.ask()
            await asyncio.sleep(0)  # the loop hears of it
            await asyncio.sleep(0)
            return reply

    house = planned(store, Last(), readers=3)
    assert deliver(house, stop=stop).counts == {DeliveryStatus.SENT: 1}
    assert statuses(store) == {DeliveryStatus.SENT: 1, DeliveryStatus.DEFERRED: 1, DeliveryStatus.PLANNED: 1}
    assert [one.attempts for one in store.deliveries.find(DeliveryStatus.DEFERRED)] == [0]
    assert deliver(replace(house, transport=Recorder())).counts == {DeliveryStatus.SENT: 2}


def test_nobody_is_told_that_nothing_is_due_while_something_waits(store: Store) -> None:
    house = planned(store, MemoryTransport(), readers=6)

    async def scene() -> Delivery | None:
        turns = Turns(store.claims, house.clock, lanes=1, due=NOON, only=None)
        first = await turns.claim()
        assert first
        committing = asyncio.ensure_future(turns.commit(Commitment(first, "")))
        await asyncio.sleep(0)  # its transaction has begun, which claims one ahead
        asking = asyncio.ensure_future(turns.claim())
        await committing
        assert await turns.claim(), "this is the one ahead"
        found = await asking
        await turns.close()
        return found

    assert asyncio.run(scene())


def test_a_lane_needs_one_transaction_a_message(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class One(Recorder):
        lanes = 1

    house = planned(store, One(), readers=6)
    turns: list[int] = []
    turn = store.claims.open_turn

    def counted(*arguments: object, **options: object) -> object:
        turns.append(len(options["commitments"]))  # type: ignore[arg-type]
        return turn(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store.claims, "open_turn", counted)
    assert deliver(house).counts == {DeliveryStatus.SENT: 6}
    assert sum(turns) == 6
    assert len(turns) <= 1 + 6 + 1


class Stopping(Recorder):
    """Asks the pass to stop while the first message is under way."""

    lanes = 1

    def __init__(self, stop: Stop, times: int) -> None:
        super().__init__()
        self.stop, self.times = stop, times

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        for _ in range(self.times):
            self.stop.ask()
        await asyncio.sleep(0)  # the loop hears of it
        await asyncio.sleep(0)
        return await super().send(envelope, commit)


def test_a_stop_finishes_what_is_under_way_and_begins_nothing_more(store: Store) -> None:
    stop = Stop()
    report = deliver(planned(store, Stopping(stop, times=1), readers=3), stop=stop)
    assert report.stopped
    assert statuses(store) == {DeliveryStatus.SENT: 1, DeliveryStatus.PLANNED: 2}


def test_a_second_stop_leaves_what_is_under_way_to_the_next_pass(store: Store) -> None:
    stop = Stop()
    house = planned(store, Stopping(stop, times=2), readers=3)
    deliver(house, stop=stop)
    assert statuses(store) == {DeliveryStatus.DEFERRED: 1, DeliveryStatus.PLANNED: 2}
    assert deliver(replace(house, transport=Recorder())).counts == {DeliveryStatus.SENT: 3}


def test_lanes_that_wait_for_the_transport_hear_of_a_stop(store: Store) -> None:
    stop = Stop()

    class Slow(Recorder):
        async def ready(self) -> None:
            asyncio.get_running_loop().call_soon(stop.ask)
            await asyncio.Event().wait()

    report = deliver(planned(store, Slow()), stop=stop)
    assert report.stopped
    assert statuses(store) == {DeliveryStatus.PLANNED: 1}


def test_a_transport_that_takes_nothing_ends_the_pass_before_anything_is_claimed(store: Store) -> None:
    class Closed(Recorder):
        async def ready(self) -> None:
            raise TransportUnavailable("all relays are down")

    report = deliver(planned(store, Closed()))
    assert report.unavailable == "all relays are down"
    assert store.deliveries.find()[0].attempts == 0


def test_a_result_that_the_store_does_not_take_is_not_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    house = planned(store, Recorder())
    turn = store.claims.open_turn

    def full_disk(*arguments: object, **options: object) -> object:
        if options["settlements"]:
            raise StoreError("store: database or disk is full")
        return turn(*arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(store.claims, "open_turn", full_disk)
        with pytest.raises(StoreError, match="disk is full"):
            deliver(house)
    assert statuses(store) == {DeliveryStatus.SENDING: 1}
    assert deliver(house).counts == {}
    assert statuses(store) == {DeliveryStatus.SENT: 1}
    assert len(house.transport.attempts) == 1  # type: ignore[attr-defined]


def test_a_result_that_cannot_be_made_durable_is_not_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    house = planned(store, Recorder())
    open_turn = store.claims.open_turn

    def broken_disk() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    @contextmanager
    def opened(*arguments: object, **options: object) -> Iterator[Turn]:
        with open_turn(*arguments, **options) as turn:  # type: ignore[arg-type]
            yield replace(turn, commit=broken_disk) if options["settlements"] else turn

    with monkeypatch.context() as patched:
        patched.setattr(store.claims, "open_turn", opened)
        with pytest.raises(StoreError, match="disk I/O error"):
            deliver(house)
    assert statuses(store) == {DeliveryStatus.SENDING: 1}
    assert deliver(house).counts == {}
    assert statuses(store) == {DeliveryStatus.SENT: 1}
    assert len(house.transport.attempts) == 1  # type: ignore[attr-defined]


def test_a_mistake_of_ours_in_one_lane_lets_the_others_finish(store: Store) -> None:
    transport = Together(4)
    transport.failures = [ZeroDivisionError("a mistake")]  # type: ignore[list-item]
    house = planned(store, transport, readers=4)
    with pytest.raises(ZeroDivisionError):
        deliver(house)
    assert statuses(store) == {DeliveryStatus.SENT: 3, DeliveryStatus.DEFERRED: 1}


def test_a_pass_with_nothing_to_do_says_so(store: Store) -> None:
    assert deliver(newsletter(store)) == DeliveryReport()


def test_an_issue_is_planned_with_the_template_of_that_moment(store: Store) -> None:
    planned(store, Recorder())
    [delivery] = store.deliveries.find()
    parts = store.deliveries.template(delivery.template or "")
    assert parts is not None
    assert parts["text"]["source"] == (ROOT / "templates" / "issue" / "body.txt").read_text(encoding="utf-8")


def test_an_address_that_the_server_does_not_know_counts_and_is_suppressed_by_the_second_issue(store: Store) -> None:
    clock = FixedClock(NOON)
    refusals = [DeliveryRejected("550 5.1.1 no such user", code="5.1.1", about_address=True) for _ in range(2)]
    house = planned(store, Recorder(refusals), clock=clock)
    deliver(house)
    assert store.subscribers.all()[0].status is SubscriberStatus.ACTIVE
    clock.advance(days=1)
    store.corpus.add([paper("Quantization, a day later", key="arxiv:2607.00001")], clock())
    plan_due(house, clock())
    deliver(house)
    assert store.subscribers.all()[0].status is SubscriberStatus.SUPPRESSED


def test_a_refusal_for_policy_is_no_fault_of_the_reader(store: Store) -> None:
    deliver(planned(store, Recorder([DeliveryRejected("554 5.7.1 spam", code="5.7.1")])))
    assert store.subscribers.all()[0].status is SubscriberStatus.ACTIVE
    assert statuses(store) == {DeliveryStatus.FAILED: 1}
