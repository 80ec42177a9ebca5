"""Opinions, and the profiles they are part of."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from builders import NOON, issue, paper, papers, subscriber
from digestmail.errors import StoreError
from digestmail.model import Gate
from digestmail.storage.database import CHUNK
from digestmail.storage.feedback import Kind
from digestmail.storage.store import Store

ANN, BOB = "ann@example.org", "bob@example.org"
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def full(store: Store) -> Store:
    """A store with two readers and five papers."""
    store.subscribers.put([subscriber(ANN), subscriber(BOB)])
    store.corpus.add(papers(5), NOON)
    return store


def key(number: int) -> str:
    return papers(number + 1)[number].key


def test_opinions_come_back_oldest_first(full: Store) -> None:
    full.feedback.put(ANN, key(2), Kind.LIKE, LATER)
    full.feedback.put("Ann@Example.org", key(4), Kind.DISLIKE, NOON)
    assert [(one.paper.key, one.kind, one.at) for one in full.feedback.list(ANN)] == [
        (key(4), Kind.DISLIKE, NOON),
        (key(2), Kind.LIKE, LATER),
    ]
    assert full.feedback.list(BOB) == []


def test_there_is_one_opinion_of_a_paper_the_last(full: Store) -> None:
    full.feedback.put(ANN, key(0), Kind.LIKE, NOON)
    full.feedback.put(ANN, key(0), Kind.DISLIKE, LATER)
    assert [(one.kind, one.at) for one in full.feedback.list(ANN)] == [(Kind.DISLIKE, LATER)]


def test_an_opinion_can_be_forgotten_once(full: Store) -> None:
    full.feedback.put(ANN, key(0), Kind.LIKE, NOON)
    assert full.feedback.remove(BOB, key(0)) is False
    assert full.feedback.remove(ANN, key(0)) is True
    assert full.feedback.remove(ANN, key(0)) is False
    assert full.feedback.list(ANN) == []


@pytest.mark.parametrize(("email", "paper_key"), [("nobody@example.org", key(0)), (ANN, "arxiv:0000.00000")])
def test_an_opinion_needs_a_subscriber_and_a_paper(full: Store, email: str, paper_key: str) -> None:
    with pytest.raises(StoreError, match="NOT NULL"):
        full.feedback.put(email, paper_key, Kind.LIKE, NOON)


def test_a_profile_holds_what_its_subscriber_liked_and_disliked(full: Store) -> None:
    for number, kind in ((3, Kind.LIKE), (1, Kind.DISLIKE), (0, Kind.LIKE)):
        full.feedback.put(ANN, key(number), kind, NOON + timedelta(minutes=-number))
    full.deliveries.plan([issue(papers(1), subscriber(ANN))], send_empty=False)
    [delivery] = full.deliveries.find()
    for found in (full.subscribers.find(ANN), full.subscribers.all()[0], delivery.subscriber):
        assert found
        assert [one.key for one in found.profile.liked] == [key(3), key(0)]
        assert [one.key for one in found.profile.disliked] == [key(1)]
    assert full.subscribers.find(BOB) == subscriber(BOB)


def test_replacing_a_profile_leaves_the_opinions_alone(full: Store) -> None:
    full.feedback.put(ANN, key(0), Kind.LIKE, NOON)
    full.subscribers.put([subscriber(ANN, keywords=["pruning"])])
    [ann] = full.subscribers.find_all([ANN]).values()
    assert [one.key for one in ann.profile.liked] == [key(0)]


def test_an_opinion_stays_with_a_paper_that_becomes_known_by_a_better_key(full: Store) -> None:
    full.corpus.add([paper("Renamed", doi="10.1101/1")], NOON)
    full.feedback.put(ANN, paper("Renamed").key, Kind.LIKE, NOON)
    full.corpus.add([paper("Renamed", key="arxiv:2606.99999", doi="10.1101/1")], NOON)
    assert [one.paper.key for one in full.feedback.list(ANN)] == ["arxiv:2606.99999"]


@pytest.mark.parametrize("gate", Gate)
def test_a_subscriber_comes_back_with_gate_and_topics(store: Store, gate: Gate) -> None:
    one = subscriber(keywords=["[systems] quantization^2", "[theory] proof", "-survey"])
    one = replace(one, profile=replace(one.profile, gate=gate))
    store.subscribers.put([one])
    assert store.subscribers.all() == [one]


def test_opinions_are_read_in_one_query_for_many_subscribers(full: Store) -> None:
    many = [subscriber(f"reader{number}@example.org") for number in range(CHUNK - 2)]
    full.subscribers.put(many)
    for one in many[:20]:
        full.feedback.put(one.email, key(0), Kind.LIKE, NOON)
    statements: list[str] = []
    event.listen(full._database._engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert sum(bool(one.profile.liked) for one in full.subscribers.all()) == 20
    assert sum("feedback" in statement for statement in statements) == 1
