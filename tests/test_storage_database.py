"""Opening a store."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from builders import NOON, paper, subscriber
from digestmail.errors import StoreError
from digestmail.model import DeliveryStatus, Evidence, Gate, Profile
from digestmail.ranking.profile import parse_keyword
from digestmail.storage import database, tables
from digestmail.storage.store import Store


def test_the_migrations_build_just_the_tables_of_the_code(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    Store(url).close()
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        # SQLite keeps a full-text index in tables of its own
        ours = {
            "compare_type": True,
            "include_name": lambda name, _kind, _parents: not str(name).startswith("paper_text"),
        }
        context = MigrationContext.configure(connection, opts=ours)
        differences = compare_metadata(context, tables.metadata)
    engine.dispose()
    assert differences == []


def test_the_schema_version_is_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert scripts.get_current_head() == tables.SCHEMA_VERSION


def first_version(path: Path) -> None:
    """A store as the first version left it: its own migration, and rows as it wrote them."""
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    match = '{"keyword": "pruning", "field": "title", "text": "Pruning", "count": 1, "points": 3.0, "spans": [[0, 7]]}'
    planned = f'{{"id": 1, "score": 3.0, "upvotes": 4, "comments": null, "matches": [{match}]}}'
    receipt = '{"candidates": 1, "matched": 1, "excluded": 0, "shown": 1}'
    noon = "2026-06-30 12:00:00.000000"
    keywords = r"""["pruning^2", "attention [MASK]", "\"[MASK] token\"", "-[x] survey", "author:Tri Dao"]"""
    file = sqlite3.connect(path)
    with file:
        file.executescript(
            f"""
            INSERT INTO paper (id, key, title, abstract, authors, categories, source, sample, first_seen)
                VALUES (1, 'arxiv:2606.00001', 'Pruning', 'We prune.', '["A"]', '[]', 's', 0, '{noon}');
            INSERT INTO paper_identity VALUES ('arxiv:2606.00001', 1);
            INSERT INTO paper (id, key, title, abstract, authors, categories, source, sample, first_seen)
                VALUES (2, 'title:old', 'Mem$^{{\\rm 3}}$', '', '[]', '[]', 's', 0, '{noon}');
            INSERT INTO paper_identity VALUES ('title:old', 2);
            INSERT INTO subscriber VALUES (1, 'uid-1', 'ann@example.org', 'ann@example.org', '{keywords}', 'daily',
                'UTC', 5, 'active', 'store', '{noon}');
            INSERT INTO subscriber VALUES (2, 'uid-2', 'bob@example.org', 'bob@example.org', '[]', 'weekly:fri',
                'UTC', NULL, 'unsubscribed', 'config', '{noon}');
            INSERT INTO delivery (id, subscriber_id, slot, status, plan, planned_at, attempts, fence, note)
                VALUES (1, 1, '2026-06-30', 'planned', '{{"papers": [{planned}], "receipt": {receipt}}}',
                '{noon}', 0, 0, '');
            INSERT INTO ledger VALUES (1, 1, 1);
            INSERT INTO fetch VALUES (1, 's', '{noon}', 1, 1, 0, '');
            """
        )
    file.close()


def test_a_store_of_the_first_version_opens_with_all_that_was_in_it(tmp_path: Path) -> None:
    first_version(tmp_path / "x.db")
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    ann, bob = store.subscribers.all()
    assert (ann.uid, ann.max_papers, ann.profile.gate) == ("uid-1", 5, Gate.NORMAL)
    assert (str(bob.cadence), bob.status, bob.profile) == ("weekly:fri", "unsubscribed", Profile())
    [delivery] = store.deliveries.find(DeliveryStatus.PLANNED)
    [planned] = delivery.papers
    assert (planned.topic, [place.evidence for match in planned.matches for place in match.places]) == (
        "",
        [Evidence.EXACT],
    )
    assert (planned.paper.title, planned.matches[0].places[0].spans) == ("Pruning", ((0, 7),))
    assert store.deliveries.promised([ann, bob], NOON) == {"uid-1": {"arxiv:2606.00001"}}
    assert [fetched.new for fetched in store.fetches.latest()] == [1]
    store.close()


def test_the_table_of_deliveries_is_built_anew_and_nothing_points_nowhere(tmp_path: Path) -> None:
    first_version(tmp_path / "x.db")
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    assert store.problems() == []
    store.close()
    slot = "INSERT INTO delivery (subscriber_id, slot, kind, status, planned_at, attempts, fence, note) VALUES "
    row = "(1, '2026-06-30', ?, 'planned', '2026-06-30 12:00:00.000000', 0, 0, '')"
    with closing(sqlite3.connect(tmp_path / "x.db")) as file:
        file.execute(slot + row, ("confirm",))
        with pytest.raises(sqlite3.IntegrityError):
            file.execute(slot + row, ("issue",))


def test_a_paper_of_the_first_version_with_tex_in_its_title_does_not_come_again(tmp_path: Path) -> None:
    first_version(tmp_path / "x.db")
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    assert store.corpus.add([paper("Mem³")], NOON) == 0
    again = store.corpus.find("title:old")
    assert again is not None
    assert again.title == "Mem³"
    store.close()


def test_subscribers_of_the_first_version_have_the_language_of_the_newsletter(tmp_path: Path) -> None:
    first_version(tmp_path / "x.db")
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    assert [one.language for one in store.subscribers.all()] == [None, None]
    store.subscribers.put([subscriber("ann@example.org", language="fr")])
    assert [one.language for one in store.subscribers.all()] == ["fr", None]
    store.close()


def test_brackets_in_keywords_of_the_first_version_do_not_become_topics(tmp_path: Path) -> None:
    first_version(tmp_path / "x.db")
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    expected = ["pruning^2", "attention MASK", '"[MASK] token"', "-x survey", "author:Tri Dao"]
    assert store.subscribers.all()[0].profile.keywords == tuple(map(parse_keyword, expected))
    store.close()


def test_an_upgraded_store_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    def schema(path: Path) -> set[str]:
        Store(f"sqlite:///{path}").close()
        connection = sqlite3.connect(path)
        inspector = connection.execute(
            "SELECT m.name, c.name, c.type, c.pk FROM sqlite_master m, pragma_table_info(m.name) c"
        )
        found = {str(row) for row in inspector}
        connection.close()
        return found

    first_version(tmp_path / "old.db")
    assert schema(tmp_path / "old.db") == schema(tmp_path / "new.db")


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


def test_transactions_find_the_pages_that_the_last_one_has_read(store: Store) -> None:
    # two that were open at once: each knows what it has read until the other one writes
    with store._database.read(), store._database.read():
        pass
    used = set()
    for _ in range(4):
        with store._database.write() as connection:
            used.add(id(connection.connection.dbapi_connection))
    assert len(used) == 1
