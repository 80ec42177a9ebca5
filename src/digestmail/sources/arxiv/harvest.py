"""OAI-PMH of arXiv: the records of one category that changed since a day, page by page."""

from collections.abc import Iterator, Sequence
from datetime import date

from digestmail.errors import SourceFormatError
from digestmail.model import SkippedEntry
from digestmail.sources.arxiv.categories import oai_set
from digestmail.sources.arxiv.entries import Announced
from digestmail.sources.arxiv.records import Page, parse_page
from digestmail.sources.fetching import PoliteClient

_MOST_PAGES = 500  # of 2,000 records: a third of arXiv


def harvest(
    client: PoliteClient, url: str, category: str, since: date, *, source: str, categories: Sequence[str]
) -> Iterator[Announced | SkippedEntry]:
    """Yield what changed in a category from a day on, repeats possible; ``categories`` are all that are read.

    No ``until``, as arXiv asks. A resumption token ends at midnight UTC: whoever is told that it is bad begins again,
    once. Raises SourceUnavailable and SourceFormatError; what was yielded before is right.
    """
    beginning = {
        "verb": "ListRecords",
        "metadataPrefix": "arXivRaw",
        "set": oai_set(category),
        "from": since.isoformat(),
    }
    params, tokens, restarted = beginning, {""}, False
    for number in range(1, _MOST_PAGES + 1):
        label = f"{category} page {number}"
        body = client.get(url, params=params, source=source)
        page = parse_page(body, label, source, since=since, categories=categories)
        yield from page.entries
        if page.error == "badResumptionToken" and not restarted:
            params, tokens, restarted = beginning, {""}, True
            continue
        _refuse(page, label, source)
        if not page.token:
            return
        if page.token in tokens:
            raise SourceFormatError(source, f"{label}: the same resumption token again")
        tokens.add(page.token)
        params = {"verb": "ListRecords", "resumptionToken": page.token}
    raise SourceFormatError(source, f"{category}: more than {_MOST_PAGES} pages")


def _refuse(page: Page, label: str, source: str) -> None:
    """Nothing to tell is no error."""
    if page.error and page.error != "noRecordsMatch":
        raise SourceFormatError(source, f"{label}: {page.error} {page.trouble}".rstrip())
    if not page.error and page.trouble:
        raise SourceFormatError(source, f"{label}: {page.trouble}")
