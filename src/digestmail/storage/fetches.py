"""What each source answered, stored with its papers, and what it is to be asked next time."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select

from digestmail.model import Gap, Paper, Quiet, Validators
from digestmail.storage import tables
from digestmail.storage.database import Database
from digestmail.storage.intake import take


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer of one source."""

    source: str
    at: datetime
    #: papers in the answer
    announced: int = 0
    #: of these, papers the corpus did not hold
    new: int = 0
    #: known works of which it told something that was not known; newer counts do not count
    revised: int = 0
    skipped: int = 0
    #: why the source did not answer, or stopped answering; empty when all went well
    error: str = ""
    #: why there was nothing new
    quiet: Quiet | None = None
    #: the days it could not give
    gaps: tuple[Gap, ...] = ()
    #: all it announced up to and including this day has been given
    covered: date | None = None
    #: it asked not to be asked again before
    retry_at: datetime | None = None


class Fetches:
    """Append-only, but for the state of addresses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        fetched: Fetched,
        papers: Iterable[Paper] = (),
        revisions: Iterable[Paper] = (),
        validators: Iterable[Validators] = (),
        quiet: Callable[[int], Quiet | None] = lambda _new: None,
    ) -> Fetched:
        """Store an answer whole or not at all, and return it with the number of new and of revised works.

        ``quiet`` tells from the number of new works why there are none.

        The state of an address is stored with its papers: whoever stored it first and crashed would lose them.
        """
        with self._database.write() as connection:
            taken = take(connection, papers, fetched.at)
            more = take(connection, revisions, fetched.at, only_known=True)
            fetched = replace(
                fetched,
                announced=taken.announced,
                new=taken.new,
                revised=taken.revised + more.revised,
                quiet=quiet(taken.new),
            )
            connection.execute(insert(tables.fetch).values(**_row(fetched)))
            _remember(connection, fetched.source, validators)
        return fetched

    def latest(self) -> list[Fetched]:
        """The last answer of each source, by name."""
        newest = select(func.max(tables.fetch.c.id)).group_by(tables.fetch.c.source)
        query = select(tables.fetch).where(tables.fetch.c.id.in_(newest)).order_by(tables.fetch.c.source)
        with self._database.read() as connection:
            return [_fetched(row) for row in connection.execute(query).mappings()]

    def last(self, limit: int) -> list[tuple[datetime, tuple[Fetched, ...]]]:
        """The answers of the last ``limit`` times that sources were asked, newest first."""
        fetch = tables.fetch.c
        with self._database.read() as connection:
            newest = select(fetch.at).distinct().order_by(fetch.at.desc()).limit(limit)
            times = list(connection.execute(newest).scalars())
            rows = connection.execute(select(tables.fetch).where(fetch.at.in_(times)).order_by(fetch.id)).mappings()
            found = [_fetched(row) for row in rows]
        return [(at, tuple(one for one in found if one.at == at)) for at in times]

    def newest(self) -> tuple[int, datetime | None]:
        """The number of the last answer, which grows with each, and when it came."""
        fetch = tables.fetch.c
        with self._database.read() as connection:
            row = connection.execute(select(fetch.id, fetch.at).order_by(fetch.id.desc()).limit(1)).first()
        return (row.id, row.at) if row else (0, None)

    def since(self, source: str, since: datetime) -> list[Fetched]:
        """The answers of a source from an instant on, oldest first."""
        fetch = tables.fetch.c
        query = select(tables.fetch).where(fetch.source == source, fetch.at >= since).order_by(fetch.id)
        with self._database.read() as connection:
            return [_fetched(row) for row in connection.execute(query).mappings()]

    def succeeded(self, source: str) -> datetime | None:
        """When a source answered without an error for the last time."""
        fetch = tables.fetch.c
        with self._database.read() as connection:
            query = select(func.max(fetch.at)).where(fetch.source == source, fetch.error == "")
            return connection.execute(query).scalar()

    def covered(self, source: str) -> date | None:
        """The day up to which all announcements of a source are known, as far as it has them."""
        fetch = tables.fetch.c
        with self._database.read() as connection:
            return connection.execute(select(func.max(fetch.covered)).where(fetch.source == source)).scalar()

    def retry_at(self, source: str) -> datetime | None:
        """Until when a source asked to be left alone in its last answer."""
        fetch = tables.fetch.c
        query = select(fetch.retry_at).where(fetch.source == source).order_by(fetch.id.desc()).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def validators(self, source: str) -> dict[str, Validators]:
        """The state of each address of a source when its answer was stored, by address."""
        query = select(tables.validator).where(tables.validator.c.source == source)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings()
            return {row["address"]: Validators(row["address"], row["etag"], row["last_modified"]) for row in rows}

    def failing(self) -> list[tuple[Fetched, datetime]]:
        """Sources whose last answer was an error: the last answer, and since when it is so.

        That is when all went well for the last time, or when they were first asked.
        """
        failing = [fetched for fetched in self.latest() if fetched.error]
        return [
            (fetched, self.succeeded(fetched.source) or self.first(fetched.source) or fetched.at) for fetched in failing
        ]

    def first(self, source: str) -> datetime | None:
        """When a source was asked for the first time."""
        fetch = tables.fetch.c
        with self._database.read() as connection:
            return connection.execute(select(func.min(fetch.at)).where(fetch.source == source)).scalar()

    def per_day(self, source: str, since: datetime, days: timedelta) -> float:
        """How many new papers a source brought a day, from an instant on."""
        fetch = tables.fetch.c
        query = select(func.sum(fetch.new)).where(fetch.source == source, fetch.at >= since)
        with self._database.read() as connection:
            return (connection.execute(query).scalar() or 0) / max(days / timedelta(days=1), 1)


def _row(fetched: Fetched) -> Mapping[str, Any]:
    row = {name: getattr(fetched, name) for name in Fetched.__dataclass_fields__}
    gaps = [[gap.first.isoformat(), gap.last.isoformat(), gap.why, gap.lost] for gap in fetched.gaps]
    return row | {"gaps": gaps}


def _fetched(row: RowMapping) -> Fetched:
    facts = {name: row[name] for name in Fetched.__dataclass_fields__}
    gaps = tuple(Gap(date.fromisoformat(first), date.fromisoformat(last), *rest) for first, last, *rest in row["gaps"])
    return Fetched(**facts | {"gaps": gaps, "quiet": row["quiet"] and Quiet(row["quiet"])})


def _remember(connection: Connection, source: str, validators: Iterable[Validators]) -> None:
    table = tables.validator
    for one in {one.address: one for one in validators}.values():
        connection.execute(delete(table).where(table.c.source == source, table.c.address == one.address))
        if one:
            connection.execute(
                insert(table).values(source=source, address=one.address, etag=one.etag, last_modified=one.last_modified)
            )
