"""The web application over a real store, asked without a network."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from html.parser import HTMLParser

from starlette.testclient import TestClient

from digestmail.newsletter import Newsletter
from digestmail.web.app import build_app
from digestmail.web.house import WebSettings

BASE = "https://papers.example.org"


@contextmanager
def site(newsletter: Newsletter, **settings: object) -> Iterator[TestClient]:
    """A client of the pages of a newsletter. Redirects are not followed."""
    app = build_app(lambda: nullcontext(newsletter), WebSettings(base_url=BASE, **settings))  # type: ignore[arg-type]
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client


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
