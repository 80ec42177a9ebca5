"""The operator's pages: who gets in, what they show, and what they refuse."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from starlette.testclient import TestClient

from builders import NOON, paper
from digestmail.errors import DeliveryRejected
from digestmail.model import DeliveryStatus, Gap
from digestmail.newsletter import Newsletter
from digestmail.newsletter.run import run
from digestmail.storage.fetches import Fetched
from digestmail.storage.store import Store
from digestmail.testing import MemoryTransport
from newsletters import newsletter, subscription
from pages import BASE, links, site
from served import TOKEN

HOSTILE = "<script>alert(1)</script>"
PAGES = (
    "/admin",
    "/admin/subscribers",
    "/admin/subscriber?email=reader@example.org",
    "/admin/deliveries",
    "/admin/deliveries/1",
    "/admin/held",
    "/admin/sources",
    "/admin/runs",
    "/admin/preview",
    "/admin/preview/mail?email=reader@example.org",
    "/admin/test",
)
BROWSER = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def house(store: Store) -> Newsletter:
    """A reader whose issue was refused for good, with words in all of it that would be markup."""
    store.corpus.add([paper(f"Quantization {HOSTILE}", key="arxiv:2606.00001", abstract=HOSTILE)], NOON)
    gap = Gap(date(2026, 6, 1), date(2026, 6, 3), f"too old {HOSTILE}", lost=True)
    store.fetches.add(Fetched(source="huggingface", at=NOON, error=f"answered {HOSTILE}", gaps=(gap,)))
    refusing = MemoryTransport([DeliveryRejected(f"550 {HOSTILE}")])
    found = newsletter(store, transport=refusing, subscriptions=[subscription()])
    run(found)
    return found


@pytest.fixture
def client(house: Newsletter) -> Iterator[TestClient]:
    with site(house, admin_token=TOKEN) as asking:
        yield asking


def token_in(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found
    return found[1]


def log_in(client: TestClient, token: str = TOKEN) -> str:
    """Log in as a person does, and return the CSRF token of the session."""
    form = {"csrf": token_in(client.get("/admin/login").text), "token": token}
    answer = client.post("/admin/login", data=form, headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin"), answer.text
    return token_in(client.get("/admin").text)


def test_without_an_admin_token_there_is_no_admin_and_no_api(house: Newsletter) -> None:
    with site(house) as client:
        for path in (*PAGES, "/admin/login", "/api/v1/status", "/api/v1/openapi.json"):
            assert client.get(path).status_code == 404, path
        assert client.post("/admin/login", data={"token": ""}).status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_without_a_session_every_page_leads_to_the_log_in(client: TestClient, path: str) -> None:
    for cookie in ("", "forged", "InNlc3Npb24i.aaaa.bbbb"):
        client.cookies.set("__Host-digestmail", cookie)
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
        assert "reader@example.org" not in answer.text


def test_the_cookie_is_for_this_host_over_tls_and_for_no_script(client: TestClient) -> None:
    form = {"csrf": token_in(client.get("/admin/login").text), "token": TOKEN}
    cookie = client.post("/admin/login", data=form, headers=BROWSER).headers["set-cookie"]
    assert cookie.startswith("__Host-digestmail=")
    assert TOKEN not in cookie
    for part in ("HttpOnly", "Secure", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert part in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_what_others_wrote_as_text_and_is_kept_by_no_cache(client: TestClient, path: str) -> None:
    log_in(client)
    answer = client.get(path)
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "script-src" not in answer.headers["content-security-policy"].replace("script-src 'self'", "")


def test_the_mail_is_framed_by_nobody_else_and_nothing_runs_in_it(client: TestClient) -> None:
    log_in(client)
    framing = client.get("/admin/preview").text
    frame = re.search(r"<iframe[^>]*>", framing)
    assert frame
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame[0]
    policy = client.get("/admin/preview/mail?email=reader@example.org").headers["content-security-policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy + frame[0]
    assert "allow-same-origin" not in policy + frame[0]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy


POSTS = ("/admin/runs", "/admin/test", "/admin/deliveries/1", "/admin/logout")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("csrf", [None, "", "forged", "of another session", "of the log-in"])
def test_no_form_does_anything_without_the_token_of_its_session(
    house: Newsletter, client: TestClient, path: str, csrf: str | None
) -> None:
    started: list[bool] = []
    client.app.state.trigger = lambda: started.append(True)  # type: ignore[attr-defined]
    others = log_in(client)
    client.cookies.clear()
    log_in(client)
    if csrf == "of another session":
        csrf = others
    if csrf == "of the log-in":
        csrf = token_in(client.get("/admin/login").text)
    form = {"decision": "again", "to": "me@example.org"} | ({} if csrf is None else {"csrf": csrf})
    assert client.post(path, data=form, headers=BROWSER).status_code == 403
    assert client.get("/admin").status_code == 200
    assert started == []
    [delivery] = house.store.deliveries.find()
    assert delivery.status is DeliveryStatus.FAILED
    assert isinstance(house.transport, MemoryTransport)
    assert house.transport.messages == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"{BASE}.evil.example"},
    ],
)
def test_a_request_that_the_browser_calls_foreign_is_refused_even_with_the_token(
    client: TestClient, headers: dict[str, str]
) -> None:
    csrf = log_in(client)
    for path in POSTS:
        assert client.post(path, data={"csrf": csrf, "decision": "drop"}, headers=headers).status_code == 403
    form = {"csrf": token_in(client.get("/admin/login").text), "token": TOKEN}
    assert client.post("/admin/login", data=form, headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [BROWSER, {"Origin": BASE}, {}])
def test_a_request_from_our_own_page_is_taken(client: TestClient, headers: dict[str, str]) -> None:
    csrf = log_in(client)
    assert (
        client.post("/admin/deliveries/1", data={"csrf": csrf, "decision": "again"}, headers=headers).status_code == 303
    )


def test_after_ten_wrong_tokens_the_right_one_is_not_looked_at_either_and_others_are_not_concerned(
    house: Newsletter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(house, admin_token=TOKEN, trusted_proxies=("10.0.0.0/8",)) as client:

        def post(token: str, client_address: str) -> int:
            form = {"csrf": token_in(client.get("/admin/login").text), "token": token}
            told = {**BROWSER, "X-Forwarded-For": client_address}
            return client.post("/admin/login", data=form, headers=told).status_code

        client._transport.client = ("10.0.0.1", 1)  # type: ignore[attr-defined]
        assert [post(f"wrong {n}", "192.0.2.1") for n in range(11)] == [403] * 10 + [429]
        assert post(TOKEN, "192.0.2.1") == 429
        bearer = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "192.0.2.1"}
        assert client.get("/api/v1/status", headers=bearer).status_code == 429
        assert post(TOKEN, "192.0.2.2") == 303
        assert [post("wrong", f"2001:db8::{n:x}") for n in range(11)] == [403] * 10 + [429]
        later = time.monotonic() + 901
        monkeypatch.setattr("digestmail.web.attempts.time.monotonic", lambda: later)
        assert post(TOKEN, "192.0.2.1") == 303


def test_a_log_in_that_fails_says_the_same_for_every_token(client: TestClient) -> None:
    bodies = set()
    for token in ("", "x", TOKEN[:-1], TOKEN + "x", "ü", "\x00"):
        form = {"csrf": token_in(client.get("/admin/login").text), "token": token}
        answer = client.post("/admin/login", data=form, headers=BROWSER)
        assert answer.status_code == 403
        bodies.add(answer.text.replace(token_in(answer.text), ""))
        assert "set-cookie" not in answer.headers
    assert len(bodies) == 1


def test_a_session_ends_with_a_new_token_and_with_logging_out(house: Newsletter, client: TestClient) -> None:
    csrf = log_in(client)
    session = client.cookies["__Host-digestmail"]
    assert client.post("/admin/logout", data={"csrf": csrf}, headers=BROWSER).status_code == 303
    assert client.get("/admin").status_code == 303
    with site(house, admin_token="another token entirely") as other:
        other.cookies.set("__Host-digestmail", session)
        assert other.get("/admin").status_code == 303


@pytest.mark.parametrize(
    ("decision", "becomes"),
    [("sent", DeliveryStatus.SENT), ("again", DeliveryStatus.DEFERRED), ("drop", DeliveryStatus.CANCELLED)],
)
def test_what_waits_for_a_person_is_decided_with_a_button(
    house: Newsletter, client: TestClient, decision: str, becomes: DeliveryStatus
) -> None:
    csrf = log_in(client)
    assert "/admin/deliveries/1" in links(client.get("/admin/held").text)
    answer = client.post("/admin/deliveries/1", data={"csrf": csrf, "decision": decision}, headers=BROWSER)
    assert answer.headers["location"] == "/admin/deliveries/1"
    assert [one.status for one in house.store.deliveries.find()] == [becomes]
    assert client.post("/admin/deliveries/1", data={"csrf": csrf, "decision": "x"}, headers=BROWSER).status_code == 422


def test_a_test_message_goes_to_who_asks_and_its_links_are_nobodys(house: Newsletter, client: TestClient) -> None:
    csrf = log_in(client)
    form = {"csrf": csrf, "to": "me@example.org", "email": "reader@example.org"}
    assert "Sent to me@example.org" in client.post("/admin/test", data=form, headers=BROWSER).text
    assert isinstance(house.transport, MemoryTransport)
    [envelope] = house.transport.messages.values()
    assert envelope.rcpt_to == "me@example.org"
    [delivery] = house.store.deliveries.find()
    assert envelope.message_id != delivery.message_id
    assert delivery.status is DeliveryStatus.FAILED
    uid = house.store.subscribers.find("reader@example.org")
    assert uid is not None
    assert uid.uid.encode() not in envelope.content
    for wrong in ("", "nobody", "a@b@c", "me@example.org\r\nBcc: x@example.org"):
        assert client.post("/admin/test", data={**form, "to": wrong}, headers=BROWSER).status_code == 422
    assert len(house.transport.messages) == 1


def test_subscribers_are_found_by_letters_of_their_address(house: Newsletter, client: TestClient) -> None:
    one = house.store.subscribers.find("reader@example.org")
    assert one is not None
    house.store.subscribers.put(replace(one, uid=f"u{n}", email=f"reader_{n}%@example.org") for n in range(60))
    log_in(client)
    assert "61 subscribers" in client.get("/admin/subscribers").text
    assert "11 subscribers" in client.get("/admin/subscribers?q=reader_1").text
    assert "60 subscribers" in client.get("/admin/subscribers?q=%25@").text  # a sign, not a wildcard
    assert "0 subscribers" in client.get("/admin/subscribers?q=%27%20OR%201=1--").text
    assert client.get("/admin/subscribers?page=2").status_code == 200
    assert "0 subscribers" in client.get("/admin/subscribers?status=paused").text


def test_runs_show_what_was_asked_and_what_became_of_it(house: Newsletter, client: TestClient) -> None:
    log_in(client)
    text = client.get("/admin/runs").text
    assert "1 failed" in text
    assert "2026-06-01 to 2026-06-03: too old" in text
    run(replace(house, clock=lambda: NOON + timedelta(days=1)))
    assert "huggingface" in client.get("/admin/sources").text


@pytest.mark.parametrize("body", [b"a=1&" * 4_000, b"csrf=" + b"x" * 12_000, b"\xff\xfe", b"=&=&"])
def test_a_form_of_many_fields_or_none_is_refused_and_nothing_breaks(client: TestClient, body: bytes) -> None:
    log_in(client)
    kind = {"Content-Type": "application/x-www-form-urlencoded", **BROWSER}
    assert client.post("/admin/runs", content=body, headers=kind).status_code in (400, 403)
    multipart = {"Content-Type": "multipart/form-data; boundary=x", **BROWSER}
    assert client.post("/admin/runs", content=b"--x", headers=multipart).status_code == 415


@pytest.mark.parametrize("path", ["/admin/..%2f..%2fetc/passwd", "/admin/deliveries/..%2f1", "/admin/deliveries/0"])
def test_nothing_is_looked_up_by_path(client: TestClient, path: str) -> None:
    log_in(client)
    assert client.get(path).status_code == 404
