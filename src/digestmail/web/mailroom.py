"""Letters go out at once: whoever subscribes looks into their inbox now, not after the next run."""

import logging
import threading
from typing import Self

from digestmail.errors import DigestmailError
from digestmail.newsletter.deliver import Stop
from digestmail.newsletter.run import send_letters
from digestmail.web.house import Open

_log = logging.getLogger(__name__)
# between two passes: many who ask at once share one, so that a flood of them takes no time from the pages
_PAUSE_SECONDS = 0.5
# for those who wait: letters are limited by the minute, and a mail server that was busy is asked again
_AGAIN_SECONDS = 10.0


class Mailroom:
    """A thread that writes to whoever has asked to be on the list, as soon as it is told that somebody has.

    It is the only one in its process that sends: runs are processes of their own. What it does not come to, the next
    run does.
    """

    def __init__(self, open_newsletter: Open) -> None:
        self._open = open_newsletter
        self._news, self._over = threading.Event(), threading.Event()
        self._ending = False
        self._stop = Stop()
        self._thread = threading.Thread(target=self._work, name="letters")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._ending:
            self.ask_to_stop()
        self._over.set()
        self._news.set()
        self._thread.join()

    def ask_to_stop(self) -> None:
        """Begin no more letters and finish those that are under way; asked again, leave them.

        Fit for a signal handler: takes no lock, as ``threading.Event`` would.
        """
        self._ending = True
        self._stop.ask()

    def post(self) -> None:
        """Somebody has asked. Returns at once."""
        self._news.set()

    def _work(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            if self._ending:
                return
            if self._write():
                self._over.wait(_PAUSE_SECONDS)
            else:
                self._over.wait(_AGAIN_SECONDS)
                self._news.set()

    def _write(self) -> bool:
        """Whether nobody waits for a letter any more."""
        try:
            with self._open() as newsletter:
                return send_letters(newsletter, self._stop)
        except DigestmailError as error:
            _log.error("letters failed: %s", error)
            return False
