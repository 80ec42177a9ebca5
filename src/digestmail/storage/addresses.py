"""What is known of addresses: bounces, complaints, unsubscribes, and what was decided about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, and_, func, insert, select, update

from digestmail.mail.reports import UNDELIVERED, Kind
from digestmail.model import DeliveryStatus, Origin, SubscriberStatus
from digestmail.storage import tables
from digestmail.storage.database import Database

#: for so long servers try and report what they could not deliver (RFC 5321 §4.5.4.1); silence beyond is success
SILENCE = timedelta(days=6)

_event, _subscriber, _delivery = tables.address_event, tables.subscriber, tables.delivery


class Verdict(StrEnum):
    """What was decided: the first word of a decision."""

    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    #: the operator has taken a suppression back; what was before counts no more
    RESTORED = "unsuppressed"
    #: one more, not enough yet
    COUNTED = "counted"
    #: nothing but an address that anybody can write says whom it is about
    UNPROVEN = "unproven"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Known:
    """A subscriber, and one delivery to them where it could be told."""

    id: int
    email: str
    status: SubscriberStatus
    delivery_id: int | None = None
    slot: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that is now known of an address, before anything is decided."""

    #: None when nobody could be made out
    about: Known | None
    at: datetime
    kind: Kind
    #: where it was read: ``maildir``, ``smtp``
    source: str
    code: str = ""
    note: str = ""
    #: of the message that says so; the same one counts once
    digest: str | None = None
    #: whether it holds what only we and who has our message can know: a token, a Message-ID
    proven: bool = False
    #: whether it names the subscriber's own address, not one that mail to them goes on to
    own: bool = True


@dataclass(frozen=True, slots=True)
class Count:
    """An event that was counted."""

    kind: Kind
    at: datetime
    #: the day of the issue it is about; of the event where that is not known
    day: date


@dataclass(frozen=True, slots=True)
class History:
    """What a decision needs to know of a subscriber's past. Nothing in it is older than their last restoration."""

    status: SubscriberStatus
    counts: tuple[Count, ...] = ()
    #: when the last issue was taken by the mail server
    accepted: datetime | None = None
    #: when the last issue was taken of whose failure nothing was heard for as long as servers try
    arrived: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do. ``status`` is what the subscriber becomes; None leaves them as they are."""

    verdict: Verdict
    why: str = ""
    status: SubscriberStatus | None = None

    def __str__(self) -> str:
        return f"{self.verdict}: {self.why}" if self.why else str(self.verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressEvent:
    """A fact and its decision, as they are kept."""

    at: datetime
    kind: str
    source: str
    code: str
    note: str
    decision: str
    email: str | None = None
    #: of the issue it is about
    slot: date | None = None

    @property
    def verdict(self) -> str:
        """The first word of the decision."""
        return self.decision.partition(":")[0]


#: the policy; it is given no history when the fact is about nobody
Decide = Callable[[Fact, History | None], Decision]


class Addresses:
    """Append-only events, and the status that follows from them, in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_uid(self, uid: str) -> Known | None:
        """The subscriber with this uid."""
        return self._known(select(_subscriber).where(_subscriber.c.uid == uid))

    def by_email(self, email: str) -> Known | None:
        """The subscriber with exactly this address, whatever the case of its letters."""
        return self._known(select(_subscriber).where(_subscriber.c.email_key == email.lower()))

    def by_message_id(self, message_id: str) -> Known | None:
        """The subscriber that a message of ours went to, and its delivery."""
        ours = _delivery.c.message_id == message_id
        query = select(_subscriber, _delivery.c.id.label("delivery_id"), _delivery.c.slot)
        return self._known(query.join_from(_delivery, _subscriber).where(ours))

    def record(self, facts: Sequence[Fact], decide: Decide) -> list[AddressEvent]:
        """Keep facts of one message with what is decided about each. Empty when that message was recorded before.

        ``decide`` is called inside the transaction, so that of two processes each sees what the other has counted.
        """
        with self._database.write() as connection:
            return record(connection, facts, decide)

    def preview(self, fact: Fact, decide: Decide) -> AddressEvent:
        """What ``record`` would say of a fact that is not worth keeping."""
        with self._database.read() as connection:
            return _as_event(fact, decide(fact, _history(connection, fact)))

    def list(self, email: str | None = None, *, limit: int | None = None) -> list[AddressEvent]:
        """Events, newest first; of one address, or of all and of nobody."""
        query = (
            select(_event, _subscriber.c.email, _delivery.c.slot)
            .select_from(_event)
            .outerjoin(_subscriber, _subscriber.c.id == _event.c.subscriber_id)
            .outerjoin(_delivery, _delivery.c.id == _event.c.delivery_id)
        )
        if email is not None:
            query = query.where(_subscriber.c.email_key == email.lower())
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_event.c.id.desc()).limit(limit)).mappings()
            return [AddressEvent(**{name: row[name] for name in AddressEvent.__dataclass_fields__}) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many events there are of each kind."""
        with self._database.read() as connection:
            rows = connection.execute(select(_event.c.kind, func.count()).group_by(_event.c.kind))
            return {str(kind): count for kind, count in rows}

    def reasons(self) -> dict[str, str]:
        """Address → why it is suppressed: ``hard bounce 5.1.1``; only of those who are."""
        last = select(func.max(_event.c.id)).where(_decided(Verdict.SUPPRESSED)).group_by(_event.c.subscriber_id)
        query = select(_subscriber.c.email, _event.c.kind, _event.c.code).join_from(_event, _subscriber)
        suppressed = _subscriber.c.status == SubscriberStatus.SUPPRESSED
        with self._database.read() as connection:
            rows = connection.execute(query.where(suppressed, _event.c.id.in_(last)))
            return {row.email: f"{row.kind} {row.code}".strip() for row in rows}

    def before_suppression(self, email: str) -> SubscriberStatus:
        """What a suppressed subscriber was before; active where nothing says so."""
        for event in self.list(email):
            if event.verdict == Verdict.SUPPRESSED:
                _, marked, was = event.decision.rpartition(" was ")
                return SubscriberStatus(was) if marked else SubscriberStatus.ACTIVE
        return SubscriberStatus.ACTIVE

    def _known(self, query: Select[Any]) -> Known | None:
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        return Known(row["id"], row["email"], SubscriberStatus(row["status"]), row.get("delivery_id"), row.get("slot"))


def record(connection: Connection, facts: Sequence[Fact], decide: Decide) -> list[AddressEvent]:
    """``Addresses.record`` within a transaction of the caller's."""
    if any(_recorded(connection, fact.digest) for fact in facts if fact.digest):
        return []
    return [_record(connection, fact, decide) for fact in facts]


def _decided(verdict: Verdict) -> Any:
    return _event.c.decision.startswith(verdict, autoescape=True)


def _recorded(connection: Connection, digest: str) -> bool:
    return connection.execute(select(_event.c.id).where(_event.c.digest == digest)).first() is not None


def _record(connection: Connection, fact: Fact, decide: Decide) -> AddressEvent:
    decision = decide(fact, _history(connection, fact))
    event = _as_event(fact, decision)
    connection.execute(
        insert(_event).values(
            subscriber_id=fact.about.id if fact.about else None,
            delivery_id=fact.about.delivery_id if fact.about else None,
            at=fact.at,
            kind=fact.kind,
            source=fact.source,
            code=fact.code,
            note=fact.note,
            decision=event.decision,
            digest=fact.digest,
        )
    )
    if fact.about and decision.status:
        changes: dict[str, Any] = {"status": decision.status}
        if decision.status is SubscriberStatus.UNSUBSCRIBED:
            # the config file that still names them does not bring them back
            changes["origin"] = Origin.STORE
        connection.execute(update(_subscriber).where(_subscriber.c.id == fact.about.id).values(**changes))
    return event


def _as_event(fact: Fact, decision: Decision) -> AddressEvent:
    return AddressEvent(
        at=fact.at,
        kind=fact.kind,
        source=fact.source,
        code=fact.code,
        note=fact.note,
        decision=str(decision),
        email=fact.about.email if fact.about else None,
        slot=fact.about.slot if fact.about else None,
    )


def _history(connection: Connection, fact: Fact) -> History | None:
    """None when it is about nobody."""
    if fact.about is None:
        return None
    same = _event.c.subscriber_id == fact.about.id
    status = connection.execute(select(_subscriber.c.status).where(_subscriber.c.id == fact.about.id)).scalar_one()
    restored = connection.execute(select(func.max(_event.c.id)).where(same, _decided(Verdict.RESTORED))).scalar()
    query = select(_event.c.kind, _event.c.at, _delivery.c.slot).outerjoin_from(_event, _delivery)
    counted = connection.execute(query.where(same, _decided(Verdict.COUNTED), _event.c.id > (restored or 0)))
    return History(
        status=SubscriberStatus(status),
        counts=tuple(Count(Kind(row.kind), row.at, row.slot or row.at.date()) for row in counted),
        accepted=_last_sent(connection, fact.about.id),
        arrived=_last_sent(connection, fact.about.id, silent_since=fact.at - SILENCE),
    )


def _last_sent(connection: Connection, subscriber_id: int, silent_since: datetime | None = None) -> datetime | None:
    sent = and_(_delivery.c.subscriber_id == subscriber_id, _delivery.c.status == DeliveryStatus.SENT)
    query = select(_delivery.c.settled_at).where(sent)
    if silent_since is not None:
        named = select(_event.c.delivery_id).where(_event.c.delivery_id.is_not(None), _event.c.kind.in_(UNDELIVERED))
        query = query.where(_delivery.c.settled_at <= silent_since, _delivery.c.id.not_in(named))
    return connection.execute(query.order_by(_delivery.c.settled_at.desc()).limit(1)).scalar()
