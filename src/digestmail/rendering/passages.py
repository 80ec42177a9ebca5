"""News of papers that a reader has, and why there are none for them today, in words. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup, escape

from digestmail.model import Change, ChangeKind, Lull, Paper, Quiet
from digestmail.rendering.cards import doi_url, url_of, web
from digestmail.rendering.environment import fold
from digestmail.rendering.excerpts import Passage, whole
from digestmail.rendering.language import Words
from digestmail.text.clean import clean_line, shorten
from digestmail.text.differences import Part, differences

_TITLE_WIDTH, _LINK_WIDTH, _NAME_WIDTH = 200, 80, 60
_KEPT = 4096
# below its title, as what a card says in text
_INDENT = 4
_NAMES_SHOWN = 4
_NOTHING = Passage("", Markup())


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is new of one paper that the reader has."""

    #: its title
    title: str
    #: where the title leads; empty when no address is known
    url: str
    #: what happened, a line each: in HTML with links, in text wrapped and indented by four columns
    news: Passage


class _Line(NamedTuple):
    text: str
    html: Markup


def followups(changes: Iterable[Change], words: Words) -> tuple[FollowUp, ...]:
    """The news, paper by paper, in the order of the plan."""
    papers: dict[str, list[Change]] = {}
    for change in changes:
        papers.setdefault(change.paper.key, []).append(change)
    told = (_followup(tuple(some), words) for some in papers.values())
    return tuple(one for one in told if one.news)


@lru_cache(maxsize=_KEPT)  # many readers have one paper
def _followup(changes: tuple[Change, ...], words: Words) -> FollowUp:
    paper = changes[-1].paper
    lines = [line for kind in ChangeKind for line in _lines([one for one in changes if one.kind is kind], kind, words)]
    news = Passage(
        ("\n" + " " * _INDENT).join(fold(line.text, _INDENT) for line in lines),
        Markup("<br>").join(line.html for line in lines),
    )
    return FollowUp(_title(paper, words), url_of(paper, words), news)


def _title(paper: Paper, words: Words) -> str:
    return shorten(str(whole(paper.title, words.gettext("Untitled"))), _TITLE_WIDTH)


def _lines(changes: Sequence[Change], kind: ChangeKind, words: Words) -> Iterator[_Line]:
    """What to say of all changes of one kind: the newest counts."""
    if not changes:
        return
    first, last = changes[0], changes[-1]
    match kind:
        case ChangeKind.WITHDRAWN:
            told = words.gettext("Withdrawn by its authors.")
            yield _Line(told, Markup("<b>{}</b>").format(told))
        case ChangeKind.REVISED:
            yield from _revised(first.before, last.after, last.paper.version, words)
        case ChangeKind.PUBLISHED:
            name = "doi:" + shorten(clean_line(last.after), _LINK_WIDTH)
            yield _linked(words.gettext("Published:"), name, doi_url(last.after))
        case ChangeKind.CODE:
            if url := web(last.after):
                yield _linked(words.gettext("Code:"), shorten(url.partition("://")[2], _LINK_WIDTH), url)


def _plain(text: str) -> _Line:
    return _Line(text, escape(text))


def _linked(label: str, name: str, url: str) -> _Line:
    return _Line(f"{label} {url}", escape(label) + " " + _link(name, url))


def _link(name: str, url: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(url, name)


def _revised(before: str, after: str, version: int | None, words: Words) -> Iterator[_Line]:
    """What is different, word by word: struck out and underlined in HTML, in text as ``wdiff`` has it."""
    pieces = differences(before, after)
    # what is revised has a second version at least
    number = version or 2
    if pieces:
        yield _plain(words.gettext("New version (v%(version)s): the abstract changed.", version=number))
    else:
        yield _plain(words.gettext("New version (v%(version)s): the abstract was written anew.", version=number))
    if pieces:
        text = " ".join(_IN_TEXT.get(part, "{}").format(shown) for part, shown in pieces)
        yield _Line(text, Markup(" ").join(_IN_HTML.get(part, Markup("{}")).format(shown) for part, shown in pieces))


_IN_TEXT = {Part.REMOVED: "[-{}-]", Part.ADDED: "{{+{}+}}"}
_IN_HTML = {Part.REMOVED: Markup("<del>{}</del>"), Part.ADDED: Markup("<ins>{}</ins>")}


@lru_cache(maxsize=_KEPT)
def lull(why: Lull | None, words: Words) -> Passage:
    """Why there are no papers, in sentences; the papers that came closest, linked."""
    if why is None:
        return _NOTHING
    said = reason(why, words)
    text, html = [fold(said)], escape(said)
    if why.nearest:
        closest = words.gettext("The closest:")
        titles = [(_title(paper, words), url_of(paper, words)) for paper in why.nearest]
        text += [
            closest,
            *("\n".join(filter(None, (f"- {fold(name, 2)}", url and f"  {url}"))) for name, url in titles),
        ]
        links = [_link(*pair) if pair[1] else escape(pair[0]) for pair in titles]
        html = Markup("<br>").join([html, escape(closest), *links])
    return Passage("\n".join(text), html)


def reason(why: Lull, words: Words) -> str:
    """The sentences alone."""
    return " ".join(_sentences(why, words))


def _sentences(why: Lull, words: Words) -> Iterator[str]:
    """Why, then which sources must be excused. What is all that can be said is said once."""
    match why.why:
        case Quiet.UNMATCHED:
            yield words.ngettext(
                "%(num)s new paper came in, and it is not about what you asked for.",
                "%(num)s new papers came in, and none is about what you asked for.",
                why.new,
            )
        case Quiet.HOLIDAY:
            yield words.gettext("It is a holiday: nothing was announced.")
        case Quiet.WEEKEND:
            yield words.gettext("It is the weekend: nothing was announced.")
        case Quiet.KNOWN:
            yield words.gettext("Nothing new was announced.")
    if why.stale:
        yield words.gettext(
            "What %(sources)s should have announced by now is not there yet.", sources=_names(why.stale, words)
        )
    if why.down:
        yield words.gettext(
            "We could not reach %(sources)s: what is new there comes later.", sources=_names(why.down, words)
        )
    if why.next_day:
        yield words.gettext("The next announcement is due on %(date)s.", date=words.date(why.next_day))


def _names(names: Sequence[str], words: Words) -> str:
    shown = [shorten(clean_line(name), _NAME_WIDTH) for name in names[:_NAMES_SHOWN]]
    listed = words.gettext(", ").join(shown)
    more = len(names) - len(shown)
    return (
        words.ngettext("%(names)s and %(num)s more", "%(names)s and %(num)s more", more, names=listed)
        if more
        else listed
    )
