"""Collecting."""

from collections.abc import Iterator
from datetime import date

from builders import NOON, paper, papers
from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.model import Paper, SkippedEntry
from digestmail.newsletter.collect import collect
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


def test_a_source_is_told_which_day_it_is(store: Store) -> None:
    asked: list[date] = []

    class Asking:
        name = "asking"

        def fetch(self, today: date) -> Iterator[Paper | SkippedEntry]:
            asked.append(today)
            return iter(())

    collect(newsletter(store, Asking()), NOON)
    assert asked == [NOON.date()]
