"""A web server on loopback that plays back answers, also those that no server should give."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Reply:
    """One answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    #: answer 304 to whoever names this entity tag or this date
    etag: str = ""
    last_modified: str = ""
    #: end the connection after so many bytes of the body, though all of it was announced
    cut: int | None = None
    #: one byte every so many seconds: of the body, or of the header when there is no body
    drip: float = 0


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    #: monotonic seconds
    at: float


Route = Callable[[Asked], Reply]


class ReplayServer:
    """Gives the replies of each path in order, the last one again and again; 404 to paths without any.

    ``routes`` may also hold a function of the request; a path that ends with a star stands for all that begin so.
    ``asked`` keeps all requests.
    """

    def __init__(self) -> None:
        self.routes: dict[str, list[Reply] | Route] = {}
        self.asked: list[Asked] = []
        self._turns: dict[str, int] = {}
        self._closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(parts.path, dict(parse_qsl(parts.query)), dict(self.headers), body, time.monotonic())
                server.asked.append(asked)
                server._send(self, asked, server._reply(asked))

            do_POST = do_GET  # noqa: N815 - the name is http.server's

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def on(self, path: str, *replies: Reply | bytes | str | object) -> str:
        """Give these at a path: bytes and text as they are, anything else as JSON. Returns the URL of the path."""
        self.routes[path] = [self._as_reply(reply) for reply in replies]
        self._turns.pop(path, None)
        return self.url + path

    def close(self) -> None:
        """Stop, also in the middle of an answer."""
        self._closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @staticmethod
    def _as_reply(reply: object) -> Reply:
        if isinstance(reply, Reply):
            return reply
        if isinstance(reply, (bytes, str)):
            return Reply(reply if isinstance(reply, bytes) else reply.encode())
        return Reply(json.dumps(reply).encode(), headers={"Content-Type": "application/json"})

    def _reply(self, asked: Asked) -> Reply:
        starred = (path for path in self.routes if path.endswith("*") and asked.path.startswith(path[:-1]))
        route = self.routes.get(asked.path) or self.routes.get(next(starred, ""))
        if route is None:
            return Reply(status=404)
        if callable(route):
            return route(asked)
        turn = self._turns.get(asked.path, 0)
        self._turns[asked.path] = turn + 1
        return route[min(turn, len(route) - 1)]

    def _send(self, handler: BaseHTTPRequestHandler, asked: Asked, reply: Reply) -> None:
        seen = {name.lower(): value for name, value in asked.headers.items()}
        unchanged = (reply.etag and seen.get("if-none-match") == reply.etag) or (
            reply.last_modified
            and not seen.get("if-none-match")
            and seen.get("if-modified-since") == reply.last_modified
        )
        if reply.drip and not reply.body:
            self._drip(handler, b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 10_000, reply.drip)
            return
        handler.send_response(304 if unchanged else reply.status)
        body = b"" if unchanged else reply.body
        told = {"ETag": reply.etag, "Last-Modified": reply.last_modified, "Content-Length": str(len(body))}
        for name, value in {**told, **reply.headers}.items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        if reply.drip:
            self._drip(handler, body, reply.drip)
        else:
            handler.wfile.write(body if reply.cut is None else body[: reply.cut])
        if reply.cut is not None:
            handler.close_connection = True

    def _drip(self, handler: BaseHTTPRequestHandler, content: bytes, pause: float) -> None:
        handler.close_connection = True
        for byte in content:
            try:
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
            except OSError:
                return
            if self._closing.wait(pause):
                return


def gzipped(body: bytes, level: int = 9) -> Reply:
    """The body packed by gzip; of many zeros it is a bomb."""
    return Reply(gzip.compress(body, level), headers={"Content-Encoding": "gzip"})
