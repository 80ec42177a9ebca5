"""Why a paper is there, in words: each keyword with its evidence and its share. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup, escape

from digestmail.model import Evidence, Field, RankedPaper
from digestmail.rendering.environment import wrap
from digestmail.rendering.excerpts import Slot
from digestmail.rendering.language import Words
from digestmail.text.clean import clean_line

# all of a reason as text and as HTML, and whether each letter takes one column
_Said = tuple[str, str, bool]
# what a reason is told from: keyword, field, matched words, how often, and how
_Found = tuple[str, Field, str, int, Evidence]
# a list within a card, whose text begins four columns in
_ITEM, _NEXT_ITEM = 6, "\n    "
_SHORT = 60  # columns that need no wrapping
_TOLD = 3
_OPINIONS = (Evidence.LIKE, Evidence.DISLIKE)


@dataclass(slots=True, eq=False)  # not frozen: an issue makes forty, and freezing is half of making one
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
    _item: str
    _html: str

    def __str__(self) -> str:
        """All of it in one line of text: ``*mixture of experts* in the title (62%)``."""
        return self._text

    def __html__(self) -> str:
        """The same in HTML, the words in bold."""
        return self._html


def reasons(ranked: RankedPaper, words: Words) -> Iterator[Reason]:
    """One reason per keyword and per kind of opinion, the weightiest first; what speaks against comes last.

    Of more than four only three are told one by one: the line is read in seconds, and mail clients cut long messages.
    """
    groups: dict[object, list[_Found]] = {}
    points: dict[object, float] = {}
    for match in ranked.matches:
        # a keyword may be called like a kind of opinion
        key: object = (match.evidence,) if match.evidence in _OPINIONS else match.keyword
        groups.setdefault(key, []).append((match.keyword, match.field, match.text, match.count, match.evidence))
        points[key] = points.get(key, 0.0) + match.points
    wanted = sorted((key for key in groups if points[key] > 0), key=lambda key: -points[key])
    shares = percentages([points[key] for key in wanted]) if len(wanted) > 1 else [None] * len(wanted)
    told = len(wanted) if len(wanted) <= _TOLD + 1 else _TOLD
    for kind, share in zip(wanted[:told], shares, strict=False):
        yield _reason(tuple(groups[kind]), _share(share), words, against=False)
    if rest := shares[told:]:
        more = words.ngettext("%(num)s more keyword", "%(num)s more keywords", len(rest))
        yield _finished("", "", more, _share(sum(filter(None, rest))), (more, str(escape(more)), more.isascii()))
    for kind, found in groups.items():
        if wanted and points[kind] < 0:
            yield _reason(tuple(found), "", words, against=True)


def listed(why: Sequence[Reason]) -> Slot:
    """The reasons one after the other: in text a list, wrapped and indented, in HTML a line."""
    text = _NEXT_ITEM.join([reason._item for reason in why])  # noqa: SLF001 - their own module
    return Slot(text, Markup("; ".join([reason._html for reason in why])))  # noqa: S704, SLF001 - each is escaped


def percentages(parts: Sequence[float]) -> list[int]:
    """Whole per cent that add up to 100, by the largest remainders (Hamilton's method)."""
    whole = sum(parts)
    exact = [100 * part / whole for part in parts]
    shares = [int(share) for share in exact]
    remainders = sorted(range(len(parts)), key=lambda at: shares[at] - exact[at])
    for at in remainders[: 100 - sum(shares)]:
        shares[at] += 1
    return shares


def _share(percent: int | None) -> str:
    return "" if percent is None else f"{percent}%" if percent else "<1%"


def _reason(matches: tuple[_Found, ...], share: str, words: Words, *, against: bool) -> Reason:
    keyword, found, where, said = _said(matches, words, against=against)
    return _finished(keyword, found, where, share, said, against=against)


def _finished(keyword: str, found: str, where: str, share: str, said: _Said, *, against: bool = False) -> Reason:
    text, html, narrow = said
    if share:
        text = f"{text} ({share})"
        html += f" ({share.replace('<', '&lt;')})"
    item = f"- {text}"
    if not narrow or len(item) > _SHORT:
        item = wrap(item, _ITEM)
    return Reason(keyword, found, where, share, against, text, item, html)


# readers share keywords and papers, and so what was found, but seldom its share
@lru_cache(maxsize=1 << 15)
def _said(matches: tuple[_Found, ...], words: Words, *, against: bool) -> tuple[str, str, str, _Said]:
    """Keyword, found words and where, and all of it."""
    keyword, found, where = _told(matches, words)
    but = words.gettext("but") + " " if against else ""
    text = f"{but}{f'*{found}* ' if found else ''}{where}"
    html = f"{escape(but)}{f'<b>{escape(found)}</b> ' if found else ''}{escape(where)}"
    return keyword, found, where, (text, html, text.isascii())


def _told(matches: Sequence[_Found], words: Words) -> tuple[str, str, str]:
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
    where = words.gettext(", ").join(_where(match, words) for match in matches)
    return keyword, clean_line(whole[0]) or keyword, where


def _written(matches: Iterable[_Found]) -> str:
    """The words of all matches, each once, however it is spelled."""
    written = [word for _, _, text, _, _ in matches for word in clean_line(text).split(", ") if word]
    folded = {word.casefold(): word for word in reversed(written)}
    return ", ".join(dict.fromkeys(folded[word.casefold()] for word in written))


def _where(match: _Found, words: Words) -> str:
    _, field, _, count, evidence = match
    place = _place(field, words)
    if evidence is Evidence.WORDS:
        return words.gettext("some of its words %(place)s", place=place)
    times = f" ×{count}" if count > 1 else ""
    if evidence is Evidence.NEAR:
        return words.gettext("close together %(place)s", place=place) + times
    return place + times


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
