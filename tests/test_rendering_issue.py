"""Issues in words: everything is there, nothing of a paper or a reader can act, and both parts say the same."""

import html as entities
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import THE_LIST, in_all, issue, match, paper, papers, subscriber
from digestmail.errors import TemplateError
from digestmail.model import Cadence, Evidence, Field, Issue, Match, Paper, RankedPaper, Receipt, Rendered
from digestmail.rendering.cards import Card
from digestmail.rendering.compile import Templates
from digestmail.rendering.issue import issue_context, render_issue
from digestmail.rendering.reasons import percentages
from digestmail.text.clean import clean_line

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
TEMPLATE = Templates(ROOT / "templates").load("issue")
UNSUBSCRIBE = "mailto:papers@example.org?subject=unsubscribe"
VOID = {"meta", "br", "hr", "img", "link", "input", "col"}


class Page(HTMLParser):
    """What a reader sees, and whether every element that opens also closes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.hrefs: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.hrefs += [value or "" for name, value in attrs if name == "href"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def render(number: Issue) -> Rendered:
    return render_issue(number, TEMPLATE, unsubscribe_url=UNSUBSCRIBE)


def flat(text: str) -> str:
    """Text without its line breaks."""
    return " ".join(text.split())


def card(one: Paper, *matches: Match) -> Card:
    ranked = RankedPaper(one, sum(match.points for match in matches), matches)
    number = replace(issue([]), papers=(ranked,))
    cards = issue_context(number, unsubscribe_url=UNSUBSCRIBE)["cards"]
    assert isinstance(cards, tuple)
    assert isinstance(cards[0], Card)
    return cards[0]


def links(one: Paper) -> dict[str, str]:
    return {link.label: link.url for link in card(one).links}


# hostile and unusual text

TRICKY = [
    "<script>alert(1)</script>",
    "{{7*7}}",
    "{% raw %}{% endif %}{# #}",
    "</mj-text></mj-column><mj-raw>",
    "--><![endif]--><style>*{}</style>",
    "\"quotes' & <O'Neil & Co> &amp; &lt;b&gt;",
    "דרך חדשה לתרגום",
    "🦙 emoji 👩🏽‍💻 and ZWJ",
    "The $\\mathcal{O}(n^{3/2})$ bound_{x} \\textbf{now}",
    "Long " + "word " * 59,
    "x" * 300,
    "dm00000000n0z",
]


@pytest.mark.parametrize("words", TRICKY)
def test_text_of_a_paper_is_inert_in_html_and_intact_in_text(words: str) -> None:
    usual = Page(render(issue([paper("T", abstract="A", authors=("N",), key="k")])).html)
    out = render(issue([paper(clean_line(words), abstract=words, authors=(words,), key="k")]))
    page = Page(out.html)
    assert page.tags == usual.tags
    assert page.attributes == usual.attributes
    assert page.text.count(flat(words)) >= 3
    assert entities.escape(flat(words), quote=False) in out.html.replace("&#34;", '"').replace("&#39;", "'")
    assert "".join(words.split()) in "".join(out.text.split())


@pytest.mark.parametrize("words", TRICKY)
def test_text_of_a_reader_is_inert_in_html(words: str) -> None:
    reader = subscriber(email=words, keywords=[])
    out = render(issue([paper()], reader))
    assert Page(out.html).tags == Page(render(issue([paper()], subscriber(keywords=[]))).html).tags
    assert flat(words) in Page(out.html).text


@given(
    title=st.text(max_size=120),
    abstract=st.text(max_size=300),
    author=st.text(max_size=40),
    organization=st.text(max_size=40),
    url=st.text(max_size=60),
    doi=st.text(max_size=30),
)
def test_any_paper_renders_with_balanced_html_and_its_title(
    title: str, abstract: str, author: str, organization: str, url: str, doi: str
) -> None:
    one = paper(title, key="k", abstract=abstract, authors=(author,), organization=organization, url=url, doi=doi)
    out = render(issue([one, replace(one, key="arxiv:" + url, authors=())]))
    page = Page(out.html)
    assert clean_line(title) in page.text
    assert "\n" not in out.subject
    assert out.html.encode()
    assert all(href.startswith(("https://", "http://", "mailto:papers@")) for href in page.hrefs)
    assert page.tags.count("h2") == 2


@given(st.lists(st.text("ab <>&漢字'é-.", max_size=150), min_size=1, max_size=4))
def test_lines_of_the_text_part_have_72_columns_unless_they_hold_a_url(titles: list[str]) -> None:
    text = render(issue([paper(title, key=f"k{at}", abstract=title) for at, title in enumerate(titles)])).text
    for line in text.split("\n"):
        width = sum(2 if one in "漢字" else 1 for one in line)
        assert width <= 72 or re.search(r"https?://|mailto:", line)


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "//example.org", "http://", "http://[x", "ftp://example.org", " "],
)
def test_only_web_addresses_become_links(address: str) -> None:
    assert links(paper(url=address, code_url=address, project_url=address)) == {}


def test_an_address_cannot_leave_its_attribute() -> None:
    out = render(issue([paper(url='https://example.org/"><b onclick="x">')]))
    assert "onclick" not in Page(out.html).attributes
    assert "https://example.org/%22%3E%3Cb%20onclick=%22x%22%3E" in Page(out.html).hrefs


# links


def test_a_published_preprint_leads_to_the_preprint_and_to_the_publication() -> None:
    preprint = "https://www.biorxiv.org/content/10.1101/456574v1"
    own = {"key": "doi:10.1101/456574", "url": preprint, "open_access_url": "https://elife.example.org/1.pdf"}
    assert links(paper(doi="10.1101/456574", **own)) == {"DOI": "https://doi.org/10.1101/456574"}
    assert links(paper(doi="10.7554/elife.43696", **own)) == {
        "Preprint": preprint,
        "DOI": "https://doi.org/10.7554/elife.43696",
    }


def test_an_open_copy_is_linked_where_the_paper_itself_is_no_open_copy() -> None:
    address = "https://repository.example.org/1.pdf"
    assert links(paper(key="doi:10.1038/1", doi="10.1038/1", open_access_url=address)) == {
        "DOI": "https://doi.org/10.1038/1",
        "Open access": address,
    }
    assert "Open access" not in links(paper(key="arxiv:2606.26740", open_access_url=address))
    assert "Open access" not in links(paper(doi="10.1038/1", open_access_url="javascript:alert(1)"))


@pytest.mark.parametrize(
    ("code", "citations", "label"),
    [
        ("en", "1,204 citations", "Open access"),
        ("de", "1.204 Zitate", "Frei zugänglich"),
        ("es", "1.204 citas", "Acceso abierto"),
        ("fr", "1 204 citations", "Accès libre"),
        ("zh", "被引用 1,204 次", "开放获取"),
    ],
)
def test_where_a_paper_was_published_and_how_often_it_is_cited_is_told_in_html_and_text(
    code: str, citations: str, label: str
) -> None:
    one = paper(
        "Attention",
        key="doi:10.1038/1",
        doi="10.1038/1",
        venue="Nature  Methods",
        citations=1204,
        open_access_url="https://repository.example.org/1.pdf",
    )
    shown = render(issue([one], subscriber(language=code)))
    for text in (shown.html, shown.text):
        plain = flat(text)
        assert f"Nature Methods · {citations}" in plain
        assert label in plain
        assert "https://repository.example.org/1.pdf" in plain


def test_no_citations_are_not_told() -> None:
    assert card(paper(citations=0, venue=" ")).facts == card(paper()).facts


def test_an_arxiv_paper_links_to_arxiv_and_to_where_its_votes_are() -> None:
    assert links(paper(key="arxiv:2606.26740", upvotes=3)) == {
        "arXiv": "https://arxiv.org/abs/2606.26740",
        "PDF": "https://arxiv.org/pdf/2606.26740",
        "HTML": "https://arxiv.org/html/2606.26740",
        "Hugging Face": "https://huggingface.co/papers/2606.26740",
    }
    assert list(links(paper(key="arxiv:math/0309136"))) == ["arXiv", "PDF"]


def test_arxiv_has_html_of_papers_since_december_2023() -> None:
    assert "HTML" in links(paper(key="arxiv:2312.00001"))
    assert "HTML" not in links(paper(key="arxiv:2311.18840"))


def test_a_doi_leads_to_its_resolver_with_reserved_characters_encoded() -> None:
    assert links(paper(key="doi:x", doi="10.1002/(a)1:2<3>#4")) == {"DOI": "https://doi.org/10.1002/(a)1:2%3C3%3E%234"}


def test_a_search_address_says_that_it_searches() -> None:
    search = "https://arxiv.org/search/?query=a+b&searchtype=title"
    assert links(paper(url=search)) == {"Find on arXiv": search}
    assert links(paper(url="https://example.org/paper")) == {"Read": "https://example.org/paper"}


def test_code_and_project_are_linked_but_not_the_paper_as_its_own_project() -> None:
    one = paper(key="arxiv:2606.26740", code_url="https://example.org/c", project_url="https://example.org/p")
    assert list(links(one)) == ["arXiv", "PDF", "HTML", "Code", "Project"]
    own = paper(key="arxiv:2606.26740", project_url="https://arxiv.org/abs/2606.26740v2")
    assert list(links(own)) == ["arXiv", "PDF", "HTML"]
    twice = paper(code_url="https://example.org/c", project_url="https://example.org/c")
    assert list(links(twice)) == ["Code"]


def test_a_title_leads_to_the_paper_never_to_its_code() -> None:
    assert card(paper(key="arxiv:2606.26740")).url == "https://arxiv.org/abs/2606.26740"
    assert card(paper(code_url="https://example.org/c")).url == ""


# bylines and reasons


@pytest.mark.parametrize(
    ("one", "byline"),
    [
        (paper(authors=("A", "B", "C")), "A, B, C"),
        (paper(authors=("A", "B", "C", "D", "E")), "A, B, C and 2 more"),
        (paper(authors=("A",), author_count=9, organization="O"), "A and 8 more"),
        (paper(organization="O", author_count=9), "O"),
        (paper(author_count=9), "9 authors"),
        (paper(author_count=1), "1 author"),
        (paper(), ""),
    ],
)
def test_a_byline_names_three_authors_else_the_organisation_else_a_number(one: Paper, byline: str) -> None:
    assert card(one).byline == byline


def test_facts_leave_out_what_is_not_known() -> None:
    assert card(paper()).facts == ()
    one = paper(
        authors=("A",),
        published=date(2026, 6, 5),
        listed=date(2026, 6, 9),
        categories=("cs.LG", "stat.ML"),
        upvotes=1,
        comments=0,
    )
    assert card(one).facts == ("A", "5 Jun 2026", "cs.LG", "1 upvote")


def test_reasons_name_the_words_the_places_and_the_share() -> None:
    matches = (
        in_all(match("video", Field.TITLE, "Videos", 1, 4.0), match("video", Field.ABSTRACT, "video", 3, 2.0)),
        match("tri dao", Field.AUTHOR, "Tri Dao", 1, 3.0),
        match("cs.LG", Field.CATEGORY, "cs.LG", 1, 1.0),
    )
    reasons = card(paper(), *matches).why
    assert [(one.keyword, one.words, one.where, one.share) for one in reasons] == [
        ("video", "Videos", "in the title, in the abstract ×3", "60%"),
        ("tri dao", "Tri Dao", "among the authors", "30%"),
        ("cs.LG", "cs.LG", "among the categories", "10%"),
    ]


def test_a_single_reason_needs_no_share() -> None:
    assert [one.share for one in card(paper(), match("video", Field.TITLE, "video", 1, 4.0)).why] == [""]


def found(keyword: str, field: Field, evidence: Evidence, points: float = 1.0, **facts: object) -> Match:
    given = {"text": keyword.title(), "count": 1, **facts}
    return match(keyword, field, points=points, evidence=evidence, **given)  # type: ignore[arg-type]


TITLE, ABSTRACT = Field.TITLE, Field.ABSTRACT
MOE = "mixture of experts"


@pytest.mark.parametrize(
    ("matches", "words", "where"),
    [
        ([found(MOE, TITLE, Evidence.EXACT)], "Mixture Of Experts", "in the title"),
        (
            [found(MOE, ABSTRACT, Evidence.NEAR, text="experts in a mixture")],
            "experts in a mixture",
            "close together in the abstract",
        ),
        (
            [found(MOE, ABSTRACT, Evidence.WORDS, text="expert, mix")],
            "expert, mix",
            "of «mixture of experts» in the abstract",
        ),
        (
            [
                found(MOE, TITLE, Evidence.WORDS, text="Expert"),
                found(MOE, ABSTRACT, Evidence.WORDS, text="expert, mix", count=3),
            ],
            "Expert, mix",
            "of «mixture of experts» in the title, in the abstract",
        ),
        (
            [found(MOE, TITLE, Evidence.WORDS), found(MOE, ABSTRACT, Evidence.EXACT, count=2)],
            "Mixture Of Experts",
            "some of its words in the title, in the abstract ×2",
        ),
        ([found("tri dao", Field.AUTHOR, Evidence.AUTHOR)], "Tri Dao", "among the authors"),
        ([found("cs.LG", Field.CATEGORY, Evidence.CATEGORY, text="cs.LG")], "cs.LG", "among the categories"),
        (
            [
                found("papers like «A»", TITLE, Evidence.LIKE, text="Router, prune"),
                found("papers like «B»", ABSTRACT, Evidence.LIKE, text="router"),
            ],
            "Router, prune",
            "as in papers you asked for more of",
        ),
    ],
)
def test_a_reason_says_how_its_keyword_was_found(matches: list[Match], words: str, where: str) -> None:
    [reason] = card(paper(), in_all(*matches)).why
    assert (reason.words, reason.where, reason.share, reason.against) == (words, where, "", False)


def test_what_speaks_against_a_paper_comes_last_and_takes_no_share() -> None:
    matches = (
        found("video", TITLE, Evidence.EXACT, 3.0),
        found("papers like «B»", TITLE, Evidence.LIKE, 1.0),
        found("papers like «A»", TITLE, Evidence.DISLIKE, -2.0),
    )
    shown = card(paper(), *matches).why
    assert [(one.where, one.share, one.against) for one in shown] == [
        ("in the title", "75%", False),
        ("as in papers you asked for more of", "25%", False),
        ("as in papers you asked for less of", "", True),
    ]


def test_nothing_is_a_reason_for_a_paper_that_only_has_something_against_it() -> None:
    assert card(paper(), found("papers like «A»", TITLE, Evidence.DISLIKE, -2.0)).why == ()


@given(st.lists(st.floats(0.001, 100), min_size=2, max_size=12))
def test_the_shares_of_a_paper_add_up_to_100_per_cent(points: list[float]) -> None:
    points = sorted(points, reverse=True)
    matches = [found(f"k{at}", TITLE, Evidence.EXACT, one) for at, one in enumerate(points)]
    shares = [int(one.share.removesuffix("%").replace("<1", "0")) for one in card(paper(), *matches).why]
    assert sum(shares) == 100
    each, rest = (points, []) if len(points) < 5 else (points[:3], points[3:])
    exact = [100 * one / sum(points) for one in each]
    assert all(abs(share - one) < 1 for share, one in zip(shares, exact, strict=False))
    # the last of five and more stands for several, each of which was rounded
    assert len(shares) == len(each) + bool(rest)
    assert abs(sum(shares[: len(each)]) - sum(exact)) < len(each)


@pytest.mark.parametrize(
    ("evidence", "bold"),
    [(Evidence.EXACT, True), (Evidence.NEAR, True), (Evidence.WORDS, False), (Evidence.LIKE, False)],
)
def test_only_what_a_keyword_says_is_bold(evidence: Evidence, bold: bool) -> None:
    shown = card(paper(abstract="On big models."), found("big", ABSTRACT, evidence, spans=((3, 6),)))
    assert shown.abstract.__html__() == ("On <b>big</b> models." if bold else "On big models.")


def test_matched_words_are_bold_in_both_parts() -> None:
    ranked = RankedPaper(
        paper(abstract="On <big> models."), 1.0, (match("big", Field.ABSTRACT, "big", 1, 1.0, ((4, 7),)),)
    )
    out = render(replace(issue([]), papers=(ranked,)))
    assert "On &lt;<b>big</b>&gt; models." in out.html
    assert "Why you got this: <b>big</b> in the abstract" in out.html
    assert "Why you got this: - *big* in the abstract" in flat(out.text)
    assert "On <big> models." in out.text


@pytest.mark.parametrize("spans", [((4, 99),), ((-3, 2),), ((5, 5),), ((3, 6), (4, 7)), ()])
def test_spans_that_do_not_fit_lose_no_text(spans: tuple[tuple[int, int], ...]) -> None:
    shown = card(paper(abstract="On big models."), match("big", Field.ABSTRACT, "big", 1, 1.0, spans))
    assert shown.abstract == "On big models."


def test_matched_words_are_bold_in_the_title_too() -> None:
    shown = card(paper("Big <models>"), match("big", Field.TITLE, "Big", 1, 1.0, ((0, 3),)))
    assert shown.title == "Big <models>"
    assert shown.title.__html__() == "<b>Big</b> &lt;models&gt;"


# topics


def by_topic(*topics: str, keywords: tuple[str, ...] = ("[systems] a", "[theory] b", "c")) -> Issue:
    """An issue of papers titled 0, 1, 2 … with falling scores and these topics."""
    shown = tuple(RankedPaper(paper(f"Paper {at}"), 9.0 - at, (), topic) for at, topic in enumerate(topics))
    return replace(issue([], subscriber(keywords=keywords)), papers=shown)


def headings(number: Issue) -> list[tuple[str, list[tuple[str, str]]]]:
    groups = issue_context(number, unsubscribe_url=UNSUBSCRIBE)["groups"]
    return [(group.heading, [(one.number, one.title) for one in group.cards]) for group in groups]  # type: ignore[attr-defined]


def test_papers_stand_under_their_topics_in_the_order_of_the_profile_numbered_through() -> None:
    number = by_topic("theory", "", "systems", "theory", "systems")
    assert headings(number) == [
        ("systems", [(" 1", "Paper 2"), (" 2", "Paper 4")]),
        ("theory", [(" 3", "Paper 0"), (" 4", "Paper 3")]),
        ("More", [(" 5", "Paper 1")]),
    ]
    out = render(number)
    assert out.subject == "Paper 2 + 4 more papers"
    for text in (Page(out.html).text, flat(out.text)):
        words = ("systems", "1. Paper 2", "theory", "3. Paper 0", "More", "5. Paper 1")
        places = [text.rindex(one) for one in words]
        assert places == sorted(places)
        assert "5 papers for your keywords, by topic." in text


def test_a_group_is_ordered_by_score_whatever_the_order_of_the_plan() -> None:
    number = by_topic("systems", "systems", "theory")
    backwards = replace(number, papers=number.papers[::-1])
    assert headings(backwards) == headings(number)


def test_without_topics_there_are_no_headings_and_the_order_is_that_of_the_plan() -> None:
    number = by_topic("", "", keywords=("a", "b"))
    backwards = replace(number, papers=number.papers[::-1])
    assert headings(backwards) == [("", [(" 1", "Paper 1"), (" 2", "Paper 0")])]
    assert "topic" not in Page(render(number).html).text


def test_papers_that_all_lack_a_topic_need_no_heading() -> None:
    assert [heading for heading, _ in headings(by_topic("", ""))] == [""]


def test_a_topic_that_the_profile_has_given_up_since_still_shows_its_papers() -> None:
    number = by_topic("vision", "systems", keywords=("[systems] a",))
    assert headings(number) == [("systems", [(" 1", "Paper 1")]), ("vision", [(" 2", "Paper 0")])]


@pytest.mark.parametrize("words", TRICKY)
def test_the_name_of_a_topic_is_inert(words: str) -> None:
    usual = Page(render(by_topic("systems")).html)
    page = Page(render(by_topic(words)).html)
    assert (page.tags, page.attributes) == (usual.tags, usual.attributes)
    assert flat(words) in page.text


def test_a_reader_with_nothing_but_likes_is_told_what_the_papers_are() -> None:
    reader = subscriber()
    reader = replace(reader, profile=replace(reader.profile, keywords=(), liked=(paper("Liked"),)))
    out = render(issue(papers(2), reader))
    for text in (Page(out.html).text, flat(out.text)):
        assert "apers like those you asked for more of." in text
        assert "upvotes." not in text
        assert "2 matched" in text


# the issue as a whole


def test_the_subject_names_the_first_paper_and_counts_the_others() -> None:
    assert render(issue(papers(1))).subject == "Quantization number 0"
    assert render(issue(papers(2))).subject == "Quantization number 0 + 1 more paper"
    assert render(issue(papers(10))).subject == "Quantization number 0 + 9 more papers"
    long = render(issue([paper("word " * 60), paper()])).subject
    assert long.endswith("word… + 1 more paper")
    assert len(long) < 95


def test_an_inbox_shows_what_the_first_paper_did_and_the_next_title() -> None:
    first = paper("First", abstract="Much is known. We show that more is possible. It works.")
    page = Page(render(issue([first, *papers(4)])).html)
    after_title = page.text.removeprefix("Daily Papers, Tuesday, 30 June 2026")
    assert after_title.strip().startswith("We show that more is possible. · Quantization number 0")


def test_an_empty_issue_says_so_in_every_part() -> None:
    out = render(issue([]))
    assert out.subject == "No new papers for you today"
    assert "No new papers for you today." in Page(out.html).text
    assert "No new papers for you today." in out.text
    assert "h2" not in Page(out.html).tags


def test_sample_papers_are_called_samples_in_both_parts_and_live_ones_are_not() -> None:
    sample = render(issue([paper(sample=True)]))
    live = render(issue([paper()]))
    for text in (Page(sample.html).text, sample.text):
        assert "Sample papers" in text
        assert "No live source answered" in text
    assert "Sample" not in Page(live.html).text + live.text


def test_a_reader_without_keywords_gets_the_papers_by_upvotes() -> None:
    out = render(issue(papers(3), subscriber(keywords=[])))
    for text in (Page(out.html).text, flat(out.text)):
        assert text.count("day’s papers by upvotes") == 2
        assert "your keywords" not in text
        assert "matched" not in text


def test_the_footer_tells_why_it_came_and_what_was_weighed() -> None:
    reader = subscriber(
        keywords=['"mixture of experts"^3', "author:Tri Dao", "-survey"], cadence=Cadence.parse("weekly:wed")
    )
    number = replace(issue([paper()], reader), receipt=Receipt(1214, 19, 2, 10))
    out = render(number)
    for text in (Page(out.html).text, flat(out.text)):
        assert (
            "1,214 new papers in your sources, 19 matched, 2 kept out by your negative keywords, 10 here, "
            "9 carried to next time." in text
        )
        assert (
            "reader@example.org is subscribed to Daily Papers, every Wednesday, with these keywords: "
            '"mixture of experts", author:Tri Dao, -survey.' in text
        )


def test_many_keywords_are_told_in_short() -> None:
    words = issue_context(issue([], subscriber(keywords=list("abcdefghi"))), unsubscribe_url="")["keywords"]
    assert words == "a, b, c, d, e, f and 3 more"


def test_unsubscribing_is_offered_at_the_top_and_at_the_bottom_of_both_parts() -> None:
    out = render(issue(papers(2)))
    hrefs = Page(out.html).hrefs
    assert hrefs[0] == hrefs[-1] == UNSUBSCRIBE
    lines = out.text.split("\n")
    assert lines.index(f"Unsubscribe: {UNSUBSCRIBE}") < 6
    assert lines[-2:] == [f"Unsubscribe: {UNSUBSCRIBE}", ""]
    assert "-- " in lines


def test_both_parts_carry_the_same_information() -> None:
    one = paper(
        "A title",
        key="arxiv:2606.26740",
        abstract="An abstract.",
        authors=("A. Author",),
        published=date(2026, 6, 25),
        upvotes=7,
        comments=2,
        code_url="https://example.org/c",
    )
    out = render(issue([one]))
    page = Page(out.html)
    for words in ("A title", "An abstract.", "A. Author · 25 Jun 2026 · 7 upvotes · 2 comments", "in the title"):
        assert words in page.text
        assert words in out.text
    assert all(f"{href}\n" in out.text for href in page.hrefs)


def test_the_html_loads_nothing_from_anywhere() -> None:
    html = render(issue(papers(10))).html
    page = Page(html)
    assert not {"img", "link", "script", "iframe", "object", "video"} & set(page.tags)
    assert not {"src", "srcset", "background"} & page.attributes
    assert not re.search(r"@import|@font-face|url\(", html)
    assert "{{" not in html
    assert "data-premailer" not in html


def test_the_html_is_ready_for_readers_of_every_kind() -> None:
    html = render(issue(papers(3))).html
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert page.tags.count("h1") == 1
    assert page.tags.count("h2") == 3
    assert '<html lang="en"' in html
    assert html.count('<h2 class="title" dir="auto"') == 3
    assert 'name="color-scheme" content="light dark"' in html
    assert "prefers-color-scheme: dark" in html
    assert min(int(size) for size in re.findall(r"font-size: ?(\d+)px", html) if size != "0") >= 13


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_stands_out_from_its_ground_in_light_and_dark() -> None:
    light = re.findall(r"[{;]\s*color: (#\w{6})", (ROOT / "templates/issue/inline.css").read_text("utf-8"))
    dark = re.findall(r"[{;]\s*color: (#\w{6}) !important", (ROOT / "templates/issue/body.mjml").read_text("utf-8"))
    assert light
    assert dark
    assert min(contrast(colour, "#eef1f4") for colour in light) >= 4.5
    assert min(min(contrast(colour, ground) for ground in ("#191f26", "#101418")) for colour in dark) >= 4.5


def test_the_same_issue_gives_the_same_words() -> None:
    assert render(issue(papers(5))) == render(issue(papers(5)))


def test_a_template_that_asks_for_too_much_is_told_where(tmp_path: Path) -> None:
    folder = tmp_path / "issue"
    folder.mkdir()
    for file in ("subject.txt", "inline.css", "body.txt", "body.mjml"):
        text = (ROOT / "templates" / "issue" / file).read_text("utf-8")
        (folder / file).write_text(text.replace('"number">{{ card.number }}', '"number">{{ card.nubmer }}'), "utf-8")
    lines = (folder / "body.mjml").read_text("utf-8").split("\n")
    at = max(n for n, line in enumerate(lines, 1) if "nubmer" in line)
    with pytest.raises(TemplateError, match=rf"^{re.escape(str(folder))}/body\.mjml:{at}:\d+: .*nubmer"):
        render_issue(issue(papers(1)), Templates(tmp_path).load("issue"), unsubscribe_url=UNSUBSCRIBE)


def golden_issue() -> Issue:
    shown = (
        RankedPaper(
            paper(
                "Video Models that Reason about <Time>",
                key="arxiv:2606.00001",
                abstract="We teach video models to reason & to wait. Our models answer in $O(n)$ steps.",
                authors=("Ada Example", "Bo Sample", "Cy Pattern", "Di Model"),
                published=date(2026, 6, 25),
                upvotes=57,
                comments=2,
                code_url="https://example.org/code?a=1&b=2",
            ),
            10.0,
            (
                in_all(
                    match("video", Field.TITLE, "Video", 1, 6.0, ((0, 5),)),
                    match("video", Field.ABSTRACT, "video", 1, 1.0, ((9, 14),)),
                ),
                match("reason", Field.TITLE, "Reason", 1, 3.0, ((18, 24),)),
            ),
        ),
        RankedPaper(
            paper("דרך חדשה", doi="10.1101/2026.06.01", author_count=9, listed=date(2026, 6, 30)),
            3.0,
            (match("cs.LG", Field.CATEGORY, "cs.LG", 1, 3.0),),
        ),
    )
    reader = subscriber(keywords=["video^2", "reason", "cat:cs.LG", "-survey"])
    return replace(issue([], reader), mailing_list=THE_LIST, papers=shown, receipt=Receipt(214, 19, 2, 2))


def golden_topics() -> Issue:
    abstract = "Experts in a sparse mixture share their routers. We prune quantized weights, and prune again."
    shown = (
        RankedPaper(
            paper("Pruning a Mixture of Experts", key="arxiv:2606.00003", abstract=abstract, upvotes=12),
            9.0,
            (
                found("pruning", TITLE, Evidence.EXACT, 4.0, text="Pruning", spans=((0, 7),)),
                in_all(
                    found(MOE, TITLE, Evidence.EXACT, 3.0, text="Mixture of Experts", spans=((10, 28),)),
                    found(MOE, ABSTRACT, Evidence.NEAR, 1.0, text="Experts in a sparse mixture", spans=((0, 27),)),
                ),
                found("papers like «Pruning at Scale»", ABSTRACT, Evidence.LIKE, 1.5, text="prune, weights"),
                found("papers like «A Survey»", ABSTRACT, Evidence.DISLIKE, -0.5, text="sparse"),
            ),
            "systems",
        ),
        RankedPaper(paper("Birds of the Week", key="arxiv:2606.00004"), 8.0, (found("birds", TITLE, Evidence.EXACT),)),
        RankedPaper(
            paper("How Routers Learn", key="arxiv:2606.00005", abstract="A theory of expert routers."),
            2.0,
            (found("learning theory", ABSTRACT, Evidence.WORDS, text="theory", spans=((2, 8),)),),
            "theory",
        ),
    )
    reader = subscriber(keywords=["[systems] pruning^2", f"[systems] {MOE}", "[theory] learning theory", "birds"])
    return replace(issue([], reader), papers=shown, receipt=Receipt(214, 3, 0, 3))


@pytest.mark.parametrize("kind", ["html", "txt"])
@pytest.mark.parametrize(("name", "number"), [("issue", golden_issue()), ("issue-topics", golden_topics())])
def test_an_issue_reads_as_it_did(name: str, number: Issue, kind: str) -> None:
    out = render(number)
    words = out.html if kind == "html" else f"Subject: {out.subject}\n\n{out.text}"
    path = GOLDEN / f"{name}.{kind}"
    if os.environ.get("DIGESTMAIL_UPDATE_GOLDEN"):
        path.write_text(words, encoding="utf-8")
    assert words == path.read_text(encoding="utf-8")


def test_a_real_issue_of_ten_papers_stays_far_below_the_size_where_mail_is_clipped(
    shared_data: Callable[[str], Path],
) -> None:
    entries = json.loads(shared_data("hf_daily_papers/2026-06-30.json").read_text("utf-8"))
    found = [
        paper(
            entry["paper"]["title"],
            key=f"arxiv:{entry['paper']['id']}",
            abstract=entry["paper"]["summary"],
            authors=tuple(author["name"] for author in entry["paper"]["authors"]),
            upvotes=entry["paper"]["upvotes"],
        )
        for entry in entries[:10]
    ]
    out = render(issue(found))
    page = Page(out.html)
    assert len(out.html.encode()) < 50_000
    assert all(clean_line(one.title) in page.text for one in found)


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=12), st.integers(1, 12))
def test_shares_are_whole_and_add_up_to_100_with_the_largest_remainders_rounded_up(
    parts: list[float], count: int
) -> None:
    shares = percentages(parts, len(parts))
    assert sum(shares) == 100
    gained = [share - part * (100 / sum(parts)) for share, part in zip(shares, parts, strict=True)]
    up, down = [one for one in gained if one > 0], [one for one in gained if one <= 0]
    # who is rounded up had no smaller remainder than who is not
    assert max(gained) <= 1
    assert not up or max(up) <= 1 + min(down, default=0) + 1e-9
    assert percentages(parts, count) == shares[:count]
