"""Whatever a server does: the source says so, other sources go on, and nothing is remembered of a bad answer."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from arxiv_answers import entry, item, results, rss
from builders import NOON, TODAY, paper
from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.newsletter.collect import collect
from digestmail.protocols import Source
from digestmail.sources.arxiv.daily import ArxivSource
from digestmail.sources.arxiv.searching import ArxivQuerySource
from digestmail.sources.biorxiv import BiorxivSource
from digestmail.sources.feed.source import FeedSource
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.huggingface import HuggingFaceSource
from digestmail.sources.reading import MAX_BYTES
from digestmail.storage.store import Store
from digestmail.testing import ListSource
from newsletters import newsletter
from replay import ReplayServer, Reply, gzipped

Make = Callable[[PoliteClient, str], Source]

HUGGING_FACE = json.dumps([{"paper": {"id": "2606.00001", "title": "One", "summary": "About one thing."}}]).encode()
PREPRINTS = json.dumps(
    {"messages": [{"status": "ok"}], "collection": [{"doi": "10.1101/1", "title": "One", "abstract": "About."}]}
).encode()
FEED = (
    b'<rss version="2.0"><channel><item><title>One</title><link>https://example.org/1</link>'
    b"<description>About one thing.</description></item></channel></rss>"
)

SOURCES: dict[str, tuple[Make, bytes]] = {
    "huggingface": (lambda client, url: HuggingFaceSource(client, url=url, days=1), HUGGING_FACE),
    "arxiv": (lambda client, url: ArxivSource(client, ["cs.LG"], feeds=url, oai=url), rss(item(day=TODAY), day=TODAY)),
    "arxiv query": (lambda client, url: ArxivQuerySource(client, ["cs.LG"], "all:one", url=url), results(entry())),
    "biorxiv": (lambda client, url: BiorxivSource(client, url=url), PREPRINTS),
    "feed": (FeedSource, FEED),
}

HTML = b"<!doctype html><html><head><title>Sorry</title></head><body><p>Back soon</p></body></html>"
#: name → what the server does with every request, given a good body; what the source then raises
FAULTS: dict[str, tuple[Callable[[bytes], Reply], type[SourceError]]] = {
    "429": (lambda _: Reply(status=429), SourceUnavailable),
    "429, later": (lambda _: Reply(status=429, headers={"Retry-After": "1800"}), SourceUnavailable),
    "503": (lambda _: Reply(status=503), SourceUnavailable),
    "403": (lambda _: Reply(status=403), SourceFormatError),
    "redirect to ftp": (lambda _: Reply(status=302, headers={"Location": "ftp://example.org/"}), SourceUnavailable),
    "redirect inside": (lambda _: Reply(status=302, headers={"Location": "http://10.0.0.1/"}), SourceUnavailable),
    "connection cut": (lambda body: Reply(body, cut=len(body) // 2), SourceUnavailable),
    "slow header": (lambda _: Reply(drip=0.05), SourceUnavailable),
    "slow body": (lambda body: Reply(body, drip=0.05), SourceUnavailable),
    "half a body": (lambda body: Reply(body[: len(body) // 3]), SourceFormatError),
    "gzip bomb": (lambda _: gzipped(bytes(3 * MAX_BYTES), 1), SourceFormatError),
    "damaged gzip": (lambda body: Reply(body, headers={"Content-Encoding": "gzip"}), SourceFormatError),
    "web page": (lambda _: Reply(HTML, headers={"Content-Type": "text/html"}), SourceFormatError),
    "nothing": (lambda _: Reply(b""), SourceFormatError),
    "billion laughs": (
        lambda _: Reply(b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><rss><channel>&b;</channel></rss>'),
        SourceFormatError,
    ),
}


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as running:
        yield running


@pytest.fixture
def client() -> Iterator[PoliteClient]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None, deadline=0.4)) as ready:
        yield ready


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_one_source_its_papers_and_nothing_else(
    store: Store, server: ReplayServer, client: PoliteClient, name: str, fault: str
) -> None:
    make, good = SOURCES[name]
    misbehave, expected = FAULTS[fault]
    server.routes["/*"] = lambda _: misbehave(good)
    source, other = make(client, f"{server.url}/x"), ListSource([paper("Another")])
    broken, fine = collect(newsletter(store, source, other), NOON)
    assert type(broken.answer.error) is expected
    assert "\n" not in str(broken.answer.error)
    assert (fine.new, store.corpus.count()) == (1, 1)
    assert store.fetches.validators(source.name) == {}
    assert store.fetches.covered(source.name) is None
    assert store.fetches.failing()[0][0].source == source.name


@pytest.mark.parametrize("name", SOURCES)
def test_what_a_server_withheld_comes_when_it_is_well_again(
    store: Store, server: ReplayServer, client: PoliteClient, name: str
) -> None:
    make, good = SOURCES[name]
    source = make(client, f"{server.url}/x")
    house = newsletter(store, source)
    server.routes["/*"] = lambda _: Reply(status=429, headers={"Retry-After": "1800"})
    collect(house, NOON)
    server.routes["/*"] = lambda _: Reply(good)
    [resting] = collect(house, NOON + timedelta(minutes=20))
    assert "not to be asked again before 12:30 UTC" in str(resting.answer.error)
    [again] = collect(house, NOON + timedelta(minutes=31))
    assert again.new == 1


@pytest.mark.parametrize("name", SOURCES)
def test_a_redirect_is_followed_to_the_same_papers(
    store: Store, server: ReplayServer, client: PoliteClient, name: str
) -> None:
    make, good = SOURCES[name]
    server.routes |= {
        "/x*": lambda asked: Reply(status=302, headers={"Location": "/y"}),
        "/y": lambda _: Reply(good),
    }
    [collected] = collect(newsletter(store, make(client, f"{server.url}/x")), NOON)
    assert collected.new == 1


@pytest.mark.parametrize("name", ["huggingface", "arxiv", "feed"])
def test_what_has_not_changed_is_asked_for_and_not_sent_again(
    store: Store, server: ReplayServer, client: PoliteClient, name: str
) -> None:
    make, good = SOURCES[name]
    server.routes["/*"] = lambda _: Reply(good, etag='"1"')
    source = make(client, f"{server.url}/x")
    house = newsletter(store, source)
    collect(house, NOON)
    asked = len(server.asked)
    [again] = collect(house, NOON + timedelta(hours=2))
    assert any(one.headers.get("If-None-Match") == '"1"' for one in server.asked[asked:])
    assert (again.answer.error, again.new) == (None, 0)
