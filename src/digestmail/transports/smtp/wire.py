"""One TCP connection: commands out, whole replies in, each within a deadline and within bounds.

An ``asyncio.Protocol`` of its own instead of streams: a reply costs one future and no copy of what was written. The
deadline of a phase is one number that a timer looks at when it goes off; nearly always the phase is over by then, so a
message starts and stops no timers.
"""

import asyncio
import errno
import os
import ssl
from math import inf
from typing import cast

from digestmail.text.clean import clean_line, shorten
from digestmail.transports.smtp.replies import LONGEST_LINE, LONGEST_REPLY, MOST_LINES, Reply, parse_line

_SHOWN = 200


class BrokenError(Exception):
    """The connection is of no more use: lost, silent for too long, not speaking SMTP, or not letting us in."""

    def __init__(self, why: str, reply: Reply | None = None) -> None:
        """``reply`` is what the server said, where it said something."""
        super().__init__(why)
        self.reply = reply


class Wire(asyncio.Protocol):
    """The connection as asyncio sees it. One coroutine at a time may wait on it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        #: the lines of a reply whose last line is still to come
        self._lines: list[bytes] = []
        self._code = 0
        self._size = 0
        self._broken: BrokenError | None = None
        #: the system takes no more bytes for now
        self._full = False
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = inf
        self._timer: asyncio.TimerHandle | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()

    # --- what asyncio calls -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport. Its buffer counts as full as soon as there is something in it."""
        # no subclass of it under uvloop
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=1, low=0)

    def data_received(self, data: bytes) -> None:
        """Keep what came, within bounds."""
        self._buffer += data
        if len(self._buffer) > LONGEST_REPLY:
            self._break("an endless reply")
        self._wake()

    def eof_received(self) -> None:
        """The server has closed its side."""
        self._break("connection lost: closed by the server")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more goes in or out."""
        self._break(f"connection lost: {reason(exc)}" if exc else "connection lost")
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()

    def pause_writing(self) -> None:
        """The system takes no more bytes for now."""
        self._full = True

    def resume_writing(self) -> None:
        """All that was written is with the system."""
        self._full = False
        self._wake()

    # --- what the conversation calls --------------------------------------------------------------------------------

    @property
    def broken(self) -> BrokenError | None:
        """Why nothing more will come, if so."""
        return self._broken

    @property
    def heard(self) -> bool:
        """Whether the server has said something that nobody has read."""
        return bool(self._buffer or self._lines)

    @property
    def local_address(self) -> str:
        """The IP address of our end."""
        return str(self._open.get_extra_info("sockname")[0])

    def write(self, data: bytes) -> None:
        """Give bytes to the system, or keep what it does not take yet."""
        self._open.write(data)

    async def drained(self, seconds: float) -> None:
        """Wait until everything written is with the system, or the server says something. Raises BrokenError."""
        self._expire_in(seconds)
        while self._full and not self.heard:
            if self._broken:
                raise self._broken
            await self._wait()

    async def reply(self, seconds: float) -> Reply:
        """The next reply. Raises BrokenError when it is not there in time, or is no reply."""
        if self._buffer and (reply := self._take()):
            return reply
        self._expire_in(seconds)
        while True:
            if self._broken:
                raise self._broken
            await self._wait()
            if reply := self._take():
                return reply

    async def encrypt(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Start TLS. What came before the handshake is refused: nobody knows who said it (CVE-2011-0411)."""
        if self.heard:
            raise BrokenError("TLS failed: the server said more than it was asked before the encryption")
        plain = self._open
        try:
            async with asyncio.timeout(seconds):
                encrypted = await self._loop.start_tls(
                    plain, self, context, server_hostname=host, ssl_handshake_timeout=seconds
                )
        except TimeoutError:
            plain.abort()
            raise BrokenError("TLS failed: timed out") from None
        except OSError as error:
            plain.abort()
            raise BrokenError(reason(error)) from error
        if encrypted is None:
            raise self._broken or BrokenError("TLS failed: connection lost")
        self._transport = encrypted
        encrypted.set_write_buffer_limits(high=1, low=0)

    def abort(self) -> None:
        """Hang up at once. What was not given to the system yet is dropped."""
        self._break("connection closed")
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def closed(self) -> None:
        """Wait until the socket is given back."""
        await asyncio.shield(self._closed)

    # --- inside -----------------------------------------------------------------------------------------------------

    @property
    def _open(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def _break(self, why: str) -> None:
        if self._broken is None:
            self._broken = BrokenError(why)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _expire_in(self, seconds: float) -> None:
        """Set the deadline of the phase; the timer that is running already will do if it ends before."""
        self._deadline = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= self._deadline and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._tick)
            return
        self._break("timed out")
        self._wake()

    def _take(self) -> Reply | None:
        """One whole reply out of the buffer, if there is one. Raises BrokenError for what is none."""
        buffer = self._buffer
        while (end := buffer.find(b"\n", 0, LONGEST_LINE)) >= 0:
            raw = bytes(buffer[:end])
            del buffer[: end + 1]
            line = parse_line(raw)
            if line is None or (self._lines and line.code != self._code):
                raise self._garbled(raw)
            self._code = line.code
            self._size += len(raw)
            self._lines.append(line.text)
            if line.last:
                reply = Reply(line.code, self._lines)
                self._lines, self._size = [], 0
                return reply
            if len(self._lines) >= MOST_LINES or self._size > LONGEST_REPLY:
                raise self._garbled(b"an endless reply")
        if len(buffer) >= LONGEST_LINE:
            raise self._garbled(bytes(buffer[:_SHOWN]))
        return None

    def _garbled(self, what: bytes) -> BrokenError:
        self._break(f"not an SMTP reply: {shorten(clean_line(what.decode(errors='replace')), _SHOWN)}")
        assert self._broken is not None
        return self._broken


def reason(error: BaseException) -> str:
    """Why it failed, in a few words for a report."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"TLS certificate not accepted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or error}"
        case TimeoutError() if not error.errno:
            return "timed out"
        case UnicodeError():
            return "not a host name"
    number = error.errno if isinstance(error, OSError) else None
    # the errors of name resolution have negative numbers, and words of their own
    known = number is not None and number in errno.errorcode
    words = os.strerror(number) if known and number else str(getattr(error, "strerror", None) or error)
    words = clean_line(words)
    if words[1:2].islower():  # "Connection refused", but not "STARTTLS extension …"
        words = words[0].lower() + words[1:]
    return shorten(words, _SHOWN)
