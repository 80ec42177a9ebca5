"""Trial: what a profile would have received, without a lock and within bounds."""

import threading
from dataclasses import replace
from datetime import timedelta

from builders import NOON, TODAY, paper, papers, subscriber
from digestmail.newsletter import trial
from digestmail.newsletter.audit import audit
from digestmail.newsletter.pauses import pause
from digestmail.newsletter.run import run
from digestmail.newsletter.subscribe import subscribe
from digestmail.newsletter.trial import Doubt, Trials
from digestmail.storage.store import Store
from digestmail.testing import FixedClock
from newsletters import newsletter, subscription


def test_a_trial_counts_what_each_keyword_finds_and_doubts_some(store: Store) -> None:
    store.corpus.add([*papers(8), paper("On Lattices", key="arxiv:2606.30000")], NOON)
    asked = subscriber(keywords=["quantization", "lattices", "zebrafish"], max_papers=4)
    found = Trials().of(newsletter(store), asked)
    assert found
    assert [(count.papers, count.doubt) for count in found.counts] == [(8, Doubt.NOISE), (1, None), (0, Doubt.NEVER)]
    assert (found.papers, found.matched, found.shown) == (9, 9, 4)


def test_days_are_walked_without_repeating_a_paper(store: Store) -> None:
    for ago in range(5):
        day = [paper(f"Quantization {ago} {n}", key=f"arxiv:2606.{ago}000{n}") for n in range(3)]
        store.corpus.add(day, NOON - timedelta(days=ago))
    found = Trials().of(newsletter(store), subscriber())
    assert found
    assert [len(issue.papers) for issue in found.issues] == [3] * 5
    assert found.issues[0].slot == TODAY


def test_a_trial_waits_for_no_writer(store: Store) -> None:
    store.corpus.add(papers(3), NOON)
    other = Store(store._database.url)
    try:
        with other.rehearsal():  # holds the write lock
            found = Trials().of(newsletter(store), subscriber())
    finally:
        other.close()
    assert found
    assert found.shown == 3


def test_newer_papers_are_seen_and_the_rest_is_read_once(store: Store) -> None:
    store.corpus.add(papers(3), NOON)
    trials, daily = Trials(), newsletter(store)
    trials.of(daily, subscriber())
    week = trials._week
    trials.of(daily, subscriber(keywords=["pruning"]))
    assert trials._week is week
    store.corpus.add([paper("More Quantization", key="arxiv:2606.77777")], NOON)
    found = trials.of(daily, subscriber())
    assert found
    assert found.shown == 4


def test_what_is_asked_for_is_forgotten_with_the_answer(store: Store) -> None:
    store.corpus.add(papers(3), NOON)
    trials, daily = Trials(), newsletter(store)
    for number in range(3):
        trials.of(daily, subscriber(keywords=[f"word{number}", "quantization"]))
    assert trials._week
    assert not trials._week.index._known


def test_too_many_at_once_are_told_to_come_later(store: Store) -> None:
    store.corpus.add(papers(3), NOON)
    trials = Trials()
    for _ in range(1 + trial._WAITING):
        trials._room.acquire()
    assert trials.of(newsletter(store), subscriber()) is None
    trials._room.release()
    assert trials.of(newsletter(store), subscriber()) is not None


def test_many_threads_get_the_same_answer(store: Store) -> None:
    store.corpus.add(papers(30), NOON)
    trials, answers = Trials(), []

    def ask() -> None:
        own = Store(store._database.url)
        answers.append(trials.of(newsletter(own), subscriber()))
        own.close()

    threads = [threading.Thread(target=ask) for _ in range(1 + trial._WAITING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.shown for one in answers if one}) == 1
    assert None not in answers


def test_without_papers_there_is_nothing_to_try(store: Store) -> None:
    found = Trials().of(newsletter(store), subscriber())
    assert found
    assert found.first is None


def test_a_pause_loses_no_paper_and_the_audit_adds_up(store: Store) -> None:
    clock = FixedClock(NOON)
    daily = newsletter(store, clock=clock, max_papers=100)
    subscribe(daily, subscription())
    subscribe(daily, subscription("steady@example.org"))

    def a_day(number: int) -> dict[str, int]:
        store.corpus.add([paper(f"Quantization {number}", key=f"arxiv:2606.{number:05}")], clock.now)
        issues = {issue.subscriber.email: len(issue.papers) for issue in run(daily).issues}
        clock.advance(days=1)
        return issues

    assert a_day(0)["reader@example.org"] == 1
    reader = store.subscribers.find("reader@example.org")
    assert reader
    pause(daily, reader, TODAY + timedelta(days=21))
    for number in range(1, 21):
        assert a_day(number) == {"steady@example.org": 1}
    assert a_day(21) == {"reader@example.org": 21, "steady@example.org": 1}
    assert a_day(22) == {"reader@example.org": 1, "steady@example.org": 1}
    awake = store.subscribers.find("reader@example.org")
    assert awake == replace(reader, paused_until=None, paused_at=None)
    assert not audit(daily).faults


def test_a_pause_ends_on_its_day_where_the_reader_is(store: Store) -> None:
    clock = FixedClock(NOON)
    daily = newsletter(store, clock=clock)
    store.corpus.add(papers(2), NOON)
    subscribe(daily, replace(subscription(), timezone="Pacific/Auckland"))
    reader = store.subscribers.find("reader@example.org")
    assert reader
    pause(daily, reader, TODAY + timedelta(days=3))
    # there the 3rd of July begins at noon (UTC) of the 2nd
    clock.now = NOON + timedelta(days=2, minutes=-1)
    assert not run(daily).issues
    clock.advance(minutes=2)
    assert [issue.slot for issue in run(daily).issues] == [TODAY + timedelta(days=3)]
