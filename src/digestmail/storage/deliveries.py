"""Deliveries and the ledger: what has been promised to whom. How they are sent is in ``claims``."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, func, insert, select, true, update

from digestmail.model import (
    Attempt,
    AttemptEvent,
    ChangeKind,
    Delivery,
    DeliveryKind,
    DeliveryStatus,
    Issue,
    Planned,
    Quiet,
    Subscriber,
)
from digestmail.storage import followups, tables
from digestmail.storage.database import CHUNK, Database, rows_by_id
from digestmail.storage.plans import (
    KeptTemplate,
    Shelf,
    keep_snapshots,
    keep_template,
    papers_named,
    plan_json,
    planned_of,
)
from digestmail.storage.subscribers import subscribers_of

_delivery, _ledger, _subscriber, _paper = tables.delivery, tables.ledger, tables.subscriber, tables.paper
_SAME = (
    *("id", "slot", "planned_at", "generation", "template", "attempts", "fence", "crashes", "ambiguous"),
    *("digest", "next_at", "settled_at", "code", "note"),
)
#: the columns that a delivery is made of
OWN = (*_SAME, "kind", "status", "message_id")
_IS_ISSUE = _delivery.c.kind == DeliveryKind.ISSUE
_WHOLE = select(_delivery, tables.plan.c.content.label("plan")).join(_subscriber).join(tables.plan)


class Deliveries:
    """Slots, plans and the ledger."""

    def __init__(self, database: Database, shelf: Shelf) -> None:
        self._database, self._shelf = database, shelf

    def taken_slots(self, since: date) -> set[tuple[str, date]]:
        """(subscriber uid, slot) of all slots from ``since`` on that need no planning: all but the empty ones."""
        query = (
            select(_subscriber.c.uid, _delivery.c.slot)
            .join(_subscriber)
            .where(_delivery.c.slot >= since, _delivery.c.status != DeliveryStatus.EMPTY, _IS_ISSUE)
        )
        with self._database.read() as connection:
            return {(row.uid, row.slot) for row in connection.execute(query)}

    def latest_slots(self) -> dict[str, date]:
        """uid → the newest slot that was planned for that subscriber, with papers or without."""
        newest = select(_subscriber.c.uid, func.max(_delivery.c.slot)).select_from(_delivery).join(_subscriber)
        query = newest.where(_IS_ISSUE)
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(_subscriber.c.uid))
            return {row.uid: row[1] for row in rows}

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

    def planned_before(self, slots: Mapping[str, date], since: date) -> dict[str, datetime]:
        """uid → when the last issue before a subscriber's slot was planned, for those who had one from ``since`` on."""
        found: dict[str, datetime] = {}
        uids = list(slots)
        with self._database.read() as connection:
            for start in range(0, len(uids), CHUNK):
                query = select(_subscriber.c.uid, _delivery.c.slot, _delivery.c.planned_at).join(_subscriber)
                mine = _subscriber.c.uid.in_(uids[start : start + CHUNK])
                some = query.where(mine, _delivery.c.slot >= since, _IS_ISSUE)
                found |= {
                    row.uid: row.planned_at
                    for row in connection.execute(some.order_by(_delivery.c.slot))
                    if row.slot < slots[row.uid]
                }
        return found

    def plan(
        self, issues: Iterable[Issue], *, send_empty: bool = False, template: KeptTemplate | None = None
    ) -> list[Issue]:
        """Write deliveries and their ledger rows in one transaction; return the issues as planned.

        A slot that is taken is left alone, a paper that the ledger already holds for the subscriber is dropped: whoever
        planned first has won; nor is a change told twice. An issue without papers is kept as ``empty``, and what it
        would tell waits for the next; it is planned too when ``send_empty`` is set or when it tells that a paper was
        withdrawn. An empty slot can be planned anew. ``template`` is kept with them, for every attempt.
        """
        with self._database.write() as connection:
            if template:
                keep_template(connection, template)
            kept = template.hash if template else None
            planned = [_plan_one(connection, issue, send_empty=send_empty, template=kept) for issue in issues]
        return [issue for issue in planned if issue is not None]

    def find(
        self, *statuses: DeliveryStatus, email: str | None = None, limit: int | None = None, letters: bool = False
    ) -> list[Delivery]:
        """Issues, newest slot first; with ``letters``, all deliveries."""
        with self._database.read() as connection:
            return load(connection, _are(statuses, email, letters=letters), self._shelf, limit=limit)

    def page(
        self, *statuses: DeliveryStatus, email: str | None = None, limit: int, offset: int = 0
    ) -> tuple[list[Delivery], int]:
        """A page of what ``find`` finds with letters, and how many there are."""
        condition = _are(statuses, email, letters=True)
        counted = select(func.count()).select_from(_delivery).join(_subscriber).where(condition)
        with self._database.read() as connection:
            found = load(connection, condition, self._shelf, limit=limit, offset=offset)
            return found, connection.execute(counted).scalar_one()

    def planned_at(self, times: Iterable[datetime]) -> dict[datetime, dict[DeliveryStatus, int]]:
        """What has become of the deliveries that were planned at these instants: how many rest in each status."""
        planned = _delivery.c.planned_at
        query = select(planned, _delivery.c.status, func.count()).where(planned.in_(list(times)), _IS_ISSUE)
        found: dict[datetime, dict[DeliveryStatus, int]] = defaultdict(dict)
        with self._database.read() as connection:
            for at, status, number in connection.execute(query.group_by(planned, _delivery.c.status)):
                found[at][DeliveryStatus(status)] = number
        return found

    def get(self, delivery_id: int) -> Delivery | None:
        """The delivery with this number."""
        with self._database.read() as connection:
            return next(iter(load(connection, _delivery.c.id == delivery_id, self._shelf)), None)

    def of_slot(self, email: str, slot: date) -> Delivery | None:
        """The issue of this subscriber for this local day."""
        with self._database.read() as connection:
            mine = and_(_subscriber.c.email_key == email.lower(), _delivery.c.slot == slot, _IS_ISSUE)
            return next(iter(load(connection, mine, self._shelf)), None)

    def with_paper(self, email: str, key: str) -> Delivery | None:
        """The delivery that promised this paper to this subscriber, as the ledger has it."""
        held = select(_ledger.c.delivery_id).join(_paper).where(_paper.c.key == key)
        with self._database.read() as connection:
            mine = and_(_subscriber.c.email_key == email.lower(), _delivery.c.id.in_(held))
            found = load(connection, mine, self._shelf)
            return found[0] if found else None

    def past(self, delivery_id: int) -> list[Attempt]:
        """All that happened to a delivery since it was planned, in order."""
        attempt = tables.attempt
        query = select(attempt).where(attempt.c.delivery_id == delivery_id).order_by(attempt.c.id)
        with self._database.read() as connection:
            return [
                Attempt(row.at, AttemptEvent(row.event), row.fence, row.code, row.note)
                for row in connection.execute(query)
            ]

    def template(self, kept: str) -> Mapping[str, Any] | None:
        """The parts of a compiled template that deliveries were planned with."""
        query = select(tables.template.c.parts).where(tables.template.c.hash == kept)
        with self._database.read() as connection:
            parts: Mapping[str, Any] | None = connection.execute(query).scalar()
            return parts

    def count_by_status(self) -> dict[DeliveryStatus, int]:
        """How many issues rest in each status."""
        query = select(_delivery.c.status, func.count()).where(_IS_ISSUE).group_by(_delivery.c.status)
        with self._database.read() as connection:
            rows = connection.execute(query)
            return {DeliveryStatus(status): count for status, count in rows}


def _are(statuses: Sequence[DeliveryStatus], email: str | None, *, letters: bool) -> ColumnElement[bool]:
    return and_(
        true() if letters else _IS_ISSUE,
        _delivery.c.status.in_(statuses) if statuses else true(),
        _subscriber.c.email_key == email.lower() if email else true(),
    )


def _plan_one(connection: Connection, issue: Issue, *, send_empty: bool, template: str | None) -> Issue | None:
    # one planner for a reader at a time: where writers do not exclude one another (PostgreSQL), the second waits here
    # and finds the slot taken, instead of failing at the ledger's key
    reader = select(_subscriber.c.id).where(_subscriber.c.uid == issue.subscriber.uid).with_for_update()
    subscriber_id = connection.execute(reader).scalar_one()
    this_slot = and_(_delivery.c.subscriber_id == subscriber_id, _delivery.c.slot == issue.slot, _IS_ISSUE)
    if status := connection.execute(select(_delivery.c.status).where(this_slot)).scalar():
        if status != DeliveryStatus.EMPTY or not (send_empty or _is_worth_a_mail(issue)):
            return None
        old = select(_delivery.c.id).where(this_slot)
        connection.execute(delete(tables.plan).where(tables.plan.c.delivery_id.in_(old)))
        connection.execute(delete(_delivery).where(this_slot))
    ids = _ids(connection, [paper.key for paper in papers_named(issue)])
    issue = followups.win(connection, _win(connection, issue, ids, subscriber_id), subscriber_id)
    empty = not (send_empty or _is_worth_a_mail(issue))
    if empty:
        issue = replace(issue, followups=())
    snapshots = keep_snapshots(connection, [(ids[paper.key], paper) for paper in papers_named(issue)])
    delivery_id = connection.execute(
        insert(_delivery)
        .values(
            subscriber_id=subscriber_id,
            slot=issue.slot,
            status=DeliveryStatus.EMPTY if empty else DeliveryStatus.PLANNED,
            template=template,
            planned_at=issue.composed_at,
            next_at=None if empty else issue.composed_at,
            generation=issue.generation,
            message_id=issue.message_id or None,
            note=nothing_sent(issue) if empty else "",
        )
        .returning(_delivery.c.id)
    ).scalar_one()
    content = plan_json(issue, ids, snapshots)
    connection.execute(insert(tables.plan).values(delivery_id=delivery_id, content=content))
    promised = sorted(ids[ranked.paper.key] for ranked in issue.papers)
    rows = [{"subscriber_id": subscriber_id, "paper_id": paper, "delivery_id": delivery_id} for paper in promised]
    if rows:
        connection.execute(insert(_ledger), rows)
        _end_pause(connection, issue.subscriber)
    followups.keep(connection, issue.followups, subscriber_id, delivery_id)
    return issue


def _end_pause(connection: Connection, reader: Subscriber) -> None:
    """The issue that catches up is planned: from now on the window is the usual one."""
    if reader.paused_at is not None:
        same = and_(_subscriber.c.uid == reader.uid, _subscriber.c.paused_at == reader.paused_at)
        connection.execute(update(_subscriber).where(same).values(paused_until=None, paused_at=None))


def _is_worth_a_mail(issue: Issue) -> bool:
    """Papers are, and that one is not to be relied on any more; that code can be had waits for the next issue."""
    return bool(issue.papers) or any(change.kind is ChangeKind.WITHDRAWN for change in issue.followups)


def nothing_sent(issue: Issue) -> str:
    """Why there is nothing to send, for the operator."""
    receipt, lull = issue.receipt, issue.lull
    new = lull.new if lull else receipt.candidates
    if new:
        # the receipt counts all that could have been in it, also what was weighed the day before
        counted = receipt.excluded and new == receipt.candidates
        kept_out = f", {receipt.excluded} kept out by negative keywords" if counted else ""
        return f"none of {new} new papers matched{kept_out}"
    if lull is None or lull.why is Quiet.KNOWN:
        return "no new papers"
    return "no source answered" if lull.why is Quiet.DOWN else f"no new papers ({lull.why})"


def _ids(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    """The row of each paper, by its key."""
    known = connection.execute(select(_paper.c.key, _paper.c.id).where(_paper.c.key.in_(keys)))
    return {row.key: row.id for row in known}


def _win(connection: Connection, issue: Issue, ids: Mapping[str, int], subscriber_id: int) -> Issue:
    """The issue without the papers that the ledger already holds for this subscriber."""
    wanted = [ids[ranked.paper.key] for ranked in issue.papers]
    mine = select(_ledger.c.paper_id).where(_ledger.c.subscriber_id == subscriber_id, _ledger.c.paper_id.in_(wanted))
    held = set(connection.execute(mine).scalars())
    won = tuple(ranked for ranked in issue.papers if ids[ranked.paper.key] not in held)
    # what another planner has promised in the meantime is no candidate of this slot
    lost = len(issue.papers) - len(won)
    weighed = issue.receipt
    receipt = replace(
        weighed, candidates=weighed.candidates - lost, matched=weighed.matched - lost, shown=weighed.shown - lost
    )
    return replace(issue, papers=won, receipt=receipt)


def load(
    connection: Connection, condition: Any, shelf: Shelf, *, limit: int | None = None, offset: int | None = None
) -> list[Delivery]:
    """The deliveries that meet a condition on deliveries and subscribers, newest slot first."""
    query = _WHOLE.where(condition).order_by(_delivery.c.slot.desc(), _delivery.c.id)
    rows = connection.execute(query.limit(limit).offset(offset)).mappings().all()
    subscribers = list(rows_by_id(connection, _subscriber, [row["subscriber_id"] for row in rows]))
    people = dict(zip((row["id"] for row in subscribers), subscribers_of(connection, subscribers), strict=True))
    shelf.fetch(connection, [row["plan"] for row in rows])
    plans = [planned_of(row["plan"], people[row["subscriber_id"]], shelf) for row in rows]
    return [
        delivery_of(row, plan.subscriber.email, partial(Planned, *plan)) for row, plan in zip(rows, plans, strict=True)
    ]


def delivery_of(row: RowMapping, email: str, read: Callable[[], Planned], **changes: Any) -> Delivery:
    """The delivery of a row, but for what changes; ``read`` reads its plan."""
    status, message_id = DeliveryStatus(row["status"]), row["message_id"] or ""
    values = {**{name: row[name] for name in _SAME}, "status": status, "message_id": message_id, **changes}
    return Delivery(email=email, kind=DeliveryKind(row["kind"]), read=read, **values)
