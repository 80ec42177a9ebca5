"""A YAML text as plain values that remember their lines.

Implicit types are those of YAML 1.2's core schema (§10.3.2) in decimal: ``true``/``false``, whole numbers, floats and
null. So ``07:30``, ``on``, ``no`` and ``2024-01-01`` stay text. Octal, hexadecimal, ``.inf`` and ``.nan`` stay text as
well: no setting wants them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from digestmail.errors import ConfigError

MAX_BYTES = 1_000_000
#: keys and values, after the aliases are followed
MAX_NODES = 10_000
MAX_DEPTH = 50

#: where a value stands: ``("sources", 0, "days")``
KeyPath = tuple[str | int, ...]

_STANDARD = "tag:yaml.org,2002:"
_DIGITS = 300  # longer runs of digits stay text: int() refuses them above 4,300

# type, what it looks like, how it is read
_CORE: dict[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    "null": (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    "int": (re.compile(rf"[-+]?[0-9]{{1,{_DIGITS}}}"), int),
    "float": (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), float),
}
_KINDS = {
    type(None): "nothing",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "keys and values",
}
_VARIABLE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?")
_BARE_VARIABLE = re.compile(r"\{.*:\s*[^\s\"']*\$\{")
_TEXT_AFTER_BRACKET = re.compile(r"[-:\[,]\s*\[[^\[\]]*\]\s*[^\s,\]}#]")
_TEXT_AFTER_QUOTE = re.compile(r"""[-:\[,]\s*(?P<quote>["'])[^"']*(?P=quote)[^\s,\]}:#]""")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at one place."""

    line: int
    path: KeyPath
    what: str


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a file and what is known about them."""

    data: dict[str, Any] = field(default_factory=dict)
    #: line of each key (of a mapping) and each item (of a list), from 1
    lines: dict[KeyPath, int] = field(default_factory=dict)
    #: values that ``${NAME}`` went into: never shown to anyone
    expanded: set[KeyPath] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    #: values replaced by a placeholder, because one of the problems is about them
    unusable: set[KeyPath] = field(default_factory=set)

    def at(self, path: KeyPath) -> Any:
        """The value at ``path``; None where there is none."""
        value: Any = self.data
        for step in path:
            match value, step:
                case dict(), str():
                    value = value.get(step)
                case list(), int() if step < len(value):
                    value = value[step]
                case _:
                    return None
        return value

    def line(self, path: KeyPath) -> int:
        """The line of ``path``, or of the nearest thing around it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(name: str, text: str, environ: Mapping[str, str]) -> Document:
    """Read one YAML document whose top level is a mapping.

    Problems that leave the rest readable are in the result. Raises ConfigError (one line, beginning with ``name``)
    about all others: syntax, no mapping, more than ``MAX_NODES`` keys and values, deeper than ``MAX_DEPTH``.
    """
    try:
        reader = _Reader(environ)
        data = reader.value(_top_mapping(_compose(text)), ())
    except _Unreadable as error:
        raise ConfigError([f"{name}:{error.line}: {error}"]) from None
    reader.document.data.update(data or {})
    return reader.document


def plain(text: str) -> bool | int | float | str | None:
    """What an unquoted ``text`` means in YAML: ``"10"`` is 10, ``"07:30"`` is text."""
    for pattern, read in _CORE.values():
        if pattern.fullmatch(text):
            value: bool | float | None = read(text)
            return value
    return text


def kind_of(value: object) -> str:
    """The type of a value of a document in words: ``a whole number``, ``a list``."""
    return _KINDS[type(value)]


def _top_mapping(root: yaml.Node | None) -> yaml.MappingNode:
    if root is None:
        raise _Unreadable(1, "the file is empty; 'digestmail init' writes one to start from")
    if isinstance(root, yaml.MappingNode):
        return root
    got = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
    raise _Unreadable(root.start_mark.line + 1, f"expected keys and values at the top, got {got}")


class _Unreadable(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class _Loader(yaml.SafeLoader):
    """SafeLoader's syntax with our own types; only nodes are composed, no objects."""

    # its own, or ours would be added to PyYAML's for YAML 1.1
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's declaration

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.nodes = 0
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        # counted here as well as after the aliases, so that a megabyte of "[],[],[]," is refused after a moment
        self.nodes += 1
        self.depth += 1
        _check_bounds(self.nodes, self.depth, self.line + 1)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _name, (_pattern, _) in _CORE.items():
    # None: whatever the first character is
    _Loader.add_implicit_resolver(_STANDARD + _name, re.compile(rf"(?:{_pattern.pattern})\Z"), None)


def _check_bounds(nodes: int, depth: int, line: int) -> None:
    if nodes > MAX_NODES:
        raise _Unreadable(line, f"more than {MAX_NODES:,} keys and values (aliases count each time they are used)")
    if depth > MAX_DEPTH:
        raise _Unreadable(line, f"nested more than {MAX_DEPTH} levels deep (an alias inside its own anchor has no end)")


def _compose(text: str) -> yaml.Node | None:
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _Unreadable(
            line, f"not valid YAML: the character U+{ord(text[error.position]):04X} is not allowed"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise _Unreadable(line, f"not valid YAML: {_syntax(error)}{_hint(text, line)}") from None
    except (ValueError, OverflowError):
        # PyYAML's scanner converts escapes ("\UFFFFFFFF") and version numbers without looking
        raise _Unreadable(
            loader.line + 1 if loader else 1, "not valid YAML: a number in an escape or directive is out of range"
        ) from None
    finally:
        if loader:
            loader.dispose()


def _syntax(error: yaml.MarkedYAMLError) -> str:
    if isinstance(error, yaml.composer.ComposerError) and "single document" in (error.context or ""):
        return "a second document begins here ('---'); a configuration is one document"
    return ", ".join(part for part in (error.problem, error.context) if part)


def _hint(text: str, line: int) -> str:
    lines = text.split("\n")
    written = lines[line - 1] if line <= len(lines) else ""
    if _BARE_VARIABLE.search(written):
        return " (between { and }, put ${NAME} in quotes)"
    if _TEXT_AFTER_BRACKET.search(written):
        return " (put quotes around a keyword with its topic, as in '[systems] quantization')"
    if _TEXT_AFTER_QUOTE.search(written):
        return """ (text goes on after a closing quote: put single quotes around all of it, as in '"exact phrase"^3')"""
    return ""


class _Reader:
    """Turns nodes into values, noting lines and problems."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.document = Document()
        self._environ = environ
        self._nodes = 0
        self._characters = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        line = node.start_mark.line + 1
        self._nodes += 1
        # a list that holds itself ends here too
        _check_bounds(self._nodes, len(path), line)
        tag = node.tag.removeprefix(_STANDARD)
        match node:
            case yaml.MappingNode() if tag == "map":
                return self._mapping(node, path)
            case yaml.SequenceNode() if tag == "seq":
                return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
            case yaml.ScalarNode() if tag == "str":
                return self._text(node.value, path, line)
            case yaml.ScalarNode() if tag in _CORE:
                pattern, read = _CORE[tag]
                if pattern.fullmatch(node.value):
                    return read(node.value)
                return self._unusable(path, line, f"not a valid !!{tag}")
        written = f"!!{tag}" if tag != node.tag else tag
        return self._unusable(path, line, f"the tag {written!r} is not supported here; write the value without it")

    def _item(self, node: yaml.Node, path: KeyPath) -> Any:
        self.document.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            self._nodes += 1
            line = key_node.start_mark.line + 1
            if why := _refused_key(key_node):
                self._problem(path, line, why)
                continue
            here = (*path, key_node.value)
            if key_node.value in values:
                self._problem(here, line, f"this key stands twice (first in line {self.document.lines[here]})")
                continue
            self.document.lines[here] = line
            values[key_node.value] = self.value(value_node, here)
        return values

    def _text(self, text: str, path: KeyPath, line: int) -> str:
        expanded = _VARIABLE.sub(lambda found: self._variable(found, path, line), text)
        self._characters += len(expanded)
        if self._characters > MAX_BYTES:
            raise _Unreadable(
                line, f"more than {MAX_BYTES:,} characters (aliases and variables count each time they are used)"
            )
        return expanded

    def _variable(self, found: re.Match[str], path: KeyPath, line: int) -> str:
        name = found["name"]
        if found[0] == "$${":
            return "${"
        self.document.expanded.add(path)
        if name is None:
            self._unusable(
                path, line, "'${' without a variable's name and '}' (write $${ for the two characters themselves)"
            )
        elif value := self._environ.get(name, "") or found["default"]:
            return value
        elif name not in self._environ and found["default"] is None:
            self._unusable(path, line, f"the environment variable {name} is not set (${{{name}:-…}} gives a default)")
        return ""

    def _unusable(self, path: KeyPath, line: int, what: str) -> None:
        self.document.unusable.add(path)
        self._problem(path, line, what)

    def _problem(self, path: KeyPath, line: int, what: str) -> None:
        self.document.problems.append(Problem(line, path, what))


def _refused_key(node: yaml.Node) -> str | None:
    if not isinstance(node, yaml.ScalarNode):
        return "a key must be text, got a list or keys and values"
    if node.value == "<<" and node.style is None:
        return "merge keys (<<) are not supported; write the keys out"
    if node.tag != _STANDARD + "str":
        return f"a key must be text: put {node.value!r} in quotes"
    return None
