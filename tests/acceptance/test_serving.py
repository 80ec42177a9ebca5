"""``digestmail serve`` as a person runs it, and as it dies."""

import json
import os
import re
import signal
import time
import urllib.request
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from urllib.parse import urlencode

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


def asked(url: str, email: str) -> None:
    """Somebody signs up."""
    form = urlencode({"email": email, "keywords": "attention", "action": "subscribe"}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/subscribe", data=form, timeout=60) as answer:
        assert "Look into your inbox" in answer.read().decode()


def letters(house: House) -> list[tuple[str, str]]:
    """Each letter in the outbox: to whom, and the link in it."""
    found = []
    for path in house.outbox:
        message = message_from_bytes(path.read_bytes(), policy=default)
        text = message.get_body(["plain"])
        assert text
        if link := re.search(r"http://\S+/c/\S+", text.get_content()):
            found.append((str(message["To"]), link[0]))
    return found


def test_who_signs_up_is_written_to_at_once(house: House) -> None:
    house.write(newsletter={**house.config["newsletter"], "base_url": "http://localhost:8000"})
    with serving(house, "--listen", "127.0.0.1:0") as server:
        url = server.url()
        server.read_until("tick ended code=0")
        asked(url, "ann@example.org")
        server.read_until("delivery id=2 kind=confirm .* status=sent")
        [(to, link)] = letters(house)
        assert to == "ann@example.org"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(link.replace("http://localhost:8000", url), data=b"", timeout=60) as answer:
            assert "You are subscribed" in answer.read().decode()
        assert server.end() == 0
    house.process("run")
    assert len(house.sent("ann@example.org")) == 1
    assert "Traceback" not in "".join(server.lines)


def test_who_has_signed_up_when_the_server_is_killed_is_written_to_by_the_next(house: House) -> None:
    house.write(newsletter={**house.config["newsletter"], "base_url": "http://localhost:8000"})
    people = [f"reader{n}@example.org" for n in range(5)]
    for number, email in enumerate(people):
        with serving(house, "--listen", "127.0.0.1:0") as server:
            url = server.url()
            if number % 2:
                server.read_until("tick ended")
            asked(url, email)
            server.end(signal.SIGKILL)
    with serving(house, "--listen", "127.0.0.1:0") as server:
        server.read_until("tick ended code=0")
        assert server.end() == 0
    assert sorted(to for to, _ in letters(house)) == people
    house("audit")


def test_a_list_that_is_closed_offers_nobody_to_sign_up(house: House) -> None:
    house.write(newsletter={**house.config["newsletter"], "base_url": "http://localhost:8000"})
    for settings, offered in (({"subscribe": "closed"}, False), ({}, True)):
        house.write(web={"listen": "127.0.0.1:0", **settings})
        with serving(house) as server:
            assert ("/subscribe" in get(server.url())) is offered
            assert server.end() == 0
