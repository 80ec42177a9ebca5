"""Opening a store."""

import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from builders import NOON, paper
from digestmail.errors import StoreError
from digestmail.storage import database, tables
from digestmail.storage.store import Store


def test_the_migrations_build_just_the_tables_of_the_code(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    Store(url).close()
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, tables.metadata)
    engine.dispose()
    assert differences == []


def test_the_schema_version_is_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert scripts.get_current_head() == tables.SCHEMA_VERSION


def test_only_the_owner_may_read_the_store(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path / 'x.db'}").close()
    assert stat.S_IMODE((tmp_path / "x.db").stat().st_mode) == 0o600


def test_a_store_opens_again_with_what_was_in_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    first = Store(url)
    first.corpus.add([paper("A")], NOON)
    first.close()
    second = Store(url)
    assert [one.title for one in second.corpus.newest()] == ["A"]
    second.close()


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no-such/x\.db: No such file or directory"):
        Store(f"sqlite:///{tmp_path / 'no-such' / 'x.db'}")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("these are my notes, not a database " * 20)
    with pytest.raises(StoreError, match="not a database"):
        Store(f"sqlite:///{path}")
    assert path.read_text().startswith("these are my notes")


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    Store(url).close()
    connection = sqlite3.connect(tmp_path / "x.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="written by a newer digestmail"):
        Store(url)


def test_a_failed_transaction_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(StoreError, match="constraint"), store._database.write() as connection:
        connection.execute(tables.paper_identity.insert().values(identity="x", paper_id=999))
    assert store.corpus.find("x") is None


def test_a_rehearsal_sees_its_own_writes_and_leaves_no_trace(store: Store) -> None:
    store.corpus.add([paper("Before")], NOON)
    with store.rehearsal():
        store.corpus.add([paper("Rehearsed")], NOON)
        assert store.corpus.count() == 2
    assert [one.title for one in store.corpus.newest()] == ["Before"]


def test_a_rehearsal_that_fails_leaves_no_trace_either(store: Store) -> None:
    def fail() -> None:
        with store.rehearsal():
            store.corpus.add([paper("Rehearsed")], NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.corpus.count() == 0
    assert store.corpus.add([paper("After")], NOON) == 1


def test_writes_are_synced_to_the_disk(store: Store) -> None:
    with store._database.read() as connection:
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        keys = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()
    full = 2
    assert (synchronous, keys) == (full, 1)
    assert journal == ("wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "truncate")
