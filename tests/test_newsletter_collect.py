"""Collecting."""

from datetime import UTC, date, datetime, timedelta

import pytest

from builders import NOON, TODAY, paper, papers
from digestmail.calendars import WORKDAYS, Calendar
from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.model import Covered, Quiet, Revision, SkippedEntry, Validators
from digestmail.newsletter.collect import ask_sources, collect, store_answers
from digestmail.protocols import Entry
from digestmail.storage.store import Store
from digestmail.testing import ListSource
from newsletters import newsletter


def down(name: str = "down") -> ListSource:
    return ListSource(name=name, error=SourceUnavailable(name, "connection refused"))


def test_papers_of_all_sources_reach_the_corpus(store: Store) -> None:
    collected = collect(newsletter(store, ListSource([paper("A")], name="a"), ListSource([paper("B")], name="b")), NOON)
    assert [(one.answer.source, one.new) for one in collected] == [("a", 1), ("b", 1)]
    assert {(one.title, one.source) for one in store.corpus.newest()} == {("A", "a"), ("B", "b")}


def test_a_source_that_fails_costs_only_its_own_papers(store: Store) -> None:
    collected = collect(newsletter(store, down(), ListSource([paper("A")])), NOON)
    assert [one.answer.answered for one in collected] == [False, True]
    assert store.corpus.count() == 1


def test_what_a_source_gave_before_it_failed_is_kept(store: Store) -> None:
    broken = ListSource([paper("A")], error=SourceFormatError("list", "page 2 is HTML"))
    [collected] = collect(newsletter(store, broken), NOON)
    assert collected.answer.answered
    assert str(collected.answer.error) == "list: page 2 is HTML"
    assert store.corpus.count() == 1


def test_a_malformed_entry_is_named_and_the_rest_is_kept(store: Store) -> None:
    source = ListSource([paper("A"), SkippedEntry("page.txt:12", "no abstract"), paper("B")])
    [collected] = collect(newsletter(store, source), NOON)
    assert [str(skipped) for skipped in collected.answer.skipped] == ["page.txt:12: no abstract"]
    assert store.corpus.count() == 2


def test_tex_is_stored_as_text_and_the_addresses_of_the_abstract_with_it(store: Store) -> None:
    facts = {"abstract": "On $5 data.\nCode: https://github.com/ann/tool.", "authors": (r"Andr\'e", "Bo")}
    collect(newsletter(store, ListSource([paper(r"$\ell_1$ \& 5\%", **facts)])), NOON)
    [stored] = store.corpus.newest()
    assert (stored.title, stored.authors) == ("ℓ₁ & 5%", ("André", "Bo"))
    assert (stored.abstract, stored.code_url) == (
        "On $5 data. Code: https://github.com/ann/tool.",
        "https://github.com/ann/tool",
    )


def test_an_address_that_the_source_gives_is_kept(store: Store) -> None:
    facts = {"abstract": "Code: https://github.com/ann/tool.", "code_url": "https://github.com/ann/own"}
    collect(newsletter(store, ListSource([paper("A", **facts)])), NOON)
    assert store.corpus.newest()[0].code_url == "https://github.com/ann/own"


def test_a_paper_stored_in_tex_becomes_text_when_a_source_brings_it_again(store: Store) -> None:
    in_tex = paper(r"Mem$^{\rm 3}$", abstract=r"By 5\%.", authors=(r"Andr\'e",))
    store.corpus.add([in_tex], NOON)
    [collected] = collect(newsletter(store, ListSource([in_tex])), NOON)
    [stored] = store.corpus.newest()
    assert (collected.new, stored.title, stored.abstract, stored.authors) == (0, "Mem³", "By 5%.", ("André",))


def test_the_fallback_is_read_when_no_source_answers_and_its_papers_are_samples(store: Store) -> None:
    collect(newsletter(store, down("a"), down("b"), fallbacks=[ListSource([paper("Sample")])]), NOON)
    assert [(one.title, one.sample) for one in store.corpus.newest()] == [("Sample", True)]


def test_the_fallback_is_not_read_when_one_source_answers_even_with_nothing(store: Store) -> None:
    collect(newsletter(store, down(), ListSource([]), fallbacks=[ListSource([paper("Sample")])]), NOON)
    assert store.corpus.count() == 0


def test_an_outage_never_brings_samples_to_readers_who_had_live_papers(store: Store) -> None:
    collect(newsletter(store, ListSource([paper("Live")])), NOON)
    collect(newsletter(store, down(), fallbacks=[ListSource([paper("Sample")])]), NOON)
    assert [one.title for one in store.corpus.newest()] == ["Live"]


def test_each_answer_is_on_record(store: Store) -> None:
    collect(newsletter(store, down(), ListSource(papers(3), name="good")), NOON)
    bad, good = store.fetches.latest()
    assert (bad.source, bad.error, bad.announced) == ("down", "connection refused", 0)
    assert (good.source, good.error, good.announced, good.new) == ("good", "", 3, 3)


def test_a_source_is_asked_for_what_is_not_known_and_for_news_of_what_may_still_be_sent(store: Store) -> None:
    source = ListSource([paper("A"), Covered(date(2026, 6, 26))])
    house = newsletter(store, source, max_age_days=7)
    collect(house, NOON)
    collect(house, NOON)
    first, second = source.asked
    assert (first.now, first.since, first.refresh) == (NOON, None, date(2026, 6, 23))
    assert (second.since, second.refresh) == (date(2026, 6, 27), date(2026, 6, 23))


def test_what_was_missed_for_months_is_named_and_not_asked_for(store: Store) -> None:
    source = ListSource([paper("A"), Covered(date(2026, 1, 1))])
    house = newsletter(store, source)
    collect(house, NOON)
    [again] = collect(house, NOON)
    assert source.asked[1].since == date(2026, 5, 1)
    assert [str(gap) for gap in again.fetched.gaps] == [
        "2026-01-02 to 2026-04-30: more than 60 days ago: 'digestmail fetch --since 2026-01-02' asks for it"
    ]


def test_who_asks_for_old_days_is_given_them_whatever_is_known(store: Store) -> None:
    source = ListSource([paper("A"), Validators("x", "1"), Covered(TODAY)])
    house = newsletter(store, source)
    collect(house, NOON)
    collect(house, NOON, since=date(2025, 1, 1))
    assert (source.asked[1].since, source.asked[1].validators) == (date(2025, 1, 1), {})


def test_the_state_of_an_address_is_remembered_with_its_papers(store: Store) -> None:
    source = ListSource([paper("A"), Validators("x", "1")])
    house = newsletter(store, source)
    collect(house, NOON)
    collect(house, NOON)
    assert [dict(inquiry.validators) for inquiry in source.asked] == [{}, {"x": Validators("x", "1")}]


@pytest.mark.parametrize(
    "answer",
    [
        ListSource([Validators("x", "1"), Covered(TODAY)]),
        ListSource([paper("A"), Validators("x", "1"), Covered(TODAY)], error=SourceUnavailable("list", "cut off")),
    ],
)
def test_an_answer_that_is_empty_or_broke_off_is_asked_for_again(store: Store, answer: ListSource) -> None:
    house = newsletter(store, answer)
    collect(house, NOON)
    collect(house, NOON)
    assert answer.asked[1].validators == {}
    if answer.error:
        assert answer.asked[1].since is None


def test_a_revision_changes_what_is_there_and_adds_nothing(store: Store) -> None:
    known, unknown = paper("A", code_url="https://github.com/a/a"), paper("B")
    collect(newsletter(store, ListSource([paper("A")])), NOON)
    [collected] = collect(newsletter(store, ListSource([Revision(known), Revision(unknown)])), NOON)
    assert (collected.fetched.announced, collected.fetched.new, collected.fetched.revised) == (0, 0, 1)
    assert [one.code_url for one in store.corpus.newest()] == ["https://github.com/a/a"]


def test_a_server_that_asks_for_a_pause_is_given_it(store: Store) -> None:
    tired = ListSource(error=SourceUnavailable("list", "429", retry_after=timedelta(minutes=30)))
    house = newsletter(store, tired)
    collect(house, NOON)
    [resting] = collect(house, NOON + timedelta(minutes=29))
    assert str(resting.answer.error) == "list: it asked not to be asked again before 12:30 UTC"
    collect(house, NOON + timedelta(minutes=30))
    assert len(tired.asked) == 2


def test_who_asks_all_the_time_asks_a_source_once_an_hour(store: Store) -> None:
    source = ListSource([paper("A")])
    house = newsletter(store, source)
    for minutes in (0, 15, 30, 45, 60, 75):
        now = NOON + timedelta(minutes=minutes)
        store_answers(house, ask_sources(house, now, patient=True), now)
    assert [inquiry.now.minute for inquiry in source.asked] == [0, 0]


SATURDAY, TUESDAY = datetime(2026, 6, 27, 12, tzinfo=UTC), NOON
HOLIDAY = Calendar(weekdays=frozenset(range(5)), holidays=frozenset({date(2026, 6, 30)}))


@pytest.mark.parametrize(
    ("entries", "error", "calendar", "now", "quiet"),
    [
        ([], SourceUnavailable("list", "gone"), WORKDAYS, TUESDAY, Quiet.DOWN),
        ([Covered(date(2026, 6, 26))], None, WORKDAYS, SATURDAY, Quiet.WEEKEND),
        ([Covered(date(2026, 6, 29))], None, HOLIDAY, TUESDAY, Quiet.HOLIDAY),
        ([Covered(date(2026, 6, 29))], None, WORKDAYS, TUESDAY, Quiet.STALE),
        ([Covered(date(2026, 6, 30))], None, WORKDAYS, TUESDAY, Quiet.KNOWN),
        ([], None, None, TUESDAY, Quiet.KNOWN),
        ([paper("New")], None, None, TUESDAY, None),
    ],
)
def test_a_quiet_day_has_a_reason(
    store: Store,
    entries: list[Entry],
    error: SourceUnavailable | None,
    calendar: Calendar | None,
    now: datetime,
    quiet: Quiet | None,
) -> None:
    before = ListSource([paper("A"), *(one for one in entries if isinstance(one, Covered))], calendar=calendar)
    collect(newsletter(store, before), now - timedelta(days=1))
    again = ListSource([paper("A"), *entries], error=error, calendar=calendar) if not error else ListSource(error=error)
    [collected] = collect(newsletter(store, again), now)
    assert collected.fetched.quiet is quiet
    assert store.fetches.latest()[0].quiet is quiet


def test_more_papers_than_fit_in_memory_keep_their_order(store: Store) -> None:
    many = papers(2_500)
    [collected] = collect(newsletter(store, ListSource(many)), NOON)
    assert collected.new == 2_500
    assert [one.key for one in collected.answer.papers] == [one.key for one in many]
