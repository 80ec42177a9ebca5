"""What subscribers think of papers: more like this, less like this."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, delete, insert, select, update

from digestmail.model import Paper
from digestmail.storage import tables
from digestmail.storage.database import CHUNK, Database, rows_by_id
from digestmail.storage.intake import paper_of

_feedback = tables.feedback


class Kind(StrEnum):
    """What a subscriber asks for."""

    LIKE = "like"
    DISLIKE = "dislike"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one subscriber thinks of one paper."""

    paper: Paper
    kind: Kind
    at: datetime


class Feedback:
    """Opinions by subscriber, named by their address, and paper, named by its key. One per pair."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, email: str, key: str, kind: Kind, now: datetime) -> None:
        """Note an opinion, instead of an earlier one. Raises StoreError for an unknown subscriber or paper."""
        pair = {"subscriber_id": subscriber_id(email), "paper_id": paper_id(key)}
        values = {"kind": kind, "at": now}
        same = [_feedback.c[name] == value for name, value in pair.items()]
        with self._database.write() as connection:
            if not connection.execute(update(_feedback).where(*same).values(**values)).rowcount:
                connection.execute(insert(_feedback).values(**pair, **values))

    def remove(self, email: str, key: str) -> bool:
        """Forget an opinion; False when there was none."""
        same = (_feedback.c.subscriber_id == subscriber_id(email), _feedback.c.paper_id == paper_id(key))
        with self._database.write() as connection:
            return bool(connection.execute(delete(_feedback).where(*same)).rowcount)

    def list(self, email: str) -> list[Opinion]:
        """The opinions of one subscriber, oldest first."""
        with self._database.read() as connection:
            ids = connection.execute(select(subscriber_id(email))).scalars()
            return [opinion for opinions in opinions_of(connection, ids).values() for opinion in opinions]


def opinions_of(connection: Connection, subscriber_ids: Iterable[int]) -> dict[int, list[Opinion]]:
    """Row id of a subscriber → their opinions, oldest first; only of those who have some."""
    ids = sorted(set(subscriber_ids))
    # one query for many subscribers, and each paper is read once, however many like it
    rows = [row for start in range(0, len(ids), CHUNK) for row in _rows(connection, ids[start : start + CHUNK])]
    papers = {row["id"]: paper_of(row) for row in rows_by_id(connection, tables.paper, (row.paper_id for row in rows))}
    found: dict[int, list[Opinion]] = defaultdict(list)
    for row in rows:
        found[row.subscriber_id].append(Opinion(papers[row.paper_id], Kind(row.kind), row.at))
    return found


def _rows(connection: Connection, subscriber_ids: list[int]) -> Iterable[Row[Any]]:
    query = select(_feedback).where(_feedback.c.subscriber_id.in_(subscriber_ids))
    return connection.execute(query.order_by(_feedback.c.at, _feedback.c.paper_id))


def subscriber_id(email: str) -> ScalarSelect[int]:
    """The row of the subscriber with this address."""
    return select(tables.subscriber.c.id).where(tables.subscriber.c.email_key == email.lower()).scalar_subquery()


def paper_id(key: str) -> ScalarSelect[int]:
    """The row of the paper with this key."""
    return select(tables.paper.c.id).where(tables.paper.c.key == key).scalar_subquery()
