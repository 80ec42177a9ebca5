"""The shipped templates: HTML and text carry the same, and no issue grows beyond what mail programs show."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from builders import issue, match, paper, papers, subscriber
from digestmail.model import Evidence, Field, Issue, Pages, Paper, RankedPaper, Receipt, Rendered
from digestmail.rendering.cards import Tier
from digestmail.rendering.compile import Templates
from digestmail.rendering.issue import issue_context, render_issue
from digestmail.text.clean import clean_line
from test_rendering_issue import UNSUBSCRIBE, Page, flat

TEMPLATES = Templates(Path(__file__).parents[1] / "templates")
NAMES = ("issue", "compact")
PREFERENCES = "https://papers.example.org/preferences"
ALL = Pages(PREFERENCES, "https://papers.example.org/feedback", "https://papers.example.org/issue")
KB = 1024


def render(number: Issue, name: str = "issue", **more: object) -> Rendered:
    return render_issue(number, TEMPLATES.load(name), unsubscribe_url=UNSUBSCRIBE, **more)  # type: ignore[arg-type]


def rich(number: int) -> Issue:
    """Papers with everything a paper can have, on two topics."""
    shown = tuple(
        RankedPaper(
            paper(
                f"Owls of Region {at}",
                key=f"arxiv:2606.{at:05}",
                abstract=f"Birds are many. We count owls in region {at}. It rains. They number {at}00.",
                authors=("Ada Example", "Bo Sample"),
                categories=("q-bio.PE",),
                upvotes=at,
                comments=3,
                code_url=f"https://example.org/code/{at}",
                project_url=f"https://example.org/project/{at}",
            ),
            90.0 - at,
            (
                match("owl", Field.TITLE, "Owls", 1, 4.0, ((0, 4),)),
                match("night bird", Field.ABSTRACT, "Birds", 1, 1.0, ((0, 5),), Evidence.WORDS),
            ),
            ("owls", "night")[at % 2],
        )
        for at in range(number)
    )
    reader = subscriber(keywords=["[owls] owl", "[night] night bird"])
    return replace(issue([], reader), papers=shown, receipt=Receipt(300, number + 5, 2, number))


def reasons(number: Issue) -> list[tuple[str, ...]]:
    cards = issue_context(number, unsubscribe_url=UNSUBSCRIBE)["cards"]
    return [(reason.words, reason.where, reason.share) for card in cards for reason in card.why]  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [0, 1, 3, 10, 40])
@pytest.mark.parametrize("name", NAMES)
def test_html_and_text_carry_the_same(name: str, size: int) -> None:
    number = rich(size)
    out = render(number, name, pages=ALL)
    page, text = Page(out.html), flat(out.text)
    hrefs = set(page.hrefs)
    assert hrefs == {word for word in text.split() if word.startswith(("https:", "mailto:"))}
    for card in issue_context(number, unsubscribe_url=UNSUBSCRIBE)["cards"]:  # type: ignore[attr-defined]
        for words in (card.title, " · ".join(card.facts), f"{card.why[0].words}", card.why[0].where):
            assert words in page.text
            assert words in text
        assert (card.abstract in page.text) == (card.abstract in text)
        assert (card.gist in page.text) == (card.gist in text)
    assert [(words in page.text, where in page.text) for words, where, _ in reasons(number)] == [
        (words in text, where in text) for words, where, _ in reasons(number)
    ]
    assert page.text.count("%)") == text.count("%)")


@pytest.mark.parametrize("name", NAMES)
def test_the_text_has_72_columns_one_address_a_line_and_a_signature(name: str) -> None:
    lines = render(rich(40), name, pages=ALL).text.split("\n")
    assert all(len(line) <= 72 or "://" in line for line in lines)
    assert max(line.count("://") for line in lines) == 1
    assert lines.count("-- ") == 1


@pytest.mark.parametrize("name", NAMES)
def test_preferences_are_offered_beside_unsubscribing_where_there_are_any(name: str) -> None:
    with_them, without = render(rich(3), name, pages=ALL), render(rich(3), name)
    hrefs = Page(with_them.html).hrefs
    assert hrefs[:2] == hrefs[-4:-2] == [UNSUBSCRIBE, PREFERENCES]
    assert with_them.text.count(PREFERENCES) == 2
    assert "Preferences" not in without.html + without.text


@pytest.mark.parametrize("name", NAMES)
def test_an_issue_ends_with_where_to_say_what_one_thinks_of_it_and_where_it_is_a_page(name: str) -> None:
    with_them, without = render(rich(3), name, pages=ALL), render(rich(3), name)
    assert Page(with_them.html).hrefs[-2:] == [ALL.feedback_url, ALL.browser_url]
    assert with_them.text.rstrip().endswith(f"{ALL.feedback_url}\nView in browser: {ALL.browser_url}")
    assert "browser" not in without.text


def test_a_contents_list_names_the_cards_by_topic_without_links() -> None:
    out = render(rich(12))
    head, found, _ = Page(out.html).text.partition("2 more in brief")
    assert found
    assert [head.count(f"Owls of Region {at}") for at in range(10)] == [1, 1, 2, *[1] * 7]  # one is in the preview
    assert "#" not in "".join(Page(out.html).hrefs)
    assert flat(out.text).startswith("Daily Papers, Tuesday, 30 June 2026 12 papers for your keywords, by topic.")
    contents = [line for line in out.text.split("\n") if line.startswith("   ") and "Owls of Region" in line]
    assert contents[:2] == ["   1. Owls of Region 0", "   2. Owls of Region 2"]


def test_a_short_issue_needs_no_contents_list() -> None:
    assert issue_context(rich(3), unsubscribe_url="")["contents"] == ()
    assert issue_context(rich(4), unsubscribe_url="")["contents"] != ()


def test_the_best_three_have_an_abstract_seven_a_lead_and_the_others_a_line_under_also_matched() -> None:
    number = rich(14)
    groups = issue_context(number, unsubscribe_url="")["groups"]
    tiers = {card.title: card.tier for group in groups for card in group.cards}  # type: ignore[attr-defined]
    assert [tiers[ranked.paper.title] for ranked in number.papers] == ["full"] * 3 + ["lead"] * 7 + ["line"] * 4
    assert [(group.heading, len(group.cards)) for group in groups] == [("owls", 5), ("night", 5), ("Also matched", 4)]  # type: ignore[attr-defined]
    out = render(number)
    for text in (Page(out.html).text, flat(out.text)):
        assert text.count("It rains.") == 3
        assert text.count("We count owls") == 10 + (text.startswith("Daily Papers, Tuesday, 30 June 2026 We"))


def test_numbers_count_through_the_issue_in_the_order_of_the_page() -> None:
    cards = issue_context(rich(14), unsubscribe_url="")["cards"]
    assert [int(card.number) for card in cards] == list(range(1, 15))  # type: ignore[attr-defined]


def test_a_budget_may_give_papers_less_room() -> None:
    number = rich(5)
    groups = issue_context(number, unsubscribe_url="", tiers=[Tier.FULL, *[Tier.LINE] * 4])["groups"]
    assert [(group.heading, len(group.cards)) for group in groups] == [("owls", 1), ("Also matched", 4)]  # type: ignore[attr-defined]


def test_a_reader_without_keywords_gets_more_papers_not_matches() -> None:
    number = replace(issue(papers(12), subscriber(keywords=[])))
    groups = issue_context(number, unsubscribe_url="")["groups"]
    assert [group.heading for group in groups] == ["", "More papers"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_headings_go_down_step_by_step(name: str) -> None:
    levels = [int(tag[1]) for tag in Page(render(rich(14), name).html).tags if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("code", "unsubscribe"), [("en", "Unsubscribe"), ("de", ""), ("fr", ""), ("es", ""), ("zh", "")]
)
def test_the_html_names_the_language_it_is_in(name: str, code: str, unsubscribe: str) -> None:
    number = rich(2)
    html = render(replace(number, subscriber=replace(number.subscriber, language=code)), name).html
    tag = {"zh": "zh-Hans"}.get(code, code)
    assert f'<html lang="{tag}" dir="ltr"' in html
    assert unsubscribe in html


def real(entries: list[dict[str, object]]) -> Issue:
    def one(entry: dict[str, object]) -> Paper:
        found = entry["paper"]
        assert isinstance(found, dict)
        return paper(
            clean_line(found["title"]),
            key=f"arxiv:{found['id']}",
            abstract=clean_line(found["summary"]),
            authors=tuple(author["name"] for author in found["authors"]),
            upvotes=found["upvotes"],
            code_url=found.get("githubRepo"),
            project_url=found.get("projectPage"),
        )

    return issue([one(entry) for entry in entries])


@pytest.mark.parametrize(("size", "limit"), [(10, 40 * KB), (40, 98 * KB)])
@pytest.mark.parametrize("name", NAMES)
def test_real_issues_stay_below_the_size_where_mail_is_clipped(
    name: str, size: int, limit: int, shared_data: Callable[[str], Path]
) -> None:
    entries = [
        entry
        for day in ("2026-06-30", "2026-06-29", "2026-06-26")
        for entry in json.loads(shared_data(f"hf_daily_papers/{day}.json").read_text("utf-8"))
    ]
    for start in range(0, len(entries) - size, size):
        number = real(entries[start : start + size])
        assert len(render(number, name, pages=ALL).html.encode()) <= limit
