"""The web application behind the real server, on a port of its own on loopback."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from digestmail.newsletter import Newsletter, Subscription
from digestmail.storage.store import Store
from digestmail.web.app import build_app
from digestmail.web.house import Open, Trigger, WebSettings
from digestmail.web.server import Server, bind
from newsletters import newsletter

TOKEN = "a token of the tests 0123456789"


@dataclass(frozen=True)
class Served:
    """Where it is."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}"


def opener(folder: Path, *subscriptions: Subscription, **how: Any) -> Open:
    """Opens newsletters over the store in a folder: each has its own, as threads want it."""

    @contextmanager
    def opened() -> Iterator[Newsletter]:
        with closing(Store(f"sqlite:///{folder / 'digestmail.db'}")) as store:
            yield replace(newsletter(store, subscriptions=subscriptions, **how), new_id=lambda: uuid.uuid4().hex)

    return opened


@contextmanager
def served(opened: Open, trigger: Trigger | None = None, **settings: Any) -> Iterator[Served]:
    """Serve a newsletter in a thread until the block ends."""
    listening = bind("127.0.0.1", 0)
    found = Served(*listening.getsockname()[:2])
    given: dict[str, Any] = {"base_url": found.url, "admin_token": TOKEN, **settings}
    server = Server(build_app(opened, WebSettings(**given), trigger), listening)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.ask_to_stop()
        thread.join()
