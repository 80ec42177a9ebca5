"""What a turn says to the database, of any number of deliveries at once.

Written down once for a kind of database. Even to find the text of a statement that it knows takes SQLAlchemy longer
than to run it takes SQLite. Each row is a run of its own (``executemany``), with nothing of ours between two of them:
as one JSON array, which SQLite takes apart once for each column, rows cost half as much again.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ClauseElement,
    Connection,
    Dialect,
    bindparam,
    insert,
    update,
)
from sqlalchemy.sql.compiler import SQLCompiler

from digestmail.model import DeliveryStatus
from digestmail.storage import tables

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

    def run(self, connection: Connection, names: Sequence[str], rows: Iterable[tuple[Any, ...]], **same: Any) -> None:
        """Run it for each row; ``names`` say what its values are, and what is the ``same`` in all rows comes once."""
        fixed = {name: value for name, value in {**self._fixed, **self._written(same)}.items() if name not in names}
        head, order = tuple(fixed.values()), [*fixed, *names]
        for place in [place for place, name in enumerate(names) if name in self._writers]:
            write = self._writers[names[place]]
            rows = [(*row[:place], write(row[place]), *row[place + 1 :]) for row in rows]
        if self._places is None:
            connection.exec_driver_sql(self._text, [dict(zip(order, (*head, *row), strict=True)) for row in rows])
        else:
            sort = itemgetter(*map(order.index, self._places))
            connection.exec_driver_sql(self._text, [sort(head + row) for row in rows])

    def _written(self, values: Mapping[str, Any]) -> dict[str, Any]:
        writers = self._writers
        return {name: writers[name](value) if name in writers else value for name, value in values.items()}


class Statements(NamedTuple):
    """``of`` is the id of a delivery."""

    #: begin to send; ``by`` and ``until`` are the claim
    take: Statement
    #: nothing can be taken back from now on; the claim holds ``until``
    commit: Statement
    #: it has ended
    settle: Statement
    #: it is due again at ``next_at``
    put_off: Statement
    #: what happened ``at`` a time
    log: Statement


@cache
def statements(dialect: Dialect) -> Statements:
    """Those for SQLite or PostgreSQL."""
    made = (_take(), _commit(), _settle(), _settle("next_at"), _log())
    return Statements(*(Statement(dialect, statement) for statement in made))


def _update(*told: str, **values: Any) -> ClauseElement:
    each = {name: bindparam(name, type_=_delivery.c[name].type) for name in told}
    return update(_delivery).where(_delivery.c.id == bindparam("of")).values(**each, **values)


def _take() -> ClauseElement:
    return _update(
        "fence",
        status=DeliveryStatus.SENDING,
        attempts=_delivery.c.attempts + 1,
        committed=False,
        owner=bindparam("by"),
        lease_until=bindparam("until"),
        next_at=None,
    )


def _commit() -> ClauseElement:
    return _update("digest", committed=True, lease_until=bindparam("until"))


def _settle(*when: str) -> ClauseElement:
    # what need not change is not named: SQLite moves it in its index all the same
    names = ("status", "attempts", "ambiguous", "code", "note", "settled_at", *when)
    return _update(*names, owner=None, lease_until=None, committed=False)


def _log() -> ClauseElement:
    told = {name: bindparam(name, type_=_attempt.c[name].type) for name in ("fence", "at", "event", "code", "note")}
    return insert(_attempt).values(delivery_id=bindparam("of"), **told)
