"""The daily run: nothing lost, nothing repeated."""

import email
import email.policy
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import NOON, TODAY, paper, papers, subscriber
from digestmail.errors import (
    DeliveryDeferred,
    DeliveryRejected,
    InputError,
    SourceUnavailable,
    TemplateError,
    TransportUnavailable,
)
from digestmail.model import DeliveryStatus, Envelope, Origin, SubscriberStatus
from digestmail.newsletter.preview import preview
from digestmail.newsletter.run import run
from digestmail.newsletter.subscribe import subscribe, unsubscribe
from digestmail.protocols import Commit
from digestmail.rendering.compile import Templates
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, ListSource, MemoryTransport
from newsletters import newsletter, subscription

TOMORROW = TODAY + timedelta(days=1)


def sent_keys(store: Store, address: str = "reader@example.org") -> list[str]:
    return [
        ranked.paper.key
        for delivery in store.deliveries.find(DeliveryStatus.SENT, email=address)
        for ranked in delivery.papers
    ]


def statuses(store: Store) -> list[DeliveryStatus]:
    return [delivery.status for delivery in store.deliveries.find()]


def test_a_run_sends_each_reader_their_own_papers(store: Store) -> None:
    transport = MemoryTransport()
    readers = [subscription("ann@example.org", ["attention"]), subscription("bob@example.org", ["pruning"])]
    run(
        newsletter(
            store,
            ListSource([paper("Attention", key="arxiv:2606.00001"), paper("Pruning", key="arxiv:2606.00002")]),
            transport=transport,
            subscriptions=readers,
        )
    )
    assert {message.rcpt_to for message in transport.messages.values()} == {"ann@example.org", "bob@example.org"}
    assert sent_keys(store, "ann@example.org") == ["arxiv:2606.00001"]
    assert sent_keys(store, "bob@example.org") == ["arxiv:2606.00002"]


def test_a_second_run_on_the_same_day_sends_nothing(store: Store) -> None:
    transport = MemoryTransport()
    house = newsletter(store, ListSource(papers(30)), transport=transport, subscriptions=[subscription()])
    run(house)
    second = run(house)
    assert len(transport.messages) == 1
    assert second.issues == []
    assert second.delivered.counts == {}


def test_what_did_not_fit_comes_the_next_day_and_nothing_comes_twice(store: Store) -> None:
    clock = FixedClock(NOON)
    house = newsletter(store, ListSource(papers(25)), clock=clock, subscriptions=[subscription()])
    counts = []
    for _ in range(4):
        counts.append(sum(len(issue.papers) for issue in run(house).issues))
        clock.advance(days=1)
    assert counts == [10, 10, 5, 0]
    assert sorted(sent_keys(store)) == [one.key for one in papers(25)]


def test_a_paper_is_a_candidate_for_seven_days(store: Store) -> None:
    clock = FixedClock(NOON)
    source = ListSource(papers(25))
    house = newsletter(store, source, clock=clock, subscriptions=[subscription()])
    run(house)
    source.entries = []
    clock.advance(days=8)
    assert [issue.papers for issue in run(house).issues] == [()]


def test_a_weekly_issue_misses_nothing_that_came_just_after_the_last_one(store: Store) -> None:
    clock = FixedClock(NOON)
    source = ListSource(papers(3))
    weekly = [subscription(cadence="weekly:tue")]
    house = newsletter(store, source, clock=clock, subscriptions=weekly)
    run(house)
    clock.advance(minutes=1)
    source.entries = [paper("Quantization, just after", key="arxiv:2606.99999")]
    run(house)
    source.entries = []
    clock.advance(days=7, hours=2)
    [issue] = run(house).issues
    assert [ranked.paper.key for ranked in issue.papers] == ["arxiv:2606.99999"]


def test_days_that_were_missed_come_in_one_issue(store: Store) -> None:
    clock = FixedClock(NOON)
    source = ListSource([])
    house = newsletter(store, source, clock=clock, subscriptions=[subscription()])
    run(house)
    clock.advance(days=3)
    source.entries = [*papers(6)]
    [issue] = run(house).issues
    assert (issue.slot, len(issue.papers)) == (TODAY + timedelta(days=3), 6)


def test_a_quiet_day_sends_nothing_and_says_why(store: Store) -> None:
    transport = MemoryTransport()
    house = newsletter(store, ListSource([paper("Birds")]), transport=transport, subscriptions=[subscription()])
    run(house)
    assert transport.messages == {}
    assert store.deliveries.find()[0].note == "none of 1 new papers matched"


def test_a_quiet_day_can_send_a_short_note(store: Store) -> None:
    transport = MemoryTransport()
    house = newsletter(
        store, ListSource([paper("Birds")]), transport=transport, subscriptions=[subscription()], send_empty=True
    )
    run(house)
    [message] = transport.messages.values()
    assert "No new papers" in str(email.message_from_bytes(message.content, policy=email.policy.default)["Subject"])


def test_papers_that_come_later_on_a_quiet_day_are_sent_that_day(store: Store) -> None:
    source = ListSource([])
    house = newsletter(store, source, subscriptions=[subscription()])
    run(house)
    source.entries = [*papers(2)]
    run(house)
    assert len(sent_keys(store)) == 2


def test_a_deferred_message_goes_out_with_the_next_run_and_is_the_same_to_the_byte(store: Store) -> None:
    clock = FixedClock(NOON)
    first = _Recording([DeliveryDeferred("451 greylisted")])
    house = newsletter(store, ListSource(papers(3)), transport=first, clock=clock, subscriptions=[subscription()])
    report = run(house)
    assert report.delivered.counts[DeliveryStatus.DEFERRED] == 1
    assert "451 greylisted" in report.delivered.problems[0]
    clock.advance(hours=1)
    run(house)
    assert statuses(store) == [DeliveryStatus.SENT]
    assert len(first.seen) == 2
    assert first.seen[0] == first.seen[1]


class _Recording(MemoryTransport):
    """Also keeps what it refuses."""

    def __init__(self, failures: list[DeliveryDeferred]) -> None:
        super().__init__(failures)
        self.seen: list[bytes] = []

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        self.seen.append(envelope.content)
        return await super().send(envelope, commit)


def test_a_message_refused_for_good_is_kept_and_does_not_hold_up_others(store: Store) -> None:
    transport = MemoryTransport([DeliveryRejected("550 no such user")])
    readers = [subscription("gone@example.org"), subscription("here@example.org")]
    report = run(newsletter(store, ListSource(papers(3)), transport=transport, subscriptions=readers))
    assert report.needs_attention
    assert [message.rcpt_to for message in transport.messages.values()] == ["here@example.org"]
    [failed] = store.deliveries.find(DeliveryStatus.FAILED)
    assert (failed.subscriber.email, failed.note) == ("gone@example.org", "550 no such user")


def test_when_nothing_can_go_out_the_run_stops_and_the_next_one_completes(store: Store) -> None:
    transport = MemoryTransport([TransportUnavailable("smtp mail.example.org:587: connection refused")])
    readers = [subscription(f"reader{number}@example.org") for number in range(45)]
    house = newsletter(store, ListSource(papers(3)), transport=transport, subscriptions=readers)
    report = run(house)
    assert report.delivered.unavailable == "smtp mail.example.org:587: connection refused"
    assert transport.messages == {}
    assert run(house).delivered.counts == {DeliveryStatus.SENT: 45}
    assert len(transport.messages) == 45


def test_a_crash_in_mid_batch_costs_nobody_their_issue(store: Store) -> None:
    class Dying(MemoryTransport):
        async def send(self, envelope: Envelope, commit: Commit) -> str:
            if len(self.messages) == 3:
                raise KeyboardInterrupt
            return await super().send(envelope, commit)

    dying = Dying()
    readers = [subscription(f"reader{number}@example.org") for number in range(10)]
    with pytest.raises(KeyboardInterrupt):
        run(newsletter(store, ListSource(papers(3)), transport=dying, subscriptions=readers))
    transport = MemoryTransport()
    run(newsletter(store, ListSource(papers(3)), transport=transport, subscriptions=readers))
    addresses = [message.rcpt_to for message in (*dying.messages.values(), *transport.messages.values())]
    assert sorted(addresses) == sorted(f"reader{number}@example.org" for number in range(10))


def test_a_broken_template_sends_nothing_and_loses_nothing(store: Store, tmp_path: Path) -> None:
    house = newsletter(store, ListSource(papers(3)), subscriptions=[subscription()])
    with pytest.raises(TemplateError):
        run(replace(house, templates=Templates(tmp_path)))
    run(house)
    assert statuses(store) == [DeliveryStatus.SENT]


def test_a_dry_run_says_what_would_be_sent_and_leaves_no_trace(store: Store) -> None:
    transport = MemoryTransport()
    house = newsletter(store, ListSource(papers(3)), transport=transport, subscriptions=[subscription()])
    report = run(house, dry_run=True)
    assert [len(issue.papers) for issue in report.issues] == [3]
    assert (transport.messages, store.corpus.count(), store.subscribers.all(), store.deliveries.find()) == (
        {},
        0,
        [],
        [],
    )


def test_a_run_can_be_for_one_subscriber(store: Store) -> None:
    readers = [subscription("ann@example.org"), subscription("bob@example.org")]
    transport = MemoryTransport()
    run(newsletter(store, ListSource(papers(3)), transport=transport, subscriptions=readers), only="Bob@example.org")
    assert [message.rcpt_to for message in transport.messages.values()] == ["bob@example.org"]


def test_a_run_for_a_day_plans_that_slot(store: Store) -> None:
    day = date(2026, 6, 29)
    house = newsletter(
        store,
        ListSource(papers(3)),
        subscriptions=[subscription(), subscription("weekly@example.org", cadence="weekly:sun")],
    )
    assert [(issue.subscriber.email, issue.slot) for issue in run(house, day=day).issues] == [
        ("reader@example.org", day)
    ]


def test_a_preview_is_what_the_run_sends_to_the_byte(store: Store) -> None:
    transport = MemoryTransport()
    house = newsletter(store, ListSource(papers(12)), transport=transport)
    subscribe(house, subscription())
    store.corpus.add(papers(12), NOON)
    previewed = preview(house, email="reader@example.org")
    assert store.deliveries.find() == []
    run(house)
    assert list(transport.messages.values()) == [previewed.envelope]


def test_a_preview_after_todays_issue_shows_the_next_one(store: Store) -> None:
    house = newsletter(store, ListSource(papers(12)), subscriptions=[subscription()])
    run(house)
    message = preview(house)
    assert (message.issue.slot, len(message.issue.papers)) == (TOMORROW, 2)


def test_a_profile_can_be_previewed_before_anyone_subscribes(store: Store) -> None:
    store.corpus.add([paper("Attention"), paper("Pruning")], NOON)
    message = preview(newsletter(store), profile=subscription(keywords=["pruning"]).profile)
    assert [ranked.paper.title for ranked in message.issue.papers] == ["Pruning"]
    assert store.subscribers.all() == []


def test_readers_in_the_config_file_come_and_go_with_it(store: Store) -> None:
    both = [subscription("ann@example.org"), subscription("bob@example.org")]
    run(newsletter(store, ListSource(papers(1)), subscriptions=both))
    run(newsletter(store, ListSource(papers(1)), subscriptions=both[:1]))
    assert [one.email for one in store.subscribers.all(SubscriberStatus.ACTIVE)] == ["ann@example.org"]
    report = run(newsletter(store, ListSource(papers(1)), subscriptions=both))
    assert [str(synced.change) for synced in report.synced] == ["subscribed again"]
    assert len(sent_keys(store, "bob@example.org")) == 1


def test_unsubscribing_wins_over_the_config_file(store: Store) -> None:
    house = newsletter(store, ListSource(papers(1)), subscriptions=[subscription()])
    run(house)
    unsubscribe(house, "reader@example.org")
    report = run(house)
    assert [str(synced.change) for synced in report.synced] == ["left alone (has unsubscribed)"]
    [gone] = store.subscribers.all()
    assert (gone.status, gone.origin) == (SubscriberStatus.UNSUBSCRIBED, Origin.STORE)


def test_sources_that_are_all_down_are_reported(store: Store) -> None:
    source = ListSource(error=SourceUnavailable("list", "connection refused"))
    assert run(newsletter(store, source, subscriptions=[subscription()])).sources_down


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    days=st.lists(st.lists(st.integers(0, 30), max_size=20), min_size=1, max_size=5),
    size=st.integers(1, 7),
    failing=st.sets(st.integers(0, 9)),
)
def test_whatever_the_days_bring_every_paper_is_sent_once_or_still_waits(
    store: Store, days: list[list[int]], size: int, failing: set[int]
) -> None:
    with store.rehearsal():
        clock = FixedClock(NOON)
        transport = _Flaky(failing)
        source = ListSource([])
        house = newsletter(
            store,
            source,
            transport=transport,
            clock=clock,
            subscriptions=[subscription()],
            max_papers=size,
            max_age_days=30,
        )
        for day in days:
            source.entries = [papers(31)[number] for number in day]
            run(house)
            clock.advance(days=1)
        run(house)
        promised = [ranked.paper.key for delivery in store.deliveries.find() for ranked in delivery.papers]
        announced = {papers(31)[number].key for day in days for number in day}
        waiting = {one.key for one in store.corpus.newest()} - set(promised)
    assert len(promised) == len(set(promised))
    assert set(promised) | waiting == announced
    assert len(promised) >= min(len(announced), size)


class _Flaky(MemoryTransport):
    """Defers the calls with the given numbers."""

    def __init__(self, failing: set[int]) -> None:
        super().__init__()
        self._failing = failing
        self._calls = -1

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        self._calls += 1
        if self._calls in self._failing:
            raise DeliveryDeferred("451 later")
        return await super().send(envelope, commit)


def test_one_address_that_no_message_can_carry_does_not_hold_up_the_others(store: Store) -> None:
    transport = MemoryTransport()
    house = newsletter(store, ListSource(papers(3)), transport=transport, subscriptions=[subscription()])
    store.subscribers.put([subscriber("broken address@example.org")])
    report = run(house)
    assert [message.rcpt_to for message in transport.messages.values()] == ["reader@example.org"]
    assert [failed.subscriber.email for failed in store.deliveries.find(DeliveryStatus.FAILED)] == [
        "broken address@example.org"
    ]
    assert report.needs_attention


def test_a_preview_of_a_day_without_an_issue_says_so(store: Store) -> None:
    weekly = newsletter(store, subscriptions=[subscription(cadence="weekly:sun")])
    with pytest.raises(InputError, match="gets no issue on Tuesday 2026-06-30: weekly:sun"):
        preview(weekly, day=TODAY)


def test_other_keywords_can_be_previewed_for_a_day_that_has_been_sent(store: Store) -> None:
    house = newsletter(store, ListSource([paper("Attention"), paper("Pruning")]), subscriptions=[subscription()])
    run(house)
    other = subscription(keywords=["pruning"]).profile
    message = preview(house, email="reader@example.org", profile=other, day=TODAY)
    assert [ranked.paper.title for ranked in message.issue.papers] == ["Pruning"]
