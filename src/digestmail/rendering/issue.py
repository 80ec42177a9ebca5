"""An issue in words: what a template may say about it, as plain values. Pure given its arguments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count, islice
from typing import TypedDict

from digestmail.model import Issue, Pages, Rendered
from digestmail.rendering.cards import Card, Tier, card
from digestmail.rendering.compile import CompiledTemplate
from digestmail.rendering.excerpts import Passage
from digestmail.rendering.outline import NO_PAGES, Own, Shape, outline
from digestmail.rendering.passages import FollowUp

# fewer papers are seen at a glance without a list of them
_CONTENTS_FROM = 4


@dataclass(frozen=True, slots=True)
class Group:
    """Papers under one heading, the best first."""

    #: the topic, or "Also matched"; empty in an issue without topics
    heading: str
    #: the papers, each as below
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the contents list."""

    #: the number of its card
    number: int
    #: the title, shortened
    title: str


@dataclass(frozen=True, slots=True)
class Section:
    """The contents of one group."""

    #: as in the group
    heading: str
    #: the lines, each with `number` and `title`
    entries: tuple[Entry, ...]


class IssueContext(TypedDict):
    """Everything a template of an issue may use."""

    #: name of the newsletter
    newsletter: str
    #: the day of the issue; `{{ date|day }}` writes it out
    date: date
    #: tag of the reader's language, for `lang`
    language: str
    #: `ltr` or `rtl`, for `dir`
    direction: str
    #: the first title, shortened
    headline: str
    #: what an inbox shows after the subject: what the first paper did, and the next title
    preview: str
    #: what this is, in one sentence: "10 papers for your keywords, by topic."
    intro: str
    #: the contents list by topic, each part with `heading` and `entries`; empty in a short issue
    contents: tuple[Section, ...]
    #: how many papers the contents list leaves to "Also matched"
    uncontained: int
    #: the papers by topic, each group with `heading` and `cards`; empty on a quiet day
    groups: tuple[Group, ...]
    #: the same papers without their groups
    cards: tuple[Card, ...]
    #: why there are no papers, in sentences, with what came closest; empty in an issue with papers. It prints itself
    quiet: Passage
    #: news of papers that the reader has, each as below: withdrawn, a new version, published, code
    followups: tuple[FollowUp, ...]
    #: true when sample papers stand in for live ones: say so
    sample: bool
    #: true when the reader has neither keywords nor likes
    by_upvotes: bool
    #: true when the reader has likes and no keywords
    by_likes: bool
    #: true when the reader has topics
    by_topic: bool
    #: what was weighed: "214 new papers in your sources, 19 matched, 10 here, 9 carried to tomorrow."
    receipt: str
    #: to whom it goes, how often and why, in one sentence
    subscription: str
    #: the reader's address
    address: str
    #: "every day"
    cadence: str
    #: the profile in short; empty without keywords
    keywords: str
    #: show it at the top and at the bottom
    unsubscribe_url: str
    #: where keywords and cadence are changed, to be shown beside it; empty where there is no such place
    preferences_url: str
    #: where the reader says which papers they want more of, less of or keep: a page, or a mail; may be empty
    feedback_url: str
    #: the issue as a web page; empty where there is no such place
    browser_url: str


def render_issue(
    issue: Issue,
    template: CompiledTemplate,
    *,
    unsubscribe_url: str,
    pages: Pages = NO_PAGES,
    tiers: Sequence[Tier] | None = None,
) -> Rendered:
    """Fill ``template`` with ``issue``; the same arguments give the same words.

    Raises TemplateError when the template asks for something that is not in ``IssueContext``.
    """
    return template.render(issue_context(issue, unsubscribe_url=unsubscribe_url, pages=pages, tiers=tiers))


def issue_context(
    issue: Issue,
    *,
    unsubscribe_url: str,
    pages: Pages = NO_PAGES,
    tiers: Sequence[Tier] | None = None,
) -> dict[str, object]:
    """What a template is filled with: ``IssueContext`` and the language.

    ``tiers`` says how much room each paper of the plan gets, by default by its place.
    """
    shape, own, papers = outline(issue, unsubscribe_url, pages, tiers)
    cards = [card(ranked, number, shared, shape.words) for number, (ranked, shared) in enumerate(papers, 1)]
    return context(shape, own, cards)


def context(shape: Shape, own: Own, cards: Sequence[Card]) -> dict[str, object]:
    """The same from its parts."""
    waiting = iter(cards)
    groups = tuple(
        Group(heading, tuple(islice(waiting, len(tiers))))
        for heading, tiers in zip(own.headings, shape.tiers, strict=True)
    )
    contents = tuple(_contents(shape, own)) if len(cards) >= _CONTENTS_FROM else ()
    mine = IssueContext(
        newsletter=shape.newsletter,
        date=shape.date,
        language=shape.words.tag,
        direction=shape.words.direction,
        headline=own.headline,
        preview=own.preview,
        intro=shape.intro,
        contents=contents,
        uncontained=sum(tiers.count(Tier.LINE) for tiers in shape.tiers),
        groups=groups,
        cards=tuple(cards),
        quiet=own.quiet,
        followups=own.followups,
        sample=shape.sample,
        by_upvotes=shape.by_upvotes,
        by_likes=shape.by_likes,
        by_topic=shape.by_topic,
        receipt=own.receipt,
        subscription=own.subscription,
        address=own.address,
        cadence=shape.cadence,
        keywords=own.keywords,
        unsubscribe_url=own.unsubscribe_url,
        preferences_url=own.preferences_url,
        feedback_url=own.feedback_url,
        browser_url=own.browser_url,
    )
    return {**shape.words.context, **mine}


def _contents(shape: Shape, own: Own) -> Iterator[Section]:
    numbers, titles = count(1), iter(own.titles)
    for heading, tiers in zip(own.headings, shape.tiers, strict=True):
        pairs = [(Entry(next(numbers), next(titles)), tier) for tier in tiers]
        if entries := tuple(entry for entry, tier in pairs if tier is not Tier.LINE):
            yield Section(heading, entries)
