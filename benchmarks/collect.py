"""Collecting: papers parsed and stored a second, and the memory that takes, as the input grows.

``python -m benchmarks.collect``. Real papers by two roads, each size in a process of its own: a file of JSON Lines, and
Atom feeds of 1,000 papers each from a server on loopback, which are parsed by feedparser in a guarded child. Everything
is as in a run: read, cleaned, TeX turned into text, merged, stored durably. The baselines only parse the same bytes:
``json.loads`` a line, ``feedparser.parse`` a feed.
"""

import argparse
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

from benchmarks.datasets import corpus
from digestmail.cli import rest_collector
from digestmail.config import load_config
from digestmail.model import Paper
from digestmail.newsletter.collect import collect
from digestmail.wiring import now_utc, open_newsletter

_A_FEED = 1_000  # papers
ROADS = ("jsonl", "feed")


def line(paper: Paper) -> str:
    """The paper as JSON."""
    facts = {"id": paper.key, "title": paper.title, "abstract": paper.abstract, "authors": paper.authors}
    return json.dumps({**facts, "categories": paper.categories})


def feed(papers: list[Paper]) -> bytes:
    """The papers as an Atom feed."""
    entries = "".join(
        f"<entry><id>https://arxiv.org/abs/{paper.key}</id><title>{escape(paper.title)}</title>"
        f'<link href="https://arxiv.org/abs/{paper.key}"/><summary>{escape(paper.abstract)}</summary>'
        f"<published>2026-06-30T00:00:00Z</published>"
        + "".join(f"<author><name>{escape(name)}</name></author>" for name in paper.authors)
        + "</entry>"
        for paper in papers
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Papers</title>{entries}</feed>'.encode()


def prepare(folder: Path, papers: list[Paper]) -> None:
    """The same papers for both roads."""
    (folder / "papers.jsonl").write_text("\n".join(map(line, papers)), encoding="utf-8")
    for start in range(0, len(papers), _A_FEED):
        (folder / f"{start // _A_FEED}.atom").write_bytes(feed(papers[start : start + _A_FEED]))


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Serve the feeds; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (folder / Path(self.path).name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - as http.server has it
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def measure(folder: Path, road: str, address: str) -> dict[str, float]:
    """Collect everything, in this process."""
    rest_collector()  # as the command line does
    feeds = sorted(folder.glob("*.atom"))
    sources = (
        [{"kind": "jsonl", "path": "papers.jsonl"}]
        if road == "jsonl"
        else [{"kind": "feed", "url": f"{address}/{file.name}", "name": file.stem} for file in feeds]
    )
    config = {"newsletter": {"name": "B", "from": "b@example.org"}, "store": f"sqlite:///{road}.db", "sources": sources}
    (folder / f"{road}.yaml").write_text(json.dumps(config))  # JSON is YAML
    with open_newsletter(load_config(folder / f"{road}.yaml", {})) as newsletter:
        start = time.perf_counter()
        collected = collect(newsletter, now_utc())
        seconds = time.perf_counter() - start
        stored = newsletter.store.corpus.count()
    errors = [str(one.answer.error) for one in collected if one.answer.error]
    if errors:
        sys.exit(errors[0])
    return {"stored": stored, "seconds": seconds, "peak_mb": peak_mb()}


def peak_mb() -> float:
    """The most memory this process had. Its ru_maxrss would begin with what its parent had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) / 1024


def bare(folder: Path, road: str) -> float:
    """Seconds to parse the same bytes and do nothing with them."""
    import feedparser

    parse: Callable[[bytes], object] = json.loads if road == "jsonl" else feedparser.parse
    inputs = (
        (folder / "papers.jsonl").read_bytes().splitlines()
        if road == "jsonl"
        else [file.read_bytes() for file in folder.glob("*.atom")]
    )
    start = time.perf_counter()
    for content in inputs:
        parse(content)
    return time.perf_counter() - start


def _alone(folder: Path, road: str, address: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.collect", "--alone", str(folder), road, address]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this program again
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure each road and size in a fresh process and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, nargs="+", default=[1_000, 6_500, 26_502])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measure(Path(options.alone[0]), options.alone[1], options.alone[2])))
        return
    rows = []
    every = corpus(max(options.papers))
    for road in ROADS:
        for size in options.papers:
            with TemporaryDirectory() as name:
                prepare(Path(name), every[:size])
                with server(Path(name)) as address:
                    found = _alone(Path(name), road, address)
                rows.append({"road": road, "papers": size, "bare_seconds": bare(Path(name), road), **found})
    if options.json:
        print(json.dumps(rows))
        return
    print("road     papers   stored   papers/s   peak MB   bare parser, papers/s")
    for row in rows:
        print(
            f"{row['road']:6} {row['papers']:8,} {row['stored']:8,.0f} {row['papers'] / row['seconds']:10,.0f}"
            f" {row['peak_mb']:9.0f} {row['papers'] / row['bare_seconds']:23,.0f}"
        )


if __name__ == "__main__":
    main()
