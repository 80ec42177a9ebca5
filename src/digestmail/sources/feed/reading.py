"""One feed, as bytes, to plain facts. Runs in the guarded process: it may be slow, and it may be killed.

What cannot be trusted is taken away before feedparser sees it: other encodings than UTF-8, declarations of entities,
characters that XML forbids, and the entry in the middle of which a feed breaks off.
"""

import io
import json
import re
import sys
from typing import Any
from urllib.parse import urljoin

import feedparser

from digestmail.sources.decoding import decode
from digestmail.sources.feed.facts import Document, Record
from digestmail.sources.feed.markup import plain

LONGEST = 20_000  # characters of one text: a blog's whole post has fewer
_MOST = 5_000  # names or terms of one entry; 3,303 authors is the most measured
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_OPAQUE = re.compile(r"<!\[CDATA\[.*?\]\]>|<!--.*?-->", re.DOTALL)
_OPAQUE_BEGINS = re.compile(r"<!\[CDATA\[|<!--")
_REFERENCE = re.compile(r"&#(?:x([0-9a-f]{1,8})|([0-9]{1,8}));", re.IGNORECASE)
_DOCTYPE = re.compile(r"<!DOCTYPE\s+([\w:.-]*)[^>\[]*(\[?)[^>]*>?", re.IGNORECASE)
_OPENED = re.compile(
    r"<(?:\w+:)?(?:item|entry)(?:\s[^>]*)?(?<!/)(?:>|\Z)|<(?:\w+:)?(?:it|ite|item|en|ent|entr|entry)\Z"
)
_CLOSED = re.compile(r"</(?:\w+:)?(?:item|entry)\s*>")
_END = re.compile(r"</(?:\w+:)?(?:rss|feed|RDF)\s*>", re.IGNORECASE)
_ITEMS = re.compile(r'"items"\s*:\s*\[')
_SPACE = re.compile(r"[\s,]*")
# where feeds of journals keep the identifier of a work
_IDENTIFIERS = ("prism_doi", "dc_identifier", "arxiv_doi", "doi", "citation_doi", "prism_url", "dc_source")
_VENUES = ("prism_publicationname", "arxiv_journal_reference", "arxiv_journal_ref")
_DAYS = ("published", "updated", "prism_publicationdate", "prism_coverdate")


class NoFeedError(Exception):
    """It is something else than a feed."""


def read(body: bytes, base: str) -> Document:
    """The entries of a feed, in its order. ``base`` is its address, for relative links. Raises NoFeedError."""
    text = _FORBIDDEN.sub("", _REFERENCE.sub(_allowed, decode(body))).strip()
    if not text:
        raise NoFeedError("the answer is empty")
    if text.startswith("{"):
        return _json_feed(text, base)
    return _xml(_checked(_DECLARATION.sub("", text, count=1)), base)


def _allowed(reference: re.Match[str]) -> str:
    """A character reference, or nothing where XML has no such character."""
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    return "" if number > sys.maxunicode or _FORBIDDEN.match(chr(number)) else reference[0]


# XML


def _checked(text: str) -> str:
    """Without its document type, as RSS 0.91 has one. Raises NoFeedError for HTML and declarations of entities."""
    shown = _OPAQUE.sub(_blank, text)
    found = _DOCTYPE.search(shown)
    if shown.lstrip()[:5].lower() == "<html" or (found and found[1].lower() == "html"):
        raise NoFeedError("an HTML page instead of a feed")
    if "<!ENTITY" in shown.upper() or (found and found[2]):
        raise NoFeedError("it declares entities or a document type of its own, which no feed needs: refused")
    return text[: found.start()] + text[found.end() :] if found else text


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _whole(text: str) -> tuple[str, bool]:
    """The text up to the entry in the middle of which it breaks off, and whether it breaks off at all."""
    shown = _OPAQUE.sub(_blank, text)
    if _END.search(shown):
        return text, False
    if still_open := _OPAQUE_BEGINS.search(shown):
        shown = shown[: still_open.start()]
    opened = max((found.start() for found in _OPENED.finditer(shown)), default=-1)
    closed = max((found.end() for found in _CLOSED.finditer(shown)), default=-1)
    return (text[:opened] if opened >= closed else text), True


def _xml(text: str, base: str) -> Document:
    text, cut = _whole(text)
    # always a stream: feedparser opens a file of whatever name is in a text
    stream = io.BytesIO(text.encode("utf-8"))
    headers = {"content-location": base, "content-type": "application/xml; charset=utf-8"}
    try:
        parsed = feedparser.parse(stream, response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
    except ValueError as error:  # a space without a break in a name space, at which the standard library splits names
        raise NoFeedError(f"not to be read as XML: {error}") from error
    # plain dictionaries: the library's own ones guess at what is absent
    entries = [dict(entry) for entry in parsed.entries]
    if not parsed.get("version") and not entries:
        raise NoFeedError("not a feed")
    return Document(_text(dict(parsed.feed).get("link")), cut, [_of_entry(entry) for entry in entries])


def _of_entry(entry: dict[str, Any]) -> Record:
    content = [one.get("value") for one in entry.get("content", ()) if isinstance(one, dict)]
    return Record(
        title=_plain(entry.get("title")),
        summary=_plain(entry.get("summary")),
        content=_plain(max((value for value in content if isinstance(value, str)), key=len, default="")),
        link=_text(entry.get("feedburner_origlink")) or _text(entry.get("link")),
        id=_text(entry.get("id")),
        authors=[_plain(one.get("name")) for one in entry.get("authors", ())[:_MOST] if one.get("name")],
        days=[day for name in _DAYS for day in (_day(entry.get(f"{name}_parsed")), _text(entry.get(name))) if day],
        identifiers=[found for name in _IDENTIFIERS if (found := _text(entry.get(name)))],
        terms=[
            _plain(term)
            for term in (*(tag.get("term") for tag in entry.get("tags", ())[:_MOST]), entry.get("prism_section"))
            if term
        ],
        venue=next((_plain(entry[name]) for name in _VENUES if entry.get(name)), ""),
    )


def _day(parsed: Any) -> str:
    """A day of feedparser's time tuples (UTC)."""
    return "{:04}-{:02}-{:02}".format(*parsed[:3]) if parsed else ""


# JSON


def _json_feed(text: str, base: str) -> Document:
    """JSON Feed 1.0 and 1.1, https://www.jsonfeed.org/version/1.1/."""
    try:
        feed, cut = json.loads(text), False
    except RecursionError:
        raise NoFeedError("JSON nested too deeply") from None
    except ValueError as error:
        feed, cut = {"items": _whole_items(text)}, True
        if not feed["items"]:
            raise NoFeedError(f"not JSON: {error}") from None
    items = feed.get("items")
    if not isinstance(items, list):
        raise NoFeedError("JSON without 'items': not a JSON Feed")
    home = _joined(base, _text(feed.get("home_page_url"))) if feed.get("home_page_url") else ""
    # an item that is no object is an entry without a title
    return Document(home, cut, [_of_item(item if isinstance(item, dict) else {}, base) for item in items])


def _whole_items(text: str) -> list[Any]:
    """The items of a feed that breaks off, up to the last whole one."""
    found, items = _ITEMS.search(text), []
    place = found.end() if found else len(text)
    decoder = json.JSONDecoder()
    while place < len(text):
        try:
            item, place = decoder.raw_decode(text, _SPACE.match(text, place).end())  # type: ignore[union-attr] # it matches nothing, too
        except (ValueError, RecursionError):
            break
        items.append(item)
    return items


def _of_item(item: dict[str, Any], base: str) -> Record:
    people = _list(item.get("authors")) or [item.get("author")]
    link = _text(item.get("url")) or _text(item.get("external_url"))
    return Record(
        title=_plain(item.get("title")),
        summary=_plain(item.get("summary")),
        content=_plain(item.get("content_html")) or _text(item.get("content_text"))[:LONGEST],
        link=_joined(base, link) if link else "",
        id=_text(item.get("id")),
        authors=[_plain(one["name"]) for one in people[:_MOST] if isinstance(one, dict) and _text(one.get("name"))],
        days=[day for name in ("date_published", "date_modified") if (day := _text(item.get(name)))],
        identifiers=[found for name in ("external_url", "doi", "_doi") if (found := _text(item.get(name)))],
        terms=[_plain(tag) for tag in _list(item.get("tags"))[:_MOST] if isinstance(tag, str)],
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _joined(base: str, link: str) -> str:
    try:
        return urljoin(base, link)
    except ValueError:
        return ""


def _plain(markup: object) -> str:
    return plain(markup)[:LONGEST]


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
