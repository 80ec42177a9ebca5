"""Deliveries and the ledger: what has been promised to whom, and what became of it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from digestmail.model import (
    Delivery,
    DeliveryStatus,
    Evidence,
    Field,
    Issue,
    Match,
    Paper,
    RankedPaper,
    Receipt,
    Subscriber,
    SubscriberStatus,
)
from digestmail.storage import tables
from digestmail.storage.corpus import paper_of
from digestmail.storage.database import CHUNK, Database, rows_by_id
from digestmail.storage.subscribers import subscribers_of

#: a claim that is not settled by then was left by a process that died
LEASE = timedelta(minutes=30)
#: the next runs try a refused delivery again, in case the operator has mended the cause; then it rests
MAX_ATTEMPTS = 5

_delivery, _ledger, _subscriber, _paper = tables.delivery, tables.ledger, tables.subscriber, tables.paper


class Deliveries:
    """Slots, plans, claims and the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def taken_slots(self, since: date) -> set[tuple[str, date]]:
        """(subscriber uid, slot) of all slots from ``since`` on that need no planning: all but the empty ones."""
        query = (
            select(_subscriber.c.uid, _delivery.c.slot)
            .join(_subscriber)
            .where(_delivery.c.slot >= since, _delivery.c.status != DeliveryStatus.EMPTY)
        )
        with self._database.read() as connection:
            return {(row.uid, row.slot) for row in connection.execute(query)}

    def promised(self, subscribers: Sequence[Subscriber], since: datetime) -> dict[str, set[str]]:
        """uid → keys of the papers first seen from ``since`` on that the ledger holds for that subscriber."""
        promised: dict[str, set[str]] = defaultdict(set)
        with self._database.read() as connection:
            for start in range(0, len(subscribers), CHUNK):
                uids = [subscriber.uid for subscriber in subscribers[start : start + CHUNK]]
                query = select(_subscriber.c.uid, _paper.c.key).select_from(_ledger).join(_subscriber).join(_paper)
                recent = query.where(_subscriber.c.uid.in_(uids), _paper.c.first_seen >= since)
                for row in connection.execute(recent):
                    promised[row.uid].add(row.key)
        return promised

    def plan(self, issues: Iterable[Issue], *, send_empty: bool) -> list[Issue]:
        """Write deliveries and their ledger rows in one transaction; return the issues as planned.

        A slot that is taken is left alone, a paper that the ledger already holds for the subscriber is dropped: whoever
        planned first has won. An issue without papers is kept as ``empty``, or planned too when ``send_empty`` is set;
        an empty slot can be planned anew.
        """
        with self._database.write() as connection:
            planned = [_plan_one(connection, issue, send_empty=send_empty) for issue in issues]
        return [issue for issue in planned if issue is not None]

    def claim(
        self, now: datetime, *, limit: int, after: int = 0, patient: bool = False, only: str | None = None
    ) -> list[Delivery]:
        """Take up to ``limit`` deliveries to send, by id. Each is ours until ``now + LEASE`` or until it is settled.

        ``after`` goes on behind that id, so that one pass tries each delivery once. ``patient`` leaves deferred ones
        alone until their ``next_at``; without it they are tried now, and those refused for good too, up to
        ``MAX_ATTEMPTS`` times. ``only`` is a subscriber's address. Deliveries to people who have left in the meantime
        are cancelled first.
        """
        query = select(_delivery.c.id).join(_subscriber).where(_claimable(now, patient=patient), _delivery.c.id > after)
        if only:
            query = query.where(_subscriber.c.email_key == only.lower())
        with self._database.write() as connection:
            _cancel_of_those_who_left(connection, now)
            ids = list(connection.execute(query.order_by(_delivery.c.id).limit(limit)).scalars())
            connection.execute(
                update(_delivery)
                .where(_delivery.c.id.in_(ids))
                .values(
                    status=DeliveryStatus.SENDING,
                    fence=_delivery.c.fence + 1,
                    attempts=_delivery.c.attempts + 1,
                    lease_until=now + LEASE,
                )
            )
            return _load(connection, _delivery.c.id.in_(ids))

    def settle(
        self,
        delivery: Delivery,
        status: DeliveryStatus,
        now: datetime,
        *,
        note: str,
        next_at: datetime | None = None,
    ) -> bool:
        """Record what became of a claimed delivery.

        False when another process has claimed it since: then nothing is changed.
        """
        with self._database.write() as connection:
            return _settle(connection, delivery, status, now, note=note, next_at=next_at)

    def release(self, deliveries: Sequence[Delivery], now: datetime, *, note: str) -> None:
        """Give back claimed deliveries that were not tried: they are due at once and the attempt does not count."""
        with self._database.write() as connection:
            for delivery in deliveries:
                untried = replace(delivery, attempts=delivery.attempts - 1)
                _settle(connection, untried, DeliveryStatus.DEFERRED, now, note=note, next_at=now)

    def find(self, *statuses: DeliveryStatus, email: str | None = None, limit: int | None = None) -> list[Delivery]:
        """Deliveries, newest slot first."""
        condition = and_(
            _delivery.c.status.in_(statuses) if statuses else true(),
            _subscriber.c.email_key == email.lower() if email else true(),
        )
        with self._database.read() as connection:
            return _load(connection, condition, limit=limit)

    def with_paper(self, email: str, key: str) -> Delivery | None:
        """The delivery that promised this paper to this subscriber, as the ledger has it."""
        held = select(_ledger.c.delivery_id).join(_paper).where(_paper.c.key == key)
        with self._database.read() as connection:
            found = _load(connection, and_(_subscriber.c.email_key == email.lower(), _delivery.c.id.in_(held)))
            return found[0] if found else None

    def count_by_status(self) -> dict[DeliveryStatus, int]:
        """How many deliveries rest in each status."""
        with self._database.read() as connection:
            rows = connection.execute(select(_delivery.c.status, func.count()).group_by(_delivery.c.status))
            return {DeliveryStatus(status): count for status, count in rows}


def _cancel_of_those_who_left(connection: Connection, now: datetime) -> None:
    left = select(_subscriber.c.id).where(_subscriber.c.status != SubscriberStatus.ACTIVE)
    connection.execute(
        update(_delivery)
        .where(
            _delivery.c.status.in_((DeliveryStatus.PLANNED, DeliveryStatus.DEFERRED)),
            _delivery.c.subscriber_id.in_(left),
        )
        .values(status=DeliveryStatus.CANCELLED, settled_at=now, note="no longer subscribed")
    )


def _claimable(now: datetime, *, patient: bool) -> ColumnElement[bool]:
    """What may be sent now. Only to active subscribers, also what a process that died left behind."""
    status = _delivery.c.status
    conditions = [
        status == DeliveryStatus.PLANNED,
        and_(status == DeliveryStatus.SENDING, _delivery.c.lease_until < now),
    ]
    if patient:
        conditions.append(and_(status == DeliveryStatus.DEFERRED, _delivery.c.next_at <= now))
    else:
        conditions.append(status == DeliveryStatus.DEFERRED)
        conditions.append(and_(status == DeliveryStatus.FAILED, _delivery.c.attempts < MAX_ATTEMPTS))
    return and_(or_(*conditions), _subscriber.c.status == SubscriberStatus.ACTIVE)


def _settle(
    connection: Connection,
    delivery: Delivery,
    status: DeliveryStatus,
    now: datetime,
    *,
    note: str,
    next_at: datetime | None = None,
) -> bool:
    done = connection.execute(
        update(_delivery)
        .where(
            _delivery.c.id == delivery.id,
            _delivery.c.fence == delivery.fence,
            _delivery.c.status == DeliveryStatus.SENDING,
        )
        .values(
            status=status,
            note=note,
            next_at=next_at,
            attempts=delivery.attempts,
            lease_until=None,
            settled_at=None if status is DeliveryStatus.DEFERRED else now,
        )
    )
    return bool(done.rowcount)


def _plan_one(connection: Connection, issue: Issue, *, send_empty: bool) -> Issue | None:
    subscriber_id = connection.execute(
        select(_subscriber.c.id).where(_subscriber.c.uid == issue.subscriber.uid)
    ).scalar_one()
    this_slot = and_(_delivery.c.subscriber_id == subscriber_id, _delivery.c.slot == issue.slot)
    if status := connection.execute(select(_delivery.c.status).where(this_slot)).scalar():
        if status != DeliveryStatus.EMPTY or not (issue.papers or send_empty):
            return None
        connection.execute(delete(_delivery).where(this_slot))
    issue, paper_ids = _win(connection, issue, subscriber_id)
    empty = not issue.papers and not send_empty
    delivery_id = connection.execute(
        insert(_delivery)
        .values(
            subscriber_id=subscriber_id,
            slot=issue.slot,
            status=DeliveryStatus.EMPTY if empty else DeliveryStatus.PLANNED,
            plan=_plan_json(issue, paper_ids),
            planned_at=issue.composed_at,
            note=_nothing_sent(issue.receipt) if empty else "",
        )
        .returning(_delivery.c.id)
    ).scalar_one()
    rows = [
        {"subscriber_id": subscriber_id, "paper_id": paper, "delivery_id": delivery_id} for paper in sorted(paper_ids)
    ]
    if rows:
        connection.execute(insert(_ledger), rows)
    return issue


def _nothing_sent(receipt: Receipt) -> str:
    if not receipt.candidates:
        return "no new papers"
    kept_out = f", {receipt.excluded} kept out by negative keywords" if receipt.excluded else ""
    return f"none of {receipt.candidates} new papers matched{kept_out}"


def _win(connection: Connection, issue: Issue, subscriber_id: int) -> tuple[Issue, list[int]]:
    """The issue without the papers that the ledger already holds for this subscriber, and the row ids of the rest."""
    keys = [ranked.paper.key for ranked in issue.papers]
    known = connection.execute(select(_paper.c.key, _paper.c.id).where(_paper.c.key.in_(keys)))
    ids = {row.key: row.id for row in known}
    held = set(
        connection.execute(
            select(_ledger.c.paper_id).where(
                _ledger.c.subscriber_id == subscriber_id, _ledger.c.paper_id.in_(ids.values())
            )
        ).scalars()
    )
    won = tuple(ranked for ranked in issue.papers if ids[ranked.paper.key] not in held)
    receipt = replace(issue.receipt, shown=len(won), matched=issue.receipt.matched - len(issue.papers) + len(won))
    return replace(issue, papers=won, receipt=receipt), [ids[ranked.paper.key] for ranked in won]


def _plan_json(issue: Issue, paper_ids: Sequence[int]) -> dict[str, Any]:
    return {
        "papers": [
            {
                "id": paper_id,
                "score": ranked.score,
                "topic": ranked.topic,
                # counts grow while a delivery waits; the message is to stay the same
                "upvotes": ranked.paper.upvotes,
                "comments": ranked.paper.comments,
                "matches": [asdict(match) for match in ranked.matches],
            }
            for paper_id, ranked in zip(paper_ids, issue.papers, strict=True)
        ],
        "receipt": asdict(issue.receipt),
    }


def _load(connection: Connection, condition: Any, *, limit: int | None = None) -> list[Delivery]:
    query = select(_delivery).join(_subscriber).where(condition)
    rows = connection.execute(query.order_by(_delivery.c.slot.desc(), _delivery.c.id).limit(limit)).mappings().all()
    subscribers = list(rows_by_id(connection, _subscriber, [row["subscriber_id"] for row in rows]))
    people = dict(zip((row["id"] for row in subscribers), subscribers_of(connection, subscribers), strict=True))
    paper_ids = [planned["id"] for row in rows for planned in row["plan"]["papers"]]
    papers = {row["id"]: paper_of(row) for row in rows_by_id(connection, _paper, paper_ids)}
    return [_delivery_of(row, people[row["subscriber_id"]], papers) for row in rows]


def _delivery_of(row: RowMapping, subscriber: Subscriber, papers: dict[int, Paper]) -> Delivery:
    return Delivery(
        id=row["id"],
        subscriber=subscriber,
        slot=row["slot"],
        status=DeliveryStatus(row["status"]),
        papers=tuple(_ranked_of(planned, papers[planned["id"]]) for planned in row["plan"]["papers"]),
        receipt=Receipt(**row["plan"]["receipt"]),
        planned_at=row["planned_at"],
        attempts=row["attempts"],
        fence=row["fence"],
        next_at=row["next_at"],
        note=row["note"],
    )


def _ranked_of(planned: dict[str, Any], paper: Paper) -> RankedPaper:
    counted = replace(paper, upvotes=planned["upvotes"], comments=planned["comments"])
    # plans of the first version have neither topics nor kinds of evidence
    return RankedPaper(counted, planned["score"], tuple(map(_match_of, planned["matches"])), planned.get("topic", ""))


def _match_of(planned: dict[str, Any]) -> Match:
    return Match(
        **{
            **planned,
            "field": Field(planned["field"]),
            "spans": tuple((start, end) for start, end in planned["spans"]),
            "evidence": Evidence(planned.get("evidence", Evidence.EXACT)),
        }
    )
