"""Names of authors that stand in one text."""

import re
from collections.abc import Iterable

from digestmail.text.clean import clean_line

LONGEST = 200  # characters of one name; the longest collaboration measured has 96
_IN_PARENTHESES = re.compile(r"\([^()]*\)")
_AND = re.compile(r",?\s+(?:and|&)\s+")
_SEMICOLON = re.compile(r";\s*(?:and\s+)?")
_COMMA = re.compile(r"\s*,\s*")
_SUFFIXES = {"jr", "sr", "ii", "iii", "iv"}
_INITIALS = re.compile(r"(?:[^\W\d_]\.?[\s-]?){1,4}")


def author_names(text: str) -> tuple[str, ...]:
    """The names in a text: with ``;``, ``and``, ``&`` or commas between them, affiliations in parentheses left out.

    A comma also stands inside a name; two words that a comma parts are one name.

    >>> author_names("Ada Lovelace, Alan Turing and Grace Hopper")
    ('Ada Lovelace', 'Alan Turing', 'Grace Hopper')
    >>> author_names("Smith, J., Doe, A. B."), author_names("Lovelace, Ada")
    (('J. Smith', 'A. B. Doe'), ('Ada Lovelace',))
    """
    text = _IN_PARENTHESES.sub("", clean_line(text))
    if ";" in text:
        return distinct(map(display_name, _SEMICOLON.split(text)))
    parts = [part for part in _AND.split(text) if part]
    return distinct(name for part in parts for name in _by_commas(part))


def display_name(name: str) -> str:
    """A name as people say it: ``Lovelace, Ada`` is ``Ada Lovelace``.

    ``King, Jr., Martin`` (BibTeX) and ``King, Martin, Jr.`` (RIS) are ``Martin King Jr.``.
    """
    family, *rest = [part for part in _COMMA.split(clean_line(name)) if part] or [""]
    rest.sort(key=lambda part: part.strip(".").lower() in _SUFFIXES)
    return " ".join([*rest[:1], family, *rest[1:]])


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The names that are any, cleaned, each once, in order."""
    cleaned = (clean_line(name).strip(" ,;")[:LONGEST] for name in names)
    return tuple(dict.fromkeys(name for name in cleaned if any(map(str.isalpha, name))))


def _initials(name: str) -> bool:
    return name.isupper() and bool(_INITIALS.fullmatch(name))


def _by_commas(text: str) -> list[str]:
    parts = [part for part in _COMMA.split(text) if part]
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    if len(parts) % 2 == 0 and (
        all(_initials(given) and not _initials(family) for family, given in pairs)
        or all(" " not in part for part in parts)
    ):
        return [f"{given} {family}" for family, given in pairs]
    if len(parts) == 2 and " " not in parts[0]:  # noqa: PLR2004 - a family name and what comes before it
        return [display_name(", ".join(parts))]
    return parts
