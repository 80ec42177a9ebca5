"""What pydantic found wrong, in plain words and with the place in the file.

Values that came from the environment are never shown, nor is anything that could tell what they are.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from digestmail.config.document import Document, KeyPath, Problem, kind_of
from digestmail.config.fields import REFUSED
from digestmail.config.schema import KINDS, known_keys
from digestmail.config.values import did_you_mean
from digestmail.text.clean import clean_line, shorten

_SHOWN_LENGTH = 60


def explain(error: ValidationError, document: Document) -> Iterator[Problem]:
    """One problem for each of pydantic's, but for values that already have one."""
    for detail in error.errors(include_url=False, include_input=False):
        path = _file_path(detail["loc"])
        if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
            path = (*path, "kind")
        if not _already_told(detail["type"], path, document):
            yield Problem(document.line(path), path, _words(detail, path, document))


def _already_told(name: str, path: KeyPath, document: Document) -> bool:
    # pydantic also calls a list too short when its entries are there but wrong
    counted_without_the_wrong_ones = name == "too_short" and bool(document.at(path))
    return counted_without_the_wrong_ones or any(path[: len(bad)] == bad for bad in document.unusable)


def format_problem(name: str, problem: Problem) -> str:
    """``config.yaml:12: sources[0].days: must be 1 or more, got 0``, on one line."""
    where = format_path(problem.path)
    return clean_line(f"{name}:{problem.line}: {where}{': ' if where else ''}{problem.what}")


def format_path(path: KeyPath) -> str:
    """``sources[0].days``; keys that are no plain words are quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("-", "_").isidentifier():
            text += f".{shorten(step, _SHOWN_LENGTH)}"
        else:
            text += f"[{_shown(step)}]"
    return text.removeprefix(".")


def _file_path(loc: Iterable[int | str]) -> KeyPath:
    # where ``kind`` decides, pydantic puts it before the key: ("transport", "smtp", "port")
    path = tuple(loc)
    if path[-1:] == ("[key]",):  # so pydantic marks that the key is wrong and not what it holds
        path = path[:-1]
    place = {"transport": 1, "sources": 2, "enrichment": 2}.get(str(path[0]) if path else "")
    return path if place is None else (*path[:place], *path[place + 1 :])


@dataclass(frozen=True, slots=True)
class _Case:
    """One of pydantic's errors with what is known about its place."""

    path: KeyPath
    value: Any
    #: the value came from the environment
    hidden: bool
    context: Mapping[str, Any]
    document: Document

    @property
    def got(self) -> str:
        if self.hidden:
            return ""
        return f", got {_shown(self.value) if isinstance(self.value, str | int | float) else kind_of(self.value)}"


def _words(detail: ErrorDetails, path: KeyPath, document: Document) -> str:
    case = _Case(path, document.at(path), path in document.expanded, detail.get("ctx", {}), document)
    return _WORDS.get(detail["type"], _unforeseen)(case)


def _fixed(words: str) -> Callable[[_Case], str]:
    return lambda _: words


def _limit(template: str) -> Callable[[_Case], str]:
    return lambda case: template.format(**case.context) + case.got


def _expected(noun: str) -> Callable[[_Case], str]:
    return lambda case: f"expected {noun}, got {kind_of(case.value)}"


def _expected_text(case: _Case) -> str:
    hint = ""
    if isinstance(case.value, dict):
        hint = " (a colon and a space make keys: put the text in quotes)"
    elif isinstance(case.value, bool | int | float):
        hint = " (put it in quotes)"
    return f"expected text, got {kind_of(case.value)}{hint}"


def _refused(case: _Case) -> str:
    if case.hidden:
        return f"{case.context['unseen']} (the value comes from a variable and is not shown)"
    return str(case.context["why"])


def _unknown_key(case: _Case) -> str:
    kind = case.document.at((*case.path[:-1], "kind"))
    section = ".".join(step for step in case.path[:-1] if isinstance(step, str)) or None
    return (
        f"unknown key{did_you_mean(str(case.path[-1]), known_keys(section, kind if isinstance(kind, str) else None))}"
    )


def _unknown_choice(case: _Case) -> str:
    choices = str(case.context["expected"])
    near = did_you_mean(case.value, re.findall(r"'([^']*)'", choices)) if isinstance(case.value, str) else ""
    return f"expected {choices}{case.got}{'' if case.hidden else near}"


def _unknown_kind(case: _Case) -> str:
    section = str(case.path[0])
    noun, kinds = section.removesuffix("s"), KINDS[section]
    known = f"known kinds: {', '.join(kinds)}"
    if case.value is None:
        return f"this key is missing; {known}"
    if case.hidden or not isinstance(case.value, str):
        return f"unknown {noun} kind; {known}"
    return f"unknown {noun} kind {_shown(case.value)}; {known}{did_you_mean(case.value, kinds)}"


def _unforeseen(_: _Case) -> str:
    return "not a usable value"


def _shown(value: str | float) -> str:
    return shorten(repr(value), _SHOWN_LENGTH)


_WORDS: dict[str, Callable[[_Case], str]] = {
    "missing": _fixed("this key is missing"),
    "too_short": _fixed("must not be empty"),
    "string_too_short": _fixed("must not be empty"),
    "string_unicode": _fixed("holds a character that is not valid Unicode"),
    "string_type": _expected_text,
    "int_type": _expected("a whole number"),
    "float_type": _expected("a number"),
    "bool_type": _expected("true or false"),
    "tuple_type": _expected("a list"),
    "dict_type": _expected("keys and values"),
    "model_type": _expected("keys and values"),
    "model_attributes_type": _expected("keys and values"),
    "greater_than": _limit("must be above {gt:g}"),
    "greater_than_equal": _limit("must be {ge:g} or more"),
    "less_than": _limit("must be below {lt:g}"),
    "less_than_equal": _limit("must be {le:g} or less"),
    "finite_number": _limit("must be a finite number"),
    "literal_error": _unknown_choice,
    "extra_forbidden": _unknown_key,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _unknown_kind,
    REFUSED: _refused,
}
