"""An issue in words: what a template may say about it, as plain values. Pure given its arguments."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import count
from typing import TypedDict

from digestmail.model import Cadence, CadenceKind, Issue, Keyword, Profile, RankedPaper, Rendered
from digestmail.ranking.profile import format_keyword
from digestmail.rendering.cards import Card, Tier, card, tier
from digestmail.rendering.compile import CompiledTemplate
from digestmail.rendering.language import Words, language
from digestmail.text.clean import clean_line, shorten

_HEADLINE_WIDTH = 70
_CONTENTS_WIDTH = 72  # one line of a mail
_PREVIEW_WIDTH = 110
_KEYWORDS_SHOWN = 6
# fewer papers are seen at a glance without a list of them
_CONTENTS_FROM = 4

#: makes the card of a paper: from the paper, its number, its tier and the language
CardMaker = Callable[[RankedPaper, int, Tier, Words], Card]


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


def render_issue(
    issue: Issue,
    template: CompiledTemplate,
    *,
    unsubscribe_url: str,
    preferences_url: str | None = None,
    tiers: Sequence[Tier] | None = None,
) -> Rendered:
    """Fill ``template`` with ``issue``; the same arguments give the same words.

    Raises TemplateError when the template asks for something that is not in ``IssueContext``.
    """
    return template.render(
        issue_context(issue, unsubscribe_url=unsubscribe_url, preferences_url=preferences_url, tiers=tiers)
    )


def issue_context(
    issue: Issue,
    *,
    unsubscribe_url: str,
    preferences_url: str | None = None,
    tiers: Sequence[Tier] | None = None,
    make_card: CardMaker = card,
) -> dict[str, object]:
    """What a template is filled with: ``IssueContext`` and the language.

    ``tiers`` says how much room each paper of the plan gets, by default by its place.
    """
    words = language(issue.language)
    placed = place(issue, tiers, words)
    groups = tuple(
        Group(heading, tuple(make_card(ranked, number, room, words) for ranked, number, room in group))
        for heading, group in placed
    )
    profile = issue.subscriber.profile
    keywords = _keywords(profile, words)
    cards = tuple(card for group in groups for card in group.cards)
    context = IssueContext(
        newsletter=clean_line(issue.mailing_list.name),
        date=issue.slot,
        language=words.tag,
        direction=words.direction,
        headline=shorten(cards[0].plain_title, _HEADLINE_WIDTH) if cards else "",
        preview=_preview(cards, words),
        intro=_intro(issue, words),
        contents=tuple(_contents(groups)) if len(cards) >= _CONTENTS_FROM else (),
        uncontained=sum(card.tier is Tier.LINE for card in cards),
        groups=groups,
        cards=cards,
        sample=issue.sample,
        by_upvotes=not (profile.wanted or profile.liked),
        by_likes=bool(profile.liked) and not profile.wanted,
        by_topic=_by_topic(issue),
        receipt=_receipt(issue, words),
        subscription=_subscription(issue, keywords, words),
        address=clean_line(issue.subscriber.email),
        cadence=_cadence(issue.subscriber.cadence, words),
        keywords=keywords,
        unsubscribe_url=unsubscribe_url,
        preferences_url=preferences_url or "",
    )
    return {**words.context, **context}


#: papers under a heading, each with its number and its room
Placed = list[tuple[str, list[tuple[RankedPaper, int, Tier]]]]


def place(issue: Issue, tiers: Sequence[Tier] | None, words: Words) -> Placed:
    """The papers by topic, in the order of the profile's topics, then those without one, then those in brief."""
    rooms = tiers or [tier(at) for at in range(len(issue.papers))]
    numbers = count(1)
    pairs = list(zip(issue.papers, rooms, strict=True))
    cards = [(ranked, room) for ranked, room in pairs if room is not Tier.LINE]
    lines = [(ranked, room) for ranked, room in pairs if room is Tier.LINE]
    groups = list(_by_topics(issue, cards, words))
    if lines:
        groups.append((_also(issue, words), lines))
    return [(heading, [(ranked, next(numbers), room) for ranked, room in group]) for heading, group in groups]


def _by_topics(
    issue: Issue, cards: Sequence[tuple[RankedPaper, Tier]], words: Words
) -> Iterator[tuple[str, Sequence[tuple[RankedPaper, Tier]]]]:
    if not any(ranked.topic for ranked, _ in cards):
        if cards:
            yield "", cards
        return
    topics = [keyword.topic for keyword in issue.subscriber.profile.wanted]
    # the plan may be older than the profile
    topics += [ranked.topic for ranked, _ in cards]
    for topic in (*filter(None, dict.fromkeys(topics)), ""):
        group = [pair for pair in cards if pair[0].topic == topic]
        if group:
            yield clean_line(topic) or words.gettext("More"), sorted(group, key=lambda pair: -pair[0].score)


def _by_topic(issue: Issue) -> bool:
    return any(ranked.topic for ranked in issue.papers)


def _also(issue: Issue, words: Words) -> str:
    profile = issue.subscriber.profile
    return words.gettext("Also matched") if profile.wanted or profile.liked else words.gettext("More papers")


def _preview(cards: Sequence[Card], words: Words) -> str:
    """The subject has the first title; this has what that paper did, and the next title."""
    if not cards:
        return words.gettext("Nothing new matched today.")
    titles = [shorten(card.plain_title, _HEADLINE_WIDTH) for card in cards[1:2]]
    return " · ".join(filter(None, [shorten(cards[0].gist, _PREVIEW_WIDTH), *titles])) or cards[0].plain_title


def _contents(groups: Iterable[Group]) -> Iterator[Section]:
    numbers = count(1)
    for group in groups:
        entries = tuple(
            Entry(next(numbers), shorten(card.plain_title, _CONTENTS_WIDTH))
            for card in group.cards
            if card.tier is not Tier.LINE
        )
        if entries:
            yield Section(group.heading, entries)


def _intro(issue: Issue, words: Words) -> str:
    profile, size = issue.subscriber.profile, len(issue.papers)
    if not size:
        return words.gettext("A quiet day.")
    if not profile.wanted:
        if profile.liked:
            return words.gettext("Papers like those you asked for more of.")
        return words.gettext("The day’s papers by upvotes.")
    if size == 1:
        return words.gettext("One paper for your keywords.")
    # a catalog finds both forms by the first: it must differ
    if _by_topic(issue):
        return words.ngettext(
            "%(num)s paper for your keywords, by topic.", "%(num)s papers for your keywords, by topic.", size
        )
    return words.ngettext(
        "%(num)s paper for your keywords, best first.", "%(num)s papers for your keywords, best first.", size
    )


def _receipt(issue: Issue, words: Words) -> str:
    """What was weighed, part by part: a part that is zero is not told, but for the papers that are here."""
    receipt, daily = issue.receipt, issue.subscriber.cadence.kind is CadenceKind.DAILY
    weighed = issue.subscriber.profile.wanted or issue.subscriber.profile.liked
    parts = [
        words.ngettext("%(num)s new paper in your sources", "%(num)s new papers in your sources", receipt.candidates)
    ]
    if weighed:
        parts.append(words.ngettext("%(num)s matched", "%(num)s matched", receipt.matched))
    if receipt.excluded:
        parts.append(
            words.ngettext(
                "%(num)s kept out by your negative keywords",
                "%(num)s kept out by your negative keywords",
                receipt.excluded,
            )
        )
    parts.append(words.ngettext("%(num)s here", "%(num)s here", receipt.shown))
    if receipt.carried > 0:
        parts.append(
            words.ngettext("%(num)s carried to tomorrow", "%(num)s carried to tomorrow", receipt.carried)
            if daily
            else words.ngettext("%(num)s carried to next time", "%(num)s carried to next time", receipt.carried)
        )
    return words.gettext("%(parts)s.", parts=words.gettext(", ").join(parts))


def _subscription(issue: Issue, keywords: str, words: Words) -> str:
    told = {
        "address": clean_line(issue.subscriber.email),
        "newsletter": clean_line(issue.mailing_list.name),
        "cadence": _cadence(issue.subscriber.cadence, words),
    }
    if keywords:
        return words.gettext(
            "%(address)s is subscribed to %(newsletter)s, %(cadence)s, with these keywords: %(keywords)s.",
            **told,
            keywords=keywords,
        )
    if issue.subscriber.profile.liked:
        return words.gettext(
            "%(address)s is subscribed to %(newsletter)s, %(cadence)s, for papers like those you asked for more of.",
            **told,
        )
    return words.gettext(
        "%(address)s is subscribed to %(newsletter)s, %(cadence)s, without keywords: "
        "these are the day’s papers by upvotes.",
        **told,
    )


def _cadence(cadence: Cadence, words: Words) -> str:
    if cadence.kind is CadenceKind.WEEKLY:
        return words.gettext("every %(weekday)s", weekday=words.weekday(cadence.weekday))
    return words.gettext("every weekday") if cadence.kind is CadenceKind.WEEKDAYS else words.gettext("every day")


def _keywords(profile: Profile, words: Words) -> str:
    asked = (*profile.wanted, *profile.unwanted)
    some = ", ".join(_unweighted(keyword) for keyword in asked[:_KEYWORDS_SHOWN])
    more = len(asked) - _KEYWORDS_SHOWN
    if more <= 0:
        return some
    return words.ngettext("%(names)s and %(num)s more", "%(names)s and %(num)s more", more, names=some)


@lru_cache(maxsize=8192)
def _unweighted(keyword: Keyword) -> str:
    plain = Keyword(keyword.phrase, field=keyword.field, negative=keyword.negative, exact=keyword.exact)
    return clean_line(format_keyword(plain))
