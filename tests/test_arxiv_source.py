"""arXiv day by day: feeds, days that were missed, quiet days, and servers that fail. No test leaves the machine."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arxiv_answers import TUESDAY, deleted, item, oai, oai_error, record, rss
from builders import asked
from digestmail.calendars import ARXIV
from digestmail.config import load_config
from digestmail.errors import SourceError, SourceFormatError, SourceUnavailable
from digestmail.model import Covered, Gap, Paper, Quiet, Revision, Validators
from digestmail.newsletter.collect import collect
from digestmail.protocols import Entry
from digestmail.sources.arxiv.daily import ArxivSource
from digestmail.sources.arxiv.searching import ArxivQuerySource
from digestmail.sources.fetching import PoliteClient
from digestmail.storage.store import Store
from digestmail.wiring import open_newsletter
from newsletters import newsletter
from replay import Asked, ReplayServer, Reply

MONDAY = TUESDAY - timedelta(days=1)
FRIDAY = date(2026, 6, 26)
SATURDAY = date(2026, 6, 27)


@pytest.fixture(scope="module")
def client() -> Iterator[PoliteClient]:
    with closing(PoliteClient("papers@example.org", sleep=lambda _: None)) as ready:
        yield ready


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as running:
        yield running


class Arxiv:
    """arXiv on loopback, and the source that asks it."""

    def __init__(self, server: ReplayServer, client: PoliteClient) -> None:
        self.server = server
        self.client = client
        self.harvest(b"")

    def feed(self, category: str, *replies: Reply | bytes) -> None:
        """What the feed of a category answers, in order."""
        self.server.on(f"/rss/{category}", *replies)

    def harvest(self, *replies: Reply | bytes) -> None:
        """What OAI-PMH answers, in order, whatever is asked."""
        self.server.on("/oai", *(reply or oai() for reply in replies))

    def source(self, *categories: str, **facts: Any) -> ArxivSource:
        return ArxivSource(
            self.client,
            categories or ("cs.LG", "cs.CL"),
            feeds=f"{self.server.url}/rss",
            oai=f"{self.server.url}/oai",
            **facts,
        )

    def harvested(self) -> list[dict[str, str]]:
        """What OAI-PMH was asked."""
        return [dict(request.query) for request in self.server.asked if request.path == "/oai"]


@pytest.fixture
def arxiv(server: ReplayServer, client: PoliteClient) -> Arxiv:
    return Arxiv(server, client)


def papers(entries: list[Entry]) -> list[str]:
    return [entry.key.removeprefix("arxiv:2606.") for entry in entries if isinstance(entry, Paper)]


def revisions(entries: list[Entry]) -> list[str]:
    return [entry.paper.key.removeprefix("arxiv:2606.") for entry in entries if isinstance(entry, Revision)]


def gaps(entries: list[Entry]) -> list[str]:
    assert not any(entry.lost for entry in entries if isinstance(entry, Gap))
    return [str(entry) for entry in entries if isinstance(entry, Gap)]


def covered(entries: list[Entry]) -> list[date]:
    return [entry.through for entry in entries if isinstance(entry, Covered)]


def test_the_configuration_decides_between_feeds_and_a_search(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "newsletter: {name: X, from: papers@example.org}\n"
        "sources:\n"
        "  - {kind: arxiv, categories: [cs.lg], announce: [new, replace]}\n"
        "  - {kind: arxiv, categories: [cs.lg], query: 'au:Dao_T', name: Dao}\n"
    )
    with open_newsletter(load_config(file, {})) as opened:
        daily, search = opened.sources
    assert isinstance(daily, ArxivSource)
    assert isinstance(search, ArxivQuerySource)
    assert (daily.name, search.name) == ("arxiv", "Dao")
    assert daily.calendar is search.calendar is ARXIV


# One day


def test_each_category_is_asked_for_by_itself_and_a_work_is_one_paper(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss(item(1), item(2, kind="cross"), item(3, kind="cross")))
    arxiv.feed("cs.CL", rss(item(2, kind="new"), item(3, kind="cross"), item(4)))
    found = list(arxiv.source("cs.LG", "cs.CL", "cs.LG").fetch(asked(TUESDAY)))
    assert sorted(papers(found)) == ["00001", "00002", "00003", "00004"]
    assert [request.path for request in arxiv.server.asked] == ["/rss/cs.LG", "/rss/cs.CL"]
    assert covered(found) == [TUESDAY]
    assert not gaps(found)


def test_new_wins_over_cross_in_whichever_feed_it_stands(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss(item(1, kind="cross"), item(2, kind="new")))
    arxiv.feed("cs.CL", rss(item(1, kind="new"), item(2, kind="cross")))
    found = list(arxiv.source(announce=["new"]).fetch(asked(TUESDAY)))
    assert sorted(papers(found)) == ["00001", "00002"]


def test_replacements_are_revisions_unless_they_are_asked_for(arxiv: Arxiv) -> None:
    kinds = ["new", "cross", "replace", "replace-cross", "absonly"]
    arxiv.feed("cs.LG", rss(*(item(number, kind=kind, version=2) for number, kind in enumerate(kinds))))
    found = list(arxiv.source("cs.LG").fetch(asked(TUESDAY)))
    assert (papers(found), revisions(found)) == (["00000", "00001"], ["00002", "00003", "00004"])
    assert [entry.paper.version for entry in found if isinstance(entry, Revision)] == [2, 2, 2]
    found = list(arxiv.source("cs.LG", announce=["new", "replace"]).fetch(asked(TUESDAY)))
    assert (papers(found), revisions(found)) == (["00000", "00002", "00003"], ["00001", "00004"])


def test_the_validators_of_each_feed_come_after_the_papers(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", Reply(rss(item(1)), etag='"a"'))
    found = list(arxiv.source("cs.LG").fetch(asked(TUESDAY)))
    url = f"{arxiv.server.url}/rss/cs.LG"
    assert found[1:] == [Validators(url, '"a"'), Covered(TUESDAY)]


def test_a_feed_that_has_not_changed_yields_nothing(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", Reply(rss(item(1)), etag='"a"'))
    url = f"{arxiv.server.url}/rss/cs.LG"
    known = {url: Validators(url, '"a"')}
    inquiry = asked(TUESDAY, since=TUESDAY + timedelta(days=1), validators=known)
    assert list(arxiv.source("cs.LG").fetch(inquiry)) == []
    assert arxiv.server.asked[0].headers["If-None-Match"] == '"a"'


def test_feeds_are_asked_for_whole_while_something_is_missing(arxiv: Arxiv) -> None:
    """A stale feed leaves its day open: what the other feeds gave then cannot be told from "not modified"."""
    arxiv.feed("cs.LG", Reply(rss(item(1)), etag='"a"'))
    arxiv.feed("cs.CL", Reply(rss(item(2)), etag='"b"'))
    url = f"{arxiv.server.url}/rss/cs.LG"
    found = list(arxiv.source().fetch(asked(TUESDAY, since=TUESDAY, validators={url: Validators(url, '"a"')})))
    assert papers(found) == ["00001", "00002"]
    assert covered(found) == [TUESDAY]


def test_what_is_of_a_later_day_waits_for_it(arxiv: Arxiv) -> None:
    """A run for yesterday must not take today's papers, nor remember that the feed was read."""
    arxiv.feed("cs.LG", Reply(rss(item(1, day=TUESDAY), day=TUESDAY), etag='"a"'))
    found = list(arxiv.source("cs.LG").fetch(asked(MONDAY, since=MONDAY)))
    assert not papers(found)
    assert not any(isinstance(entry, Validators) for entry in found)
    assert gaps(found) == ["2026-06-29: cs.LG: the feed is already of 2026-06-30"]
    assert not covered(found)


# Quiet days and stale feeds


def test_an_empty_feed_on_a_weekend_is_as_it_should_be(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss(day=SATURDAY))
    found = list(arxiv.source("cs.LG").fetch(asked(SATURDAY, since=SATURDAY)))
    assert not gaps(found)
    assert not covered(found)
    assert not arxiv.harvested()


@pytest.mark.parametrize("day", [date(2026, 6, 19), date(2026, 6, 22), date(2026, 11, 26), date(2026, 11, 27)])
def test_an_empty_feed_on_a_holiday_or_the_day_after_is_no_error(arxiv: Arxiv, day: date) -> None:
    arxiv.feed("cs.LG", rss(day=day))
    assert not gaps(list(arxiv.source("cs.LG").fetch(asked(day, since=day))))


def test_a_holiday_on_which_something_is_announced_counts(arxiv: Arxiv) -> None:
    """Juneteenth 2026 was a Friday with a batch; a category without it is behind."""
    holiday = date(2026, 6, 19)
    arxiv.feed("cs.LG", rss(item(1, day=holiday), day=holiday))
    found = list(arxiv.source("cs.LG").fetch(asked(holiday, since=holiday)))
    assert (papers(found), covered(found)) == (["00001"], [holiday])
    arxiv.feed("cs.CL", rss(day=holiday))
    found = list(arxiv.source().fetch(asked(holiday, since=holiday)))
    assert gaps(found) == ["2026-06-19: cs.CL: the feed is empty"]
    assert not covered(found)


def test_an_empty_feed_on_a_working_day_covers_nothing(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss())
    found = list(arxiv.source("cs.LG").fetch(asked(TUESDAY, since=TUESDAY)))
    assert gaps(found) == ["2026-06-30: cs.LG: the feed is empty"]
    assert not covered(found)


def test_a_feed_that_is_stale_for_one_category_is_named(arxiv: Arxiv) -> None:
    """https://github.com/ZJU-REAL/Polaris/issues/414"""
    arxiv.feed("cs.LG", rss(item(1)))
    arxiv.feed("cs.CL", rss(item(2, day=MONDAY), day=TUESDAY))
    found = list(arxiv.source().fetch(asked(TUESDAY, since=TUESDAY)))
    assert papers(found) == ["00001", "00002"]
    assert gaps(found) == ["2026-06-30: cs.CL: the feed is still of 2026-06-29"]
    assert not covered(found)


def test_at_the_first_contact_the_oldest_feed_says_what_is_covered(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss(item(1)))
    arxiv.feed("cs.CL", rss(item(2, day=FRIDAY)))
    found = list(arxiv.source().fetch(asked(TUESDAY)))
    assert covered(found) == [FRIDAY]
    assert not arxiv.harvested()


def test_a_feed_at_the_limit_of_the_server_leaves_its_day_open(arxiv: Arxiv) -> None:
    arxiv.feed("math", rss(*(item(number, kind="replace", version=2) for number in range(2000))))
    found = list(arxiv.source("math").fetch(asked(TUESDAY, since=TUESDAY)))
    assert gaps(found) == ["2026-06-30: math: the feed is cut at 2,000 entries"]
    assert not covered(found)


def test_a_feed_that_breaks_off_gives_what_it_has_and_leaves_its_day_open(arxiv: Arxiv) -> None:
    whole = rss(item(1), item(2))
    arxiv.feed("cs.LG", Reply(whole[: whole.index(b"2606.00002")], etag='"a"'))
    found = list(arxiv.source("cs.LG").fetch(asked(TUESDAY, since=TUESDAY)))
    assert papers(found) == ["00001"]
    assert gaps(found)[0].startswith("2026-06-30: cs.LG: not XML: ")
    assert not covered(found)
    assert not any(isinstance(entry, Validators) for entry in found)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-06-30T03:59:59+00:00", "2026-06-29"),  # still Monday in New York
        ("2026-06-30T04:00:00+00:00", "2026-06-30"),
        ("2026-01-06T04:59:59+00:00", "2026-01-05"),  # winter time
        ("2026-01-06T05:00:00+00:00", "2026-01-06"),
    ],
)
def test_the_day_of_arxiv_begins_at_midnight_in_new_york(now: str, day: str) -> None:
    assert ARXIV.day(datetime.fromisoformat(now)) == date.fromisoformat(day)
    assert ARXIV.latest(datetime.fromisoformat(now)) == date.fromisoformat(day)


def test_the_calendar_knows_the_holidays_of_2026_and_the_days_after_them() -> None:
    listed = "01-01 01-19 06-19 07-03 09-07 11-26 12-25 12-29 12-31"
    after = "01-02 01-20 06-22 07-06 09-08 11-27 12-28 12-30"
    quiet = {date.fromisoformat(f"2026-{day}") for day in f"{listed} {after}".split()}
    assert {day for day in ARXIV.holidays if day.year == 2026} == quiet
    assert ARXIV.quiet(date(2026, 6, 19)) is Quiet.HOLIDAY
    assert ARXIV.quiet(SATURDAY) is Quiet.WEEKEND
    assert ARXIV.quiet(TUESDAY) is None


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2027-01-18", Quiet.HOLIDAY),
        ("2027-06-18", Quiet.HOLIDAY),  # Juneteenth is a Saturday
        ("2027-07-05", Quiet.HOLIDAY),  # Independence Day is a Sunday
        ("2027-07-07", None),
        ("2027-11-25", Quiet.HOLIDAY),
        ("2027-11-26", Quiet.HOLIDAY),  # the day after
        ("2027-11-30", None),
        ("2025-12-31", Quiet.HOLIDAY),  # nothing was announced on the evening of the 30th
    ],
)
def test_holidays_of_other_years_follow_the_rules(day: str, why: Quiet | None) -> None:
    assert ARXIV.quiet(date.fromisoformat(day)) is why


# Missed days


def test_missed_days_are_asked_of_oai_pmh_per_category(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss(item(9)))
    arxiv.feed("cs.CL", rss(item(8)))
    arxiv.harvest(
        oai(record(1, stamp=MONDAY, versions=[datetime(2026, 6, 26, 15, tzinfo=UTC)]), deleted(7), record(9)),
        oai(record(1, stamp=MONDAY), record(2, categories="cs.CL cs.LG")),
    )
    found = list(arxiv.source().fetch(asked(TUESDAY, since=FRIDAY)))
    assert papers(found) == ["00009", "00008", "00001", "00002"]
    assert revisions(found) == ["00009"]  # the feed brought it, and OAI-PMH knows when it was submitted
    common = {"verb": "ListRecords", "metadataPrefix": "arXivRaw", "from": "2026-06-26"}
    assert arxiv.harvested() == [common | {"set": "cs:cs:LG"}, common | {"set": "cs:cs:CL"}]
    assert [entry.listed for entry in found if isinstance(entry, Paper)] == [TUESDAY, TUESDAY, MONDAY, TUESDAY]
    assert (covered(found), gaps(found)) == ([TUESDAY], [])


def test_a_weekend_between_two_batches_is_not_missed(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss(item(1, day=MONDAY), day=MONDAY))
    found = list(arxiv.source("cs.LG").fetch(asked(MONDAY, since=SATURDAY)))
    assert covered(found) == [MONDAY]
    assert not arxiv.harvested()


def test_a_holiday_that_was_slept_through_is_asked_for_because_nobody_knows(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss(item(1, day=date(2026, 6, 23))))
    list(arxiv.source("cs.LG").fetch(asked(date(2026, 6, 23), since=date(2026, 6, 19))))
    assert [query["from"] for query in arxiv.harvested()] == ["2026-06-19"]


def test_a_paper_of_a_missed_day_that_is_replaced_today_is_still_a_paper(arxiv: Arxiv) -> None:
    versions = [datetime(2026, 6, 26, 15, tzinfo=UTC), datetime(2026, 6, 29, 15, tzinfo=UTC)]
    arxiv.feed("cs.LG", rss(item(1, kind="replace", version=2)))
    arxiv.harvest(oai(record(1, versions=versions)))
    found = list(arxiv.source("cs.LG").fetch(asked(TUESDAY, since=MONDAY)))
    assert (papers(found), revisions(found)) == (["00001"], ["00001"])
    assert [entry.listed for entry in found if isinstance(entry, Paper)] == [MONDAY]


def test_a_revision_leaves_the_day_of_the_announcement_alone(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss(item(1, kind="replace", version=2), item(2)))
    found = list(arxiv.source("cs.LG").fetch(asked(TUESDAY)))
    assert [entry.paper.listed for entry in found if isinstance(entry, Revision)] == [None]


def test_only_what_was_announced_is_a_paper(arxiv: Arxiv) -> None:
    old = datetime(2024, 3, 6, 15, tzinfo=UTC)
    new = datetime(2026, 6, 26, 15, tzinfo=UTC)
    arxiv.feed("cs.LG", rss(item(9)))
    arxiv.harvest(oai(record(1, versions=[old]), record(2, versions=[old, new]), record(3, versions=[new])))
    found = list(arxiv.source("cs.LG").fetch(asked(TUESDAY, since=MONDAY)))
    assert (papers(found), revisions(found)) == (["00009", "00003"], ["00001", "00002"])
    found = list(arxiv.source("cs.LG", announce=["replace"]).fetch(asked(TUESDAY, since=MONDAY)))
    assert (papers(found), revisions(found)) == (["00002"], ["00009", "00001", "00003"])


@pytest.mark.parametrize(
    "token", ["496549|1001", "from%3D2026-06-26%26set%3Dcs%253Acs%253ALG%26skip%3D2000", "a b&c=d+e/f"]
)
def test_pages_follow_their_tokens_which_come_back_as_they_were(arxiv: Arxiv, token: str) -> None:
    arxiv.feed("cs.LG", rss(item(9)))
    arxiv.harvest(oai(record(1), token=token), oai(record(2), token=""))
    found = list(arxiv.source("cs.LG").fetch(asked(TUESDAY, since=MONDAY)))
    assert papers(found) == ["00009", "00001", "00002"]
    assert arxiv.harvested()[1] == {"verb": "ListRecords", "resumptionToken": token}
    assert covered(found) == [TUESDAY]


def test_a_token_that_has_expired_begins_again_once(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss(item(9)))
    bad = oai_error("badResumptionToken", "expired")
    arxiv.harvest(oai(record(1), token="x"), bad, oai(record(1), token="y"), oai(record(2)))
    found = list(arxiv.source("cs.LG").fetch(asked(TUESDAY, since=MONDAY)))
    assert set(papers(found)) == {"00009", "00001", "00002"}
    assert (covered(found), gaps(found)) == ([TUESDAY], [])


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([Reply(status=503)], "503 Service Unavailable"),
        ([Reply(b"Rate exceeded.", status=429)], "429 Too Many Requests"),
        ([b"<html/>"], "cs.LG page 1: <html> instead of <OAI-PMH>"),
        ([oai_error("badArgument", "no such set")], "cs.LG page 1: badArgument no such set"),
        ([oai(record(1), token="x"), oai_error("badResumptionToken")] * 2, "cs.LG page 4: badResumptionToken"),
        ([oai(record(1), token="x")] * 2, "cs.LG page 2: the same resumption token again"),
        ([oai(record(1), record(2))[:-800]], "cs.LG page 1: not XML"),
    ],
)
def test_a_back_fill_that_fails_is_a_gap_and_costs_todays_papers_nothing(
    arxiv: Arxiv, answers: list[Reply | bytes], why: str
) -> None:
    arxiv.feed("cs.LG", rss(item(9)))
    arxiv.harvest(*answers)
    found = list(arxiv.source("cs.LG").fetch(asked(TUESDAY, since=FRIDAY)))
    assert "00009" in papers(found)
    assert gaps(found)[0].startswith(f"2026-06-26 to 2026-06-29: cs.LG: {why}")
    assert not covered(found)  # the next run asks for the same days again


def test_a_server_that_does_not_answer_is_not_asked_for_the_other_categories(arxiv: Arxiv) -> None:
    for category in ("cs.LG", "cs.CL"):
        arxiv.feed(category, rss(item(1)))
    arxiv.harvest(Reply(status=503))
    found = list(arxiv.source().fetch(asked(TUESDAY, since=MONDAY)))
    assert len(gaps(found)) == 1
    assert {query["set"] for query in arxiv.harvested()} == {"cs:cs:LG"}


def test_a_day_that_was_stale_is_filled_in_the_next_day(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", rss(day=TUESDAY))
    first = list(arxiv.source("cs.LG").fetch(asked(TUESDAY, since=TUESDAY)))
    assert not covered(first)
    following = TUESDAY + timedelta(days=1)
    arxiv.feed("cs.LG", rss(item(2, day=following), day=following))
    arxiv.harvest(oai(record(1)))
    found = list(arxiv.source("cs.LG").fetch(asked(following, since=TUESDAY)))
    assert papers(found) == ["00002", "00001"]
    assert covered(found) == [following]


# Servers that fail


@pytest.mark.parametrize(
    ("reply", "error", "why"),
    [
        (Reply(status=503), SourceUnavailable, "503 Service Unavailable"),
        (Reply(b"Rate exceeded.", status=429), SourceUnavailable, "429 Too Many Requests"),
        (Reply(status=404), SourceFormatError, "404 Not Found"),
        (Reply(rss(title="Feed error for query: x"), status=400), SourceFormatError, "400 Bad Request"),
        (Reply(rss(title="Feed error for query: x", text="Bad 'cs.XX'")), SourceFormatError, "cs.XX: arXiv says"),
        (Reply(b"<html></html>"), SourceFormatError, "cs.XX: <html> instead of <rss> or <feed>"),
        (Reply(b"x" * 20_000_001), SourceFormatError, "more than 20 MB"),
    ],
)
def test_a_category_that_fails_does_not_cost_the_others(
    arxiv: Arxiv, reply: Reply, error: type[SourceError], why: str
) -> None:
    arxiv.feed("cs.XX", reply)
    arxiv.feed("cs.LG", rss(item(1)))
    found: list[Entry] = []
    with pytest.raises(error, match=f"^arxiv: {why}") as caught:
        found.extend(arxiv.source("cs.XX", "cs.LG").fetch(asked(TUESDAY, since=MONDAY)))
    assert "cs.XX" in str(caught.value) or "20 MB" in str(caught.value)
    assert papers(found) == ["00001"]
    assert not covered(found)
    assert not arxiv.harvested()


def test_after_two_feeds_without_an_answer_no_other_is_asked(arxiv: Arxiv) -> None:
    categories = ("cs.LG", "cs.CL", "cs.AI", "cs.IR")
    for category in categories:
        arxiv.feed(category, Reply(status=503))
    with pytest.raises(SourceUnavailable):
        list(arxiv.source(*categories).fetch(asked(TUESDAY)))
    assert {request.path for request in arxiv.server.asked} == {"/rss/cs.LG", "/rss/cs.CL"}


def test_a_server_that_asks_for_a_rest_gets_it(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", Reply(status=429, headers={"Retry-After": "600"}))
    arxiv.feed("cs.CL", rss(item(1)))
    with pytest.raises(SourceUnavailable) as caught:
        list(arxiv.source().fetch(asked(TUESDAY)))
    assert caught.value.retry_after == timedelta(minutes=10)
    assert [request.path for request in arxiv.server.asked] == ["/rss/cs.LG"]


def test_a_server_that_is_busy_for_a_moment_costs_nothing(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", Reply(status=429, headers={"Retry-After": "1"}), Reply(status=503), rss(item(1)))
    assert papers(list(arxiv.source("cs.LG").fetch(asked(TUESDAY)))) == ["00001"]


def test_redirects_are_followed(arxiv: Arxiv) -> None:
    arxiv.server.on("/new/rss", rss(item(1)))
    arxiv.feed("cs.LG", Reply(status=301, headers={"Location": "/new/rss"}))
    assert papers(list(arxiv.source("cs.LG").fetch(asked(TUESDAY)))) == ["00001"]


def test_an_answer_that_is_cut_off_is_asked_for_again(arxiv: Arxiv) -> None:
    arxiv.feed("cs.LG", Reply(rss(item(1)), cut=700), rss(item(1)))
    assert papers(list(arxiv.source("cs.LG").fetch(asked(TUESDAY)))) == ["00001"]


def test_requests_to_arxiv_are_three_seconds_apart_over_all_its_services(server: ReplayServer) -> None:
    """The hosts are told apart by name only: loopback stands for the whole domain here."""
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    with closing(
        PoliteClient("papers@example.org", intervals={"127.0.0.1": 3.0}, sleep=sleep, clock=lambda: now[0])
    ) as client:
        arxiv = Arxiv(server, client)
        times: list[float] = []

        def timed(body: bytes) -> Callable[[Asked], Reply]:
            def answer(_: Asked) -> Reply:
                times.append(now[0])
                return Reply(body)

            return answer

        server.routes["/rss/cs.LG"] = timed(rss(item(1)))
        server.routes["/rss/cs.CL"] = timed(rss(item(2)))
        server.routes["/oai"] = timed(oai(record(3)))
        list(arxiv.source().fetch(asked(TUESDAY, since=MONDAY)))
    assert len(times) == 4
    assert all(later - earlier >= 3 for earlier, later in pairwise(times))


# With the store


class World:
    """arXiv over some weeks: three papers a batch, two of them in each category; 22 June 2026 had no batch."""

    def __init__(self, server: ReplayServer) -> None:
        self.today = self.first = date(2026, 6, 15)
        #: the category whose feed stays behind today, the services that are down
        self.stale, self.down = "", set[str]()
        self.server = server
        for category in ("cs.LG", "cs.CL"):
            server.routes[f"/rss/{category}"] = self.feed
        server.routes["/oai"] = self.oai

    def batches(self, last: date) -> list[date]:
        every = (self.first + timedelta(days=number) for number in range((last - self.first).days + 1))
        return [day for day in every if day.weekday() < 5 and day != date(2026, 6, 22)]

    def ids(self, day: date, category: str = "") -> list[int]:
        """The numbers of the papers of a batch, one in both categories."""
        base = day.toordinal() % 1000 * 10
        return {"cs.LG": [base, base + 1], "cs.CL": [base + 1, base + 2]}.get(category, [base, base + 1, base + 2])

    def feed(self, request: Asked) -> Reply:
        if "feeds" in self.down:
            return Reply(status=503)
        category = request.path.rpartition("/")[2]
        day = self.batches(self.today - timedelta(days=1))[-1:] if category == self.stale else [self.today]
        items = [
            item(number, day=each) for each in day if each in self.batches(each) for number in self.ids(each, category)
        ]
        content = rss(*items, day=self.today)
        return Reply(content, etag=f'"{hash(content)}"')

    def oai(self, request: Asked) -> Reply:
        if "oai" in self.down:
            return Reply(status=503)
        category = request.query["set"].removeprefix("cs:").replace(":", ".")
        since = date.fromisoformat(request.query["from"])
        records = [
            record(
                number, stamp=day, versions=[datetime.combine(day, datetime.min.time(), tzinfo=UTC) - timedelta(days=2)]
            )
            for day in self.batches(self.today)
            if day >= since
            for number in self.ids(day, category)
        ]
        return Reply(oai(*records))

    def run(self, store: Store, source: ArxivSource) -> Any:
        """One collection at noon UTC."""
        (collected,) = collect(newsletter(store, source), asked(self.today).now)
        return collected

    def lacking(self, store: Store) -> set[str]:
        """Papers announced since the first day that the corpus does not hold."""
        announced = {f"arxiv:2606.{number:05}" for day in self.batches(self.today) for number in self.ids(day)}
        return announced - {paper.key for paper in store.corpus.newest(10_000)}


def test_ten_days_offline_are_made_up_for(arxiv: Arxiv, store: Store) -> None:
    world = World(arxiv.server)
    source = arxiv.source()
    assert world.run(store, source).new == 3
    world.today += timedelta(days=10)
    world.server.asked.clear()
    collected = world.run(store, source)
    assert not world.lacking(store)
    assert collected.fetched.covered == world.today
    assert [query["from"] for query in arxiv.harvested()] == ["2026-06-16", "2026-06-16"]
    world.server.asked.clear()
    assert world.run(store, source).new == 0
    assert [request.path for request in world.server.asked] == ["/rss/cs.LG", "/rss/cs.CL"]
    assert all("If-None-Match" in request.headers for request in world.server.asked)


def test_a_whole_archive_of_services_that_is_down_is_made_up_for_when_it_is_back(
    server: ReplayServer, client: PoliteClient, store: Store
) -> None:
    source = Arxiv(server, client).source()
    world = World(server)
    world.run(store, source)
    world.today, world.down = world.today + timedelta(days=3), {"feeds", "oai"}
    assert world.run(store, source).fetched.quiet is Quiet.DOWN
    world.today, world.down = world.today + timedelta(days=1), {"oai"}
    collected = world.run(store, source)
    assert collected.new == 3
    assert [gap.first for gap in collected.answer.gaps] == [date(2026, 6, 16)]
    world.today, world.down = world.today + timedelta(days=4), set()
    world.run(store, source)
    assert not world.lacking(store)


def test_a_quiet_weekend_is_told_from_a_stale_feed(server: ReplayServer, client: PoliteClient, store: Store) -> None:
    source = Arxiv(server, client).source()
    world = World(server)
    told = []
    for day, stale in ((15, ""), (16, "cs.LG"), (17, ""), (18, ""), (19, ""), (20, ""), (22, ""), (23, "")):
        world.today, world.stale = date(2026, 6, day), stale
        collected = world.run(store, source)
        told.append((day, collected.fetched.quiet, collected.answer.stale, len(collected.answer.gaps)))
    assert told == [
        (15, None, False, 0),
        (16, None, True, 1),  # cs.LG is behind, and cs.CL is not
        (17, None, False, 0),
        (18, None, False, 0),
        (19, None, False, 0),
        (20, Quiet.WEEKEND, False, 0),
        (22, Quiet.HOLIDAY, False, 0),
        (23, None, False, 0),
    ]
    assert not world.lacking(store)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["off", "run", "stale", "oai down", "feeds down", "all down", "twice"]), max_size=14))
def test_no_paper_is_lost_whatever_days_fail(client: PoliteClient, tmp_path_factory: Any, days: list[str]) -> None:
    """However servers fail and whenever the machine is off: two good days later, everything is there."""
    path = tmp_path_factory.mktemp("world") / "digestmail.db"
    with ReplayServer() as server, closing(Store(f"sqlite:///{path}")) as store:
        source = Arxiv(server, client).source()
        world = World(server)
        world.run(store, source)
        for what in days:
            world.today += timedelta(days=1)
            world.stale = "cs.CL" if what == "stale" else ""
            world.down = {"oai down": {"oai"}, "feeds down": {"feeds"}, "all down": {"oai", "feeds"}}.get(what, set())
            for _ in range({"off": 0, "twice": 2}.get(what, 1)):
                world.run(store, source)
        for _ in range(2):
            world.today, world.stale, world.down = world.today + timedelta(days=1), "", set()
            collected = world.run(store, source)
        assert not world.lacking(store)
        assert not collected.answer.gaps
