"""What every source promises (`digestmail.protocols.Source`), run over every implementation."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from builders import asked
from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.model import Paper, SkippedEntry
from digestmail.protocols import Source
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.files.jsonl import JsonlSource
from digestmail.sources.huggingface import HuggingFaceSource, SavedHuggingFaceSource
from digestmail.sources.page import PageSource
from digestmail.testing import ListSource
from digestmail.text.identity import title_key

TODAY = date(2026, 7, 1)
TITLES = ["Mixtures of Experts", "Attention, Again", "Quantization for All"]
ABSTRACT = "A paper about  one thing\u200b and another."
GARBAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@dataclass(frozen=True)
class Case:
    """One implementation in the states that the promises are about. ``whole`` and ``flawed`` hold the three TITLES."""

    whole: Source
    #: with one entry that cannot be read, between good ones
    flawed: Source
    garbage: Source
    missing: Source


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


def of_files(folder: Path, make: Callable[[Path], Source], content: Callable[..., bytes]) -> Case:
    (folder / "whole").write_bytes(content(flawed=False))
    (folder / "flawed").write_bytes(content(flawed=True))
    (folder / "garbage").write_bytes(GARBAGE)
    return Case(*(make(folder / name) for name in ("whole", "flawed", "garbage", "missing")))


def of_memory() -> Case:
    papers = [Paper(key=title_key(title), title=title, abstract="A paper.", source="list") for title in TITLES]
    return Case(
        ListSource(papers),
        ListSource([papers[0], SkippedEntry("entry 2", "junk"), *papers[1:]]),
        ListSource(error=SourceFormatError("list", "no list")),
        ListSource(error=SourceUnavailable("list", "gone")),
    )


@pytest.fixture(scope="module")
def live() -> Iterator[Case]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None)) as client:
        servers = [Server(body) for body in (answer(flawed=False), answer(flawed=True), GARBAGE, b"")]
        servers[-1].close()
        yield Case(*(HuggingFaceSource(client, url=server.url) for server in servers))
        for server in servers[:-1]:
            server.close()


@pytest.fixture(params=["page", "huggingface", "saved huggingface", "jsonl", "list"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    """Each implementation in turn."""
    match request.param:
        case "page":
            return of_files(tmp_path, PageSource, page)
        case "saved huggingface":
            return of_files(tmp_path, SavedHuggingFaceSource, answer)
        case "jsonl":
            return of_files(tmp_path, JsonlSource, lines)
        case "list":
            return of_memory()
        case _:
            live: Case = request.getfixturevalue("live")
            return live


def papers_of(source: Source) -> list[Paper]:
    """Each paper once: repeats are harmless."""
    found = [entry for entry in source.fetch(asked(TODAY)) if isinstance(entry, Paper)]
    return list({paper.key: paper for paper in found}.values())


def test_papers_have_a_key_a_title_and_the_name_of_their_source(case: Case) -> None:
    papers = papers_of(case.whole)
    assert [paper.title for paper in papers] == TITLES
    for paper in papers:
        assert paper.key.partition(":")[0] in ("arxiv", "doi", "title")
        assert paper.source == case.whole.name != ""


def test_a_whole_source_skips_nothing(case: Case) -> None:
    assert all(isinstance(entry, Paper) for entry in case.whole.fetch(asked(TODAY)))


def test_text_comes_in_clean_and_links_lead_to_the_web(case: Case) -> None:
    for paper in papers_of(case.whole):
        assert paper.abstract in ("A paper about one thing and another.", "A paper.")
        assert all(link is None or link.startswith("https://") for link in (paper.url, paper.code_url))


def test_the_corpus_does_not_have_the_paper_yet(case: Case) -> None:
    for paper in papers_of(case.whole):
        assert paper.first_seen is None
        assert not paper.sample


def test_fetching_twice_gives_the_same(case: Case) -> None:
    assert list(case.flawed.fetch(asked(TODAY))) == list(case.flawed.fetch(asked(TODAY)))


def test_a_broken_entry_is_named_and_costs_the_others_nothing(case: Case) -> None:
    assert [paper.title for paper in papers_of(case.flawed)] == TITLES
    skipped = {entry for entry in case.flawed.fetch(asked(TODAY)) if isinstance(entry, SkippedEntry)}
    assert skipped
    assert all(entry.where and entry.why and "\n" not in str(entry) for entry in skipped)


def test_a_source_that_is_not_there_says_so_in_one_line(case: Case) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        list(case.missing.fetch(asked(TODAY)))
    assert caught.value.source == case.missing.name
    assert "\n" not in str(caught.value)


def test_garbage_is_an_error_and_no_quiet_day(case: Case) -> None:
    with pytest.raises(SourceFormatError) as caught:
        list(case.garbage.fetch(asked(TODAY)))
    assert caught.value.source == case.garbage.name
    assert "\n" not in str(caught.value)


def test_nothing_is_read_before_someone_asks(case: Case) -> None:
    papers = case.missing.fetch(asked(TODAY))
    assert case.missing.name
    with pytest.raises(SourceUnavailable):
        next(papers)
