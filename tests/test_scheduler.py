"""The alarm clock: one run at a time, each a process of its own."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digestmail.scheduler import Schedule


@pytest.fixture
def schedule(tmp_path: Path) -> Iterator[Callable[[str], Schedule]]:
    """Begins a schedule of a Python program, and ends it after the test."""
    begun: list[Schedule] = []

    def begin(program: str) -> Schedule:
        found = Schedule([sys.executable, "-c", program], every_minutes=60)
        begun.append(found)
        found.start()
        return found

    yield begin
    for one in begun:
        one.ask_to_stop()
        one.wait()


class Line:
    """A named pipe through which a run says that it has begun."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "begun"
        os.mkfifo(self.path)
        self.say = f"import os, sys, signal; open({str(self.path)!r}, 'w').write(str(os.getpid()))"

    def hear(self) -> int:
        """Wait for a run to begin: its pid."""
        return int(self.path.read_text())


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_a_run_begins_at_once_and_a_second_one_when_it_is_asked_for(
    schedule: Callable[[str], Schedule], line: Line
) -> None:
    found = schedule(line.say)
    first = line.hear()
    while not found.trigger():
        os.sched_yield()
    assert line.hear() != first


def test_while_one_is_under_way_no_other_begins(schedule: Callable[[str], Schedule], line: Line) -> None:
    found = schedule(f"{line.say}; sys.stdin.read()")
    line.hear()
    assert not found.trigger()
    found.ask_to_stop()
    found.wait()
    assert not found.trigger()


def test_a_run_that_crashes_takes_nothing_down(
    schedule: Callable[[str], Schedule], line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "digestmail.scheduler")
    found = schedule(f"{line.say}; os.kill(os.getpid(), signal.SIGSEGV)")
    line.hear()
    while not found.trigger():
        os.sched_yield()
    line.hear()
    assert "tick died signal=SIGSEGV" in caplog.text


def test_asked_to_stop_the_run_is_told_and_waited_for(
    schedule: Callable[[str], Schedule], line: Line, tmp_path: Path
) -> None:
    ended = tmp_path / "ended"
    program = (
        "import signal, time\n"
        f"def end(*_):\n    open({str(ended)!r}, 'w').close()\n    raise SystemExit\n"
        f"signal.signal(signal.SIGTERM, end)\n{line.say}\ntime.sleep(600)"
    )
    found = schedule(program)
    line.hear()
    found.ask_to_stop()
    found.wait()
    assert ended.exists()


def test_a_command_that_cannot_be_started_is_no_run_under_way(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        tried.append(arguments)
        raise OSError("no process")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    found = Schedule(["nothing"], every_minutes=60)
    found.start()
    while len(tried) < 2:
        found.trigger()
    found.ask_to_stop()
    found.wait()
