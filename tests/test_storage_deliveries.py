"""Deliveries and the ledger."""

import json
import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from builders import NOON, in_all, issue, match, paper, papers, subscriber
from digestmail.model import DeliveryStatus, Evidence, Field, Issue, RankedPaper, Receipt
from digestmail.storage.store import Store

TODAY, TOMORROW = NOON.date(), NOON.date() + timedelta(days=1)


@pytest.fixture
def full(store: Store) -> Store:
    """A store with one reader and five papers."""
    store.subscribers.put([subscriber()])
    store.corpus.add(papers(5), NOON)
    return store


def plan(store: Store, *issues: Issue, send_empty: bool = False) -> list[Issue]:
    return store.deliveries.plan(issues, send_empty=send_empty)


def shown(planned: Issue) -> list[str]:
    return [ranked.paper.key for ranked in planned.papers]


def test_a_plan_comes_back_as_it_was_made(full: Store) -> None:
    [planned] = plan(full, issue(papers(3)))
    [delivery] = full.deliveries.find()
    assert delivery.status is DeliveryStatus.PLANNED
    assert [(one.paper.key, one.score, one.matches) for one in delivery.papers] == [
        (one.paper.key, one.score, one.matches) for one in planned.papers
    ]
    assert (delivery.slot, delivery.receipt, delivery.planned_at) == (TODAY, planned.receipt, NOON)
    assert delivery.subscriber == subscriber(language="en")


def test_a_plan_keeps_topics_and_kinds_of_evidence(full: Store) -> None:
    matches = tuple(match("a b", Field.ABSTRACT, "b a", 1, 1.0, ((0, 3),), evidence) for evidence in Evidence)
    ranked = tuple(RankedPaper(one, 2.0, matches, topic) for one, topic in zip(papers(2), ("systems", ""), strict=True))
    plan(full, replace(issue([]), papers=ranked))
    [delivery] = full.deliveries.find()
    assert [(one.topic, one.matches) for one in delivery.papers] == [("systems", matches), ("", matches)]


def test_a_plan_of_an_older_version_kept_matches_field_by_field(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    store.subscribers.put([subscriber()])
    store.corpus.add(papers(1), NOON)
    plan(store, issue(papers(1)))
    with sqlite3.connect(tmp_path / "x.db") as file:
        [[kept]] = file.execute("SELECT content FROM plan")
        older = json.loads(kept)
        older["papers"][0]["matches"] = [
            ["a", "title", "A", 1, 2.0, [[0, 1]], "exact"],
            ["b", "abstract", "B", 1, 1.75, [], "words"],
            ["papers like «C»", "abstract", "c", 1, 1.5, [], "like"],
            ["a", "abstract", "a", 3, 0.5, [[4, 5]], "near"],
            ["b", "title", "b", 1, 1.25, [], "words"],
            ["papers like «D»", "abstract", "d", 1, -1.0, [], "dislike"],
        ]
        file.execute("UPDATE plan SET content = ?", [json.dumps(older)])
    [delivery] = store.deliveries.find()
    assert delivery.papers[0].matches == (
        in_all(
            match("b", Field.ABSTRACT, "B", 1, 1.75, (), Evidence.WORDS),
            match("b", Field.TITLE, "b", 1, 1.25, (), Evidence.WORDS),
        ),
        in_all(
            match("a", Field.TITLE, "A", 1, 2.0, ((0, 1),)),
            match("a", Field.ABSTRACT, "a", 3, 0.5, ((4, 5),), Evidence.NEAR),
        ),
        match("papers like «C»", Field.ABSTRACT, "c", 1, 1.5, (), Evidence.LIKE),
        match("papers like «D»", Field.ABSTRACT, "d", 1, -1.0, (), Evidence.DISLIKE),
    )
    store.close()


def test_a_slot_is_planned_once(full: Store) -> None:
    assert plan(full, issue(papers(2)))
    assert plan(full, issue(papers(3)[2:])) == []
    assert len(full.deliveries.find()) == 1


def test_a_subscriber_is_never_promised_a_paper_twice(full: Store) -> None:
    plan(full, issue(papers(2)))
    [second] = plan(full, issue(papers(3), slot=TOMORROW))
    assert shown(second) == ["arxiv:2606.00002"]
    assert (second.receipt.shown, second.receipt.matched) == (1, 1)


def test_the_database_itself_refuses_a_repeat(full: Store, tmp_path: Path) -> None:
    plan(full, issue(papers(1)))
    connection = sqlite3.connect(tmp_path / "digestmail.db")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO ledger SELECT subscriber_id, paper_id, delivery_id FROM ledger")
    connection.close()


def test_counts_stay_as_they_were_when_the_issue_was_planned(full: Store) -> None:
    plan(full, issue([paper("Quantization number 0", key="arxiv:2606.00000", upvotes=5)]))
    full.corpus.add([paper("Quantization number 0", key="arxiv:2606.00000", upvotes=500)], NOON)
    assert full.deliveries.find()[0].papers[0].paper.upvotes == 5


def test_an_empty_slot_is_kept_with_its_reason_and_can_be_filled_later_that_day(full: Store) -> None:
    nothing = Issue(
        mailing_list=issue([]).mailing_list,
        subscriber=subscriber(),
        slot=TODAY,
        papers=(),
        receipt=Receipt(candidates=7, excluded=2),
        composed_at=NOON,
    )
    plan(full, nothing)
    [delivery] = full.deliveries.find()
    assert delivery.status is DeliveryStatus.EMPTY
    assert delivery.note == "none of 7 new papers matched, 2 kept out by negative keywords"
    assert full.claims.turn(NOON, wanted=9).claimed == []
    assert full.deliveries.taken_slots(TODAY) == set()
    assert plan(full, issue(papers(1)))
    assert [one.status for one in full.deliveries.find()] == [DeliveryStatus.PLANNED]


def test_an_empty_issue_is_planned_when_it_is_to_be_sent(full: Store) -> None:
    plan(full, issue([]), send_empty=True)
    assert full.deliveries.find()[0].status is DeliveryStatus.PLANNED


def test_the_ledger_knows_which_delivery_holds_a_paper(full: Store) -> None:
    plan(full, issue(papers(2)))
    held = full.deliveries.with_paper("reader@example.org", "arxiv:2606.00001")
    assert held
    assert held.slot == TODAY
    assert full.deliveries.with_paper("reader@example.org", "arxiv:2606.00004") is None
    assert full.deliveries.promised([subscriber()], NOON) == {
        subscriber().uid: {"arxiv:2606.00000", "arxiv:2606.00001"}
    }


def test_a_work_that_gets_a_better_key_is_still_in_the_ledger(store: Store) -> None:
    store.subscribers.put([subscriber()])
    store.corpus.add([paper("Known by title")], NOON)
    plan(store, issue([paper("Known by title")]))
    store.corpus.add([paper("Known by Title", key="arxiv:2606.12345")], NOON)
    [tomorrow] = plan(store, issue([paper("Known by Title", key="arxiv:2606.12345")], slot=TOMORROW))
    assert tomorrow.papers == ()


def test_two_planners_at_once_promise_every_paper_once(full: Store, tmp_path: Path) -> None:
    slots = [TODAY + timedelta(days=number) for number in range(8)]
    errors: list[BaseException] = []

    def race(mine: int) -> None:
        try:
            own = Store(f"sqlite:///{tmp_path / 'digestmail.db'}")
            for slot in slots[mine::2]:
                own.deliveries.plan([issue(papers(5), slot=slot)], send_empty=False)
            own.close()
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=race, args=(mine,)) for mine in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    promised = [ranked.paper.key for delivery in full.deliveries.find() for ranked in delivery.papers]
    assert errors == []
    assert sorted(promised) == [one.key for one in papers(5)]
