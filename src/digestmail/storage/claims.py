"""Sending, as the database sees it: who may send what, what was dared, what came of it.

A delivery that waits has ``next_at``, one that is being sent has owner and ``lease_until``, and ``fence`` grows with
every claim: only who holds the newest claim may go on. What cannot be taken back (the final dot, the link of a file) is
committed first. So whatever kills whomever and whenever, what is found tells what can have happened:

=====================================  ==========================================
found                                  it follows
=====================================  ==========================================
waiting                                nothing was tried, or it was refused for now
being sent, not committed, owner dead  nothing was accepted: it waits again
being sent, committed, owner dead      ambiguous: perhaps it was accepted
=====================================  ==========================================

The owner is alive and only slow? Then it finds its fence outdated before it commits. Transactions and crash points:
``docs/explanation/delivery.md``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, not_, select, update

from digestmail.errors import StoreError
from digestmail.model import LETTER_LIFE, AttemptEvent, Delivery, DeliveryKind, DeliveryStatus
from digestmail.storage import owners, tables
from digestmail.storage.claimed import ASKED, REACHED, Waiting
from digestmail.storage.database import Database, committing
from digestmail.storage.journal import Journal
from digestmail.storage.plans import Shelf
from digestmail.storage.statements import statements

#: longer than all deadlines of SMTP together; a commitment begins it anew
LEASE = timedelta(minutes=30)
#: deliveries that kill the process that sends them are set aside after so many
MOST_CRASHES = 3
#: an end that nobody knows is tried once more, never twice
MOST_AMBIGUOUS = 1

_delivery, _subscriber = tables.delivery, tables.subscriber
# the status is looked at afterwards: asked for here, SQLite goes through all that are being sent
_CLAIMED = (
    select(_delivery.c.id, _delivery.c.fence, _delivery.c.status)
    .where(_delivery.c.id.in_(bindparam("ids", expanding=True)))
    .with_for_update()
)
_RESULT = ("of", "status", "code", "note", "attempts", "ambiguous")
_WAITING = (DeliveryStatus.PLANNED, DeliveryStatus.DEFERRED)
_AMBIGUOUS = "no answer after the last dot: accepted or not, nobody knows"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claimed delivery."""

    delivery: Delivery
    status: DeliveryStatus
    event: AttemptEvent
    code: str = ""
    note: str = ""
    #: when it is due again; only for ``deferred``
    next_at: datetime | None = None
    #: false when it is given back untried
    tried: bool = True


@dataclass(frozen=True, slots=True)
class Commitment:
    """A claimed delivery whose next step cannot be taken back."""

    delivery: Delivery
    #: of the content, as in ``Delivery``
    digest: str


@dataclass(slots=True)
class Turn:
    """What one transaction brought."""

    #: makes all of it durable, and does nothing else; the end of the block does the rest
    commit: Callable[[], None] = field(repr=False)
    claimed: list[Delivery] = field(default_factory=list)
    #: ids of deliveries that others have claimed since: nothing was changed
    lost: set[int] = field(default_factory=set)


class Claims:
    """Claims, commitments, results. One pass at a time in a process, any number of processes at once."""

    def __init__(self, database: Database, shelf: Shelf, journal: Journal, owner: str | None = None) -> None:
        """``owner`` names the process that claims, by default this one."""
        self._database, self._waiting, self._journal = database, Waiting(database, shelf), journal
        self._owner = owner or owners.this_process()

    def turn(self, now: datetime, **asked: Any) -> Turn:
        """``open_turn``, and durable when it returns."""
        with self.open_turn(now, **asked) as turn:
            return turn

    @contextmanager
    def open_turn(
        self,
        now: datetime,
        *,
        settlements: Sequence[Settlement] = (),
        commitments: Sequence[Commitment] = (),
        wanted: int = 0,
        due: datetime | None = None,
        only: str | None = None,
        letters: bool = False,
    ) -> Iterator[Turn]:
        """Settle, commit and claim in one transaction: many lanes share the cost of making it durable.

        Up to ``wanted`` deliveries are claimed that are due at ``due`` (by default now), the longest waiting first, to
        those who want them, or to the one with the address ``only``; with ``letters``, no issues. All of it is durable
        after ``Turn.commit``, which another thread may call, and at the latest when the block has ended. Raises
        StoreError, and then nothing has happened.
        """
        if wanted:
            self._database.check_room()
        with self._database.write() as connection:
            turn = Turn(commit=committing(connection))
            asked: list[Settlement | Commitment] = [*settlements, *commitments]
            turn.lost = _lost(connection, asked)
            _settle(connection, [one for one in settlements if one.delivery.id not in turn.lost], now)
            _commit(connection, [one for one in commitments if one.delivery.id not in turn.lost], now)
            _log(connection, [_event(one, turn.lost) for one in asked], now)
            if wanted:
                found = self._waiting.find(
                    connection, wanted, due=due or now, only=(only or "").lower(), letters=letters
                )
                turn.claimed = self._take(connection, found, now)
            yield turn

    def _take(self, connection: Connection, claimed: list[Delivery], now: datetime) -> list[Delivery]:
        if claimed:
            rows = [(delivery.id, delivery.fence) for delivery in claimed]
            take = statements(connection.dialect).take
            take.run(connection, ("of", "fence"), rows, by=self._owner, until=now + LEASE)
        return claimed

    def recover(self, now: datetime, *, expires_after: timedelta, resend: bool) -> None:
        """Put in order what others have left behind, before a pass begins.

        Results that wait in the journal are stored; what dead processes were sending waits again, is held, or is
        ambiguous (with ``resend`` tried once more, else held); what waits for people who do not want it any more is
        cancelled; what has waited for longer than ``expires_after``, or a letter for longer than it is good, has
        failed.
        """
        self._replay(now)
        with self._database.write() as connection:
            _reap(connection, now, lambda row: row.owner == self._owner or _is_over(row, now), resend=resend)
            _cancel_of_those_who_left(connection, now)
            _expire(connection, now, expires_after)

    def hurry(self, now: datetime, *, within: timedelta, only: str | None = None) -> None:
        """What would be due ``within`` this time is due now; what a server wants later than that waits."""
        change = update(_delivery).where(
            _delivery.c.status == DeliveryStatus.DEFERRED,
            _delivery.c.next_at > now,
            _delivery.c.next_at <= now + within,
        )
        if only:
            mine = select(_subscriber.c.id).where(_subscriber.c.email_key == only.lower())
            change = change.where(_delivery.c.subscriber_id.in_(mine))
        with self._database.write() as connection:
            connection.execute(change.values(next_at=now))

    def decide(self, delivery: Delivery, status: DeliveryStatus, now: datetime, *, note: str) -> None:
        """What a person has decided about a delivery that nobody is sending."""
        with self._database.write() as connection:
            # whoever says "again" knows that nobody has it: then it need not be the same to the byte
            _move(connection, delivery.id, status, now, note=note, crashes=0, digest=None)
            _log(connection, [(delivery.id, 0, AttemptEvent.RESOLVED, "", note)], now)

    def renew(self, delivery: Delivery, generation: int, message_id: str, now: datetime) -> None:
        """Make a finished delivery wait again, as another message."""
        fresh = {"attempts": 0, "crashes": 0, "ambiguous": 0, "digest": None, "code": ""}
        note = f"generation {generation}, instead of {delivery.message_id}".rstrip()
        with self._database.write() as connection:
            identity = {"generation": generation, "message_id": message_id}
            _move(connection, delivery.id, DeliveryStatus.PLANNED, now, note="", **fresh, **identity)
            _log(connection, [(delivery.id, 0, AttemptEvent.RESENT, "", note)], now)

    def reserve(self) -> None:
        """Make sure of the room that ``remember`` needs. Raises StoreError."""
        try:
            self._journal.reserve()
        except OSError as error:
            raise StoreError(f"store: no room for a journal: {error.strerror}") from error

    def remember(self, settlements: Iterable[Settlement], now: datetime) -> None:
        """Keep results that the database does not take; ``recover`` stores them. Raises StoreError."""
        results = [
            {
                "id": one.delivery.id,
                "fence": one.delivery.fence,
                "status": one.status,
                "event": one.event,
                "code": one.code,
                "note": one.note,
                "at": now.isoformat(),
            }
            for one in settlements
        ]
        try:
            self._journal.append(results)
        except OSError as error:
            raise StoreError(f"store: the journal cannot be written: {error.strerror}") from error

    def close_journal(self) -> None:
        """Nothing waits in it: it need not lie about until the next pass."""
        if not self._journal.read():
            self._journal.clear()

    def _replay(self, now: datetime) -> None:
        results = self._journal.read()
        if results:
            with self._database.write() as connection:
                for result in results:
                    _store_result(connection, result, now)
        self._journal.clear()


def _lost(connection: Connection, wanted: Sequence[Settlement | Commitment]) -> set[int]:
    """Ids of deliveries whose claim is not the newest one any more."""
    if not wanted:
        return set()
    found = connection.execute(_CLAIMED, {"ids": sorted({one.delivery.id for one in wanted})})
    newest = {row.id: row.fence for row in found if row.status == DeliveryStatus.SENDING}
    return {one.delivery.id for one in wanted if newest.get(one.delivery.id) != one.delivery.fence}


def _settle(connection: Connection, settlements: Sequence[Settlement], now: datetime) -> None:
    known = statements(connection.dialect)
    ended = [_result(one) for one in settlements if one.status not in _WAITING]
    if ended:
        known.settle.run(connection, _RESULT, ended, settled_at=now)
    waiting = [(*_result(one), one.next_at) for one in settlements if one.status in _WAITING]
    if waiting:
        known.put_off.run(connection, (*_RESULT, "next_at"), waiting, settled_at=None)


def _result(one: Settlement) -> tuple[Any, ...]:
    attempts = one.delivery.attempts - (not one.tried)
    ambiguous = one.delivery.ambiguous + (one.event is AttemptEvent.AMBIGUOUS)
    return one.delivery.id, one.status, one.code, one.note, attempts, ambiguous


def _commit(connection: Connection, commitments: Sequence[Commitment], now: datetime) -> None:
    if not commitments:
        return
    rows = [(one.delivery.id, one.digest) for one in commitments]
    statements(connection.dialect).commit.run(connection, ("of", "digest"), rows, until=now + LEASE)


def _log(connection: Connection, events: Iterable[tuple[int, int, AttemptEvent, str, str]], now: datetime) -> None:
    rows = list(events)
    if rows:
        statements(connection.dialect).log.run(connection, ("of", "fence", "event", "code", "note"), rows, at=now)


def _event(one: Settlement | Commitment, lost: set[int]) -> tuple[int, int, AttemptEvent, str, str]:
    number, fence = one.delivery.id, one.delivery.fence
    if number in lost:
        return number, fence, AttemptEvent.STALE, "", "another process has taken over"
    if isinstance(one, Commitment):
        return number, fence, AttemptEvent.COMMITTED, "", ""
    return number, fence, one.event, one.code, one.note


def _is_over(row: Row[Any], now: datetime) -> bool:
    return bool(row.lease_until < now or (row.owner and owners.is_dead(row.owner)))


def _reap(connection: Connection, now: datetime, is_over: Any, *, resend: bool) -> None:
    sending = select(_delivery).where(
        _delivery.c.status == DeliveryStatus.SENDING, _delivery.c.lease_until.is_not(None)
    )
    for row in connection.execute(sending.with_for_update(skip_locked=True)).all():
        if not is_over(row):
            continue
        if row.committed:
            again = resend and row.ambiguous < MOST_AMBIGUOUS
            status = DeliveryStatus.DEFERRED if again else DeliveryStatus.HELD
            event, note, changes = AttemptEvent.AMBIGUOUS, _AMBIGUOUS, {"ambiguous": row.ambiguous + 1}
        else:
            poison = row.crashes + 1 >= MOST_CRASHES
            status = DeliveryStatus.HELD if poison else DeliveryStatus.DEFERRED
            event, note = (
                AttemptEvent.CRASHED,
                f"the process that was sending it ended ({row.crashes + 1} times so far)",
            )
            changes = {"crashes": row.crashes + 1}
        _move(connection, row.id, status, now, note=note, **changes)
        _log(connection, [(row.id, row.fence, event, "", note)], now)


def _move(connection: Connection, number: int, status: DeliveryStatus, now: datetime, **changes: object) -> None:
    """A delivery that nobody is sending any more."""
    waits = status in _WAITING
    rest = {"owner": None, "lease_until": None, "committed": False, "next_at": now if waits else None}
    ended = {"settled_at": None if waits else now}
    connection.execute(
        update(_delivery).where(_delivery.c.id == number).values(status=status, **rest, **ended, **changes)
    )


def _cancel_of_those_who_left(connection: Connection, now: datetime) -> None:
    is_question = _delivery.c.kind == DeliveryKind.CONFIRM
    for kind, wanted, note in ((not_(is_question), REACHED, "no longer subscribed"), (is_question, ASKED, "answered")):
        others = select(_subscriber.c.id).where(_subscriber.c.status.not_in(wanted))
        query = select(_delivery.c.id, _delivery.c.fence).where(
            _delivery.c.next_at.is_not(None), _delivery.c.status.in_(_WAITING), _delivery.c.subscriber_id.in_(others)
        )
        _end_all(connection, query.where(kind), DeliveryStatus.CANCELLED, AttemptEvent.CANCELLED, note, now)


def _expire(connection: Connection, now: datetime, expires_after: timedelta) -> None:
    is_issue = _delivery.c.kind == DeliveryKind.ISSUE
    for kind, life, statuses in (
        (is_issue, expires_after, (DeliveryStatus.DEFERRED,)),
        (not_(is_issue), LETTER_LIFE, _WAITING),
    ):
        query = select(_delivery.c.id, _delivery.c.fence).where(
            _delivery.c.next_at.is_not(None), _delivery.c.status.in_(statuses), _delivery.c.planned_at < now - life
        )
        note = f"expired: not delivered within {life.days} days"
        _end_all(connection, query.where(kind), DeliveryStatus.FAILED, AttemptEvent.EXPIRED, note, now)


def _end_all(
    connection: Connection, query: Any, status: DeliveryStatus, event: AttemptEvent, note: str, now: datetime
) -> None:
    rows = connection.execute(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        _move(connection, row.id, status, now, note=note)
    _log(connection, [(row.id, row.fence, event, "", note) for row in rows], now)


def _store_result(connection: Connection, result: Mapping[str, Any], now: datetime) -> None:
    """One line of the journal; what has been settled otherwise since is left alone."""
    query = select(_delivery.c.id).where(
        _delivery.c.id == result["id"],
        _delivery.c.fence == result["fence"],
        _delivery.c.status == DeliveryStatus.SENDING,
    )
    if connection.execute(query).scalar() is None:
        return
    status, event = DeliveryStatus(result["status"]), AttemptEvent(result["event"])
    ambiguous = {"ambiguous": _delivery.c.ambiguous + 1} if event is AttemptEvent.AMBIGUOUS else {}
    at = datetime.fromisoformat(result["at"])
    _move(
        connection,
        result["id"],
        status,
        at if status not in _WAITING else now,
        code=result["code"],
        note=result["note"],
        **ambiguous,
    )
    _log(connection, [(result["id"], result["fence"], event, result["code"], result["note"])], at)
