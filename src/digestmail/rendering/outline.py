"""What an issue is made of: what it says alike with others, what is one reader's own, and its papers. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple, cast

from digestmail.model import Cadence, CadenceKind, Field, Issue, Keyword, Lull, Pages, RankedPaper, Receipt
from digestmail.ranking.profile import format_keyword
from digestmail.rendering.cards import SHARED, Shared, Tier, tier
from digestmail.rendering.excerpts import Passage
from digestmail.rendering.language import Words, language
from digestmail.rendering.passages import FollowUp, followups, lull, reason
from digestmail.text.clean import clean_line, shorten

NO_PAGES = Pages()
_KEYWORDS_SHOWN = 6
_PREVIEW_WIDTH = 180


class Shape(NamedTuple):
    """What many issues of a day have in common; hashable. The names are those of ``IssueContext``."""

    newsletter: str
    date: date
    words: Words
    intro: str
    sample: bool
    by_upvotes: bool
    by_likes: bool
    by_topic: bool
    cadence: str
    #: how much room each paper gets, group by group
    tiers: tuple[tuple[Tier, ...], ...]
    #: of how many papers there is news
    news: int

    @property
    def size(self) -> int:
        """How many papers there are."""
        return sum(map(len, self.tiers))


class Own(NamedTuple):
    """What an issue says to one reader. The names are those of ``IssueContext``."""

    headline: str
    preview: str
    receipt: str
    subscription: str
    address: str
    keywords: str
    unsubscribe_url: str
    preferences_url: str
    feedback_url: str
    browser_url: str
    quiet: Passage
    #: of the groups
    headings: tuple[str, ...]
    #: of all papers, as the contents list has them
    titles: tuple[str, ...]
    followups: tuple[FollowUp, ...]

    @property
    def words(self) -> tuple[str | Passage, ...]:
        """All of it in one row."""
        news = [words for one in self.followups for words in (one.title, one.url, one.news)]
        return (*cast("tuple[str | Passage, ...]", self[:-3]), *self.headings, *self.titles, *news)


class Outline(NamedTuple):
    """An issue, sorted by what is whose."""

    shape: Shape
    own: Own
    #: in the order of their numbers
    papers: list[tuple[RankedPaper, Shared]]


class _Asks(NamedTuple):
    """What the reader wants to be sent, as far as sentences depend on it."""

    keywords: bool
    likes: bool
    topics: bool


def outline(
    issue: Issue, unsubscribe_url: str, pages: Pages = NO_PAGES, tiers: Sequence[Tier] | None = None
) -> Outline:
    """An issue in words. ``tiers`` says how much room each paper of the plan gets, by default by its place."""
    words, profile, reader = language(issue.language), issue.subscriber.profile, issue.subscriber
    wanted = profile.wanted
    asks = _Asks(bool(wanted), bool(profile.liked), any(ranked.topic for ranked in issue.papers))
    pairs = list(zip(issue.papers, tiers or _rooms(len(issue.papers)), strict=True))
    groups = list(_groups(pairs, wanted, asks, words))
    shelves = SHARED[words]
    papers = [(ranked, shelves[room][ranked.paper]) for _, group in groups for ranked, room in group]
    news, quiet = followups(issue.followups, words), lull(issue.lull, words)
    newsletter, address = clean_line(issue.mailing_list.name), clean_line(reader.email)
    cadence, keywords = _cadence(reader.cadence, words), _keywords((*wanted, *profile.unwanted), words)
    shape = Shape(
        newsletter=newsletter,
        date=issue.slot,
        words=words,
        intro=_intro(asks, len(papers), bool(news), words),
        sample=issue.sample,
        by_upvotes=not (asks.keywords or asks.likes),
        by_likes=asks.likes and not asks.keywords,
        by_topic=asks.topics,
        cadence=cadence,
        tiers=tuple([tuple([room for _, room in group]) for _, group in groups]),
        news=len(news),
    )
    own = Own(
        headline=papers[0][1].headline if papers else "",
        preview=_preview([shared for _, shared in papers[:2]], news, issue.lull, words),
        receipt=_receipt(issue.receipt, asks.keywords or asks.likes, reader.cadence.kind is CadenceKind.DAILY, words),
        subscription=_subscription(address, newsletter, cadence, keywords, asks, words),
        address=address,
        keywords=keywords,
        unsubscribe_url=unsubscribe_url,
        preferences_url=pages.preferences_url,
        feedback_url=pages.feedback_url,
        browser_url=pages.browser_url,
        quiet=quiet,
        headings=tuple([heading for heading, _ in groups]),
        titles=tuple([shared.entry for _, shared in papers]),
        followups=news,
    )
    return Outline(shape, own, papers)


_Group = tuple[str, Sequence[tuple[RankedPaper, Tier]]]


@lru_cache(maxsize=256)
def _rooms(papers: int) -> tuple[Tier, ...]:
    return tuple([tier(place) for place in range(papers)])


def _groups(
    pairs: Sequence[tuple[RankedPaper, Tier]], wanted: Sequence[Keyword], asks: _Asks, words: Words
) -> Iterator[_Group]:
    """The papers by topic, in the order of the profile's topics, then those without one, then those in brief."""
    brief = Tier.LINE
    cards = [pair for pair in pairs if pair[1] is not brief]
    if asks.topics and any(ranked.topic for ranked, _ in cards):
        yield from _by_topics(cards, wanted, words)
    elif cards:
        yield "", cards
    if len(cards) < len(pairs):
        also = words.gettext("Also matched") if asks.keywords or asks.likes else words.gettext("More papers")
        yield also, [pair for pair in pairs if pair[1] is brief]


def _by_topics(cards: Sequence[tuple[RankedPaper, Tier]], wanted: Sequence[Keyword], words: Words) -> Iterator[_Group]:
    topics = [keyword.topic for keyword in wanted]
    # the plan may be older than the profile
    topics += [ranked.topic for ranked, _ in cards]
    for topic in (*filter(None, dict.fromkeys(topics)), ""):
        group = [pair for pair in cards if pair[0].topic == topic]
        if group:
            yield clean_line(topic) or words.gettext("More"), sorted(group, key=lambda pair: -pair[0].score)


def _preview(best: Sequence[Shared], news: Sequence[FollowUp], why: Lull | None, words: Words) -> str:
    """The subject has the first title; this has what that paper did, and the next title."""
    if not best and news:
        return shorten(f"{news[0].title}: {' '.join(news[0].news.text.split())}", _PREVIEW_WIDTH)
    if not best:
        return reason(why, words) if why else words.gettext("Nothing new matched today.")
    parts = [best[0].teaser, *[shared.headline for shared in best[1:]]]
    return " · ".join(filter(None, parts)) or str(best[0].title)


@lru_cache(maxsize=1024)
def _intro(asks: _Asks, size: int, news: bool, words: Words) -> str:
    if not size:
        quiet = words.gettext("A quiet day.")
        return words.gettext("No new papers, but news of papers that you have.") if news else quiet
    if not asks.keywords:
        if asks.likes:
            return words.gettext("Papers like those you asked for more of.")
        return words.gettext("The day’s papers by upvotes.")
    if size == 1:
        return words.gettext("One paper for your keywords.")
    # a catalog finds both forms by the first: it must differ
    if asks.topics:
        return words.ngettext(
            "%(num)s paper for your keywords, by topic.", "%(num)s papers for your keywords, by topic.", size
        )
    return words.ngettext(
        "%(num)s paper for your keywords, best first.", "%(num)s papers for your keywords, best first.", size
    )


@lru_cache(maxsize=1024)  # one day's counts are alike
def _receipt(receipt: Receipt, weighed: bool, daily: bool, words: Words) -> str:
    """What was weighed, part by part: a part that is zero is not told, but for the papers that are here."""
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
    if receipt.withdrawn:
        parts.append(
            words.ngettext("%(num)s withdrawn by its authors", "%(num)s withdrawn by their authors", receipt.withdrawn)
        )
    parts.append(words.ngettext("%(num)s here", "%(num)s here", receipt.shown))
    if receipt.carried > 0:
        parts.append(
            words.ngettext("%(num)s carried to tomorrow", "%(num)s carried to tomorrow", receipt.carried)
            if daily
            else words.ngettext("%(num)s carried to next time", "%(num)s carried to next time", receipt.carried)
        )
    return words.gettext("%(parts)s.", parts=words.gettext(", ").join(parts))


def _subscription(address: str, newsletter: str, cadence: str, keywords: str, asks: _Asks, words: Words) -> str:
    told = {"address": address, "newsletter": newsletter, "cadence": cadence}
    if keywords:
        return words.gettext(
            "%(address)s is subscribed to %(newsletter)s, %(cadence)s, with these keywords: %(keywords)s.",
            **told,
            keywords=keywords,
        )
    if asks.likes:
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


def _keywords(asked: Sequence[Keyword], words: Words) -> str:
    some = ", ".join([_unweighted(one.phrase, one.field, one.negative, one.exact) for one in asked[:_KEYWORDS_SHOWN]])
    more = len(asked) - _KEYWORDS_SHOWN
    if more <= 0:
        return some
    return words.ngettext("%(names)s and %(num)s more", "%(names)s and %(num)s more", more, names=some)


@lru_cache(maxsize=8192)
def _unweighted(phrase: str, field: Field, negative: bool, exact: bool) -> str:
    return clean_line(format_keyword(Keyword(phrase, field=field, negative=negative, exact=exact)))
