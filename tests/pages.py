"""The web application over a real store, asked without a network."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from html.parser import HTMLParser

from starlette.testclient import TestClient

from builders import TODAY
from digestmail.mail.links import path
from digestmail.mail.tokens import Purpose
from digestmail.model import Subscriber
from digestmail.newsletter import Newsletter
from digestmail.web.app import build_app
from digestmail.web.house import WebSettings

BASE = "https://papers.example.org"
READER = "reader@example.org"
#: doors to one issue
_OF_A_DAY = (Purpose.FEEDBACK, Purpose.ISSUE)


@contextmanager
def site(newsletter: Newsletter, **settings: object) -> Iterator[TestClient]:
    """A client of the pages of a newsletter. Redirects are not followed."""
    app = build_app(lambda: nullcontext(newsletter), WebSettings(base_url=BASE, **settings))  # type: ignore[arg-type]
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client


def reader(newsletter: Newsletter, email: str = READER) -> Subscriber:
    """A reader as they are now."""
    found = newsletter.store.subscribers.find(email)
    assert found
    return found


def door(newsletter: Newsletter, purpose: Purpose) -> str:
    """The path of a link that a mail of today gives the reader."""
    return path(newsletter.tokens, purpose, reader(newsletter), str(TODAY) if purpose in _OF_A_DAY else "")


def form(**fields: str) -> dict[str, str]:
    """What a form about a profile sends."""
    usual = {"keywords": "quantization", "gate": "normal", "cadence": "daily", "timezone": "UTC", "language": ""}
    return {**usual, "papers": "", **fields}


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "action", "src") and value]


def links(html: str) -> list[str]:
    """Where a page leads."""
    parser = _Links()
    parser.feed(html)
    return parser.found
