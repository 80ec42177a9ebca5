"""Answers that real servers once gave, given again by a server on loopback."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from builders import read
from digestmail.model import Paper
from digestmail.protocols import Source
from digestmail.sources.arxiv.daily import ArxivSource
from digestmail.sources.arxiv.searching import ArxivQuerySource
from digestmail.sources.biorxiv import BiorxivSource
from digestmail.sources.feed.source import FeedSource
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.huggingface import HuggingFaceSource
from replay import ReplayServer, Reply

Shared = Callable[[str], Path]


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as running:
        yield running


@pytest.fixture
def client() -> Iterator[PoliteClient]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None)) as ready:
        yield ready


def keys(source: Source, day: date, **facts: object) -> set[str]:
    return {entry.key for entry in read(source, day, **facts) if isinstance(entry, Paper)}


def test_a_recorded_month_of_daily_papers_comes_by_date(
    server: ReplayServer, client: PoliteClient, shared_data: Shared
) -> None:
    folder = shared_data("hf_daily_papers")
    days = {file.stem: file.read_bytes() for file in folder.glob("2026-06-*.json")}
    server.routes["/hf"] = lambda asked: Reply(
        days.get(asked.query["date"], b"[]") if asked.query["p"] == "0" else b"[]"
    )
    found = keys(HuggingFaceSource(client, url=f"{server.url}/hf"), date(2026, 6, 30), since=date(2026, 6, 1))
    assert found == {f"arxiv:{one['paper']['id']}" for answer in days.values() for one in json.loads(answer)}


def announced(content: bytes) -> set[str]:
    """The keys of what a feed announces as new or cross-listed; one that is made of several lists names some twice."""
    items = re.findall(r"<(?:item|entry)[ >].*?</(?:item|entry)>", content.decode(), re.DOTALL)
    fresh = [one for one in items if re.search(r"announce_type>\s*(?:new|cross)\s*<", one)]
    return {f"arxiv:{name}" for one in fresh for name in re.findall(r"oai:arXiv\.org:([\w./-]+?)v\d+", one)}


@pytest.mark.parametrize("source", ["arxiv", "feed"])
def test_recorded_feeds_of_arxiv_come_from_both_kinds_of_source(
    server: ReplayServer, client: PoliteClient, shared_data: Shared, source: str
) -> None:
    for file in sorted(shared_data("arxiv_rss").glob("*.xml")):
        content = file.read_bytes()
        url = server.on("/rss/cs.AI", content)
        [day] = map(date.fromisoformat, re.findall(r"\d{4}-\d{2}-\d{2}", file.name))
        expected = announced(content)
        if source == "feed":
            found = keys(FeedSource(client, url), day)
        else:
            live = ArxivSource(client, ["cs.AI"], feeds=f"{server.url}/rss", oai=f"{server.url}/oai")
            found = keys(live, day)
        # a feed that is read as any other has its replacements among its papers, too
        assert expected, file.name
        assert expected <= found if source == "feed" else expected == found, file.name


def test_a_recorded_page_of_results_comes_from_a_query(
    server: ReplayServer, client: PoliteClient, shared_data: Shared
) -> None:
    page = shared_data("arxiv_api") / "q_testing_s0_m100_cfe7536492ca.xml"
    url = server.on("/query", page.read_bytes())
    source = ArxivQuerySource(client, ["cs.LG"], "testing", url=url)
    assert len(keys(source, date(2026, 7, 1))) >= 1
    assert server.asked[0].query["start"] == "0"


def test_a_recorded_preprint_comes_from_its_server(
    server: ReplayServer, client: PoliteClient, shared_data: Shared
) -> None:
    answer = shared_data("biorxiv/paperview_details_record_2018-10-30.json").read_bytes()
    server.routes["/*"] = lambda _: Reply(answer)
    [key] = keys(BiorxivSource(client, url=server.url), date(2018, 10, 30))
    assert key.startswith("doi:10.1101/")
