"""The Daily Papers page under load: a real ``digestmail serve``, and a bare uvicorn that sends the same bytes.

``python -m benchmarks.web [--rate 200] [--seconds 60] [--papers 26502] [--json]``

Requests leave at fixed times, whether or not earlier ones have been answered, so that a server that stalls is not asked
less: the time of a request counts from when it was due.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.datasets import corpus
from digestmail.storage.store import Store

_DAY = date(2026, 6, 30)
_DAYS = 90
_BARE = """
import asyncio, sys, uvicorn
body = open(sys.argv[1], "rb").read()
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html"),
        (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
config = uvicorn.Config(app, port=0, log_level="warning", access_log=False, lifespan="off", http="h11")
sock = config.bind_socket()
print(f"bare on http://127.0.0.1:{sock.getsockname()[1]}", file=sys.stderr, flush=True)
asyncio.run(uvicorn.Server(config).serve([sock]))
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one load brought."""

    what: str
    requests: int
    errors: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    worst_ms: float
    page_bytes: int
    #: VmRSS of the server before and after
    mb_before: float
    mb_after: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=200, help="requests a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--papers", type=int, default=26_502)
    parser.add_argument("--connections", type=int, default=32, help="that are kept open")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    load = (options.rate, options.seconds, options.connections)
    with tempfile.TemporaryDirectory() as folder:
        _prepare(Path(folder), options.papers)
        with _digestmail(Path(folder)) as (url, pid):
            kept = asyncio.run(_measure("digestmail serve, one page", url, pid, ["/"], load))
            pages = [f"/papers/{_DAY - timedelta(days=back)}" for back in range(_DAYS)]
            many = asyncio.run(_measure(f"digestmail serve, {_DAYS} days", url, pid, pages, load))
            body = asyncio.run(_get(url, "/"))
        with _bare(Path(folder), body) as (url, pid):
            bare = asyncio.run(_measure("bare uvicorn, the same bytes", url, pid, ["/"], load))
    found = [kept, many, bare]
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    print(f"{options.rate} requests/s for {options.seconds} s, {options.papers:,} papers\n")
    print(f"{'':30}{'requests':>9}{'errors':>8}{'/s':>7}{'p50':>8}{'p95':>8}{'p99':>8}{'worst':>9}{'KB':>6}{'MB':>14}")
    for one in found:
        times = f"{one.p50_ms:8.1f}{one.p95_ms:8.1f}{one.p99_ms:8.1f}{one.worst_ms:9.1f}"
        memory = f"{one.mb_before:.0f} → {one.mb_after:.0f}"
        print(
            f"{one.what:30}{one.requests:9,}{one.errors:8}{one.per_second:7.0f}{times}"
            f"{one.page_bytes // 1024:6}{memory:>14}"
        )


def _prepare(folder: Path, number: int) -> None:
    """A newsletter without readers whose papers were listed on the last days, as many on each."""
    found = corpus(number)
    listed = [replace(paper, listed=_DAY - timedelta(days=at % _DAYS)) for at, paper in enumerate(found)]
    with closing(Store(f"sqlite:///{folder / 'digestmail.db'}")) as store:
        store.corpus.add(listed, datetime(2026, 6, 30, tzinfo=UTC))
    (folder / "none.jsonl").touch()
    (folder / "config.yaml").write_text(
        "newsletter: {name: Daily Papers, from: papers@example.org}\nsources: [{kind: jsonl, path: none.jsonl}]\n"
    )


@contextmanager
def _digestmail(folder: Path) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "digestmail", "serve", "--listen", "127.0.0.1:0"]
    with running(command, folder) as found:
        yield found


@contextmanager
def _bare(folder: Path, body: bytes) -> Iterator[tuple[str, int]]:
    page = folder / "page.html"
    page.write_bytes(body)
    with running([sys.executable, "-c", _BARE, str(page)], folder) as found:
        yield found


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[tuple[str, int]]:
    """A server: where it listens, and its pid. Its log goes to a file, as a service's does."""
    log = folder / "server.log"
    with log.open("wb") as file, subprocess.Popen(command, cwd=folder, stderr=file) as process:  # noqa: S603 - ours
        try:
            while not (told := re.search(r"on (http://127\.0\.0\.1:[0-9]+)", log.read_text())):
                if process.poll() is not None:
                    sys.exit(log.read_text())
                time.sleep(0.05)
            yield told[1], process.pid
        finally:
            process.terminate()


async def _measure(what: str, url: str, pid: int, paths: list[str], load: tuple[int, int, int]) -> Figures:
    rate, seconds, connections = load
    await _get(url, paths[0])
    before = _rss(pid)
    queue: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()
    spent: list[float] = []
    errors: list[str] = []
    workers = [asyncio.create_task(_work(url, queue, spent, errors)) for _ in range(connections)]
    begun = time.perf_counter()
    for number in range(rate * seconds):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        queue.put_nowait((due, paths[number % len(paths)]))
    for _ in workers:
        queue.put_nowait(None)
    await asyncio.gather(*workers)
    took = time.perf_counter() - begun
    cuts = statistics.quantiles(spent, n=100)
    return Figures(
        what=what,
        requests=len(spent) + len(errors),
        errors=len(errors),
        per_second=len(spent) / took,
        p50_ms=cuts[49] * 1000,
        p95_ms=cuts[94] * 1000,
        p99_ms=cuts[98] * 1000,
        worst_ms=max(spent) * 1000,
        page_bytes=len(await _get(url, paths[0])),
        mb_before=before,
        mb_after=_rss(pid),
    )


async def _work(
    url: str, queue: "asyncio.Queue[tuple[float, str] | None]", spent: list[float], errors: list[str]
) -> None:
    """Ask what is due over one connection, which is opened anew when it breaks."""
    streams = None
    while (asked := await queue.get()) is not None:
        due, path = asked
        try:
            streams = streams or await connect(url)
            await _ask(*streams, path)
            spent.append(time.perf_counter() - due)
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            errors.append(repr(error))
            streams = None
    if streams:
        streams[1].close()


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port), limit=1 << 22)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bytes:
    """The body of an answer. Raises ValueError unless it is 200 and has a length."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = re.search(r"(?i)^content-length: ([0-9]+)", head, re.MULTILINE)
    if " 200 " not in head.partition("\r\n")[0] or not length:
        raise ValueError(head.partition("\r\n")[0])
    return await reader.readexactly(int(length[1]))


async def _get(url: str, path: str) -> bytes:
    reader, writer = await connect(url)
    try:
        return await _ask(reader, writer, path)
    finally:
        writer.close()


def _rss(pid: int) -> float:
    """Megabytes in memory (Linux)."""
    told = re.search(r"VmRSS:\s+([0-9]+)", Path(f"/proc/{pid}/status").read_text())
    assert told, os.uname().sysname
    return int(told[1]) / 1024


if __name__ == "__main__":
    main()
