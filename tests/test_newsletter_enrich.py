"""Enriching: facts reach the corpus and the cards, and trouble reaches nobody but the operator."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from builders import NOON, paper, papers
from digestmail.cli.papers import enriched_json, tell_enriched
from digestmail.enrichers.openalex import OpenAlexEnricher
from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import DeliveryStatus, Paper, Revision, SkippedEntry
from digestmail.newsletter.enrich import MOST_PAPERS, Enriched, enrich
from digestmail.newsletter.run import run
from digestmail.sources.fetching import PoliteClient
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, ListSource, MemoryTransport
from newsletters import newsletter, subscription
from replay import ReplayServer, Reply


class Index:
    """An enricher that knows some facts about every paper, then fails if it is told to."""

    def __init__(self, *, error: SourceError | None = None, name: str = "index", **facts: object) -> None:
        self.name = name
        self.error = error
        self.facts = facts
        self.asked: list[list[str]] = []

    def enrich(self, papers: Sequence[Paper]) -> Iterator[Revision | SkippedEntry]:
        self.asked.append([one.key for one in papers])
        for one in papers if self.facts else ():
            yield Revision(replace(one, **self.facts))  # type: ignore[arg-type]
        if self.error:
            raise self.error


def test_what_an_index_knows_is_kept_with_the_paper(store: Store) -> None:
    store.corpus.add(papers(2), NOON)
    [enriched] = enrich(newsletter(store, enrichers=[Index(venue="Nature", citations=12)]), NOON)
    assert (enriched.enricher, enriched.asked, enriched.known, enriched.error) == ("index", 2, 2, None)
    assert {(one.venue, one.citations) for one in store.corpus.newest()} == {("Nature", 12)}


def test_votes_that_came_in_meanwhile_are_not_undone(store: Store) -> None:
    class Slow(Index):
        def enrich(self, papers: Sequence[Paper]) -> Iterator[Revision | SkippedEntry]:
            store.corpus.add([replace(one, upvotes=99, comments=9) for one in papers], NOON)
            yield from super().enrich(papers)

    store.corpus.add(papers(1), NOON)
    enrich(newsletter(store, enrichers=[Slow(citations=1)]), NOON)
    [one] = store.corpus.newest()
    assert (one.upvotes, one.comments, one.citations) == (99, 9, 1)


def test_only_live_papers_of_the_window_that_have_an_id_are_asked_about(store: Store) -> None:
    store.corpus.add([paper("Old", key="arxiv:2605.00001")], NOON - timedelta(days=8))
    store.corpus.add(
        [
            paper("Sample", key="arxiv:2606.00002", sample=True),
            paper("Nameless"),
            paper("Known by its DOI", doi="10.1038/1"),
            paper("New", key="arxiv:2606.00003"),
        ],
        NOON,
    )
    index = Index()
    enrich(newsletter(store, enrichers=[index], max_age_days=7), NOON)
    titles = {one.key: one.title for one in store.corpus.newest()}
    assert [[titles[key] for key in asked] for asked in index.asked] == [["New", "Known by its DOI"]]


def test_each_paper_is_asked_about_once_a_day_and_new_ones_at_once(store: Store) -> None:
    index = Index()
    house = newsletter(store, enrichers=[index])
    store.corpus.add([paper("A", key="arxiv:2606.00001")], NOON)
    for hours in (0, 1, 23):
        enrich(house, NOON + timedelta(hours=hours))
    store.corpus.add([paper("B", key="arxiv:2606.00002")], NOON + timedelta(hours=23))
    for hours in (23, 24, 25):
        enrich(house, NOON + timedelta(hours=hours))
    assert index.asked == [["arxiv:2606.00001"], ["arxiv:2606.00002"], ["arxiv:2606.00001"]]


def test_a_run_asks_about_so_many_and_the_next_one_about_the_others(store: Store) -> None:
    store.corpus.add(papers(MOST_PAPERS + 30), NOON)
    index = Index()
    house = newsletter(store, enrichers=[index])
    for _ in range(3):
        enrich(house, NOON)
    assert [len(asked) for asked in index.asked] == [MOST_PAPERS, 30]
    assert len({key for asked in index.asked for key in asked}) == MOST_PAPERS + 30


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (SourceFormatError("index", "not JSON"), timedelta(hours=1)),
        (SourceUnavailable("index", "429"), timedelta(hours=1)),
        (SourceUnavailable("index", "429", retry_after=timedelta(hours=3)), timedelta(hours=3)),
    ],
)
def test_an_index_in_trouble_is_left_alone_for_a_while_and_what_it_told_is_kept(
    store: Store, error: SourceError, again: timedelta
) -> None:
    store.corpus.add(papers(1), NOON)
    index = Index(error=error, citations=7)
    house = newsletter(store, enrichers=[index])
    [enriched] = enrich(house, NOON)
    assert (enriched.error, enriched.known, store.corpus.newest()[0].citations) == (error, 1, 7)
    enrich(house, NOON + again - timedelta(minutes=1))
    assert len(index.asked) == 1
    enrich(house, NOON + again)
    assert len(index.asked) == 2


def test_one_index_in_trouble_does_not_keep_the_other_from_being_asked(store: Store) -> None:
    store.corpus.add(papers(1), NOON)
    down = Index(error=SourceUnavailable("down", "connection refused"), name="down")
    enrich(newsletter(store, enrichers=[down, Index(citations=3, name="up")]), NOON)
    assert store.corpus.newest()[0].citations == 3


def test_a_run_tells_the_facts_on_the_cards_of_the_same_run(store: Store) -> None:
    transport = MemoryTransport()
    house = newsletter(
        store,
        ListSource(papers(1)),
        enrichers=[Index(venue="Nature", citations=12)],
        subscriptions=[subscription()],
        transport=transport,
    )
    report = run(house)
    assert [(one.asked, one.known) for one in report.enriched] == [(1, 1)]
    [message] = transport.messages.values()
    assert "Nature =C2=B7 12 citations" in message.content.decode()


@pytest.mark.parametrize("error", [SourceUnavailable("index", "429"), SourceFormatError("index", "not JSON")])
def test_a_run_sends_all_the_same_when_an_index_fails(store: Store, error: SourceError) -> None:
    house = newsletter(store, ListSource(papers(2)), enrichers=[Index(error=error)], subscriptions=[subscription()])
    report = run(house)
    assert report.enriched[0].error is error
    assert report.delivered.counts[DeliveryStatus.SENT] == 1
    assert not report.needs_attention
    assert not report.sources_down


def test_a_dry_run_waits_for_no_index(store: Store) -> None:
    index = Index(citations=1)
    run(
        newsletter(store, ListSource(papers(1)), enrichers=[index], subscriptions=[subscription()]),
        dry_run=True,
    )
    assert index.asked == []


def test_readers_are_told_once_that_a_paper_they_were_sent_is_published(store: Store, tmp_path: Path) -> None:
    clock, index = FixedClock(NOON), Index()
    house = newsletter(store, ListSource(papers(1)), enrichers=[index], subscriptions=[subscription()], clock=clock)
    run(house)
    index.facts = {"doi": "10.1038/1", "venue": "Nature"}
    for _ in range(2):
        clock.advance(days=1)
        enrich(house, clock())
    [work] = store.corpus.newest()
    assert (work.key, work.doi, work.venue) == ("arxiv:2606.00000", "10.1038/1", "Nature")
    assert store.corpus.find("doi:10.1038/1") == work
    with closing(sqlite3.connect(tmp_path / "digestmail.db")) as database:
        told = database.execute("SELECT kind, before, after FROM change").fetchall()
    assert told == [("published", "", "10.1038/1")]


def test_a_server_that_drips_holds_nobody_up_for_longer_than_the_budget(store: Store) -> None:
    store.corpus.add(papers(60), NOON)
    with ReplayServer() as web, closing(PoliteClient("papers@example.org", budget=0.2)) as client:
        url = web.on("/works", Reply(b'{"results": []}' * 1000, drip=0.05))
        house = newsletter(store, enrichers=[OpenAlexEnricher(client, url=url)])
        [first] = enrich(house, NOON)
        [second] = enrich(house, NOON + timedelta(hours=2))
    assert str(first.error).startswith("openalex: no whole answer within 0 s")
    assert str(second.error).startswith("openalex: no time is left for ")
    assert len(web.asked) == 1


def test_the_operator_reads_one_line_about_each_index_that_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    gone = SourceUnavailable("gone", "connection refused")
    tell_enriched(
        [
            Enriched("openalex", asked=1204, known=9),
            Enriched("idle"),
            Enriched("gone", asked=3, error=gone),
            Enriched("torn", asked=3, known=1, error=SourceFormatError("torn", "not JSON")),
        ]
    )
    assert capsys.readouterr().err.splitlines() == [
        "openalex: knows 9 of 1,204 papers",
        "gone: connection refused (papers go out without what it knows)",
        "torn: not JSON (papers go out without what it knows)",
        "torn: knows 1 of 3 papers",
    ]
    assert enriched_json(Enriched("gone", asked=3, error=gone)) == {
        "enricher": "gone",
        "asked": 3,
        "known": 0,
        "skipped": [],
        "error": "gone: connection refused",
    }
