"""Signing up: strangers who ask to be on the list, the letters that ask whether it was them, and their answers.

Asking is one insert, whoever the address belongs to: how long it takes tells nothing about the list. What becomes of it
is decided afterwards, by whoever comes to it first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from digestmail.model import DeliveryKind, DeliveryStatus, Subscriber, SubscriberStatus
from digestmail.storage import limits, tables
from digestmail.storage.claimed import ASKED
from digestmail.storage.database import CHUNK, Database
from digestmail.storage.limits import Limit
from digestmail.storage.plans import KeptTemplate, keep_template
from digestmail.storage.subscribers import values_of

_signup, _delivery, _subscriber = tables.signup, tables.delivery, tables.subscriber
#: what is limited: askings of a network, letters to an address, letters in all
NETWORK, ADDRESS, ALL = "network", "address", "all"
#: requests that wait for a letter; more are refused
_QUEUE = 10_000
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Signup:
    """Somebody asks to be on the list."""

    id: int
    email: str
    #: what the form said, by the names of its fields
    wishes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLetter:
    """A letter to whoever has asked."""

    kind: DeliveryKind
    #: as they are; pending when the address is new
    subscriber: Subscriber
    slot: date
    message_id: str
    language: str
    template: KeptTemplate


class Signups:
    """Requests to be on the list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(
        self, email: str, wishes: Mapping[str, str], now: datetime, *, network: str, limit: Limit
    ) -> timedelta | None:
        """Keep a request of somebody in this ``network`` (a keyed hash).

        When it has asked as often as ``limit`` allows, or too many requests wait, nothing is kept, and the time to wait
        is returned.
        """
        waiting = select(func.count()).where(_signup.c.delivery_id.is_(None))
        with self._database.write() as connection:
            if longer := limits.wait(connection, NETWORK, network, limit, now):
                return longer
            if connection.execute(waiting).scalar_one() >= _QUEUE:
                return _MINUTE
            limits.note(connection, NETWORK, network, now)
            connection.execute(insert(_signup).values(at=now, email=email, wishes=dict(wishes)))
        return None

    def waiting(self, limit: int) -> list[Signup]:
        """Requests that nobody has looked at, the longest waiting first."""
        query = select(_signup).where(_signup.c.delivery_id.is_(None)).order_by(_signup.c.id).limit(limit)
        with self._database.read() as connection:
            return [Signup(row.id, row.email, row.wishes) for row in connection.execute(query)]

    def written(self, within: timedelta, now: datetime) -> int:
        """How many letters were planned within this time."""
        with self._database.read() as connection:
            return limits.count(connection, ALL, "", within, now)

    def answer(
        self, signup: Signup, letter: NewLetter | None, now: datetime, *, address: str, allowed: Sequence[Limit]
    ) -> bool:
        """Plan the ``letter`` unless its ``address`` (a keyed hash) has had as many as are ``allowed``.

        One transaction. The request waits no longer, whatever comes of it; only for a letter that asks for an answer
        its wishes are kept. False when there is no letter. When another process has answered it, or has brought the
        address onto the list, nothing happens.
        """
        with self._database.write() as connection:
            if letter is None or any(limits.wait(connection, ADDRESS, address, one, now) for one in allowed):
                connection.execute(delete(_signup).where(_signup.c.id == signup.id, _signup.c.delivery_id.is_(None)))
                return False
            still = select(_signup.c.id).where(_signup.c.id == signup.id, _signup.c.delivery_id.is_(None))
            subscriber_id = _known(connection, letter.subscriber)
            if connection.execute(still).scalar() is None or subscriber_id is None:
                return False
            delivery_id = _plan(connection, letter, subscriber_id, now)
            limits.note(connection, ADDRESS, address, now)
            limits.note(connection, ALL, "", now)
            this = _signup.c.id == signup.id
            if letter.kind is DeliveryKind.CONFIRM:
                connection.execute(update(_signup).where(this).values(delivery_id=delivery_id))
            else:
                connection.execute(delete(_signup).where(this))
        return True

    def wishes(self, uid: str, slot: date) -> Mapping[str, str] | None:
        """What the reader asked for when the letter of this day was written; None when it was answered."""
        mine = (_subscriber.c.uid == uid, _delivery.c.slot == slot)
        query = select(_signup.c.wishes).select_from(_signup).join(_delivery).join(_subscriber).where(*mine)
        with self._database.read() as connection:
            wishes: Mapping[str, str] | None = connection.execute(query).scalar()
            return wishes

    def confirm(self, subscriber: Subscriber, *names: str) -> bool:
        """Set some columns to what ``subscriber`` has, who has answered a letter; all their letters are answered by it.

        False, and nothing has happened, when they are neither pending nor unsubscribed.
        """
        values = values_of(subscriber)
        mine = (_subscriber.c.uid == subscriber.uid, _subscriber.c.status.in_(ASKED))
        letters = select(_delivery.c.id).join_from(_delivery, _subscriber).where(_subscriber.c.uid == subscriber.uid)
        with self._database.write() as connection:
            changed = update(_subscriber).where(*mine).values(**{name: values[name] for name in names})
            if not connection.execute(changed).rowcount:
                return False
            connection.execute(delete(_signup).where(_signup.c.delivery_id.in_(letters)))
        return True

    def forget(self, *, asked_before: datetime, limited_before: datetime) -> int:
        """Delete requests of that age that nobody has confirmed, and with them readers who never were on the list.

        Returns how many readers are gone. What is limited is forgotten at an age of its own.
        """
        with self._database.write() as connection:
            limits.forget(connection, limited_before)
            old = (_signup.c.at < asked_before, _signup.c.delivery_id.is_not(None))
            connection.execute(delete(_signup).where(*old))
            still = exists().where(
                _delivery.c.subscriber_id == _subscriber.c.id, _delivery.c.id == _signup.c.delivery_id
            )
            asking = exists().where(func.lower(_signup.c.email) == _subscriber.c.email_key)
            never = select(_subscriber.c.id).where(
                _subscriber.c.status == SubscriberStatus.PENDING,
                _subscriber.c.created_at < asked_before,
                ~still,
                ~asking,
            )
            return _delete(connection, list(connection.execute(never.limit(CHUNK)).scalars()))


def _known(connection: Connection, reader: Subscriber) -> int | None:
    """The row of a reader, which is made for a new one; None when another process has made one for the address."""
    same = select(_subscriber.c.id, _subscriber.c.uid).where(_subscriber.c.email_key == reader.email.lower())
    row = connection.execute(same).first()
    if row:
        return int(row.id) if row.uid == reader.uid else None
    made = insert(_subscriber).values(**values_of(reader)).returning(_subscriber.c.id)
    return int(connection.execute(made).scalar_one())


def _plan(connection: Connection, letter: NewLetter, subscriber_id: int, now: datetime) -> int:
    keep_template(connection, letter.template)
    made = insert(_delivery).values(
        subscriber_id=subscriber_id,
        slot=letter.slot,
        kind=letter.kind,
        status=DeliveryStatus.PLANNED,
        template=letter.template.hash,
        planned_at=now,
        next_at=now,
        message_id=letter.message_id,
    )
    delivery_id = int(connection.execute(made.returning(_delivery.c.id)).scalar_one())
    connection.execute(insert(tables.plan).values(delivery_id=delivery_id, content=_content(letter)))
    return delivery_id


def _content(letter: NewLetter) -> dict[str, Any]:
    """A plan without papers: all a letter needs to know is its language."""
    cadence = str(letter.subscriber.cadence)
    reader = {"keywords": [], "by_likes": False, "cadence": cadence, "language": letter.language}
    return {"papers": [], "receipt": {}, "reader": reader}


def _delete(connection: Connection, numbers: list[int]) -> int:
    """Readers who never were on the list, with their letters."""
    letters = select(_delivery.c.id).where(_delivery.c.subscriber_id.in_(numbers))
    for table in (tables.attempt, tables.plan):
        connection.execute(delete(table).where(table.c.delivery_id.in_(letters)))
    connection.execute(delete(tables.address_event).where(tables.address_event.c.subscriber_id.in_(numbers)))
    connection.execute(delete(_delivery).where(_delivery.c.subscriber_id.in_(numbers)))
    connection.execute(delete(_subscriber).where(_subscriber.c.id.in_(numbers)))
    return len(numbers)
