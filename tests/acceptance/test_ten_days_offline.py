"""The machine is off for ten days. One run afterwards brings all that the sources still have, and says what is lost."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from arxiv_answers import EASTERN, item, oai, record, rss
from digestmail.model import DeliveryStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.audit import audit
from digestmail.newsletter.run import RunReport, run
from digestmail.sources.arxiv.daily import ArxivSource
from digestmail.sources.biorxiv import BiorxivSource
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.huggingface import HuggingFaceSource
from digestmail.storage.store import Store
from digestmail.testing import FixedClock
from newsletters import newsletter, subscription
from replay import Asked, ReplayServer, Reply

LAST_RUN, BACK = datetime(2026, 6, 9, 13, tzinfo=UTC), datetime(2026, 6, 19, 13, tzinfo=UTC)
FIRST_DAY = date(2026, 6, 8)
MISSED = [LAST_RUN.date() + timedelta(days=number) for number in range(1, 11)]


class World:
    """Three services that go on announcing while nobody asks: two papers a day, arXiv and Daily Papers on workdays.

    Preprint servers and the list keep what they had, a feed of arXiv shows the day that it is, OAI-PMH all days.
    """

    def __init__(self, server: ReplayServer, clock: FixedClock) -> None:
        self._clock = clock
        #: days that the list of Daily Papers has lost
        self.broken: set[date] = set()
        self.oai_is_down = False
        server.routes |= {
            "/hf": self._daily_papers,
            "/rss/cs.LG": self._feed,
            "/oai": self._records,
            "/bio*": self._preprints,
        }

    @staticmethod
    def works(kind: int, day: date) -> list[str]:
        """The ids of what a service announces on a day."""
        return [f"2606.{kind}{day:%d}{number:02}" for number in range(2)]

    def _daily_papers(self, asked: Asked) -> Reply:
        day = date.fromisoformat(asked.query["date"])
        if day in self.broken:
            return Reply(status=400)
        ids = self.works(1, day) if day.weekday() < 5 and day <= self._clock.now.date() else []
        papers = [
            {"paper": {"id": name, "title": f"On {name}", "summary": "Quantization.", "upvotes": 1}} for name in ids
        ]
        return Reply(json.dumps(papers if asked.query["p"] == "0" else []).encode())

    def _feed(self, asked: Asked) -> Reply:
        day = self._clock.now.astimezone(EASTERN).date()
        ids = self.works(2, day) if day.weekday() < 5 else []
        return Reply(
            rss(*(item(day=day, id=name, title=f"On {name}", abstract="Quantization.") for name in ids), day=day)
        )

    def _records(self, asked: Asked) -> Reply:
        if self.oai_is_down:
            return Reply(status=503)
        since = max(date.fromisoformat(asked.query["from"]), FIRST_DAY)
        days = [since + timedelta(days=number) for number in range((self._clock.now.date() - since).days + 1)]
        return Reply(
            oai(
                *(
                    record(
                        stamp=day,
                        id=name,
                        title=f"On {name}",
                        abstract="Quantization.",
                        versions=[datetime.combine(day, datetime.min.time(), tzinfo=UTC) - timedelta(hours=20)],
                    )
                    for day in days
                    if day.weekday() < 5
                    for name in self.works(2, day)
                )
            )
        )

    def _preprints(self, asked: Asked) -> Reply:
        _, _, day, _, cursor, _ = asked.path.lstrip("/").split("/")
        ids = self.works(3, date.fromisoformat(day)) if date.fromisoformat(day) <= self._clock.now.date() else []
        records = [
            {"doi": f"10.1101/{name}", "title": f"On {name}", "abstract": "Quantization.", "date": day, "version": "1"}
            for name in ids
        ]
        return Reply(json.dumps({"messages": [{"status": "ok"}], "collection": records[int(cursor) :]}).encode())


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(LAST_RUN)


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as running:
        yield running


@pytest.fixture
def world(server: ReplayServer, clock: FixedClock) -> World:
    return World(server, clock)


@pytest.fixture
def house(store: Store, server: ReplayServer, world: World, clock: FixedClock) -> Iterator[Newsletter]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None)) as client:
        yield newsletter(
            store,
            HuggingFaceSource(client, url=f"{server.url}/hf"),
            ArxivSource(client, ["cs.LG"], feeds=f"{server.url}/rss", oai=f"{server.url}/oai"),
            BiorxivSource(client, url=f"{server.url}/bio"),
            clock=clock,
            subscriptions=[subscription()],
            max_papers=100,
        )


def expected(days: list[date]) -> set[str]:
    workdays = [day for day in days if day.weekday() < 5]
    arxiv = {f"arxiv:{name}" for kind in (1, 2) for day in workdays for name in World.works(kind, day)}
    return arxiv | {f"doi:10.1101/{name}" for day in days for name in World.works(3, day)}


def brought(report: RunReport) -> set[str]:
    return {paper.key for one in report.collected for paper in one.answer.papers}


def gaps(report: RunReport) -> dict[str, list[str]]:
    return {one.fetched.source: [str(gap) for gap in one.fetched.gaps] for one in report.collected}


def test_all_ten_days_come_back_and_reach_the_reader_once(
    house: Newsletter, clock: FixedClock, tell: Callable[[str], None]
) -> None:
    before = {ranked.paper.key for issue in run(house).issues for ranked in issue.papers}
    clock.now = BACK
    report = run(house)
    assert expected(MISSED) <= brought(report)
    assert gaps(report) == {"huggingface": [], "arxiv": [], "biorxiv": []}
    [issue] = report.issues
    sent = {ranked.paper.key for ranked in issue.papers}
    assert expected(MISSED) <= sent
    assert not sent & before
    assert run(house).issues == []
    done = audit(house)
    assert (done.faults, done.places[DeliveryStatus.SENT]) == ([], len(before) + len(sent))
    tell(f"ten days offline: {len(expected(MISSED))} papers announced, {len(sent & expected(MISSED))} sent by one run")


def test_what_could_not_be_had_is_said_and_comes_when_it_can(
    house: Newsletter, world: World, clock: FixedClock
) -> None:
    run(house)
    clock.now = BACK
    world.broken = {date(2026, 6, 11), date(2026, 6, 16)}
    world.oai_is_down = True
    report = run(house)
    said = gaps(report)
    assert [text.partition(":")[0] for text in said["huggingface"]] == ["2026-06-11", "2026-06-16"]
    assert any(text.startswith("2026-06-10 to 2026-06-") and "503" in text for text in said["arxiv"])
    assert said["biorxiv"] == []
    assert {f"arxiv:{name}" for name in World.works(2, BACK.date())} <= brought(report)  # the day itself is not lost

    clock.advance(hours=2)
    world.broken, world.oai_is_down = set(), False
    again = run(house)
    assert gaps(again) == {"huggingface": [], "arxiv": [], "biorxiv": []}
    known = {paper.key for paper in house.store.corpus.newest()}
    assert expected(MISSED) <= known
