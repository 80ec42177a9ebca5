"""Answers of arXiv's OAI-PMH, and what happened to a paper by its dates."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arxiv_answers import deleted, oai, oai_error, record
from digestmail.errors import SourceFormatError
from digestmail.model import Paper, SkippedEntry
from digestmail.sources.arxiv.batches import announced, may_announce, of_datestamp
from digestmail.sources.arxiv.categories import normal, oai_set
from digestmail.sources.arxiv.entries import Announced, Kind
from digestmail.sources.arxiv.records import Page, parse_page

SINCE = date(2026, 6, 22)


def read(content: bytes, since: date = SINCE) -> Page:
    return parse_page(content, "cs.LG page 1", "arxiv", since=since, categories=["cs.LG", "stat.ML"])


def one(content: bytes, since: date = SINCE) -> Announced:
    (entry,) = read(content, since).entries
    assert isinstance(entry, Announced)
    return entry


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def instants(first: int, last: int) -> st.SearchStrategy[datetime]:
    """Instants from one year to another."""
    seconds = [int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (first, last)]
    return st.integers(*seconds).map(lambda second: datetime.fromtimestamp(second, UTC))


def told(stamp: str, *versions: str, since: date = SINCE) -> tuple[Kind | None, date | None]:
    """What a record with these dates is taken for."""
    entry = one(oai(record(stamp=date.fromisoformat(stamp), versions=[at(each) for each in versions])), since)
    return entry.kind, entry.paper.listed


def test_a_paper_carries_everything_the_record_says() -> None:
    more = "<comments>9 pages</comments><journal-ref>JMLR 27\n (2026)</journal-ref><doi>10.1000/ABC</doi>"
    entry = one(oai(record(7, title="Mixtures\n  of Experts", more=more, categories="stat.ML cs.LG math.ST")))
    assert entry.kind is Kind.NEW
    assert entry.paper == Paper(
        key="arxiv:2606.00007",
        title="Mixtures of Experts",
        abstract="We study one thing.",
        authors=("Ada Lovelace", "Alan Turing", "Grace Hopper"),
        categories=("stat.ML", "cs.LG", "math.ST"),
        doi="10.1000/abc",
        version=1,
        venue="JMLR 27 (2026)",
        published=date(2026, 6, 29),
        listed=date(2026, 6, 30),
        url="https://arxiv.org/abs/2606.00007",
        source="arxiv",
    )


def test_a_paper_whose_primary_category_is_another_is_a_cross_list() -> None:
    assert one(oai(record(categories="hep-ph cs.LG"))).kind is Kind.CROSS
    assert one(oai(record(categories="cs.LG hep-ph"))).kind is Kind.NEW


def test_one_version_submitted_the_day_before_is_new() -> None:
    assert told("2026-06-30", "2026-06-29 15:00") == (Kind.NEW, date(2026, 6, 30))


def test_a_paper_that_moderation_held_for_24_days_is_new() -> None:
    assert told("2026-06-30", "2026-06-06 15:00") == (Kind.NEW, date(2026, 6, 30))


def test_an_old_paper_whose_metadata_changed_is_not_announced() -> None:
    assert told("2026-06-30", "2026-03-06 15:00") == (None, None)
    assert told("2026-06-30", "2024-03-06 15:00", "2026-03-06 15:00") == (None, None)


def test_a_paper_with_a_new_version_was_replaced() -> None:
    assert told("2026-06-30", "2024-03-06 15:00", "2026-06-29 15:00") == (Kind.REPLACE, date(2026, 6, 30))


def test_a_paper_announced_and_replaced_in_the_missed_days_is_new_on_its_first_day() -> None:
    versions = ("2026-06-22 15:00", "2026-06-29 15:00")
    assert told("2026-06-30", *versions) == (Kind.NEW, date(2026, 6, 23))
    assert told("2026-06-30", *versions, since=date(2026, 6, 24)) == (Kind.REPLACE, date(2026, 6, 30))


def test_a_change_on_a_weekend_belongs_to_the_batch_before_it() -> None:
    assert told("2026-06-28", "2026-06-25 15:00") == (Kind.NEW, date(2026, 6, 26))


def test_a_record_without_readable_dates_is_still_a_paper_that_is_known() -> None:
    undated = record().replace("Mon, 29 Jun 2026 15:00:00 GMT", "yesterday")
    entry = one(oai(undated))
    assert (entry.kind, entry.paper.version, entry.paper.published) == (None, None, None)
    assert one(oai(record().replace("2026-06-30", "soon"))).paper.listed == date(2026, 6, 30)


@pytest.mark.parametrize(
    ("submitted", "day"),
    [
        ("2026-06-29 17:59", "2026-06-30"),  # Monday 13:59 Eastern
        ("2026-06-29 18:00", "2026-07-01"),  # Monday 14:00
        ("2026-06-25 17:00", "2026-06-26"),  # Thursday
        ("2026-06-26 17:00", "2026-06-29"),  # Friday: announced on Sunday evening
        ("2026-06-26 18:00", "2026-06-30"),  # Friday 14:00
        ("2026-06-28 12:00", "2026-06-30"),  # Sunday
        ("2025-12-23 17:38", "2025-12-24"),  # 2512.13507v3, whose datestamp is 2025-12-24
        ("2026-08-28 22:22", "2026-09-01"),  # 2608.28914v1, whose datestamp is 2026-09-01
    ],
)
def test_the_day_of_a_batch_follows_from_arxivs_deadlines(submitted: str, day: str) -> None:
    assert announced(at(submitted)) == date.fromisoformat(day)


@given(instants(2007, 2050))
def test_no_paper_is_announced_before_it_was_submitted_or_on_a_weekend(submitted: datetime) -> None:
    day = announced(submitted)
    assert submitted.date() - timedelta(days=1) <= day <= submitted.date() + timedelta(days=5)
    assert may_announce(day, day) == [day] == [of_datestamp(day)]


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("cs.LG", "cs:cs:LG"),
        ("math.AG", "math:math:AG"),
        ("hep-th", "physics:hep-th"),
        ("cond-mat.mes-hall", "physics:cond-mat:mes-hall"),
        ("astro-ph.CO", "physics:astro-ph:CO"),
        ("astro-ph", "physics:astro-ph"),
        ("nlin.CD", "physics:nlin:CD"),
        ("physics.optics", "physics:physics:optics"),
        ("physics", "physics:physics"),
        ("math-ph", "physics:math-ph"),
        ("q-bio.NC", "q-bio:q-bio:NC"),
        ("q-fin.ST", "q-fin:q-fin:ST"),
        ("stat.ML", "stat:stat:ML"),
        ("eess.AS", "eess:eess:AS"),
        ("econ.EM", "econ:econ:EM"),
        ("cs", "cs"),
    ],
)
def test_every_archive_has_its_set(category: str, name: str) -> None:
    assert normal(category) == category
    assert oai_set(category) == name


@pytest.mark.parametrize("text", ["", "cs.", ".LG", "biology", "hep-th.XX", "cs.L", "cs.LG.AI", "cs LG", "cs.68"])
def test_what_arxiv_cannot_have_is_no_category(text: str) -> None:
    assert normal(text) is None


def test_nothing_that_matches_is_no_error_of_ours() -> None:
    page = read(oai())
    assert (list(page.entries), page.token, page.error) == ([], "", "noRecordsMatch")


def test_errors_come_with_their_code_and_words() -> None:
    page = read(oai_error("badResumptionToken", "The token\n has expired"))
    assert (page.error, page.trouble) == ("badResumptionToken", "The token has expired")


@pytest.mark.parametrize(
    "token", ["496549|47001", "from%3D2026-06-22%26skip%3D2000%26set%3Dcs%253Acs%253ALG", None, ""]
)
def test_old_and_new_tokens_lead_on(token: str | None) -> None:
    assert read(oai(record(), token=token)).token == (token or "")


def test_deleted_records_are_passed_over() -> None:
    page = read(oai(record(1), deleted(2), record(3)))
    assert [entry.paper.key for entry in page.entries if isinstance(entry, Announced)] == [
        "arxiv:2606.00001",
        "arxiv:2606.00003",
    ]
    assert len(page.entries) == 2


def test_a_broken_record_costs_the_others_nothing() -> None:
    page = read(oai(record(1), record(2).replace("</title>", ""), record(3, title="-"), record(4), token="more"))
    assert [str(entry) for entry in page.entries if isinstance(entry, SkippedEntry)] == [
        "cs.LG page 1 entry 2 (2606.00002): not XML: mismatched tag",
        "cs.LG page 1 entry 3 (2606.00003): no title",
    ]
    assert len(page.entries) == 4
    assert (page.token, page.trouble) == ("more", "")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<html/>", "<html> instead of <OAI-PMH>"),
        (b"", "not XML"),
        (b"<OAI-PMH/>", "neither records nor an error"),
    ],
)
def test_what_is_no_oai_pmh_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(SourceFormatError, match=f"^arxiv: cs.LG page 1: {why}"):
        read(content)


def test_a_thousand_real_records_are_read(shared_data: Callable[[str], Path]) -> None:
    content = (shared_data("oai_pmh") / "arxivsync_ListRecords_arXivRaw_47001.xml").read_bytes()
    page = read(content, since=date(2008, 1, 1))
    assert page.token == "496549|47001"
    papers = [entry.paper for entry in page.entries if isinstance(entry, Announced)]
    assert len(papers) == len(page.entries) == 1000
    assert all(paper.authors and paper.abstract and paper.categories and paper.published for paper in papers)
    assert [paper.arxiv_id for paper in papers if paper.withdrawn] == [
        "0801.4122",
        "0801.4138",
        "0801.4243",
        "0801.4311",
        "0801.4644",
    ]
    assert not any("(" in name or " and " in name for paper in papers for name in paper.authors)


def test_a_thousand_real_records_survive_damage_at_any_place(shared_data: Callable[[str], Path]) -> None:
    content = (shared_data("oai_pmh") / "arxivsync_ListRecords_arXivRaw_47001.xml").read_bytes()
    first, last = content.index(b"<record>") + 8, content.rindex(b"</record>")
    for cut in range(first, last, (last - first) // 4):
        page = read(content[:cut] + content[cut + 7 :], since=date(2008, 1, 1))
        assert len([entry for entry in page.entries if isinstance(entry, Announced)]) >= 999
        # damage to the end of the last record takes the token with it, and is told
        assert (page.token == "496549|47001") != bool(page.trouble)


def test_records_in_another_format_are_named(shared_data: Callable[[str], Path]) -> None:
    page = read((shared_data("oai_pmh") / "ads_arxiv_multi_20230125.xml").read_bytes())
    assert str(page.entries[0]) == "cs.LG page 1 entry 1 (1009.1022): no arXivRaw metadata"


SAMPLE = oai(record(1), record(2), deleted(3), token="more")


@given(
    st.binary(max_size=300)
    | st.builds(lambda a, b, c: SAMPLE[:a] + c + SAMPLE[b:], *[st.integers(0, len(SAMPLE))] * 2, st.binary(max_size=9))
)
def test_any_bytes_give_a_page_or_a_source_error(content: bytes) -> None:
    try:
        page = read(content)
    except SourceFormatError as error:
        assert "\n" not in str(error)  # noqa: PT017 - no error is as good as one
    else:
        assert all(entry.paper.key.startswith("arxiv:") for entry in page.entries if isinstance(entry, Announced))


@given(
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    st.lists(instants(1995, 2026), min_size=1, max_size=4),
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
)
def test_whatever_its_dates_a_record_is_read_and_announced_on_a_working_day(
    stamp: date, versions: list[datetime], since: date
) -> None:
    entry = one(oai(record(stamp=stamp, versions=versions)), since)
    assert entry.paper.version == len(versions)
    assert (entry.kind is None) == (entry.paper.listed is None)
    if entry.paper.listed:
        assert may_announce(entry.paper.listed, entry.paper.listed)
    if announced(versions[0]) >= since:
        assert entry.kind is Kind.NEW
