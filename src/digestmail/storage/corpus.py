"""The corpus: every paper ever collected, each work once."""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, select

from digestmail.model import Paper
from digestmail.storage import tables
from digestmail.storage.database import Database
from digestmail.storage.intake import paper_of, take


class Corpus:
    """Papers by identity and by the time they were first seen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, papers: Iterable[Paper], now: datetime) -> int:
        """Store papers and return how many works are new.

        A work already known gains what it lacked and its newest counts.
        """
        with self._database.write() as connection:
            return take(connection, papers, now).new

    def revise(self, papers: Iterable[Paper], now: datetime) -> int:
        """Add facts to works that are there; papers that are not there change nothing. How many are told more of."""
        with self._database.write() as connection:
            return take(connection, papers, now, only_known=True).revised

    def window(self, since: datetime, until: datetime) -> list[Paper]:
        """The papers first seen in [since, until]. Samples stand in only as long as the corpus holds nothing live."""
        return self.marked_window(since, until)[0]

    def marked_window(self, since: datetime, until: datetime) -> tuple[list[Paper], int]:
        """The same, with the number of the newest paper of the corpus: later ones were not there."""
        paper = tables.paper
        with self._database.read() as connection:
            rows = select(paper).where(paper.c.first_seen.between(since, until)).order_by(paper.c.id)
            if _holds_live(connection):
                rows = rows.where(paper.c.sample == false())
            found = [paper_of(row) for row in connection.execute(rows).mappings()]
            return found, connection.execute(select(func.max(paper.c.id))).scalar() or 0

    def seen(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of the papers that ``window`` knows were first seen; None without papers."""
        paper = tables.paper
        with self._database.read() as connection:
            ends = select(func.min(paper.c.first_seen), func.max(paper.c.first_seen))
            if _holds_live(connection):
                ends = ends.where(paper.c.sample == false())
            first, last = connection.execute(ends).one()
        return (first, last) if first else None

    def holds_live_papers(self) -> bool:
        """Whether any paper came from a source that is not a fallback."""
        with self._database.read() as connection:
            return _holds_live(connection)

    def find(self, identity: str) -> Paper | None:
        """The work known under this identity (``arxiv:…``, ``doi:…``, ``title:…``)."""
        with self._database.read() as connection:
            row = (
                connection.execute(
                    select(tables.paper)
                    .join(tables.paper_identity)
                    .where(tables.paper_identity.c.identity == identity)
                    .order_by(tables.paper.c.id)
                )
                .mappings()
                .first()
            )
            return paper_of(row) if row else None

    def newest(self, limit: int | None = None) -> list[Paper]:
        """Papers, last seen first."""
        with self._database.read() as connection:
            rows = (
                select(tables.paper).order_by(tables.paper.c.first_seen.desc(), tables.paper.c.id.desc()).limit(limit)
            )
            return [paper_of(row) for row in connection.execute(rows).mappings()]

    def day(self, day: date, *, limit: int, offset: int = 0) -> tuple[list[Paper], int]:
        """A page of the papers of one day, most upvotes first, and how many there are.

        A paper belongs to the day it was announced, else to the UTC day it was first seen.
        """
        paper = tables.paper
        with self._database.read() as connection:
            on = and_(paper.c.day == day, *_live_only(connection))
            rows = select(paper).where(on).order_by(func.coalesce(paper.c.upvotes, -1).desc(), paper.c.id)
            found = [paper_of(row) for row in connection.execute(rows.limit(limit).offset(offset)).mappings()]
            return found, connection.execute(select(func.count()).select_from(paper).where(on)).scalar_one()

    def days_around(self, day: date) -> tuple[date | None, date | None]:
        """The nearest days before and after one that have papers."""
        paper = tables.paper.c
        with self._database.read() as connection:
            live = _live_only(connection)
            before = connection.execute(select(func.max(paper.day)).where(paper.day < day, *live)).scalar()
            after = connection.execute(select(func.min(paper.day)).where(paper.day > day, *live)).scalar()
        return before, after

    def newest_day(self) -> date | None:
        """The newest day that has papers."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(tables.paper.c.day)).where(*_live_only(connection))).scalar()

    def newest_number(self) -> int:
        """The number of the newest paper, which grows with every new one; 0 without papers."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(tables.paper.c.id))).scalar() or 0

    def count(self) -> int:
        """How many works there are."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(tables.paper)).scalar_one()


def _holds_live(connection: Connection) -> bool:
    return bool(connection.execute(select(exists().where(tables.paper.c.sample == false()))).scalar())


def _live_only(connection: Connection) -> list[ColumnElement[bool]]:
    """What leaves samples out, once there is anything live."""
    return [tables.paper.c.sample == false()] if _holds_live(connection) else []
