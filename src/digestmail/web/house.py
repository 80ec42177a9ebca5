"""What every page needs: newsletters that are open, and the settings of the web."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from starlette.requests import HTTPConnection

from digestmail.newsletter import Newsletter
from digestmail.newsletter.trial import Trials

#: looks for issues that are due now; False when that is under way already
Trigger = Callable[[], bool]
#: opens a newsletter of its own: a store belongs to one thread at a time
Open = Callable[[], AbstractContextManager[Newsletter]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """How the pages are served."""

    #: the public address, without a slash at its end: links in mails and feeds begin with it
    base_url: str
    name: str = "Daily Papers"
    #: whether strangers can put themselves on the list
    subscribing: bool = True
    #: addresses and networks of proxies whose X-Forwarded-For is believed
    trusted_proxies: tuple[str, ...] = ()
    #: opens /admin and /api; None closes them
    admin_token: str | None = field(default=None, repr=False)
    #: papers on one page
    page_size: int = 50
    #: whether everyone may read /metrics
    public_metrics: bool = False
    #: wrong tokens and log-ins from one address within a quarter of an hour, before it has to wait
    wrong_tokens: int = 10


class House:
    """Lends newsletters to requests, each to one at a time, and keeps those that come back."""

    def __init__(self, open_newsletter: Open, settings: WebSettings) -> None:
        self.settings = settings
        #: previews of profiles: one of them keeps the week's papers for all requests
        self.trials = Trials()
        self._open = open_newsletter
        self._idle: SimpleQueue[Newsletter] = SimpleQueue()
        self._opened = ExitStack()
        self._opening = threading.Lock()

    @contextmanager
    def newsletter(self) -> Iterator[Newsletter]:
        """A newsletter for one request. Raises StoreError."""
        try:
            newsletter = self._idle.get_nowait()
        except Empty:
            with self._opening:
                newsletter = self._opened.enter_context(self._open())
        try:
            yield newsletter
        finally:
            self._idle.put(newsletter)

    def close(self) -> None:
        """Close them all; no request may be under way."""
        self._opened.close()


def house_of(request: HTTPConnection) -> House:
    """The house that a request came to."""
    house: House = request.app.state.house
    return house
