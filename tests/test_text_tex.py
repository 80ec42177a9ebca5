"""TeX to Unicode text and to HTML."""

import gzip
import json
import re
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.text.identity import title_key
from digestmail.text.tex import to_html, to_text

# text in which TeX is likely
TEXISH = st.lists(
    st.sampled_from([*"ab1 $$\\{}^_~-'`.,([)]&%", r"\alpha", r"\frac", r"\text", r"\le", r"\log", r"\'", r"\(", r"\)"])
).map("".join)


@pytest.mark.parametrize(
    "text",
    [
        "costs $5 million, $5-$10, or between $1M and $2M",
        "improves by 5% over R&D, #1",
        "foo_bar and __init__, ^_^, a_c@example.org",
        "the set {1, 2, 3} and {a, b}",
        "running up to ~3x faster, 5~10 or 2.37% ~ 4.83%",
        "https://example.org/~ann/a--b_{c",
        "digestmail --dry-run",
        "$OneMillion-Bench",
        "",
        "⟨ψ|H₂O|φ⟩",
    ],
)
def test_what_is_not_tex_stays(text: str) -> None:
    assert to_text(text) == text


@pytest.mark.parametrize("text", ["a { b", "a } b", "$", "$$", "\\", r"\textbf{bold", "x^", "$x", "{$"])
def test_unbalanced_input_is_left_as_it_was(text: str) -> None:
    assert to_text(text) == text


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"$\ell_1$-norm", "ℓ₁-norm"),
        (r"FG$^2$ and TC$^0$", "FG² and TC⁰"),
        (r"$\tilde{O}(n^{3/2})$", "Õ(n^(3/2))"),
        (r"\(\epsilon\)-DP and \[x^2\] and $$y_1$$", "ε-DP and x² and y₁"),
        (r"$\mathbb{R}^n$, $\mathcal{O}(1)$, $\mathbf x$", "ℝⁿ, O(1), x"),
        (r"$\frac{1}{2}$, $\frac{a+b}{c}$, $2\frac{1}{2}$", "1/2, (a+b)/c, 2 1/2"),
        (r"$\sqrt{2}$, $\sqrt{x+y}$, $\sqrt[3]{x}$", "√2, √(x+y), ∛x"),
        (r"$n\log n$, $\log_2 n$, $O(\log n)$", "n log n, log₂ n, O(log n)"),
        (r"$x\leq 5$, $x \le5$, ($\leq 5$), $A \to B$", "x ≤ 5, x ≤ 5, (≤5), A → B"),
        (r"$4\times$ faster, $3 \times 3$, $3\times 3$", "4× faster, 3 × 3, 3×3"),
        (r"$\alpha x$, $\alpha = 3$, $\alpha$-synuclein", "αx, α = 3, α-synuclein"),
        (r"$p_T$, $L^\infty$, $x_{i,j}^2$, $2^{2^n}$", "p_(T), L^(∞), x_(i,j)², 2^(2ⁿ)"),
        (r"PM$_{2.5}$, $90^\circ$, $x^*$, $f'$", "PM₂.₅, 90°, x*, f′"),
        (r"$\hat{x}$, $\overline{AB}$, $a \not= b$, $\not\in$", "x̂, AB, a ≠ b, ∉"),
        (r"$\{1,\ldots,n\}$ and $\langle x, y\rangle$", "{1,…,n} and ⟨x, y⟩"),
        (r"$\binom{n}{k} \pmod{4}$, $\operatorname{tr}A$", "C(n, k) (mod 4), tr A"),
        (r"\textbf{Bold \emph{and more}}, {\em so}, {DNA}, \textsc{Math}", "Bold and more, so, DNA, Math"),
        (r"\method{} beats \ours by 5\%, \eg here, \ac{LLM}", "method beats ours by 5%, e.g. here, LLM"),
        (r"as shown~\cite{a,b}. See Fig.~1 \& $60$~FPS", "as shown. See Fig. 1 & 60 FPS"),
        (r"\href{https://a.org/b_c}{here}, \url{https://a.org/x--y}", "here (https://a.org/b_c), https://a.org/x--y"),
        (r"``quoted'' -- a dash---or two, pages 1--2", "“quoted” – a dash—or two, pages 1–2"),
        (r"M^3, D\textsuperscript{4}Fuse, C^2GR, 10^-19, T^{2/3}", "M³, D⁴Fuse, C²GR, 10⁻¹⁹, T^(2/3)"),
        (r"purity $>$95% and ($\times$4)", "purity >95% and (×4)"),
        (r"$5 million for $\alpha$", "$5 million for α"),
        (r"optimize\_anything", "optimize_anything"),
    ],
)
def test_tex_becomes_text(tex: str, text: str) -> None:
    assert to_text(tex) == text


@pytest.mark.parametrize(
    ("tex", "name"),
    [
        (r"Andr\'e", "André"),
        (r"Andr\'e--\'Etienne", "André–Étienne"),
        (r"M\"{u}ller", "Müller"),
        (r"Erd\H{o}s", "Erdős"),
        (r"\L ukasz", "Łukasz"),
        (r"Fran\c{c}ois", "François"),
        (r"{\O}ystein Bj\o rn", "Øystein Bjørn"),
        (r"Mart\'{\i}nez, \v Si\v{c}", "Martínez, Šič"),
        (r"\AA ngstr\"om, Gr\"{o}{\ss}e", "Ångström, Größe"),
        ("O'Neil & Sons", "O'Neil & Sons"),
    ],
)
def test_accents_of_names_are_letters(tex: str, name: str) -> None:
    assert to_text(tex) == name


@given(st.text() | TEXISH)
def test_any_text_can_be_read(text: str) -> None:
    assert isinstance(to_text(text), str)


@given(st.text(alphabet=st.characters(exclude_characters="\\$^{~`-")))
def test_text_without_signs_of_tex_stays(text: str) -> None:
    assert to_text(text) == text


def test_the_deepest_nesting_ends() -> None:
    assert "x" in to_text("$" + "{" * 5_000 + "x" + "}" * 5_000 + "$")
    assert "x" in to_text("{" * 50_000 + "x" + "}" * 50_000)
    assert "x" in to_text(r"\textbf{" * 2_000 + "x" + "}" * 2_000)


def test_scripts_are_elements_of_html() -> None:
    assert to_html("TC⁰, H₂O, n^(3/2), x_(i,j)², PM₂.₅") == (
        "TC<sup>0</sup>, H<sub>2</sub>O, n<sup>3/2</sup>, x<sub>i,j</sub><sup>2</sup>, PM<sub>2.5</sub>"
    )


def test_what_is_raised_within_a_script_stays_raised_in_html() -> None:
    assert to_html("F_(pᵐ) and 2^(2ⁿ)") == "F<sub>pᵐ</sub> and 2<sup>2ⁿ</sup>"


def test_addresses_keep_their_underscores_in_html() -> None:
    assert to_html("see https://example.org/a_(b) and _(word)") == "see https://example.org/a_(b) and _(word)"


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag if not attrs else f"{tag} with attributes")


@given(st.text() | TEXISH | st.text(alphabet="<>&\"'^_()²₁ab/="))
def test_html_holds_no_element_but_scripts(text: str) -> None:
    elements = _Elements()
    elements.feed(to_html(to_text(text)))
    elements.close()
    assert elements.found <= {"sub", "sup"}


@given(st.text(alphabet=st.characters(exclude_characters="^_<>&\"'", categories=["L", "N", "P", "Z"])))
def test_html_says_what_the_text_says(text: str) -> None:
    without_tags = re.sub(r"</?su[bp]>", "", to_html(text))
    # raised and lowered letters are the plain ones in HTML
    plain = unicodedata.normalize("NFKC", text)
    assert title_key(unicodedata.normalize("NFKC", without_tags)) == title_key(plain)


@pytest.fixture
def rows(shared_data: Callable[[str], Path]) -> list[dict[str, str]]:
    with gzip.open(shared_data("corpus/arxiv-2026-03-to-06.jsonl.gz"), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines][::4]


def test_no_backslash_and_no_dollar_of_real_titles_is_left(rows: list[dict[str, str]]) -> None:
    titles = [to_text(row["title"]) for row in rows]
    assert [title for title in titles if "\\" in title or "$" in title] == []


def test_what_real_titles_keep_of_tex_scripts_is_our_own_notation(rows: list[dict[str, str]]) -> None:
    in_tex = [to_text(row["title"]) for row in rows if re.search(r"[\\$]", row["title"])]
    assert [title for title in in_tex if re.search(r"[\^_](?!\()", title)] == []
    assert [title for title in in_tex if re.search(r"[\^_]", to_html(title))] == []


def test_a_backslash_is_left_in_real_abstracts_only_where_braces_do_not_match(rows: list[dict[str, str]]) -> None:
    left = [row["abstract"] for row in rows if "\\" in to_text(row["abstract"])]
    assert len(left) <= len(rows) / 1000
    assert all(abstract.count("{") - abstract.count(r"\{") for abstract in left)


def test_real_titles_keep_their_key(rows: list[dict[str, str]]) -> None:
    assert [row["title"] for row in rows if title_key(row["title"]) != title_key(to_text(row["title"]))] == []
