"""Templates, compiled once: MJML and premailer see placeholders, never the text of a paper or a subscriber.

A template is a folder of four files: ``subject.txt``, ``body.mjml``, ``inline.css`` and ``body.txt``. Every ``{{ … }}``
and ``{% … %}`` of ``body.mjml`` is replaced by a plain word, MJML and premailer turn the rest into HTML, and the
placeholders are put back. What is left is an ordinary Jinja template: filling it takes 0.2 ms, running MJML and
premailer on every issue took 2 to 6 ms.
"""

import hashlib
import logging
import re
import traceback
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal, Self

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from digestmail.errors import TemplateError
from digestmail.model import Rendered
from digestmail.text.clean import clean_line

_SUBJECT, _BODY, _CSS, _TEXT_BODY = _FILES = ("subject.txt", "body.mjml", "inline.css", "body.txt")
_HASH_DIGITS = 16
_OPENING = re.compile(r"\{[{%#]")
_DELIMITER = re.compile(r"\{[{%][-+]?")
_MJML_POSITION = re.compile(r"at position (\d+):\d+")
# What a mistake in a template can raise while it is filled, beside Jinja's own errors.
_MISTAKES = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

_COLUMNS = 72
_URL = re.compile(r"(?:https?://|mailto:)")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def day(value: date, style: Literal["long", "short"] = "long") -> str:
    """A date in English, whatever the locale: ``Tuesday 30 June 2026``, or short ``30 Jun 2026``."""
    month = _MONTHS[value.month - 1]
    if style == "short":
        return f"{value.day} {month[:3]} {value.year}"
    return f"{_DAYS[value.weekday()]} {value.day} {month} {value.year}"


def wrap(text: str, indent: int = 0, width: int = _COLUMNS) -> str:
    """Fold ``text`` into lines of at most ``width`` columns, URLs kept whole (an own line, if need be).

    The first line starts where the template puts it, ``indent`` columns in; the others are indented by as much. A wide
    character takes two columns (Unicode Standard Annex 11). Words that do not fit a line are cut.
    """
    room = width - indent
    lines: list[str] = []
    line, used = "", 0
    for word in _pieces(text.split(), room):
        taken = _columns(word)
        if line and used + 1 + taken <= room:
            line, used = f"{line} {word}", used + 1 + taken
        else:
            if line:
                lines.append(line)
            line, used = word, taken
    return ("\n" + " " * indent).join([*lines, line])


def _pieces(words: Iterable[str], room: int) -> Iterator[str]:
    for word in words:
        if _columns(word) <= room or _URL.search(word):
            yield word
            continue
        piece = ""
        for character in word:
            if _columns(piece + character) > room:
                yield piece
                piece = ""
            piece += character
        yield piece


def _columns(text: str) -> int:
    return len(text) if text.isascii() else sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def environment(*, html: bool) -> jinja2.Environment:
    """The closed world of a template: sandboxed, strict about undefined names, a short list of filters, no globals.

    HTML is escaped; text keeps its characters, and a line that holds only a ``{% … %}`` leaves nothing behind.
    """
    env = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=html,
        trim_blocks=not html,
        lstrip_blocks=not html,
        keep_trailing_newline=not html,
    )
    kept = ("default", "first", "join", "last", "length", "lower", "upper")
    env.filters = {name: env.filters[name] for name in kept} | {"day": day, "wrap": wrap}
    env.globals = {}
    return env


_HTML = environment(html=True)
_TEXT = environment(html=False)


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of a template, ready to be filled."""

    path: Path
    template: jinja2.Template
    #: the source line of each line of the compiled text; None where they are the same
    lines: tuple[int, ...] | None = None

    @classmethod
    def compile(cls, env: jinja2.Environment, path: Path, source: str, lines: tuple[int, ...] | None = None) -> Self:
        try:
            code = env.compile(source, filename=str(path))
        except jinja2.TemplateSyntaxError as error:
            line = lines[error.lineno - 1] if lines else error.lineno
            raise TemplateError(f"{path}:{line}: {error.message}") from error
        return cls(path, jinja2.Template.from_code(env, code, {}), lines)

    def fill(self, context: Mapping[str, object]) -> str:
        try:
            return self.template.render(context)
        except _MISTAKES as error:
            raise TemplateError(f"{self._where(error)}: {error}") from error

    def _where(self, error: Exception) -> str:
        # Jinja rewrites tracebacks: the frames of a template carry its file name and its own line.
        frames = reversed(traceback.extract_tb(error.__traceback__))
        line = next((frame.lineno for frame in frames if frame.filename == str(self.path)), None)
        if line is None:
            return f"{self.path}"
        return f"{self.path}:{self.lines[line - 1] if self.lines else line}"


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template ready for any number of issues."""

    #: hex digits that change with any of the four files; a delivery's plan names its template by them
    hash: str
    _subject: _Part
    _html: _Part
    _text: _Part

    def render(self, context: Mapping[str, object]) -> Rendered:
        """Fill all parts; the subject is made one clean line. Raises TemplateError with the file and the line."""
        return Rendered(
            subject=clean_line(self._subject.fill(context)),
            html=self._html.fill(context),
            text=self._text.fill(context),
        )


class Templates:
    """Where templates are kept: folders that hold one folder per template, the first that has it wins."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def load(self, name: str) -> CompiledTemplate:
        """The template ``name``, compiled once per process as long as its files stay the same.

        Raises TemplateError when a file is missing or unusable; the message begins with the file and, where one is
        known, the line.
        """
        candidates = [folder / name for folder in self._folders]
        folder = next((candidate for candidate in candidates if candidate.is_dir()), candidates[0])
        return _compile(folder, *(_read(folder / file) for file in _FILES))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TemplateError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise TemplateError(f"{path}: is not UTF-8 ({error.reason} at byte {error.start})") from error


@lru_cache(maxsize=64)
def _compile(folder: Path, subject: str, body: str, css: str, text: str) -> CompiledTemplate:
    digest = hashlib.sha256(f"{subject}\0{body}\0{css}\0{text}".encode()).hexdigest()
    return CompiledTemplate(
        hash=digest[:_HASH_DIGITS],
        _subject=_Part.compile(_TEXT, folder / _SUBJECT, subject),
        _html=_compile_body(folder, body, css, word=f"dm{digest[:8]}n"),
        _text=_Part.compile(_TEXT, folder / _TEXT_BODY, text),
    )


def _compile_body(folder: Path, source: str, css: str, *, word: str) -> _Part:
    path = folder / _BODY
    _Part.compile(_HTML, path, source)  # first as written, so that a mistake in Jinja is told with its own line
    masked = _Masked.of(source, word)
    html = mjml_to_html(path, masked)
    numbers = masked.numbers_in(html)
    _check_kept(path, masked, numbers)
    for number in masked.numbers_in(" ".join(_Names(html).names)):
        raise masked.placeholders[number].error(path, "stands inside a tag (only values in quotes can be filled)")
    html = inline_css(folder / _CSS, html, css)
    if masked.numbers_in(html) != numbers:
        raise TemplateError(f"{path}: premailer dropped or moved a placeholder (is one outside of text and values?)")
    return _Part.compile(_HTML, path, *masked.restore(html))


class _Names(HTMLParser):
    """The names of all elements and attributes: a value filled in there could write attributes of its own."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names += [tag, *(name for name, _ in attrs)]


@dataclass(frozen=True, slots=True)
class _Placeholder:
    source: str
    line: int

    @property
    def is_block(self) -> bool:
        return self.source.startswith("{%")

    def error(self, path: Path, why: str) -> TemplateError:
        return TemplateError(f"{path}:{self.line}: placeholder {self.source} {why}")


@dataclass(frozen=True, slots=True)
class _Masked:
    """MJML in which numbered words stand for what Jinja will fill in; it has the lines of its source."""

    text: str
    placeholders: tuple[_Placeholder, ...]
    #: finds the word of a placeholder and, as group 1, its number
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, source: str, word: str) -> Self:
        """Mask what Jinja can read; ``word`` stands nowhere in ``source``, for it is made from a hash of it."""
        text = ""
        placeholders: list[_Placeholder] = []
        inside, start = "", 0
        for line, kind, value in _HTML.lex(source):
            if kind in ("block_begin", "variable_begin", "comment_begin"):
                inside, start = value, line
            elif kind in ("block_end", "variable_end"):
                text += "\n" * (start - 1 - text.count("\n")) + f"{word}{len(placeholders)}z"
                placeholders.append(_Placeholder(inside + value, start))
                inside = ""
            elif kind == "comment_end":
                inside = ""
            elif inside:
                inside += value
            elif kind == "data":  # raw and endraw go: restore() protects what stood between them
                text += "\n" * (line - 1 - text.count("\n")) + value
        return cls(text, tuple(placeholders), re.compile(rf"{word}(\d+)z"))

    def numbers_in(self, html: str) -> list[int]:
        """The numbers of the placeholders in ``html``, in the order in which they stand there."""
        return [int(found[1]) for found in self.pattern.finditer(html)]

    def restore(self, html: str) -> tuple[str, tuple[int, ...]]:
        """``html`` as a Jinja template, and the source line of each of its lines.

        Every placeholder begins a new line, inside its braces where it does not show: so the line of an error tells
        which placeholder it is.
        """
        out: list[str] = []
        lines, end = [1], 0
        for found in self.pattern.finditer(html):
            placeholder = self.placeholders[int(found[1])]
            text = _literal(html[end : found.start()])
            braces = _DELIMITER.sub(lambda opening: opening[0] + "\n", placeholder.source, count=1)
            lines += [lines[-1]] * text.count("\n")
            lines += range(placeholder.line, placeholder.line + braces.count("\n"))
            out += text, braces
            end = found.end()
        rest = _literal(html[end:])
        lines += [lines[-1]] * rest.count("\n")
        return "".join([*out, rest]), tuple(lines)


def _literal(html: str) -> str:
    # Braces written as entities, or between raw and endraw, come out of premailer as plain braces.
    return _OPENING.sub(lambda braces: "{{ '" + braces[0] + "' }}", html)


def _check_kept(path: Path, masked: _Masked, numbers: list[int]) -> None:
    """Blocks must stand once and in order, values between the same blocks as in the source.

    A value may stand more than once: MJML repeats attributes for Outlook, and the title as the label of the body.
    """
    placeholders = masked.placeholders
    for number, placeholder in enumerate(placeholders):
        if number not in numbers:
            raise placeholder.error(path, "was dropped by MJML (what stands here must be literal)")
    blocks = [number for number in numbers if placeholders[number].is_block]
    expected = [number for number, placeholder in enumerate(placeholders) if placeholder.is_block]
    for due, written in zip([*expected, None], blocks, strict=False):
        if due != written:
            raise placeholders[written].error(
                path, "was moved or repeated by MJML (blocks belong in text, not in mj-head)"
            )
    found = set(_with_blocks_before(placeholders, numbers))
    for number, before in _with_blocks_before(placeholders, range(len(placeholders))):
        if (number, before) not in found:
            raise placeholders[number].error(path, "was moved by MJML out of its block")


def _with_blocks_before(placeholders: tuple[_Placeholder, ...], numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    before = 0
    for number in numbers:
        yield number, before
        before += placeholders[number].is_block


def mjml_to_html(path: Path, masked: _Masked) -> str:
    """HTML without web fonts. Raises TemplateError, with the line where MJML tells a position."""
    from mjml import mjml2html

    try:
        html: str = mjml2html(masked.text, fonts={})
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the Rust library is a BaseException: it must not end the process
        raise TemplateError(f"{path}{_mjml_line(masked.text, str(error))}: MJML: {error}") from error
    return html


def _mjml_line(text: str, message: str) -> str:
    found = _MJML_POSITION.search(message)
    return f":{_line(text.encode()[: int(found[1])])}" if found else ""


def _line(text_before: bytes) -> int:
    return text_before.count(b"\n") + 1


def inline_css(path: Path, html: str, css: str) -> str:
    """``html`` with the rules of ``css`` in style attributes; its style elements stay as they are, byte for byte.

    At-rules are refused: they cannot be inlined, and cssutils would fetch an ``@import`` even without network leave.
    Raises TemplateError.
    """
    if "@" in css:
        line = _line(css[: css.index("@")].encode())
        raise TemplateError(f"{path}:{line}: at-rules belong in mj-style of {_BODY}")
    # premailer tells doctypes by their case and drops the one MJML writes, which puts browsers in quirks mode
    html = html.replace("<!doctype html>", "<!DOCTYPE html>", 1).replace("<style", '<style data-premailer="ignore"')
    from premailer import Premailer  # here, not above: importing it takes longer than most commands run

    premailer = Premailer(
        html,
        css_text=css,
        allow_network=False,
        disable_leftover_css=True,
        strip_important=False,
        disable_validation=True,
        align_floating_images=False,
        disable_basic_attributes=["width", "height", "align", "valign", "bgcolor"],
        cssutils_logging_level=logging.CRITICAL,
    )
    try:
        inlined: str = premailer.transform(pretty_print=False)
    except Exception as error:  # whatever cssutils, cssselect and lxml think of the file: none has a common base
        raise TemplateError(f"{path}: premailer: {error}") from error
    return inlined.replace(' data-premailer="ignore"', "")
