"""``digestmail serve`` as a person runs it, and as it dies."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from house import House
from serving import Serving, get, serving


def is_gone(pid: int) -> bool:
    """Whether a process has ended, also when nobody has asked for its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_one_process_serves_the_pages_and_sends_what_is_due(house: House) -> None:
    token = "a token of the tests"
    with serving(house, "--listen", "127.0.0.1:0", DIGESTMAIL_ADMIN_TOKEN=token) as server:
        url = server.url()
        server.read_until(r" run sources=1 .* sent=1")
        server.read_until("tick ended code=0")
        assert json.loads(get(f"{url}/healthz"))["status"] == "ok"
        assert "Attention number 2" in get(url)
        assert json.loads(get(f"{url}/api/v1/status", token))["deliveries"] == {"sent": 1}
        assert 'digestmail_deliveries{status="sent"} 1.0' in get(f"{url}/metrics")
        assert server.end() == 0
    log = "".join(server.lines)
    assert "request method=GET path=/healthz status=200" in log
    assert "reader@example.org" not in log
    assert token not in log
    assert "Traceback" not in log


def test_pages_are_served_when_they_are_configured(house: House) -> None:
    with serving(house) as server:
        server.read_until("no web pages: neither web nor newsletter.base_url is configured")
        assert server.end() == 0
    house.write(web={"listen": "127.0.0.1:0"})
    with serving(house) as server:
        assert get(f"{server.url()}/healthz")
        assert server.end(signal.SIGINT) == 0
    with serving(house, "--no-web") as server:
        server.read_until("tick ended")
        assert server.end() == 0
    assert not any("web pages" in line for line in server.lines)
    assert "exclude one another" in house("serve", "--no-web", "--listen", ":1", code=2).stderr


@pytest.mark.parametrize("listen", ["localhost", "127.0.0.1:http", "127.0.0.1:70000", "::1:80", "a b:80"])
def test_an_address_that_is_none_is_told_in_one_line(house: House, listen: str) -> None:
    assert "not an address to listen on" in house("serve", "--listen", listen, code=65).stderr
    house.write(web={"listen": listen})
    assert "web.listen: " in house("config", "check", code=78).stderr


@pytest.fixture
def stuck(house: House) -> House:
    """A house whose source never ends: a named pipe that nobody writes to."""
    os.mkfifo(house.folder / "never.jsonl")
    house.write(sources=[{"kind": "jsonl", "path": "never.jsonl"}])
    return house


def a_child_that_hangs(server: Serving) -> int:
    """The run that is under way, once it waits for its source."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for pid in server.children():
            # a program that has opened the store waits in the pipe
            if any("digestmail.db" in str(link) for link in _open_files(pid)):
                return pid
        time.sleep(0.02)
    raise AssertionError("no run began")


def _open_files(pid: int) -> list[str]:
    try:
        return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


def test_a_run_that_hangs_does_not_outlive_a_server_that_is_killed(stuck: House) -> None:
    with serving(stuck, "--listen", "127.0.0.1:0") as server:
        url = server.url()
        run = a_child_that_hangs(server)
        assert get(f"{url}/healthz")
        server.end(signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not is_gone(run) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert is_gone(run)


def test_a_run_that_hangs_ends_with_a_server_that_is_told_to(stuck: House) -> None:
    with serving(stuck, "--listen", "127.0.0.1:0") as server:
        run = a_child_that_hangs(server)
        assert server.end() == 0
        assert is_gone(run)


def test_killed_at_any_line_of_its_log_the_next_one_sends_everything_once(house: House) -> None:
    house.write(
        subscribers=[{"email": f"reader{n}@example.org", "keywords": ["attention"]} for n in range(3)],
        web={"listen": "127.0.0.1:0"},
    )
    for lines in (2, 3, 5):
        with serving(house) as server:
            for _ in range(lines):
                server.read_until("")
            server.end(signal.SIGKILL)
    with serving(house) as server:
        server.read_until("tick ended code=0")
        assert server.end() == 0
    assert len(house.outbox) == 3
    assert [house.sent(f"reader{n}@example.org") for n in range(3)] == [
        [["arxiv:2606.00002", "arxiv:2606.00001", "arxiv:2606.00000"]]
    ] * 3
    house("audit")
