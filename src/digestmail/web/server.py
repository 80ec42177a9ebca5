"""The server: uvicorn, with limits, and ended by whoever runs it."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from digestmail.errors import InputError
from digestmail.web.guard import MAX_HEAD, Application

_CONNECTIONS = 512  # at once; one more is answered with 503
_BACKLOG = 1024
_KEEP_ALIVE_SECONDS = 10
_LINE = 8_192  # bytes that the request line may have
#: how long requests that are under way may take when the server ends
_DRAIN_SECONDS = 20


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; an empty ``host`` is every address. Raises InputError."""
    both = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both or ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise InputError(f"cannot listen on {host or '*'}:{port}: {error.strerror or error}") from error


class Server:
    """Serves an application on a socket until it is asked to stop."""

    def __init__(self, app: Application, listening: socket.socket) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # every port scan would be a warning
        self._socket = listening
        self._server = _Server(
            uvicorn.Config(
                app,
                http=ImpatientProtocol,
                ws="none",
                loop="asyncio",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=_CONNECTIONS,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                h11_max_incomplete_event_size=MAX_HEAD + _LINE,  # it counts only what comes in pieces: see guard
            )
        )

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host, port = self._socket.getsockname()[:2]
        host = "localhost" if host in ("::", "0.0.0.0") else host  # noqa: S104 - it is read, not bound
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        """Serve; returns after ``ask_to_stop``, when the requests that were under way are answered."""
        self._server.run([self._socket])

    def ask_to_stop(self) -> None:
        """Asked once, take no more requests and answer those that are under way; asked again, leave them."""
        self._server.force_exit = self._server.should_exit
        self._server.should_exit = True


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for whoever runs us: they end the schedule, too."""
        yield


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose request does not come.

    uvicorn waits for the head of a request for ever: some hundred idle connections would lock everyone out.
    """

    #: for the head of a request, from the first byte or the connection on
    head_seconds = 10.0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        # a small page would wait 40 ms for the other side to say that it has the headers (RFC 896 meets RFC 1122
        # §4.2.3.2); asyncio turns that off only for sockets that name their protocol, which ours do not
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Go on waiting for the rest of a head, or be at ease."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._be_at_ease()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nothing to wait for."""
        self._be_at_ease()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(self.head_seconds, self._give_up)

    def _be_at_ease(self) -> None:
        if self._patience:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
