"""What a claim finds: deliveries with all that their messages need, in one statement.

Reading a plan takes longer than all else that the store does for a message. It is put off until the message is made,
and then no lock is held.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    literal_column,
    not_,
    or_,
    select,
)

from digestmail.model import Delivery, DeliveryKind, DeliveryStatus, Planned, SubscriberStatus
from digestmail.storage import tables
from digestmail.storage.database import Database
from digestmail.storage.deliveries import OWN, delivery_of
from digestmail.storage.feedback import Opinion, opinions_of
from digestmail.storage.plans import Shelf, planned_of
from digestmail.storage.subscribers import subscriber_of

_delivery, _subscriber, _plan, _feedback = tables.delivery, tables.subscriber, tables.plan, tables.feedback
_READER = "reader_"
#: who gets what was planned for them: what was planned before a pause began still arrives
REACHED = (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED)
#: who may still be asked whether they want to be on the list
ASKED = (SubscriberStatus.PENDING, SubscriberStatus.UNSUBSCRIBED)
_IS_QUESTION = _delivery.c.kind == DeliveryKind.CONFIRM
_IS_WANTED = exists().where(
    _subscriber.c.id == _delivery.c.subscriber_id,
    or_(
        and_(not_(_IS_QUESTION), _subscriber.c.status.in_(REACHED)),
        and_(_IS_QUESTION, _subscriber.c.status.in_(ASKED)),
    ),
)
_DUE = (
    select(_delivery.c.id)
    # nothing but what waits has next_at, and readers are looked at one by one: so SQLite goes along the index of
    # next_at and stops in time. Joined, it sorts all that wait for each claim, 36 ms for 100,000 of them
    .where(_delivery.c.next_at <= bindparam("due"), _IS_WANTED)
    .order_by(_delivery.c.next_at, _delivery.c.id)
    .limit(bindparam("wanted"))
    .with_for_update(skip_locked=True, of=_delivery)
)
_MINE = select(_subscriber.c.id).where(_subscriber.c.email_key == bindparam("only"))
_WHOLE = (
    select(
        *(_delivery.c[name] for name in ("subscriber_id", *OWN)),
        *(column.label(_READER + column.name) for column in _subscriber.c),
        # as it is stored: it is taken apart when it is read
        cast(_plan.c.content, Text).label("plan"),
        exists().where(_feedback.c.subscriber_id == _delivery.c.subscriber_id).label("has_opinions"),
    )
    .join(_subscriber, _subscriber.c.id == _delivery.c.subscriber_id)
    .join(_plan)
)
# made once: making a statement takes SQLAlchemy as long as running it takes SQLite
_ANY = _WHOLE.where(_delivery.c.id.in_(_DUE))
_OF_ONE = _WHOLE.where(_delivery.c.id.in_(_DUE.where(_delivery.c.subscriber_id.in_(_MINE))))
# written out: with a parameter there, no database sees that an index has just these
_LETTERS = _WHOLE.where(_delivery.c.id.in_(_DUE.where(_delivery.c.kind != literal_column("'issue'"))))


class Waiting:
    """Deliveries that may be claimed."""

    def __init__(self, database: Database, shelf: Shelf) -> None:
        self._database, self._shelf = database, shelf

    def find(self, connection: Connection, wanted: int, *, letters: bool = False, **due: Any) -> list[Delivery]:
        """Up to ``wanted`` that are ``due``, the longest waiting first, as they will be when they are claimed."""
        statement = _LETTERS if letters else _OF_ONE if due["only"] else _ANY
        rows = connection.execute(statement, {"wanted": wanted, **due}).mappings().all()
        opinions = opinions_of(connection, [row["subscriber_id"] for row in rows if row["has_opinions"]])
        return [
            delivery_of(
                row,
                row["reader_email"],
                partial(self._read, row, opinions.get(row["subscriber_id"], ())),
                status=DeliveryStatus.SENDING,
                fence=row["fence"] + 1,
                attempts=row["attempts"] + 1,
                next_at=None,
            )
            for row in sorted(rows, key=lambda row: (row["next_at"], row["id"]))
        ]

    def _read(self, row: RowMapping, opinions: Sequence[Opinion]) -> Planned:
        plan = json.loads(row["plan"])
        if not self._shelf.has(plan):
            with self._database.read() as connection:
                self._shelf.fetch(connection, [plan])
        reader = {column.name: row[_READER + column.name] for column in _subscriber.c}
        return planned_of(plan, subscriber_of(reader, opinions), self._shelf)
