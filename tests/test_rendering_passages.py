"""News of papers and reasons for quiet days, in words."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import NOON, issue, paper, papers, subscriber
from digestmail.model import Change, ChangeKind, Issue, Lull, Quiet
from digestmail.rendering.budget import LIMIT, fit
from digestmail.rendering.checking import faults, read_page
from digestmail.rendering.compile import Templates
from digestmail.rendering.issue import render_issue
from digestmail.rendering.joining import joining_of, rendered
from digestmail.rendering.language import language
from digestmail.rendering.passages import followups, lull
from digestmail.storage.followups import MOST_TOLD
from newsletters import ROOT

SHIPPED = Templates(ROOT / "templates")
UNSUBSCRIBE = "mailto:papers@example.org?subject=unsubscribe"
ENGLISH = language("en")
ONE = paper("Attention", key="arxiv:2606.00001", version=3)
HOSTILE = st.builds(
    "".join,
    st.lists(
        st.characters(exclude_characters="\x00")
        | st.sampled_from(
            [*" \n<>&\"'ä論אב😀\u202e=%", "{{", "{%", "</a>", "<script>", '" onclick="', "word ", "x" * 80]
        ),
        max_size=30,
    ),
)


def change(kind: ChangeKind, after: str = "", before: str = "", of: object = ONE) -> Change:
    return Change(1, of, kind, NOON, before, after)  # type: ignore[arg-type]


class Elements(HTMLParser):
    """The tags of a piece of HTML, and the attributes of its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


def test_of_two_versions_since_the_last_issue_the_difference_is_told_from_first_to_last() -> None:
    old, new, newest = "We gain 10% on tasks.", "We gain 20% on tasks.", "We gain 30% on tasks."
    [one] = followups([change(ChangeKind.REVISED, new, old), change(ChangeKind.REVISED, newest, new)], ENGLISH)
    assert str(one.news) == "New version (v3): the abstract changed.\n    We gain [-10%-] {+30%+} on tasks."


def test_an_abstract_that_was_written_anew_is_not_told_word_by_word() -> None:
    [one] = followups([change(ChangeKind.REVISED, "Nothing of it is left.", "We study attention in models.")], ENGLISH)
    assert str(one.news) == "New version (v3): the abstract was written anew."


def test_news_of_one_paper_stand_together_the_weightiest_first() -> None:
    other = paper("Other", key="arxiv:2606.00002")
    code = change(ChangeKind.CODE, "https://github.com/a/b")
    told = followups([code, change(ChangeKind.CODE, "https://x.org", of=other), change(ChangeKind.WITHDRAWN)], ENGLISH)
    assert [(one.title, str(one.news)) for one in told] == [
        ("Attention", "Withdrawn by its authors.\n    Code: https://github.com/a/b"),
        ("Other", "Code: https://x.org"),
    ]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil", "not an address", ""])
def test_an_address_that_no_mail_may_link_to_is_no_news(address: str) -> None:
    assert followups([change(ChangeKind.CODE, address)], ENGLISH) == ()


@given(title=HOSTILE, before=HOSTILE, after=HOSTILE, address=HOSTILE)
def test_words_of_strangers_stay_words(title: str, before: str, after: str, address: str) -> None:
    one = replace(ONE, title=title)
    changes = [
        change(ChangeKind.REVISED, f"{before} We study attention. {after}", f"{before} We study attention.", one),
        change(ChangeKind.PUBLISHED, address, of=one),
        change(ChangeKind.CODE, f"https://example.org/{address}", of=one),
    ]
    for told in followups(changes, ENGLISH):
        seen = Elements(told.news.html)
        assert set(seen.tags) <= {"a", "br", "ins", "del", "b"}
        assert seen.attributes <= {"href"}
    why = Lull(why=Quiet.UNMATCHED, new=1, down=(title,), nearest=(replace(one, url=address),))
    seen = Elements(lull(why, ENGLISH).html)
    assert set(seen.tags) <= {"a", "br"}
    assert seen.attributes <= {"href"}


def news(*titles: str, before: str = "", after: str = "") -> tuple[Change, ...]:
    return tuple(
        Change(at, paper(title, key=f"arxiv:2606.9{at:04}", version=2), kind, NOON, before, after)
        for at, title in enumerate(titles)
        for kind in (ChangeKind.WITHDRAWN, ChangeKind.REVISED, ChangeKind.PUBLISHED)
    )


@settings(max_examples=60)
@given(
    titles=st.lists(HOSTILE, max_size=4),
    before=HOSTILE,
    after=HOSTILE,
    size=st.integers(0, 3),
    code=st.sampled_from(["en", "de", "fr", "es", "zh"]),
    template=st.sampled_from(["issue", "compact"]),
)
def test_joined_it_says_what_filling_the_template_says(
    titles: list[str], before: str, after: str, size: int, code: str, template: str
) -> None:
    why = Lull(why=Quiet.UNMATCHED, new=7, down=tuple(titles), nearest=tuple(map(paper, titles))) if not size else None
    told = news(*titles, before=f"{before} one two three four", after=f"{after} one two three four")
    number = replace(issue(papers(size), subscriber(language=code)), followups=told, lull=why)
    compiled = SHIPPED.load(template)
    plain = render_issue(number, compiled, unsubscribe_url=UNSUBSCRIBE)
    joined = rendered(joining_of(compiled).join(number, unsubscribe_url=UNSUBSCRIBE))
    assert (joined.subject, joined.text, joined.html) == (plain.subject, plain.text, plain.html)
    assert joining_of(compiled).faults == ()


@pytest.mark.parametrize("template", ["issue", "compact"])
def test_as_much_news_as_there_can_be_fits_beside_the_most_papers(template: str) -> None:
    long = "<&\"'" * 900
    told = news(*[f"{at} {long[:300]}" for at in range(MOST_TOLD)], before=f"{long} a b c d", after=f"a b c d {long}")
    worst = replace(
        issue([replace(one, title=long[:300] + one.title, abstract=long) for one in papers(40)]),
        followups=tuple(one for one in told if one.kind is ChangeKind.REVISED),
    )
    fitted = fit(worst, joining_of(SHIPPED.load(template)), unsubscribe_url=UNSUBSCRIBE)
    assert fitted.html_bytes <= LIMIT
    assert len(fitted.issue.papers) >= 10
    assert len(fitted.issue.followups) == MOST_TOLD


def page(number: Issue, template: str) -> tuple[str, str]:
    said = render_issue(number, SHIPPED.load(template), unsubscribe_url=UNSUBSCRIBE)
    assert faults(number, said) == ()
    return " ".join(read_page(said.html).text.split()), " ".join(said.text.split())


@pytest.mark.parametrize("template", ["issue", "compact"])
@pytest.mark.parametrize("code", ["en", "de", "fr", "es", "zh"])
def test_html_and_text_tell_the_same_news_in_every_language(template: str, code: str) -> None:
    words = language(code)
    number = replace(
        issue(papers(2), subscriber(language=code)), followups=news("Attention", before="a b", after="a b c")
    )
    for said in page(number, template):
        for message in ("News of papers you have", "Withdrawn by its authors.", "Published:"):
            assert words.gettext(message) in said
