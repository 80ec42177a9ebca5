"""The corpus."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import NOON, paper
from digestmail.model import Paper
from digestmail.storage.store import Store
from digestmail.text.clean import clean_line
from digestmail.text.identity import title_key

LATER = NOON + timedelta(days=1)


def test_a_paper_is_new_once(store: Store) -> None:
    assert store.corpus.add([paper("A"), paper("B"), paper("A")], NOON) == 2
    assert store.corpus.add([paper("B"), paper("C")], LATER) == 1


def test_seeing_a_paper_again_does_not_make_it_younger(store: Store) -> None:
    store.corpus.add([paper("A")], NOON)
    store.corpus.add([paper("A")], LATER)
    found = store.corpus.find(title_key("A"))
    assert found
    assert found.first_seen == NOON


def test_the_window_holds_both_its_ends(store: Store) -> None:
    store.corpus.add([paper("A")], NOON)
    store.corpus.add([paper("B")], LATER)
    assert [one.title for one in store.corpus.window(NOON, LATER)] == ["A", "B"]
    assert [one.title for one in store.corpus.window(NOON + timedelta(seconds=1), LATER)] == ["B"]
    assert [one.title for one in store.corpus.window(NOON, LATER - timedelta(seconds=1))] == ["A"]


def test_a_title_that_gets_an_id_stays_one_work_and_is_found_under_both(store: Store) -> None:
    store.corpus.add([paper("Mixture of Experts")], NOON)
    assert store.corpus.add([paper("Mixture of experts", key="arxiv:2401.00001", upvotes=3)], LATER) == 0
    by_id, by_title = store.corpus.find("arxiv:2401.00001"), store.corpus.find(title_key("Mixture of Experts"))
    assert by_id
    assert by_id == by_title
    assert (by_id.key, by_id.upvotes) == ("arxiv:2401.00001", 3)


def test_two_works_with_one_title_and_two_ids_stay_two(store: Store) -> None:
    assert store.corpus.add([paper("T", key="arxiv:2401.00001"), paper("T", key="arxiv:2401.00002")], NOON) == 2
    assert store.corpus.add([paper("T", key="arxiv:2401.00002", upvotes=5)], LATER) == 0
    second = store.corpus.find("arxiv:2401.00002")
    assert second
    assert second.upvotes == 5


def test_a_doi_joins_what_titles_do_not(store: Store) -> None:
    store.corpus.add([paper("Early title", key="doi:10.1000/x", doi="10.1000/x")], NOON)
    assert store.corpus.add([paper("Late title", key="arxiv:2401.00001", doi="10.1000/X")], LATER) == 0


def test_counts_follow_the_newest_announcement(store: Store) -> None:
    store.corpus.add([paper("A", upvotes=3, comments=1)], NOON)
    store.corpus.add([paper("A", upvotes=7)], LATER)
    found = store.corpus.newest()[0]
    assert (found.upvotes, found.comments) == (7, 1)


def test_samples_stand_in_only_until_something_live_comes(store: Store) -> None:
    store.corpus.add([paper("Sample", sample=True)], NOON)
    assert not store.corpus.holds_live_papers()
    assert len(store.corpus.window(NOON, LATER)) == 1
    store.corpus.add([paper("Live")], NOON)
    assert store.corpus.holds_live_papers()
    assert [one.title for one in store.corpus.window(NOON, LATER)] == ["Live"]


def test_a_sample_that_comes_live_counts_as_seen_anew(store: Store) -> None:
    store.corpus.add([paper("A", abstract="Ours.", sample=True)], NOON)
    store.corpus.add([paper("A", abstract="Theirs.")], LATER)
    [found] = store.corpus.newest()
    assert (found.abstract, found.sample, found.first_seen) == ("Theirs.", False, LATER)


def test_many_papers_come_back_in_full(store: Store) -> None:
    many = [paper(f"Paper {number}", authors=("Ada", "Ben"), categories=("cs.LG",)) for number in range(1200)]
    assert store.corpus.add(many, NOON) == 1200
    assert {one.title for one in store.corpus.newest()} == {one.title for one in many}
    assert store.corpus.newest(1)[0].authors == ("Ada", "Ben")


_TEXT = st.text(max_size=30).map(clean_line)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.builds(
        Paper,
        key=st.just("arxiv:2401.00001"),
        title=_TEXT,
        abstract=_TEXT,
        authors=st.lists(_TEXT).map(tuple),
        author_count=st.none() | st.integers(0, 5000),
        organization=st.none() | _TEXT,
        categories=st.lists(_TEXT).map(tuple),
        published=st.none() | st.dates(),
        upvotes=st.none() | st.integers(0, 10**6),
        url=st.none() | _TEXT,
        sample=st.booleans(),
    )
)
def test_any_paper_comes_back_as_it_went_in(store: Store, stored: Paper) -> None:
    with store.rehearsal():
        store.corpus.add([stored], NOON)
        [found] = store.corpus.newest()
    assert found.first_seen == NOON
    assert {name: getattr(found, name) for name in Paper.__dataclass_fields__ if name != "first_seen"} == {
        name: getattr(stored, name) for name in Paper.__dataclass_fields__ if name != "first_seen"
    }
