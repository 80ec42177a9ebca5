"""A search of arXiv: the query API."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from digestmail.calendars import ARXIV
from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.model import Covered, Gap, Inquiry, Paper, Revision
from digestmail.protocols import Entry
from digestmail.sources.arxiv.categories import holds, query_term
from digestmail.sources.arxiv.entries import Kind, revision
from digestmail.sources.arxiv.results import Results, parse_results
from digestmail.sources.fetching import PoliteClient

API = "https://export.arxiv.org/api/query"
#: the only date that can be searched for is that of submission; moderation holds papers for weeks, and the index lags
LOOK_BACK = timedelta(days=28)
MOST_RESULTS = 30_000  # of one query, all pages together


class ArxivQuerySource:
    """The papers of some categories (in normal form) that a query finds, in the API's own syntax.

    Each time, all that was submitted in the four weeks before ``since``, or before now, is asked for.
    """

    def __init__(
        self,
        client: PoliteClient,
        categories: Sequence[str],
        query: str,
        *,
        announce: Sequence[str] = (Kind.NEW, Kind.CROSS),
        name: str = "arxiv",
        url: str = API,
        page_size: int = 500,
    ) -> None:
        self.name = name
        self.calendar = ARXIV
        self._client = client
        self._categories = tuple(dict.fromkeys(categories))
        self._query = query
        self._announce = frozenset(Kind(kind) for kind in announce)
        self._url = url
        self._page_size = page_size

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:
        """Yield what is found, newest first. Raises SourceUnavailable when a page stays empty that should not be.

        More than 30,000 results cannot be had: the days of the oldest ones are a gap.
        """
        day = self.calendar.day(inquiry.now)
        first = min(inquiry.since or day, day) - LOOK_BACK
        oldest, start = day, 0
        while True:
            results = self._page(first, inquiry.now, start)
            for entry in results.entries:
                if isinstance(entry, Paper):
                    oldest = min(oldest, entry.published or oldest)
                    yield self._entry(entry, day)
                else:
                    yield entry
            if results.broken:
                raise SourceFormatError(self.name, f"results from {start + 1}: {results.broken}")
            start += len(results.entries)
            if not results.entries or start >= (results.total or 0):
                break
            if start >= MOST_RESULTS:
                why = f"the query finds {results.total:,} papers, and arXiv gives {MOST_RESULTS:,}: ask for fewer"
                yield Gap(min(first, oldest), oldest, why, lost=True)
                break
        yield Covered(day)

    def _entry(self, paper: Paper, day: date) -> Paper | Revision:
        primary = paper.categories[0] if paper.categories else ""
        kind = Kind.NEW if any(holds(category, primary) for category in self._categories) else Kind.CROSS
        # nothing can be found before it is announced
        paper = replace(paper, listed=min(paper.listed or day, day))
        return paper if kind in self._announce else revision(paper)

    def _page(self, first: date, now: datetime, start: int) -> Results:
        """One page. The API gives empty ones at times (https://github.com/lukasschwab/arxiv.py/issues/43)."""
        categories = " OR ".join(map(query_term, self._categories))
        window = f"submittedDate:[{first:%Y%m%d}0000 TO {now:%Y%m%d%H%M}]"
        params: dict[str, str | int] = {
            "search_query": f"({categories}) AND ({self._query}) AND {window}",
            "sortBy": "submittedDate",
            "sortOrder": "descending",
            "start": start,
            "max_results": min(self._page_size, MOST_RESULTS - start),
        }
        for _ in range(2):
            body = self._client.get(self._url, params=params, source=self.name)
            results = parse_results(body, "results", self.name, first=start + 1)
            if results.entries or results.broken or start >= (results.total or 0):
                return results
        raise SourceUnavailable(
            self.name, f"an empty page, though {results.total:,} papers are found: from {start + 1}"
        )
