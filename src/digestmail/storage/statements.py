"""What a turn says to the database: each statement moves any number of deliveries at once.

Written down once for a kind of database. Even to find the text of a statement that it knows takes SQLAlchemy longer
than to run it takes SQLite.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ClauseElement,
    Connection,
    CursorResult,
    Dialect,
    FromClause,
    Integer,
    Text,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.sql.compiler import SQLCompiler

from digestmail.model import DeliveryStatus
from digestmail.storage import tables
from digestmail.storage.batches import batch
from digestmail.storage.tables import UtcDateTime

_delivery, _attempt = tables.delivery, tables.attempt


class Statement:
    """The text of a statement and what it is told, in the words of one database."""

    def __init__(self, dialect: Dialect, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler), "a statement that is no definition"
        # SQLite is told by place, PostgreSQL by name
        self._text, self._places = compiled.string, compiled.positiontup if compiled.positional else None
        writers = {name: one.type.dialect_impl(dialect).bind_processor(dialect) for name, one in compiled.binds.items()}
        self._writers = {name: write for name, write in writers.items() if write}
        self._fixed = self._written(compiled.params)

    def run(self, connection: Connection, told: Mapping[str, Any]) -> CursorResult[Any]:
        """Run it; ``told`` are its parameters."""
        values = {**self._fixed, **self._written(told)}
        if self._places is None:
            return connection.exec_driver_sql(self._text, values)
        return connection.exec_driver_sql(self._text, tuple([values[name] for name in self._places]))

    def _written(self, values: Mapping[str, Any]) -> dict[str, Any]:
        writers = self._writers
        return {name: writers[name](value) if name in writers else value for name, value in values.items()}


class Statements(NamedTuple):
    """Each runs over a batch whose ``of`` is the id of a delivery."""

    #: begin to send; ``by`` and ``until`` are the claim
    take: Statement
    #: id and status of those that nobody has claimed since (``fence``)
    ours: Statement
    #: nothing can be taken back from now on; the claim holds ``until``
    commit: Statement
    settle: Statement
    #: what happened ``at`` a time
    log: Statement


@cache
def statements(dialect: Dialect) -> Statements:
    """Those for SQLite or PostgreSQL."""
    return Statements(*(Statement(dialect, make(dialect.name)) for make in (_take, _ours, _commit, _settle, _log)))


def _update(rows: FromClause, names: tuple[str, ...] = (), **values: Any) -> ClauseElement:
    told = {name: rows.c[name] for name in names}
    return update(_delivery).where(_delivery.c.id == rows.c.of).values(**told, **values)


def _take(dialect: str) -> ClauseElement:
    return _update(
        batch(dialect, of=Integer(), fence=Integer()),
        ("fence",),
        status=DeliveryStatus.SENDING,
        attempts=_delivery.c.attempts + 1,
        committed=False,
        owner=bindparam("by"),
        lease_until=bindparam("until"),
        next_at=None,
    )


def _ours(dialect: str) -> ClauseElement:
    rows = batch(dialect, of=Integer(), fence=Integer())
    # the status is looked at afterwards: asked for here, SQLite goes through all that are being sent
    return (
        select(_delivery.c.id, _delivery.c.status)
        .join_from(rows, _delivery, _delivery.c.id == rows.c.of)
        .where(_delivery.c.fence == rows.c.fence)
        .with_for_update(of=_delivery)
    )


def _commit(dialect: str) -> ClauseElement:
    rows = batch(dialect, of=Integer(), digest=Text())
    return _update(rows, ("digest",), committed=True, lease_until=bindparam("until"))


def _settle(dialect: str) -> ClauseElement:
    numbers = {name: Integer() for name in ("of", "attempts", "ambiguous")}
    words = {name: Text() for name in ("status", "code", "note")}
    times = {name: UtcDateTime() for name in ("next_at", "settled_at")}
    rows = batch(dialect, **numbers, **words, **times)
    names = ("attempts", "ambiguous", *words, *times)
    return _update(rows, names, owner=None, lease_until=None, committed=False)


def _log(dialect: str) -> ClauseElement:
    words = {name: Text() for name in ("event", "code", "note")}
    rows = batch(dialect, of=Integer(), fence=Integer(), **words)
    at = bindparam("at", type_=UtcDateTime())
    told = select(rows.c.of, rows.c.fence, at, *(rows.c[name] for name in words))
    return insert(_attempt).from_select(["delivery_id", "fence", "at", *words], told)
