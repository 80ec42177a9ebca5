"""No issue is so long that a mail client hides its end."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import NOON, issue, paper
from digestmail.model import DeliveryStatus, Issue
from digestmail.newsletter.compose import plan_due
from digestmail.newsletter.deliver import deliver
from digestmail.newsletter.subscribe import subscribe
from digestmail.rendering.budget import LIMIT, fit, size_of
from digestmail.rendering.cards import Tier, tier
from digestmail.rendering.compile import Templates
from digestmail.rendering.issue import render_issue
from digestmail.rendering.joining import joining_of
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, ListSource, MemoryTransport
from newsletters import ROOT, newsletter, subscription

UNSUBSCRIBE = "mailto:papers@example.org"
JOINING = joining_of(Templates(ROOT / "templates").load("issue"))
LONG = "We quantize everything & measure it again, at length and with care. " * 40
ROOM = {Tier.FULL: 3, Tier.LEAD: 2, Tier.LINE: 1}


def long_papers(number: int, words: str = LONG) -> Issue:
    """An issue of papers with long abstracts and many links."""
    return issue(
        paper(
            f"Quantization {at}: " + "a long title " * 6,
            key=f"arxiv:2606.{at:05}",
            abstract=words,
            authors=("Ada Lovelace", "Alan Turing", "Grace Hopper", "Claude Shannon"),
            upvotes=at,
            code_url="https://github.com/example/code",
        )
        for at in range(number)
    )


def test_ten_papers_keep_the_room_that_their_place_gives_them() -> None:
    fitted = fit(long_papers(10), JOINING, unsubscribe_url=UNSUBSCRIBE)
    assert fitted.tiers == tuple(tier(place) for place in range(10))
    assert len(fitted.issue.papers) == 10


def test_ten_papers_with_real_abstracts_are_at_most_40_kilobytes() -> None:
    # the mean abstract of 74,728 on arXiv has 1,200 characters
    assert fit(long_papers(10, LONG[:1200]), JOINING, unsubscribe_url=UNSUBSCRIBE).html_bytes <= 40 * 1024


def test_forty_papers_stay_below_what_clients_clip() -> None:
    fitted = fit(long_papers(40), JOINING, unsubscribe_url=UNSUBSCRIBE)
    assert fitted.html_bytes <= LIMIT
    assert len(fitted.issue.papers) == 40


def test_an_issue_that_is_too_long_loses_its_last_papers_and_its_receipt_says_so() -> None:
    whole = long_papers(200)
    fitted = fit(whole, JOINING, unsubscribe_url=UNSUBSCRIBE)
    kept = len(fitted.issue.papers)
    assert 40 < kept < 200
    assert fitted.issue.papers == whole.papers[:kept]
    assert (fitted.issue.receipt.shown, fitted.issue.receipt.carried) == (kept, 200 - kept)
    assert fitted.html_bytes <= LIMIT


def test_one_paper_more_would_not_have_fitted() -> None:
    whole = long_papers(200)
    kept = len(fit(whole, JOINING, unsubscribe_url=UNSUBSCRIBE).issue.papers)
    one_more = replace(whole, papers=whole.papers[: kept + 1])
    lines = [Tier.LINE] * (kept + 1)
    html = render_issue(one_more, Templates(ROOT / "templates").load("issue"), unsubscribe_url=UNSUBSCRIBE, tiers=lines)
    assert len(html.html.encode()) > LIMIT


@settings(max_examples=40, deadline=None)
@given(number=st.integers(0, 30), limit=st.integers(20_000, 60_000))
def test_room_is_taken_from_the_last_papers_first(number: int, limit: int) -> None:
    whole = long_papers(number)
    fitted = fit(whole, JOINING, unsubscribe_url=UNSUBSCRIBE, limit=limit)
    rooms = [ROOM[room] for room in fitted.tiers]
    assert rooms == sorted(rooms, reverse=True)
    assert all(room <= ROOM[tier(place)] for place, room in enumerate(rooms))
    # abstracts go before sentences do, and both before a paper does
    assert len(rooms) == number or set(rooms) <= {1}
    assert fitted.html_bytes <= limit or not rooms
    again = fit(fitted.issue, JOINING, unsubscribe_url=UNSUBSCRIBE, limit=limit)
    assert len(again.issue.papers) == len(fitted.issue.papers)


def test_papers_that_are_promised_are_never_left_out() -> None:
    fitted = fit(long_papers(50), JOINING, unsubscribe_url=UNSUBSCRIBE, limit=1000, drop=False)
    assert fitted.tiers == (Tier.LINE,) * 50


def test_the_sizes_of_the_cards_and_what_is_around_them_add_up() -> None:
    fitted = fit(long_papers(12), JOINING, unsubscribe_url=UNSUBSCRIBE)
    size = size_of(fitted, JOINING, unsubscribe_url=UNSUBSCRIBE)
    assert len(size.cards) == 12
    assert size.cards[0] > size.cards[5] > size.cards[11]
    assert sum(size.cards) < size.html < size.encoded
    assert size.html == fitted.html_bytes


@pytest.mark.parametrize("template", ["issue", "compact"])
def test_what_does_not_fit_is_not_promised_and_comes_the_next_day(store: Store, template: str) -> None:
    clock, transport = FixedClock(NOON), MemoryTransport()
    found = [ranked.paper for ranked in long_papers(200).papers]
    source = ListSource(list(found))
    house = newsletter(
        store, source, clock=clock, transport=transport, subscriptions=[], max_papers=200, template=template
    )
    subscribe(house, subscription())
    store.corpus.add(found, NOON)
    [planned] = plan_due(house, NOON)
    kept = len(planned.papers)
    assert kept < 200
    assert planned.receipt.carried == 200 - kept
    deliver(house)
    assert [len(one.papers) for one in store.deliveries.find(DeliveryStatus.SENT)] == [kept]
    clock.advance(days=1)
    [second] = plan_due(house, clock())
    first_keys = {ranked.paper.key for ranked in planned.papers}
    assert first_keys.isdisjoint(ranked.paper.key for ranked in second.papers)
