"""What indexes of publications know of papers, and answers of theirs that are none."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import paper, papers
from digestmail.enrichers.openalex import OpenAlexEnricher
from digestmail.enrichers.semantic_scholar import SemanticScholarEnricher
from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import Paper, Revision, SkippedEntry
from digestmail.protocols import Enricher
from digestmail.sources.fetching import PoliteClient
from replay import Asked, ReplayServer, Reply

ARXIV = paper("Attention", key="arxiv:2606.00001", upvotes=3)
BIORXIV = paper("Cells", key="doi:10.1101/2026.06.30.1", doi="10.1101/2026.06.30.1")
PUBLISHED = paper("Genes", key="doi:10.1101/1", doi="10.1038/1", venue="Nature")
NAMELESS = paper("Nobody knows it")


@pytest.fixture
def web() -> Iterator[ReplayServer]:
    with ReplayServer() as server:
        yield server


@pytest.fixture(scope="module")
def client() -> Iterator[PoliteClient]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None)) as ready:
        yield ready


Make = Callable[..., Enricher]
KINDS: list[Make] = [OpenAlexEnricher, SemanticScholarEnricher]


def works(*found: Any) -> dict[str, Any]:
    return {"meta": {"count": len(found)}, "results": list(found)}


def known(enricher: Enricher, *asked: Paper) -> list[Paper]:
    return [entry.paper for entry in enricher.enrich(asked) if isinstance(entry, Revision)]


# OpenAlex


def test_openalex_is_asked_by_doi_and_tells_what_it_knows(web: ReplayServer, client: PoliteClient) -> None:
    place = {"source": {"display_name": "Science &amp; Cells", "type": "journal"}}
    url = web.on(
        "/works",
        works(
            {
                "doi": "https://doi.org/10.48550/arXiv.2606.00001",
                "cited_by_count": 12,
                "primary_location": {"source": {"display_name": "arXiv (Cornell University)", "type": "repository"}},
                "open_access": {"is_oa": True, "oa_url": "https://arxiv.org/pdf/2606.00001"},
            },
            {
                "doi": "https://doi.org/10.1101/2026.06.30.1",
                "cited_by_count": 0,
                "primary_location": {"source": None},
                "locations": [
                    {"landing_page_url": "https://repository.example.org/10.5555/x", "source": {"type": "repository"}},
                    place | {"landing_page_url": "https://doi.org/10.1126/Science.1"},
                ],
            },
        ),
    )
    attention, cells = known(
        OpenAlexEnricher(client, url=url, api_key="opensesame"), ARXIV, BIORXIV, PUBLISHED, NAMELESS
    )
    assert web.asked[0].query["filter"] == "doi:10.48550/arxiv.2606.00001|10.1101/2026.06.30.1|10.1038/1"
    assert web.asked[0].query["api_key"] == "opensesame"
    assert (attention.key, attention.citations, attention.venue, attention.doi) == (ARXIV.key, 12, None, None)
    assert attention.open_access_url == "https://arxiv.org/pdf/2606.00001"
    assert (cells.key, cells.citations, cells.venue, cells.doi) == (
        BIORXIV.key,
        0,
        "Science & Cells",
        "10.1126/science.1",
    )


def test_openalex_is_asked_for_fifty_at_a_time(web: ReplayServer, client: PoliteClient) -> None:
    def route(asked: Asked) -> Reply:
        dois = asked.query["filter"].removeprefix("doi:").split("|")
        found = [{"doi": f"https://doi.org/{each}", "cited_by_count": 1} for each in dois]
        return Reply(json.dumps(works(*found)).encode())

    web.routes["/works"] = route
    found = known(OpenAlexEnricher(client, url=f"{web.url}/works"), *papers(120))
    assert [one.key for one in found] == [one.key for one in papers(120)]
    assert [one.query["filter"].count("|") + 1 for one in web.asked] == [50, 50, 20]


def test_a_doi_that_would_be_read_as_two_is_not_asked_for(web: ReplayServer, client: PoliteClient) -> None:
    url = web.on("/works", works())
    assert known(OpenAlexEnricher(client, url=url), paper(key="doi:10.1/a,b"), paper(key="doi:10.1/a|b")) == []
    assert web.asked == []


def test_a_key_is_told_to_the_server_alone(web: ReplayServer, client: PoliteClient) -> None:
    web.on("/works", Reply(status=403))
    with pytest.raises(SourceFormatError) as caught:
        known(OpenAlexEnricher(client, url=f"{web.url}/works", api_key="opensesame"), *papers(50))
    assert "opensesame" not in str(caught.value)
    assert len(str(caught.value)) < 400


# Semantic Scholar


def test_semantic_scholar_is_asked_by_arxiv_id_or_doi_and_tells_what_it_knows(
    web: ReplayServer, client: PoliteClient
) -> None:
    url = web.on(
        "/batch",
        [
            {
                "paperId": "1",
                "externalIds": {"ArXiv": "2606.00001", "DOI": "10.1609/AAAI.V34"},
                "venue": "arXiv.org",
                "publicationVenue": {"name": "AAAI Conference on Artificial Intelligence"},
                "citationCount": 1204,
                "openAccessPdf": {"url": "https://aaai.example.org/1.pdf", "status": "GOLD"},
            },
            None,
            {"externalIds": {"DOI": "10.9999/2"}, "venue": "bioRxiv", "journal": {"name": "Cell"}, "citationCount": 4},
            {"paperId": "the one that is always there"},
        ],
    )
    attention, genes = known(
        SemanticScholarEnricher(client, url=url, api_key="opensesame"), ARXIV, BIORXIV, NAMELESS, PUBLISHED
    )
    [asked] = web.asked
    assert json.loads(asked.body) == {
        "ids": ["ARXIV:2606.00001", "DOI:10.1101/2026.06.30.1", "DOI:10.1101/1", "ARXIV:1706.03762"]
    }
    assert asked.headers["x-api-key"] == "opensesame"
    assert "citationCount" in asked.query["fields"]
    assert attention == paper(
        "Attention",
        key="arxiv:2606.00001",
        upvotes=3,
        doi="10.1609/aaai.v34",
        venue="AAAI Conference on Artificial Intelligence",
        citations=1204,
        open_access_url="https://aaai.example.org/1.pdf",
    )
    assert (genes.doi, genes.venue, genes.citations) == ("10.1038/1", "Cell", 4)


def test_the_doi_of_a_preprint_is_not_taken_for_a_publication(web: ReplayServer, client: PoliteClient) -> None:
    url = web.on("/batch", [{"externalIds": {"DOI": "10.48550/arXiv.2606.00001"}}, {}])
    assert known(SemanticScholarEnricher(client, url=url), ARXIV) == [ARXIV]


def test_semantic_scholar_is_asked_for_five_hundred_at_a_time(web: ReplayServer, client: PoliteClient) -> None:
    def route(asked: Asked) -> Reply:
        assert len(json.loads(asked.body)["ids"]) <= 500
        return Reply(json.dumps([{"citationCount": 1}] * len(json.loads(asked.body)["ids"])).encode())

    web.routes["/batch"] = route
    found = known(SemanticScholarEnricher(client, url=f"{web.url}/batch"), *papers(1200))
    assert [one.key for one in found] == [one.key for one in papers(1200)]
    assert len(web.asked) == 3


def test_answers_that_do_not_fit_the_questions_are_refused(web: ReplayServer, client: PoliteClient) -> None:
    url = web.on("/batch", [{"citationCount": 1}])
    with pytest.raises(SourceFormatError, match=r"^semantic_scholar: 1 answers to 3 questions$"):
        known(SemanticScholarEnricher(client, url=url), ARXIV, BIORXIV)


def test_an_entry_that_cannot_be_read_is_named_and_costs_the_others_nothing(
    web: ReplayServer, client: PoliteClient
) -> None:
    url = web.on("/batch", ["junk", {"citationCount": 5}, None])
    entries = list(SemanticScholarEnricher(client, url=url).enrich([ARXIV, BIORXIV]))
    assert entries[0] == SkippedEntry("semantic_scholar ARXIV:2606.00001", "a string instead of an object")
    assert isinstance(entries[1], Revision)
    url = web.on("/works", works("junk", {"doi": None}, {"doi": "https://doi.org/10.48550/arXiv.2606.00001"}))
    entries = list(OpenAlexEnricher(client, url=url).enrich([ARXIV]))
    assert [type(entry) for entry in entries] == [SkippedEntry, SkippedEntry, Revision]


# Both


@pytest.mark.parametrize("make", KINDS)
def test_nobody_is_asked_about_papers_without_an_id(web: ReplayServer, client: PoliteClient, make: Make) -> None:
    assert list(make(client, url=web.url).enrich([NAMELESS])) == []
    assert list(make(client, url=web.url).enrich([])) == []
    assert web.asked == []


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    ("reply", "error", "why"),
    [
        (Reply(b"<html>"), SourceFormatError, "not JSON"),
        (Reply(b""), SourceFormatError, "not JSON"),
        (Reply(b"[" * 200_000), SourceFormatError, "JSON nested too deeply"),
        (Reply(b'"text"'), SourceFormatError, "a string "),
        (Reply(b'{"error": "no"}'), SourceFormatError, "an object "),
        (Reply(status=400), SourceFormatError, "400 Bad Request"),
        (Reply(status=429), SourceUnavailable, "429 Too Many Requests"),
        (Reply(status=503), SourceUnavailable, "503"),
        (Reply(b'{"results": []}' * 9, cut=20), SourceUnavailable, "cannot reach"),
    ],
)
def test_an_answer_that_is_none_is_an_error_in_one_line(
    web: ReplayServer, client: PoliteClient, make: Make, reply: Reply, error: type[SourceError], why: str
) -> None:
    enricher = make(client, url=web.on("/index", reply))
    with pytest.raises(error) as caught:
        list(enricher.enrich([ARXIV]))
    assert str(caught.value).startswith(f"{enricher.name}: {why}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", KINDS)
def test_a_long_pause_that_is_asked_for_is_told(web: ReplayServer, client: PoliteClient, make: Make) -> None:
    url = web.on("/index", Reply(status=429, headers={"Retry-After": "900"}))
    with pytest.raises(SourceUnavailable) as caught:
        list(make(client, url=url).enrich([ARXIV]))
    assert caught.value.retry_after == timedelta(minutes=15)


names = ["results", "doi", "cited_by_count", "locations", "source", "type", "display_name", "landing_page_url"]
more = ["primary_location", "open_access", "oa_url", "externalIds", "DOI", "venue", "journal", "name", "citationCount"]
values = ["https://doi.org/10.48550/arxiv.2606.00001", "10.1038/1", "journal", "https://x.org/", "\ud83d", "arXiv"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(values),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*names, *more]), inner, max_size=6),
    max_leaves=10,
)


@pytest.mark.parametrize("make", KINDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.binary(max_size=99)
    | json_values
    | st.fixed_dictionaries({"results": st.lists(json_values, max_size=3)})
    | st.lists(json_values, min_size=2, max_size=2)
)
def test_any_answer_gives_facts_about_the_papers_asked_for_or_a_source_error(
    web: ReplayServer, client: PoliteClient, make: Make, answer: Any
) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    try:
        entries = list(make(client, url=web.on("/index", body)).enrich([ARXIV]))
    except SourceError as error:
        assert "\n" not in str(error)  # noqa: PT017 - no error is as good as one
        return
    for entry in entries:
        if isinstance(entry, Revision):
            assert (entry.paper.key, entry.paper.title, entry.paper.upvotes) == (ARXIV.key, ARXIV.title, 3)
            for text in (entry.paper.venue, entry.paper.doi, entry.paper.open_access_url):
                (text or "").encode()
