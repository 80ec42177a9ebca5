"""Why a paper is there, in words: each keyword with its evidence and its share. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup, escape

from digestmail.model import Evidence, Field, Hit, Match
from digestmail.rendering.environment import COLUMNS, columns, fold
from digestmail.rendering.excerpts import Printed, escaped
from digestmail.rendering.kept import Kept
from digestmail.rendering.language import Words
from digestmail.text.clean import clean_line
from digestmail.text.quoted import quoted

# what is said of a place: field, matched words, how often, and how; of a hit: its keyword and places; or the number of
# keywords that are not told
_Place = tuple[Field, str, int, Evidence]
_What = tuple[str, tuple[_Place, ...]] | int
#: what is told (or the number of keywords that are not), its per cent, and whether it speaks against the paper
Told = tuple[Hit | int, int | None, bool]
#: what is told of a paper, and what is marked in its title and abstract
Weighed = tuple[list[Told], frozenset[Hit]]
# a list within a card, whose text begins four columns in
_ITEM, _NEXT_ITEM, _NEXT_IN_HTML = 6, "\n    ", "; "
_TOLD = 3
_WORDS = Evidence.WORDS  # an enumeration looks its members up in Python
_FOR = (False,) * (_TOLD + 1)
_KEPT = 1 << 14

_QUOTED_NEXT_ITEM, _QUOTED_NEXT_IN_HTML = quoted(_NEXT_ITEM), quoted(_NEXT_IN_HTML)
_NO_REASONS = (b"", b"", b"", b"")


class _Said(NamedTuple):
    """A reason in words, without its share."""

    keyword: str
    found: str
    where: str
    text: str
    html: str


class _Quoted(NamedTuple):
    """A reason without its share, as quoted-printable."""

    html: bytes
    #: an item of the list, wrapped
    text: bytes
    #: free columns in its last line
    left: int


@dataclass(frozen=True, slots=True, eq=False)
class Reason:
    """Why a paper is there: one keyword and all the places where it was found, or an opinion about papers like it."""

    #: the keyword as the reader wrote it; empty for an opinion
    keyword: str
    #: the matched words as the paper writes them, to be shown in bold
    words: str
    #: where and how they were found: `in the title, in the abstract ×3`
    where: str
    #: its part of all that speaks for the paper, adding up to 100: `62%`, `<1%`; empty when it is the only reason
    share: str
    #: true when it speaks against the paper
    against: bool
    _text: str
    _html: str

    def __str__(self) -> str:
        """All of it in one line of text: ``*mixture of experts* in the title (62%)``."""
        return self._text

    def __html__(self) -> str:
        """The same in HTML, the words in bold."""
        return self._html


def weigh(matches: Sequence[Match]) -> Weighed:
    """What the matches of a paper say, and which of them are marked: a reader's issue has forty of them.

    Reasons are told the weightiest first, then those against the paper. Of more than four only three are told one by
    one: the line is read in seconds, and mail clients cut long messages.
    """
    hits: list[Hit] = []
    points: list[float] = []
    marked: list[Hit] = []
    for match in matches:
        hit = match.hit
        hits.append(hit)
        points.append(match.points)
        if hit.written:
            marked.append(hit)
    # a set: whatever weights a reader's keywords have
    return _told(hits, points), frozenset(marked)


def _told(hits: Sequence[Hit], points: Sequence[float]) -> list[Told]:
    """The reasons with their shares, which add up to 100; a single one has none."""
    wanted = len(points)
    while wanted and points[wanted - 1] <= 0:
        wanted -= 1
    told: list[Told]
    if wanted > 1:
        count = wanted if wanted <= _TOLD + 1 else _TOLD
        shares = percentages(points if wanted == len(points) else points[:wanted], count)
        told = [*zip(hits[:count], shares, _FOR, strict=False)]
        if count < wanted:
            told.append((wanted - count, 100 - sum(shares), False))
    else:
        told = [(hit, None, False) for hit in hits[:wanted]]
    if 0 < wanted < len(points):
        told += [(hit, None, True) for hit, worth in zip(hits[wanted:], points[wanted:], strict=True) if worth < 0]
    return told


def reasons(told: Iterable[Told], words: Words) -> Iterator[Reason]:
    """What is told, in words."""
    for what, share, against in told:
        said, percent = _said(_what(what), words, against), _share(share)
        text, html = said.text, said.html
        if percent:
            text, html = f"{text} ({percent})", f"{html} ({escape(percent)})"
        yield Reason(said.keyword, said.found, said.where, percent, against, text, html)


def listed(why: Sequence[Reason]) -> Printed:
    """The reasons one after the other: in text a list, wrapped and indented, in HTML a line."""
    text = _NEXT_ITEM.join([fold(f"- {reason}", _ITEM) for reason in why])
    return Printed(text, Markup(_NEXT_IN_HTML.join([reason.__html__() for reason in why])))  # noqa: S704 - each is escaped


def quoted_reasons(told: Iterable[Told], words: Words) -> tuple[bytes, bytes, bytes, bytes]:
    """The reasons as ``listed`` has them: all of them and the first alone in HTML, both in text."""
    in_html, in_text, kept = [], [], _QUOTED[words]
    for what, share, against in told:
        html, text, left = kept[against][what]
        share_in_html, beside, below, width = _QUOTED_SHARES[share]
        in_html.append(html + share_in_html)
        in_text.append(text + (beside if width <= left else below))
    if not in_html:
        return _NO_REASONS
    return _QUOTED_NEXT_IN_HTML.join(in_html), in_html[0], _QUOTED_NEXT_ITEM.join(in_text), in_text[0]


def percentages(parts: Sequence[float], count: int) -> list[int]:
    """The first ``count`` of whole per cent that add up to 100, by the largest remainders (Hamilton's method)."""
    factor = 100 / sum(parts)
    shares = [int(part * factor) for part in parts[:count]]
    # the largest remainder first; what all of them lack adds up to a whole number, but for rounding
    left = [-(part * factor % 1) for part in parts]
    for least in sorted(left)[: round(-sum(left))]:
        at = left.index(least)
        left[at] = 1.0  # has got what it lacked
        if at < count:
            shares[at] += 1
    return shares


def _share(percent: int | None) -> str:
    return "" if percent is None else f"{percent}%" if percent else "<1%"


def _what(told: Hit | int) -> _What:
    """The same for many hits: papers use the same words in other places."""
    if isinstance(told, int):
        return told
    # how often some of its words stand there is not told
    return told.keyword, tuple(
        [(one.field, one.text, 0 if one.evidence is _WORDS else one.count, one.evidence) for one in told.places]
    )


@lru_cache(maxsize=_KEPT)
def _quote(what: _What, words: Words, against: bool) -> _Quoted:
    said = _said(what, words, against)
    item = fold(f"- {said.text}", _ITEM)
    last = item.rpartition("\n")[2].lstrip()
    return _Quoted(quoted(said.html), quoted(item), COLUMNS - _ITEM - columns(last))


_Quotes = Kept[Hit | int, _Quoted]


def _quotes(words: Words) -> tuple[_Quotes, _Quotes]:
    """What speaks for papers and what speaks against them."""
    return (
        Kept(_KEPT, lambda told: _quote(_what(told), words, False)),
        Kept(_KEPT, lambda told: _quote(_what(told), words, True)),
    )


# readers share keywords and papers, and so hits, but seldom what these are worth
_QUOTED: Kept[Words, tuple[_Quotes, _Quotes]] = Kept(32, _quotes)


def _quoted_share(share: int | None) -> tuple[bytes, bytes, bytes, int]:
    """A share in HTML, in text beside the words or below them, and the columns that it takes beside them."""
    if share is None:
        return b"", b"", b"", 0
    told = f"({_share(share)})"
    return quoted(f" {escape(told)}"), quoted(f" {told}"), quoted(f"\n{_ITEM * ' '}{told}"), 1 + len(told)


_QUOTED_SHARES = {share: _quoted_share(share) for share in (None, *range(101))}


def _said(what: _What, words: Words, against: bool) -> _Said:
    if isinstance(what, int):
        more = words.ngettext("%(num)s more keyword", "%(num)s more keywords", what)
        return _Said("", "", more, more, escaped(more))
    keyword, found, where = _in_words(*what, words)
    text, html = where, escaped(where)
    if found:
        text, html = f"*{found}* {text}", f"<b>{escaped(found)}</b> {html}"
    if against:
        but = words.gettext("but")
        text, html = f"{but} {text}", f"{escaped(but)} {html}"
    return _Said(keyword, found, where, text, html)


def _in_words(keyword: str, places: Sequence[_Place], words: Words) -> tuple[str, str, str]:
    """The keyword, the words of the paper, and where they stand."""
    evidence = places[0][-1]
    if evidence is Evidence.LIKE:
        return "", _written(places), words.gettext("as in papers you asked for more of")
    if evidence is Evidence.DISLIKE:
        return "", _written(places), words.gettext("as in papers you asked for less of")
    keyword = clean_line(keyword)
    whole = [text for _, text, _, evidence in places if evidence is not _WORDS]
    if not whole:
        where = _some_words(keyword, tuple([field for field, _, _, _ in places]), words)
        return keyword, _written(places) or keyword, where
    where = words.gettext(", ").join([_where(field, count, evidence, words) for field, _, count, evidence in places])
    return keyword, clean_line(whole[0]) or keyword, where


def _written(places: Iterable[_Place]) -> str:
    """The words of all places, each once, however it is spelled."""
    written: dict[str, str] = {}
    for _, text, _, _ in places:
        for word in clean_line(text).split(", "):
            written.setdefault(word.casefold(), word)
    return ", ".join(filter(None, written.values()))


@lru_cache(maxsize=8192)
def _some_words(keyword: str, fields: tuple[Field, ...], words: Words) -> str:
    places = words.gettext(", ").join([_place(field, words) for field in fields])
    return words.gettext("of «%(keyword)s» %(places)s", keyword=keyword, places=places)


@lru_cache(maxsize=1024)
def _where(field: Field, count: int, evidence: Evidence, words: Words) -> str:
    place = _place(field, words)
    if evidence is Evidence.WORDS:
        return words.gettext("some of its words %(place)s", place=place)
    times = f" ×{count}" if count > 1 else ""
    if evidence is Evidence.NEAR:
        return words.gettext("close together %(place)s", place=place) + times
    return place + times


@lru_cache(maxsize=64)
def _place(field: Field, words: Words) -> str:
    match field:
        case Field.TITLE:
            return words.gettext("in the title")
        case Field.ABSTRACT:
            return words.gettext("in the abstract")
        case Field.AUTHOR:
            return words.gettext("among the authors")
        case Field.CATEGORY:
            return words.gettext("among the categories")
        case Field.ANY:
            return words.gettext("in the text")
