"""The feeds of rss.arxiv.org: both formats, every kind of announcement, and feeds that are none."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arxiv_answers import TUESDAY, item, rss
from digestmail.errors import SourceFormatError
from digestmail.model import Paper, SkippedEntry
from digestmail.sources.arxiv.entries import Announced, Kind, identify, is_withdrawn, names
from digestmail.sources.arxiv.feeds import Feed, parse_feed


def read(content: bytes) -> Feed:
    return parse_feed(content, "cs.LG", "arxiv")


def one(content: bytes) -> Paper:
    (entry,) = read(content).entries
    assert isinstance(entry, Announced)
    return entry.paper


def kinds(feed: Feed) -> list[Kind | None]:
    return [entry.kind for entry in feed.entries if isinstance(entry, Announced)]


def keys(feed: Feed) -> list[str]:
    return [entry.paper.key for entry in feed.entries if isinstance(entry, Announced)]


def test_a_paper_carries_everything_the_feed_says() -> None:
    content = rss(
        item(
            7,
            version=2,
            kind="cross",
            title="Mixtures\n of  Experts",
            abstract="First $\\ell_1$ line.\n  Second &lt;line&gt;.",
            creator="Andr\\'e One (Lab, Town), Bo Two",
            categories=["hep-ph", "cs.LG", "68T07", "cs.LG"],
            more="<arxiv:DOI>10.1103/PhysRevD.111.032004</arxiv:DOI>"
            "<arxiv:journal_reference>Phys. Rev. D 111 (2026)</arxiv:journal_reference>",
        )
    )
    assert one(content) == Paper(
        key="arxiv:2606.00007",
        title="Mixtures of Experts",
        abstract="First $\\ell_1$ line. Second <line>.",
        authors=("Andr\\'e One", "Bo Two"),
        categories=("hep-ph", "cs.LG"),
        doi="10.1103/physrevd.111.032004",
        version=2,
        venue="Phys. Rev. D 111 (2026)",
        listed=TUESDAY,
        url="https://arxiv.org/abs/2606.00007",
        source="arxiv",
    )


def test_the_four_kinds_of_announcements_are_told_apart() -> None:
    words = ["new", "cross", "replace", "replace-cross", "absonly"]
    feed = read(rss(*(item(number, kind=word) for number, word in enumerate(words))))
    assert kinds(feed) == [Kind.NEW, Kind.CROSS, Kind.REPLACE, Kind.REPLACE, None]


@pytest.mark.parametrize(("version", "kind"), [(1, Kind.NEW), (3, Kind.REPLACE)])
def test_an_entry_that_does_not_tell_its_kind_is_new_in_its_first_version(version: int, kind: Kind) -> None:
    silent = item(version=version).replace("<arxiv:announce_type>new</arxiv:announce_type>", "")
    assert kinds(read(rss(silent.replace("Announce Type: new", "")))) == [kind]
    assert kinds(read(rss(silent))) == [Kind.NEW]  # the description tells


def test_real_feeds_are_read_whole(shared_data: Callable[[str], Path]) -> None:
    found = {file.name: read(file.read_bytes()) for file in sorted(shared_data("arxiv_rss").glob("*.xml"))}
    told = {
        name: (feed.day, Counter(kinds(feed)), feed.incomplete)
        for name, feed in found.items()
        if not any(isinstance(entry, SkippedEntry) for entry in feed.entries)
    }
    new, cross, replaced = Kind.NEW, Kind.CROSS, Kind.REPLACE
    assert told == {
        "DERIVED_rss_cs_2026-06-30_674items.xml": (date(2026, 6, 30), Counter({new: 674}), ""),
        "TideDra_atom_cs.AI_2025-08-20.xml": (date(2025, 8, 20), Counter({cross: 5, new: 2}), ""),
        "laya-reader_rss_4cats_2026-09-24.xml": (date(2026, 9, 24), Counter({new: 2, cross: 1, replaced: 1}), ""),
        "paper-forge_atom_cs.LG_2026-09-25.xml": (
            date(2026, 9, 25),
            Counter({new: 1, cross: 1, replaced: 1}),
            "",
        ),
    }
    for feed in found.values():
        for entry in feed.entries:
            assert isinstance(entry, Announced)
            assert entry.paper.title
            assert entry.paper.authors
            assert entry.paper.categories
            assert entry.paper.version
            assert entry.paper.abstract
            assert "Announce Type" not in entry.paper.abstract


def test_atom_says_the_same_as_rss() -> None:
    atom = b"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
      xmlns="http://www.w3.org/2005/Atom">
  <title>cs.LG updates on arXiv.org</title><updated>2026-06-30T04:00:11.600500+00:00</updated>
  <entry>
    <id>oai:arXiv.org:2606.00001v1</id><title>Paper 1</title><updated>2026-06-30T04:00:11.600680+00:00</updated>
    <link href="https://arxiv.org/abs/2606.00001" rel="alternate" type="text/html"/>
    <summary>arXiv:2606.00001v1 Announce Type: new \nAbstract: We study one thing.</summary>
    <category term="cs.LG"/><published>2026-06-30T00:00:00-04:00</published>
    <arxiv:announce_type>new</arxiv:announce_type><dc:creator>Ada Lovelace, Alan Turing</dc:creator>
  </entry>
</feed>"""
    assert read(atom) == read(rss(item()))


@pytest.mark.parametrize(
    ("broken", "key"),
    [
        ('<guid isPermaLink="false">oai:arXiv.org:math/0309136v2</guid>', "arxiv:math/0309136"),
        ('<guid isPermaLink="false">oai:arXiv.org:math.GT/0309136v2</guid>', "arxiv:math/0309136"),
        ("", "arxiv:2606.00001"),
        ("<guid>https://arxiv.org/abs/2606.00009</guid>", "arxiv:2606.00009"),
    ],
)
def test_the_id_is_found_wherever_it_stands(broken: str, key: str) -> None:
    guid = '<guid isPermaLink="false">oai:arXiv.org:2606.00001v1</guid>'
    assert keys(read(rss(item().replace(guid, broken)))) == [key]


def test_the_day_is_that_of_eastern_time() -> None:
    late = item().replace("Tue, 30 Jun 2026 00:00:00 -0400", "Wed, 01 Jul 2026 03:59:00 +0000")
    assert read(rss(late)).day == TUESDAY


def test_an_entry_without_a_day_is_of_the_day_of_its_feed() -> None:
    assert one(rss(item().replace("<pubDate>Tue, 30 Jun 2026 00:00:00 -0400</pubDate>", ""))).listed == TUESDAY


def test_an_empty_feed_is_a_day_without_announcements() -> None:
    assert read(rss()) == Feed((), None)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            rss(title="Feed error for query: http://rss.arxiv.org/rss/cs.XX", text="Bad archive 'cs.XX'."),
            "arXiv says \"Bad archive 'cs.XX'.\"",
        ),
        (b"<html><head><title>503</title></head></html>", "<html> instead of <rss> or <feed>"),
        (b"", "not XML: no element found"),
        (b"Rate exceeded.", "not XML: syntax error"),
        (b"<rss><channel>", "not XML: no element found"),
        (b'<!DOCTYPE rss [<!ENTITY a "b">]><rss><channel/></rss>', "a document type, which no feed has"),
        (rss(item(title=" ")), "none of 1 entries is a paper; the first one: no title"),
    ],
)
def test_a_feed_that_is_none_is_an_error_that_names_the_category(content: bytes, why: str) -> None:
    with pytest.raises(SourceFormatError) as caught:
        read(content)
    assert str(caught.value).startswith(f"arxiv: cs.LG: {why}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("flawed", "told"),
    [
        (item(2).replace("</title>", "</titel>"), "cs.LG entry 2 (2606.00002): not XML: mismatched tag"),
        (item(2).replace("</item>", ""), "cs.LG entry 2 (2606.00002): not XML"),
        (item(2, title="?!"), "cs.LG entry 2 (2606.00002v1): no title"),
        ("<item><title>Of nothing</title></item>", "cs.LG entry 2: no arXiv id"),
    ],
)
def test_a_broken_entry_is_named_and_costs_the_others_nothing(flawed: str, told: str) -> None:
    feed = read(rss(item(1), flawed, item(3), item(4)))
    assert keys(feed) == ["arxiv:2606.00001", "arxiv:2606.00003", "arxiv:2606.00004"]
    (skipped,) = (entry for entry in feed.entries if isinstance(entry, SkippedEntry))
    assert str(skipped).startswith(told)
    assert feed.incomplete == ""


def test_a_feed_that_breaks_off_gives_what_came_before_and_says_so() -> None:
    whole = rss(item(1), item(2), item(3))
    feed = read(whole[: whole.index(b"2606.00003")])
    assert keys(feed) == ["arxiv:2606.00001", "arxiv:2606.00002"]
    assert feed.incomplete.startswith("not XML: ")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("A\x0b B\x00", "A B"),
        ("R&D", "R&D"),
        ("Caf&eacute; &amp; Bar &#233;&#x0b;", "Café & Bar é"),
        ("a &lt; b", "a < b"),
        ("&bogus; thing", "&bogus; thing"),
        ("<![CDATA[R&D <b>]]>", "R&D <b>"),
    ],
)
def test_what_xml_forbids_is_repaired(written: str, meant: str) -> None:
    assert one(rss(item(title=written))).title == meant


def test_a_feed_at_the_limit_of_the_server_is_not_complete() -> None:
    feed = read(rss(*(item(number) for number in range(2000))))
    assert len(feed.entries) == 2000
    assert feed.incomplete == "the feed is cut at 2,000 entries"


# Texts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ada Lovelace", ("Ada Lovelace",)),
        ("A. One (Lab, Town), B. Two (Uni (Dept, X), Y), C. Three", ("A. One", "B. Two", "C. Three")),
        (r"Paulo Andr\'e Lima de Castro, J{\"u}rgen X", (r"Paulo Andr\'e Lima de Castro", r"J{\"u}rgen X")),
        ("A One, B Two, A One", ("A One", "B Two")),
        ("John Smith, Jr., Ann Lee, III", ("John Smith Jr.", "Ann Lee III")),
        ("A One (Lab, B Two, C Three", ("A One", "B Two", "C Three")),
        ("ATLAS Collaboration: G. Aad, B. Abbott", ("ATLAS Collaboration", "G. Aad", "B. Abbott")),
        ("A One ((1) Lab, (2) Town), B Two", ("A One", "B Two")),
        (r"{One, A.}, B Two", ("{One, A.}", "B Two")),
        ("", ()),
        (" , ;", ()),
    ],
)
def test_names_are_taken_from_one_string(text: str, found: tuple[str, ...]) -> None:
    assert names(text) == found


def test_joined_names_have_an_and_before_the_last() -> None:
    text = "Robert One (McGill), Keshav Two (McGill) and\n  Anne Three (DAMTP, Cambridge)"
    assert names(text, joined=True) == ("Robert One", "Keshav Two", "Anne Three")
    assert names("A One, B Two, and C Three", joined=True) == ("A One", "B Two", "C Three")
    assert names("Alexander Land", joined=True) == ("Alexander Land",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("oai:arXiv.org:2609.26811v1", ("2609.26811", 1)),
        ("http://arxiv.org/abs/math/0306266v12", ("math/0306266", 12)),
        ("https://arxiv.org/abs/0801.3673", ("0801.3673", None)),
        ("oai:arXiv.org:12345.678", None),
        ("https://arxiv.org/api/errors#incorrect_id", None),
        ("", None),
    ],
)
def test_ids_of_all_times_are_read(text: str, found: tuple[str, int | None] | None) -> None:
    assert identify(text) == found


@pytest.mark.parametrize(
    "comment",
    [
        "This paper has been withdrawn",
        "This paper has been withdrawn by the authors. 6 pages",
        "Withdrawn",
        "12 pages. Withdrawn due to an error in Lemma 2",
        "withdrawn by the author because of a crucial error",
        "This submission has been withdrawn by arXiv administrators due to disputed authorship",
        "This version withdrawn by arXiv administrators",
        "Paper withdrawn from arXiv by its authors",
        "The authors have withdrawn this paper",
        "The present manuscript is being withdrawn: Theorem 1 is wrong",
    ],
)
def test_a_notice_of_withdrawal_is_seen(comment: str) -> None:
    assert is_withdrawn(comment=comment)


@pytest.mark.parametrize(
    "comment",
    [
        "Replaces the withdrawn paper arXiv:2101.00001",
        "The first version was withdrawn because of a wrong figure",
        "Supersedes arXiv:2101.00001, which has been withdrawn",
        "We study why a paper is withdrawn",
        "The paper was withdrawn from NeurIPS 2025",
        "10 pages",
        "",
    ],
)
def test_comments_on_other_papers_are_no_notice(comment: str) -> None:
    assert not is_withdrawn(comment=comment)


def test_only_the_beginning_of_an_abstract_is_a_notice() -> None:
    assert is_withdrawn(abstract="This paper has been withdrawn by the author due to a crucial error.")
    assert is_withdrawn(abstract="Withdrawn.")
    assert not is_withdrawn(abstract="We ask when a drug is withdrawn. This paper has been withdrawn by nobody.")
    assert not is_withdrawn(abstract="Withdrawn patients are a problem of trials.")
    assert not is_withdrawn(abstract="This work has vehicles that are withdrawn from service.")


def test_no_abstract_of_a_month_of_real_papers_is_taken_for_a_notice(shared_data: Callable[[str], Path]) -> None:
    with gzip.open(shared_data("corpus/arxiv-2026-03-to-06.jsonl.gz"), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    assert len(rows) > 26_000
    assert [row["id"] for row in rows if is_withdrawn(abstract=row["abstract"])] == []


# Anything

SAMPLE = rss(item(1), item(2, kind="cross", abstract="a &amp; b"), item(3, kind="replace", version=2))


def check(content: bytes) -> Feed | None:
    try:
        feed = read(content)
    except SourceFormatError as error:
        assert "\n" not in str(error)  # noqa: PT017 - no error is as good as one
        return None
    for entry in feed.entries:
        if isinstance(entry, Announced):
            entry.paper.title.encode()
            assert entry.paper.key.startswith("arxiv:")
    return feed


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_feed_or_a_source_error(content: bytes) -> None:
    check(content)


@given(st.integers(0, len(SAMPLE)), st.integers(0, 40), st.binary(max_size=20))
def test_a_mangled_feed_loses_no_entry_that_is_whole(start: int, length: int, put: bytes) -> None:
    """The entries that the damage does not touch are read, wherever it is."""
    mangled = SAMPLE[:start] + put + SAMPLE[start + length :]
    feed = check(mangled)
    opening, closing = SAMPLE.index(b"<item>"), SAMPLE.rindex(b"</item>") + len(b"</item>")
    if b"<" in put or b"&" in put or not opening <= start < start + length <= closing:
        return  # damage outside of the entries may make it another document
    spans, position = [], opening
    for number in (1, 2, 3):
        end = SAMPLE.index(b"</item>", position) + len(b"</item>")
        spans.append((f"arxiv:2606.{number:05}", position, end))
        position = end
    untouched = [key for key, first, last in spans if start + length <= first or start >= last]
    found = keys(feed) if feed else []
    assert set(untouched) <= set(found) or not feed
    assert feed or not untouched


@given(st.text(alphabet="AB ,;:(){}\\'and.Jr", max_size=60), st.booleans())
def test_any_text_gives_names_without_blanks(text: str, joined: bool) -> None:
    for name in names(text, joined=joined):
        assert name == name.strip(" ,;")
        assert name


@pytest.mark.parametrize(
    "content",
    [
        b" " * 500_000,
        b"<![CDATA[" * 50_000,
        b"<rss " + b"a" * 500_000 + b"><item>" + b"</item><item>" * 10_000,
        b"<rss><channel>" + b"<item>" * 50_000,
        b"<rss>" * 50_000,
        b"<rss><channel><item><title>" + b"a-" * 200_000,
        b"<rss><channel><item><title>" + b"&" * 200_000,
    ],
)
def test_no_document_takes_more_time_than_its_length(content: bytes) -> None:
    """It ends: what took the square of the length would not."""
    assert not (check(content) or rss_of_nothing()).entries


def rss_of_nothing() -> Feed:
    return read(rss())


def test_real_feeds_survive_damage_at_any_place(shared_data: Callable[[str], Path]) -> None:
    content = (shared_data("arxiv_rss") / "TideDra_atom_cs.AI_2025-08-20.xml").read_bytes()
    whole = set(keys(read(content)))
    first = content.index(b"<entry>")
    for cut in range(first + 8, len(content) - 200, 97):
        feed = check(content[:cut] + content[cut + 5 :])
        assert feed
        assert len(whole - set(keys(feed))) <= 1
