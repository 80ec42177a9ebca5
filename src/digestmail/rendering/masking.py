"""Templates as MJML and premailer see them: numbered words stand for all that Jinja will fill in. Pure.

``mj-include`` is resolved here, not by MJML: so the whole document is masked and checked as one text, in which every
place is known by its own file, line and column.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from digestmail.errors import TemplateError
from digestmail.rendering.environment import environment

_OPENING = re.compile(r"\{[{%#]")
_DELIMITER = re.compile(r"\{[{%][-+]?")
_INCLUDE = re.compile(r"<!--.*?-->|<mj-include\b(?P<attributes>[^>]*?)/?>(?:\s*</mj-include\s*>)?", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_KINDS = {"mjml": ("", ""), "css": ("<mj-style>", "</mj-style>"), "html": ("<mj-raw>", "</mj-raw>")}
_HTML = environment(html=True)


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a template, as it is written."""

    path: Path
    text: str

    def at(self, offset: int) -> str:
        """``path:LINE:COL`` of a character, both counted from 1."""
        line_start = self.text.rfind("\n", 0, offset) + 1
        return f"{self.path}:{self.line(offset)}:{offset - line_start + 1}"

    def line(self, offset: int) -> int:
        """The line of a character, counted from 1."""
        return self.text.count("\n", 0, offset) + 1

    def included(self) -> Iterator[str]:
        """The files that its ``mj-include`` elements name."""
        for found in _INCLUDE.finditer(self.text):
            if path := _attributes(found["attributes"] or "").get("path"):
                yield path


def _attributes(text: str) -> dict[str, str]:
    return {found[1]: found[2] or found[3] or "" for found in _ATTRIBUTE.finditer(text)}


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A ``{{ … }}`` or ``{% … %}``."""

    text: str
    source: Source
    offset: int

    @property
    def is_block(self) -> bool:
        """Whether it is a statement."""
        return self.text.startswith("{%")

    def error(self, why: str) -> TemplateError:
        """The error that names it and its place."""
        return TemplateError(f"{self.source.at(self.offset)}: placeholder {self.text.strip()} {why}")


@dataclass(frozen=True, slots=True)
class Masked:
    """MJML in which numbered words stand for the placeholders."""

    text: str
    placeholders: tuple[Placeholder, ...]
    #: finds the word of a placeholder and, as group 1, its number
    pattern: re.Pattern[str]
    #: where each piece of the text begins, and where in which file it was written
    starts: tuple[int, ...]
    origins: tuple[tuple[Source, int], ...]

    @classmethod
    def of(cls, body: Source, includes: Mapping[str, Source], word: str) -> Self:
        """Mask what Jinja can read; ``word`` stands nowhere in the files, for it is made from a hash of them.

        Raises TemplateError for an ``mj-include`` that names none of ``includes``.
        """
        masker = _Masker(includes, word)
        masker.add(body)
        starts, origins = zip(*masker.pieces, strict=True) if masker.pieces else ((0,), ((body, 0),))
        return cls("".join(masker.text), tuple(masker.placeholders), re.compile(rf"{word}(\d+)z"), starts, origins)

    def at(self, offset: int) -> str:
        """``path:LINE:COL`` of a character of ``text``, as it was written."""
        piece = max(bisect_right(self.starts, offset) - 1, 0)
        source, start = self.origins[piece]
        return source.at(min(start + offset - self.starts[piece], len(source.text)))

    def numbers_in(self, html: str) -> list[int]:
        """The numbers of the placeholders in ``html``, in the order in which they stand there."""
        return [int(found[1]) for found in self.pattern.finditer(html)]

    def restore(self, html: str) -> tuple[str, tuple[str, ...]]:
        """``html`` as a Jinja template, and for each of its lines the place that it was written at.

        Every placeholder begins a new line, inside its braces where it does not show: so the line of an error tells
        which placeholder it is.
        """
        out: list[str] = []
        places, end = [self.at(0)], 0
        for found in self.pattern.finditer(html):
            placeholder = self.placeholders[int(found[1])]
            literal = _literal(html[end : found.start()])
            braces = _DELIMITER.sub(lambda opening: opening[0] + "\n", placeholder.text, count=1)
            places += [places[-1]] * literal.count("\n")
            places.append(placeholder.source.at(placeholder.offset))
            first = placeholder.source.line(placeholder.offset)
            places += [f"{placeholder.source.path}:{first + line}" for line in range(1, braces.count("\n"))]
            out += literal, braces
            end = found.end()
        rest = _literal(html[end:])
        places += [places[-1]] * rest.count("\n")
        return "".join([*out, rest]), tuple(places)


def _literal(html: str) -> str:
    # Braces written as entities, or between raw and endraw, come out of premailer as plain braces.
    return _OPENING.sub(lambda braces: "{{ '" + braces[0] + "' }}", html)


class _Masker:
    """Goes through the files in the order in which they are read."""

    def __init__(self, includes: Mapping[str, Source], word: str) -> None:
        self.text: list[str] = []
        self.pieces: list[tuple[int, tuple[Source, int]]] = []
        self.placeholders: list[Placeholder] = []
        self._includes = includes
        self._word = word
        self._length = 0
        self._open: list[Source] = []

    def add(self, source: Source) -> None:
        self._open.append(source)
        inside, start, position = "", 0, 0
        for _, kind, value in _HTML.lex(source.text):
            # the lexer leaves out nothing but white space
            offset = source.text.index(value, position)
            position = offset + len(value)
            if kind in ("block_begin", "variable_begin", "comment_begin"):
                inside, start = value, offset
            elif kind in ("block_end", "variable_end"):
                self._write(f"{self._word}{len(self.placeholders)}z", source, start)
                self.placeholders.append(Placeholder(inside + value, source, start))
                inside = ""
            elif kind == "comment_end":
                inside = ""
            elif inside:
                inside += value
            elif kind == "data":  # raw and endraw go: restore() protects what stood between them
                self._data(source, value, offset)
        self._open.pop()

    def _data(self, source: Source, text: str, offset: int) -> None:
        end = 0
        for found in _INCLUDE.finditer(text):
            if found["attributes"] is not None:
                self._write(text[end : found.start()], source, offset + end)
                self._include(source, offset + found.start(), _attributes(found["attributes"]))
                end = found.end()
        self._write(text[end:], source, offset + end)

    def _include(self, source: Source, offset: int, attributes: Mapping[str, str]) -> None:
        where, kind = source.at(offset), attributes.get("type", "mjml")
        path = attributes.get("path", "")
        included = self._includes.get(path)
        if kind not in _KINDS or attributes.keys() - {"path", "type"}:
            raise TemplateError(f'{where}: mj-include takes path="…" and type="mjml", "css" or "html", nothing else')
        if included is None:
            raise TemplateError(f"{where}: mj-include: no file {path!r} in the folder of this template")
        if included in self._open:
            raise TemplateError(f"{where}: mj-include: {path!r} includes itself")
        before, after = _KINDS[kind]
        self._write(before, source, offset)
        self.add(included)
        self._write(after, source, offset)

    def _write(self, text: str, source: Source, offset: int) -> None:
        if text:
            self.pieces.append((self._length, (source, offset)))
            self.text.append(text)
            self._length += len(text)


def check_kept(masked: Masked, numbers: list[int]) -> None:
    """Blocks must stand once and in order, values between the same blocks as in the source.

    A value may stand more than once: MJML repeats attributes for Outlook, and the title as the label of the body.
    Raises TemplateError.
    """
    placeholders = masked.placeholders
    written = set(numbers)
    for number, placeholder in enumerate(placeholders):
        if number not in written:
            raise placeholder.error("was dropped by MJML (what stands here must be literal)")
    blocks = [number for number in numbers if placeholders[number].is_block]
    expected = [number for number, placeholder in enumerate(placeholders) if placeholder.is_block]
    for due, found in zip([*expected, None], blocks, strict=False):
        if due != found:
            raise placeholders[found].error("was moved or repeated by MJML (blocks belong in text, not in mj-head)")
    kept = set(_with_blocks_before(placeholders, numbers))
    for number, before in _with_blocks_before(placeholders, range(len(placeholders))):
        if (number, before) not in kept:
            raise placeholders[number].error("was moved by MJML out of its block")


def _with_blocks_before(placeholders: tuple[Placeholder, ...], numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    before = 0
    for number in numbers:
        yield number, before
        before += placeholders[number].is_block
