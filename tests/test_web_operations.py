"""What watches and what is written down: health, metrics, the access log, kept pages."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from builders import NOON, paper
from digestmail.errors import StoreError
from digestmail.newsletter import Newsletter
from digestmail.newsletter.run import run
from digestmail.storage.fetches import Fetched
from digestmail.storage.store import Store
from digestmail.testing import FixedClock
from digestmail.web.access import told
from digestmail.web.app import build_app
from digestmail.web.house import WebSettings
from newsletters import newsletter, subscription
from pages import BASE, site
from served import TOKEN

DAY = {"listed": NOON.date()}


def from_address(client: TestClient, address: str) -> None:
    client._transport.client = (address, 1)  # type: ignore[attr-defined]


def broken() -> AbstractContextManager[Newsletter]:
    raise StoreError("store: no such file /secret/place")


def test_health_is_the_process_and_its_store(store: Store) -> None:
    with site(newsletter(store)) as client:
        assert client.get("/healthz").json()["status"] == "ok"
        assert client.get("/readyz").json() == {"status": "ok"}
    settings = WebSettings(base_url=BASE)
    with TestClient(build_app(broken, settings), base_url=BASE) as client:
        for path in ("/healthz", "/readyz", "/"):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert "/secret/place" not in answer.text


def test_ready_is_no_more_when_an_issue_is_overdue_as_status_check_judges(store: Store) -> None:
    clock = FixedClock(NOON)
    house = newsletter(store, clock=clock, subscriptions=[subscription()])
    run(house)
    with site(house) as client:
        assert client.get("/readyz").status_code == 200
    later = replace(house, clock=FixedClock(NOON + timedelta(days=4)))
    with site(later) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "overdue"})
        assert client.get("/healthz").status_code == 200


def test_metrics_count_what_is_stored_and_what_was_asked(store: Store) -> None:
    store.corpus.add([paper("One", **DAY)], NOON)
    store.fetches.add(Fetched(source="huggingface", at=NOON))
    house = newsletter(store, subscriptions=[subscription(keywords=())])
    run(house)
    with site(house) as client:
        from_address(client, "127.0.0.1")
        for path in ("/", "/papers/2026-06-30", "/papers/2026-06-30", "/nothing", "/wp-login.php"):
            client.get(path)
        text = client.get("/metrics").text
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["digestmail_papers",] == 1
    assert found["digestmail_subscribers", ("status", "active")] == 1
    assert found["digestmail_deliveries", ("status", "sent")] == 1
    assert found["digestmail_source_success_timestamp_seconds", ("source", "huggingface")] == NOON.timestamp()
    assert found["digestmail_last_run_timestamp_seconds",] == NOON.timestamp()
    asked = ("method", "GET"), ("route", "/papers/{day}"), ("status", "200")
    assert found["digestmail_http_requests_total", *asked] == 2
    nowhere = ("method", "GET"), ("route", "other"), ("status", "404")
    assert found["digestmail_http_requests_total", *nowhere] == 2
    assert found["digestmail_http_request_seconds_count", ("route", "/papers/{day}")] == 2
    assert "wp-login" not in text


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.1", {}, 403),
        # a proxy on this machine has passed it on
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 403),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}, 403),
        ("192.0.2.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("192.0.2.1", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("192.0.2.1", {"Authorization": "Bearer wrong"}, 403),
        ("192.0.2.1", {"Authorization": "Bearer "}, 403),
    ],
)
def test_metrics_are_for_this_machine_and_for_the_operator(
    store: Store, address: str, headers: dict[str, str], status: int
) -> None:
    with site(newsletter(store), admin_token=TOKEN) as client:
        from_address(client, address)
        assert client.get("/metrics", headers=headers).status_code == status
    with site(newsletter(store), public_metrics=True) as client:
        from_address(client, address)
        assert client.get("/metrics", headers=headers).status_code == 200


def test_the_log_has_a_line_a_request_without_tokens_addresses_and_what_was_searched(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    secret = "AbCdEfGhIjKlMnOpQrStUv.0.s1gn4tur3"
    with site(newsletter(store), admin_token=TOKEN, trusted_proxies=("10.0.0.0/8",)) as client:
        from_address(client, "10.0.0.1")
        for path in (
            f"/u/{secret}?x={secret}",
            "/admin/subscriber?email=ann@example.org",
            "/api/v1/subscribers/ann@example.org",
            "/api/v1/subscribers/ann%40example.org/preview",
            "/papers?q=ann@example.org",
            "/a%20b%0Aforged=1",
        ):
            headers = {"X-Forwarded-For": "192.0.2.7", "Authorization": f"Bearer {TOKEN}"}
            client.get(path, headers=headers)
    lines = [record.getMessage() for record in caplog.records if record.name == "digestmail.web.access"]
    assert len(lines) == 6
    assert all("client=192.0.2.7" in line and "\n" not in line for line in lines)
    everything = "\n".join(lines)
    for hidden in (secret, "s1gn4tur3", "ann", TOKEN, " forged=1"):
        assert hidden not in everything
    assert "path=/u/… status=404" in lines[0]
    assert "path=/api/v1/subscribers/…/preview" in lines[3]


def test_a_path_is_one_word() -> None:
    assert told("/a b/c\n") == "/a%20b/c%0A"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),  # nobody's proxy
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # what the client made up is further left
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, evil client=1", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
    ],
)
def test_who_asks_is_read_from_the_right_up_to_the_first_that_is_not_trusted(
    store: Store, caplog: pytest.LogCaptureFixture, peer: str, forwarded: str, client: str
) -> None:
    caplog.set_level(logging.INFO, "digestmail.web.access")
    with site(newsletter(store), trusted_proxies=("10.0.0.0/8",)) as asking:
        from_address(asking, peer)
        asking.get("/", headers={"X-Forwarded-For": forwarded})
    assert caplog.messages[-1].endswith(f"client={client}")


def counting(store: Store) -> tuple[Callable[[], Any], list[int]]:
    """Opens one newsletter, and counts how often a day is looked up in its store."""
    house, looked = newsletter(store), [0]
    real = store.corpus.day

    def day(*arguments: Any, **options: Any) -> Any:
        looked[0] += 1
        return real(*arguments, **options)

    store.corpus.day = day  # type: ignore[method-assign]

    @contextmanager
    def opened() -> Any:
        yield house

    return opened, looked


def test_a_public_page_is_made_once_until_papers_come_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digestmail.web.kept._LOOK_SECONDS", 0.0)
    store.corpus.add([paper("One", **DAY)], NOON)
    opened, looked = counting(store)
    with TestClient(build_app(opened, WebSettings(base_url=BASE)), base_url=BASE) as client:
        first = client.get("/papers/2026-06-30")
        assert client.get("/papers/2026-06-30").text == first.text
        assert client.head("/papers/2026-06-30").headers["content-length"] == str(len(first.content))
        assert client.head("/papers/2026-06-30").content == b""
        assert looked == [1]
        client.get("/papers/2026-06-30?page=2")
        assert looked == [2]
        store.corpus.add([paper("Two", **DAY)], NOON)
        assert "Two" in client.get("/papers/2026-06-30").text


def test_a_page_that_has_not_changed_is_not_sent_again(store: Store) -> None:
    store.corpus.add([paper("One", **DAY)], NOON)
    with site(newsletter(store)) as client:
        etag = client.get("/").headers["etag"]
        for asked in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            answer = client.get("/", headers={"If-None-Match": asked})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert client.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


def test_what_is_kept_is_bounded_and_errors_are_not_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digestmail.web.kept._PAGES", 3)
    opened, looked = counting(store)
    with TestClient(build_app(opened, WebSettings(base_url=BASE)), base_url=BASE) as client:
        for _ in range(2):
            assert client.get("/papers/2026-06-30").status_code == 404
        assert looked == [2]
        store.corpus.add([paper("One", **DAY)], NOON)
        for number in (1, 2, 3, 4, 1):
            client.get(f"/papers/2026-06-30?page={number}")
        assert looked == [7]


@pytest.mark.parametrize(
    "spans", ["bytes=0-0", "bytes=" + ",".join(f"{n}-{n}" for n in range(900)), "bytes=0-,0-,0-", "bytes=-1"]
)
def test_ranges_bring_the_whole_page_and_no_work(store: Store, spans: str) -> None:
    with site(newsletter(store)) as client:
        for path in ("/", "/static/style.css"):
            answer = client.get(path, headers={"Range": spans})
            assert answer.status_code == 200
            assert "content-range" not in answer.headers


def test_the_host_header_leads_nowhere(store: Store) -> None:
    store.corpus.add([paper("One", **DAY)], NOON)
    with site(newsletter(store), admin_token=TOKEN) as client:
        for path in ("/", "/papers.atom", "/papers.json", "/admin", "/papers/"):
            answer = client.get(path, headers={"Host": "evil.example"})
            assert "evil.example" not in answer.text + str(answer.headers), path


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/papers/?next=//evil.example", "/admin/login"])
def test_no_request_names_where_it_is_led_to(store: Store, path: str) -> None:
    with site(newsletter(store), admin_token=TOKEN) as client:
        location = client.get(f"{BASE}{path}?next=https://evil.example").headers.get("location", "")
        assert "evil" not in location
