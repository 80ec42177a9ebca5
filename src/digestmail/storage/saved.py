"""Papers that readers have put aside."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from digestmail.model import Paper
from digestmail.storage import tables
from digestmail.storage.database import Database
from digestmail.storage.feedback import paper_id, subscriber_id
from digestmail.storage.intake import paper_of
from digestmail.storage.plans import insert_new

_saved = tables.saved


@dataclass(frozen=True, slots=True)
class Kept:
    """A paper, and when it was put aside."""

    paper: Paper
    at: datetime


class Saved:
    """Saved papers by subscriber, named by their address, and paper, named by its key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, email: str, key: str, now: datetime) -> None:
        """Put a paper aside; one that is there stays as it is. Raises StoreError for an unknown subscriber or paper."""
        with self._database.write() as connection:
            pair = connection.execute(select(subscriber_id(email), paper_id(key))).one()
            insert_new(connection, _saved, [{"subscriber_id": pair[0], "paper_id": pair[1], "at": now}])

    def remove(self, email: str, key: str) -> None:
        """Put it back; one that is not there changes nothing."""
        same = (_saved.c.subscriber_id == subscriber_id(email), _saved.c.paper_id == paper_id(key))
        with self._database.write() as connection:
            connection.execute(delete(_saved).where(*same))

    def list(self, email: str) -> list[Kept]:
        """What a subscriber has put aside, the newest first."""
        query = (
            select(tables.paper, _saved.c.at)
            .join_from(_saved, tables.paper)
            .where(_saved.c.subscriber_id == subscriber_id(email))
            .order_by(_saved.c.at.desc(), tables.paper.c.id.desc())
        )
        with self._database.read() as connection:
            return [Kept(paper_of(row), row["at"]) for row in connection.execute(query).mappings()]
