"""Doctor's looks at template and store, and what becomes of a look that fails."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import NOON, papers, subscriber
from digestmail.errors import StoreError, TemplateError
from digestmail.newsletter.doctor import check_letters, check_store, check_template, examine
from digestmail.protocols import Check, State
from digestmail.rendering.compile import Templates
from digestmail.storage import filesystem
from digestmail.storage.store import Store

ROOT = Path(__file__).parents[1]


def test_a_look_that_fails_is_told_and_the_others_go_on() -> None:
    def fails() -> Iterator[Check]:
        yield Check(State.OK, "a", "begins well")
        raise StoreError("first line\nsecond line")

    good = Check(State.OK, "b", "good")
    assert list(examine({"a": fails, "b": lambda: [good]})) == [
        Check(State.OK, "a", "begins well"),
        Check(State.FAILED, "a", "first line"),
        Check(State.FAILED, "a", "second line"),
        good,
    ]


def test_a_shipped_template_is_good() -> None:
    found = list(check_template(Templates(ROOT / "templates"), "issue"))
    assert [(check.name, check.state) for check in found] == [("template", State.OK), ("size", State.OK)]


def test_a_template_that_says_too_little_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    for file in (ROOT / "templates" / "issue").iterdir():
        text = file.read_text(encoding="utf-8")
        (tmp_path / "bad" / file.name).write_text("Papers\n" if file.name == "body.txt" else text, encoding="utf-8")
    found = next(iter(check_template(Templates(tmp_path), "bad")))
    assert found.state is State.FAILED
    assert "the text lacks a paper" in found.found
    assert "templates check bad" in found.advice


def test_the_letters_are_looked_at_one_by_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "templates", tmp_path / "t")
    (tmp_path / "t/reminder/body.txt").write_text("You are on the list.\n", encoding="utf-8")
    good, bad = check_letters(Templates(tmp_path / "t"))
    assert (good.name, good.state, bad.state) == ("letters", State.OK, State.FAILED)
    assert "reminder: in de: the text lacks" in bad.found


def test_a_template_that_is_not_there_is_an_error_for_examine() -> None:
    with pytest.raises(TemplateError):
        list(check_template(Templates(ROOT / "templates"), "missing"))


def store_at(path: Path) -> str:
    url = f"sqlite:///{path}"
    store = Store(url)
    store.corpus.add(papers(200), NOON)
    store.subscribers.put([subscriber()])
    store.close()
    return url


def test_a_whole_store_is_good(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    found = list(check_store(store_at(path), path))
    assert [check.state for check in found] == [State.OK, State.OK]
    assert found[-1].found == "whole; papers: 200, subscribers: 1"


def test_a_store_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    found = list(check_store(f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "x.db"))
    assert found[-1].state is State.NOT_CHECKED
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_points_nowhere_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    url = store_at(path)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO feedback VALUES (1, 999, 'like', '2026-06-30 12:00:00')")
    connection.close()
    found = list(check_store(url, path))
    assert found[-1].state is State.FAILED
    assert "of feedback points to a row of paper that is not there" in found[-1].found


def test_a_damaged_page_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    url = store_at(path)
    content = bytearray(path.read_bytes())
    middle = next(
        start
        for start in range(len(content) // 8192 * 4096, len(content), 4096)
        if b"Quantization" in content[start : start + 4096]
    )
    content[middle] = 0x55  # what kind of page it is
    path.write_bytes(content)
    found = list(examine({"store": lambda: check_store(url, path)}))
    assert State.FAILED in {check.state for check in found}
    assert all(check.state is not State.OK for check in found if check.name == "store")


@pytest.mark.parametrize(("kind", "state"), [("nfs4", State.FAILED), ("9p", State.WARNING), ("xfs", State.OK)])
def test_where_the_file_lies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, state: State) -> None:
    monkeypatch.setattr(filesystem, "read_mounts", lambda: f"/dev/x {tmp_path} {kind} rw 0 0\n")
    found = list(check_store(f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "x.db"))
    assert (found[0].name, found[0].state) == ("file system", state)


def test_a_system_that_does_not_tell_is_not_called_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "read_mounts", lambda: None)
    found = list(check_store(f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "x.db"))
    assert (found[0].name, found[0].state) == ("file system", State.NOT_CHECKED)
