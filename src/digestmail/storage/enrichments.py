"""Of which papers an index of publications is asked what it knows, and when again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, false, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from digestmail.model import Paper
from digestmail.storage import tables
from digestmail.storage.database import CHUNK, Database
from digestmail.storage.intake import paper_of


class Enrichments:
    """One row per index and paper it was asked about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, enricher: str, since: datetime, now: datetime, limit: int) -> list[Paper]:
        """Papers with an id, first seen in [since, now], that the index is to be asked about now.

        First those that it was never asked about, then the others; of both the newest first.
        """
        paper, state = tables.paper, tables.enrichment
        ours = and_(state.c.paper_id == paper.c.id, state.c.enricher == enricher)
        query = (
            select(paper)
            .outerjoin(state, ours)
            .where(paper.c.first_seen.between(since, now), paper.c.sample == false())
            .where(or_(paper.c.key.not_like("title:%"), paper.c.doi.is_not(None)))
            .where(or_(state.c.ask_again.is_(None), state.c.ask_again <= now))
            .order_by(state.c.ask_again.is_not(None), paper.c.first_seen.desc(), paper.c.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [paper_of(row) for row in connection.execute(query).mappings()]

    def put_off(self, enricher: str, papers: Sequence[Paper], ask_again: datetime) -> None:
        """The index was asked about these, and is to be asked again from an instant on."""
        paper = tables.paper.c
        with self._database.write() as connection:
            for start in range(0, len(papers), CHUNK):
                keys = [one.key for one in papers[start : start + CHUNK]]
                numbers = connection.execute(select(paper.id).where(paper.key.in_(keys))).scalars().all()
                _put(connection, [{"enricher": enricher, "paper_id": n, "ask_again": ask_again} for n in numbers])


def _put(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or replace: two runs may ask at once, the later one's word stays, and neither fails."""
    if not rows:
        return
    state = tables.enrichment
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    query = dialect.insert(state)
    key = [state.c.enricher, state.c.paper_id]
    connection.execute(
        query.on_conflict_do_update(index_elements=key, set_={"ask_again": query.excluded.ask_again}), rows
    )
