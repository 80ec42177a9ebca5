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

    def failing(self) -> list[tuple[Fetched, datetime]]:
        """Sources whose last answer was an error: the last answer, and since when it is so.

        That is when all went well for the last time, or when they were first asked.
        """
        fetch = tables.fetch
        failing = [fetched for fetched in self.latest() if fetched.error]
        with self._database.read() as connection:
            found = []
            for fetched in failing:
                asked = select(func.max(fetch.c.at), func.min(fetch.c.at)).where(fetch.c.source == fetched.source)
                well = connection.execute(asked.where(fetch.c.error == "")).one()[0]
                found.append((fetched, well or connection.execute(asked).one()[1]))
            return found
