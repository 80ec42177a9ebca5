"""bioRxiv and medRxiv: versions, pages, days, and answers that are none."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import NOON, asked
from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import Covered, Gap, Paper, Quiet, Revision, SkippedEntry
from digestmail.newsletter.collect import collect
from digestmail.newsletter.run import run
from digestmail.protocols import Entry
from digestmail.sources.biorxiv import BiorxivSource
from digestmail.sources.fetching import PoliteClient
from digestmail.storage.store import Store
from newsletters import newsletter, subscription
from replay import Asked, ReplayServer, Reply

TODAY = date(2026, 7, 1)
YESTERDAY = date(2026, 6, 30)


def record(number: int = 1, /, **facts: Any) -> dict[str, Any]:
    """One version as the server tells it; keywords replace what it says."""
    return {
        "doi": f"10.1101/2026.06.30.{number:06}",
        "title": f"Preprint {number}",
        "authors": "Naka, A.; Shababo, B.",
        "author_corresponding": "Alexander Naka",
        "author_corresponding_institution": "UC Berkeley",
        "date": "2026-06-30",
        "version": "1",
        "type": "new results",
        "category": "neuroscience",
        "abstract": "We look at neurons.",
        "published": "NA",
        "server": "biorxiv",
    } | facts


def page(records: list[Any], **message: Any) -> Reply:
    said = {"status": "ok", "count": str(len(records)), "total": "1"} | message
    return Reply(json.dumps({"messages": [said], "collection": records}).encode())


NO_POSTS = Reply(b'{"messages":[{"status":"no posts found"}],"collection":[]}')


class Api:
    """Answers by day and cursor, ``size`` records a page."""

    def __init__(self, web: ReplayServer, size: int = 30) -> None:
        self.days: dict[date, list[Any] | Reply] = {}
        self.asked: list[tuple[str, int]] = []
        self.url = f"{web.url}/details"
        self._size = size
        for server in ("biorxiv", "medrxiv"):
            for back in range(15):
                for cursor in range(10):
                    day = TODAY + timedelta(days=5 - back)
                    web.routes[f"/details/{server}/{day}/{day}/{cursor}/json"] = self._answer

    def _answer(self, asked: Asked) -> Reply:
        _, _, _, first, last, cursor, _ = asked.path.split("/")
        assert first == last
        self.asked.append((first, int(cursor)))
        records = self.days.get(date.fromisoformat(first), [])
        if isinstance(records, Reply):
            return records
        part = records[int(cursor) : int(cursor) + self._size]
        return page(part, total=len(records)) if part else NO_POSTS


@pytest.fixture
def web() -> Iterator[ReplayServer]:
    with ReplayServer() as server:
        yield server


@pytest.fixture
def api(web: ReplayServer) -> Api:
    return Api(web)


@pytest.fixture(scope="module")
def client() -> Iterator[PoliteClient]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None)) as ready:
        yield ready


@pytest.fixture
def read(api: Api, client: PoliteClient) -> Callable[..., list[Entry]]:
    """What is made of the records of yesterday."""

    def reader(*records: Any, **source: Any) -> list[Entry]:
        api.days = {YESTERDAY: [*records]}
        entries = BiorxivSource(client, url=api.url, **source).fetch(asked(TODAY))
        return [entry for entry in entries if not isinstance(entry, Covered)]

    return reader


Read = Callable[..., list[Entry]]

# One record


def test_a_first_version_is_a_paper_with_everything_the_record_says(read: Read) -> None:
    given_record = record(
        doi="10.64898/2026.06.22.733686",
        title="A <i>new</i> look\n at cells &amp; genes",
        authors="Naka, A.; van der Berg, J. P.; Smith, J., Jr.; The Cell Consortium; ",
        date="2026-6-30",
        version=1,
    )
    assert read(given_record) == [
        Paper(
            key="doi:10.64898/2026.06.22.733686",
            title="A new look at cells & genes",
            abstract="We look at neurons.",
            authors=("A. Naka", "J. P. van der Berg", "J. Smith Jr.", "The Cell Consortium"),
            organization="UC Berkeley",
            categories=("neuroscience",),
            doi="10.64898/2026.06.22.733686",
            version=1,
            published=YESTERDAY,
            listed=YESTERDAY,
            url="https://www.biorxiv.org/content/10.64898/2026.06.22.733686v1",
            source="biorxiv",
        )
    ]


def test_the_real_record_is_read(
    shared_data: Callable[[str], Path], web: ReplayServer, client: PoliteClient, api: Api
) -> None:
    answer = shared_data("biorxiv/paperview_details_record_2018-10-30.json").read_bytes()
    web.on(f"/details/biorxiv/{YESTERDAY}/{YESTERDAY}/0/json", answer)
    found = [each for each in BiorxivSource(client, url=api.url).fetch(asked(TODAY)) if isinstance(each, Paper)]
    assert [(each.key, each.doi, each.authors[-1]) for each in found] == [
        ("doi:10.1101/456574", "10.7554/elife.43696", "H. Adesnik")
    ]
    assert (found[0].published, found[0].version, found[0].withdrawn) == (date(2018, 10, 30), 1, False)


def test_a_later_version_alone_is_news_of_a_known_work(read: Read) -> None:
    [revision] = read(record(version="3", title="Better"))
    assert isinstance(revision, Revision)
    assert (revision.paper.version, revision.paper.title, revision.paper.listed) == (3, "Better", None)
    assert str(revision.paper.url).endswith("v3")


def test_versions_of_one_day_are_one_paper_in_its_newest(read: Read) -> None:
    later = record(version="2", title="Better", date="2026-07-01")
    [paper] = read(later, record(), record())
    assert isinstance(paper, Paper)
    assert (paper.version, paper.title, paper.published, paper.listed) == (2, "Better", YESTERDAY, YESTERDAY)


@pytest.mark.parametrize(
    ("facts", "title"),
    [
        ({"title": "WITHDRAWN: On cells"}, "On cells"),
        ({"title": "[Withdrawn] On cells"}, "On cells"),
        ({"title": "On cells", "abstract": "The authors have withdrawn this manuscript because …"}, "On cells"),
        ({"title": "On cells", "abstract": "Withdrawal Statement The authors have …"}, "On cells"),
        ({"title": "On cells", "abstract": "WITHDRAWN: an error"}, "On cells"),
        ({"title": "On cells", "abstract": "This article has been withdrawn."}, "On cells"),
        ({"title": "On cells", "type": "withdrawn"}, "On cells"),
    ],
)
def test_what_was_taken_back_is_known_by_its_notice(read: Read, facts: dict[str, str], title: str) -> None:
    [revision] = read(record(version="2", **facts))
    assert isinstance(revision, Revision)
    assert (revision.paper.withdrawn, revision.paper.title) == (True, title)


@pytest.mark.parametrize(
    "facts",
    [{"title": "Withdrawn mice learn slowly"}, {"abstract": "Withdrawn patients were asked. The authors say why."}],
)
def test_a_paper_about_withdrawal_was_not_taken_back(read: Read, facts: dict[str, str]) -> None:
    [paper] = read(record(**facts))
    assert isinstance(paper, Paper)
    assert not paper.withdrawn
    assert paper.title in ("Preprint 1", facts.get("title"))


def test_only_the_categories_that_were_asked_for_come_in(read: Read) -> None:
    records = [
        record(1),
        record(2, category="Cancer Biology"),
        record(3, category=None),
        record(4, category="ecology", version=2),
    ]
    found = read(*records, categories=["NEUROSCIENCE", "cancer_biology"])
    assert [each.title for each in found if isinstance(each, Paper)] == ["Preprint 1", "Preprint 2"]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("broken", "where", "why"),
    [
        (None, "2026-06-30 record 2", "null instead of an object"),
        ([], "2026-06-30 record 2", "an array instead of an object"),
        (record(doi="nothing"), "2026-06-30 record 2", "no DOI"),
        (record(2, title=" … "), "2026-06-30 record 2 (10.1101/2026.06.30.000002)", "no title"),
    ],
)
def test_a_broken_record_is_named_and_its_neighbours_are_kept(read: Read, broken: Any, where: str, why: str) -> None:
    entries = read(record(1), broken, record(3))
    assert SkippedEntry(where, why) in entries
    assert [each.title for each in entries if isinstance(each, Paper)] == ["Preprint 1", "Preprint 3"]


@pytest.mark.parametrize("junk", [None, 7, "text", [], {}, -1, "9" * 5000, "2026-02-30", True])
def test_a_field_of_another_type_does_not_cost_the_preprint(read: Read, junk: object) -> None:
    facts = dict.fromkeys(["authors", "author_corresponding_institution", "date", "version", "type", "abstract"], junk)
    [paper] = read(record(**facts | {"published": junk, "category": junk}))
    assert isinstance(paper, Paper | Revision)


# Pages and days


@pytest.mark.parametrize("size", [1, 2, 30, 100])
def test_pages_go_on_after_what_came_until_one_is_empty(web: ReplayServer, client: PoliteClient, size: int) -> None:
    api = Api(web, size)
    api.days = {YESTERDAY: [record(number) for number in range(5)]}
    found = [each for each in BiorxivSource(client, url=api.url).fetch(asked(TODAY)) if isinstance(each, Paper)]
    assert len({each.key for each in found}) == 5
    cursors = [cursor for day, cursor in api.asked if day == str(YESTERDAY)]
    assert cursors == [*range(0, 5, size), 5]


@pytest.mark.parametrize("message", [{"count": 100, "total": "0"}, {"count": "30", "total": 9999}, {"total": None}])
def test_totals_that_do_not_add_up_lose_nothing(
    web: ReplayServer, client: PoliteClient, api: Api, message: dict[str, Any]
) -> None:
    route = f"/details/biorxiv/{YESTERDAY}/{YESTERDAY}"
    web.on(f"{route}/0/json", page([record(1), record(2)], **message))
    web.on(f"{route}/2/json", page([record(3)], **message))
    web.on(f"{route}/3/json", NO_POSTS)
    found = [each.title for each in BiorxivSource(client, url=api.url).fetch(asked(TODAY)) if isinstance(each, Paper)]
    assert found == ["Preprint 1", "Preprint 2", "Preprint 3"]


def test_a_server_that_ignores_the_cursor_is_asked_twice(web: ReplayServer, client: PoliteClient, api: Api) -> None:
    for cursor in (0, 1):
        web.on(f"/details/biorxiv/{YESTERDAY}/{YESTERDAY}/{cursor}/json", page([record(1)]))
    found = list(BiorxivSource(client, url=api.url).fetch(asked(TODAY)))
    assert len([each for each in found if isinstance(each, Paper)]) == 1


def test_the_first_time_yesterday_and_today_are_read(api: Api, client: PoliteClient) -> None:
    api.days = {YESTERDAY: [record(1)]}
    source = BiorxivSource(client, url=api.url)
    entries = list(source.fetch(asked(TODAY, refresh=date(2026, 6, 24))))
    assert [day for day, cursor in api.asked if not cursor] == ["2026-06-30", "2026-07-01"]
    assert entries[-1] == Covered(YESTERDAY)


def test_missed_days_are_asked_for_and_the_one_before_them(api: Api, client: PoliteClient) -> None:
    api.days = {date(2026, 6, 27): [record(1)], TODAY: [record(2)]}
    entries = list(BiorxivSource(client, url=api.url).fetch(asked(TODAY, since=date(2026, 6, 28))))
    days = [day for day, cursor in api.asked if not cursor]
    assert days == [f"2026-06-{day}" for day in (27, 28, 29, 30)] + ["2026-07-01"]
    assert entries[-1] == Covered(TODAY)  # a day without posts is covered by a later one with some


def test_a_day_without_posts_covers_nothing_until_there_are_some(api: Api, client: PoliteClient) -> None:
    api.days = {date(2026, 6, 27): [record(1)]}
    entries = list(BiorxivSource(client, url=api.url).fetch(asked(TODAY, since=date(2026, 6, 28))))
    assert entries[-1] == Covered(date(2026, 6, 27))
    api.days = {}
    assert list(BiorxivSource(client, url=api.url).fetch(asked(TODAY))) == []


def test_the_other_server_has_its_own_name_and_pages(api: Api, client: PoliteClient) -> None:
    api.days = {YESTERDAY: [record(1, server="medrxiv")]}
    source = BiorxivSource(client, "medrxiv", url=api.url)
    [paper] = [each for each in source.fetch(asked(TODAY)) if isinstance(each, Paper)]
    assert (source.name, paper.source) == ("medrxiv", "medrxiv")
    assert paper.url == "https://www.medrxiv.org/content/10.1101/2026.06.30.000001v1"


@pytest.mark.parametrize(
    ("now", "stale"),
    [
        (datetime(2026, 7, 1, 12, tzinfo=UTC), False),  # of today nothing is there yet
        (datetime(2026, 7, 2, 2, tzinfo=UTC), False),  # in New York it is still the first of July
        (datetime(2026, 7, 2, 12, tzinfo=UTC), True),
    ],
)
def test_a_day_is_not_missed_before_it_is_nearly_over_in_new_york(
    api: Api, client: PoliteClient, store: Store, now: datetime, *, stale: bool
) -> None:
    api.days = {YESTERDAY: [record(1)]}
    house = newsletter(store, BiorxivSource(client, url=api.url))
    collect(house, datetime(2026, 7, 1, 12, tzinfo=UTC))
    [collected] = collect(house, now)
    assert collected.answer.stale is stale
    assert collected.fetched.quiet is (Quiet.STALE if stale else Quiet.KNOWN)


# Answers that are none


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"<html>Just a moment...", "2026-06-30: not JSON: Expecting value"),
        (b"", "2026-06-30: not JSON"),
        (b'{"messages":[{"status":"ok"}],"coll', "2026-06-30: not JSON: Unterminated"),
        (b"[" * 200_000, "2026-06-30: JSON nested too deeply"),
        (b'{"collection": [' + b"9" * 5000 + b"]}", "2026-06-30: not JSON: Exceeds the limit"),
        (b"[]", "2026-06-30: an array without a 'collection'"),
        (b'{"messages":[],"collection":[]}', "2026-06-30: an object without a 'collection'"),
        (b'{"messages":[{"status":"Error: bad date"}]}', "2026-06-30: the server says 'error: bad date'"),
        (b'{"collection":["x", 2]}', "2026-06-30: none of 2 records is a preprint; the first one: a string"),
    ],
)
def test_a_bad_day_is_a_gap_and_does_not_cost_the_good_one(
    api: Api, client: PoliteClient, answer: bytes, why: str
) -> None:
    api.days = {YESTERDAY: Reply(answer), TODAY: [record(2)]}
    found: list[Entry] = []
    with pytest.raises(SourceFormatError) as caught:
        found.extend(BiorxivSource(client, url=api.url).fetch(asked(TODAY)))
    assert str(caught.value).startswith(f"biorxiv: {why}")
    gap, paper = found
    assert isinstance(gap, Gap)
    assert (gap.first, gap.last, gap.lost, gap.why) == (YESTERDAY, YESTERDAY, False, caught.value.why)
    assert isinstance(paper, Paper)


def test_a_bad_page_does_not_cost_the_pages_before_it(web: ReplayServer, api: Api, client: PoliteClient) -> None:
    api.days = {YESTERDAY: [record(1)]}
    web.on(f"/details/biorxiv/{YESTERDAY}/{YESTERDAY}/1/json", b"<html>")
    found: list[Entry] = []
    with pytest.raises(SourceFormatError):
        found.extend(BiorxivSource(client, url=api.url).fetch(asked(TODAY)))
    assert [type(each) for each in found] == [Paper, Gap]


@pytest.mark.parametrize(
    ("reply", "retry_after"),
    [
        (Reply(status=429), None),
        (Reply(status=429, headers={"Retry-After": "600"}), timedelta(minutes=10)),
        (Reply(status=503), None),
        (Reply(b'{"collection":[]}', cut=5), None),
    ],
)
def test_a_server_that_refuses_ends_the_fetch_and_keeps_what_came(
    api: Api, client: PoliteClient, reply: Reply, retry_after: timedelta | None
) -> None:
    api.days = {YESTERDAY: [record(1)], TODAY: reply}
    found: list[Entry] = []
    with pytest.raises(SourceUnavailable) as caught:
        found.extend(BiorxivSource(client, url=api.url).fetch(asked(TODAY)))
    assert [type(each) for each in found] == [Paper]
    assert caught.value.retry_after == retry_after
    assert "\n" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["10.1101/1", "2026-6-3"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["collection", "messages", "status", *record()]), inner, max_size=6)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=99) | json_values | st.fixed_dictionaries({"collection": st.lists(json_values, max_size=3)}))
def test_any_answer_gives_entries_or_a_source_error(web: ReplayServer, client: PoliteClient, answer: Any) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    api = Api(web)
    api.days = {YESTERDAY: Reply(body)}
    good = page([record(1)])
    web.on(f"/details/biorxiv/{TODAY}/{TODAY}/0/json", good)
    found: list[Entry] = []
    try:
        found.extend(BiorxivSource(client, url=api.url).fetch(asked(TODAY)))
    except SourceError as error:
        assert "\n" not in str(error)  # noqa: PT017 - no error is as good as one
    assert "Preprint 1" in [each.title for each in found if isinstance(each, Paper)]


# One work through its life


def test_a_publication_is_told_once_and_the_work_stays_one(
    api: Api, client: PoliteClient, store: Store, tmp_path: Path
) -> None:
    key, published = "doi:10.1101/2026.06.30.000001", "10.7554/elife.43696"
    house = newsletter(
        store, BiorxivSource(client, url=api.url), subscriptions=[subscription(keywords=["preprint", "neurons"])]
    )
    api.days = {YESTERDAY: [record(1)]}
    assert len(run(house).issues[0].papers) == 1
    api.days = {
        date(2026, 7, 2): [record(1, version="2", published="10.7554/eLife.43696")],
        date(2026, 7, 3): [record(1, version="3", published="NA")],  # their own list lags behind now and then
        date(2026, 7, 4): [record(1, version="4", published="10.7554/eLife.43696")],
    }
    for day in range(2, 6):
        collect(house, datetime(2026, 7, day, 12, tzinfo=UTC))
    [work] = store.corpus.newest()
    assert (work.key, work.doi, work.version) == (key, published, 4)
    assert store.corpus.find(f"doi:{published}") == store.corpus.find(key) == work
    assert store.corpus.add([Paper(key=f"doi:{published}", title="As eLife calls it")], NOON) == 0
    with closing(sqlite3.connect(tmp_path / "digestmail.db")) as database:
        told = database.execute("SELECT kind, before, after FROM change").fetchall()
    assert told == [("published", key.removeprefix("doi:"), published)]
