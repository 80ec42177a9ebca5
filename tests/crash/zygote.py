"""Runs the command again and again in forked children, each of which may be told where to die.

``python -m crash.zygote`` reads one JSON object a line and answers with one. Everything is imported and every template
compiled before the first fork, so that a child costs a tenth of a second. Nothing of the product knows of this: the
places to die at are put around its seams in the child (transactions, the journal, files, sockets).
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from crash import plants
from digestmail.cli import main
from digestmail.storage import claims
from digestmail.storage.database import Database
from digestmail.storage.journal import Journal
from digestmail.transports.smtp.wire import Wire

_WITHIN = "before commit"


class Points:
    """Counts the places that a child comes by, tells each through a pipe, and dies at one of them."""

    def __init__(self, pipe: int, die_at: int | None, how: int, not_at: str = "") -> None:
        """``not_at``: places with these words in their names do not count."""
        self._pipe, self._die_at, self._how, self._not_at = pipe, die_at, how, not_at
        self._numbers = count(1)  # threads come by, too: its next number is taken by one of them only
        self._transaction = threading.Lock()

    def __call__(self, name: str) -> None:
        """Come by here."""
        if self._not_at and self._not_at in name:
            return
        number = next(self._numbers)
        os.write(self._pipe, f"{name}\n".encode())
        if number != self._die_at:
            return
        # who is frozen elsewhere holds no lock of the database: the thread that has one finishes first
        is_frozen_outside = self._how == signal.SIGSTOP and not name.endswith(_WITHIN)
        with self._transaction if is_frozen_outside else nullcontext():
            os.kill(os.getpid(), self._how)

    def around(self, owner: Any, name: str, label: str) -> None:
        """A place before and one after each call of a function."""
        real: Callable[..., Any] = getattr(owner, name)

        @wraps(real)
        def call(*arguments: Any, **options: Any) -> Any:
            self(f"{label}: before")
            result = real(*arguments, **options)
            self(f"{label}: after")
            return result

        setattr(owner, name, call)

    def in_transactions(self) -> None:
        """Three places in each transaction that writes, named for the method whose transaction it is."""
        real, point = Database.write, self
        committing = claims.committing  # type: ignore[attr-defined] # imported there, to be replaced there

        def early(connection: Any) -> Callable[[], None]:
            commit = committing(connection)

            def call() -> None:
                point(f"open_turn: {_WITHIN}")
                commit()

            return call

        @contextmanager
        def write(database: Database) -> Iterator[Any]:
            name = sys._getframe(2).f_code.co_name
            point(f"{name}: begin")
            with point._transaction, real(database) as connection:
                yield connection
                if connection.in_transaction():  # else it was committed early
                    point(f"{name}: {_WITHIN}")
            point(f"{name}: after commit")

        Database.write = write  # type: ignore[method-assign, assignment]
        claims.committing = early  # type: ignore[attr-defined]

    def everywhere(self) -> None:
        """All places."""
        self.in_transactions()
        for name in ("reserve", "append", "clear"):
            self.around(Journal, name, f"journal {name}")
        for name in ("link", "fsync"):
            self.around(os, name, f"file {name}")
        self.around(Wire, "write", "socket write")
        self.around(Wire, "data_received", "socket read")


def _child(request: dict[str, Any], pipe: int) -> NoReturn:
    code = 70
    try:
        os.chdir(request["cwd"])
        log = os.open("child.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if request.get("plant"):
            plants.PLANTS[request["plant"]]()
        for name in request.get("settings", ()):
            plants.SETTINGS[name]()
        how = signal.Signals[request.get("how", "SIGKILL")]
        Points(pipe, request.get("die_at"), how, request.get("not_at", "")).everywhere()
        sys.argv = ["digestmail", *request["args"]]
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except BaseException:  # noqa: BLE001 - a child has no caller to tell
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _start(request: dict[str, Any]) -> tuple[int, int]:
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        _child(request, writer)
    os.close(writer)
    return pid, reader


def _finish(pid: int, reader: int) -> dict[str, Any]:
    with os.fdopen(reader, encoding="utf-8") as pipe:
        points = pipe.read().splitlines()
    _, status = os.waitpid(pid, 0)
    return {"code": os.waitstatus_to_exitcode(status), "points": points}


def _answer(request: dict[str, Any], running: dict[int, int]) -> dict[str, Any]:
    match request["do"]:
        case "run":
            pid, reader = _start(request)
            if "kill_after" in request:
                time.sleep(request["kill_after"])
                os.kill(pid, signal.SIGKILL)
            return _finish(pid, reader)
        case "start":
            pid, reader = _start(request)
            running[pid] = reader
            return {"pid": pid}
        case "stopped":  # wait until it has stopped itself, or ended
            ended = os.waitid(os.P_PID, request["pid"], os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            is_stopped = ended is not None and ended.si_code == os.CLD_STOPPED
            if not is_stopped:
                _finish(request["pid"], running.pop(request["pid"]))
            return {"stopped": is_stopped}
        case "signal":
            os.kill(request["pid"], signal.Signals[request["how"]])
            return {}
        case _:
            return _finish(request["pid"], running.pop(request["pid"]))


def _warm_up(config: Path) -> None:
    """A run that leaves nothing behind: afterwards everything is imported, compiled and cached."""
    os.chdir(config.parent)
    sys.argv = ["digestmail", "run", "--dry-run"]
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stderr(nowhere),
        redirect_stdout(nowhere),
        suppress(SystemExit),
    ):
        main()


def serve() -> None:
    """Answer until the input ends."""
    _warm_up(Path(sys.argv[1]))
    running: dict[int, int] = {}
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line), running)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
