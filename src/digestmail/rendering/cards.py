"""One paper as a template shows it: what is the same for all readers, and what is one reader's own. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from functools import lru_cache, partial
from typing import Self
from urllib.parse import quote, urlsplit, urlunsplit

from markupsafe import escape

from digestmail.model import Field, Hit, Paper, RankedPaper
from digestmail.rendering.excerpts import Excerpt, Printed, two_sentences, whole
from digestmail.rendering.kept import Kept
from digestmail.rendering.language import Words
from digestmail.rendering.reasons import Reason, listed, reasons, weigh
from digestmail.text.clean import clean_line, shorten
from digestmail.text.identity import arxiv_id, is_preprint
from digestmail.text.quoted import quoted
from digestmail.text.sentences import gist

_AUTHORS_SHOWN = 3
_GIST_WIDTH = 220
_HEADLINE_WIDTH = 70
_ENTRY_WIDTH = 72  # one line of a mail
_TEASER_WIDTH = 110
_VENUE_WIDTH = 60
_FULL, _CARDS = 3, 10
_KEPT_PAPERS, _KEPT_MARKS = 4096, 1 << 14
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# arXiv makes HTML of what is submitted since December 2023
_FIRST_HTML = "2312"


class Tier(StrEnum):
    """How much room a paper gets."""

    FULL = "full"  # the whole abstract
    LEAD = "lead"  # two sentences of it
    LINE = "line"  # the title


def tier(place: int) -> Tier:
    """What a paper gets by its place in the plan, 0 the best: three abstracts, seven leads, then titles."""
    if place < _FULL:
        return Tier.FULL
    return Tier.LEAD if place < _CARDS else Tier.LINE


@dataclass(frozen=True, slots=True)
class Link:
    """A labelled web address."""

    #: `PDF`, `Code` …
    label: str
    #: http or https
    url: str


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SharedCard:
    """One paper as a template shows it to everyone. Empty strings and tuples where nothing is known."""

    #: how much room it gets: `full`, `lead` (two sentences of the abstract) or `line` (no abstract)
    tier: Tier
    #: where the title leads; empty when no address is known
    url: str
    #: `A, B, C and 4 more`, else the organisation, else `9 authors`
    byline: str
    #: the day of the first version, else of the announcement; a date or none
    date: date | None
    #: its main arXiv category: `cs.LG`
    category: str
    #: a number or none
    upvotes: int | None
    #: a number or none
    comments: int | None
    #: where it was published: `Nature`
    venue: str
    #: how often others cite it; a number or none
    citations: int | None
    #: the seven above in words, what is known of them: `A, B`, `25 Jun 2026`, `cs.LG`, `57 upvotes`, `3 comments`,
    #: `Nature`, `12 citations`
    facts: tuple[str, ...]
    #: one sentence of the abstract, the one that says what was done; empty in a `line`
    gist: str
    #: whether `abstract` says anything
    has_abstract: bool
    #: where to read the paper, then an open copy, its code and project, each with `label` and `url`
    links: tuple[Link, ...]


@dataclass(frozen=True, kw_only=True)  # without slots: two bases with slots cannot make one card
class Personal:
    """What is one reader's own on a card."""

    #: counts through the issue; in text it is right-aligned to two columns
    number: Printed
    #: in HTML with the words that matched in `<b>`
    title: Printed
    #: the abstract or what the tier shows of it, in HTML with the words that matched in `<b>`
    abstract: Printed
    #: the reasons, weightiest first: each prints itself (`{{ reason }}`), or part by part, as below
    why: tuple[Reason, ...]
    #: all of them, in a `line` the first: in HTML one line, in text a list that is wrapped and indented by four columns
    reasons: Printed
    #: the weightiest alone, printed as `reasons`
    reason: Printed
    #: whether there are any
    has_reasons: bool


@dataclass(frozen=True, kw_only=True)
class Card(Personal, SharedCard):
    """One paper as a template shows it to one reader."""

    @classmethod
    def of(cls, shared: SharedCard, own: Personal) -> Self:
        """The two halves together."""
        return cls(**{field.name: getattr(half, field.name) for half in (shared, own) for field in fields(half)})


@dataclass(frozen=True, eq=False, slots=True)
class Shared:
    """What all readers of a language share of one paper: its card, and the texts that are one's own when marked."""

    card: SharedCard
    #: the language
    words: Words
    title: Excerpt
    abstract: Excerpt
    #: the title as a subject and the contents list have it
    headline: str
    entry: str
    #: its gist as the preview has it
    teaser: str


def _shared(words: Words, tier: Tier, paper: Paper) -> Shared:
    title, abstract = whole(paper.title, fallback=words.gettext("Untitled")), _abstract(paper.abstract, tier)
    card = _shared_card(paper, tier, words, has_abstract=bool(str(abstract)))
    return Shared(
        card,
        words,
        title,
        abstract,
        headline=shorten(str(title), _HEADLINE_WIDTH),
        entry=shorten(str(title), _ENTRY_WIDTH),
        teaser=shorten(card.gist, _TEASER_WIDTH),
    )


def spans(marked: Iterable[Hit], field: Field) -> list[tuple[int, int]]:
    """What a field has marked. Some words of a keyword, here and there, would be a page full of bold."""
    return [span for hit in marked for one in hit.places if one.field is field and one.written for span in one.spans]


_NO_HITS = frozenset[Hit]()
_Marks = tuple[bytes, bytes]
_MarksKey = tuple[Shared, frozenset[Hit]]


def _marked(key: _MarksKey) -> _Marks:
    shared, marked = key
    title, found = _marked_title(key)[0], spans(marked, Field.ABSTRACT)
    if marked and not found:  # an abstract without marks is the same for all
        return title, QUOTED_MARKS[shared, _NO_HITS][1]
    return title, quoted(shared.abstract.html(found))


def _marked_title(key: _MarksKey) -> _Marks:
    shared, marked = key
    return quoted(shared.title.html(spans(marked, Field.TITLE))), b""


#: title and abstract in HTML with some hits marked, as quoted-printable: readers with the same keywords share them
QUOTED_MARKS: Kept[_MarksKey, _Marks] = Kept(_KEPT_MARKS, _marked)
#: the same for templates that show no abstract
QUOTED_TITLES: Kept[_MarksKey, _Marks] = Kept(_KEPT_MARKS, _marked_title)


def _shelves(words: Words) -> dict[Tier, Kept[Paper, Shared]]:
    return {tier: Kept(_KEPT_PAPERS, partial(_shared, words, tier)) for tier in Tier}


#: papers in the words of a language, by how much room they get
SHARED: Kept[Words, dict[Tier, Kept[Paper, Shared]]] = Kept(32, _shelves)


def _shared_card(paper: Paper, tier: Tier, words: Words, *, has_abstract: bool) -> SharedCard:
    own, related = tuple(_own_links(paper, words)), tuple(_related_links(paper, words))
    return SharedCard(
        tier=tier,
        url=own[0].url if own else "",
        byline=_byline(paper, words),
        date=paper.published or paper.listed,
        category=clean_line(paper.categories[0]) if paper.categories else "",
        upvotes=paper.upvotes,
        comments=paper.comments,
        venue=_venue(paper),
        citations=paper.citations,
        facts=tuple(_facts(paper, words)),
        gist="" if tier is Tier.LINE else _gist(paper.abstract),
        has_abstract=has_abstract,
        links=own + related,
    )


def _personal(ranked: RankedPaper, number: int, shared: Shared, words: Words) -> Personal:
    """What a card says to the one reader for whom the paper was ranked."""
    told, marked = weigh(ranked.matches)
    why = tuple(reasons(told, words))
    return Personal(
        number=printed_number(number),
        title=shared.title.marked(spans(marked, Field.TITLE)),
        abstract=shared.abstract.marked(spans(marked, Field.ABSTRACT)),
        why=why,
        reasons=listed(why[:1] if shared.card.tier is Tier.LINE else why),
        reason=listed(why[:1]),
        has_reasons=bool(why),
    )


@lru_cache(maxsize=128)
def printed_number(number: int) -> Printed:
    """A number as cards have it."""
    return Printed(f"{number:2}", escape(str(number)))


def card(ranked: RankedPaper, number: int, shared: Shared, words: Words) -> Card:
    """The whole card."""
    return Card.of(shared.card, _personal(ranked, number, shared, words))


def _abstract(text: str, tier: Tier) -> Excerpt:
    if tier is Tier.LINE:
        return Excerpt(())
    return whole(text) if tier is Tier.FULL else two_sentences(text)


def _gist(abstract: str) -> str:
    line = clean_line(abstract)
    return shorten(line[slice(*gist(line))], _GIST_WIDTH)


def _facts(paper: Paper, words: Words) -> Iterator[str]:
    if byline := _byline(paper, words):
        yield byline
    if known := paper.published or paper.listed:
        yield words.date(known, "short")
    if paper.categories and (category := clean_line(paper.categories[0])):
        yield category
    if paper.upvotes is not None:
        yield words.ngettext("%(num)s upvote", "%(num)s upvotes", paper.upvotes)
    if paper.comments:
        yield words.ngettext("%(num)s comment", "%(num)s comments", paper.comments)
    if venue := _venue(paper):
        yield venue
    if paper.citations:
        yield words.ngettext("%(num)s citation", "%(num)s citations", paper.citations)


def _venue(paper: Paper) -> str:
    return shorten(clean_line(paper.venue or ""), _VENUE_WIDTH)


def _byline(paper: Paper, words: Words) -> str:
    names = [name for name in map(clean_line, paper.authors) if name]
    if names:
        shown = ", ".join(names[:_AUTHORS_SHOWN])
        more = max(paper.author_count or 0, len(names)) - len(names[:_AUTHORS_SHOWN])
        if more <= 0:
            return shown
        return words.ngettext("%(names)s and %(num)s more", "%(names)s and %(num)s more", more, names=shown)
    if paper.organization:
        return clean_line(paper.organization)
    return words.ngettext("%(num)s author", "%(num)s authors", paper.author_count) if paper.author_count else ""


def _own_links(paper: Paper, words: Words) -> Iterator[Link]:
    """Where to read the paper, best first."""
    own = paper.arxiv_id
    if own:
        yield Link("arXiv", f"https://arxiv.org/abs/{quote(own)}")
        yield Link("PDF", f"https://arxiv.org/pdf/{quote(own)}")
        if own[:4].isdigit() and own >= _FIRST_HTML:
            yield Link("HTML", f"https://arxiv.org/html/{quote(own)}")
        if paper.upvotes is not None:  # votes are cast there, so the paper has a page there
            yield Link("Hugging Face", f"https://huggingface.co/papers/{quote(own)}")
    preprint = paper.key.removeprefix("doi:") if is_preprint(paper.key.removeprefix("doi:")) else None
    if preprint and paper.doi != preprint and (url := web(paper.url)):
        yield Link(words.gettext("Preprint"), url)
    if paper.doi and not arxiv_id(paper.doi):
        yield Link("DOI", doi_url(paper.doi))
    elif not own and (url := web(paper.url)):
        searches = urlsplit(url).hostname in ("arxiv.org", "www.arxiv.org") and urlsplit(url).path.startswith("/search")
        yield Link(words.gettext("Find on arXiv") if searches else words.gettext("Read"), url)


def _related_links(paper: Paper, words: Words) -> Iterator[Link]:
    """What belongs to it; some papers name themselves, or their code twice. A preprint is an open copy itself."""
    seen = {url for link in _own_links(paper, words) for url in (link.url, link.url + "/")}
    is_open = paper.arxiv_id or is_preprint(paper.key.removeprefix("doi:"))
    named = (
        (words.gettext("Open access"), None if is_open else paper.open_access_url),
        (words.gettext("Code"), paper.code_url),
        (words.gettext("Project"), paper.project_url),
    )
    for label, address in named:
        url = web(address)
        if url and url not in seen and not (paper.arxiv_id and arxiv_id(url) == paper.arxiv_id):
            seen.add(url)
            yield Link(label, url)


def url_of(paper: Paper, words: Words) -> str:
    """Where its title leads; empty when no address is known."""
    return next((link.url for link in _own_links(paper, words)), "")


def doi_url(doi: str) -> str:
    """Where a DOI leads."""
    return f"https://doi.org/{quote(clean_line(doi), safe='/:;().')}"


def web(address: str | None) -> str | None:
    """The address if a mail may link to it: http or https, with a host, in ASCII; else None."""
    if not address:
        return None
    try:
        parts = urlsplit(clean_line(address))
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or not parts.netloc.isascii():
        return None
    # everything that RFC 3986 does not allow where it stands is percent-encoded; what is encoded already stays
    rest = (_quoted_part(part, safe) for part, safe in zip(parts[2:], ("/", "/?", "/?"), strict=True))
    return urlunsplit((parts.scheme, quote(parts.netloc, safe="%:[]@!$&'()*+,;=~"), *rest))


def _quoted_part(part: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", part), safe=f"%:@!$&'()*+,;=~{safe}")
