"""What stands before every page: limits for requests, headers for answers, and who is really asking."""

import asyncio
import http
import ipaddress
import json
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 16_384  # bytes; the longest form is a profile of fifty keywords
MAX_HEAD = 16_384  # bytes of all headers
_LONGEST_URL = 4_096
_LONGEST_LENGTH = 10  # digits
_BODY_SECONDS = 10.0  # for all of it
_DRAINED, _DRAIN_SECONDS = 1 << 20, 1.0  # of what is refused

#: of every answer: nothing is loaded from elsewhere, framed, sniffed or told to others
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "interest-cohort=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

# the parts of a path that open a reader's door: one letter, then a token
_TOKEN = re.compile(r"(?<=/)([a-z])/[\w~.-]{20,}")


def masked(path: str) -> str:
    """A path without what opens doors, for logs.

    >>> masked("/u/AbCdEfGhIjKlMnOpQrStUv.0.xyz?x=1")
    '/u/…?x=1'
    """
    return _TOKEN.sub(r"\1/…", path)


class MaskTokens(logging.Filter):
    """Keeps tokens out of the access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask every text that the line is made of."""
        if isinstance(record.args, tuple):
            record.args = tuple(masked(part) if isinstance(part, str) else part for part in record.args)
        return True


class Guard:
    """ASGI middleware: refuses what is too long, bounds the body as it comes, puts the headers on."""

    def __init__(
        self, app: Application, trusted_proxies: tuple[str, ...] = (), body_seconds: float = _BODY_SECONDS
    ) -> None:
        self._app, self._body_seconds = app, body_seconds
        self._trusted = tuple(ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        scope["state"] = {**scope.get("state", {}), "client": self._client(scope, headers)}
        guarded = _with_headers(send)
        refused = _refusal(scope, headers)
        if refused:
            await _drain(receive)
            await _answer(guarded, *refused, as_problem=scope["path"].startswith("/api/"))
            return
        await self._app(scope, _bounded(receive, self._body_seconds), guarded)

    def _client(self, scope: Scope, headers: MutableMapping[str, str] | dict[str, str]) -> str:
        """Who asks: the peer, or behind proxies that are trusted, the nearest one that is not, read from the right."""
        peer = scope["client"][0] if scope.get("client") else ""
        hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
        while hops and self._is_trusted(peer):
            hop = _address(hops.pop())
            if hop is None:
                break
            peer = hop
        return peer

    def _is_trusted(self, peer: str) -> bool:
        address = _address(peer)
        return address is not None and any(ipaddress.ip_address(address) in network for network in self._trusted)


def _address(text: str) -> str | None:
    """An IP address as it is written everywhere; some proxies add the port."""
    bare = text.removeprefix("[").partition("]")[0] if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return None


def _refusal(scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
    if len(scope["path"]) + len(scope.get("query_string", b"")) > _LONGEST_URL:
        return 414, "The address is too long."
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD:
        return 431, "The headers are too long."
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        return 400, "The length of the request is no number."
    if len(length) > _LONGEST_LENGTH or int(length) > MAX_BODY:
        return 413, "The request is too large."
    return None


class TooLargeError(HTTPException):
    """A body without a length is longer than anything we ask for."""

    def __init__(self) -> None:
        super().__init__(413, "The request is too large.")


class TooSlowError(HTTPException):
    """A body comes so slowly that it only keeps us waiting."""

    def __init__(self) -> None:
        super().__init__(408, "The request took too long.")


def _bounded(receive: Receive, seconds: float) -> Receive:
    seen, complete, until = 0, False, asyncio.get_running_loop().time() + seconds

    async def bounded() -> Message:
        nonlocal seen, complete
        if complete:  # what comes now is the news that nobody listens any more
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise TooSlowError from None
        seen += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if seen > MAX_BODY:
            raise TooLargeError
        return message

    return bounded


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message.get("headers", ())}
            more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            message["headers"] = [*message.get("headers", ()), *(pair for pair in more if pair[0] not in given)]
        await send(message)

    return guarded


async def _drain(receive: Receive) -> None:
    """Take a little of what is sent: a connection that is closed before that is reset, and the answer with it."""
    taken = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while taken < _DRAINED:
                message = await receive()
                taken += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def _answer(send: Send, status: int, text: str, *, as_problem: bool) -> None:
    """A sentence, for programs as a problem (RFC 9457)."""
    kind, body = "text/plain; charset=utf-8", text
    if as_problem:
        title = http.HTTPStatus(status).phrase
        told = {"type": "about:blank", "title": title, "status": status, "detail": text, "errors": []}
        kind, body = "application/problem+json", json.dumps(told)
    headers = [(b"content-type", kind.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
