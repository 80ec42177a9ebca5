"""Public pages, kept for a while: they are the same for everyone, and rendering one takes thirty milliseconds."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from digestmail.web.access import ROUTE, route_of
from digestmail.web.guard import Application, Message, Receive, Scope, Send

_PAGES = 256
_BYTES = 32 << 20  # of all pages together
_SECONDS = 60.0  # counts of upvotes change without new papers
_LOOK_SECONDS = 1.0  # between two looks at whether papers have come in

#: what is kept lies below these paths
_PUBLIC = ("/papers", "/paper/")

_Key = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class _Page:
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    etag: bytes
    route: str
    until: float


class KeptPages:
    """ASGI middleware: answers GET and HEAD of public pages from memory, with ETags (RFC 9110 §8.8.3).

    What is kept goes when ``mark`` gives something else than before, which is asked once a second at most and only when
    somebody reads. Requests for a page that is being made wait for it instead of making it again.
    """

    def __init__(self, app: Application, mark: Callable[[], object]) -> None:
        """``mark`` tells in a thread of its own whether there are new papers."""
        self._app, self._mark = app, mark
        self._pages: OrderedDict[_Key, _Page] = OrderedDict()
        self._size = 0
        self._made: dict[_Key, asyncio.Future[_Page | None]] = {}
        self._seen: object = None
        self._look_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not _is_public(scope["path"]):
            await self._app(scope, receive, send)
            return
        await self._look()
        key = (scope["path"], scope["query_string"])
        page = self._find(key) or await self._make(key, scope, receive, send)
        if page:
            scope[ROUTE] = page.route
            await _answer(page, scope, send)

    async def _look(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_SECONDS
        mark = await asyncio.to_thread(self._mark)
        if mark != self._seen:
            self._seen = mark
            self._pages.clear()
            self._size = 0

    def _find(self, key: _Key) -> _Page | None:
        page = self._pages.get(key)
        if page is None or page.until < time.monotonic():
            return None
        self._pages.move_to_end(key)
        return page

    async def _make(self, key: _Key, scope: Scope, receive: Receive, send: Send) -> _Page | None:
        """The page, or None when the answer was none to keep and has been sent as it is."""
        if key in self._made and (page := await asyncio.shield(self._made[key])):
            return page
        made = self._made.setdefault(key, asyncio.get_running_loop().create_future())
        page = None
        try:
            page = await self._ask(scope, receive, send)
            if page:
                self._keep(key, page)
            return page
        finally:
            self._made.pop(key, None)
            if not made.done():
                made.set_result(page)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> _Page | None:
        messages: list[Message] = []
        asked = {**scope, "method": "GET"}  # a page that is made for HEAD serves those who read it, too

        async def collect(message: Message) -> None:
            messages.append(message)

        mark = self._seen
        await self._app(asked, receive, collect)
        scope[ROUTE] = route_of(asked)
        start, rest = messages[0], messages[1:]
        body = b"".join(message.get("body", b"") for message in rest)
        if start["status"] != 200:  # noqa: PLR2004 - OK (RFC 9110 §15.3.1)
            await send(start)
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
            return None
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'.encode()
        headers = (*start["headers"], (b"etag", etag), (b"cache-control", b"no-cache"))
        fresh = time.monotonic() + _SECONDS if mark == self._seen else 0.0
        return _Page(headers, body, etag, str(scope[ROUTE]), fresh)

    def _keep(self, key: _Key, page: _Page) -> None:
        self._drop(key)
        self._pages[key] = page
        self._size += len(page.body)
        while len(self._pages) > _PAGES or self._size > _BYTES:
            self._drop(next(iter(self._pages)))

    def _drop(self, key: _Key) -> None:
        page = self._pages.pop(key, None)
        self._size -= len(page.body) if page else 0


def _is_public(path: str) -> bool:
    return path == "/" or path.startswith(_PUBLIC)


async def _answer(page: _Page, scope: Scope, send: Send) -> None:
    asked = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
    if asked == b"*" or page.etag in [one.strip().removeprefix(b"W/") for one in asked.split(b",")]:
        headers = [pair for pair in page.headers if pair[0] not in (b"content-length", b"content-type")]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": list(page.headers)})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else page.body})
