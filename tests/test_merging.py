"""One work, one paper: real papers that come by several roads."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builders import NOON
from digestmail.model import Paper
from digestmail.storage.store import Store
from digestmail.text.identity import paper_key, title_key
from digestmail.text.papers import readable

Variant = Callable[[Paper, int], Paper]


def of(file: Path) -> Iterator[Paper]:
    """The papers of a file as their first source would give them, in Unicode."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            authors = tuple(row.get("authors", ()))
            yield readable(Paper(key=f"arxiv:{row['id']}", title=row["title"], authors=authors))


def by_surname(names: tuple[str, ...]) -> tuple[str, ...]:
    """``Jane Q. Doe`` as bibliographies have it: ``Doe, J.``."""
    return tuple(f"{name.split()[-1]}, {name[0]}." for name in names)


def from_a_bibliography(paper: Paper, _number: int) -> Paper:
    names = by_surname(paper.authors)
    return Paper(key=paper_key(title=paper.title, authors=names), title=paper.title.lower() + ".", authors=names)


def from_a_preprint_server(paper: Paper, number: int) -> Paper:
    doi = f"10.1101/2026.01.01.{number}"
    title = paper.title.upper().replace("-", " - ")
    return Paper(key=f"doi:{doi}", doi=doi, title=title, authors=by_surname(paper.authors))


def from_a_page_without_names(paper: Paper, _number: int) -> Paper:
    return Paper(key=title_key(paper.title), title=paper.title.replace(": ", " – "), author_count=len(paper.authors))


def from_hugging_face(paper: Paper, number: int) -> Paper:
    return replace(paper, title=f"  {paper.title}\n", upvotes=number, authors=())


VARIANTS: list[Variant] = [
    from_a_bibliography,
    from_a_preprint_server,
    from_a_page_without_names,
    from_hugging_face,
]


@pytest.fixture(scope="module")
def real_papers(shared_data: Callable[[str], Path]) -> list[Paper]:
    return list(of(shared_data("corpus/arxiv-2026-03-to-06.jsonl.gz")))


def test_no_two_of_all_real_papers_are_taken_for_one_and_every_variant_joins_its_work(
    store: Store, real_papers: list[Paper]
) -> None:
    assert store.corpus.add(real_papers, NOON) == len(real_papers) == 26_502
    for variant in VARIANTS:
        planted = [(paper, variant(paper, number)) for number, paper in enumerate(real_papers[::7])]
        assert store.corpus.add([other for _, other in planted], NOON) == 0, variant.__name__
        for paper, other in planted[::50]:
            found = store.corpus.find(other.key)
            assert found is not None
            assert found.key == paper.key
    assert store.corpus.count() == 26_502


def test_real_papers_without_any_id_stay_apart(store: Store, real_papers: list[Paper]) -> None:
    bare = [from_a_bibliography(paper, 0) for paper in real_papers]
    assert store.corpus.add(bare, NOON) == len(real_papers)


def test_real_papers_that_share_a_title_under_two_ids_stay_apart(
    store: Store, real_papers: list[Paper], shared_data: Callable[[str], Path]
) -> None:
    several = {paper.key: paper for paper in [*real_papers, *of(shared_data("topics/papers.jsonl.gz"))]}
    by_title: dict[str, list[Paper]] = {}
    for paper in several.values():
        by_title.setdefault(title_key(paper.title), []).append(paper)
    twins = [paper for papers in by_title.values() if len(papers) > 1 for paper in papers]
    assert store.corpus.add(twins, NOON) == len(twins)


def test_facts_add_up_from_all_roads(store: Store) -> None:
    one = Paper(key="arxiv:2601.00001", title="On Two Roads", authors=("Jane Doe",), categories=("cs.LG",), version=1)
    two = replace(one, categories=(), upvotes=12, comments=2, organization="Lab", version=None)
    three = Paper(key="doi:10.1101/1", doi="10.1101/1", title="On two roads", authors=("Doe, J.",), venue="bioRxiv")
    for paper in (three, two, one):
        store.corpus.add([paper], NOON)
    [work] = store.corpus.newest()
    assert (work.key, work.doi, work.categories) == ("arxiv:2601.00001", "10.1101/1", ("cs.LG",))
    assert (work.upvotes, work.comments, work.organization, work.venue) == (12, 2, "Lab", "bioRxiv")
