"""29 days of real arXiv listings, with their weekend repeats and re-listings, through the real runs of one reader."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from digestmail.model import DeliveryStatus, Gate, Inquiry, Paper, RankedPaper
from digestmail.newsletter.audit import audit
from digestmail.newsletter.run import run
from digestmail.protocols import Entry
from digestmail.sources.files.jsonl import JsonlSource
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, MemoryTransport
from newsletters import newsletter, subscription

FIRST, DAYS = date(2026, 6, 1), 29
KEYWORDS = ("title:quantization", '"mixture of experts"', "title:watermarking")
MATCHES = (("title", r"quantization"), ("both", r"mixtures?[ -]of[ -]experts?"), ("title", r"watermarking"))


class Listings:
    """The listing of the day that it is."""

    name, calendar = "arxiv", None

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, day: date) -> list[Paper]:
        source = JsonlSource(self._folder / f"{day}.jsonl")
        noon = datetime.combine(day, time(12), tzinfo=UTC)
        return [entry for entry in source.fetch(Inquiry(noon)) if isinstance(entry, Paper)]

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:
        return iter(self.of(inquiry.today))


def matches(paper: Paper) -> bool:
    """Whether a person who reads title and abstract would say that a keyword is there."""
    texts = {"title": paper.title, "both": f"{paper.title} . {paper.abstract}"}
    return any(re.search(rf"(?i)\b{pattern}\b", texts[where]) for where, pattern in MATCHES)


def test_every_matching_paper_of_a_month_is_sent_exactly_once(
    store: Store, shared_data: Callable[[str], Path], tell: Callable[[str], None]
) -> None:
    listings = Listings(shared_data("arxiv_daily"))
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    announced = Counter(paper.key for day in days for paper in listings.of(day))
    assert sum(announced.values()) > 1.3 * len(announced)  # the listings do repeat themselves
    clock = FixedClock(datetime.combine(FIRST, time(6), tzinfo=UTC))
    mailbox = MemoryTransport()
    house = newsletter(
        store,
        listings,
        transport=mailbox,
        clock=clock,
        subscriptions=[subscription(keywords=KEYWORDS, gate=Gate.WIDE)],
        max_papers=100,
    )
    shown: list[RankedPaper] = []
    with_papers = 0
    for _ in days:
        report = run(house)
        shown += [ranked for issue in report.issues for ranked in issue.papers]
        with_papers += any(issue.papers for issue in report.issues)
        assert all(one.fetched.announced for one in report.collected)
        clock.advance(days=1)

    sent = Counter(ranked.paper.key for ranked in shown)
    wanted = {paper.key for day in days for paper in listings.of(day) if matches(paper)}
    assert set(sent.values()) == {1}
    assert wanted <= set(sent)
    assert all(ranked.matches for ranked in shown)
    assert store.corpus.count() == len(announced)

    done = audit(house)
    assert done.faults == []
    assert done.places[DeliveryStatus.SENT] == len(sent)
    assert sum(done.places.values()) == done.candidates
    assert len(mailbox.messages) == with_papers <= DAYS
    tell(
        f"{DAYS} days, {sum(announced.values()):,} announcements of {len(announced):,} papers: {len(wanted)} match "
        f"word for word, {len(sent)} were sent in {len(mailbox.messages)} issues, none twice"
    )
