"""The alarm clock of ``digestmail serve``: calls the idempotent run again and again.

The schedule itself is data (``schedule.py``). APScheduler's cron triggers skip the day after a clock change and its
stores forget runs that were missed while the machine was off; an interval that asks "is anything due?" has neither
fault.
"""

import logging
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType

from apscheduler.schedulers.blocking import BlockingScheduler

_log = logging.getLogger(__name__)


def serve(tick: Callable[[], None], every_minutes: int, ask_to_stop: Callable[[], None]) -> None:
    """Call ``tick`` at once and every so many minutes, one at a time, until SIGTERM or SIGINT.

    Each signal calls ``ask_to_stop``: a tick that is under way ends when it sees fit, and is waited for.
    """
    scheduler = BlockingScheduler(timezone="UTC")
    ticking = threading.Lock()

    def one() -> None:
        with ticking:
            tick()

    scheduler.add_job(
        one,
        "interval",
        minutes=every_minutes,
        next_run_time=datetime.now(UTC),
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
    )

    def stop(number: int, _frame: FrameType | None) -> None:
        _log.info("stop signal=%s", signal.Signals(number).name)
        ask_to_stop()
        if scheduler.running:
            scheduler.shutdown(wait=False)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    scheduler.start()
    # the scheduler does not wait: signals would find nobody who listens
    with ticking:
        pass
