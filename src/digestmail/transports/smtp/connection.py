"""One conversation with a server, phase by phase. What an error means depends on the phase it comes in.

Up to the final dot nothing has been handed over: whatever goes wrong, the message can be sent again. From the dot until
its reply nobody knows (RFC 1047). So ``phase`` is set right before the dot is written, and never guessed afterwards.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from digestmail.errors import DeliveryRejected
from digestmail.transports.smtp.login import Login, pick
from digestmail.transports.smtp.message import Message
from digestmail.transports.smtp.replies import CLOSING, GO_AHEAD, Reply, Step
from digestmail.transports.smtp.settings import Deadlines, Relay
from digestmail.transports.smtp.wire import BrokenError, Wire, reason

_READY = 220
_NO_EHLO = (500, 502, 504)  # RFC 5321 §4.2.2
_LOOPBACK = "[127.0.0.1]"


class Phase(Enum):
    """How far a conversation has come."""

    #: connecting, greeting, encrypting, logging in
    OPENING = "opening"
    IDLE = "idle"
    #: MAIL, RCPT and DATA
    ENVELOPE = "envelope"
    CONTENT = "content"
    #: the caller has been told that the dot comes next
    COMMITTED = "committed"
    #: the dot may have reached the server
    DOT = "dot"


class RefusedError(Exception):
    """The server said no to one step."""

    def __init__(self, step: Step, reply: Reply) -> None:
        super().__init__(f"{step}: {reply}")
        self.step = step
        self.reply = reply


class Connection:
    """One conversation with one relay, for one message after the other."""

    def __init__(self, name: str, wire: Wire, deadlines: Deadlines) -> None:
        self._name = name
        self._wire = wire
        self._deadlines = deadlines
        self.phase = Phase.OPENING
        #: messages that the server has answered for
        self.served = 0
        #: whether the server has answered anything about the message under way
        self.answered = False
        #: what the server offers (RFC 5321 §4.1.1.1), in upper case, with its parameters
        self._offers: dict[str, str] = {}
        self._pipelining = False
        #: a transaction was begun and not ended: RSET comes first
        self._open_transaction = False

    # --- beginning --------------------------------------------------------------------------------------------------

    @classmethod
    async def open(
        cls, relay: Relay, context: ssl.SSLContext | None, ehlo_name: str | None, deadlines: Deadlines
    ) -> Self:
        """Connect, greet, encrypt, log in. Raises BrokenError when any of this fails."""
        connection = cls(str(relay), await _connect(relay, deadlines), deadlines)
        try:
            await connection._introduce(relay, context, ehlo_name)
        except BaseException:
            connection.abort()
            raise
        connection.phase = Phase.IDLE
        return connection

    async def _introduce(self, relay: Relay, context: ssl.SSLContext | None, ehlo_name: str | None) -> None:
        wire = self._wire
        name = ehlo_name or _literal(wire.local_address)
        if context and relay.tls == "implicit":
            await wire.encrypt(context, relay.host, self._deadlines.tls)
        greeting = await wire.reply(self._deadlines.greeting)
        if greeting.code != _READY:
            raise BrokenError(str(greeting), greeting)
        await self._hello(name)
        if context and relay.tls == "starttls":
            if "STARTTLS" not in self._offers:
                raise BrokenError("STARTTLS extension not supported by server")
            reply = await self._ask("STARTTLS")
            if reply.code != _READY:
                raise BrokenError(f"STARTTLS: {reply}", reply)
            await wire.encrypt(context, relay.host, self._deadlines.tls)
            await self._hello(name)  # what was offered in clear text counts for nothing (RFC 3207 §4.2)
        if relay.username is not None and relay.password is not None:
            await self._log_in(relay.username, relay.password, encrypted=context is not None)
        self._pipelining = "PIPELINING" in self._offers

    async def _hello(self, name: str) -> None:
        self._offers = {}
        reply = await self._ask(f"EHLO {name}")
        if reply.code in _NO_EHLO:
            reply = await self._ask(f"HELO {name}")
        elif reply.ok:
            for line in reply.lines[1:]:
                keyword, _, parameters = _offer(line).partition(" ")
                self._offers[keyword] = parameters
        if not reply.ok:
            raise BrokenError(f"EHLO: {reply}", reply)

    async def _log_in(self, username: str, password: str, *, encrypted: bool) -> None:
        mechanism = pick(self._offers.get("AUTH", "").split(), encrypted=encrypted)
        if mechanism is None:
            known = "no known mechanism" if "AUTH" in self._offers else "SMTP AUTH extension not supported by server"
            raise BrokenError(f"authentication failed: {known}")
        login = Login(mechanism, username, password)
        try:
            reply = await self._ask(login.begin())
            while line := login.go_on(reply):
                reply = await self._ask(line)
        except BrokenError as error:
            raise BrokenError(f"authentication failed: {login.shown(str(error))}") from None
        if not login.succeeded(reply):
            raise BrokenError(f"authentication failed: {login.shown(str(reply)) or reply.code}", reply)

    async def _ask(self, line: str) -> Reply:
        self._wire.write(f"{line}\r\n".encode())
        return await self._wire.reply(self._deadlines.command)

    # --- a message --------------------------------------------------------------------------------------------------

    async def deliver(self, message: Message, commit: Callable[[], Awaitable[None]]) -> Reply:
        """Hand over one message; the server's good reply.

        Raises RefusedError, BrokenError, what ``commit`` raises, and DeliveryRejected for what the server does not
        take. Where the conversation cannot go on after an error, the connection is closed.
        """
        parameters = self._parameters(message)
        try:
            await self._envelope(message, parameters)
            await self._content(message)
            self.phase = Phase.COMMITTED
            await commit()
            return await self._dot()
        except RefusedError as error:
            if error.reply.code == CLOSING or self.phase in (Phase.CONTENT, Phase.COMMITTED):
                self.abort()
            raise
        except BaseException:
            self.abort()
            raise

    def _parameters(self, message: Message) -> str:
        """What MAIL says about the message. Raises DeliveryRejected when it need not be tried."""
        size = self._offers.get("SIZE")
        if size and size.isdecimal() and 0 < int(size) < message.size:
            raise DeliveryRejected(
                f"{self._name}: the message has {message.size} bytes, the server takes {int(size)}", code="5.3.4"
            )
        parameters = f" SIZE={message.size}" if size is not None else ""
        if not message.eight_bit:
            return parameters
        if "8BITMIME" not in self._offers:
            raise DeliveryRejected(
                f"{self._name}: the message has 8-bit characters, which the server does not take", code="5.6.3"
            )
        return f"{parameters} BODY=8BITMIME"

    async def _envelope(self, message: Message, parameters: str) -> None:
        """MAIL, RCPT and DATA: in one write where the server lets us (RFC 2920), every reply checked in its turn."""
        self.phase, self.answered = Phase.ENVELOPE, False
        commands = self._commands(message, parameters)
        self._open_transaction = True
        if self._pipelining:
            self._wire.write("".join([line for _, line in commands]).encode())
        refused: RefusedError | None = None
        for step, line in commands:
            if not self._pipelining:
                self._wire.write(line.encode())
            try:
                reply = await self._wire.reply(self._deadlines.data if step == "DATA" else self._deadlines.command)
            except BrokenError:
                if not refused:
                    raise
                self.abort()
                break
            refused = refused or self._judged(step, reply)
            if refused and (not self._pipelining or reply.code == CLOSING):
                break
            if refused and step == "DATA" and not reply.refuses:
                self.abort()  # it wants a message that has no recipient: it gets none
        if refused:
            self.phase = Phase.IDLE
            raise refused

    def _commands(self, message: Message, parameters: str) -> list[tuple[Step, str]]:
        commands: list[tuple[Step, str]] = [
            ("MAIL", f"MAIL FROM:<{message.mail_from}>{parameters}\r\n"),
            ("RCPT", f"RCPT TO:<{message.rcpt_to}>\r\n"),
            ("DATA", "DATA\r\n"),
        ]
        if self._open_transaction:
            commands.insert(0, ("RSET", "RSET\r\n"))
        return commands

    def _judged(self, step: Step, reply: Reply) -> RefusedError | None:
        """Whether a step was refused. Raises BrokenError for a reply that has no meaning at this step."""
        if reply.code == GO_AHEAD if step == "DATA" else reply.ok:
            self.answered = self.answered or step != "RSET"
            return None
        if step == "RSET" or not reply.refuses:
            raise BrokenError(f"{step}: {reply}")
        # a kept connection that the server is closing has not answered anything about this message
        self.answered = self.answered or reply.code != CLOSING
        return RefusedError(step, reply)

    async def _content(self, message: Message) -> None:
        """The message without its dot, until all of it is with the system."""
        self.phase = Phase.CONTENT
        self._wire.write(message.content)
        await self._wire.drained(self._deadlines.body)
        await self._uninterrupted()

    async def _uninterrupted(self) -> None:
        """Before the dot the server has nothing to say: if it does, it has given up. No dot goes out after that."""
        if self._wire.heard:
            reply = await self._wire.reply(self._deadlines.data)
            if reply.refuses:
                raise RefusedError("message", reply)
            raise BrokenError(f"an answer before the end of the message: {reply}")
        if self._wire.broken:
            raise self._wire.broken

    async def _dot(self) -> Reply:
        await self._uninterrupted()
        self.phase = Phase.DOT
        self._wire.write(b".\r\n")
        reply = await self._wire.reply(self._deadlines.dot)
        if not (reply.ok or reply.refuses):
            raise BrokenError(f"not an answer to a message: {reply}")
        self.phase = Phase.IDLE
        self._open_transaction = False
        self.served += 1
        if not reply.ok:
            raise RefusedError("message", reply)
        return reply

    # --- between messages, and the end ------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether another message may be tried: the connection stands, and the server has not spoken unasked."""
        return self._wire.broken is None and not self._wire.heard

    async def alive(self) -> bool:
        """Whether the server still answers (NOOP). If not, the connection is closed."""
        is_alive = False
        try:
            with suppress(BrokenError):
                self._wire.write(b"NOOP\r\n")
                is_alive = (await self._wire.reply(self._deadlines.noop)).ok
        finally:
            if not is_alive:
                self.abort()
        return is_alive

    async def quit(self) -> None:
        """Say goodbye, wait a moment for the answer, and hang up."""
        try:
            if self.usable:
                self._wire.write(b"QUIT\r\n")
                with suppress(BrokenError):
                    await self._wire.reply(self._deadlines.quit)
        finally:
            self.abort()
        await self._wire.closed()

    def abort(self) -> None:
        """Hang up at once."""
        self._wire.abort()


def _offer(line: bytes) -> str:
    # AUTH=LOGIN is how servers wrote it before RFC 2554
    return line.decode(errors="replace").upper().strip().replace("AUTH=", "AUTH ", 1)


async def _connect(relay: Relay, deadlines: Deadlines) -> Wire:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(deadlines.connect):
            addresses = await loop.getaddrinfo(relay.host, relay.port, type=socket.SOCK_STREAM)
            failure = OSError("no address")
            for family, _, _, _, address in addresses:
                try:
                    # an address that does not answer leaves time for the others
                    return await _connect_to(family, address, deadlines.connect / len(addresses))
                except OSError as error:
                    failure = error
            raise failure
    except (OSError, UnicodeError) as error:  # UnicodeError: the host is no name that DNS could know
        raise BrokenError(reason(error)) from error


async def _connect_to(family: int, address: Any, seconds: float) -> Wire:
    # not loop.create_connection: cancelled at the wrong moment, it leaves the socket open (Python 3.11)
    loop = asyncio.get_running_loop()
    # asyncio sets TCP_NODELAY on sockets that name their protocol only; without it, the dot waits for an ACK (40 ms)
    end = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        end.setblocking(False)
        async with asyncio.timeout(seconds):
            await loop.sock_connect(end, address)
        _, wire = await loop.create_connection(Wire, sock=end)
    except BaseException:
        end.close()
        raise
    return wire


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """What verifies certificates. Raises BrokenError."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise BrokenError(f"ca_file {ca_file}: {reason(error)}") from error


def _literal(address: str) -> str:
    """An address literal (RFC 5321 §4.1.3), for a machine without a name."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return _LOOPBACK
    return f"[{ip}]" if ip.version == 4 else f"[IPv6:{ip}]"  # noqa: PLR2004 - the version is its own name
