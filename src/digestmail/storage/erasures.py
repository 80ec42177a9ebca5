"""Readers who ask to be forgotten: what is deleted, what stays without a name, and what keeps them forgotten.

Which papers a delivery promised, and what became of it, stays: without it the audit would not add up any more. Whose
delivery it was, what they asked for and why each paper was in it does not.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from digestmail.model import AttemptEvent, Cadence, DeliveryStatus, Gate, Origin, SubscriberStatus
from digestmail.storage import tables
from digestmail.storage.database import CHUNK, Database
from digestmail.storage.plans import insert_new
from digestmail.storage.subscribers import ERASED

_subscriber, _delivery = tables.subscriber, tables.delivery
_WAITING = (DeliveryStatus.PLANNED, DeliveryStatus.DEFERRED, DeliveryStatus.HELD)


class Erasures:
    """Erased readers, and the keyed hashes of their addresses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def erase(self, uid: str, *, new_uid: str, tombstone: str, now: datetime) -> bool:
        """Forget a reader, in one transaction; False when there is no such reader.

        Gone are address, profile, opinions, saved papers, what servers said of the address, and the reasons in plans.
        The row gets ``new_uid``, so that no token and no Message-ID of an old message finds it. What waits is
        cancelled.
        """
        with self._database.write() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is deleted is overwritten
            number = connection.execute(select(_subscriber.c.id).where(_subscriber.c.uid == uid)).scalar()
            if number is None:
                return False
            for table in (tables.feedback, tables.saved):
                connection.execute(delete(table).where(table.c.subscriber_id == number))
            _forget_signups(connection, number)
            _forget_events(connection, number)
            _forget_deliveries(connection, number, now)
            nobody = _nobody(number, new_uid)
            raised = _subscriber.c.token_version + 1
            same = _subscriber.c.id == number
            connection.execute(update(_subscriber).where(same).values(**nobody, token_version=raised))
            insert_new(connection, tables.tombstone, [{"digest": tombstone, "at": now}])
            return True

    def erased(self, digests: Iterable[str]) -> set[str]:
        """Those of these hashes whose address was erased."""
        wanted, found = list(digests), set[str]()
        column = tables.tombstone.c.digest
        with self._database.read() as connection:
            for start in range(0, len(wanted), CHUNK):
                query = select(column).where(column.in_(wanted[start : start + CHUNK]))
                found.update(connection.execute(query).scalars())
        return found

    def forgive(self, digest: str) -> None:
        """Let an address come back: its owner asks for it."""
        if self.erased([digest]):
            with self._database.write() as connection:
                connection.execute(delete(tables.tombstone).where(tables.tombstone.c.digest == digest))


def _nobody(number: int, uid: str) -> dict[str, Any]:
    email = f"erased-{number}{ERASED}"
    return {
        "uid": uid,
        "email": email,
        "email_key": email,
        "keywords": [],
        "gate": Gate.NORMAL,
        "cadence": str(Cadence()),
        "timezone": "UTC",
        "max_papers": None,
        "language": None,
        "status": SubscriberStatus.UNSUBSCRIBED,
        "origin": Origin.STORE,
        "paused_until": None,
        "paused_at": None,
    }


def _forget_signups(connection: Connection, number: int) -> None:
    signup = tables.signup
    letters = select(_delivery.c.id).where(_delivery.c.subscriber_id == number)
    address = select(_subscriber.c.email_key).where(_subscriber.c.id == number).scalar_subquery()
    asked = or_(signup.c.delivery_id.in_(letters), func.lower(signup.c.email) == address)
    connection.execute(delete(signup).where(asked))


def _forget_events(connection: Connection, number: int) -> None:
    event = tables.address_event
    connection.execute(update(event).where(event.c.subscriber_id == number).values(note="", digest=None))


def _forget_deliveries(connection: Connection, number: int, now: datetime) -> None:
    mine, attempt, plan = _delivery.c.subscriber_id == number, tables.attempt, tables.plan
    numbers = select(_delivery.c.id).where(mine)
    # mail servers repeat the address when they refuse it
    connection.execute(update(attempt).where(attempt.c.delivery_id.in_(numbers)).values(note=""))
    for row in connection.execute(select(plan).where(plan.c.delivery_id.in_(numbers))).all():
        bare = plan.c.delivery_id == row.delivery_id
        connection.execute(update(plan).where(bare).values(content=_impersonal(row.content)))
    waiting = list(connection.execute(numbers.where(_delivery.c.status.in_(_WAITING))).scalars())
    if waiting:
        ended = {"status": DeliveryStatus.CANCELLED, "next_at": None, "settled_at": now}
        connection.execute(update(_delivery).where(_delivery.c.id.in_(waiting)).values(**ended))
        event = {"at": now, "event": AttemptEvent.CANCELLED, "fence": 0, "note": "the reader was erased"}
        connection.execute(insert(attempt), [{"delivery_id": one, **event} for one in waiting])
    # what is being sent at this moment keeps its Message-ID until it is settled
    ended_ones = _delivery.c.status != DeliveryStatus.SENDING
    connection.execute(update(_delivery).where(mine, ended_ones).values(message_id=None))
    connection.execute(update(_delivery).where(mine).values(note=""))


def _impersonal(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan that says which papers, and no more for whom or why."""
    reader = {"keywords": [], "by_likes": False, "cadence": str(Cadence()), "language": "en"}
    papers = [{**paper, "score": 0.0, "topic": "", "matches": []} for paper in plan["papers"]]
    return {**plan, "reader": reader, "papers": papers}
