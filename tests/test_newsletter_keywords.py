"""Keywords: what each does to the corpus, and which ones favourite papers suggest."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, asked, paper, subscriber
from digestmail.cli.references import read_bibtex
from digestmail.errors import FileFormatError, InputError, NotFoundError
from digestmail.model import Paper
from digestmail.newsletter.keywords import Reference, check, suggest
from digestmail.ranking.diagnosis import KeywordReport, Verdict, diagnose
from digestmail.ranking.occurrences import find_occurrences
from digestmail.ranking.profile import format_keyword, parse_keyword, parse_keywords
from digestmail.sources.huggingface import SavedHuggingFaceSource
from digestmail.storage.store import Store
from newsletters import newsletter, subscription


def about(*titles: str) -> list[Paper]:
    return [paper(title, key=f"arxiv:2606.{number:05}") for number, title in enumerate(titles)]


def reports(keywords: list[str], papers: list[Paper], **how: float) -> list[KeywordReport]:
    found = diagnose(parse_keywords(keywords), papers, weeks=how.get("weeks", 1.0), fills=how.get("fills", 1000.0))
    return list(found.keywords)


def test_a_keyword_is_counted_as_words_and_what_is_inside_other_words_is_told() -> None:
    [rag] = reports(["RAG"], about("RAG at Scale", "Coverage of Storage", "Better storage", "Graph Search"))
    assert (rag.verdict, rag.papers, rag.inside) == (Verdict.GOOD, 1, 2)
    assert [(said.text, said.papers) for said in rag.inside_words] == [("storage", 2), ("coverage", 1)]
    assert rag.noise == 2 / 3


def test_papers_a_week_are_papers_over_weeks() -> None:
    [one] = reports(["pruning"], about("Pruning one", "Pruning two", "Pruning three"), weeks=2.0)
    assert one.per_week == 1.5


def test_the_ways_in_which_papers_write_a_keyword_are_counted() -> None:
    [one] = reports(
        ["multimodal"], about("Multimodal one", "A multimodal two", "Multi-modal three", "On multi modal four")
    )
    assert [(said.text.casefold(), said.papers) for said in one.spellings] == [
        ("multimodal", 2),
        ("multi-modal", 1),
        ("multi modal", 1),
    ]


@pytest.mark.parametrize(
    ("keyword", "titles", "expected"),
    [
        ("retreival", ["Dense Retrieval", "Retrieval for all", "Something else"], "retrieval"),
        ("expert mixtures", ["Mixture of Experts", "A mixture of experts", "Other"], "mixture of experts"),
        ("RLHFV", ["RLHF is fine", "No RLHF needed"], "rlhf"),
    ],
)
def test_a_keyword_that_never_matches_brings_what_papers_write_instead(
    keyword: str, titles: list[str], expected: str
) -> None:
    [one] = reports([keyword], about(*titles))
    assert one.verdict is Verdict.NEVER
    assert [said.text.casefold() for said in one.near] == [expected]


def test_an_author_who_never_appears_brings_names_alike() -> None:
    papers = [paper(f"Number {number}", authors=("Tri Dao", "Ann Lee")) for number in range(2)]
    [one] = reports(["author:Tri Dau"], papers)
    assert [said.text for said in one.near] == ["Tri Dao"]


def test_a_word_that_only_one_paper_writes_is_not_suggested() -> None:
    [one] = reports(["retreival"], about("Dense Retrieval", "Something else"))
    assert (one.verdict, one.near) == (Verdict.NEVER, ())


def test_a_keyword_that_fills_more_than_half_of_the_issues_is_broad() -> None:
    papers = about(*(f"Learning number {number}" for number in range(8)))
    assert reports(["learning"], papers, fills=7.0)[0].verdict is Verdict.BROAD
    assert reports(["learning"], papers, fills=8.0)[0].verdict is Verdict.GOOD


def test_of_two_keywords_that_find_the_same_papers_the_later_is_a_duplicate() -> None:
    papers = about(*(f"Multimodal number {number}" for number in range(6)))
    first, second = reports(["multimodal", "multi-modal"], papers)
    assert (first.verdict, first.same_as) == (Verdict.GOOD, None)
    assert (second.verdict, second.same_as) == (Verdict.DUPLICATE, "multimodal")


def test_a_keyword_whose_papers_all_match_a_wider_one_is_told() -> None:
    papers = about(*(f"Large language model {n}" for n in range(5)), *(f"Language model {n}" for n in range(9)))
    wide, narrow = reports(["language model", "large language model"], papers)
    assert (wide.within, narrow.within) == (None, "language model")
    assert narrow.verdict is Verdict.GOOD


def test_a_negative_that_keeps_out_much_of_what_is_wanted_is_blunt() -> None:
    papers = about(*(f"Pruning benchmark {n}" for n in range(5)), *(f"Pruning {n}" for n in range(5)), "Benchmark")
    pruning, negative = reports(["pruning", "-benchmark"], papers)
    assert pruning.verdict is Verdict.GOOD
    assert (negative.verdict, negative.papers, negative.share) == (Verdict.BLUNT, 6, 0.5)
    assert negative.kept_out[0] == "Pruning benchmark 0"


def test_categories_are_counted_with_their_archive() -> None:
    papers = [paper("One", categories=("cs.LG",)), paper("Two", categories=("math.CO",))]
    assert [one.papers for one in reports(["cat:cs.LG", "cat:cs", "cat:math.*"], papers)] == [1, 1, 1]


words = st.lists(
    st.sampled_from(["multi-modal", "studies", "Café", "RAGs", "rag", "Straße", "näive", "experts", "of", "x"]),
    max_size=6,
)


@given(words, words)
def test_passing_over_texts_unread_loses_no_occurrence(some: list[str], others: list[str]) -> None:
    keywords = parse_keywords(
        ["multimodal", "study", "cafe", "RAG", "strasse", "naive", "expert", '"experts of"']
    ).keywords
    one = paper(" ".join(some) or "-", abstract=" ".join(others))
    # an accent of TeX makes the reader take no short cut
    opaque = paper(f"{one.title} \\'e", abstract=f"{one.abstract} \\'e")
    quick = find_occurrences(keywords, [one])
    slow = find_occurrences(keywords, [opaque])
    assert {keyword: len(found) for keyword, found in quick.items()} == {
        keyword: len(found) for keyword, found in slow.items()
    }


def test_checking_looks_at_the_last_weeks_only_and_writes_nothing(store: Store) -> None:
    store.corpus.add([paper("Old quantization", key="arxiv:2601.00001")], NOON - timedelta(days=60))
    store.corpus.add([paper("New quantization", key="arxiv:2606.00001")], NOON)
    house = newsletter(store, subscriptions=[subscription()])
    checked = check(house, weeks=4)
    assert [one.papers for one in checked.diagnosis.keywords] == [1]
    assert (checked.subscriber.email, checked.room) == ("reader@example.org", 70)
    assert store.subscribers.all() == []


def test_checking_an_empty_corpus_says_what_to_do(store: Store) -> None:
    with pytest.raises(InputError, match="no papers yet: 'digestmail fetch' collects them"):
        check(newsletter(store), profile=parse_keywords(["quantization"]))


def test_checking_a_profile_without_keywords_says_so(store: Store) -> None:
    store.corpus.add([paper()], NOON)
    with pytest.raises(InputError, match="has no keywords"):
        check(newsletter(store, subscriptions=[subscription(keywords=[])]))


def _library() -> list[Paper]:
    liked = about(*(f"Speculative decoding with trees {number}" for number in range(4)))
    others = [paper(f"Image synthesis {number}", key=f"arxiv:2605.{number:05}") for number in range(40)]
    return [*liked, *others, paper("Speculative decoding of trees again", key="arxiv:2604.00001")]


def test_suggestions_tell_the_chosen_papers_from_the_rest(store: Store) -> None:
    store.corpus.add(_library(), NOON)
    references = [Reference(name=key, names=(key,)) for key in ("2606.00000", "2606.00001", "2606.00002")]
    found = suggest(newsletter(store), references=references)
    assert format_keyword(found.keywords[0].keyword) == "speculative decoding"
    assert found.keywords[0].favourites == 3
    assert found.keywords[0].per_week == 5.0


def test_what_the_profile_has_already_is_not_suggested(store: Store) -> None:
    store.corpus.add(_library(), NOON)
    house = newsletter(store, subscriptions=[subscription(keywords=["speculative-decoding"])])
    references = [Reference(name=key, names=(key,)) for key in ("2606.00000", "2606.00001")]
    found = suggest(house, email="reader@example.org", references=references)
    assert "speculative decoding" not in [one.keyword.phrase for one in found.keywords]


def test_papers_that_a_subscriber_likes_suggest_keywords(store: Store) -> None:
    store.corpus.add(_library(), NOON)
    store.subscribers.put([subscriber(keywords=["image"])])
    house = newsletter(store)
    with pytest.raises(InputError, match="likes no paper yet"):
        suggest(house, email="reader@example.org")
    for key in ("arxiv:2606.00000", "arxiv:2606.00001"):
        _like(house, key)
    assert [paper.key for paper in suggest(house, email="reader@example.org").favourites] == [
        "arxiv:2606.00000",
        "arxiv:2606.00001",
    ]


def _like(house: object, key: str) -> None:
    from digestmail.newsletter.feedback import note
    from digestmail.storage.feedback import Kind

    note(house, "reader@example.org", key, Kind.LIKE)  # type: ignore[arg-type]


def test_papers_that_the_corpus_lacks_are_named(store: Store) -> None:
    store.corpus.add(_library(), NOON)
    references = [Reference(name=key, names=(key,)) for key in ("2606.00000", "1999.12345")]
    assert suggest(newsletter(store), references=references).unknown == ("1999.12345",)
    with pytest.raises(InputError, match=r"none of these papers is in the corpus: 1999\.12345"):
        suggest(newsletter(store), references=references[1:])


def test_suggesting_for_a_stranger_is_refused(store: Store) -> None:
    store.corpus.add(_library(), NOON)
    with pytest.raises(NotFoundError):
        suggest(newsletter(store), email="nobody@example.org")


_BIBTEX = r"""
@string{venue = "Proceedings"}
@article{one, title = {{Speculative} {D}ecoding with draft trees 0}, journal = venue, eprint = {2606.00000v2},}
@misc{two, title = "G{\"o}del numbers", doi = {https://doi.org/10.1234/ABC}, abstract = {Numbers of {G}{\"o}del.}}
@misc{broken, title = {No end
@online{three, title = {Third}, url = {https://arxiv.org/abs/2606.00002}}
@misc{empty, note = {nothing}}
"""


def test_a_bibtex_file_is_read_around_its_mistakes(tmp_path: Path) -> None:
    (tmp_path / "library.bib").write_text(_BIBTEX, encoding="utf-8")
    one, two, three = read_bibtex(tmp_path / "library.bib")
    assert one.names == ("arxiv:2606.00000", "Speculative Decoding with draft trees 0")
    assert (two.names, two.abstract) == (("doi:10.1234/abc", "Gödel numbers"), "Numbers of Gödel.")
    assert three.names[0] == "arxiv:2606.00002"


def test_a_file_that_is_not_bibtex_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Read the paper about trees.", encoding="utf-8")
    with pytest.raises(FileFormatError, match="is it BibTeX"):
        read_bibtex(tmp_path / "notes.txt")


def test_suggestions_from_real_papers_are_keywords_that_can_be_typed(
    store: Store, shared_data: Callable[[str], Path]
) -> None:
    day = shared_data("hf_daily_papers/2026-06-30.json")
    found = [one for one in SavedHuggingFaceSource(day).fetch(asked(NOON.date())) if isinstance(one, Paper)]
    store.corpus.add(found, NOON)
    references = [Reference(name=one.key, names=(one.key,)) for one in found[: len(found) // 3]]
    suggested = suggest(newsletter(store), references=references, limit=50).keywords
    assert suggested
    assert [parse_keyword(format_keyword(one.keyword)) for one in suggested] == [one.keyword for one in suggested]
