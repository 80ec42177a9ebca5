"""The world that templates live in: what they may call, and nothing else. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import jinja2
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from digestmail.rendering.language import install

#: of a line of text
COLUMNS = 72
# Latin, Greek, dashes, quotation marks, arrows and operators: one column each
_NARROW = re.compile("[\x20-\u02ff\u0391-\u03a1\u03a3-\u03ff\u2010-\u2027\u2030-\u205e\u2190-\u22ff]*")
_URL = re.compile(r"(?:https?://|mailto:)")


class _World(ImmutableSandboxedEnvironment):
    """A sandbox that knows our own values: their public attributes are what templates are for.

    For any other object the sandbox looks at its type, its attribute and its value, which takes 2 µs; an issue has 500.
    """

    def getattr(self, obj: object, attribute: str) -> object:
        if hasattr(type(obj), "__dataclass_fields__") and not attribute.startswith("_"):
            try:
                return getattr(obj, attribute)
            except AttributeError:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def call(self, context: Context, obj: Callable[..., object], /, *args: object, **kwargs: object) -> object:
        """The gettext functions are our own: they need neither looking over nor looking up."""
        if obj is context.parent.get("_"):
            return obj(context, *args, **kwargs)
        return super().call(context, obj, *args, **kwargs)


def environment(*, html: bool) -> jinja2.Environment:
    """The closed world of a template: sandboxed, strict about undefined names, a short list of filters, no globals.

    HTML is escaped; text keeps its characters, and a line that holds only a ``{% … %}`` leaves nothing behind.
    """
    env = _World(
        undefined=jinja2.StrictUndefined,
        autoescape=html,
        trim_blocks=not html,
        lstrip_blocks=not html,
        keep_trailing_newline=not html,
    )
    kept = ("default", "first", "join", "last", "length", "lower", "upper")
    env.filters = {name: env.filters[name] for name in kept} | {"wrap": wrap}
    env.globals = {}
    install(env)
    return env


def fold(text: str, indent: int = 0, width: int = COLUMNS) -> str:
    """Fold ``text`` into lines of at most ``width`` columns, URLs kept whole (an own line, if need be).

    The first line starts where the template puts it, ``indent`` columns in; the others are indented by as much. A wide
    character takes two columns (Unicode Standard Annex 11). Words that do not fit a line are cut.
    """
    room = width - indent
    lines: list[str] = []
    if (text.isascii() and text.isprintable()) or _NARROW.fullmatch(text):
        text = " ".join(text.split())
        while len(text) > room and (end := text.rfind(" ", 0, room + 1)) > 0:
            lines.append(text[:end])
            text = text[end + 1 :]
        if len(text) <= room:
            return ("\n" + " " * indent).join([*lines, text])
    line, used = "", 0
    for word in _pieces(text.split(), room):
        taken = columns(word)
        if line and used + 1 + taken <= room:
            line, used = f"{line} {word}", used + 1 + taken
        else:
            if line:
                lines.append(line)
            line, used = word, taken
    return ("\n" + " " * indent).join([*lines, line])


# titles and what we say ourselves come again with every reader
wrap = lru_cache(maxsize=8192)(fold)


def _pieces(words: Iterable[str], room: int) -> Iterator[str]:
    for word in words:
        if columns(word) <= room or _URL.search(word):
            yield word
            continue
        piece = ""
        for character in word:
            if columns(piece + character) > room:
                yield piece
                piece = ""
            piece += character
        yield piece


def columns(text: str) -> int:
    """How many columns a terminal gives it."""
    if text.isascii() or _NARROW.fullmatch(text):
        return len(text)
    return sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in text)
