"""Follow-ups: which readers are told of which changes of papers they have, each once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from heapq import nsmallest
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, and_, exists, insert, select

from digestmail.model import Change, ChangeKind, DeliveryStatus, Issue, Paper, Subscriber
from digestmail.storage import tables
from digestmail.storage.database import CHUNK, Database, rows_by_id
from digestmail.storage.intake import paper_of

#: in one issue; what is left is told in the next
MOST_TOLD = 10
#: what is older is no news: whoever turns follow-ups on is not sent the past
NEWS_FOR = timedelta(days=30)

_change, _followup, _ledger, _delivery = tables.change, tables.followup, tables.ledger, tables.delivery
_subscriber, _paper = tables.subscriber, tables.paper
_NOT_SENT = (DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)
_IS_TOLD = exists().where(_followup.c.subscriber_id == _ledger.c.subscriber_id, _followup.c.change_id == _change.c.id)


@dataclass(frozen=True, slots=True)
class Told:
    """One change of a paper, and the issue that tells a reader of it."""

    kind: ChangeKind
    at: datetime
    #: when the issue was planned, and its day; None while no issue tells it
    planned_at: datetime | None
    slot: date | None


class Followups:
    """Reads only: they are written with the delivery that tells them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, subscribers: Sequence[Subscriber], now: datetime) -> dict[str, tuple[Change, ...]]:
        """uid → what that subscriber is to be told next: withdrawals first, then the oldest news.

        A paper is theirs when its delivery is sent or on its way. What had happened before that was planned is in it.
        """
        found: dict[str, list[Row[Any]]] = defaultdict(list)
        with self._database.read() as connection:
            if not connection.execute(select(_change.c.id).where(_change.c.at > now - NEWS_FOR).limit(1)).first():
                return {}
            for start in range(0, len(subscribers), CHUNK):
                uids = [subscriber.uid for subscriber in subscribers[start : start + CHUNK]]
                for row in connection.execute(_pending(uids, now)):
                    found[row.uid].append(row)
            chosen = {uid: _first(rows) for uid, rows in found.items()}
            changes = _changes(connection, {number for numbers in chosen.values() for number in numbers})
        return {uid: tuple(changes[number] for number in numbers) for uid, numbers in chosen.items()}

    def told(self, email: str, key: str) -> list[Told]:
        """What happened to a paper since it was promised to this subscriber, oldest first, and who tells them."""
        telling = _delivery.alias()
        query = (
            select(_change.c.kind, _change.c.at, telling.c.planned_at, telling.c.slot)
            .join(_paper, _paper.c.id == _change.c.paper_id)
            .join(_ledger, _ledger.c.paper_id == _paper.c.id)
            .join(_subscriber, _subscriber.c.id == _ledger.c.subscriber_id)
            .join(_delivery, _delivery.c.id == _ledger.c.delivery_id)
            .outerjoin(
                _followup,
                and_(_followup.c.subscriber_id == _subscriber.c.id, _followup.c.change_id == _change.c.id),
            )
            .outerjoin(telling, telling.c.id == _followup.c.delivery_id)
            .where(_paper.c.key == key, _subscriber.c.email_key == email.lower())
            .where(_change.c.at > _delivery.c.planned_at)
            .order_by(_change.c.id)
        )
        with self._database.read() as connection:
            return [Told(ChangeKind(row.kind), row.at, row.planned_at, row.slot) for row in connection.execute(query)]


def _pending(uids: Sequence[str], now: datetime) -> Any:
    return (
        select(_subscriber.c.uid, _change.c.id, _change.c.kind)
        .select_from(_subscriber)
        .join(_ledger, _ledger.c.subscriber_id == _subscriber.c.id)
        .join(_change, _change.c.paper_id == _ledger.c.paper_id)
        .join(_delivery, _delivery.c.id == _ledger.c.delivery_id)
        .where(_subscriber.c.uid.in_(uids), _change.c.at > now - NEWS_FOR, _change.c.at > _delivery.c.planned_at)
        # most papers of a reader did not change: known from the ledger's index alone, without a look at anything else
        .where(_ledger.c.paper_id.in_(select(_change.c.paper_id).where(_change.c.at > now - NEWS_FOR)))
        .where(_delivery.c.status.not_in(_NOT_SENT), ~_IS_TOLD)
    )


def _first(rows: Iterable[Row[Any]]) -> list[int]:
    ordered = nsmallest(MOST_TOLD, ((row.kind != ChangeKind.WITHDRAWN, row.id) for row in rows))
    return [number for _, number in ordered]


def _changes(connection: Connection, numbers: Iterable[int]) -> dict[int, Change]:
    """What readers share is read once."""
    rows = list(rows_by_id(connection, _change, numbers))
    papers = {row["id"]: paper_of(row) for row in rows_by_id(connection, _paper, {row["paper_id"] for row in rows})}
    return {row["id"]: change_of(row, papers[row["paper_id"]]) for row in rows}


def change_of(row: RowMapping, paper: Paper) -> Change:
    """The change of a row."""
    return Change(row["id"], paper, ChangeKind(row["kind"]), row["at"], row["before"], row["after"])


def win(connection: Connection, issue: Issue, subscriber_id: int) -> Issue:
    """The issue without the changes that another delivery tells this subscriber of."""
    if not issue.followups:
        return issue
    theirs = select(_followup.c.change_id).where(
        _followup.c.subscriber_id == subscriber_id, _followup.c.change_id.in_([one.id for one in issue.followups])
    )
    told = set(connection.execute(theirs).scalars())
    return replace(issue, followups=tuple(change for change in issue.followups if change.id not in told))


def keep(connection: Connection, changes: Iterable[Change], subscriber_id: int, delivery_id: int) -> None:
    """Promise that a delivery tells of these: the primary key lets no other one do it again."""
    rows: list[Mapping[str, int]] = [
        {"subscriber_id": subscriber_id, "change_id": change.id, "delivery_id": delivery_id} for change in changes
    ]
    if rows:
        connection.execute(insert(_followup), rows)
