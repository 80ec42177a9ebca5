"""What is told of every request: one line in the log, and counts for Prometheus. Never a token or an address."""

import logging
import time
from urllib.parse import quote

from prometheus_client import CollectorRegistry, Counter, Histogram

from digestmail.web.guard import Application, Message, Receive, Scope, Send, masked

_log = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: where pages that keep themselves say which route they would have taken
ROUTE = "digestmail.route"


class Traffic:
    """Counts requests, by route template: paths are as many as somebody likes to type."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "digestmail_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "digestmail_http_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one."""
        self._requests.labels(method if method in _METHODS else "other", route, status).inc()
        self._seconds.labels(route).observe(seconds)


class Access:
    """ASGI middleware, the outermost: sees the answer as it leaves."""

    def __init__(self, app: Application, traffic: Traffic) -> None:
        self._app, self._traffic = app, traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status, length, path = time.perf_counter(), 500, 0, scope["path"]

        async def seen(message: Message) -> None:
            nonlocal status, length
            if message["type"] == "http.response.start":
                status = message["status"]
            length += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            seconds = time.perf_counter() - begun
            self._traffic.count(scope["method"], route_of(scope), status, seconds)
            _log.info(
                "request method=%s path=%s status=%d bytes=%d ms=%.1f client=%s",
                quote(scope["method"]),
                told(path),
                status,
                length,
                seconds * 1000,
                scope.get("state", {}).get("client") or "-",
            )


def told(path: str) -> str:
    """A path for the log: tokens and addresses masked, one word, no query (people search for people).

    >>> told("/api/v1/subscribers/ann@example.org")
    '/api/v1/subscribers/…'
    """
    parts = ("…" if "@" in part or part == "…" else quote(part, safe=":") for part in masked(path).split("/"))
    return "/".join(parts)


def route_of(scope: Scope) -> str:
    """The template of the route that was taken; ``other`` where there was none."""
    if ROUTE in scope:
        return str(scope[ROUTE])
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return "other"
    # a mounted application knows its own paths only
    root = scope.get("app_root_path", "")
    return f"{scope.get('root_path', '').removeprefix(root)}{path}"
