"""Subscribers: addresses and profiles. A profile is keywords, gate, and the opinions that ``feedback`` keeps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from digestmail.model import Cadence, Gate, Origin, Profile, Subscriber, SubscriberStatus
from digestmail.ranking.profile import format_keywords, parse_keywords
from digestmail.storage import tables
from digestmail.storage.database import CHUNK, Database
from digestmail.storage.feedback import Kind, Opinion, opinions_of

#: the domain of readers who were erased: no mail can go there (RFC 6761), and nobody has it
ERASED = "@erased.invalid"
_FIXED = ("uid", "email", "email_key", "created_at", "token_version")
_NOT_ERASED = tables.subscriber.c.email_key.not_like(f"%{ERASED}")


class Subscribers:
    """Subscribers by address."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, email: str) -> Subscriber | None:
        """The subscriber with this (normalised) address, whatever the case of its letters."""
        return self.find_all([email]).get(email.lower())

    def by_uid(self, uid: str) -> Subscriber | None:
        """The subscriber with this uid."""
        with self._database.read() as connection:
            query = select(tables.subscriber).where(tables.subscriber.c.uid == uid)
            return next(iter(subscribers_of(connection, connection.execute(query).mappings().all())), None)

    def find_all(self, emails: Iterable[str]) -> dict[str, Subscriber]:
        """Those of these addresses that are known, by their address in lower case."""
        keys = list(dict.fromkeys(email.lower() for email in emails))
        found: list[RowMapping] = []
        with self._database.read() as connection:
            for start in range(0, len(keys), CHUNK):
                query = select(tables.subscriber).where(tables.subscriber.c.email_key.in_(keys[start : start + CHUNK]))
                found += connection.execute(query).mappings()
            return {subscriber.email.lower(): subscriber for subscriber in subscribers_of(connection, found)}

    def all(self, status: SubscriberStatus | None = None, origin: Origin | None = None) -> list[Subscriber]:
        """Everyone, or everyone of one status or origin, in the order they came."""
        query = select(tables.subscriber).where(_NOT_ERASED).order_by(tables.subscriber.c.id)
        if status:
            query = query.where(tables.subscriber.c.status == status)
        if origin:
            query = query.where(tables.subscriber.c.origin == origin)
        with self._database.read() as connection:
            return subscribers_of(connection, connection.execute(query).mappings().all())

    def page(
        self, words: str = "", status: SubscriberStatus | None = None, *, limit: int, offset: int = 0
    ) -> tuple[list[Subscriber], int]:
        """A page of those whose address holds ``words``, last come first, and how many there are."""
        subscriber = tables.subscriber.c
        wanted = [subscriber.email_key.contains(words.lower(), autoescape=True)] if words else []
        wanted += [subscriber.status == status] if status else []
        query = select(tables.subscriber).where(*wanted).order_by(subscriber.id.desc()).limit(limit).offset(offset)
        with self._database.read() as connection:
            found = subscribers_of(connection, connection.execute(query).mappings().all())
            counted = select(func.count()).select_from(tables.subscriber).where(*wanted)
            return found, connection.execute(counted).scalar_one()

    def count_by_status(self) -> dict[SubscriberStatus, int]:
        """How many subscribers there are in each status."""
        query = select(tables.subscriber.c.status, func.count()).where(_NOT_ERASED)
        with self._database.read() as connection:
            return {
                SubscriberStatus(status): count
                for status, count in connection.execute(query.group_by(tables.subscriber.c.status))
            }

    def put(self, subscribers: Iterable[Subscriber]) -> None:
        """Insert or replace by address.

        A known address keeps its ``uid``, which the ledger hangs on, ``created_at``, its opinions, which only
        ``Feedback`` changes, and its ``token_version``, which only ``revoke_links`` does.
        """
        table = tables.subscriber
        with self._database.write() as connection:
            for subscriber in subscribers:
                values = values_of(subscriber)
                changes = {name: value for name, value in values.items() if name not in _FIXED}
                same = table.c.email_key == values["email_key"]
                done = connection.execute(update(table).where(same).values(**changes))
                if not done.rowcount:
                    connection.execute(insert(table).values(**values))

    def change(self, subscriber: Subscriber, *names: str, only: Sequence[SubscriberStatus]) -> bool:
        """Set some columns to what ``subscriber`` has, while their status is one of ``only``; False when it is not.

        What others change at the same time stays: whoever unsubscribes is not brought back by who saves a profile.
        """
        table, values = tables.subscriber, values_of(subscriber)
        same = (table.c.uid == subscriber.uid, table.c.status.in_(only))
        with self._database.write() as connection:
            changed = update(table).where(*same).values(**{name: values[name] for name in names})
            return bool(connection.execute(changed).rowcount)

    def revoke_links(self, uid: str) -> None:
        """Make all links worthless that were made for this subscriber until now."""
        table = tables.subscriber
        with self._database.write() as connection:
            raised = update(table).where(table.c.uid == uid).values(token_version=table.c.token_version + 1)
            connection.execute(raised)


def values_of(subscriber: Subscriber) -> dict[str, Any]:
    """The row of a subscriber, but for its number."""
    return {
        "uid": subscriber.uid,
        "email": subscriber.email,
        "email_key": subscriber.email.lower(),
        "keywords": format_keywords(subscriber.profile),
        "gate": subscriber.profile.gate,
        "cadence": str(subscriber.cadence),
        "timezone": subscriber.timezone,
        "max_papers": subscriber.max_papers,
        "language": subscriber.language,
        "status": subscriber.status,
        "origin": subscriber.origin,
        "created_at": subscriber.created_at,
        "token_version": subscriber.token_version,
        "paused_until": subscriber.paused_until,
        "paused_at": subscriber.paused_at,
    }


def subscribers_of(connection: Connection, rows: Sequence[RowMapping]) -> list[Subscriber]:
    """The subscribers of these rows, in their order, with the papers they liked and disliked."""
    opinions = opinions_of(connection, (row["id"] for row in rows))
    return [subscriber_of(row, opinions.get(row["id"], ())) for row in rows]


def subscriber_of(row: Mapping[str, Any] | RowMapping, opinions: Sequence[Opinion]) -> Subscriber:
    """The subscriber of a row."""
    return Subscriber(
        uid=row["uid"],
        email=row["email"],
        profile=_profile_of(row, opinions),
        cadence=Cadence.parse(row["cadence"]),
        timezone=row["timezone"],
        max_papers=row["max_papers"],
        language=row["language"],
        status=SubscriberStatus(row["status"]),
        origin=Origin(row["origin"]),
        created_at=row["created_at"],
        token_version=row["token_version"],
        paused_until=row["paused_until"],
        paused_at=row["paused_at"],
    )


def _profile_of(row: Mapping[str, Any] | RowMapping, opinions: Sequence[Opinion]) -> Profile:
    liked, disliked = (tuple(one.paper for one in opinions if one.kind is kind) for kind in Kind)
    return replace(parse_keywords(row["keywords"]), gate=Gate(row["gate"]), liked=liked, disliked=disliked)
