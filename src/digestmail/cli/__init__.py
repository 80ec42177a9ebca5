"""The ``digestmail`` command: parse, call a use case, print, exit."""

import gc
import signal
import sys

from digestmail.errors import (
    ConfigError,
    DigestmailError,
    InputError,
    MailboxUnavailable,
    SourceError,
    StoreError,
    TemplateError,
    TransportError,
)

#: sysexits(3), most particular error first
_EXIT_CODES: tuple[tuple[type[DigestmailError], int], ...] = (
    (ConfigError, 78),
    (TemplateError, 78),
    (InputError, 65),
    (SourceError, 75),
    (MailboxUnavailable, 75),
    (StoreError, 75),
    (TransportError, 75),
)


def main() -> None:
    """Run the command line: every error of ours is told in one line, with the exit code of its kind."""
    rest_collector()
    from digestmail.cli.app import app

    # cron, systemd and people end a run with SIGTERM: leave through every "finally", so that nothing stays claimed
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        app()
    except DigestmailError as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"digestmail: {line}\n")
        sys.exit(exit_code(error))


def rest_collector() -> None:
    """Look for reference cycles less often.

    A run makes millions of small objects and hardly a cycle; at Python's own pace looking for them takes a third of the
    time (``benchmarks.matching``).
    """
    gc.set_threshold(100_000, 50, 100)


def exit_code(error: DigestmailError) -> int:
    """The exit code of an error."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)
