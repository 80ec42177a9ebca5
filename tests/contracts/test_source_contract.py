"""What every source promises (`digestmail.protocols.Source`), run over every implementation."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from arxiv_answers import entry, item, results, rss
from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.model import Paper, SkippedEntry
from digestmail.protocols import Source
from digestmail.sources.arxiv.daily import ArxivSource
from digestmail.sources.arxiv.searching import ArxivQuerySource
from digestmail.sources.biorxiv import BiorxivSource
from digestmail.sources.feed.source import FeedSource
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.files.jsonl import JsonlSource
from digestmail.sources.files.source import FilesSource
from digestmail.sources.huggingface import HuggingFaceSource, SavedHuggingFaceSource
from digestmail.sources.page import PageSource
from digestmail.testing import ListSource
from digestmail.testing.contracts import SourceCase, SourceContract
from digestmail.text.identity import title_key

Sources = Iterator[SourceCase]
TITLES = ["Mixtures of Experts", "Attention, Again", "Quantization for All"]
ABSTRACT = "A paper about  one thing\u200b and another."
PROMISED_ON = SourceCase.now.date()
GARBAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


class Server:
    """Gives one body to every request."""

    def __init__(self, body: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def case_of(whole: Source, flawed: Source, garbage: Source, missing: Source) -> SourceCase:
    return SourceCase(whole, TITLES, flawed, garbage, missing)


def page(*, flawed: bool) -> bytes:
    blocks = [f"{title}\n\n{ABSTRACT}\n\n  • 3 authors\n·\nMay 1 2" for title in TITLES]
    return "\n\n".join([blocks[0], *(["Next"] if flawed else []), *blocks[1:]]).encode()


def answer(*, flawed: bool) -> bytes:
    papers: list[Any] = [
        {"paper": {"id": f"2606.0000{n}", "title": title, "summary": ABSTRACT}} for n, title in enumerate(TITLES)
    ]
    return json.dumps([papers[0], *(["junk"] if flawed else []), *papers[1:]]).encode()


def lines(*, flawed: bool) -> bytes:
    papers = [json.dumps({"title": title, "abstract": ABSTRACT}).encode() for title in TITLES]
    return b"\n".join([papers[0], *([b"junk"] if flawed else []), *papers[1:]])


def feed(*, flawed: bool) -> bytes:
    items = [
        f"<item><title>{title}</title><link>https://example.org/{n}</link><description>{ABSTRACT}</description></item>"
        for n, title in enumerate(TITLES)
    ]
    broken = ["<item><link>https://example.org/x</link></item>"] if flawed else []
    return "".join(['<rss version="2.0"><channel>', items[0], *broken, *items[1:], "</channel></rss>"]).encode()


def announced(*, flawed: bool) -> bytes:
    items = [item(n, title=title, abstract=ABSTRACT, day=PROMISED_ON) for n, title in enumerate(TITLES)]
    return rss(items[0], *(["<item>junk</item>"] if flawed else []), *items[1:], day=PROMISED_ON)


def found(*, flawed: bool) -> bytes:
    entries = [entry(n, title=title, summary=ABSTRACT) for n, title in enumerate(TITLES)]
    return results(entries[0], *(["<entry>junk</entry>"] if flawed else []), *entries[1:])


def preprints(*, flawed: bool) -> bytes:
    records: list[Any] = [
        {"doi": f"10.1101/00000{n}", "title": title, "abstract": ABSTRACT} for n, title in enumerate(TITLES)
    ]
    posted = [records[0], *(["junk"] if flawed else []), *records[1:]]
    return json.dumps({"messages": [{"status": "ok"}], "collection": posted}).encode()


def bibtex(*, flawed: bool) -> bytes:
    entries = [f"@misc{{k{n}, title={{{title}}}, abstract={{{ABSTRACT}}}}}" for n, title in enumerate(TITLES)]
    return "\n".join([entries[0], *(["@misc{k, title={never closed"] if flawed else []), *entries[1:]]).encode()


def ris(*, flawed: bool) -> bytes:
    records = [f"TY  - JOUR\nTI  - {title}\nAB  - {ABSTRACT}\nER  - " for title in TITLES]
    return "\n".join([records[0], *(["TY  - JOUR\nER  - "] if flawed else []), *records[1:]]).encode()


def table(*, flawed: bool) -> bytes:
    rows = [f'"{title}","{ABSTRACT}"' for title in TITLES]
    return "\n".join(["Title,Abstract", rows[0], *(['"",no title'] if flawed else []), *rows[1:]]).encode()


def of_files(
    folder: Path, make: Callable[[Path], Source], content: Callable[..., bytes], ending: str = ""
) -> SourceCase:
    (folder / f"whole{ending}").write_bytes(content(flawed=False))
    (folder / f"flawed{ending}").write_bytes(content(flawed=True))
    (folder / f"garbage{ending}").write_bytes(GARBAGE)
    return case_of(*(make(folder / f"{name}{ending}") for name in ("whole", "flawed", "garbage", "missing")))


def of_memory() -> SourceCase:
    papers = [Paper(key=title_key(title), title=title, abstract="A paper.", source="list") for title in TITLES]
    return case_of(
        ListSource(papers),
        ListSource([papers[0], SkippedEntry("entry 2", "junk"), *papers[1:]]),
        ListSource(error=SourceFormatError("list", "no list")),
        ListSource(error=SourceUnavailable("list", "gone")),
    )


def served(client: PoliteClient, make: Callable[[PoliteClient, str], Source], answer: Callable[..., bytes]) -> Sources:
    servers = [Server(body) for body in (answer(flawed=False), answer(flawed=True), GARBAGE, b"")]
    servers[-1].close()
    yield case_of(*(make(client, server.url) for server in servers))
    for server in servers[:-1]:
        server.close()


@pytest.fixture(scope="module")
def client() -> Iterator[PoliteClient]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None)) as client:
        yield client


@pytest.fixture(scope="module")
def hugging_face(client: PoliteClient) -> Sources:
    yield from served(client, lambda client, url: HuggingFaceSource(client, url=url), answer)


@pytest.fixture(scope="module")
def arxiv(client: PoliteClient) -> Sources:
    yield from served(client, lambda client, url: ArxivSource(client, ["cs.LG"], feeds=url, oai=url), announced)


@pytest.fixture(scope="module")
def arxiv_query(client: PoliteClient) -> Sources:
    yield from served(client, lambda client, url: ArxivQuerySource(client, ["cs.LG"], "all:experts", url=url), found)


@pytest.fixture(scope="module")
def biorxiv(client: PoliteClient) -> Sources:
    yield from served(client, lambda client, url: BiorxivSource(client, url=url.rstrip("/")), preprints)


@pytest.fixture(scope="module")
def live_feed(client: PoliteClient) -> Sources:
    yield from served(client, FeedSource, feed)


FILES = {
    "page": (PageSource, page, ""),
    "saved huggingface": (SavedHuggingFaceSource, answer, ""),
    "jsonl": (JsonlSource, lines, ""),
    "files: jsonl": (FilesSource, lines, ".jsonl"),
    "files: bibtex": (FilesSource, bibtex, ".bib"),
    "files: ris": (FilesSource, ris, ".ris"),
    "files: csv": (FilesSource, table, ".csv"),
}


@pytest.fixture(params=[*FILES, "list", "hugging_face", "live_feed", "arxiv", "arxiv_query", "biorxiv"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> SourceCase:
    """Each implementation in turn."""
    if request.param in FILES:
        return of_files(tmp_path, *FILES[request.param])
    if request.param == "list":
        return of_memory()
    served: SourceCase = request.getfixturevalue(request.param)
    return served


class TestEverySource(SourceContract):
    """The promises, over each."""
