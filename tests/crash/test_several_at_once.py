"""Runs that meet, runs that are told to stop, calls that fail: each time the next run completes it."""

import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from crash.table import Table
from crash.world import READERS, World, Yard

_TWENTY = range(20)


def once_each(world: World) -> None:
    """Every message of the first day went out once, in one attempt, and nothing was planned twice."""
    found = Counter(one.message_id for one in world.accepted())
    assert sorted(found.values()) == [1] * len(READERS)
    with closing(sqlite3.connect(world.folder / "digestmail.db")) as store:
        assert store.execute("SELECT count(*) FROM delivery WHERE status = 'sent' AND attempts = 1").fetchone() == (
            len(READERS),
        )


@pytest.mark.parametrize("repetition", _TWENTY)
def test_runs_at_once_plan_and_send_everything_once(smtp: Yard, repetition: int) -> None:
    with smtp.world() as world:
        pids = [world.start() for _ in range(2 + repetition % 3)]
        ends = [world.wait(pid) for pid in pids]
        assert {ended.code for ended in ends} == {0}
        once_each(world)
        world.finish()
        assert world.verdict().bad == []


@pytest.mark.parametrize("repetition", _TWENTY)
def test_a_run_beside_serve_plans_and_sends_everything_once(smtp: Yard, repetition: int) -> None:
    with smtp.world() as world:
        serving = world.start(None, args=["serve"])
        for _ in range(1 + repetition % 3):
            assert world.run(None).code == 0
        world.tell(serving, "SIGTERM")
        assert world.wait(serving).code == 0
        if repetition % 2:
            assert world.run(None).code == 0
        once_each(world)


def test_told_to_stop_at_any_place_a_run_ends_in_order_and_the_next_one_completes_it(smtp: Yard) -> None:
    table = Table()
    for place in count(1):
        with smtp.world() as world:
            pid = world.start(die_at=place, how="SIGTERM")
            ended = world.wait(pid)
            if len(ended.points) < place:
                break
            assert ended.code in (0, 75, 128 + signal.SIGTERM), (ended.points[-1], world.log())
            world.finish()
            table.add(ended.points[place - 1], world.verdict())
    assert table.bad == []
    assert (table.total.ambiguous, table.total.duplicates) == (0, 0)
    assert table.total.kills > 40


strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")


def _traced(world: World, *options: str) -> int:
    """The whole command under strace; its exit code."""
    command = ["strace", "-f", "-qq", "-o", os.devnull, *options, sys.executable, "-m", "digestmail"]
    done = subprocess.run(
        [*command, *world.request()["args"]],
        cwd=world.folder,
        env={**os.environ, "XDG_CACHE_HOME": str(world.folder.parent / "cache"), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        timeout=300,
    )
    return done.returncode


@strace
@pytest.mark.parametrize("part", range(4))
def test_killed_at_every_sync_of_the_database_a_run_loses_and_repeats_nothing(smtp: Yard, part: int) -> None:
    table = Table()
    for number in count(part + 1, 4):
        with smtp.world() as world:
            code = _traced(world, "-e", "trace=fdatasync", "-e", f"inject=fdatasync:signal=SIGKILL:when={number}")
            if code == 0:
                break
            world.finish()
            table.add("fdatasync", world.verdict())
    assert table.bad == []
    assert table.total.kills >= 5
    assert table.total.duplicates <= table.total.ambiguous


@strace
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("first", range(2, 90, 8))
def test_a_disk_that_fails_in_mid_run_costs_nothing_once_it_is_mended(smtp: Yard, error: str, first: int) -> None:
    with smtp.world() as world:
        code = _traced(world, "-e", "trace=pwrite64", "-e", f"inject=pwrite64:error={error}:when={first}+")
        assert code in (0, 75)
        world.finish()
        verdict = world.verdict()
        assert verdict.bad == []
        assert verdict.duplicates <= verdict.ambiguous


mounting = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root may mount a file system of its own"
)


def _in_a_mount(world: World, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A shell with mounts of its own: ``run`` is the command, ``$1`` a folder to mount on."""
    command = shlex.join([sys.executable, "-m", "digestmail", *world.request()["args"]])
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", f"run() {{ {command}; echo ended $?; }}\n{script}", "bash", str(folder)],
        cwd=world.folder,
        env={**os.environ, "HOUSE": str(world.folder), "XDG_CACHE_HOME": str(world.folder.parent / "cache")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if "permission denied" in done.stderr.lower():
        pytest.skip(f"no mounting here: {done.stderr.strip()}")
    return done


def _ends(done: subprocess.CompletedProcess[str]) -> list[int]:
    return [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("ended ")]


@mounting
def test_a_disk_that_is_full_stops_the_run_and_the_next_one_completes_it(smtp: Yard, tmp_path: Path) -> None:
    script = """
        mount -t tmpfs -o size=20m tmpfs "$1" && cp digestmail.db config.yaml papers.jsonl "$1" && cd "$1"
        head -c 17M /dev/zero > filler
        run
        rm filler
        run
        run
        cp digestmail.db "$HOUSE"
    """
    with smtp.world() as world:
        done = _in_a_mount(world, script, tmp_path)
        assert _ends(done) == [75, 0, 0], done
        assert "nearly full" in done.stderr
        once_each(world)


@mounting
def test_a_read_only_outbox_stops_the_run_and_the_next_one_completes_it(outbox: Yard) -> None:
    script = 'mount -t tmpfs -o ro tmpfs "$1"\nrun\numount "$1"\nrun\nrun'
    with outbox.world() as world:
        (world.folder / "outbox").mkdir()
        done = _in_a_mount(world, script, world.folder / "outbox")
        assert _ends(done) == [75, 0, 0], done
        assert "read-only file system" in done.stderr
        once_each(world)


def test_a_database_that_somebody_locks_is_waited_for(smtp: Yard) -> None:
    with smtp.world() as world:
        with closing(
            sqlite3.connect(world.folder / "digestmail.db", isolation_level=None, check_same_thread=False)
        ) as it:
            it.execute("BEGIN EXCLUSIVE")
            release = threading.Timer(1.0, lambda: it.execute("ROLLBACK"))
            release.start()
            assert world.run().code == 0
            release.join()
        once_each(world)


def test_an_outbox_that_cannot_be_written_stops_the_run_and_the_next_one_completes_it(outbox: Yard) -> None:
    with outbox.world() as world:
        (world.folder / "outbox").write_text("in the way")
        assert world.run().code == 75
        (world.folder / "outbox").unlink()
        world.finish()
        assert world.verdict().bad == []
