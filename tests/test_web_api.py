"""The API: what it does is what the command line does, and its errors are problem details."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from builders import NOON, paper
from digestmail.errors import DeliveryRejected, TransportUnavailable
from digestmail.model import DeliveryStatus, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.run import run
from digestmail.storage.fetches import Fetched
from digestmail.storage.store import Store
from digestmail.testing import MemoryTransport
from newsletters import newsletter, subscription
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


def test_the_schema_is_openapi_and_every_operation_says_how_it_fails(api: TestClient) -> None:
    document = api.get("openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert len(operations) == 19
    for one in operations:
        assert one["security"]
        for status in ("401", "429", "503"):
            assert "application/problem+json" in one["responses"][status]["content"]
