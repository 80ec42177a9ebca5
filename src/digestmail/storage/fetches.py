"""The record of what each source answered."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select

from digestmail.storage import tables
from digestmail.storage.database import Database


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer of one source."""

    source: str
    at: datetime
    #: papers in the answer
    announced: int = 0
    #: of these, papers the corpus did not hold
    new: int = 0
    skipped: int = 0
    #: why the source did not answer, or stopped answering; empty when all went well
    error: str = ""


class Fetches:
    """Append-only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, fetched: Fetched) -> None:
        """Append one."""
        values = {name: getattr(fetched, name) for name in Fetched.__dataclass_fields__}
        with self._database.write() as connection:
            connection.execute(insert(tables.fetch).values(**values))

    def latest(self) -> list[Fetched]:
        """The last answer of each source, by name."""
        newest = select(func.max(tables.fetch.c.id)).group_by(tables.fetch.c.source)
        query = select(tables.fetch).where(tables.fetch.c.id.in_(newest)).order_by(tables.fetch.c.source)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings()
            return [Fetched(**{name: row[name] for name in Fetched.__dataclass_fields__}) for row in rows]
