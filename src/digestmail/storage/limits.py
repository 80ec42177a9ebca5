"""Who may do something only so often. Addresses are kept as keyed hashes, and no longer than they are needed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from digestmail.storage import tables

_limited = tables.limited.c


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so often within any window of this length."""

    most: int
    within: timedelta


def wait(connection: Connection, scope: str, digest: str, limit: Limit, now: datetime) -> timedelta:
    """How long until it may be done once more; zero: now."""
    begins = now - limit.within
    recent = select(_limited.at).where(_limited.scope == scope, _limited.digest == digest, _limited.at > begins)
    newest = list(connection.execute(recent.order_by(_limited.at.desc()).limit(limit.most)).scalars())
    return newest[-1] - begins if len(newest) >= limit.most else timedelta()


def count(connection: Connection, scope: str, digest: str, within: timedelta, now: datetime) -> int:
    """How often it was done."""
    query = select(func.count()).where(_limited.scope == scope, _limited.digest == digest, _limited.at > now - within)
    return connection.execute(query).scalar_one()


def note(connection: Connection, scope: str, digest: str, now: datetime) -> None:
    """It was done."""
    connection.execute(insert(tables.limited).values(scope=scope, digest=digest, at=now))


def forget(connection: Connection, before: datetime) -> None:
    """What is older limits nobody any more."""
    connection.execute(delete(tables.limited).where(_limited.at < before))
