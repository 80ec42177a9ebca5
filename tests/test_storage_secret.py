"""The secret that is made when none is configured."""

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digestmail.errors import StoreError
from digestmail.storage.secret import secret_beside, secret_file


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    database = tmp_path / "digestmail.db"
    first = secret_beside(database)
    assert len(bytes.fromhex(first.decode())) == 32
    assert secret_beside(database) == first
    assert secret_file(database) == tmp_path / "digestmail.db.secret"
    assert stat.S_IMODE(secret_file(database).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["digestmail.db.secret"]


def test_every_store_has_a_secret_of_its_own(tmp_path: Path) -> None:
    assert secret_beside(tmp_path / "a.db") != secret_beside(tmp_path / "b.db")


def test_all_who_come_first_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: secret_beside(tmp_path / "x.db"), range(64)))
    assert len(set(found)) == 1


def test_a_file_system_without_hard_links_serves_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert secret_beside(tmp_path / "x.db") == secret_beside(tmp_path / "x.db")


def test_a_secret_that_was_cut_short_is_not_replaced(tmp_path: Path) -> None:
    secret_file(tmp_path / "x.db").write_bytes(b"abc\n")
    with pytest.raises(StoreError, match="too short; restore it from a backup"):
        secret_beside(tmp_path / "x.db")
    assert secret_file(tmp_path / "x.db").read_bytes() == b"abc\n"


def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"secret .*missing/x.db.secret: No such file or directory"):
        secret_beside(tmp_path / "missing" / "x.db")
