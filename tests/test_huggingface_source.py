"""The Daily Papers API: every era of its answers, pages, and answers that are none."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import asked
from builders import read as read_from
from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import Covered, Gap, Paper, Revision, SkippedEntry, Validators
from digestmail.newsletter.collect import collect
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.huggingface import HuggingFaceSource, SavedHuggingFaceSource
from digestmail.storage.store import Store
from newsletters import newsletter
from replay import Asked, ReplayServer, Reply

TODAY = date(2026, 7, 1)
SAMPLES = Path(__file__).parents[1] / "samples"
Read = Callable[..., list[Paper | SkippedEntry]]


def entry(number: int = 1, *, outer: dict[str, Any] | None = None, **inner: Any) -> dict[str, Any]:
    """One element of an answer; keywords replace what the inner paper says."""
    paper = {
        "id": f"2606.{number:05}",
        "title": f"Paper {number}",
        "summary": "About experts.",
        "authors": [{"name": "Ada Lovelace", "hidden": False}],
        "publishedAt": "2026-06-28T17:59:00.000Z",
        "submittedOnDailyAt": "2026-06-30T00:16:55.911Z",
        "upvotes": 7,
    }
    return {"paper": paper | inner, "title": f"Outer {number}", "numComments": 2, **(outer or {})}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read an answer saved as a file."""

    def reader(answer: Any, *, name: str = "daily.json") -> list[Paper | SkippedEntry]:
        path = tmp_path / name
        path.write_bytes(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        return read_from(SavedHuggingFaceSource(path), TODAY)

    return reader


def one(entries: list[Paper | SkippedEntry]) -> Paper:
    """The only entry, which must be a paper."""
    (found,) = entries
    assert isinstance(found, Paper)
    return found


# Saved answers


def test_every_era_of_real_answers_is_read_without_a_skipped_entry(shared_data: Callable[[str], Path]) -> None:
    files = sorted(shared_data("hf_daily_papers").glob("*.json"))
    assert len(files) >= 50
    for file in files:
        papers = read_from(SavedHuggingFaceSource(file), TODAY)
        raw = json.loads(file.read_bytes())
        assert [paper.key for paper in papers if isinstance(paper, Paper)] == [
            f"arxiv:{each['paper']['id']}" for each in raw
        ]
        for paper in papers:
            assert isinstance(paper, Paper)
            assert paper.title
            assert paper.abstract
            assert paper.authors
            assert paper.upvotes is not None
            assert paper.published
            assert paper.listed == date.fromisoformat(file.stem)


def test_mangled_real_answers_are_refused_with_what_was_found(shared_data: Callable[[str], Path]) -> None:
    for file in sorted(shared_data("hf_malformed").glob("*.json")):
        with pytest.raises(SourceFormatError) as caught:
            read_from(SavedHuggingFaceSource(file), TODAY)
        assert str(caught.value).startswith(f"huggingface:{file.name}: none of ")
        assert str(caught.value).endswith("a string instead of an object")


def test_the_sample_answer_reads_without_a_skipped_entry() -> None:
    papers = read_from(SavedHuggingFaceSource(SAMPLES / "daily-papers.json"), TODAY)
    assert [paper.key for paper in papers if isinstance(paper, Paper)] == [
        "arxiv:2401.15947",
        "arxiv:2401.04658",
        "arxiv:2505.23135",
        "arxiv:2510.02262",
    ]


def test_a_paper_carries_everything_the_answer_says(read: Read) -> None:
    organization = {"name": "openai", "fullname": "OpenAI"}
    given_entry = entry(
        title="Mixtures\n  of Experts",
        summary="First\n line.\u0000 Second\u200b line.",
        organization=organization,
        githubRepo="https://github.com/a/b",
        projectPage="https://a.example.org/",
        outer={"publishedAt": "2026-06-27T13:59:00.000Z", "summary": "outer"},
    )
    assert one(read([given_entry])) == Paper(
        key="arxiv:2606.00001",
        title="Mixtures of Experts",
        abstract="First line. Second line.",
        authors=("Ada Lovelace",),
        organization="OpenAI",
        published=date(2026, 6, 28),
        listed=date(2026, 6, 30),
        upvotes=7,
        comments=2,
        url="https://huggingface.co/papers/2606.00001",
        code_url="https://github.com/a/b",
        project_url="https://a.example.org/",
        source="huggingface:daily.json",
    )


def test_the_outer_publication_date_is_never_used(read: Read) -> None:
    assert one(read([entry(publishedAt=None, outer={"publishedAt": "2026-06-28T13:59:00.000Z"})])).published is None


def test_hidden_authors_stay_hidden_and_repeated_ones_are_named_once(read: Read) -> None:
    people = [
        {"name": "Ada  Lovelace"},
        {"name": "Shy", "hidden": True},
        {"name": "Alan Turing", "hidden": False},
        {"name": "Ada Lovelace"},
        {"name": None},
        {"name": "  "},
        "Grace Hopper",
    ]
    assert one(read([entry(authors=people)])).authors == ("Ada Lovelace", "Alan Turing")


@pytest.mark.parametrize(
    ("name", "submitted", "listed"),
    [
        ("2024-05-27.json", None, date(2024, 5, 27)),
        ("hf-2024-05-27-saved.json", None, date(2024, 5, 27)),
        ("2024-05-27.json", "2024-05-26T10:00:00Z", date(2024, 5, 26)),
        ("2024-05-27.json", "2024-05-26T22:00:00-05:00", date(2024, 5, 27)),
        ("2024-99-27.json", None, None),
        ("daily.json", "yesterday", None),
    ],
)
def test_the_listing_day_is_the_one_of_the_entry_else_of_the_file_name(
    read: Read, name: str, submitted: str | None, listed: date | None
) -> None:
    assert one(read([entry(submittedOnDailyAt=submitted)], name=name)).listed == listed


def test_the_outer_object_fills_in_for_the_inner_one(read: Read) -> None:
    outer = {"title": "Outer", "summary": "Outer text.", "organization": {"name": "lab"}}
    paper = one(read([entry(title=None, summary=7, outer=outer)]))
    assert (paper.title, paper.abstract, paper.organization) == ("Outer", "Outer text.", "lab")


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "github.com/a/b", "ftp://x.org/", "https://", "http://[", "https://x.org/a b", 7, ""],
)
def test_only_links_to_the_web_are_kept(read: Read, link: object) -> None:
    paper = one(read([entry(githubRepo=link, projectPage=link)]))
    assert (paper.code_url, paper.project_url) == (None, None)


def test_a_link_as_long_as_a_page_is_dropped(read: Read) -> None:
    assert one(read([entry(githubRepo="https://x.org/" + "a" * 2000)])).code_url is None


@pytest.mark.parametrize("number", [-1, 2**31, 10**300, 1.5, float("nan"), True, "7", None, [], {}])
def test_a_count_that_is_none_is_unknown(read: Read, number: object) -> None:
    paper = one(read([entry(upvotes=number, outer={"numComments": number})]))
    assert (paper.upvotes, paper.comments) == (None, None)


@pytest.mark.parametrize("junk", [None, 7, "text", [], {}, [None], [[]], {"name": 7}])
def test_a_field_of_another_type_does_not_cost_the_paper(read: Read, junk: object) -> None:
    fields = ["summary", "authors", "publishedAt", "submittedOnDailyAt", "upvotes", "organization", "githubRepo"]
    inner: dict[str, Any] = dict.fromkeys(fields, junk)
    paper = one(read([entry(outer={"organization": junk, "numComments": junk}, **inner)]))
    assert paper.title == "Paper 1"
    assert paper.authors == ()
    assert paper.published is None


def test_lone_surrogates_and_odd_bytes_cost_only_themselves(read: Read) -> None:
    answer = json.dumps([entry(title="Half \ud83d a face")]).encode().replace(b"Ada", b"\xffda")
    paper = one(read(b"\xef\xbb\xbf" + answer))
    assert (paper.title, paper.authors) == ("Half a face", ("\ufffdda Lovelace",))


def test_an_id_with_a_version_names_the_same_work(read: Read) -> None:
    paper = one(read([entry(id=" 2606.00001v3 ")]))
    assert (paper.key, paper.url) == ("arxiv:2606.00001", "https://huggingface.co/papers/2606.00001")


def test_an_unknown_kind_of_id_does_not_cost_the_paper(read: Read) -> None:
    paper = one(read([entry(id="what?/<x>")]))
    assert paper.key.startswith("title:")
    assert paper.url == "https://huggingface.co/papers/what%3F/%3Cx%3E"


@pytest.mark.parametrize(
    ("broken", "where", "why"),
    [
        ("{'paper': {}}", "2024-12-11.json entry 2", "a string instead of an object"),
        (None, "2024-12-11.json entry 2", "null instead of an object"),
        ({"title": "x"}, "2024-12-11.json entry 2", "'paper' is null instead of an object"),
        ({"paper": []}, "2024-12-11.json entry 2", "'paper' is an array instead of an object"),
        (entry(id=None), "2024-12-11.json entry 2", "no 'paper.id'"),
        (entry(id=" "), "2024-12-11.json entry 2", "no 'paper.id'"),
        (entry(2, title=None, outer={"title": None}), "2024-12-11.json entry 2 (2606.00002)", "no title"),
        (entry(2, title="…", outer={"title": " "}), "2024-12-11.json entry 2 (2606.00002)", "no title"),
    ],
)
def test_a_broken_entry_is_named_and_its_neighbours_are_kept(read: Read, broken: object, where: str, why: str) -> None:
    entries = read([entry(1), broken, entry(3)], name="2024-12-11.json")
    assert entries[1] == SkippedEntry(where, why)
    assert [each.key for each in entries if isinstance(each, Paper)] == ["arxiv:2606.00001", "arxiv:2606.00003"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "not JSON: Expecting value"),
        (b"<!doctype html><title>502</title>", "not JSON: Expecting value"),
        (b"\x89PNG\0", "not JSON: Expecting value"),
        (b'[{"paper": {"id": "2606.0', "not JSON: Unterminated string"),
        (b"[" * 200_000, "JSON nested too deeply"),
        (b'[{"paper": {"upvotes": ' + b"9" * 5000 + b"}}]", "not JSON: Exceeds the limit"),
        (b'{"error": "Invalid date"}', "an object instead of an array of papers"),
        (b"7", "a number instead of an array of papers"),
        (b"[1, 2]", "none of 2 entries is a paper; the first one: a number instead of an object"),
        (b"[true]", "none of 1 entries is a paper; the first one: a boolean instead of an object"),
    ],
)
def test_an_answer_that_is_none_is_refused_with_what_was_found(read: Read, answer: bytes, why: str) -> None:
    with pytest.raises(SourceFormatError) as caught:
        read(answer)
    assert str(caught.value).startswith(f"huggingface:daily.json: {why}")


def test_an_error_names_the_file_when_the_source_has_another_name(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(SourceFormatError, match=r"^mine: x.json: an object instead"):
        read_from(SavedHuggingFaceSource(tmp_path / "x.json", name="mine"), TODAY)


def test_an_empty_list_is_a_weekend(read: Read) -> None:
    assert read([]) == []


def test_a_missing_file_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"^huggingface:gone.json: cannot read .*: No such file or directory$"):
        read_from(SavedHuggingFaceSource(tmp_path / "gone.json"), TODAY)


def test_a_file_of_more_than_20_mb_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "big.json").open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(SourceFormatError, match=r"big.json is larger than 20 MB"):
        read_from(SavedHuggingFaceSource(tmp_path / "big.json"), TODAY)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["2606.00001", "2026-06-30"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["paper", "id", "title", "summary", "authors", "name", "publishedAt", "organization"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)
surrogates = st.characters(categories=["Cs"])


@given(
    st.lists(st.fixed_dictionaries({"paper": json_values | st.fixed_dictionaries({"title": surrogates})})) | json_values
)
def test_any_json_gives_entries_or_a_source_error(answer: Any) -> None:
    check_any(json.dumps(answer).encode())


@given(st.binary(max_size=200))
def test_any_bytes_give_entries_or_a_source_error(answer: bytes) -> None:
    check_any(answer)


def check_any(answer: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "2026-06-30.json")
        path.write_bytes(answer)
        try:
            entries = read_from(SavedHuggingFaceSource(path), TODAY)
        except SourceError as error:
            assert "\n" not in str(error)  # noqa: PT017 - no error is as good as one
        else:
            for each in entries:
                if isinstance(each, Paper):
                    each.title.encode()
                    assert each.key


# The live API


class Api:
    """Answers by date and page like the real one, on loopback."""

    def __init__(self) -> None:
        self.days: dict[str, list[Any] | bytes] = {}
        self.asked: list[dict[str, str]] = []
        self.pages = True
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                api.asked.append(query)
                body = api.answer(query)
                self.send_response(200 if body is not None else 400)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/api/daily_papers"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, query: dict[str, str]) -> bytes | None:
        """The body, or None for a refusal."""
        entries = self.days.get(query["date"], [])
        if isinstance(entries, bytes):
            return entries or None
        start = int(query["p"]) * int(query["limit"]) if self.pages else 0
        return json.dumps(entries[start : start + int(query["limit"])]).encode()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture(scope="module")
def client() -> Iterator[PoliteClient]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None)) as ready:
        yield ready


@pytest.fixture
def api() -> Iterator[Api]:
    with closing(Api()) as running:
        yield running


def test_the_last_days_are_asked_for_oldest_first(api: Api, client: PoliteClient) -> None:
    api.days = {"2026-06-30": [entry(1)], "2026-07-01": [entry(2)]}
    papers = read_from(HuggingFaceSource(client, url=api.url), TODAY)
    assert [paper.key for paper in papers if isinstance(paper, Paper)] == ["arxiv:2606.00001", "arxiv:2606.00002"]
    assert api.asked == [
        {"date": "2026-06-30", "limit": "100", "p": "0"},
        {"date": "2026-07-01", "limit": "100", "p": "0"},
    ]


def test_an_entry_without_a_listing_day_gets_the_requested_one(api: Api, client: PoliteClient) -> None:
    api.days = {"2026-07-01": [entry(submittedOnDailyAt=None)]}
    assert one(read_from(HuggingFaceSource(client, url=api.url), TODAY)).listed == TODAY


@pytest.mark.parametrize(("papers", "requests"), [(0, 1), (1, 1), (2, 2), (5, 3), (6, 4)])
def test_a_day_is_read_page_by_page_until_one_is_short(
    api: Api, client: PoliteClient, papers: int, requests: int
) -> None:
    api.days = {"2026-07-01": [entry(number) for number in range(papers)]}
    found = read_from(HuggingFaceSource(client, days=1, limit=2, url=api.url), TODAY)
    assert len(found) == papers
    assert [query["p"] for query in api.asked] == [str(page) for page in range(requests)]


def test_a_server_that_ignores_pages_is_asked_twice_at_most(api: Api, client: PoliteClient) -> None:
    api.pages = False
    api.days = {"2026-07-01": [entry(1), entry(2), "junk"]}
    found = read_from(HuggingFaceSource(client, days=1, limit=3, url=api.url), TODAY)
    assert len(found) == 3
    assert len(api.asked) == 2


def test_a_day_without_end_is_left_after_twenty_pages(api: Api, client: PoliteClient) -> None:
    api.days = {"2026-07-01": [entry(number) for number in range(30)]}
    assert len(read_from(HuggingFaceSource(client, days=1, limit=1, url=api.url), TODAY)) == 20


def test_a_skipped_entry_is_numbered_across_pages(api: Api, client: PoliteClient) -> None:
    api.days = {"2026-07-01": [entry(1), entry(2), entry(3), "junk"]}
    found = read_from(HuggingFaceSource(client, days=1, limit=2, url=api.url), TODAY)
    assert found[-1] == SkippedEntry("2026-07-01 entry 4", "a string instead of an object")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"<html>", "2026-06-30: not JSON"),
        (b"", "400 Bad Request from http://127"),
        (b'["x"]', "2026-06-30: none of 1"),
    ],
)
def test_a_bad_day_does_not_cost_the_good_one(api: Api, client: PoliteClient, answer: bytes, why: str) -> None:
    api.days = {"2026-06-30": answer, "2026-07-01": [entry(2)]}
    found: list[object] = []
    source = HuggingFaceSource(client, url=api.url)
    with pytest.raises(SourceFormatError, match=f"^huggingface: {why}"):
        found.extend(source.fetch(asked(TODAY)))
    assert [each.key for each in found if isinstance(each, Paper)] == ["arxiv:2606.00002"]


def test_a_server_that_is_gone_is_not_asked_for_the_other_days(client: PoliteClient) -> None:
    with closing(Api()) as gone:
        url = gone.url
    with pytest.raises(SourceUnavailable, match=r"^huggingface: cannot reach .*: Connection refused"):
        read_from(HuggingFaceSource(client, days=30, url=url), TODAY)


# Days that were missed, and days that have not changed


@pytest.fixture
def web() -> Iterator[ReplayServer]:
    with ReplayServer() as server:
        yield server


def lists(web: ReplayServer, **days: list[Any] | Reply) -> str:
    """Give each day (``d0630``) its list with an entity tag of its content, other days an empty one."""

    def route(asked: Asked) -> Reply:
        day = asked.query["date"]
        entries = days.get(f"d{day[5:7]}{day[8:]}", [])
        if isinstance(entries, Reply):
            return entries
        start, size = int(asked.query["p"]) * int(asked.query["limit"]), int(asked.query["limit"])
        body = json.dumps(entries[start : start + size]).encode()
        return Reply(body, etag=f'"{hash(body)}"')

    web.routes["/daily"] = route
    return f"{web.url}/daily"


def days_asked(web: ReplayServer) -> list[str]:
    return [one.query["date"][5:] for one in web.asked]


def test_missed_days_are_asked_for_from_the_one_before_that_may_have_been_read_while_it_filled(
    web: ReplayServer, client: PoliteClient
) -> None:
    source = HuggingFaceSource(client, url=lists(web, d0624=[entry(1)], d0701=[entry(2)]))
    entries = list(source.fetch(asked(TODAY, since=date(2026, 6, 25), refresh=date(2026, 6, 30))))
    assert days_asked(web) == ["06-24", "06-25", "06-26", "06-27", "06-28", "06-29", "06-30", "07-01"]
    assert [each.key for each in entries if isinstance(each, Paper)] == ["arxiv:2606.00001", "arxiv:2606.00002"]
    assert entries[-1] == Covered(TODAY)


def test_days_whose_papers_may_still_be_sent_are_asked_again_for_their_votes_alone(
    web: ReplayServer, client: PoliteClient
) -> None:
    source = HuggingFaceSource(client, url=lists(web, d0628=[entry(1)], d0630=[entry(2)], d0701=[entry(3)]))
    entries = list(source.fetch(asked(TODAY, since=TODAY, refresh=date(2026, 6, 28))))
    assert days_asked(web) == ["06-28", "06-29", "06-30", "07-01"]
    assert [each.paper.key for each in entries if isinstance(each, Revision)] == ["arxiv:2606.00001"]
    assert [each.key for each in entries if isinstance(each, Paper)] == ["arxiv:2606.00002", "arxiv:2606.00003"]


def test_the_second_run_does_not_bring_the_week_before_the_first(
    web: ReplayServer, client: PoliteClient, store: Store
) -> None:
    days: dict[str, list[Any] | Reply] = {f"d06{day}": [entry(day, upvotes=day)] for day in range(22, 31)}
    house = newsletter(store, HuggingFaceSource(client, url=lists(web, **days)))
    collect(house, datetime(2026, 6, 30, 12, tzinfo=UTC))
    lists(web, **days | {"d0630": [entry(30, upvotes=99)], "d0701": [entry(31)]})
    [second] = collect(house, datetime(2026, 7, 1, 12, tzinfo=UTC))
    assert (second.new, store.corpus.count()) == (1, 3)
    known = store.corpus.find("arxiv:2606.00030")
    assert known is not None
    assert known.upvotes == 99


def test_the_first_time_on_a_sunday_friday_is_read(web: ReplayServer, client: PoliteClient) -> None:
    source = HuggingFaceSource(client, url=lists(web, d0626=[entry(1)]))
    found = read_from(source, date(2026, 6, 28), refresh=date(2026, 6, 21))
    assert days_asked(web) == ["06-26", "06-27", "06-28"]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("today", "covered"),
    [
        ([], date(2026, 6, 30)),  # the list is not there yet
        ([entry(1)], TODAY),
    ],
)
def test_an_empty_list_counts_only_when_its_day_is_over(
    web: ReplayServer, client: PoliteClient, today: list[Any], covered: date
) -> None:
    source = HuggingFaceSource(client, url=lists(web, d0701=today))
    assert list(source.fetch(asked(TODAY)))[-1] == Covered(covered)


def test_a_day_that_failed_is_a_gap_that_later_days_do_not_cover(web: ReplayServer, client: PoliteClient) -> None:
    source = HuggingFaceSource(
        client, url=lists(web, d0629=[entry(1)], d0630=Reply(b"<html>", status=200), d0701=[entry(2)])
    )
    found: list[object] = []
    with pytest.raises(SourceFormatError, match=r"^huggingface: 2026-06-30: not JSON"):
        found.extend(source.fetch(asked(TODAY, since=date(2026, 6, 30))))
    gaps = [each for each in found if isinstance(each, Gap)]
    assert [(gap.first, gap.last, gap.lost) for gap in gaps] == [(date(2026, 6, 30), date(2026, 6, 30), False)]
    assert gaps[0].why.startswith("2026-06-30: not JSON")
    assert [each.key for each in found if isinstance(each, Paper)] == ["arxiv:2606.00001", "arxiv:2606.00002"]
    assert [each for each in found if isinstance(each, Covered)] == [Covered(date(2026, 6, 29))]


def test_a_list_that_has_not_changed_is_not_sent_again_and_still_covers_its_day(
    web: ReplayServer, client: PoliteClient, store: Store
) -> None:
    source = HuggingFaceSource(client, url=lists(web, d0630=[entry(1)], d0701=[entry(2)]))
    house, now = newsletter(store, source), datetime(2026, 7, 1, 12, tzinfo=UTC)
    [first] = collect(house, now)
    web.asked.clear()
    [again] = collect(house, now)
    conditional = [one.query["date"] for one in web.asked if "If-None-Match" in one.headers]
    assert conditional == ["2026-06-30", "2026-07-01"]
    assert (first.new, first.fetched.covered) == (2, TODAY)
    assert (len(again.answer.papers), again.new, again.fetched.covered) == (0, 0, TODAY)


def test_a_full_page_is_never_conditional_so_that_the_pages_after_it_are_asked_for(
    web: ReplayServer, client: PoliteClient
) -> None:
    papers = [entry(number) for number in range(3)]
    source = HuggingFaceSource(client, days=1, limit=2, url=lists(web, d0701=papers))
    marks = [each for each in source.fetch(asked(TODAY)) if isinstance(each, Validators)]
    assert [mark.address.rpartition("p=")[2] for mark in marks] == ["1"]
    web.asked.clear()
    again = list(source.fetch(asked(TODAY, validators={mark.address: mark for mark in marks})))
    assert len([each for each in again if isinstance(each, Paper)]) == 2
    assert [("p", one.query["p"], "If-None-Match" in one.headers) for one in web.asked] == [
        ("p", "0", False),
        ("p", "1", True),
    ]


def test_after_an_outage_of_a_week_every_paper_is_there_and_votes_are_the_newest(
    web: ReplayServer, client: PoliteClient, store: Store
) -> None:
    start = datetime(2026, 7, 1, 12, tzinfo=UTC)
    days: dict[str, list[Any] | Reply] = {"d0701": [entry(1, upvotes=3)]}
    house = newsletter(store, HuggingFaceSource(client, url=lists(web, **days)))
    collect(house, start)
    days |= {f"d07{day:02}": [entry(day)] for day in (3, 6, 7, 8, 9)}
    lists(web, **days | {"d0701": [entry(1, upvotes=90), entry(2)]})
    [after] = collect(house, start + timedelta(days=8))
    assert (after.new, store.corpus.count()) == (6, 7)
    kept = store.corpus.find("arxiv:2606.00001")
    assert kept is not None
    assert kept.upvotes == 90


@pytest.mark.parametrize(
    ("reply", "asks_again"),
    [
        (Reply(status=429, headers={"Retry-After": "120"}), timedelta(minutes=2)),
        (Reply(status=429), None),
        (Reply(b"[]" * 50, cut=7), None),
    ],
)
def test_a_server_that_refuses_ends_the_fetch_and_covers_nothing(
    web: ReplayServer, client: PoliteClient, store: Store, reply: Reply, asks_again: timedelta | None
) -> None:
    house = newsletter(store, HuggingFaceSource(client, url=lists(web, d0630=[entry(1)], d0701=reply)))
    now = datetime(2026, 7, 1, 12, tzinfo=UTC)
    [collected] = collect(house, now)
    assert isinstance(collected.answer.error, SourceUnavailable)
    assert (collected.new, collected.fetched.covered) == (1, None)
    assert collected.answer.retry_at == (asks_again and now + asks_again)


@pytest.mark.parametrize(("hour", "stale"), [(3, False), (14, True)])
def test_nobody_is_told_of_a_missing_list_before_noon(
    web: ReplayServer, client: PoliteClient, store: Store, hour: int, *, stale: bool
) -> None:
    house = newsletter(store, HuggingFaceSource(client, url=lists(web, d0630=[entry(1)])))
    [collected] = collect(house, datetime(2026, 7, 1, hour, tzinfo=UTC))
    assert collected.answer.stale is stale
