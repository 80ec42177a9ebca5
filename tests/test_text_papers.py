"""Papers as they are kept."""

from hypothesis import given
from hypothesis import strategies as st

from builders import paper
from digestmail.text.clean import clean_line
from digestmail.text.papers import readable


def test_tex_becomes_text_and_addresses_are_found() -> None:
    written = paper(
        r"$\ell_1$ \& more",
        abstract=r"Up to 5\%. Code: \url{https://github.com/ann/a\_b}. Project page: https://ann.github.io/a/.",
        authors=(r"M\"{u}ller", "Bo"),
    )
    kept = readable(written)
    assert (kept.title, kept.authors) == ("ℓ₁ & more", ("Müller", "Bo"))
    assert (kept.code_url, kept.project_url) == ("https://github.com/ann/a_b", "https://ann.github.io/a/")


def test_a_title_of_nothing_but_commands_is_kept() -> None:
    assert readable(paper(r"\label{x}", key="arxiv:1")).title == r"\label{x}"


@given(st.text(), st.text(), st.lists(st.text(min_size=1)))
def test_any_paper_can_be_kept_and_is_clean(title: str, abstract: str, authors: list[str]) -> None:
    kept = readable(paper(title, abstract=abstract, authors=tuple(authors)))
    assert kept.abstract == clean_line(kept.abstract)
    assert kept.key == paper(title).key
    assert len(kept.authors) == len(authors)
