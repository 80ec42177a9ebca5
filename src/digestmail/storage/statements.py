"""What a turn says to the database: each statement moves any number of deliveries at once.

Made once for a kind of database: making a statement takes SQLAlchemy as long as running it takes SQLite.
"""

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Executable, FromClause, Integer, Text, bindparam, insert, select, update

from digestmail.model import DeliveryStatus
from digestmail.storage import tables
from digestmail.storage.batches import batch
from digestmail.storage.tables import UtcDateTime

_delivery, _attempt = tables.delivery, tables.attempt


class Statements(NamedTuple):
    """Each runs over a batch whose ``of`` is the id of a delivery."""

    #: begin to send; ``by`` and ``until`` are the claim
    take: Executable
    #: id and status of those that nobody has claimed since (``fence``)
    ours: Executable
    #: nothing can be taken back from now on; the claim holds ``until``
    commit: Executable
    settle: Executable
    #: what happened ``at`` a time
    log: Executable


@cache
def statements(dialect: str) -> Statements:
    """Those for SQLite or PostgreSQL."""
    return Statements(_take(dialect), _ours(dialect), _commit(dialect), _settle(dialect), _log(dialect))


def _update(rows: FromClause, names: tuple[str, ...] = (), **values: Any) -> Executable:
    told = {name: rows.c[name] for name in names}
    return update(_delivery).where(_delivery.c.id == rows.c.of).values(**told, **values)


def _take(dialect: str) -> Executable:
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


def _ours(dialect: str) -> Executable:
    rows = batch(dialect, of=Integer(), fence=Integer())
    # the status is looked at afterwards: asked for here, SQLite goes through all that are being sent
    return (
        select(_delivery.c.id, _delivery.c.status)
        .join_from(rows, _delivery, _delivery.c.id == rows.c.of)
        .where(_delivery.c.fence == rows.c.fence)
        .with_for_update(of=_delivery)
    )


def _commit(dialect: str) -> Executable:
    rows = batch(dialect, of=Integer(), digest=Text())
    return _update(rows, ("digest",), committed=True, lease_until=bindparam("until"))


def _settle(dialect: str) -> Executable:
    numbers = {name: Integer() for name in ("of", "attempts", "ambiguous")}
    words = {name: Text() for name in ("status", "code", "note")}
    times = {name: UtcDateTime() for name in ("next_at", "settled_at")}
    rows = batch(dialect, **numbers, **words, **times)
    names = ("attempts", "ambiguous", *words, *times)
    return _update(rows, names, owner=None, lease_until=None, committed=False)


def _log(dialect: str) -> Executable:
    words = {name: Text() for name in ("event", "code", "note")}
    rows = batch(dialect, of=Integer(), fence=Integer(), **words)
    at = bindparam("at", type_=UtcDateTime())
    told = select(rows.c.of, rows.c.fence, at, *(rows.c[name] for name in words))
    return insert(_attempt).from_select(["delivery_id", "fence", "at", *words], told)
