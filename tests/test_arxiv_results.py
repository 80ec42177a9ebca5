"""The query API: recorded answers, pages, errors, and what a search asks for."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arxiv_answers import api_error, entry, results
from builders import asked
from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import Covered, Gap, Paper, Revision, SkippedEntry
from digestmail.protocols import Entry
from digestmail.sources.arxiv import searching
from digestmail.sources.arxiv.results import Results, parse_results
from digestmail.sources.arxiv.searching import ArxivQuerySource
from digestmail.sources.fetching import PoliteClient
from replay import Asked, ReplayServer, Reply

TODAY = date(2026, 6, 30)


def read(content: bytes) -> Results:
    return parse_results(content, "results", "arxiv")


def papers(entries: Iterator[Entry] | list[Entry]) -> list[str]:
    return [each.key for each in entries if isinstance(each, Paper)]


# One answer


def test_a_paper_carries_everything_the_answer_says() -> None:
    more = "<arxiv:comment>9 pages</arxiv:comment><arxiv:journal_ref>JMLR 27</arxiv:journal_ref>"
    doi = '<arxiv:doi>10.1000/ABC</arxiv:doi><link rel="related" href="https://doi.org/10.1000/ABC" title="doi"/>'
    content = results(
        entry(
            title="Mixtures\n  of Experts",
            version=3,
            primary="stat.ML",
            categories=["cs.LG", "stat.ML", "I.2.6"],
            more=more + doi,
        )
    )
    assert list(read(content).entries) == [
        Paper(
            key="arxiv:2606.00001",
            title="Mixtures of Experts",
            abstract="We study one thing.",
            authors=("Ada Lovelace", "Alan Turing"),
            categories=("stat.ML", "cs.LG"),
            doi="10.1000/abc",
            version=3,
            venue="JMLR 27",
            published=date(2026, 6, 29),
            listed=date(2026, 6, 30),
            url="https://arxiv.org/abs/2606.00001",
            source="arxiv",
        )
    ]


def test_arxivs_own_doi_is_no_publication() -> None:
    content = results(entry(more="<arxiv:doi>10.48550/arXiv.2606.00001</arxiv:doi>"))
    assert [each.doi for each in read(content).entries if isinstance(each, Paper)] == [None]


def test_a_comment_tells_of_a_withdrawal() -> None:
    content = results(entry(more="<arxiv:comment>This paper has been withdrawn by the author</arxiv:comment>"))
    assert [each.withdrawn for each in read(content).entries if isinstance(each, Paper)] == [True]


def test_recorded_answers_are_read_whole(shared_data: Callable[[str], Path]) -> None:
    files = sorted(shared_data("arxiv_api").glob("*.xml"))
    assert len(files) >= 20
    found = {file.name: read(file.read_bytes()) for file in files if "id_abc" not in file.name}
    for file, page in found.items():
        assert all(isinstance(each, Paper) for each in page.entries), file
        assert not page.broken
    page = found["q_testing_s0_m100_cfe7536492ca.xml"]
    assert (len(page.entries), page.total) == (100, 214881)
    keys = {name.split("_s0_")[0]: papers(list(page.entries)) for name, page in found.items() if name.startswith("id_")}
    assert keys["id_astro-ph_0601001"] == ["arxiv:astro-ph/0601001"]
    assert keys["id_quant-ph_0201082v1"] == ["arxiv:quant-ph/0201082"]
    assert keys["id_0000.0000"] == []


def test_the_recorded_error_is_told_in_arxivs_words(shared_data: Callable[[str], Path]) -> None:
    (file,) = shared_data("arxiv_api").glob("id_abc*.xml")
    with pytest.raises(SourceFormatError, match=r"^arxiv: arXiv refuses the query: incorrect id format for abc$"):
        read(file.read_bytes())


SAMPLE = results(entry(1), entry(2), entry(3), total=3)


@given(
    st.binary(max_size=300)
    | st.builds(lambda a, b, c: SAMPLE[:a] + c + SAMPLE[b:], *[st.integers(0, len(SAMPLE))] * 2, st.binary(max_size=9))
)
def test_any_bytes_give_results_or_a_source_error(content: bytes) -> None:
    try:
        page = read(content)
    except SourceFormatError as error:
        assert "\n" not in str(error)  # noqa: PT017 - no error is as good as one
    else:
        assert all(each.key.startswith("arxiv:") for each in page.entries if isinstance(each, Paper))


def test_real_answers_survive_damage_at_any_place(shared_data: Callable[[str], Path]) -> None:
    content = (shared_data("arxiv_api") / "q_testing_s0_m10_bc5a6c384fe9.xml").read_bytes()
    whole = set(papers(list(read(content).entries)))
    first, last = content.index(b"<entry>"), content.rindex(b"</entry>")
    for cut in range(first + 8, last - 8, 211):
        page = read(content[:cut] + content[cut + 5 :])
        assert len(whole - set(papers(list(page.entries)))) <= 1


# The source


class Api:
    """The query API on loopback, over numbered papers."""

    def __init__(self, server: ReplayServer, count: int) -> None:
        self.count = count
        #: how often a page is empty before it is not, by start
        self.empty: dict[int, int] = {}
        self.url = server.url + "/api/query"
        self.server = server
        server.routes["/api/query"] = self.answer

    def answer(self, request: Asked) -> Reply:
        start, size = int(request.query["start"]), int(request.query["max_results"])
        if self.empty.get(start, 0) > 0:
            self.empty[start] -= 1
            return Reply(results(total=self.count, start=start))
        numbers = range(start, min(start + size, self.count))
        return Reply(results(*map(entry, numbers), total=self.count, start=start))


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as running:
        yield running


@pytest.fixture
def client() -> Iterator[PoliteClient]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None)) as ready:
        yield ready


@pytest.fixture
def api(server: ReplayServer) -> Api:
    return Api(server, 5)


def search(client: PoliteClient, url: str, **facts: Any) -> ArxivQuerySource:
    return ArxivQuerySource(client, ["cs.LG", "hep-th", "math"], "abs:experts", url=url, **facts)


def test_a_search_is_asked_within_the_categories_and_the_last_weeks(api: Api, client: PoliteClient) -> None:
    assert len(papers(search(client, api.url).fetch(asked(TODAY)))) == 5
    (request,) = api.server.asked
    assert request.query == {
        "search_query": "(cat:cs.LG OR cat:hep-th OR cat:math.*) AND (abs:experts) "
        "AND submittedDate:[202606020000 TO 202606301200]",
        "sortBy": "submittedDate",
        "sortOrder": "descending",
        "start": "0",
        "max_results": "500",
    }


def test_missed_days_widen_the_window(api: Api, client: PoliteClient) -> None:
    list(search(client, api.url).fetch(asked(TODAY, since=date(2026, 6, 20))))
    assert "submittedDate:[202605230000 TO" in api.server.asked[0].query["search_query"]


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (2, 1), (3, 2), (5, 3)])
def test_pages_are_read_until_all_are_there(api: Api, client: PoliteClient, count: int, requests: int) -> None:
    api.count = count
    found = list(search(client, api.url, page_size=2).fetch(asked(TODAY)))
    assert papers(found) == [f"arxiv:2606.{number:05}" for number in range(count)]
    assert found[-1] == Covered(TODAY)
    assert len(api.server.asked) == requests


def test_an_empty_page_is_asked_for_once_more(api: Api, client: PoliteClient) -> None:
    api.empty = {2: 1}
    assert len(papers(search(client, api.url, page_size=2).fetch(asked(TODAY)))) == 5


def test_a_page_that_stays_empty_is_an_error_after_what_was_found(api: Api, client: PoliteClient) -> None:
    api.empty = {2: 9}
    found: list[Entry] = []
    with pytest.raises(SourceUnavailable, match=r"^arxiv: an empty page, though 5 papers are found: from 3$"):
        found.extend(search(client, api.url, page_size=2).fetch(asked(TODAY)))
    assert len(api.server.asked) == 3


def test_what_is_found_before_a_page_fails_is_kept(api: Api, client: PoliteClient) -> None:
    api.empty = {2: 9}
    found: list[Entry] = []
    with pytest.raises(SourceUnavailable):
        found.extend(search(client, api.url, page_size=2).fetch(asked(TODAY)))
    assert len(papers(found)) == 2
    assert not any(isinstance(each, Covered) for each in found)


def test_more_than_arxiv_gives_is_a_gap(api: Api, client: PoliteClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MOST_RESULTS", 4)
    found = list(search(client, api.url, page_size=3).fetch(asked(TODAY)))
    assert len(papers(found)) == 4
    assert [request.query["max_results"] for request in api.server.asked] == ["3", "1"]
    (gap,) = (each for each in found if isinstance(each, Gap))
    assert gap == Gap(
        date(2026, 6, 2),
        date(2026, 6, 29),
        "the query finds 5 papers, and arXiv gives 4: ask for fewer",
        lost=True,
    )


def test_cross_lists_are_papers_only_when_they_are_asked_for(server: ReplayServer, client: PoliteClient) -> None:
    url = server.on("/api/query", results(entry(1), entry(2, primary="hep-ph", categories=["hep-ph", "cs.LG"])))
    found = list(search(client, url, announce=["new"]).fetch(asked(TODAY)))
    assert papers(found) == ["arxiv:2606.00001"]
    assert [each.paper.key for each in found if isinstance(each, Revision)] == ["arxiv:2606.00002"]


def test_a_broken_result_is_named_and_costs_the_others_nothing(server: ReplayServer, client: PoliteClient) -> None:
    url = server.on("/api/query", results(entry(1), entry(2).replace("</title>", ""), entry(3, title="..."), entry(4)))
    found = list(search(client, url).fetch(asked(TODAY)))
    assert papers(found) == ["arxiv:2606.00001", "arxiv:2606.00004"]
    told = [str(each) for each in found if isinstance(each, SkippedEntry)]
    assert told[0].startswith("results entry 2 (2606.00002v1): not XML: mismatched tag")
    assert told[1] == "results entry 3 (2606.00003v1): no title"


def test_a_page_that_breaks_off_is_an_error_after_its_papers(server: ReplayServer, client: PoliteClient) -> None:
    whole = results(entry(1), entry(2))
    url = server.on("/api/query", whole[: whole.index(b"2606.00002")])
    found: list[Entry] = []
    with pytest.raises(SourceFormatError, match=r"^arxiv: results from 1: not XML"):
        found.extend(search(client, url).fetch(asked(TODAY)))
    assert papers(found) == ["arxiv:2606.00001"]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(api_error("unbalanced parentheses")), "arXiv refuses the query: unbalanced parentheses"),
        (Reply(api_error("unbalanced parentheses"), status=400), "400 Bad Request from http://127.0.0.1"),
        (Reply(b"Rate exceeded.", status=429), "429 Too Many Requests"),
        (Reply(status=503), "503 Service Unavailable"),
        (Reply(b"<html>", status=200), "results: <html> instead of <feed>"),
    ],
)
def test_every_refusal_is_told_in_one_line(server: ReplayServer, client: PoliteClient, reply: Reply, why: str) -> None:
    url = server.on("/api/query", reply)
    with pytest.raises(SourceError) as caught:
        list(search(client, url).fetch(asked(TODAY)))
    assert str(caught.value).startswith(f"arxiv: {why}")
    assert "\n" not in str(caught.value)


def test_no_paper_is_listed_in_the_future(server: ReplayServer, client: PoliteClient) -> None:
    url = server.on("/api/query", results(entry(submitted="2026-06-30T11:00:00Z")))
    assert [each.listed for each in search(client, url).fetch(asked(TODAY)) if isinstance(each, Paper)] == [TODAY]
