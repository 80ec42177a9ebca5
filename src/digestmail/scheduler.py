"""The alarm clock of ``digestmail serve``: starts the idempotent run again and again, each in a process of its own.

The schedule itself is data (``schedule.py``). APScheduler's cron triggers skip the day after a clock change and its
stores forget runs that were missed while the machine was off; an interval that asks "is anything due?" has neither
fault.

A run is a child process, so that what crashes it (a parser of somebody else's format) takes nothing else down. It holds
one end of a pipe, and sees at the other that this process has died, however it died: see ``end_with_parent``.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

_log = logging.getLogger(__name__)
_TICK = "tick"


class Schedule:
    """Starts a command at once, every so many minutes, and when asked; one at a time."""

    def __init__(self, command: Sequence[str], every_minutes: int) -> None:
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._finished = threading.Event()
        self._finished.set()
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._scheduler.add_job(
            self._tick,
            "interval",
            id=_TICK,
            minutes=every_minutes,
            next_run_time=datetime.now(UTC),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    def start(self) -> None:
        """Begin; returns at once."""
        self._scheduler.start()

    def trigger(self) -> bool:
        """Look now instead of at the next full interval. False: a run is under way, or this process is ending."""
        if self.is_stopping() or not self._finished.is_set():
            return False
        self._scheduler.modify_job(_TICK, next_run_time=datetime.now(UTC))
        return True

    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping

    def ask_to_stop(self) -> None:
        """Start no more, and tell the run that is under way to end. Asked twice, the run is told twice.

        Fit for a signal handler: takes no lock, as ``threading.Event`` would, that the main thread may be holding.
        """
        self._stopping = True
        child = self._child
        if child:
            child.send_signal(signal.SIGTERM)

    def ask_to_end(self) -> None:
        """The same, unless it was asked before."""
        if not self.is_stopping():
            self.ask_to_stop()

    def wait(self) -> None:
        """Until the run that is under way has ended. After ``ask_to_stop``."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._finished.wait()

    def _tick(self) -> None:
        with self._lock:
            if self.is_stopping():
                return
            self._finished.clear()
        try:
            # its standard input is the pipe whose other end dies with this process; in a group of its own, so that the
            # Ctrl-C of a terminal comes through us, once
            command = self._command
            with subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0) as child:  # noqa: S603 - our own
                self._child = child
                if self.is_stopping():  # asked between the check and the start
                    child.send_signal(signal.SIGTERM)
                code = child.wait()
            _tell(code, asked=self.is_stopping())
        finally:
            self._child = None
            self._finished.set()


def _tell(code: int, *, asked: bool) -> None:
    if asked or code == 0:
        _log.info("tick ended code=%d", code)
    elif code < 0:
        _log.error("tick died signal=%s: the next one goes on where it was", signal.Signals(-code).name)
    else:
        _log.warning("tick ended code=%d", code)


def end_with_parent() -> None:
    """In the child: end in order (SIGTERM) when the process that started it is gone.

    The pipe at standard input is never written to; its end means that nobody holds the other end any more.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        _log.warning("the server is gone: ending")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
