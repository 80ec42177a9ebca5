"""The corpus: every paper ever collected, each work once."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, exists, false, func, insert, select, update

from digestmail.model import Paper
from digestmail.storage import tables
from digestmail.storage.database import CHUNK, Database
from digestmail.text.identity import identities, merge, same_work


class Corpus:
    """Papers by identity and by the time they were first seen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, papers: Sequence[Paper], now: datetime) -> int:
        """Store papers and return how many works are new.

        A work already known gains what it lacked and its newest counts.
        """
        with self._database.write() as connection:
            known = _known(connection, (identity for paper in papers for identity in identities(paper)))
            return sum(_add_one(connection, replace(paper, first_seen=now), known) for paper in papers)

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
                    select(tables.paper).join(tables.paper_identity).where(tables.paper_identity.c.identity == identity)
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

    def count(self) -> int:
        """How many works there are."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(tables.paper)).scalar_one()


def paper_of(row: RowMapping | dict[str, Any]) -> Paper:
    """The paper of a row."""
    facts = {name: value for name, value in row.items() if name in Paper.__dataclass_fields__}
    return Paper(**{**facts, "authors": tuple(row["authors"]), "categories": tuple(row["categories"])})


def _holds_live(connection: Connection) -> bool:
    return bool(connection.execute(select(exists().where(tables.paper.c.sample == false()))).scalar())


def _known(connection: Connection, wanted: Iterable[str]) -> dict[str, tuple[int, Paper]]:
    """identity → (row id, paper) of the works that have one of the wanted identities, under all their identities."""
    distinct = list(dict.fromkeys(wanted))
    table = tables.paper_identity
    known: dict[str, tuple[int, Paper]] = {}
    for start in range(0, len(distinct), CHUNK):
        works = select(table.c.paper_id).where(table.c.identity.in_(distinct[start : start + CHUNK]))
        query = select(table.c.identity, tables.paper).join(tables.paper).where(table.c.paper_id.in_(works))
        rows = connection.execute(query).mappings()
        known.update({row["identity"]: (row["id"], paper_of(row)) for row in rows})
    return known


def _add_one(connection: Connection, paper: Paper, known: dict[str, tuple[int, Paper]]) -> bool:
    for identity in identities(paper):
        if identity in known and same_work(paper, known[identity][1].key, identity):
            row_id, old = known[identity]
            merged = merge(old, paper)
            if merged != old:
                connection.execute(update(tables.paper).where(tables.paper.c.id == row_id).values(**asdict(merged)))
            is_new = False
            break
    else:
        merged, is_new = paper, True
        values = insert(tables.paper).values(**asdict(paper))
        row_id = connection.execute(values.returning(tables.paper.c.id)).scalar_one()
    for identity in identities(merged):
        if identity not in known:
            connection.execute(insert(tables.paper_identity).values(identity=identity, paper_id=row_id))
        # another work with the same title keeps the title
        if known.setdefault(identity, (row_id, merged))[0] == row_id:
            known[identity] = (row_id, merged)
    return is_new
