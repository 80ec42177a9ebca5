"""The real server on loopback: slow clients, large requests, many connections, and its end."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from builders import NOON, paper
from digestmail.errors import InputError
from digestmail.web.guard import MAX_BODY
from digestmail.web.server import ImpatientProtocol, bind
from served import TOKEN, Served, opener, served


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(ImpatientProtocol, "head_seconds", 0.2)
    monkeypatch.setattr("digestmail.web.guard._BODY_SECONDS", 0.2)
    opened = opener(tmp_path)
    with opened() as newsletter:
        newsletter.store.corpus.add([paper("One", listed=NOON.date())], NOON)
    with served(opened) as found:
        yield found


def connected(house: Served) -> socket.socket:
    return socket.create_connection((house.host, house.port), timeout=30)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server closes; a test that waits for ever fails by the timeout of the socket."""
    content = b""
    while more := connection.recv(65536):
        content += more
    return content


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_request_whose_head_does_not_come_is_not_waited_for(house: Served, begun: bytes) -> None:
    with connected(house) as connection:
        connection.sendall(begun)
        assert all_of(connection) == b""


def test_a_second_request_that_does_not_come_is_not_waited_for_either(house: Served) -> None:
    with connected(house) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
        assert all_of(connection).count(b"HTTP/1.1 ") == 1


def test_a_body_that_comes_slowly_is_not_waited_for(house: Served) -> None:
    with connected(house) as connection:
        head = f"POST /api/v1/preview HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert b" 408 " in connection.recv(65536)


@pytest.mark.parametrize("path", ["/admin/login", "/api/v1/preview", "/", "/papers"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(house: Served, path: str, chunked: bool) -> None:
    body = b"a=1&" * (10 << 18)
    assert len(body) > 100 * MAX_BODY
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Bearer {TOKEN}"}
    if path.startswith("/api"):
        kind["Content-Type"] = "application/json"
    with closing(http.client.HTTPConnection(house.host, house.port, timeout=30)) as connection:
        try:
            connection.request("POST", path, iter([body]) if chunked else body, kind, encode_chunked=chunked)
            status = connection.getresponse().status
        except (BrokenPipeError, ConnectionResetError):
            status = 413  # it hung up in the middle, which is what it is to do
    assert status in (405, 413)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(9_000)) + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_a_head_that_is_too_long_or_none_is_refused(house: Served, head: bytes) -> None:
    with connected(house) as connection:
        connection.sendall(head)
        try:
            answer = all_of(connection)
        except ConnectionResetError:
            answer = b""
        assert answer == b"" or answer.split()[1] in (b"400", b"413", b"414", b"431")


def test_the_server_does_not_say_what_it_is(house: Served) -> None:
    with closing(http.client.HTTPConnection(house.host, house.port, timeout=30)) as connection:
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("server") is None
        answer.read()


def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(InputError, match=r"cannot listen on 127.0.0.1:\d+: Address"):
        bind(*taken.getsockname())


def test_many_who_read_at_once_all_get_the_page(house: Served) -> None:
    found: list[tuple[int, bytes]] = []

    def read() -> None:
        with closing(http.client.HTTPConnection(house.host, house.port, timeout=30)) as connection:
            for _ in range(10):
                connection.request("GET", "/")
                answer = connection.getresponse()
                found.append((answer.status, answer.read()))

    threads = [threading.Thread(target=read) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    assert {status for status, _ in found} == {200}
    assert len({content for _, content in found}) == 1


def test_a_small_page_is_sent_without_waiting_for_the_other_side(
    house: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, found = ImpatientProtocol.data_received, []

    def seen(protocol: ImpatientProtocol, data: bytes) -> None:
        connection = protocol.transport.get_extra_info("socket")
        found.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        real(protocol, data)

    monkeypatch.setattr(ImpatientProtocol, "data_received", seen)
    with closing(http.client.HTTPConnection(house.host, house.port, timeout=30)) as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
    assert found
    assert all(found)
