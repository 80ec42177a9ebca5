"""``serve`` killed at random moments, while it starts, runs, writes letters and answers: the next one goes on."""

import random
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from crash.world import announce
from house import House
from serving import Serving, serving

_KILLS = 16
_LONGEST = 1.6  # seconds from a start to its kill; a first run is over after about one
_READERS = [f"reader{number}@example.net" for number in range(3)]


def a_house(folder: Path) -> House:
    house = House(folder)
    house.write(
        newsletter={"name": "Papers", "from": "Papers <papers@example.org>", "base_url": "http://localhost:8000"},
        sources=[{"kind": "jsonl", "path": "papers.jsonl"}],
        transport={"kind": "outbox", "path": "outbox"},
        subscribers=[{"email": email, "keywords": ["attention"]} for email in _READERS],
        web={"listen": "127.0.0.1:0"},
    )
    announce(folder / "papers.jsonl", range(3))
    return house


def signed_up(server: Serving, email: str) -> bool:
    """Ask to be on the list, should the server live long enough; whether it has said that it will write."""
    form = urlencode({"email": email, "keywords": "attention", "action": "subscribe"}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{server.url()}/subscribe", data=form, timeout=60) as answer:
            return "Look into your inbox" in answer.read().decode()
    except (AssertionError, OSError, urllib.error.URLError):
        return False


def test_killed_at_any_moment_the_next_one_sends_everything_once(tmp_path: Path) -> None:
    house, rng = a_house(tmp_path), random.Random(7)
    promised = []
    for number in range(_KILLS):
        # five an hour are taken from here: the others of these starts are killed without
        email = f"new{number}@example.net"
        with serving(house) as server:
            if number % 4 == 0 and signed_up(server, email):
                promised.append(email)
            time.sleep(rng.uniform(0.0, _LONGEST))
            server.end(signal.SIGKILL)
    with serving(house) as server:
        server.read_until("tick ended code=0")
        assert server.end() == 0
    sent = house.json("deliveries", "--status", "sent", "--limit", "100")
    assert sorted(one["subscriber"] for one in sent) == sorted([*_READERS, *promised])
    assert [one["status"] for one in house.json("deliveries", "--limit", "100") if one["status"] != "sent"] == []
    assert len(house.outbox) == len(sent)
    assert len(promised) == _KILLS // 4
    house("audit")
