"""Why a paper is there, in words: each keyword with its evidence and its share. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup, escape

from digestmail.model import Evidence, Field, RankedPaper
from digestmail.rendering.environment import COLUMNS, columns, fold
from digestmail.rendering.excerpts import Printed, Spans
from digestmail.rendering.language import Words
from digestmail.text.clean import clean_line
from digestmail.text.quoted import quoted

# what a reason is told from: keyword, field, matched words, how often, and how
_Found = tuple[str, Field, str, int, Evidence]
# all of that for one keyword or kind of opinion; or the number of keywords that are not told
_What = tuple[_Found, ...] | int
#: what is told, its per cent, and whether it speaks against the paper
Told = tuple[_What, int | None, bool]
#: what is told of a paper, and what is marked in its title and in its abstract
Weighed = tuple[list[Told], Spans, Spans]
# a list within a card, whose text begins four columns in
_ITEM, _NEXT_ITEM, _NEXT_IN_HTML = 6, "\n    ", "; "
_TOLD = 3
_OPINIONS = frozenset((Evidence.LIKE, Evidence.DISLIKE))
# some words of a keyword, here and there, would be a page full of bold
_MARKED = frozenset((Evidence.EXACT, Evidence.NEAR))

#: what stands between the items of ``quoted_list``
NEXT_IN_HTML, NEXT_IN_TEXT = quoted(_NEXT_IN_HTML), quoted(_NEXT_ITEM)


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


def weigh(ranked: RankedPaper) -> Weighed:
    """What the matches of a paper say and mark, in one pass: a reader's issue has seventy matches.

    Reasons are one per keyword and per kind of opinion, the weightiest first, then those against it. Of more than four
    only three are told one by one: the line is read in seconds, and mail clients cut long messages.
    """
    groups: dict[object, tuple[_Found, ...]] = {}
    points: dict[object, float] = {}
    in_title, in_abstract = [], []
    for match in ranked.matches:
        field, evidence = match.field, match.evidence
        key: object = match.keyword
        found = (match.keyword, field, match.text, match.count, evidence)
        if evidence in _MARKED:
            if field is Field.ABSTRACT:
                in_abstract.append(match.spans)
            elif field is Field.TITLE:
                in_title.append(match.spans)
        elif evidence in _OPINIONS:
            key = (evidence,)  # a keyword may be called like a kind of opinion
        if key in groups:
            groups[key] += (found,)
            points[key] += match.points
        else:
            groups[key], points[key] = (found,), match.points
    # the same marks in the same order, whatever weights a reader's keywords have
    in_title.sort()
    in_abstract.sort()
    return _told(groups, points), tuple(in_title), tuple(in_abstract)


def _told(groups: dict[object, tuple[_Found, ...]], points: dict[object, float]) -> list[Told]:
    """The reasons with their shares, which add up to 100; a single one has none."""
    wanted = sorted(points, key=points.__getitem__, reverse=True)
    while wanted and points[wanted[-1]] <= 0:
        wanted.pop()
    told: list[Told]
    if len(wanted) > 1:
        shares = percentages([points[key] for key in wanted])
        count = len(wanted) if len(wanted) <= _TOLD + 1 else _TOLD
        told = [(groups[key], share, False) for key, share in zip(wanted[:count], shares, strict=False)]
        if count < len(wanted):
            told.append((len(wanted) - count, sum(shares[count:]), False))
    else:
        told = [(groups[key], None, False) for key in wanted]
    if wanted and len(wanted) < len(groups):
        told += [(found, None, True) for key, found in groups.items() if points[key] < 0]
    return told


def reasons(told: Iterable[Told], words: Words) -> Iterator[Reason]:
    """What is told, in words."""
    for what, share, against in told:
        said, percent = _said(what, words, against), _share(share)
        text, html = said.text, said.html
        if percent:
            text, html = f"{text} ({percent})", f"{html} ({escape(percent)})"
        yield Reason(said.keyword, said.found, said.where, percent, against, text, html)


def listed(why: Sequence[Reason]) -> Printed:
    """The reasons one after the other: in text a list, wrapped and indented, in HTML a line."""
    text = _NEXT_ITEM.join([fold(f"- {reason}", _ITEM) for reason in why])
    return Printed(text, Markup(_NEXT_IN_HTML.join([reason.__html__() for reason in why])))  # noqa: S704 - each is escaped


def quoted_list(told: Sequence[Told], words: Words) -> tuple[list[bytes], list[bytes]]:
    """HTML and text of the reasons as ``listed`` has them, each as quoted-printable; join them with the two below."""
    in_html, in_text = [], []
    for what, share, against in told:
        html, text, left = _quoted(what, words, against)
        share_in_html, beside, below, width = _QUOTED_SHARES[share]
        in_html.append(html + share_in_html)
        in_text.append(text + (beside if width <= left else below))
    return in_html, in_text


def percentages(parts: Sequence[float]) -> list[int]:
    """Whole per cent that add up to 100, by the largest remainders (Hamilton's method)."""
    factor = 100 / sum(parts)
    exact = [part * factor for part in parts]
    shares = [int(part) for part in exact]
    if missing := 100 - sum(shares):
        left = [share - part for share, part in zip(shares, exact, strict=True)]
        for at in sorted(range(len(parts)), key=left.__getitem__)[:missing]:
            shares[at] += 1
    return shares


def _share(percent: int | None) -> str:
    return "" if percent is None else f"{percent}%" if percent else "<1%"


# readers share keywords and papers, and so what was found, but seldom its share
@lru_cache(maxsize=1 << 14)
def _quoted(what: _What, words: Words, against: bool) -> _Quoted:
    said = _said(what, words, against)
    item = fold(f"- {said.text}", _ITEM)
    last = item.rpartition("\n")[2].lstrip()
    return _Quoted(quoted(said.html), quoted(item), COLUMNS - _ITEM - columns(last))


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
        return _Said("", "", more, more, str(escape(more)))
    keyword, found, where = _in_words(what, words)
    but = words.gettext("but") + " " if against else ""
    return _Said(
        keyword,
        found,
        where,
        text=f"{but}{f'*{found}* ' if found else ''}{where}",
        html=f"{escape(but)}{f'<b>{escape(found)}</b> ' if found else ''}{escape(where)}",
    )


def _in_words(matches: tuple[_Found, ...], words: Words) -> tuple[str, str, str]:
    """The keyword, the words of the paper, and where they stand."""
    first, _, _, _, evidence = matches[0]
    if evidence is Evidence.LIKE:
        return "", _written(matches), words.gettext("as in papers you asked for more of")
    if evidence is Evidence.DISLIKE:
        return "", _written(matches), words.gettext("as in papers you asked for less of")
    keyword = clean_line(first)
    whole = [text for _, _, text, _, evidence in matches if evidence is not Evidence.WORDS]
    if not whole:
        places = words.gettext(", ").join(_place(field, words) for _, field, _, _, _ in matches)
        where = words.gettext("of «%(keyword)s» %(places)s", keyword=keyword, places=places)
        return keyword, _written(matches) or keyword, where
    where = words.gettext(", ").join(
        [_where(field, count, evidence, words) for _, field, _, count, evidence in matches]
    )
    return keyword, clean_line(whole[0]) or keyword, where


def _written(matches: Iterable[_Found]) -> str:
    """The words of all matches, each once, however it is spelled."""
    written = [word for _, _, text, _, _ in matches for word in clean_line(text).split(", ") if word]
    folded = {word.casefold(): word for word in reversed(written)}
    return ", ".join(dict.fromkeys(folded[word.casefold()] for word in written))


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
