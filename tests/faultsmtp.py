"""An SMTP server that goes wrong on purpose, and keeps a record of what it accepted.

In a test::

    with serving({"RCPT": ["4xx"], "dot": ["accepted-drop"]}) as server:
        ...                     # server.port, server.accepted, server.heard
    # the first RCPT gets 451; the first message is accepted and the connection closed without an answer

As a program of its own, for tests that kill the sender::

    python -m faultsmtp --port 0 --log accepted.jsonl --seed 7 --fault RCPT:4xx=0.1 --fault dot:accepted-drop=0.08

It prints its port when it listens. Of each message that it accepts it appends a line to the log, and syncs it, *before*
it answers the dot: what is in the log is exactly what was accepted, whoever dies then.

Points: connect, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, body, dot, RSET, NOOP, QUIT. Faults:

======================= ============================================================================================
``4xx 421 5xx``         such a reply; after 421 the connection is closed. A text such as ``451 4.7.1 Slow`` is itself
``drop reset``          the connection is closed (FIN), reset (RST)
``stall``               no answer, ever
``drip``                an answer of which one byte comes each ``drip`` seconds
``garbage``             a line that is no reply
``endless``             a reply of ever more lines
``long``                a line of 10 MB
``accepted-…``          (dot only) the message is accepted and recorded; then any of these, instead of the 250
``extra``               the good reply, and another one that nobody asked for
======================= ============================================================================================
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import re
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

POINTS = (*("connect", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "body", "dot", "RSET", "NOOP", "QUIT"),)
ACCEPTED = "accepted-"

_REPLIES = {
    "connect": "220 faults.example.org ESMTP",
    "EHLO": "250 OK",
    "STARTTLS": "220 2.0.0 Ready to start TLS",
    "AUTH": "235 2.7.0 Authentication successful",
    "MAIL": "250 2.1.0 OK",
    "RCPT": "250 2.1.5 OK",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    "dot": "250 2.0.0 OK queued",
    "RSET": "250 2.0.0 OK",
    "NOOP": "250 2.0.0 OK",
    "QUIT": "221 2.0.0 Bye",
}
_CLASSES = {
    "4xx": {"AUTH": "454 4.7.0 Temporary authentication failure", "": "451 4.3.0 Try again later"},
    "421": {"": "421 4.3.2 Closing"},
    "5xx": {"AUTH": "535 5.7.8 Authentication failed", "RCPT": "550 5.1.1 No such user", "": "554 5.5.0 No"},
}
_MEGABYTES = 10
_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Accepted(NamedTuple):
    """One message that the server has taken responsibility for."""

    message_id: str
    sha256: str
    rcpt_to: str
    at: float


@dataclass(slots=True, kw_only=True)
class Options:
    """How the server behaves when nothing goes wrong, and where it writes what it accepted."""

    tls: Literal["none", "starttls", "implicit"] = "none"
    context: ssl.SSLContext | None = None
    #: user name and password; AUTH is offered when there are any
    login: tuple[str, str] | None = None
    mechanisms: str = "PLAIN LOGIN CRAM-MD5"
    pipelining: bool = True
    #: more lines of the answer to EHLO
    offers: Sequence[str] = ("8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 33554432")
    #: sent in clear text in one packet with the answer to STARTTLS
    injected: bytes = b""
    #: seconds between the bytes of a ``drip``
    drip: float = 1.0
    #: appended to, and synced, before a message is accepted
    log: Path | None = None


class Script:
    """Which fault comes at which point: those listed, one after the other, then any by its probability."""

    def __init__(
        self,
        faults: Mapping[str, Sequence[str | None]] | None = None,
        *,
        chances: Sequence[tuple[str, str, float]] = (),
        seed: int = 0,
    ) -> None:
        self._listed = {point: list(listed) for point, listed in (faults or {}).items()}
        self._chances = chances
        self._random = random.Random(seed)
        unknown = {*self._listed, *(point for point, _, _ in chances)} - set(POINTS)
        if unknown:
            raise ValueError(f"unknown points: {sorted(unknown)}")

    def next(self, point: str) -> str | None:
        """The fault of this occurrence of the point."""
        if listed := self._listed.get(point):
            return listed.pop(0)
        for where, fault, chance in self._chances:
            if where == point and self._random.random() < chance:
                return fault
        return None

    def left(self) -> dict[str, list[str | None]]:
        """What was listed and has not come."""
        return {point: listed for point, listed in self._listed.items() if listed}


class _GoneError(Exception):
    """This conversation is over."""


@dataclass(slots=True)
class FaultServer:
    """The server. All that it knows may be read from other threads."""

    script: Script = field(default_factory=Script)
    options: Options = field(default_factory=Options)
    port: int = 0
    #: every line that any client sent, without message contents; and under TLS only after the handshake
    heard: list[str] = field(default_factory=list)
    #: every byte that any client sent before or without encryption
    clear: bytearray = field(default_factory=bytearray)
    accepted: list[Accepted] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    connections: int = 0
    #: connections that were open at the same time, at most
    most_at_once: int = 0
    _open: set["_Conversation"] = field(default_factory=set)

    async def start(self, port: int = 0) -> asyncio.Server:
        """Listen on loopback."""
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        # a small window, so that a server that stops reading is felt by who writes
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = self.options.context if self.options.tls == "implicit" else None
        server = await asyncio.start_server(self._serve, sock=listener, ssl=context, limit=2**20)
        self.port = listener.getsockname()[1]
        return server

    async def stop(self) -> None:
        """End every conversation."""
        for conversation in list(self._open):
            conversation.cancel()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = _Conversation(self, reader, writer)
        self._open.add(conversation)
        self.connections += 1
        self.most_at_once = max(self.most_at_once, len(self._open))
        try:
            await conversation.run()
        finally:
            self._open.discard(conversation)

    def accept(self, content: bytes, rcpt_to: str) -> None:
        """Take responsibility: durable before anybody is told."""
        found = _MESSAGE_ID.search(content.partition(b"\r\n\r\n")[0])
        one = Accepted(found[1].decode() if found else "", hashlib.sha256(content).hexdigest(), rcpt_to, time.time())
        if self.options.log is not None:
            with self.options.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(one._asdict()) + "\n")
                log.flush()
                os.fsync(log.fileno())
        self.accepted.append(one)
        self.contents.append(content)


class _Conversation:
    """One connection."""

    def __init__(self, server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._options = server.options
        self._reader, self._writer = reader, writer
        self._encrypted = server.options.tls == "implicit"
        self._logged_in = server.options.login is None
        self._sender = self._recipient = ""
        self._task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        if self._task:
            self._task.cancel()

    async def run(self) -> None:
        self._task = asyncio.current_task()
        try:
            await self._answer("connect", _REPLIES["connect"])
            while line := await self._reader.readline():
                self._note(line)
                await self._command(line.decode(errors="replace").rstrip("\r\n"))
        except (_GoneError, OSError, EOFError, ssl.SSLError, asyncio.CancelledError, ValueError):
            pass
        finally:
            self._writer.transport.abort()

    def _note(self, line: bytes) -> None:
        self._server.heard.append(line.decode(errors="replace").rstrip("\r\n"))
        if not self._encrypted:
            self._server.clear += line

    # --- verbs ------------------------------------------------------------------------------------------------------

    async def _command(self, line: str) -> None:
        verb = line.split(" ", maxsplit=1)[0].upper()
        match verb:
            case "EHLO" | "HELO":
                await self._hello(verb)
            case "STARTTLS":
                await self._start_tls()
            case "AUTH":
                await self._auth(line)
            case "MAIL":
                await self._mail(line)
            case "RCPT":
                await self._rcpt(line)
            case "DATA":
                await self._data()
            case "RSET":
                await self._answer("RSET", _REPLIES["RSET"])
                self._sender = self._recipient = ""
            case "NOOP":
                await self._answer("NOOP", _REPLIES["NOOP"])
            case "QUIT":
                await self._answer("QUIT", _REPLIES["QUIT"])
                raise _GoneError
            case _:
                await self._say("500 5.5.2 What?")

    async def _hello(self, verb: str) -> None:
        if verb == "HELO":
            await self._answer("EHLO", "250 faults.example.org")
            return
        offers = ["faults.example.org", *self._options.offers]
        if self._options.pipelining:
            offers.append("PIPELINING")
        if self._options.tls == "starttls" and not self._encrypted:
            offers.append("STARTTLS")
        if self._options.login:
            offers.append(f"AUTH {self._options.mechanisms}")
        lines = [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]
        await self._answer("EHLO", "\r\n".join(lines))

    async def _start_tls(self) -> None:
        if self._options.tls != "starttls" or self._encrypted:
            await self._say("502 5.5.1 Not here")
            return
        fault = self._server.script.next("STARTTLS")
        if fault is not None:
            await self._go_wrong("STARTTLS", fault, _REPLIES["STARTTLS"])
            return
        self._writer.write(f"{_REPLIES['STARTTLS']}\r\n".encode() + self._options.injected)
        assert self._options.context
        await self._writer.start_tls(self._options.context)
        self._encrypted = True

    async def _auth(self, line: str) -> None:
        mechanism = line.split(" ")[1].upper()
        if mechanism == "PLAIN":
            given = b64decode(line.split(" ")[2]).split(b"\0")[1:]
        elif mechanism == "LOGIN":
            given = [await self._challenge("VXNlcm5hbWU6"), await self._challenge("UGFzc3dvcmQ6")]
        else:
            given = (await self._challenge("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")).split(b" ")
        assert self._options.login
        user, password = (text.encode() for text in self._options.login)
        right = [user, password]
        if mechanism == "CRAM-MD5":
            import hmac

            challenge = b"<1896.697170952@postoffice.reston.mci.net>"
            right = [user, hmac.new(password, challenge, "md5").hexdigest().encode()]
        self._logged_in = given == right
        await self._answer("AUTH", _REPLIES["AUTH"] if self._logged_in else _CLASSES["5xx"]["AUTH"])

    async def _challenge(self, text: str) -> bytes:
        await self._say(f"334 {text}")
        line = await self._reader.readline()
        self._note(line)
        return b64decode(line)

    async def _mail(self, line: str) -> None:
        if not self._logged_in:
            await self._say("530 5.7.0 Authentication required")
        elif self._sender:
            await self._say("503 5.5.1 Sender already given")
        elif await self._answer("MAIL", _REPLIES["MAIL"]):
            self._sender = line

    async def _rcpt(self, line: str) -> None:
        if not self._sender:
            await self._say("503 5.5.1 Need MAIL first")
        elif await self._answer("RCPT", _REPLIES["RCPT"]):
            self._recipient = line.partition("<")[2].partition(">")[0]

    async def _data(self) -> None:
        if not self._recipient:
            await self._say("554 5.5.1 No valid recipients")
        elif await self._answer("DATA", _REPLIES["DATA"]):
            await self._message()
            self._sender = self._recipient = ""

    async def _message(self) -> None:
        fault = self._server.script.next("body")
        if fault is not None:
            await self._reader.readline()
            # or else all of a big message may be on its way here before the sender looks up
            self._pause()
            await self._go_wrong("body", fault, "")
            await self._drop()
        content = await self._content()
        fault = self._server.script.next("dot")
        good = _REPLIES["dot"]
        if fault is None or fault.startswith((ACCEPTED, "extra")):
            self._server.accept(content, self._recipient)
        if fault is None:
            await self._say(good)
        else:
            await self._go_wrong("dot", fault.removeprefix(ACCEPTED), good)

    async def _content(self) -> bytes:
        """All up to the dot, with the dots at the beginning of lines as they were."""
        with suppress(asyncio.LimitOverrunError):
            stuffed = await self._reader.readuntil(b"\r\n.\r\n")
            return (b"\r\n" + stuffed.removesuffix(b".\r\n")).replace(b"\r\n.", b"\r\n").removeprefix(b"\r\n")
        lines: list[bytes] = []  # a big one
        while (line := await self._reader.readline()) != b".\r\n":
            if not line.endswith(b"\n"):
                raise EOFError
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    # --- answers ----------------------------------------------------------------------------------------------------

    async def _answer(self, point: str, good: str) -> bool:
        """Give the good reply, or the fault that the script has for this point. Whether it was good."""
        fault = self._server.script.next(point)
        if fault is None:
            await self._say(good)
            return True
        await self._go_wrong(point, fault, good)
        return fault.startswith(("2", "3")) or fault == "extra"

    async def _say(self, text: str) -> None:
        self._writer.write(f"{text}\r\n".encode())
        await self._writer.drain()

    async def _go_wrong(self, point: str, fault: str, good: str) -> None:
        if fault in _CLASSES:
            of_class = _CLASSES[fault]
            await self._say(of_class.get(point, of_class[""]))
            if fault == "421":
                await self._drop()
        elif re.match(r"\d{3}[ -]", fault):
            await self._say(fault)
            if fault.startswith("421"):
                await self._drop()
        elif fault == "extra":
            await self._say(f"{good}\r\n250 And another one")
        else:
            await getattr(self, f"_{fault}")(good)

    async def _drop(self, _good: str = "") -> None:
        """Close our side, so that what was said before still arrives, and wait for the other one."""
        with suppress(OSError, NotImplementedError):
            self._writer.write_eof()
        if not self._encrypted:
            await self._idle()
        raise _GoneError

    async def _reset(self, _good: str) -> None:
        linger = struct.pack("ii", 1, 0)  # closing then sends RST
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise _GoneError

    async def _stall(self, _good: str) -> None:
        self._pause()  # a server that has gone silent reads nothing either
        await asyncio.Event().wait()

    async def _drip(self, good: str) -> None:
        for byte in f"{good or '250 OK'}\r\n".encode():
            self._writer.write(bytes([byte]))
            await self._writer.drain()
            await asyncio.sleep(self._options.drip)

    async def _garbage(self, _good: str) -> None:
        await self._say("HTTP/1.1 400 Bad Request")
        await self._idle()

    async def _endless(self, _good: str) -> None:
        lines = b"250-and another line\r\n" * 1000
        while True:
            self._writer.write(lines)
            await self._writer.drain()

    async def _long(self, _good: str) -> None:
        for _ in range(_MEGABYTES * 16):
            self._writer.write(b"2" * 2**16)
            await self._writer.drain()
        await self._say("")
        await self._idle()

    async def _idle(self) -> None:
        """Until the other side has closed, or for some seconds."""
        async with asyncio.timeout(5):
            while await self._reader.read(2**16):
                pass
        raise _GoneError

    def _pause(self) -> None:
        with suppress(RuntimeError):  # paused already
            self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio types it as write only


@contextmanager
def serving(
    faults: Mapping[str, Sequence[str | None]] | None = None, options: Options | None = None
) -> Iterator[FaultServer]:
    """A server in a thread of its own, on a port that the system chose."""
    server = FaultServer(Script(faults), options or Options())
    loop = asyncio.new_event_loop()
    listening = threading.Event()
    ending = asyncio.Event()

    async def serve() -> None:
        async with await server.start():
            listening.set()
            await ending.wait()
            await server.stop()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    listening.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()


def read_log(path: Path) -> list[Accepted]:
    """What a server that wrote this log has accepted. A line that was cut off by a crash was not accepted."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [Accepted(**json.loads(line)) for line in lines]


def _chance(text: str) -> tuple[str, str, float]:
    """``RCPT:4xx=0.1``."""
    where, _, chance = text.rpartition("=")
    point, _, fault = where.partition(":")
    return point, fault, float(chance)


async def _serve_until_told(server: FaultServer, port: int) -> None:
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    async with await server.start(port):
        print(server.port, flush=True)  # noqa: T201 - this is how who started it learns the port
        await ending.wait()
        await server.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m faultsmtp", description="An SMTP server that goes wrong.")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose; the port is printed")
    parser.add_argument("--log", type=Path, help="one JSON line for each accepted message, synced before the 250")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-pipelining", action="store_true")
    parser.add_argument("--fault", type=_chance, action="append", default=[], help="POINT:FAULT=PROBABILITY")
    given = parser.parse_args(arguments)
    server = FaultServer(
        Script(chances=given.fault, seed=given.seed),
        Options(log=given.log, pipelining=not given.no_pipelining),
    )
    asyncio.run(_serve_until_told(server, given.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
