"""Atom (RFC 4287) and JSON Feed 1.1 of papers."""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET  # it only writes here

from digestmail.model import Paper
from digestmail.web.house import WebSettings
from digestmail.web.rendering import paper_path

_ATOM = "http://www.w3.org/2005/Atom"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def search_path(words: str) -> str:
    """Where a search has its page."""
    return f"/papers?{urlencode({'q': words})}"


def atom(settings: WebSettings, title: str, path: str, papers: Iterable[Paper]) -> bytes:
    """A feed whose page is ``path``."""
    papers = list(papers)
    feed = ET.Element("feed", xmlns=_ATOM)
    _add(feed, "title", title)
    _add(feed, "id", settings.base_url + path)
    ET.SubElement(feed, "link", href=settings.base_url + path)
    _add(feed, "updated", max(map(_seen, papers), default=_NEVER).isoformat())
    author = ET.SubElement(feed, "author")
    _add(author, "name", settings.name)
    for paper in papers:
        entry = ET.SubElement(feed, "entry")
        _add(entry, "title", paper.title)
        _add(entry, "id", settings.base_url + paper_path(paper))
        ET.SubElement(entry, "link", href=paper.url or settings.base_url + paper_path(paper))
        _add(entry, "updated", _seen(paper).isoformat())
        _add(entry, "summary", paper.abstract)
        for name in paper.authors:
            _add(ET.SubElement(entry, "author"), "name", name)
        for category in paper.categories:
            ET.SubElement(entry, "category", term=category)
    content: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return content


def json_feed(settings: WebSettings, title: str, path: str, papers: Iterable[Paper]) -> dict[str, Any]:
    """The same as JSON Feed (jsonfeed.org, version 1.1)."""
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": title,
        "home_page_url": settings.base_url + path,
        "items": [
            {
                "id": settings.base_url + paper_path(paper),
                "url": paper.url or settings.base_url + paper_path(paper),
                "title": paper.title,
                "content_text": paper.abstract,
                "date_published": _seen(paper).isoformat(),
                "authors": [{"name": name} for name in paper.authors],
                "tags": list(paper.categories),
            }
            for paper in papers
        ],
    }


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _seen(paper: Paper) -> datetime:
    if paper.listed:
        return datetime.combine(paper.listed, time(), tzinfo=UTC)
    return paper.first_seen or _NEVER
