"""The HTTP client of all sources, against a real server on loopback."""

import gzip
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import trustme

import digestmail
from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.model import Validators
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.reading import MAX_BYTES
from replay import ReplayServer, Reply

Answer = tuple[int, dict[str, str], bytes]


class Server:
    """Gives the prepared answers in order, the last one again and again, and keeps what it was asked."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answers: list[Answer] = [(200, {}, b"[]")]
        self.asked: list[tuple[str, dict[str, str]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.path, dict(self.headers)))
                status, headers, body = server.answers[min(len(server.asked), len(server.answers)) - 1]
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://localhost:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class Naps(list[float]):
    """A sleep that only notes how long."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server()) as running:
        yield running


@pytest.fixture(scope="module")
def all_naps() -> Naps:
    return Naps()


@pytest.fixture
def naps(all_naps: Naps) -> Naps:
    """The pauses of this test."""
    all_naps.clear()
    return all_naps


@pytest.fixture(scope="module")
def client(all_naps: Naps) -> Iterator[PoliteClient]:
    """One for all tests: loading the certificate authorities takes longer than most of them."""
    with closing(PoliteClient("papers@example.org", sleep=all_naps)) as ready:
        yield ready


def test_the_body_comes_back_and_parameters_go_out(server: Server, client: PoliteClient) -> None:
    server.answers = [(200, {}, b"[1]")]
    assert client.get(f"{server.url}/api?x=1", params={"date": "2026-06-30", "p": 0}, source="hf") == b"[1]"
    assert server.asked[0][0] == "/api?x=1&date=2026-06-30&p=0"


def test_a_request_says_who_asks_and_how_to_reach_them(server: Server, client: PoliteClient) -> None:
    client.get(server.url, source="hf")
    assert server.asked[0][1]["User-Agent"] == f"digestmail/{digestmail.__version__} (+papers@example.org)"
    assert server.asked[0][1]["Accept-Encoding"] == "gzip"


def test_a_contact_cannot_break_the_header(server: Server) -> None:
    with closing(PoliteClient("Jürgen\r\nX-Evil: 1")) as client:
        client.get(server.url, source="hf")
    assert "X-Evil" not in server.asked[0][1]
    assert server.asked[0][1]["User-Agent"].endswith("(+Jrgen X-Evil: 1)")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_trouble_is_tried_again_after_growing_pauses(
    server: Server, client: PoliteClient, naps: Naps, status: int
) -> None:
    server.answers = [(status, {}, b""), (status, {}, b""), (200, {}, b"ok")]
    assert client.get(server.url, source="hf") == b"ok"
    assert naps == [2, 4]


def test_three_tries_are_all(server: Server, client: PoliteClient) -> None:
    server.answers = [(503, {}, b"")]
    with pytest.raises(SourceUnavailable, match=rf"^hf: 503 Service Unavailable from {server.url}/x$"):
        client.get(f"{server.url}/x", source="hf")
    assert len(server.asked) == 3


def test_the_server_says_how_long_to_wait(server: Server, client: PoliteClient, naps: Naps) -> None:
    server.answers = [(429, {"Retry-After": "7"}, b""), (200, {}, b"ok")]
    client.get(server.url, source="hf")
    assert naps == [7]


def test_a_date_to_wait_for_is_read_against_the_clock_of_the_server(server: Server, naps: Naps) -> None:
    class Dated(httpx.AsyncBaseTransport):
        """http.server always sends its own Date; here both dates are given."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            headers = {"Date": "Tue, 30 Jun 2026 10:00:00 GMT", "Retry-After": "Tue, 30 Jun 2026 10:00:42 GMT"}
            return httpx.Response(503, headers=headers)

    with closing(PoliteClient("x", sleep=naps, transport=Dated())) as client, pytest.raises(SourceUnavailable):
        client.get(server.url, source="hf")
    assert naps == [42, 42]


@pytest.mark.parametrize("value", ["soon", "-5", "", "²", "Tue, 99 Foo 2026", "1.5"])
def test_a_wait_that_cannot_be_read_falls_back_to_the_usual_pause(
    server: Server, client: PoliteClient, naps: Naps, value: str
) -> None:
    server.answers = [(429, {"Retry-After": value}, b""), (200, {}, b"ok")]
    client.get(server.url, source="hf")
    assert naps == [2]


@pytest.mark.parametrize("value", ["61", "3600", "9" * 400])
def test_a_long_wait_is_left_to_the_next_run(server: Server, client: PoliteClient, naps: Naps, value: str) -> None:
    server.answers = [(429, {"Retry-After": value}, b"")]
    with pytest.raises(SourceUnavailable, match=r"429 Too Many Requests from .*: asked to wait") as caught:
        client.get(server.url, source="hf")
    assert caught.value.retry_after == min(timedelta(seconds=min(float(value), 1e9)), timedelta(hours=1))
    assert naps == []
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_refused_request_is_not_repeated(server: Server, client: PoliteClient, status: int) -> None:
    server.answers = [(status, {}, b"no")]
    with pytest.raises(SourceFormatError, match=f"^hf: {status} .* from {server.url}$"):
        client.get(server.url, source="hf")
    assert len(server.asked) == 1


def test_a_password_in_the_address_is_not_shown(server: Server, client: PoliteClient) -> None:
    server.answers = [(404, {}, b"")]
    with pytest.raises(SourceFormatError) as caught:
        client.get(server.url.replace("//", "//me:secret@"), source="hf")
    assert "secret" not in str(caught.value)


def test_gzip_is_unpacked(server: Server, client: PoliteClient) -> None:
    server.answers = [(200, {"Content-Encoding": "gzip"}, gzip.compress(b"[]" * 1000))]
    assert client.get(server.url, source="hf") == b"[]" * 1000


def test_a_gzip_bomb_is_stopped_at_the_limit(server: Server, client: PoliteClient) -> None:
    server.answers = [(200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(3 * MAX_BYTES), 1))]
    with pytest.raises(SourceFormatError, match="more than 20 MB from"):
        client.get(server.url, source="hf")


def test_a_body_of_exactly_the_limit_is_kept_and_one_byte_more_is_not(server: Server, client: PoliteClient) -> None:
    server.answers = [(200, {}, bytes(MAX_BYTES)), (200, {}, bytes(MAX_BYTES + 1))]
    assert len(client.get(server.url, source="hf")) == MAX_BYTES
    with pytest.raises(SourceFormatError, match="more than 20 MB"):
        client.get(server.url, source="hf")


@pytest.mark.parametrize(
    ("coding", "body", "why"), [("gzip", b"no gzip", "damaged gzip"), ("br", b"", "'br' was not asked for")]
)
def test_a_body_in_another_coding_is_refused(
    server: Server, client: PoliteClient, coding: str, body: bytes, why: str
) -> None:
    server.answers = [(200, {"Content-Encoding": coding}, body)]
    with pytest.raises(SourceFormatError, match=why):
        client.get(server.url, source="hf")


def test_a_body_that_is_cut_off_is_asked_for_again(server: Server, client: PoliteClient) -> None:
    server.answers = [(200, {"Content-Length": "9", "Connection": "close"}, b"half"), (200, {}, b"complete")]
    assert client.get(server.url, source="hf") == b"complete"


@pytest.mark.parametrize("body", [b"", b"slow" * 100])
def test_a_server_that_drips_its_header_or_its_body_is_left_at_the_deadline(body: bytes) -> None:
    with ReplayServer() as slow, closing(PoliteClient("x", deadline=0.2)) as client:
        url = slow.on("/", Reply(body, drip=0.05))
        with pytest.raises(SourceUnavailable, match=r"^hf: no whole answer within 0 s"):
            client.get(url, source="hf")
        assert len(slow.asked) == 1


def test_an_answer_that_has_not_changed_is_not_sent_again(client: PoliteClient) -> None:
    with ReplayServer() as server:
        url = server.on("/feed", Reply(b"papers", etag='"1"', last_modified="Tue, 30 Jun 2026 10:00:00 GMT"))
        first = client.ask(url, params={"page": 1}, source="feed")
        known = {first.validators.address: first.validators}
        again = client.ask(url, params={"page": 1}, source="feed", known=known)
        other = client.ask(url, params={"page": 2}, source="feed", known=known)
    assert (first.body, again.body, other.body) == (b"papers", None, b"papers")
    assert first.validators == again.validators
    assert first.validators == Validators(f"{url}?page=1", '"1"', "Tue, 30 Jun 2026 10:00:00 GMT")


def test_a_server_that_dates_its_answers_only_is_asked_by_date(client: PoliteClient) -> None:
    with ReplayServer() as server:
        url = server.on("/feed", Reply(b"papers", last_modified="Tue, 30 Jun 2026 10:00:00 GMT"))
        first = client.ask(url, source="feed").validators
        assert client.ask(url, source="feed", known={first.address: first}).body is None


def test_hosts_of_one_domain_wait_for_each_other_and_others_do_not() -> None:
    naps, now = Naps(), [100.0]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"")))
    with closing(
        PoliteClient("x", intervals={"arxiv.org": 3}, sleep=naps, clock=lambda: now[0], transport=transport)
    ) as client:
        client.get("https://rss.arxiv.org/rss/cs.LG", source="arxiv")
        now[0] += 1
        client.get("https://export.arxiv.org/api/query", source="arxiv")
        client.get("https://notarxiv.org", source="arxiv")
        now[0] += 3
        client.get("https://arxiv.org", source="arxiv")
    assert naps == [2]


def test_a_key_stays_with_the_host_that_it_is_for() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.host, request.headers.get("X-Key")))
        moved = {"Location": "https://93.184.216.34/"}
        return (
            httpx.Response(302, headers=moved) if len(asked) == 1 else httpx.Response(200, stream=httpx.ByteStream(b""))
        )

    with closing(PoliteClient("x", transport=httpx.MockTransport(answer))) as client:
        client.ask("https://example.org", source="s", headers={"X-Key": "secret"})
    assert asked == [("example.org", "secret"), ("93.184.216.34", None)]


@pytest.mark.parametrize("private", ["http://169.254.169.254/", "http://10.0.0.1/", "http://[::1]/", "http://0.0.0.0/"])
def test_a_server_cannot_send_us_into_our_own_network(private: str, client: PoliteClient) -> None:
    with ReplayServer() as server:
        url = server.on("/", Reply(status=302, headers={"Location": private}))
        with pytest.raises(SourceUnavailable, match="refused, a private address"):
            client.get(url, source="feed")


def test_what_is_posted_arrives_as_json(client: PoliteClient) -> None:
    with ReplayServer() as server:
        url = server.on("/batch", [1])
        assert client.ask(url, source="s2", json={"ids": ["a"]}).body == b"[1]"
        assert server.asked[0].body == b'{"ids":["a"]}'


def test_three_redirects_are_followed(server: Server, client: PoliteClient) -> None:
    server.answers = [*[(302, {"Location": f"/{hop}"}, b"") for hop in range(3)], (200, {}, b"here")]
    assert client.get(server.url, source="hf") == b"here"
    assert [path for path, _ in server.asked] == ["/", "/0", "/1", "/2"]


def test_a_redirect_loop_ends(server: Server, client: PoliteClient) -> None:
    server.answers = [(301, {"Location": "/again"}, b"")]
    with pytest.raises(SourceUnavailable, match=r"redirected more than 3 times, last to .*/again"):
        client.get(server.url, source="hf")


@pytest.mark.parametrize("target", ["ftp://localhost/x", "file:///etc/passwd", "gopher://localhost"])
def test_a_redirect_leads_to_the_web_or_nowhere(server: Server, client: PoliteClient, target: str) -> None:
    server.answers = [(302, {"Location": target}, b"")]
    with pytest.raises(SourceUnavailable, match="refused"):
        client.get(server.url, source="hf")


@pytest.fixture
def secure_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with a certificate that this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with closing(Server(context)) as running:
        yield running


def test_https_never_falls_back_to_http(server: Server, secure_server: Server) -> None:
    secure_server.answers = [(302, {"Location": f"{server.url}/spied"}, b"")]
    with closing(PoliteClient("x")) as client, pytest.raises(SourceUnavailable, match="refused, not secure"):
        client.get(secure_server.url, source="hf")
    assert server.asked == []


def test_http_may_lead_to_https(server: Server, secure_server: Server) -> None:
    server.answers = [(308, {"Location": secure_server.url}, b"")]
    secure_server.answers = [(200, {}, b"safe")]
    with closing(PoliteClient("x")) as client:
        assert client.get(server.url, source="hf") == b"safe"


def test_a_certificate_that_nobody_vouches_for_is_refused(secure_server: Server, naps: Naps) -> None:
    stranger = ssl.create_default_context(cadata=trustme.CA().cert_pem.bytes().decode())
    strict = PoliteClient("x", sleep=naps, transport=httpx.AsyncHTTPTransport(verify=stranger))
    with closing(strict), pytest.raises(SourceUnavailable, match="certificate verify failed"):
        strict.get(secure_server.url, source="hf")


def test_nobody_listening_is_said_in_one_line(client: PoliteClient, naps: Naps) -> None:
    with closing(Server()) as gone:
        url = gone.url
    with pytest.raises(SourceUnavailable) as caught:
        client.get(url, source="hf")
    assert str(caught.value) == f"hf: cannot reach {url}: Connection refused"
    assert naps == [2, 4]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ConnectTimeout("timed out"), "no connection within 10 s"),
        (httpx.ReadTimeout("timed out"), "no answer within 30 s"),
        (httpx.ConnectError("[Errno -2] Name or service not known"), "Name or service not known"),
        (httpx.ReadError(""), "the connection broke"),
    ],
)
def test_every_broken_connection_has_a_reason_for_people(naps: Naps, error: httpx.TransportError, said: str) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    failing = PoliteClient("x", sleep=naps, transport=httpx.MockTransport(fail))
    with closing(failing), pytest.raises(SourceUnavailable, match=f"^hf: cannot reach http://papers.test: {said}$"):
        failing.get("http://papers.test", source="hf")


@pytest.mark.parametrize("url", ["", "no-scheme", "ftp://localhost", "http://", "http://[::1"])
def test_an_address_that_cannot_be_asked_is_said_without_trying_again(
    client: PoliteClient, naps: Naps, url: str
) -> None:
    with pytest.raises(SourceUnavailable, match=r"^hf: cannot"):
        client.get(url, source="hf")
    assert naps == []


def test_a_closed_client_may_be_closed_again(server: Server) -> None:
    client = PoliteClient("x")
    client.get(server.url, source="hf")
    client.close()
    client.close()


def test_what_the_last_try_met_stays_as_the_cause(client: PoliteClient, server: Server) -> None:
    server.answers = [(500, {}, b"")]
    with pytest.raises(SourceUnavailable) as caught:
        client.get(server.url, source="hf")
    assert type(caught.value) is SourceUnavailable
    assert caught.value.__cause__ is not None


# A budget for all answers together


class Hours:
    """A clock that goes on by what is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def test_a_pause_that_the_budget_does_not_allow_for_is_not_made(server: Server) -> None:
    server.answers = [(503, {"Retry-After": "20"}, b"")]
    hours = Hours()
    with closing(PoliteClient("papers@example.org", budget=30, sleep=hours.sleep, clock=hours)) as client:
        with pytest.raises(SourceUnavailable, match=r"^hf: no time is left for http"):
            client.get(server.url, source="hf")
        assert (len(server.asked), hours.now) == (2, 20)


def test_without_a_budget_every_pause_is_made(server: Server) -> None:
    server.answers = [(503, {"Retry-After": "20"}, b"")]
    hours = Hours()
    with closing(PoliteClient("papers@example.org", sleep=hours.sleep, clock=hours)) as client:
        with pytest.raises(SourceUnavailable, match=r"^hf: 503"):
            client.get(server.url, source="hf")
        assert (len(server.asked), hours.now) == (3, 40)


def test_a_key_among_the_parameters_is_in_no_message_and_no_address(server: Server, client: PoliteClient) -> None:
    reply = client.ask(server.url, params={"q": "a b", "api_key": "opensesame"}, source="index")
    assert "opensesame" in server.asked[0][0]
    assert "opensesame" not in reply.validators.address
    server.answers = [(404, {}, b"")]
    with pytest.raises(SourceFormatError) as caught:
        client.get(server.url, params={"q": "a b", "api_key": "opensesame"}, source="index")
    assert "opensesame" not in str(caught.value)
