"""A feed, asked for over HTTP."""

from collections.abc import Iterator

from digestmail.errors import SourceFormatError
from digestmail.model import Inquiry, Paper
from digestmail.protocols import Entry
from digestmail.sources.feed.guard import read_guarded
from digestmail.sources.feed.papers import papers
from digestmail.sources.fetching import PoliteClient


class FeedSource:
    """The entries that a feed holds now: RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0, JSON Feed 1.0 and 1.1."""

    def __init__(self, client: PoliteClient, url: str, *, name: str | None = None) -> None:
        self.name = name or f"feed:{url}"
        self.calendar = None
        self._client = client
        self._url = url

    def fetch(self, inquiry: Inquiry) -> Iterator[Entry]:
        """Yield the papers in the order of the feed. Of earlier days a feed knows nothing, so none are covered.

        A feed that breaks off gives its whole entries, and is asked for all of it the next time. Raises
        SourceUnavailable, and SourceFormatError when there is no feed or it has entries and none is a paper.
        """
        reply = self._client.ask(self._url, source=self.name, known=inquiry.validators)
        if reply.body is None:
            return
        document = read_guarded(reply.body, self._url, self.name)
        entries = list(papers(document, self.name, inquiry.today))
        if entries and not any(isinstance(entry, Paper) for entry in entries):
            raise SourceFormatError(self.name, f"no entry is a paper; {entries[0]}")
        yield from entries
        if not document.cut:
            yield reply.validators
