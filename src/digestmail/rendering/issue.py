"""An issue in words: what a template may say about it, as plain values. Pure given its arguments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from urllib.parse import quote, urlsplit

from digestmail.model import (
    Cadence,
    CadenceKind,
    Evidence,
    Field,
    Issue,
    Keyword,
    Match,
    Paper,
    Profile,
    RankedPaper,
    Rendered,
)
from digestmail.ranking.profile import format_keyword
from digestmail.rendering.compile import CompiledTemplate, day
from digestmail.text.clean import clean_line, shorten
from digestmail.text.identity import arxiv_id

# 600 characters are four or five sentences: ten papers come to about 30 KB of HTML, far below the 102 KB where Gmail
# clips a message.
_ABSTRACT_WIDTH = 600
_HEADLINE_WIDTH = 70
_PREVIEW_WIDTH = 160
_AUTHORS_SHOWN = 3
_KEYWORDS_SHOWN = 6
_WHERE = {
    Field.ANY: "in the text",
    Field.TITLE: "in the title",
    Field.ABSTRACT: "in the abstract",
    Field.AUTHOR: "among the authors",
    Field.CATEGORY: "among the categories",
}
_OPINIONS = {
    Evidence.LIKE: "like papers you asked for more of",
    Evidence.DISLIKE: "like papers you asked for less of",
}
# some words of a keyword, here and there, would be a page full of bold
_BOLD = (Evidence.EXACT, Evidence.NEAR)
_NO_TOPIC = "More"
_WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text, bold where it is what a keyword matched."""

    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a paper is there: one keyword and all the places where it was found, or an opinion about papers like it."""

    #: the keyword as the subscriber wrote it; empty for an opinion
    keyword: str
    #: the matched words as the paper writes them, shown in bold; empty when the paper does not write the keyword out
    words: str
    #: ``in the title, in the abstract ×3``, ``words of «mixture of experts» in the abstract``
    where: str
    #: its part of all that speaks for the paper, ``62%``, adding up to 100; empty when it is the only reason
    share: str = ""
    #: it speaks against the paper
    against: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A labelled web address."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One paper as a template shows it. Empty strings and tuples where nothing is known."""

    number: int
    title: str
    #: where the title leads; empty when no address is known
    url: str
    byline: str
    date: date | None
    upvotes: int | None
    comments: int | None
    #: the four above in words, what is known of them: ``A, B``, ``25 Jun 2026``, ``57 upvotes``, ``3 comments``
    facts: tuple[str, ...]
    #: the abstract, cut at a word
    abstract: str
    #: the same abstract in pieces, for bold
    abstract_runs: tuple[Run, ...]
    why: tuple[Reason, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Papers under one heading, the best first."""

    #: the topic; empty in an issue without topics
    heading: str
    cards: tuple[Card, ...]


def render_issue(issue: Issue, template: CompiledTemplate, *, unsubscribe_url: str) -> Rendered:
    """Fill ``template`` with ``issue``; the same arguments give the same words.

    Raises TemplateError when the template asks for something that is not in ``issue_context``.
    """
    return template.render(issue_context(issue, unsubscribe_url=unsubscribe_url))


def issue_context(issue: Issue, *, unsubscribe_url: str) -> dict[str, object]:
    """Everything a template of an issue may use; ``docs/how-to/write-a-template.md`` lists it."""
    groups = tuple(_groups(issue))
    cards = tuple(card for group in groups for card in group.cards)
    profile = issue.subscriber.profile
    return {
        "newsletter": clean_line(issue.mailing_list.name),
        "date": issue.slot,
        "groups": groups,
        "cards": cards,
        "headline": shorten(cards[0].title, _HEADLINE_WIDTH) if cards else "",
        "preview": _preview(cards),
        "sample": issue.sample,
        "by_upvotes": not (profile.wanted or profile.liked),
        "by_likes": bool(profile.liked) and not profile.wanted,
        "by_topic": any(group.heading for group in groups),
        "receipt": _receipt(issue),
        "address": clean_line(issue.subscriber.email),
        "cadence": _cadence(issue.subscriber.cadence),
        "keywords": _keywords(profile),
        "unsubscribe_url": unsubscribe_url,
    }


def _groups(issue: Issue) -> Iterator[Group]:
    """The papers by topic, in the order of the profile's topics; those without one come last."""
    if not any(ranked.topic for ranked in issue.papers):
        ordered = {"": issue.papers} if issue.papers else {}
    else:
        topics = [keyword.topic for keyword in issue.subscriber.profile.wanted]
        # the plan may be older than the profile
        topics += [ranked.topic for ranked in issue.papers]
        named = [*filter(None, dict.fromkeys(topics)), ""]
        ordered = {topic: tuple(_best_first(issue.papers, topic)) for topic in named}
    numbers = count(1)
    for topic, papers in ordered.items():
        if papers:
            heading = (clean_line(topic) or _NO_TOPIC) if len(ordered) > 1 else ""
            yield Group(heading, tuple(_card(next(numbers), ranked) for ranked in papers))


def _best_first(papers: Sequence[RankedPaper], topic: str) -> list[RankedPaper]:
    return sorted((ranked for ranked in papers if ranked.topic == topic), key=lambda ranked: -ranked.score)


def _card(number: int, ranked: RankedPaper) -> Card:
    paper = ranked.paper
    links = tuple(_links(paper))
    runs = tuple(_abstract_runs(ranked))
    return Card(
        number=number,
        title=clean_line(paper.title) or "Untitled",
        url=links[0].url if links and links[0].label not in ("Code", "Project") else "",
        byline=_byline(paper),
        date=paper.published or paper.listed,
        upvotes=paper.upvotes,
        comments=paper.comments,
        facts=tuple(_facts(paper)),
        abstract="".join(run.text for run in runs),
        abstract_runs=runs,
        why=tuple(_reasons(ranked)),
        links=links,
    )


def _facts(paper: Paper) -> Iterator[str]:
    if byline := _byline(paper):
        yield byline
    if known := paper.published or paper.listed:
        yield day(known, "short")
    if paper.upvotes is not None:
        yield plural(paper.upvotes, "upvote")
    if paper.comments:
        yield plural(paper.comments, "comment")


def _byline(paper: Paper) -> str:
    """``A, B, C and 4 more``, else the organisation, else ``9 authors``."""
    names = [name for name in map(clean_line, paper.authors) if name]
    if names:
        shown = names[:_AUTHORS_SHOWN]
        more = max(paper.author_count or 0, len(names)) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    if paper.organization:
        return clean_line(paper.organization)
    return plural(paper.author_count, "author") if paper.author_count else ""


def _abstract_runs(ranked: RankedPaper) -> Iterator[Run]:
    written = ranked.paper.abstract
    text = shorten(clean_line(written), _ABSTRACT_WIDTH)
    # Spans count characters of the abstract as it was matched, and the ellipsis is none of them.
    kept = len(text) - text.endswith("…") if written.startswith(text.removesuffix("…")) else 0
    end = 0
    bold = (match for match in ranked.matches if match.field is Field.ABSTRACT and match.evidence in _BOLD)
    spans = (span for match in bold for span in match.spans)
    for first, last in sorted(spans):
        if end <= first < last <= kept:
            if first > end:
                yield Run(text[end:first])
            yield Run(text[first:last], bold=True)
            end = last
    if text[end:]:
        yield Run(text[end:])


def _reasons(ranked: RankedPaper) -> Iterator[Reason]:
    """One reason per keyword and per kind of opinion, in the order of the matches; what speaks against comes last."""
    groups: dict[tuple[bool, str], list[Match]] = {}
    for match in ranked.matches:
        opinion = match.evidence in _OPINIONS
        groups.setdefault((opinion, match.evidence if opinion else match.keyword), []).append(match)
    weighed = [(matches, sum(match.points for match in matches)) for matches in groups.values()]
    wanted = [(matches, points) for matches, points in weighed if points > 0]
    shares = _percentages([points for _, points in wanted]) if len(wanted) > 1 else [0]
    for (matches, _), share in zip(wanted, shares, strict=False):
        yield _reason(matches, f"{share}%" if share else "")
    for matches, points in weighed:
        if wanted and points < 0:
            yield _reason(matches, "", against=True)


def _reason(matches: Sequence[Match], share: str, *, against: bool = False) -> Reason:
    first = matches[0]
    keyword = clean_line(first.keyword)
    if first.evidence in _OPINIONS:
        return Reason("", "", _OPINIONS[first.evidence], share, against)
    written = next((match for match in matches if match.evidence is not Evidence.WORDS), None)
    if written is None:
        places = ", ".join(_WHERE[match.field] for match in matches)
        return Reason(keyword, "", f"words of «{keyword}» {places}", share, against)
    return Reason(keyword, clean_line(written.text) or keyword, ", ".join(map(_where, matches)), share, against)


def _where(match: Match) -> str:
    how = {Evidence.NEAR: "close together ", Evidence.WORDS: "some of its words "}.get(match.evidence, "")
    times = f" ×{match.count}" if match.count > 1 and match.evidence is not Evidence.WORDS else ""
    return how + _WHERE[match.field] + times


def _percentages(parts: Sequence[float]) -> list[int]:
    """Whole per cent that add up to 100, by the largest remainders (Hamilton's method)."""
    exact = [100 * part / sum(parts) for part in parts]
    shares = [int(share) for share in exact]
    remainders = sorted(range(len(parts)), key=lambda at: shares[at] - exact[at])
    for at in remainders[: 100 - sum(shares)]:
        shares[at] += 1
    return shares


def _links(paper: Paper) -> Iterator[Link]:
    """Where to read the paper, best first, then what belongs to it."""
    own = paper.arxiv_id
    if own:
        yield Link("arXiv", f"https://arxiv.org/abs/{quote(own)}")
        yield Link("PDF", f"https://arxiv.org/pdf/{quote(own)}")
        if paper.upvotes is not None:  # votes are cast there, so the paper has a page there
            yield Link("Hugging Face", f"https://huggingface.co/papers/{quote(own)}")
    if paper.doi and not arxiv_id(paper.doi):
        yield Link("DOI", f"https://doi.org/{quote(clean_line(paper.doi), safe='/:;().')}")
    elif not own and (url := _web(paper.url)):
        searches = urlsplit(url).hostname in ("arxiv.org", "www.arxiv.org") and urlsplit(url).path.startswith("/search")
        yield Link("Find on arXiv" if searches else "Read", url)
    for label, address in (("Code", paper.code_url), ("Project", paper.project_url)):
        url = _web(address)
        if url and not (own and arxiv_id(url) == own):  # some papers name themselves as their project page
            yield Link(label, url)


def _web(address: str | None) -> str | None:
    """The address if a mail may link to it: http or https, with a host, in ASCII; else None."""
    if not address:
        return None
    try:
        parts = urlsplit(address.strip())
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or not parts.netloc.isascii():
        return None
    # Everything that RFC 3986 does not allow is percent-encoded; what is encoded already stays.
    return quote(clean_line(address), safe="%/:?#[]@!$&'()*+,;=~")


def plural(number: int, noun: str) -> str:
    """``1 paper``, ``1,204 papers``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _preview(cards: tuple[Card, ...]) -> str:
    """What an inbox shows after the subject: the titles the subject has no room for."""
    if not cards:
        return "Nothing new matched today."
    titles = " · ".join(shorten(card.title, _HEADLINE_WIDTH) for card in cards[1:3])
    return titles or shorten(cards[0].abstract, _PREVIEW_WIDTH)


def _receipt(issue: Issue) -> str:
    """``214 new papers, 19 matched, 10 here, 9 carried to next time; 2 kept out by your negative keywords``."""
    receipt = issue.receipt
    parts = [plural(receipt.candidates, "new paper")]
    if issue.subscriber.profile.wanted or issue.subscriber.profile.liked:
        parts.append(f"{receipt.matched:,} matched")
    parts.append(f"{receipt.shown:,} here")
    if receipt.carried > 0:
        parts.append(f"{receipt.carried:,} carried to next time")
    excluded = f"; {receipt.excluded:,} kept out by your negative keywords" if receipt.excluded else ""
    return ", ".join(parts) + excluded


def _cadence(cadence: Cadence) -> str:
    if cadence.kind is CadenceKind.WEEKLY:
        return f"every {_WEEKDAY_NAMES[cadence.weekday]}"
    return "every weekday" if cadence.kind is CadenceKind.WEEKDAYS else "every day"


def _keywords(profile: Profile) -> str:
    """The profile in short: ``"mixture of experts", quantization and 3 more``; empty without keywords."""
    shown = [clean_line(format_keyword(_unweighted(keyword))) for keyword in (*profile.wanted, *profile.unwanted)]
    more = len(shown) - _KEYWORDS_SHOWN
    return ", ".join(shown[:_KEYWORDS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _unweighted(keyword: Keyword) -> Keyword:
    return Keyword(keyword.phrase, field=keyword.field, negative=keyword.negative, exact=keyword.exact)
