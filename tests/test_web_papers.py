"""The public pages."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

from builders import NOON, paper
from digestmail.storage.store import Store
from newsletters import newsletter
from pages import BASE, links, site

HOSTILE = '<script>alert(1)</script> & "quotes" {{ 7 * 7 }}'


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    day = {"listed": date(2026, 6, 29)}
    store.corpus.add(
        [
            paper("Quantization of Things", key="arxiv:2606.00001", upvotes=3, organization="Lab", **day),
            paper("Mixture of Experts", key="arxiv:2606.00002", upvotes=9, authors=("Ann", "Bo", "Cy", "Di"), **day),
            paper(HOSTILE, key="arxiv:2606.00003", abstract=HOSTILE, listed=date(2026, 6, 30)),
        ],
        NOON,
    )
    with site(newsletter(store)) as asking:
        yield asking


def test_the_front_page_shows_the_newest_day_and_the_way_to_the_one_before(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "June 30, 2026" in answer.text
    assert "/papers/2026-06-29" in links(answer.text)


def test_a_day_has_its_papers_most_upvotes_first_with_what_the_site_shows(client: TestClient) -> None:
    text = client.get("/papers/2026-06-29").text
    assert text.index("Mixture of Experts") < text.index("Quantization of Things")
    for shown in ("Ann, Bo, Cy + 1", "Lab", "9 upvotes", "2 papers", "June 29, 2026"):
        assert shown in text
    assert "/papers/2026-06-30" in links(text)


def test_a_day_without_papers_is_not_found_and_leads_on(client: TestClient) -> None:
    answer = client.get("/papers/2026-01-01")
    assert answer.status_code == 404
    assert "/papers/2026-06-29" in links(answer.text)
    assert client.get("/papers/yesterday").status_code == 404


@pytest.mark.parametrize("path", ["/", "/papers/2026-06-30", "/papers?q=script", "/paper/arxiv:2606.00003"])
def test_what_a_paper_says_is_text_and_nothing_else(client: TestClient, path: str) -> None:
    text = client.get(path).text
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "{{ 7 * 7 }}" in text


def test_a_search_finds_titles_before_abstracts_and_beginnings_of_words(client: TestClient) -> None:
    assert "Quantization of Things" in client.get("/papers", params={"q": "quantiz"}).text
    assert "1 paper" in client.get("/papers", params={"q": "things quantization"}).text
    assert "No paper holds all of these words" in client.get("/papers", params={"q": "nowhere"}).text


@pytest.mark.parametrize("query", ['"', "a OR b AND (", "NEAR/2", "title:x*", "';--", "\x00", "*", "-", "AND"])
def test_signs_in_a_search_mean_nothing(client: TestClient, query: str) -> None:
    assert client.get("/papers", params={"q": query}).status_code == 200


def test_a_paper_has_a_page_with_its_links_and_what_is_like_it(store: Store, client: TestClient) -> None:
    store.corpus.add([paper("More Experts in the Mixture", key="arxiv:2606.00009")], NOON)
    text = client.get("/paper/arxiv:2606.00002").text
    assert "https://arxiv.org/abs/2606.00002" in links(text)
    assert "/paper/arxiv:2606.00009" in links(text)
    assert client.get("/paper/arxiv:9999.99999").status_code == 404


def test_a_search_follows_what_the_corpus_learns(store: Store, client: TestClient) -> None:
    revised = replace(paper("Entirely Renamed", key="arxiv:2606.00001"), version=2)
    store.corpus.add([revised], NOON)
    assert "Entirely Renamed" in client.get("/papers", params={"q": "renamed"}).text
    assert "No paper" in client.get("/papers", params={"q": "quantization"}).text


def test_the_day_and_every_search_are_feeds(client: TestClient) -> None:
    root = ET.fromstring(client.get("/papers.atom").content)
    names = {"a": "http://www.w3.org/2005/Atom"}
    assert [entry.findtext("a:title", namespaces=names) for entry in root.findall("a:entry", names)] == [HOSTILE]
    items = client.get("/papers.json", params={"q": "experts"}).json()["items"]
    assert [item["title"] for item in items] == ["Mixture of Experts"]
    assert items[0]["id"] == f"{BASE}/paper/arxiv:2606.00002"


def test_an_empty_corpus_has_a_page(store: Store) -> None:
    with site(newsletter(store)) as client:
        assert "after the first run" in client.get("/").text


def test_every_answer_forbids_frames_scripts_and_tales(client: TestClient) -> None:
    for path in ("/", "/nothing", "/static/style.css", "/papers.atom"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/static/..%2f..%2fapp.py", "/static/%2e%2e/app.py", "/static/app.py", "/papers/..%2f"]
)
def test_no_path_leads_out_of_the_house(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
