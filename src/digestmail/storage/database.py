"""Opening the database, and what a transaction is."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, RowMapping, Table, create_engine, event, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from digestmail.errors import StoreError
from digestmail.storage.filesystem import refuse_network
from digestmail.storage.tables import SCHEMA_VERSION

#: values in one statement; SQLite takes 32,766
CHUNK = 500

_PROBLEMS = 20  # told at most

_BUSY_TIMEOUT_MS = 30_000
# nothing is sent when less than this is free: a result that cannot be stored is one that nobody knows
_LEAST_ROOM = 16 << 20
# WAL loses nothing and blocks no reader, but before 3.51.3 two connections that write and checkpoint at once can
# corrupt the file
_WAL_IS_SAFE = (3, 51, 3)


class Database:
    """An open database whose tables are up to date.

    ``write`` transactions take the lock when they begin (BEGIN IMMEDIATE on SQLite): a transaction that reads first and
    writes later fails at once when another has written in between, and no time-out helps it.
    """

    def __init__(self, url: str) -> None:
        """Open, and create or upgrade the tables. Raises StoreError."""
        self.url = url
        self._rehearsing: Connection | None = None
        with self._translating():
            self._engine = _engine(url)
            with self._engine.connect() as connection:
                version = _version(connection)
            if version != SCHEMA_VERSION:
                _upgrade(self._engine, version)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that changes nothing."""
        with self._translating():
            if self._rehearsing:
                yield self._rehearsing
            else:
                with self._engine.begin() as connection:
                    yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block, or changes nothing when the block raises."""
        with self._translating():
            if self._rehearsing:
                with self._rehearsing.begin_nested():
                    yield self._rehearsing
            else:
                with self._engine.connect().execution_options(immediate=True) as connection, connection.begin():
                    yield connection

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Everything in this block is seen by the block and by nobody else, and undone at its end."""
        with self._translating(), self._engine.connect().execution_options(immediate=True) as connection:
            transaction = connection.begin()
            self._rehearsing = connection
            try:
                yield
            finally:
                self._rehearsing = None
                transaction.rollback()

    @cached_property
    def path(self) -> Path | None:
        """The file of an SQLite database."""
        parsed = sqlalchemy.make_url(self.url)
        if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
            return None
        return Path(str(parsed.database))

    def check_room(self) -> None:
        """Raises StoreError when the disk of an SQLite database is nearly full."""
        if self.path is None:
            return
        found = os.statvfs(self.path.parent)
        free = found.f_bavail * found.f_frsize
        if free < _LEAST_ROOM:
            raise StoreError(
                f"store {_shown(self.url)}: the disk is nearly full ({free >> 20} MB free, "
                f"{_LEAST_ROOM >> 20} needed): nothing is sent until there is room"
            )

    def problems(self) -> list[str]:
        """What the database finds wrong: damaged pages and rows that point nowhere, or settings that lose commits."""
        sqlite = sqlalchemy.make_url(self.url).get_backend_name() == "sqlite"
        with self.read() as connection:
            return list(_sqlite_problems(connection) if sqlite else _postgresql_problems(connection))

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StoreError(f"store {_shown(self.url)}: {_reason(error)}") from error


def committing(connection: Connection) -> Callable[[], None]:
    """What commits the transaction of a ``write`` block early; the end of the block finds nothing left to do."""
    transaction = connection.get_nested_transaction() or connection.get_transaction()
    assert transaction is not None, "a write block is a transaction"
    return transaction.commit


def rows_by_id(connection: Connection, table: Table, ids: Iterable[int]) -> Iterator[RowMapping]:
    """The rows with these ids, each once, in the order of the ids."""
    distinct = sorted(set(ids))
    for start in range(0, len(distinct), CHUNK):
        query = select(table).where(table.c.id.in_(distinct[start : start + CHUNK])).order_by(table.c.id)
        yield from connection.execute(query).mappings()


def _sqlite_problems(connection: Connection) -> Iterator[str]:
    for (told,) in connection.execute(text(f"PRAGMA quick_check({_PROBLEMS})")):
        if told != "ok":
            yield f"damaged: {told}"
    for table, row, parent, _ in list(connection.execute(text("PRAGMA foreign_key_check")))[:_PROBLEMS]:
        yield f"row {row} of {table} points to a row of {parent} that is not there"


def _postgresql_problems(connection: Connection) -> Iterator[str]:
    for setting in ("fsync", "synchronous_commit"):
        if connection.execute(text(f"SHOW {setting}")).scalar() == "off":
            yield f"{setting} is off: a power cut loses what was committed"


def _engine(url: str) -> Engine:
    parsed = sqlalchemy.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    options: dict[str, Any] = {}
    if parsed.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
    else:
        path = Path(str(parsed.database))
        refuse_network(path)
        _create_private(path)
        # who comes next takes the connection that was used last: it still has the pages in its cache, and those of the
        # others are outdated by every transaction
        options["pool_use_lifo"] = True
    engine = create_engine(parsed, **options)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_private(path: Path) -> None:
    """Addresses are in there: only the owner may read the file."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"store {path}: {error.strerror}") from error


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says, not where the driver guesses
    journal = "WAL" if sqlite3.sqlite_version_info >= _WAL_IS_SAFE else "TRUNCATE"
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        f"journal_mode = {journal}",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(engine: Engine, version: str | None) -> None:
    # imported here: every command opens the store, few need to migrate it
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StoreError(
            f"store {_shown(str(engine.url))}: written by a newer digestmail (schema {version}); upgrade this one"
        )
    with engine.connect().execution_options(immediate=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _shown(url: str) -> str:
    return sqlalchemy.make_url(url).render_as_string(hide_password=True)


def _reason(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return " ".join(str(original).split())
