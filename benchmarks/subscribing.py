"""Signing up under fire: a real ``digestmail serve``, asked to write to addresses of every kind from many networks.

``python -m benchmarks.subscribing [--requests 1000] [--connections 8] [--json]``

First one request at a time, in turns for addresses that are new, on the list, have left, or get no mail any more: the
medians show whether the time of an answer tells them apart. Then all connections at once, for the times under load and
the letters that came of it. Beside it the least that a request can take: one row in a database file on the same disk,
made durable.
"""

import argparse
import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.web import connect, running
from digestmail.model import Subscriber, SubscriberStatus
from digestmail.storage.store import Store

_KINDS = {
    "new": None,
    "on the list": SubscriberStatus.ACTIVE,
    "has left": SubscriberStatus.UNSUBSCRIBED,
    "no mail any more": SubscriberStatus.SUPPRESSED,
}
_CONFIG = """\
newsletter: {name: Daily Papers, from: papers@example.org, base_url: "https://papers.example.org"}
sources: [{kind: jsonl, path: none.jsonl}]
web: {listen: "127.0.0.1:0", trusted_proxies: [127.0.0.1]}
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; times in milliseconds."""

    requests: int
    refused: int
    #: median of each kind of address, one request at a time
    medians: dict[str, float]
    spread: float
    p50: float
    p95: float
    worst: float
    #: letters in the outbox at the end; a page that mails at once would have sent one for each request
    letters: int
    #: one row, made durable
    row: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000, help="of each of the two parts")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        with running([sys.executable, "-m", "digestmail", "serve"], folder) as (url, _):
            found = asyncio.run(_measure(url, folder, options.requests, options.connections))
    if options.json:
        print(json.dumps(asdict(found), indent=2))
        return
    print(f"{found.requests:,} requests from as many networks, {found.refused} refused\n")
    for kind, median in found.medians.items():
        print(f"{kind:20}{median:8.2f} ms in the middle")
    print(f"{'between them':20}{found.spread:8.2f} ms")
    print(f"\n{options.connections} at once: p50 {found.p50:.1f}, p95 {found.p95:.1f}, worst {found.worst:.1f} ms")
    print(f"one row, made durable: {found.row:.1f} ms")
    print(f"letters: {found.letters} for {found.requests:,} requests")


def _prepare(folder: Path) -> None:
    """Readers of each kind that are known."""
    with closing(Store(f"sqlite:///{folder / 'digestmail.db'}")) as store:
        for kind, status in _KINDS.items():
            if status:
                email = _address(kind, 0)
                reader = Subscriber(uid=kind, email=email, created_at=datetime.now(UTC))
                store.subscribers.put([replace(reader, status=status)])
    (folder / "none.jsonl").touch()
    (folder / "config.yaml").write_text(_CONFIG)


def _address(kind: str, number: int) -> str:
    """As long as all others: of somebody new another one each time."""
    return f"reader{number if kind == 'new' else list(_KINDS).index(kind):06}@example.org"


async def _measure(url: str, folder: Path, requests: int, connections: int) -> Figures:
    alone: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    refused = 0
    stream = await connect(url)
    for number, kind in enumerate(islice(cycle(_KINDS), requests)):
        status, spent = await _ask(stream, _address(kind, 10 + number), number)
        alone[kind].append(spent)
        refused += status != 200  # noqa: PLR2004 - OK (RFC 9110 §15.3.1)
    numbers = iter(range(requests, 2 * requests))
    together = await asyncio.gather(*(_work(url, numbers) for _ in range(connections)))
    loaded = [one for _, some in together for one in some]
    medians = {kind: statistics.median(times) * 1000 for kind, times in alone.items()}
    cuts = statistics.quantiles(loaded, n=100)
    return Figures(
        requests=2 * requests,
        refused=refused + sum(number for number, _ in together),
        medians=medians,
        spread=max(medians.values()) - min(medians.values()),
        p50=cuts[49] * 1000,
        p95=cuts[94] * 1000,
        worst=max(loaded) * 1000,
        letters=len(list((folder / "outbox").glob("*.eml"))),
        row=_row(folder) * 1000,
    )


async def _work(url: str, numbers: Iterator[int]) -> tuple[int, list[float]]:
    """Ask over one connection: how often it was refused, and the times."""
    stream, refused, times = await connect(url), 0, []
    for number in numbers:  # shared: each number is taken by one of them
        status, spent = await _ask(stream, _address("new", 10 + number), number)
        refused += status != 200  # noqa: PLR2004 - as above
        times.append(spent)
    return refused, times


async def _ask(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter], email: str, number: int) -> tuple[int, float]:
    """The status of one request, and the seconds until its answer was there."""
    reader, writer = stream
    body = urlencode({"email": email, "keywords": "attention", "action": "subscribe"}).encode()
    network = f"{1 + number // 62_500}.{number // 250 % 250}.{number % 250}.1"
    head = f"POST /subscribe HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {network}\r\n"
    begun = time.perf_counter()
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = next(line for line in answer.splitlines() if line.lower().startswith("content-length:"))
    await reader.readexactly(int(length.partition(":")[2]))
    return int(answer.split()[1]), time.perf_counter() - begun


def _row(folder: Path) -> float:
    """Seconds for one row in a file of its own, as the store writes: one transaction, one sync."""
    times = []
    with closing(sqlite3.connect(folder / "row.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = TRUNCATE").close()
        database.execute("PRAGMA synchronous = FULL").close()
        database.execute("CREATE TABLE signup (id INTEGER PRIMARY KEY, email TEXT)").close()
        for number in range(100):
            begun = time.perf_counter()
            database.execute("INSERT INTO signup (email) VALUES (?)", (f"{number}",)).close()
            times.append(time.perf_counter() - begun)
    return statistics.median(times)


if __name__ == "__main__":
    main()
