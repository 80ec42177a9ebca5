"""More like this, less like this."""

import pytest

from builders import NOON, papers
from digestmail.errors import NotFoundError
from digestmail.model import Gate, SubscriberStatus
from digestmail.newsletter.feedback import note
from digestmail.newsletter.preview import preview
from digestmail.newsletter.subscribe import Change, subscribe, sync
from digestmail.ranking.profile import parse_keywords
from digestmail.storage.feedback import Kind
from digestmail.storage.store import Store
from newsletters import newsletter, subscription

ANN = "ann@example.org"


@pytest.fixture
def full(store: Store) -> Store:
    """A store with papers."""
    store.corpus.add(papers(3), NOON)
    return store


def test_an_opinion_is_noted_changed_and_forgotten(full: Store) -> None:
    house = newsletter(full, subscriptions=[subscription(ANN)])
    noted = [note(house, ANN, "2606.00000", kind) for kind in (Kind.LIKE, Kind.LIKE, Kind.DISLIKE, None, None)]
    assert [(one.before, one.after) for one in noted] == [
        (None, Kind.LIKE),
        (Kind.LIKE, Kind.LIKE),
        (Kind.LIKE, Kind.DISLIKE),
        (Kind.DISLIKE, None),
        (None, None),
    ]
    assert [(len(one.profile.liked), len(one.profile.disliked)) for one in noted] == [
        (1, 0),
        (1, 0),
        (0, 1),
        (0, 0),
        (0, 0),
    ]


@pytest.mark.parametrize("reference", ["2606.00001", "https://arxiv.org/abs/2606.00001v2", "quantization  Number 1"])
def test_a_paper_is_named_as_in_explain(full: Store, reference: str) -> None:
    house = newsletter(full, subscriptions=[subscription(ANN)])
    assert note(house, "Ann@example.org", reference, Kind.LIKE).paper.key == "arxiv:2606.00001"


@pytest.mark.parametrize(("email", "reference"), [("bob@example.org", "2606.00000"), (ANN, "2401.99999")])
def test_strangers_are_an_error(full: Store, email: str, reference: str) -> None:
    house = newsletter(full, subscriptions=[subscription(ANN)])
    with pytest.raises(NotFoundError):
        note(house, email, reference, Kind.LIKE)


def test_a_reader_of_the_config_file_keeps_their_opinions_when_the_file_is_read_again(full: Store) -> None:
    house = newsletter(full, subscriptions=[subscription(ANN)])
    note(house, ANN, "2606.00000", Kind.LIKE)
    assert sync(house) == []
    [changed] = sync(newsletter(full, subscriptions=[subscription(ANN, keywords=["pruning"])]))
    assert (changed.change, changed.detail) == (Change.UPDATED, "keywords: quantization → pruning")
    assert [one.key for one in full.subscribers.all(SubscriberStatus.ACTIVE)[0].profile.liked] == ["arxiv:2606.00000"]


def test_a_new_profile_keeps_the_opinions_and_the_same_one_is_unchanged(full: Store) -> None:
    house = newsletter(full)
    subscribe(house, subscription(ANN))
    note(house, ANN, "2606.00000", Kind.DISLIKE)
    assert subscribe(house, subscription(ANN)) is Change.UNCHANGED
    assert subscribe(house, subscription(ANN, keywords=["pruning"])) is Change.UPDATED
    assert len(full.subscribers.all()[0].profile.disliked) == 1


def test_a_preview_with_other_keywords_keeps_gate_and_opinions(full: Store) -> None:
    house = newsletter(full, subscriptions=[subscription(ANN, gate=Gate.WIDE)], gate=Gate.STRICT)
    note(house, ANN, "2606.00000", Kind.LIKE)
    other = parse_keywords(["pruning"])
    profile = preview(house, email=ANN, profile=other).issue.subscriber.profile
    assert (profile.keywords, profile.gate, len(profile.liked)) == (other.keywords, Gate.WIDE, 1)
    assert preview(house, profile=other).issue.subscriber.profile.gate is Gate.STRICT
