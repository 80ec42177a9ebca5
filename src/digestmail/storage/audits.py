"""Counting again what deliveries say of themselves, from papers and ledger alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, false, func, select

from digestmail.model import AttemptEvent, DeliveryKind, DeliveryStatus, Receipt
from digestmail.storage import tables
from digestmail.storage.database import Database

_delivery, _ledger, _paper, _subscriber = tables.delivery, tables.ledger, tables.paper, tables.subscriber


@dataclass(frozen=True, slots=True)
class Counted:
    """One delivery: what it says, and what is counted."""

    id: int
    email: str
    slot: date
    status: DeliveryStatus
    #: an end by age
    expired: bool
    receipt: Receipt
    #: papers in its plan, and rows of the ledger that name it
    planned: int
    promised: int
    #: papers of its plan that the ledger has for another delivery, or not at all
    astray: int
    #: changes that its plan tells and no row says so, or the other way round
    untold: int
    #: candidates counted anew; None where the plan is older than such counting
    candidates: int | None
    #: whether the log of attempts has its acceptance
    logged: bool


class Audits:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self) -> Iterator[Counted]:
        """All issues, each slot of each subscriber."""
        query = (
            select(_delivery, _subscriber.c.email, tables.plan.c.content.label("plan"))
            .join(_subscriber)
            .join(tables.plan)
            .where(_delivery.c.kind == DeliveryKind.ISSUE)
            .order_by(_delivery.c.slot, _subscriber.c.email_key)
        )
        with self._database.read() as connection:
            accepted, expired = (_with_event(connection, one) for one in (AttemptEvent.SENT, AttemptEvent.EXPIRED))
            windows = _Windows(connection)
            for row in connection.execute(query).all():
                yield _counted(connection, row, windows, logged=row.id in accepted, expired=row.id in expired)


def _counted(connection: Connection, row: Row[Any], windows: "_Windows", *, logged: bool, expired: bool) -> Counted:
    receipt = Receipt(**row.plan["receipt"])
    planned = {paper["id"] for paper in row.plan["papers"]}
    promised = set(connection.execute(select(_ledger.c.paper_id).where(_ledger.c.delivery_id == row.id)).scalars())
    followup = tables.followup.c
    told = set(connection.execute(select(followup.change_id).where(followup.delivery_id == row.id)).scalars())
    return Counted(
        id=row.id,
        email=row.email,
        slot=row.slot,
        status=DeliveryStatus(row.status),
        expired=expired and row.status == DeliveryStatus.FAILED,
        receipt=receipt,
        planned=len(row.plan["papers"]),
        promised=len(promised),
        astray=len(planned ^ promised),
        untold=len({told["change"] for told in row.plan.get("followups", ())} ^ told),
        candidates=windows.candidates(row, receipt) if receipt.days else None,
        # plans of older versions have no log
        logged=logged or row.status != DeliveryStatus.SENT or not row.message_id,
    )


class _Windows:
    """How many papers there were to choose from: the same for all who were planned together."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sizes: dict[tuple[datetime, datetime, int], tuple[int, bool]] = {}

    def candidates(self, row: Row[Any], receipt: Receipt) -> int:
        """Papers of the window that no earlier delivery had promised to this subscriber."""
        until, since = row.planned_at, row.planned_at - timedelta(days=receipt.days)
        size, live = self._size(since, until, receipt.newest)
        earlier = (
            select(func.count())
            .select_from(_ledger.join(_paper))
            .where(_ledger.c.subscriber_id == row.subscriber_id, _ledger.c.delivery_id < row.id)
            .where(*_within(since, until, receipt.newest, live=live))
        )
        return size - self._connection.execute(earlier).scalar_one()

    def _size(self, since: datetime, until: datetime, newest: int) -> tuple[int, bool]:
        """Papers in the window, and whether live papers had taken over from samples."""
        key = since, until, newest
        if key not in self._sizes:
            any_live = select(func.count()).where(_paper.c.id <= newest, _paper.c.sample == false())
            live = bool(self._connection.execute(any_live).scalar_one())
            size = select(func.count()).select_from(_paper).where(*_within(since, until, newest, live=live))
            self._sizes[key] = self._connection.execute(size).scalar_one(), live
        return self._sizes[key]


def _within(since: datetime, until: datetime, newest: int, *, live: bool) -> list[Any]:
    conditions: list[Any] = [_paper.c.first_seen.between(since, until), _paper.c.id <= newest]
    return [*conditions, _paper.c.sample == false()] if live else conditions


def _with_event(connection: Connection, event: AttemptEvent) -> set[int]:
    attempt = tables.attempt
    return set(connection.execute(select(attempt.c.delivery_id).where(attempt.c.event == event)).scalars())
