"""The API: what it does is what the command line does, and its errors are problem details."""

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from builders import NOON, paper
from digestmail.errors import DeliveryRejected, TransportUnavailable
from digestmail.mail.reports import Kind
from digestmail.model import DeliveryStatus, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.farewell import everything
from digestmail.newsletter.run import run
from digestmail.newsletter.suppression import decide
from digestmail.storage.addresses import Fact
from digestmail.storage.fetches import Fetched
from digestmail.storage.store import Store
from digestmail.testing import ListSource, MemoryTransport
from newsletters import ROOT, newsletter, subscription
from pages import site
from served import TOKEN

ANN = {"email": "ann@example.org", "keywords": ['"state space"^3', "-survey"], "cadence": "weekly:fri"}


@pytest.fixture
def house(store: Store) -> Newsletter:
    store.corpus.add([paper("Quantization of Things", key="arxiv:2606.00001", listed=NOON.date())], NOON)
    store.fetches.add(Fetched(source="huggingface", at=NOON))
    refusing = MemoryTransport([DeliveryRejected("550 no such user")])
    found = newsletter(store, transport=refusing, subscriptions=[subscription()])
    run(found)
    return found


@pytest.fixture
def api(house: Newsletter) -> Iterator[TestClient]:
    with site(house, admin_token=TOKEN) as client:
        client.base_url = client.base_url.join("/api/v1/")
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


def problem(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["type"]) == (status, "about:blank")
    return str(told["detail"])


@pytest.mark.parametrize("given", [None, "", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_nothing_is_told_without_the_token_not_even_the_schema(api: TestClient, given: str | None) -> None:
    del api.headers["Authorization"]
    headers = {} if given is None else {"Authorization": given}
    for path in ("openapi.json", "subscribers", "subscribers/reader@example.org", "papers", "status"):
        answer = api.get(path, headers=headers)
        problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
    problem(api.post("subscribers", json=ANN, headers=headers), 401)


def test_a_subscriber_comes_changes_and_goes(house: Newsletter, api: TestClient) -> None:
    created = api.post("subscribers", json=ANN)
    assert created.status_code == 201
    assert {name: created.json()[name] for name in ANN} == ANN
    problem(api.post("subscribers", json=ANN), 409)
    changed = api.put("subscribers/ANN@example.org", json={"keywords": ["mamba"], "timezone": "Asia/Tokyo"}).json()
    assert (changed["keywords"], changed["cadence"], changed["timezone"]) == (["mamba"], "daily", "Asia/Tokyo")
    assert api.delete("subscribers/ann@example.org").status_code == 204
    assert api.get("subscribers/ann@example.org").json()["status"] == "unsubscribed"
    assert api.post("subscribers", json=ANN).status_code == 201
    assert [one["email"] for one in api.get("subscribers?q=ann").json()["items"]] == ["ann@example.org"]
    found = house.store.subscribers.find("ann@example.org")
    assert found is not None
    assert found.status is SubscriberStatus.ACTIVE


def test_a_subscriber_of_the_config_file_is_changed_there(api: TestClient) -> None:
    assert "config file" in problem(api.put("subscribers/reader@example.org", json={}), 409)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ann"),
        ("email", "a" * 300 + "@example.org"),
        ("email", "ann@example.org\r\nBcc: x@example.org"),
        ("keywords", ["^3"]),
        ("keywords", ["x"] * 2_000),
        ("keywords", "quantization"),
        ("cadence", "hourly"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../../etc/passwd"),
        ("max_papers", 0),
        ("max_papers", True),
        ("language", "xx"),
        ("gate", "open"),
        ("unknown", 1),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(api: TestClient, field: str, value: object) -> None:
    answer = api.post("subscribers", json={**ANN, field: value})
    assert problem(answer, 422)
    if field != "keywords" or value != ["^3"]:
        assert any(field in one["where"] for one in answer.json()["errors"])
    problem(api.get("subscribers/ann@example.org"), 404)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"keywords": ["\\ud800"]}', b"[" * 9_000])
def test_what_is_no_json_is_refused(api: TestClient, body: bytes) -> None:
    answer = api.post("preview", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_papers_are_listed_found_and_shown(api: TestClient) -> None:
    assert [one["key"] for one in api.get("papers").json()["items"]] == ["arxiv:2606.00001"]
    assert api.get("papers?q=things").json()["total"] == 1
    assert api.get("papers?day=2026-01-01").json()["total"] == 0
    assert api.get("papers/arxiv:2606.00001").json()["title"] == "Quantization of Things"
    problem(api.get("papers/arxiv:9999.00001"), 404)
    problem(api.get("papers?day=0"), 422)


def test_a_preview_is_what_would_be_sent_and_stores_nothing(house: Newsletter, api: TestClient) -> None:
    before = house.store.deliveries.count_by_status()
    found = api.post("preview", json={"keywords": ["things"]}).json()
    assert [one["key"] for one in found["papers"]] == ["arxiv:2606.00001"]
    assert found["papers"][0]["keywords"] == ["things"]
    assert "Quantization of Things" in found["text"]
    assert found["html_bytes"] == len(found["html"].encode())
    assert api.get("subscribers/reader@example.org/preview").status_code == 200
    problem(api.get("subscribers/nobody@example.org/preview"), 404)
    assert house.store.deliveries.count_by_status() == before


def test_keywords_are_judged(api: TestClient) -> None:
    [one] = api.post("keywords/check", json={"keywords": ["quantisation"]}).json()["keywords"]
    assert (one["verdict"], one["papers"]) == ("never", 0)


def test_a_delivery_is_shown_with_its_past_decided_about_and_sent_again(house: Newsletter, api: TestClient) -> None:
    [one] = api.get("deliveries?status=failed&email=reader@example.org").json()["items"]
    assert "550" in one["note"]
    assert {attempt["event"] for attempt in api.get(f"deliveries/{one['id']}").json()["past"]} >= {"failed"}
    assert api.post(f"deliveries/{one['id']}/resolve", json={"decision": "drop"}).json()["status"] == "cancelled"
    problem(api.post(f"deliveries/{one['id']}/resolve", json={"decision": "drop"}), 409)
    again = api.post(f"deliveries/{one['id']}/resend").json()
    assert again["generation"] == 1
    assert again["message_id"] != one["message_id"]
    problem(api.post(f"deliveries/{one['id']}/resend"), 409)
    for number in ("2", "99999999999999999999"):
        assert api.get(f"deliveries/{number}").status_code in (404, 422)
    assert [delivery.status for delivery in house.store.deliveries.find()] == [DeliveryStatus.PLANNED]


def test_sources_runs_and_the_state_are_told(api: TestClient) -> None:
    assert [one["source"] for one in api.get("sources").json()] == ["huggingface"]
    [run_] = api.get("runs").json()
    assert run_["deliveries"] == {"failed": 1}
    state = api.get("status").json()
    assert (state["papers"], state["subscribers"], state["needs_attention"]) == (1, {"active": 1}, True)


def test_a_run_is_started_where_there_is_a_schedule(house: Newsletter, api: TestClient) -> None:
    problem(api.post("runs"), 409)
    with site(house, admin_token=TOKEN) as client:
        answers = iter([True, False])
        mounted: Any = next(r.app for r in client.app.routes if getattr(r, "path", "") == "/api/v1")  # type: ignore[attr-defined]
        mounted.state.trigger = lambda: next(answers)
        for started in (True, False):
            answer = client.post("/api/v1/runs", headers={"Authorization": f"Bearer {TOKEN}"})
            assert (answer.status_code, answer.json()) == (202, {"started": started})


def test_a_test_message_that_cannot_go_out_is_a_problem(house: Newsletter, api: TestClient) -> None:
    assert isinstance(house.transport, MemoryTransport)
    assert api.post("test-messages", json={"to": "me@example.org"}).status_code == 202
    for error, status in ((DeliveryRejected("550 no"), 502), (TransportUnavailable("nobody there"), 503)):
        house.transport.failures.append(error)
        problem(api.post("test-messages", json={"to": "me@example.org"}), status)


def test_a_method_that_is_not_there_names_those_that_are(api: TestClient) -> None:
    answer = api.patch("subscribers/ann@example.org", json={})
    problem(answer, 405)
    assert answer.headers["allow"] == "GET, PUT, DELETE"
    problem(api.get("nothing"), 404)
    problem(api.get("subscribers/a%0A/preview"), 404)


def test_lists_come_in_pages(api: TestClient) -> None:
    for number in range(5):
        api.post("subscribers", json={**ANN, "email": f"ann{number}@example.org"})
    page = api.get("subscribers?q=ann&per_page=2&page=3").json()
    assert (page["total"], page["page"], page["size"]) == (5, 3, 2)
    assert [one["email"] for one in page["items"]] == ["ann0@example.org"]
    for query in ("page=0", "per_page=101", "page=x", "page=99999999999999999999"):
        problem(api.get(f"subscribers?{query}"), 422)


# -- why ---------------------------------------------------------------------------------------------------------------


def test_why_a_paper_is_or_is_not_in_an_issue(house: Newsletter, api: TestClient) -> None:
    house.store.corpus.add([paper("Of Cabbages", key="arxiv:2606.00002")], NOON)
    there = api.get("subscribers/reader@example.org/explanation?paper=2606.00001").json()
    assert (there["paper"], there["verdict"], there["delivered"]) == ("arxiv:2606.00001", "promised", "2026-06-30")
    [match] = there["matches"]
    assert match["keyword"] == "quantization"
    assert {place["field"] for place in match["places"]} == {"title"}
    assert match["points"] == pytest.approx(there["relevance"])
    absent = api.get("subscribers/reader@example.org/explanation", params={"paper": "of cabbages"}).json()
    assert (absent["verdict"], absent["reason"], absent["matches"]) == ("unmatched", "no keyword matches", [])
    problem(api.get("subscribers/nobody@example.org/explanation?paper=2606.00001"), 404)
    problem(api.get("subscribers/reader@example.org/explanation?paper=nothing"), 404)
    problem(api.get("subscribers/reader@example.org/explanation"), 422)


def test_the_whole_way_of_a_paper_is_proved(api: TestClient) -> None:
    proof = api.get("subscribers/reader@example.org/proof?paper=arxiv:2606.00001").json()
    assert (proof["delivered"], proof["delivery"]["status"], proof["verdict"]) == (False, "failed", "promised")
    assert proof["steps"][0]["what"].startswith("first seen")
    assert "550 no such user" in proof["steps"][-1]["what"]
    problem(api.get("subscribers/nobody@example.org/proof?paper=arxiv:2606.00001"), 404)


def test_the_audit_counts_all_papers(house: Newsletter, api: TestClient) -> None:
    assert api.get("audit").json() == {
        "slots": 1,
        "candidates": 1,
        "places": {"failed": 1},
        "unchecked": 0,
        "faults": [],
    }
    with house.store._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM ledger")
    [*_, fault] = api.get("audit").json()["faults"]
    assert fault.startswith("reader@example.org 2026-06-30: ")


def test_another_profile_is_simulated_and_compared(house: Newsletter, api: TestClient) -> None:
    house.store.corpus.add([paper("Of Cabbages", key="arxiv:2606.00002", listed=NOON.date())], NOON)
    deliveries = house.store.deliveries.find()
    found = api.post("simulations", json={"reader": "reader@example.org", "add": ["cabbages"], "days": 3}).json()
    assert (found["subscriber"], found["last"]) == ("reader@example.org", "2026-06-30")
    assert [one["keywords"] for one in found["profiles"]] == [["quantization"], ["quantization", "cabbages"]]
    assert [one["papers"] for one in found["profiles"]] == [1, 2]
    assert found["changes"][-1] == {"day": "2026-06-30", "added": ["arxiv:2606.00002"], "dropped": [], "moved": 0}
    alone = api.post("simulations", json={"keywords": ["cabbages"]}).json()
    assert (alone["profiles"][0]["papers"], alone["changes"]) == (1, [])
    instead = api.post("simulations", json={"instead": ["cabbages"]}).json()
    assert instead["changes"][-1]["dropped"] == ["arxiv:2606.00001"]
    assert house.store.deliveries.find() == deliveries
    for body, status in (
        ({"reader": "nobody@example.org"}, 404),
        ({"drop": ["never"]}, 422),
        ({"instead": ["a"], "add": ["b"]}, 422),
        ({"days": 367}, 422),
        ({"keywords": ["^3"]}, 422),
    ):
        problem(api.post("simulations", json=body), status)


def test_keywords_of_a_subscriber_are_judged_and_others_suggested(house: Newsletter, api: TestClient) -> None:
    checked = api.get("subscribers/reader@example.org/keywords?weeks=2").json()
    assert [(one["keyword"], one["papers"]) for one in checked["keywords"]] == [("quantization", 1)]
    problem(api.get("subscribers/nobody@example.org/keywords"), 404)
    api.post("subscribers", json={"email": "ann@example.org"})
    problem(api.get("subscribers/ann@example.org/keywords"), 422)
    others = [paper(f"Cabbages and Leeks {n}", key=f"arxiv:2606.0010{n}", abstract="Of leeks.") for n in range(5)]
    house.store.corpus.add(others, NOON)
    found = api.post("keywords/suggest", json={"papers": [one.key for one in others[:3]] + ["nothing"]}).json()
    assert (found["papers"], found["unknown"]) == ([one.key for one in others[:3]], ["nothing"])
    problem(api.post("keywords/suggest", json={"papers": ["nothing"]}), 422)
    problem(api.post("keywords/suggest", json={"reader": "nobody@example.org"}), 404)
    problem(api.post("keywords/suggest", json={}), 422)


def test_each_source_says_how_it_is(store: Store) -> None:
    store.fetches.add(Fetched(source="papers", at=NOON, error="no answer"))
    daily = newsletter(store, ListSource(name="papers"), fallbacks=[ListSource(name="samples")])
    with site(daily, admin_token=TOKEN) as client:
        told = client.get("/api/v1/sources/health", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    assert [(one["name"], one["health"], one["error"]) for one in told] == [
        ("papers", "failing", "no answer"),
        ("samples", "standby", ""),
    ]


# -- what belongs to a subscriber --------------------------------------------------------------------------------------


def test_a_pause_begins_and_ends(api: TestClient) -> None:
    paused = api.post("subscribers/reader@example.org/pause", json={"until": "2026-07-10"}).json()
    assert (paused["status"], paused["paused_until"]) == ("paused", "2026-07-10")
    for until in ("2026-06-30", "2026-12-31", "9999-12-31"):
        problem(api.post("subscribers/reader@example.org/pause", json={"until": until}), 422)
    assert api.get("subscribers/reader@example.org").json()["paused_until"] == "2026-07-10"
    assert api.get("subscribers/reader@example.org/preview").status_code == 200
    for _ in range(2):
        assert api.post("subscribers/reader@example.org/resume").json()["status"] == "active"
    api.delete("subscribers/reader@example.org")
    problem(api.post("subscribers/reader@example.org/pause", json={"until": "2026-07-10"}), 409)
    assert api.post("subscribers/reader@example.org/resume").json()["status"] == "unsubscribed"
    for way in ("pause", "resume"):
        problem(api.post(f"subscribers/nobody@example.org/{way}", json={"until": "2026-07-10"}), 404)


def test_an_opinion_is_noted_and_forgotten(api: TestClient) -> None:
    where, about = "subscribers/reader@example.org/opinions", {"paper": "https://arxiv.org/abs/2606.00001v2"}
    assert api.put(where, json={**about, "opinion": "like"}).json()["liked"] == ["arxiv:2606.00001"]
    told = api.put(where, json={**about, "opinion": "dislike"}).json()
    assert (told["liked"], told["disliked"]) == ([], ["arxiv:2606.00001"])
    assert api.put(where, json=about).json()["disliked"] == []
    problem(api.put(where, json={**about, "opinion": "love"}), 422)
    problem(api.put(where, json={"paper": "nothing"}), 404)
    problem(api.put("subscribers/nobody@example.org/opinions", json=about), 404)


def test_everything_is_taken_along(house: Newsletter, api: TestClient) -> None:
    house.store.saved.add("reader@example.org", "arxiv:2606.00001", NOON)
    told = api.get("subscribers/reader@example.org/data").json()
    reader_ = house.store.subscribers.find("reader@example.org")
    assert reader_
    assert told == json.loads(json.dumps(everything(house, reader_)).replace("+00:00", "Z"))
    assert [one["saved_at"] for one in told["saved"]] == ["2026-06-30T12:00:00Z"]
    for kind, media_type, begins in (
        ("bib", "application/x-bibtex; charset=utf-8", "@misc{arxiv:2606.00001,"),
        ("ris", "application/x-research-info-systems; charset=utf-8", "TY  - GEN"),
    ):
        answer = api.get(f"subscribers/reader@example.org/papers.{kind}")
        assert answer.headers["content-type"] == media_type
        assert answer.text.startswith(begins)
        problem(api.get(f"subscribers/nobody@example.org/papers.{kind}"), 404)
    problem(api.get("subscribers/nobody@example.org/data"), 404)


def test_somebody_is_forgotten_for_good(house: Newsletter, api: TestClient) -> None:
    assert api.delete("subscribers/reader@example.org?erase=true").status_code == 204
    problem(api.delete("subscribers/reader@example.org?erase=true"), 404)
    problem(api.get("subscribers/reader@example.org"), 404)
    assert house.store.subscribers.find("reader@example.org") is None
    assert api.get("audit").json()["faults"] == []


def test_what_came_back_is_told_and_a_suppression_taken_back(house: Newsletter, api: TestClient) -> None:
    where = "subscribers/reader@example.org"
    problem(api.post(f"{where}/unsuppress", json={}), 409)
    known = house.store.addresses.by_email("reader@example.org")
    bounced = Fact(about=known, at=NOON, kind=Kind.HARD, source="file", code="5.1.1", proven=True)
    house.store.addresses.record([bounced], partial(decide, house.rules))
    assert api.get(where).json()["status"] == "suppressed"
    assert api.post(f"{where}/unsuppress", json={"note": "moved\n"}).json()["status"] == "active"
    [newest, *others] = api.get(f"{where}/events").json()
    assert (newest["decision"], newest["note"], newest["email"]) == ("unsuppressed", "moved", "reader@example.org")
    assert [newest, *others] == api.get("events").json()
    assert api.get(f"{where}/events?limit=1").json() == [newest]
    problem(api.get("subscribers/nobody@example.org/events"), 404)
    problem(api.post("subscribers/nobody@example.org/unsuppress", json={}), 404)


# -- the document ------------------------------------------------------------------------------------------------------


def test_the_schema_is_openapi_and_every_operation_says_how_it_fails(api: TestClient) -> None:
    document = api.get("openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert operations
    for one in operations:
        assert one["security"]
        for status in ("401", "429", "503"):
            assert "application/problem+json" in one["responses"][status]["content"]


def test_the_reference_names_every_operation_and_no_other(api: TestClient) -> None:
    document = api.get("openapi.json").json()
    there = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    reference = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`]*)`", reference)) == there
