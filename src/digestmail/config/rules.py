"""What settings ask of one another.

Checked on the values as they stand in the file, not by the models: a model looks at its keys together only once each is
right, and every problem is to be reported at once.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from digestmail.config.document import Document, KeyPath, Problem
from digestmail.config.values import parse_address
from digestmail.errors import AddressError, ProfileError
from digestmail.ranking.profile import MAX_KEYWORDS, identity, other_topic, parse_keyword, parse_topic, with_topic

if TYPE_CHECKING:
    from digestmail.model import Keyword

# the keys that tell how to reach a mail server
_OF_ONE_SERVER = ("host", "port", "tls", "username", "password", "ca_file")


def conflicts(document: Document) -> Iterator[Problem]:
    """Repeated addresses, sources of the same name, keywords in two topics, a shared store without a secret,
    credentials that lack a half or an encryption, and mail servers written in two ways or in none.
    """
    yield from _repeats(document, ("subscribers", "email"), _address, "the same address as {}")
    yield from _repeats(
        document, ("sources", "name"), _label, "reports call this source the same as {}; give it a name"
    )
    yield from _repeats(document, ("enrichment", "kind"), _kind, "the same index as {}")
    yield from _secret(document)
    subscribers = document.data.get("subscribers")
    for index, entry in enumerate(subscribers if isinstance(subscribers, list) else ()):
        if isinstance(entry, dict):
            yield from _keywords(document, ("subscribers", index), entry)
    transport = document.data.get("transport")
    if isinstance(transport, dict) and transport.get("kind") == "smtp":
        yield from _smtp(document, transport)


def _secret(document: Document) -> Iterator[Problem]:
    store, newsletter = document.data.get("store"), document.data.get("newsletter")
    shared = isinstance(store, str) and store.startswith("postgresql")
    if shared and isinstance(newsletter, dict) and newsletter.get("secret") is None:
        path = ("newsletter", "secret")
        why = "this key is missing: all machines that share a store need the same"
        yield Problem(document.line(path), path, why)


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
    name, kind, path = source.get("name"), source.get("kind"), source.get("path") or source.get("url")
    if isinstance(name, str):
        return name
    if kind == "biorxiv":
        return "biorxiv" if (server := source.get("server")) is None else str(server)
    if kind in ("arxiv", "huggingface"):
        return str(kind)
    return f"{kind}:{path}" if kind and path else None


def _kind(enricher: dict[str, Any]) -> str | None:
    kind = enricher.get("kind")
    return kind if isinstance(kind, str) else None


def _keywords(document: Document, where: KeyPath, entry: dict[str, Any]) -> Iterator[Problem]:
    texts = list(_texts(where, entry))
    if len(texts) > MAX_KEYWORDS:
        path = (*where, "topics" if entry.get("topics") else "keywords")
        yield Problem(document.line(path), path, f"{len(texts)} keywords are too many: {MAX_KEYWORDS} at most")
    elif any(text.startswith("[") for _, text in texts):  # a file may hold a million readers without topics
        yield from _topics(document, texts)


def _texts(where: KeyPath, entry: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Every keyword of one subscriber with its topic in brackets, and where it stands."""
    keywords, topics = entry.get("keywords"), entry.get("topics")
    groups = [("", "keywords", keywords)]
    if isinstance(topics, dict):
        groups += [(name, "topics", texts) for name, texts in topics.items()]
    for topic, key, texts in groups:
        path = (*where, key, topic) if topic else (*where, key)
        for index, text in enumerate(texts if isinstance(texts, list) else ()):
            if isinstance(text, str):
                yield (*path, index), with_topic(topic, text) if topic else text.strip()


def _topics(document: Document, texts: list[tuple[KeyPath, str]]) -> Iterator[Problem]:
    first: dict[tuple[object, ...], tuple[Keyword, int]] = {}
    for path, text in texts:
        line, hidden = document.line(path), path in document.expanded
        try:
            keyword = parse_keyword(text)
        except ProfileError as error:
            # any other reason is told about the keyword or the topic alone
            if "topics" in path and _readable(text):
                yield Problem(line, path, "this keyword takes no topic" if hidden else str(error))
            continue
        known, at = first.setdefault(identity(keyword), (keyword, line))
        if why := other_topic(known, keyword):
            yield Problem(line, path, f"{'a keyword belongs to one topic' if hidden else why} (first in line {at})")


def _readable(text: str) -> bool:
    """Whether both the topic and the keyword that ``with_topic`` joined can be read apart."""
    topic, _, keyword = text.removeprefix("[").partition("] ")
    try:
        parse_keyword(keyword)
        parse_topic(topic)
    except ProfileError:
        return False
    return True


def _smtp(document: Document, transport: dict[str, Any]) -> Iterator[Problem]:
    relays = transport.get("relays")
    yield from _credentials(document, ("transport",), transport)
    if relays is None:
        if transport.get("host") is None:
            path: KeyPath = ("transport", "host")
            yield Problem(document.line(path), path, "this key is missing")
        return
    for key in _OF_ONE_SERVER:
        if transport.get(key) is not None:
            path = ("transport", key)
            yield Problem(document.line(path), path, "belongs to one server: write it into each of the relays")
    for index, relay in enumerate(relays if isinstance(relays, list) else ()):
        if isinstance(relay, dict):
            yield from _credentials(document, ("transport", "relays", index), relay)


def _credentials(document: Document, where: KeyPath, server: dict[str, Any]) -> Iterator[Problem]:
    username, password = server.get("username"), server.get("password")
    if username is not None and password is None:
        path = (*where, "username")
        yield Problem(document.line(path), path, "a username needs a password")
    if password is None:
        return
    path = (*where, "password")
    if username is None:
        yield Problem(document.line(path), path, "a password needs a username")
    if server.get("tls") == "none":
        yield Problem(document.line(path), path, "would be sent in clear text: tls is none")
