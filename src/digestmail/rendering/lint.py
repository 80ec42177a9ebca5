"""Faults in a template's MJML, each with its place: MJML itself passes most of them in silence. Pure.

mjml-python 1.4 copies an unknown element to its output, takes any attribute with any value anywhere, accepts a wrong
closing tag, and ignores a padding with a bare 0 in the widths it writes for Outlook (measured, 31 cases).
"""

import re
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from html.parser import HTMLParser
from itertools import accumulate

from digestmail.errors import TemplateError
from digestmail.rendering.components import ANY_ATTRIBUTE, COMPONENTS, DEFAULTS, REFUSED
from digestmail.rendering.masking import Masked

_MOST = 20
# MJML ends the whole process somewhere above 5,000
_DEEPEST = 200
VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
_ATTRIBUTE = re.compile(r"""([^\s=/>"']+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+))?""")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CSS_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?")
_LOADS = re.compile(r"@(import|font-face)\b", re.IGNORECASE)
_TRANSLATED = re.compile(r"\{%[-+]?\s*(trans|endtrans)\b")

_LENGTH = r"\d*\.?\d+(?:px|%)"
_SIZE = r"-?\d*\.?\d+(?:px|%|r?em)"
# which attributes (by their whole name), what they may hold, how to say so
_VALUES = tuple(
    (re.compile(names), re.compile(value, re.IGNORECASE), meant)
    for names, value, meant in (
        (r"(?:.*-)?padding(?:-\w+)?", rf"{_LENGTH}(?: +{_LENGTH}){{0,3}}", "1 to 4 sizes with px or %, 0 too"),
        (r"(?:.*-)?color", r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})|[a-z]+|(?:rgb|hsl)a?\([^()]*\)", "a colour"),
        (r"(?:.*-)?border-radius", rf"{_SIZE}(?: +{_SIZE}){{0,3}}", "sizes with a unit, such as 6px"),
        (r"line-height", rf"\d*\.?\d+|{_SIZE}", "a size such as 22px, or a factor"),
        (r"(?:.*-)?(?:width|height|size)|letter-spacing", rf"{_SIZE}|auto", "a size with a unit, such as 15px"),
        (r"(?:text-)?align", "left|right|center|justify", "left, right, center or justify"),
        (r"vertical-align", "top|middle|bottom", "top, middle or bottom"),
        (r"direction|dir", "ltr|rtl", "ltr or rtl"),
    )
)  # fmt: skip
_ANYTHING = frozenset({"background-size", "full-width"})


def lint(masked: Masked) -> None:
    """Raises TemplateError with one line ``path:LINE:COL: …`` for every fault (the first 20)."""
    linter = _Linter(masked)
    linter.feed(masked.text)
    linter.close()
    faults = sorted({*linter.faults(), *_markup_in_translations(masked)})
    if faults:
        raise TemplateError("\n".join(f"{masked.at(offset)}: {what}" for offset, what in faults[:_MOST]))


class _Linter(HTMLParser):
    def __init__(self, masked: Masked) -> None:
        super().__init__(convert_charrefs=False)
        self._masked = masked
        self._line_starts = [0, *accumulate(len(line) for line in masked.text.splitlines(keepends=True))]
        self._open: list[tuple[str, int]] = []
        self._faults: list[tuple[int, str]] = []
        self._classes: set[str] = set()
        self._used: list[tuple[str, int]] = []

    @property
    def _offset(self) -> int:
        line, column = self.getpos()
        return self._line_starts[line - 1] + column

    @property
    def _parent(self) -> str:
        return self._open[-1][0] if self._open else ""

    @property
    def _component(self) -> str:
        """The element of MJML that is being read; elements of HTML in it do not count."""
        return next((tag for tag, _ in reversed(self._open) if tag in COMPONENTS), "")

    def faults(self) -> Iterator[tuple[int, str]]:
        yield from self._faults
        for tag, offset in self._open:
            yield offset, f"<{tag}> is not closed"
        for name, offset in self._used:
            if name not in self._classes:
                yield offset, f'mj-class "{name}" is not defined in mj-attributes{_meant(name, self._classes)}'

    def _fault(self, what: str, offset: int | None = None) -> None:
        self._faults.append((self._offset if offset is None else offset, what))

    # tags

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag)
        self._attributes(tag, dict(attrs))
        if tag not in VOID:
            self._open.append((tag, self._offset))
            if len(self._open) == _DEEPEST:
                self._fault(f"<{tag}> stands more than {_DEEPEST} elements deep")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag)
        self._attributes(tag, dict(attrs))
        if tag not in VOID and not tag.startswith("mj"):
            self._fault(f"<{tag} /> is not closed: HTML wants <{tag}></{tag}>")

    def _element(self, tag: str) -> None:
        component, inside = COMPONENTS.get(tag), self._component
        if self._masked.pattern.search(tag):
            self._fault("a placeholder stands in the name of an element")
        elif tag in REFUSED:
            self._fault(f"<{tag}> is refused: {REFUSED[tag]}")
        elif inside == "mj-attributes" and (component or tag in DEFAULTS):
            pass
        elif component and (inside not in component.parents if component.parents else self._open):
            belongs = " or ".join(sorted(component.parents)) or "at the top"
            self._fault(f"<{tag}> stands in {inside or 'nothing'}, it belongs in {belongs}")
        elif component is None and tag.startswith("mj-"):
            self._fault(f"unknown element <{tag}>{_meant(tag, [*COMPONENTS, *DEFAULTS])}")
        elif component is None and not (inside and COMPONENTS[inside].html):
            self._fault(f"<{tag}> stands in {inside or 'nothing'}: HTML belongs in mj-text or mj-raw")

    def handle_endtag(self, tag: str) -> None:
        opened = [name for name, _ in self._open]
        if tag in ("mj-style", "style") and self._parent == tag:
            self._styles(self._open[-1][1], self._offset)
        if tag in opened:
            while self._parent != tag:
                name, offset = self._open.pop()
                self._fault(f"<{name}> is not closed before </{tag}>", offset)
            self._open.pop()
        elif self._parent and get_close_matches(tag, [self._parent]):
            self._fault(f"</{tag}> does not close <{self._parent}>")
            self._open.pop()
        else:
            self._fault(f"</{tag}> closes nothing")

    # attributes

    def _attributes(self, tag: str, values: dict[str, str | None]) -> None:
        start, text = self._offset, self.get_starttag_text() or ""
        seen: set[str] = set()
        for found in _ATTRIBUTE.finditer(text.removesuffix(">").removesuffix("/"), len(tag) + 1):
            name, value, offset = found[1], found[2], start + found.start()
            number = self._masked.pattern.search(name)
            if number:
                placeholder = self._masked.placeholders[int(number[1])].text
                self._fault(
                    f"placeholder {placeholder} stands inside a tag (only values in quotes can be filled)", offset
                )
            elif name.lower() in seen:
                self._fault(f"{name} is given twice", offset)
            elif (tag in COMPONENTS or tag in DEFAULTS) and name not in self._allowed(tag):
                self._fault(f"{tag} has no attribute {name}{_meant(name, self._allowed(tag))}", offset)
            elif value is not None:
                self._value(tag, name, value, offset)
            elif tag in COMPONENTS:
                self._fault(f"{name} has no value", offset)
            seen.add(name.lower())
        if self._component == "mj-attributes" and tag == "mj-class" and values.get("name"):
            self._classes.add(str(values["name"]))
        elif values.get("mj-class") and tag in COMPONENTS:
            self._used += [(name, start) for name in str(values["mj-class"]).split()]

    def _value(self, tag: str, name: str, value: str, offset: int) -> None:
        inner = value[1:-1]
        if value[0] not in "\"'":
            self._fault(f'{name} wants its value in quotes: {name}="…"', offset)
        elif "<" in value:
            self._fault(f"{name} holds a bare <: write &lt;", offset)
        elif tag.startswith("mj") and value[0] == "'" and '"' in inner:
            self._fault(f"{name} holds double quotes: write &quot; (MJML writes all values in double quotes)", offset)
        elif tag.startswith("mj") and not self._masked.pattern.search(inner) and name not in _ANYTHING:
            wanted = next(((form, meant) for names, form, meant in _VALUES if names.fullmatch(name)), None)
            if wanted and not wanted[0].fullmatch(inner.strip()):
                self._fault(f'{name}="{inner}" is not {wanted[1]}', offset)

    def _allowed(self, tag: str) -> Iterable[str]:
        if self._component == "mj-attributes":
            own = COMPONENTS[tag].attributes if tag in COMPONENTS else ANY_ATTRIBUTE
            return own | {"name"} if tag == "mj-class" else own
        return COMPONENTS[tag].attributes if tag in COMPONENTS else ()

    # what stands between the tags

    def handle_data(self, data: str) -> None:
        inside = self._component
        words = self._masked.pattern.sub("", data)
        if data == "<":
            self._fault("a bare <: write &lt;, and in styles max-width rather than width <")
        elif words.strip() and self._parent == inside and not (inside and COMPONENTS[inside].html):
            first = len(data) - len(data.lstrip())
            self._fault(f"text stands in {inside or 'nothing'}: it belongs in mj-text", self._offset + first)

    def handle_comment(self, data: str) -> None:  # noqa: ARG002 - the parser calls it so
        if self._component == "mj-wrapper":
            self._fault("a comment in mj-wrapper ends a condition for Outlook too early: write {# … #}")

    def handle_decl(self, decl: str) -> None:
        self._fault(f"<!{decl}> is refused: MJML writes the doctype")

    def handle_pi(self, data: str) -> None:
        self._fault(f"<?{data}> is refused: a template begins with <mjml>")

    def _styles(self, start: int, end: int) -> None:
        written = self._masked.text[start:end]
        plain = _CSS_ESCAPE.sub(lambda code: _character(int(code[1], 16)), _CSS_COMMENT.sub("", written))
        found = _LOADS.search(plain)
        if found:
            place = written.lower().find(found[0].lower())
            self._fault(f"{found[0]} is refused: a mail loads no style sheets and no fonts", start + max(place, 0))


def _character(code: int) -> str:
    return chr(code) if code <= sys.maxunicode else "\ufffd"


def _meant(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _markup_in_translations(masked: Masked) -> Iterator[tuple[int, str]]:
    """Markup between ``trans`` and ``endtrans``: MJML and premailer rewrite it, and no translation would be found."""
    begins: int | None = None
    for found in masked.pattern.finditer(masked.text):
        kind = _TRANSLATED.match(masked.placeholders[int(found[1])].text)
        if kind and kind[1] == "trans":
            begins = found.end()
        elif kind and begins is not None:
            markup = re.search(r"[<&]", masked.text[begins : found.start()])
            if markup:
                yield begins + markup.start(), "text to be translated holds markup: use {{ _(…) }} around plain words"
            begins = None
