"""The store as the application sees it."""

from collections.abc import Iterator
from contextlib import contextmanager

from digestmail.storage.addresses import Addresses
from digestmail.storage.audits import Audits
from digestmail.storage.claims import Claims
from digestmail.storage.corpus import Corpus
from digestmail.storage.database import Database
from digestmail.storage.deliveries import Deliveries
from digestmail.storage.enrichments import Enrichments
from digestmail.storage.erasures import Erasures
from digestmail.storage.feedback import Feedback
from digestmail.storage.fetches import Fetches
from digestmail.storage.followups import Followups
from digestmail.storage.journal import Journal
from digestmail.storage.plans import Shelf
from digestmail.storage.saved import Saved
from digestmail.storage.search import Search
from digestmail.storage.signups import Signups
from digestmail.storage.subscribers import Subscribers


class Store:
    """One open database. Belongs to one thread; ``close`` it.

    Every method of its parts is one transaction, and every one may raise StoreError.
    """

    def __init__(self, url: str, *, owner: str | None = None) -> None:
        """Open ``url`` (an SQLAlchemy URL) and bring its tables up to date. Raises StoreError.

        ``owner`` is the name under which deliveries are claimed, by default that of this process.
        """
        self._database = Database(url)
        self.corpus = Corpus(self._database)
        self.search = Search(self._database)
        self.enrichments = Enrichments(self._database)
        self.subscribers = Subscribers(self._database)
        self.feedback = Feedback(self._database)
        self.saved = Saved(self._database)
        self.erasures = Erasures(self._database)
        self.signups = Signups(self._database)
        shelf = Shelf()
        self.deliveries = Deliveries(self._database, shelf)
        path = self._database.path
        journal = Journal(path.with_name(f"{path.name}.results") if path else None)
        self.claims = Claims(self._database, shelf, journal, owner)
        self.fetches = Fetches(self._database)
        self.followups = Followups(self._database)
        self.audits = Audits(self._database)
        self.addresses = Addresses(self._database)

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """What is written in this block is seen in this block only:

        Preview and dry run walk the real way and leave no trace.
        """
        with self._database.rehearsal():
            yield

    def problems(self) -> list[str]:
        """What the database itself finds wrong with what is in it."""
        return self._database.problems()

    def close(self) -> None:
        """Give back the connections."""
        self._database.close()
