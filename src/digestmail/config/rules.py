"""What settings ask of one another.

Checked on the values as they stand in the file, not by the models: a model looks at its keys together only once each is
right, and every problem is to be reported at once.
"""

from collections.abc import Callable, Iterator
from typing import Any

from digestmail.config.document import Document, Problem
from digestmail.config.values import parse_address
from digestmail.errors import AddressError


def conflicts(document: Document) -> Iterator[Problem]:
    """Repeated addresses, sources of the same name, and credentials that lack a half or an encryption."""
    yield from _repeats(document, ("subscribers", "email"), _address, "the same address as {}")
    yield from _repeats(
        document, ("sources", "name"), _label, "reports call this source the same as {}; give it a name"
    )
    transport = document.data.get("transport")
    if isinstance(transport, dict) and transport.get("kind") == "smtp":
        yield from _smtp(document, transport)


def _repeats(
    document: Document,
    where: tuple[str, str],
    identity: Callable[[dict[str, Any]], str | None],
    words: str,
) -> Iterator[Problem]:
    section, key = where
    entries = document.data.get(section)
    first: dict[str, int] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        name = identity(entry) if isinstance(entry, dict) else None
        if name is None:
            continue
        path = (section, index, key)
        other = first.setdefault(name, index)
        if other != index:
            line = document.line((section, other, key))
            yield Problem(document.line(path), path, words.format(f"{section}[{other}] (line {line})"))


def _address(subscriber: dict[str, Any]) -> str | None:
    email = subscriber.get("email")
    try:
        # RFC 5321 §2.4 lets a server tell Ann@ from ann@; a reader who gets everything twice does not
        return parse_address(email).casefold() if isinstance(email, str) else None
    except AddressError:
        return None  # reported with the key itself


def _label(source: dict[str, Any]) -> str | None:
    name, kind, path = (source.get(key) for key in ("name", "kind", "path"))
    if isinstance(name, str):
        return name
    if kind == "huggingface":
        return "huggingface"
    return f"{kind}:{path}" if kind and path else None


def _smtp(document: Document, transport: dict[str, Any]) -> Iterator[Problem]:
    username, password = transport.get("username"), transport.get("password")
    if username is not None and password is None:
        path = ("transport", "username")
        yield Problem(document.line(path), path, "a username needs a password")
    if password is None:
        return
    path = ("transport", "password")
    if username is None:
        yield Problem(document.line(path), path, "a password needs a username")
    if transport.get("tls") == "none":
        yield Problem(document.line(path), path, "would be sent in clear text: tls is none")
