"""Which work is it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from builders import paper
from digestmail.model import Paper
from digestmail.text.identity import arxiv_id, doi, identities, merge, paper_key, same_work, title_key, url_key


@pytest.mark.parametrize(
    "written",
    [
        "2107.05580",
        "2107.05580v3",
        "arXiv:2107.05580",
        "arxiv:2107.05580v1",
        "https://arxiv.org/abs/2107.05580",
        "http://arxiv.org/pdf/2107.05580v2.pdf",
        "https://arxiv.org/html/2107.05580v2",
        "https://huggingface.co/papers/2107.05580",
        "10.48550/arXiv.2107.05580",
        "https://doi.org/10.48550/arXiv.2107.05580",
        "oai:arXiv.org:2107.05580v1",
        "see https://arxiv.org/abs/2107.05580, which",
    ],
)
def test_an_arxiv_id_is_found_however_it_is_written(written: str) -> None:
    assert arxiv_id(written) == "2107.05580"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("quant-ph/0201082v1", "quant-ph/0201082"),
        ("http://arxiv.org/abs/astro-ph/0601001", "astro-ph/0601001"),
        ("math.GT/0309136", "math/0309136"),
    ],
)
def test_an_old_style_id_keeps_its_archive_and_loses_its_class(written: str, expected: str) -> None:
    assert arxiv_id(written) == expected


@pytest.mark.parametrize("text", ["", "1234", "version 2107.05580 of it", "10.1101/2020.01.01.123456", "a/1234567890"])
def test_other_numbers_are_no_arxiv_ids(text: str) -> None:
    assert arxiv_id(text) is None


def test_a_doi_is_lower_case_and_free_of_sentence_punctuation() -> None:
    assert doi("See https://doi.org/10.1101/2020.01.01.ABC.") == "10.1101/2020.01.01.abc"
    assert doi("no such thing 10.1/x") is None


def test_a_title_key_ignores_case_accents_spaces_and_punctuation() -> None:
    assert title_key("Poincaré  Maps: A Survey") == title_key("poincare maps – a survey!")
    assert title_key("Poincaré Maps") != title_key("Poincaré Map")


def test_titles_in_other_scripts_have_keys_of_their_own() -> None:
    assert title_key("大规模语言模型") != title_key("扩散模型")


def test_the_key_prefers_arxiv_to_doi_to_title() -> None:
    assert paper_key(title="T", arxiv="2107.05580v2", doi_text="10.1000/x") == "arxiv:2107.05580"
    assert paper_key(title="T", doi_text="10.48550/arXiv.2107.05580") == "arxiv:2107.05580"
    assert paper_key(title="T", doi_text="10.1000/X") == "doi:10.1000/x"
    assert paper_key(title="T") == title_key("T")


def test_a_work_is_known_by_all_its_identities() -> None:
    work = paper("T", key="arxiv:2107.05580", doi="10.1000/x")
    assert identities(work) == ("arxiv:2107.05580", "doi:10.1000/x", title_key("T"))


def test_equal_titles_join_only_where_ids_can_not_be_compared() -> None:
    titled, numbered = paper("T"), paper("T", key="arxiv:2107.05580")
    assert same_work(numbered, titled)
    assert same_work(titled, numbered)
    assert not same_work(numbered, paper("T", key="arxiv:2107.99999"))


@pytest.mark.parametrize("other", ["Doe, J.", "Jane Doe", "J. DOE", "Doe, Jane", "Dóe Jane", "Jane Doe Jr."])
def test_equal_titles_by_one_author_join_whatever_their_ids(other: str) -> None:
    ours = paper("T", key="arxiv:2107.05580", authors=("Jane Doe", "Bo Li"))
    assert same_work(ours, paper("T", key="doi:10.1101/2021.1", authors=(other,)))


def test_equal_titles_by_different_authors_stay_apart() -> None:
    ours = paper("Editorial", key="doi:10.1101/2021.1", authors=("Jane Doe",))
    assert not same_work(ours, paper("Editorial", authors=("Ann Roe",)))
    assert paper_key(title="Editorial", authors=["Jane Doe"]) != paper_key(title="Editorial", authors=["Ann Roe"])
    assert paper_key(title="Editorial", authors=["Jane Doe"]) == paper_key(title="Editorial!", authors=["Doe, J."])


def test_a_preprint_joins_its_publication_and_two_publications_stay_apart() -> None:
    by_doe = {"authors": ("Jane Doe",)}
    preprint, published = paper("T", key="doi:10.1101/2021.1", **by_doe), paper("T", key="doi:10.1038/1", **by_doe)
    assert same_work(preprint, published)
    assert not same_work(published, paper("T", key="doi:10.1038/2", **by_doe))


def test_a_title_that_anybody_may_use_joins_nothing_that_has_ids() -> None:
    assert not same_work(paper("Editorial", key="doi:10.1101/1"), paper("Editorial", key="arxiv:2107.05580"))
    assert same_work(paper("On the Sun", key="doi:10.1101/1"), paper("On the Sun", key="arxiv:2107.05580"))


def test_a_newer_version_has_the_newer_title_and_abstract() -> None:
    old = paper("First", key="arxiv:2107.05580", abstract="Old.", version=1, categories=("cs.LG",))
    new = paper("Second", key="arxiv:2107.05580", abstract="New.", version=2)
    assert merge(old, new).title == "Second"
    assert merge(old, new).abstract == "New."
    assert merge(old, new).categories == ("cs.LG",)
    assert merge(merge(old, new), old) == merge(old, new)


def test_a_publication_replaces_the_preprint_in_the_doi_and_not_the_other_way() -> None:
    old, new = paper("T", doi="10.48550/arxiv.2107.05580"), paper("T", doi="10.1038/1")
    assert merge(old, new).doi == merge(new, old).doi == "10.1038/1"


def test_merging_adds_facts_and_takes_the_better_key_and_newer_counts() -> None:
    old = paper("T", comments=1, upvotes=3, organization="Lab")
    new = paper("T", key="arxiv:2107.05580", abstract="Other.", authors=("Ada",), upvotes=9, url="https://x.org")
    merged = merge(old, new)
    assert (merged.key, merged.abstract, merged.authors) == ("arxiv:2107.05580", "We study it.", ("Ada",))
    assert (merged.upvotes, merged.comments, merged.organization, merged.url) == (9, 1, "Lab", "https://x.org")


def test_a_live_paper_replaces_a_sample_and_a_sample_changes_nothing_live() -> None:
    live, sample = paper("T", abstract="Real."), paper("T", abstract="Ours.", sample=True)
    assert merge(sample, live) == live
    assert merge(live, sample) == live


@given(st.builds(paper, st.text(min_size=1)), st.builds(paper, st.text(min_size=1)))
def test_merging_twice_changes_nothing_more(old: Paper, new: Paper) -> None:

    once = merge(old, new)
    assert merge(once, new) == once


def test_a_title_in_tex_has_the_key_of_its_unicode_text() -> None:
    assert title_key(r"$\ell_1$ in $\tilde{O}(n)$ by \textbf{Andr\'e}") == title_key("ℓ₁ in Õ(n) by André")


def test_merging_turns_tex_into_text_only_where_both_say_the_same() -> None:
    old = paper(r"FG$^2$", abstract=r"By 5\%.", authors=(r"Andr\'e",), key="arxiv:1")
    new = paper("FG²", abstract="By 6%.", authors=("André",), key="arxiv:1")
    merged = merge(old, new)
    assert (merged.title, merged.abstract, merged.authors) == ("FG²", r"By 5\%.", ("André",))


def test_what_is_published_stays_so_in_later_versions_of_its_preprint() -> None:
    published = paper("A", key="doi:10.1101/1", doi="10.7554/elife.1", version=1)
    later = paper("A, Revised", key="doi:10.1101/1", doi="10.1101/1", version=2)
    merged = merge(published, later)
    assert (merged.key, merged.doi, merged.title) == ("doi:10.1101/1", "10.7554/elife.1", "A, Revised")
    assert merge(later, published).doi == "10.7554/elife.1"


# Works that are known by the link of their page


@pytest.mark.parametrize(
    "link",
    [
        "https://blog.example.org/2026/attention",
        "http://blog.example.org/2026/attention/",
        "HTTPS://Blog.Example.ORG/2026/attention?utm_source=rss&utm_medium=feed",
        "https://blog.example.org:443/2026/attention#comments",
        "https://someone@blog.example.org/2026/attention",
        " https://blog.example.org/2026/attention\n",
    ],
)
def test_a_link_is_the_same_however_it_is_written(link: str) -> None:
    assert url_key(link) == "url:blog.example.org/2026/attention"


@pytest.mark.parametrize(
    "link",
    [
        "https://blog.example.org/2026/Attention",
        "https://example.org/2026/attention",
        "https://blog.example.org/2026/attention?page=2",
        "https://blog.example.org:8080/2026/attention",
    ],
)
def test_other_links_are_other_works(link: str) -> None:
    assert url_key(link) not in (None, url_key("https://blog.example.org/2026/attention"))


@pytest.mark.parametrize(
    "link",
    ["", "urn:uuid:1", "javascript:alert(1)", "https://", "https://example.org/", "https://example.org?utm_source=x",
     "https://[::1", "https://example.org:port/a", "/relative", "ftp://example.org/a"],
)  # fmt: skip
def test_home_pages_and_what_is_no_link_name_no_work(link: str) -> None:
    assert url_key(link) is None


@example("https://0/ #")
@given(st.text(max_size=60) | st.text(max_size=40).map("https://example.org/".__add__))
def test_any_text_is_a_link_or_none(text: str) -> None:
    key = url_key(text)
    assert key is None or (key.encode() and url_key("https://" + key.removeprefix("url:")) == key)


def test_a_link_is_better_than_a_title_and_worse_than_ids() -> None:
    page = "https://example.org/a"
    assert paper_key(title="T", url=page, authors=("Jane Doe",)) == "url:example.org/a"
    assert paper_key(title="T", url=page, doi_text="10.1000/x") == "doi:10.1000/x"
    assert merge(paper("T"), paper("T", key="url:example.org/a")).key == "url:example.org/a"
    assert merge(paper("T", key="url:example.org/a"), paper("T", key="doi:10.1000/x")).key == "doi:10.1000/x"


def test_two_pages_of_one_host_are_two_works_even_by_one_author() -> None:
    by_doe = {"authors": ("Jane Doe",)}
    first = paper("This Week in Machine Learning", key="url:example.org/27", **by_doe)
    assert not same_work(first, paper("This Week in Machine Learning", key="url:example.org/28", **by_doe))
    assert same_work(first, paper("A Title That Changed", key="url:example.org/27"))


def test_pages_of_two_hosts_are_one_work_when_the_author_is() -> None:
    first = paper("Attention in Small Models", key="url:example.org/27", authors=("Jane Doe",))
    there = {"title": "Attention in Small Models", "key": "url:planet.example.net/a"}
    assert same_work(first, paper(**there, authors=("Doe, J.",)))
    assert not same_work(first, paper(**there, authors=("Ann Roe",)))


def test_a_page_joins_the_numbered_work_of_its_title_and_author() -> None:
    page = paper("Attention in Small Models", key="url:example.org/27", authors=("Jane Doe",))
    assert same_work(page, paper("Attention in Small Models", key="arxiv:2107.05580", authors=("Jane Doe",)))
