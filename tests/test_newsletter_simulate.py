"""Simulate: what a profile would have received."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from builders import NOON, TODAY, paper, papers
from digestmail.errors import InputError
from digestmail.model import DeliveryStatus, Paper
from digestmail.newsletter.run import run
from digestmail.newsletter.simulate import Simulation, changed, compare, simulate
from digestmail.ranking.profile import format_keywords, parse_keyword, parse_keywords
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, ListSource
from newsletters import newsletter, subscription

QUANTIZATION = parse_keywords(["quantization"])


def keys(simulation: Simulation) -> list[list[str]]:
    return [[ranked.paper.key for ranked in issue.papers] for issue in simulation.issues]


def corpus(store: Store, *days: Sequence[Paper]) -> None:
    """The papers of each day; the last day is today."""
    for ago, found in zip(range(len(days) - 1, -1, -1), days, strict=True):
        store.corpus.add(found, NOON - timedelta(days=ago))


def day_of(number: int, size: int) -> list[Paper]:
    return [
        paper(f"Quantization {number}.{index}", key=f"arxiv:26{number:02}.{index:05}", upvotes=size - index)
        for index in range(size)
    ]


@pytest.mark.parametrize("cadence", ["daily", "weekdays", "weekly:wed"])
def test_it_tells_what_real_runs_have_sent(store: Store, cadence: str) -> None:
    clock = FixedClock(NOON)
    source = ListSource()
    house = newsletter(store, source, clock=clock, subscriptions=[subscription(cadence=cadence)], max_papers=4)
    for number, size in enumerate((9, 0, 3, 14, 1, 0, 0, 6, 2, 5), start=1):
        source.entries = [*day_of(number, size), paper(f"Something else {number}")]
        run(house)
        clock.advance(days=1)
    sent = {
        delivery.slot: [ranked.paper.key for ranked in delivery.papers]
        for delivery in store.deliveries.find(DeliveryStatus.SENT)
    }
    [simulated] = simulate(house, days=30)
    told = {issue.slot: [ranked.paper.key for ranked in issue.papers] for issue in simulated.issues if issue.papers}
    # the slot that was open when a weekly reader subscribed is a first issue of its own
    assert told == {slot: found for slot, found in sent.items() if slot >= TODAY}
    assert told


def test_nothing_comes_twice_and_what_did_not_fit_comes_the_next_day(store: Store) -> None:
    corpus(store, papers(7), [], [])
    store.corpus.add([paper("Something else")], NOON)
    [simulated] = simulate(newsletter(store, max_papers=3), profile=QUANTIZATION, days=3)
    assert [len(day) for day in keys(simulated)] == [3, 3, 1]
    assert sorted(key for day in keys(simulated) for key in day) == [one.key for one in papers(7)]
    assert (len(simulated.papers), simulated.mean) == (7, 7 / 3)


def test_it_begins_a_window_earlier_than_it_tells(store: Store) -> None:
    corpus(store, day_of(1, 4), day_of(2, 1))
    [simulated] = simulate(newsletter(store, max_papers=3), profile=QUANTIZATION, days=1)
    assert (simulated.first, simulated.last) == (TODAY, TODAY)
    assert [len(day) for day in keys(simulated)] == [2]


def test_a_paper_is_no_candidate_before_it_was_seen_nor_after_the_window(store: Store) -> None:
    corpus(store, day_of(1, 6), [paper("One")], [paper("Two")], [paper("Three")])
    [simulated] = simulate(newsletter(store, max_papers=1, max_age_days=2), profile=QUANTIZATION, days=4)
    assert [len(day) for day in keys(simulated)] == [1, 1, 1, 0]


def test_a_corpus_that_came_in_one_go_is_told_by_the_days_of_the_papers(store: Store) -> None:
    found = [
        paper(f"Quantization {back}", key=f"arxiv:2606.0000{back}", listed=TODAY - timedelta(days=back + 5))
        for back in range(3)
    ]
    store.corpus.add(found, NOON)
    [simulated] = simulate(newsletter(store), profile=QUANTIZATION, days=14)
    assert simulated.announced
    assert [issue.slot for issue in simulated.issues] == [date(2026, 6, 23), date(2026, 6, 24), date(2026, 6, 25)]
    assert keys(simulated) == [["arxiv:2606.00002"], ["arxiv:2606.00001"], ["arxiv:2606.00000"]]


def test_a_corpus_of_one_day_is_that_day(store: Store) -> None:
    store.corpus.add(papers(3), NOON)
    [simulated] = simulate(newsletter(store), profile=QUANTIZATION, days=14)
    assert not simulated.announced
    assert [len(day) for day in keys(simulated)] == [3]


def test_another_profile_is_compared_day_by_day(store: Store) -> None:
    corpus(
        store,
        [paper("Quantization", key="arxiv:2606.00001"), paper("Pruning", key="arxiv:2606.00002")],
        [paper("Pruning again", key="arxiv:2606.00003")],
    )
    pruning = parse_keywords(["pruning"])
    before, after = simulate(newsletter(store), profile=QUANTIZATION, changes=[lambda _: pruning], days=2)
    first, second = compare(before, after)
    assert [ranked.paper.title for ranked in first.added] == ["Pruning"]
    assert [ranked.paper.title for ranked in first.dropped] == ["Quantization"]
    assert [ranked.paper.title for ranked in second.added] == ["Pruning again"]
    assert second.dropped == ()


def test_a_paper_that_comes_on_another_day_is_moved_and_neither_added_nor_dropped(store: Store) -> None:
    corpus(
        store,
        [paper("Quantization", key="arxiv:2606.00001"), paper("Pruning", key="arxiv:2606.00002", upvotes=30)],
        [paper("Neither", key="arxiv:2606.00003")],
    )
    both = parse_keywords(["quantization", "pruning^9"])
    house = newsletter(store, max_papers=1)
    changes = compare(*simulate(house, profile=QUANTIZATION, changes=[lambda _: both], days=2))
    assert [(len(one.added), len(one.dropped), one.moved) for one in changes] == [(1, 0, 0), (0, 0, 1)]


def test_an_unchanged_profile_changes_nothing(store: Store) -> None:
    corpus(store, day_of(1, 12), day_of(2, 3))
    changes = compare(*simulate(newsletter(store), profile=QUANTIZATION, changes=[lambda same: same], days=2))
    assert [(one.added, one.dropped, one.moved) for one in changes] == [((), (), 0)] * 2


def test_keywords_are_added_replaced_and_dropped() -> None:
    profile = parse_keywords(["attention^3", "pruning"])
    other = changed(
        profile, add=[parse_keyword("pruning^2"), parse_keyword("-survey")], drop=[parse_keyword("Attention")]
    )
    assert format_keywords(other) == ["pruning^2", "-survey"]
    with pytest.raises(InputError, match="'survey' is not among the keywords: attention"):
        changed(profile, drop=[parse_keyword("survey")])


def test_simulating_writes_nothing(store: Store) -> None:
    corpus(store, day_of(1, 3))
    house = newsletter(store, subscriptions=[subscription()])
    simulate(house, days=7)
    assert store.deliveries.find() == []
    assert store.subscribers.all() == []


def test_simulating_without_papers_says_what_to_do(store: Store) -> None:
    with pytest.raises(InputError, match="no papers yet"):
        simulate(newsletter(store), profile=QUANTIZATION, days=7)


def test_samples_do_not_count_once_there_are_live_papers(store: Store) -> None:
    samples = [replace(one, sample=True) for one in day_of(1, 2)]
    corpus(store, samples, day_of(2, 1))
    [simulated] = simulate(newsletter(store), profile=QUANTIZATION, days=7)
    assert [len(day) for day in keys(simulated)] == [1]
