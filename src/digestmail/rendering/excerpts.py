"""Titles and abstracts as a card shows them: cut to sentences, with the matched words marked. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

from markupsafe import Markup

from digestmail.text.clean import clean_line, shorten
from digestmail.text.sentences import lead
from digestmail.text.tex import has_scripts, to_html

Span = tuple[int, int]

# The longest abstract of 74,728 on arXiv has 3,488 characters; longer ones are not abstracts.
_LONGEST = 3600
_SENTENCE_WIDTH = 220


class Printed(str):
    """Words that look otherwise in HTML than in text: with marks, say.

    Jinja prints ``str()`` of it in text, and escapes it to ``__html__()`` in HTML.
    """

    __slots__ = ("_html",)
    _html: Markup

    def __new__(cls, text: str, html: Markup) -> Self:
        printed = super().__new__(cls, text)
        printed._html = html
        return printed

    def __html__(self) -> Markup:
        return self._html


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of ours that print themselves, with links in HTML; told apart by both forms, so that they can be kept."""

    #: lines, wrapped
    text: str
    html: Markup

    def __str__(self) -> str:
        return self.text

    def __html__(self) -> Markup:
        return self.html

    def __bool__(self) -> bool:
        return bool(self.text)


@dataclass(frozen=True, slots=True, eq=False)  # known by identity: a shared card has each of its excerpts once
class Excerpt:
    """Parts of one text in its order: what is shown of it, and where in the source each part stood."""

    #: (where it begins in the source, the words); None for words that the source does not have
    pieces: tuple[tuple[int | None, str], ...]
    #: what makes HTML of any part of it: marks cut it anew for every reader
    _print: Callable[[str], str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_print", _printer(str(self)))

    def __str__(self) -> str:
        return "".join([words for _, words in self.pieces])

    def marked(self, spans: Iterable[Span]) -> Printed:
        """The excerpt with these ranges of the source in ``<b>``; ranges that do not fit into a part are left out."""
        return Printed(str(self), Markup(self.html(spans)))  # noqa: S704 - every piece of it is escaped

    def html(self, spans: Iterable[Span]) -> str:
        """The same, only in HTML."""
        ordered, html = sorted(spans), self._print
        parts: list[str] = []
        for start, words in self.pieces:
            end = 0
            for first, last in ordered if start is not None else ():
                begin, stop = first - (start or 0), last - (start or 0)
                if end <= begin < stop <= len(words):
                    parts += html(words[end:begin]), "<b>", html(words[begin:stop]), "</b>"
                    end = stop
            parts.append(html(words[end:]))
        return "".join(parts)


def _printer(text: str) -> Callable[[str], str]:
    """``to_html``, or what does the same for parts of this text in less time."""
    if has_scripts(text):
        return to_html
    return escaped if escaped(text) != text else str


def escaped(text: str) -> str:
    """What ``markupsafe.escape`` makes of plain text, as a string: without ``Markup`` it takes a third of the time."""
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;").replace('"', "&#34;")
    )


def whole(text: str, fallback: str = "") -> Excerpt:
    """All of a text, as one line."""
    line = clean_line(text)
    shown = shorten(line, _LONGEST)
    cut = len(shown) - shown.endswith("…") if shown != line else len(shown)
    # Spans count characters of the text as it was matched: in a text that had to be cleaned they mean nothing.
    pieces = ((0 if line == text else None, shown[:cut]), (None, shown[cut:]))
    return Excerpt(tuple(piece for piece in pieces if piece[1])) if shown else Excerpt(((None, fallback),))


def two_sentences(text: str) -> Excerpt:
    """The two sentences of a text that tell most, long ones cut at a word."""
    line = clean_line(text)
    pieces: list[tuple[int | None, str]] = []
    end = 0
    for start, stop in lead(line):
        if pieces:
            pieces.append((None, " " if start - end <= 1 else " … "))
        shown = shorten(line[start:stop], _SENTENCE_WIDTH)
        kept = len(shown) if shown == line[start:stop] else len(shown) - 1
        pieces += [(start if line == text else None, shown[:kept]), (None, shown[kept:])]
        end = stop
    return Excerpt(tuple(piece for piece in pieces if piece[1]))
