"""What a feed says of an entry → a paper. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from urllib.parse import unquote

from digestmail.model import Paper, SkippedEntry
from digestmail.sources import dates
from digestmail.sources.feed.facts import Document, Record
from digestmail.sources.names import author_names, distinct
from digestmail.sources.reading import is_title, web_link
from digestmail.text.clean import clean_line, shorten
from digestmail.text.identity import arxiv_id, doi, paper_key, title_key, url_key

_LONGEST_TITLE = 500  # characters
_LONGEST_ABSTRACT = 5_000
_SHORT = 200  # characters; a summary below is taken only when there is nothing else
_CUT_OFF = re.compile(r"(?:\[?(?:…|\.\.\.)\]?|read more|continue reading)[\s.→»]*$", re.IGNORECASE)
_MOST_TERMS, _LONGEST_TERM = 20, 80
# what feeds put around the abstract: arXiv, Nature, WordPress
_AROUND = (
    re.compile(r"^arXiv:\S+ Announce Type: \S+ Abstract: "),
    re.compile(r"^[^;.]{1,80}, Published online: [^;]{1,40}; doi:\S+ ?"),
    re.compile(r" The post .{1,300} (?:first )?appeared (?:first )?on .{1,100}$"),
)
_VERSIONED = ("10.1101/", "10.64898/")  # bioRxiv and medRxiv: their links tell the version, their DOIs do not
_VERSION = re.compile(r"v\d+$")
_TAIL = re.compile(
    r"(?:/(?:full|abstract|pdf|html|epub|meta|fulltext|summary)|\.(?:full|abstract|pdf|short|long|html))+$"
)
_AFTER = re.compile(r"[?&#].*$")


def papers(document: Document, source: str, today: date) -> Iterator[Paper | SkippedEntry]:
    """The papers of a feed in its order, and the entries that are none."""
    shared = _shared_links(document)
    for number, record in enumerate(document.records, 1):
        title = shorten(clean_line(record.title), _LONGEST_TITLE)
        if is_title(title):
            yield _paper(record, title, source, today, shared)
        else:
            named = shorten(clean_line(record.link or record.id), 100)
            yield SkippedEntry(f"entry {number}" + (f" ({named})" if named else ""), "no title")
    if document.cut:
        yield SkippedEntry(f"after entry {len(document.records)}", "the feed breaks off: what follows is not known")


def _shared_links(document: Document) -> set[str | None]:
    """Links that are no one entry's own: the page of the feed, and what entries of different titles link to."""
    pairs = {(url_key(record.link), title_key(clean_line(record.title))) for record in document.records}
    counted = Counter(key for key, _ in pairs)
    return {key for key, times in counted.items() if times > 1} | {url_key(document.home)}


def _paper(record: Record, title: str, source: str, today: date, shared: set[str | None]) -> Paper:
    link = web_link(record.link) or web_link(record.id)
    page = next((one for one in (record.link, record.id) if (key := url_key(one)) and key not in shared), None)
    authors = distinct(name for text in record.authors for name in author_names(text) if "@" not in name)
    found = _doi(record)
    key = paper_key(title=title, arxiv=_arxiv(record), doi_text=found, url=page, authors=authors)
    days = (dates.published(text, today) for text in record.days)
    return Paper(
        key=key,
        title=title,
        abstract=_abstract(record),
        authors=authors,
        categories=_terms(record.terms),
        doi=found,
        venue=clean_line(record.venue)[:200] or None,
        published=next(filter(None, days), None),
        url=link,
        source=source,
    )


def _abstract(record: Record) -> str:
    """The summary, unless it is only the beginning of a text that the feed has, too."""
    summary, content = map(_without_frame, (record.summary, record.content))
    whole = len(summary) >= _SHORT and not _CUT_OFF.search(summary)
    best = summary if whole or len(content) <= len(summary) else content
    return shorten(best, _LONGEST_ABSTRACT)


def _without_frame(text: str) -> str:
    text = clean_line(text)
    for frame in _AROUND:
        text = frame.sub("", text, count=1)
    return text


def _terms(terms: Sequence[str]) -> tuple[str, ...]:
    cleaned = (clean_line(term) for term in terms)
    return tuple(dict.fromkeys(term for term in cleaned if 0 < len(term) <= _LONGEST_TERM))[:_MOST_TERMS]


def _arxiv(record: Record) -> str | None:
    """An arXiv id is believed where arXiv is named: a number alone may be anything's."""
    texts = (record.id, record.link, *record.identifiers)
    named = (text for text in map(clean_line, texts) if "arxiv" in text.lower() or "huggingface.co/papers/" in text)
    return next(filter(None, map(arxiv_id, named)), None)


def _doi(record: Record) -> str | None:
    """From the fields made for it as it stands; from links without what publishers hang on."""
    told = (doi(clean_line(text)) for text in record.identifiers)
    return next(filter(None, (*told, _doi_of_link(record.id), _doi_of_link(record.link))), None)


def _doi_of_link(link: str) -> str | None:
    """The DOI in the address of a page.

    >>> _doi_of_link("https://www.biorxiv.org/content/10.1101/2026.06.22.733686v1.full?rss=1")
    '10.1101/2026.06.22.733686'
    """
    found = doi(unquote(clean_line(link)))
    if not found:
        return None
    found = _TAIL.sub("", _AFTER.sub("", found)).rstrip("/")
    found = _VERSION.sub("", found) if found.startswith(_VERSIONED) else found
    return doi(found)
