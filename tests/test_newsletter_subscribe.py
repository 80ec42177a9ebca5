"""Subscribing, importing, explaining, status."""

from datetime import timedelta

import pytest

from builders import NOON, paper, papers
from digestmail.errors import DeliveryRejected, InputError, NotFoundError, SourceUnavailable
from digestmail.model import Gate, SubscriberStatus
from digestmail.newsletter.explain import Verdict, explain, find_paper
from digestmail.newsletter.run import run
from digestmail.newsletter.status import status
from digestmail.newsletter.subscribe import Change, import_subscriptions, subscribe, sync, unsubscribe
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, ListSource, MemoryTransport
from newsletters import newsletter, subscription


def test_the_same_address_twice_updates_the_profile_and_says_so(store: Store) -> None:
    house = newsletter(store)
    assert subscribe(house, subscription(keywords=["attention"])) is Change.ADDED
    assert subscribe(house, subscription(keywords=["pruning"])) is Change.UPDATED
    assert subscribe(house, subscription("Reader@example.org", keywords=["pruning"])) is Change.UNCHANGED
    [reader] = store.subscribers.all()
    assert reader.profile == subscription(keywords=["pruning"]).profile


def test_an_update_says_what_was_and_what_is(store: Store) -> None:
    import_subscriptions(newsletter(store), [subscription(keywords=["pruning"])])
    again = subscription(keywords=["[systems] pruning"], gate=Gate.STRICT, cadence="weekdays")
    [synced] = import_subscriptions(newsletter(store), [again])
    assert synced.detail == "keywords: pruning → [systems] pruning; gate: normal → strict; cadence: daily → weekdays"
    assert store.subscribers.all()[0].profile == again.profile


def test_a_new_profile_keeps_what_has_been_sent(store: Store) -> None:
    clock = FixedClock(NOON)
    house = newsletter(store, ListSource(papers(2)), clock=clock)
    subscribe(house, subscription())
    run(house)
    subscribe(house, subscription(keywords=["quantization", "number"]))
    clock.advance(days=1)
    assert [issue.papers for issue in run(house).issues] == [()]


def test_an_address_of_the_config_file_is_changed_there(store: Store) -> None:
    house = newsletter(store, subscriptions=[subscription()])
    sync(house)
    with pytest.raises(InputError, match="kept in the config file"):
        subscribe(house, subscription(keywords=["pruning"]))


def test_who_has_left_comes_back_only_by_asking(store: Store) -> None:
    house = newsletter(store)
    subscribe(house, subscription())
    assert unsubscribe(house, "reader@example.org") is Change.REMOVED
    assert unsubscribe(house, "reader@example.org") is Change.UNCHANGED
    assert [one.change for one in import_subscriptions(house, [subscription()])] == [Change.LEFT_ALONE]
    assert subscribe(house, subscription()) is Change.RETURNED
    assert store.subscribers.all()[0].status is SubscriberStatus.ACTIVE


def test_unsubscribing_a_stranger_is_an_error_not_a_silent_success(store: Store) -> None:
    with pytest.raises(NotFoundError, match=r"stranger@example\.org is not subscribed"):
        unsubscribe(newsletter(store), "stranger@example.org")


def test_an_import_repeated_changes_nothing_and_a_dry_run_never_does(store: Store) -> None:
    house = newsletter(store)
    many = [subscription(f"reader{number}@example.org") for number in range(3)]
    assert {one.change for one in import_subscriptions(house, many, dry_run=True)} == {Change.ADDED}
    assert store.subscribers.all() == []
    assert {one.change for one in import_subscriptions(house, many)} == {Change.ADDED}
    assert {one.change for one in import_subscriptions(house, many)} == {Change.UNCHANGED}


def test_a_file_takes_over_an_address_that_subscribed_by_command(store: Store) -> None:
    subscribe(newsletter(store), subscription(keywords=["attention"]))
    changes = sync(newsletter(store, subscriptions=[subscription(keywords=["pruning"])]))
    assert [one.change for one in changes] == [Change.UPDATED]


def test_every_paper_of_the_corpus_can_be_explained(store: Store) -> None:
    clock = FixedClock(NOON)
    old = paper("Quantization of old", key="arxiv:2601.00001")
    store.corpus.add([old], NOON - timedelta(days=20))
    store.corpus.add(papers(3), NOON)
    house = newsletter(store, ListSource([]), clock=clock, max_papers=2)
    subscribe(house, subscription(keywords=["quantization", "-survey"]))
    run(house)
    clock.advance(days=1)
    fresh = [paper(f"Quantization again {n}", key=f"arxiv:2607.0000{n}", upvotes=9 - n) for n in range(3)]
    store.corpus.add([*fresh, paper("Birds"), paper("A survey of quantization")], clock.now)

    def verdict(reference: str) -> Verdict:
        return explain(house, "reader@example.org", reference).verdict

    assert verdict("2606.00000") is Verdict.PROMISED
    assert verdict("https://arxiv.org/abs/2607.00000v2") is Verdict.NEXT
    assert verdict("2607.00002") is Verdict.CARRIED
    assert verdict("birds") is Verdict.UNMATCHED
    assert verdict("A Survey of Quantization") is Verdict.EXCLUDED
    assert verdict("arxiv:2601.00001") is Verdict.TOO_OLD
    assert explain(house, "reader@example.org", "2607.00002").rank == 3


def test_a_paper_is_found_by_id_link_doi_or_title_and_a_stranger_is_an_error(store: Store) -> None:
    store.corpus.add([paper("A title", key="doi:10.1101/2026.01.01.1", doi="10.1101/2026.01.01.1")], NOON)
    house = newsletter(store)
    assert find_paper(house, "https://doi.org/10.1101/2026.01.01.1").title == "A title"
    assert find_paper(house, "a  Title").title == "A title"
    with pytest.raises(NotFoundError, match=r"no paper '2401.99999' in the corpus"):
        find_paper(house, "2401.99999")


def test_explaining_to_a_stranger_is_an_error(store: Store) -> None:
    store.corpus.add([paper("A")], NOON)
    with pytest.raises(NotFoundError, match="is not subscribed"):
        explain(newsletter(store), "nobody@example.org", "A")


def test_status_is_calm_when_all_is_sent(store: Store) -> None:
    house = newsletter(store, ListSource(papers(2)), subscriptions=[subscription()])
    run(house)
    state = status(house)
    assert not state.needs_attention
    assert (state.papers, state.subscribers, dict(state.deliveries)) == (2, {"active": 1}, {"sent": 1})


def test_status_lists_what_was_not_sent_and_which_source_is_down(store: Store) -> None:
    transport = MemoryTransport([DeliveryRejected("550 no such user")])
    house = newsletter(
        store,
        ListSource(papers(2)),
        ListSource(name="down", error=SourceUnavailable("down", "timed out")),
        transport=transport,
        subscriptions=[subscription()],
    )
    run(house)
    state = status(house)
    assert state.needs_attention
    assert [(one.subscriber.email, one.note) for one in state.unfinished] == [
        ("reader@example.org", "550 no such user")
    ]
    assert [fetched.source for fetched in state.fetches if fetched.error] == ["down"]


def test_an_imported_list_does_not_overrule_the_config_file(store: Store) -> None:
    house = newsletter(store, subscriptions=[subscription()])
    sync(house)
    assert [one.change for one in import_subscriptions(house, [subscription()])] == [Change.UNCHANGED]
    assert [one.change for one in import_subscriptions(house, [subscription(keywords=["x"])])] == [Change.IN_FILE]
    assert store.subscribers.all()[0].profile == subscription().profile


def test_a_paper_with_too_little_evidence_is_below_the_gate_and_says_by_how_much(store: Store) -> None:
    store.corpus.add(
        [
            paper("Graph neural networks", key="arxiv:2606.00001"),
            paper("Neural things", key="arxiv:2606.00002"),
            *(paper(f"Birds {number}") for number in range(20)),
        ],
        NOON,
    )
    house = newsletter(store)
    subscribe(house, subscription(keywords=["graph neural network"]))
    below = explain(house, "reader@example.org", "2606.00002")
    assert below.verdict is Verdict.BELOW_GATE
    assert 0 < below.explanation.relevance < below.explanation.threshold
    shown = explain(house, "reader@example.org", "2606.00001")
    assert shown.verdict is Verdict.NEXT
    assert shown.explanation.relevance >= shown.explanation.threshold
