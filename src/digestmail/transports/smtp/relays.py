"""The relays of a transport: which one takes the next message, over which connection, and how they are doing."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from digestmail.errors import DeliveryAmbiguous, DeliveryDeferred, TransportError, TransportUnavailable
from digestmail.transports.smtp.connection import Connection, Phase, RefusedError, tls_context
from digestmail.transports.smtp.message import Message
from digestmail.transports.smtp.pace import Breaker, Window
from digestmail.transports.smtp.replies import CLOSING, refusal, slows_down
from digestmail.transports.smtp.settings import Deadlines, Relay
from digestmail.transports.smtp.wire import BrokenError

if TYPE_CHECKING:
    import ssl

# below the limits of common servers (Exim closes after 1000, some relays after 100)
_MESSAGES_PER_CONNECTION = 100
_IDLE = 30.0


class NotHereError(Exception):
    """This relay did not take the message, and knows nothing of it: another one may be asked."""

    def __init__(self, error: TransportError) -> None:
        """``error`` is what to raise when there is no other one."""
        super().__init__(str(error))
        self.error = error


class BusyError(Exception):
    """The relay takes no more connections beside those that it has: wait for one of them."""


class Route:
    """One relay with its connections."""

    def __init__(self, relay: Relay, ehlo_name: Callable[[], Awaitable[str | None]], deadlines: Deadlines) -> None:
        self.relay = relay
        self.breaker = Breaker()
        self.window = Window(relay.connections)
        #: messages under way
        self.under_way = 0
        #: what it is owed by its weight, in the choice of the next relay
        self.credit = 0.0
        self._ehlo_name = ehlo_name
        self._deadlines = deadlines
        self._idle: list[tuple[Connection, float]] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._tls: ssl.SSLContext | None = None

    def has_room(self, now: float) -> bool:
        """Whether another message may be under way now."""
        most = 1 if self.breaker.doubtful else self.window.size
        return self.under_way < most and self.window.resumes(now) <= now

    async def deliver(self, message: Message, commit: Callable[[], Awaitable[None]]) -> str:
        """Hand over one message; the server's reply.

        A kept connection may have been closed by the server in the meantime. When it ends before anything about this
        message was answered, a new one is tried, once.

        Raises NotHereError, BusyError, and the errors of ``Transport.send``.
        """
        begun_in = self.window.round
        connection = await self._kept()
        if connection is not None:
            with suppress(_StaleError):
                return await self._over(connection, message, commit, begun_in)
        return await self._over(await self._new(begun_in), message, commit, begun_in, kept=False)

    async def _over(
        self,
        connection: Connection,
        message: Message,
        commit: Callable[[], Awaitable[None]],
        begun_in: int,
        *,
        kept: bool = True,
    ) -> str:
        try:
            reply = await connection.deliver(message, commit)
        except BrokenError as error:
            if kept and connection.phase is Phase.ENVELOPE and not connection.answered:
                raise _StaleError from None
            raise self._lost(connection.phase, error) from error
        except RefusedError as error:
            if kept and not connection.answered:
                raise _StaleError from None
            raise self._refused(error, begun_in) from error
        finally:
            self._keep(connection)
        self.window.grow()
        return str(reply)

    def _lost(self, phase: Phase, error: BrokenError) -> Exception:
        """What a connection that ended in this phase means for the message."""
        why = f"{self.relay}: {error}"
        if phase is Phase.DOT:
            return DeliveryAmbiguous(f"{why}, after the end of the message: it may have been accepted")
        deferred = DeliveryDeferred(why, code=error.reply.status if error.reply else "")
        return deferred if phase is Phase.COMMITTED else NotHereError(deferred)

    def _refused(self, error: RefusedError, begun_in: int) -> Exception:
        if slows_down(error.reply):
            self.window.shrink(begun_in, asyncio.get_running_loop().time())
        refused = refusal(error.step, error.reply, str(self.relay))
        # before DATA nothing was handed over, and what is said about us may be said by this relay alone
        about_us = isinstance(refused, TransportUnavailable) or error.reply.code == CLOSING
        return NotHereError(refused) if about_us and error.step != "message" else refused

    # --- connections ------------------------------------------------------------------------------------------------

    async def _kept(self) -> Connection | None:
        """A connection from an earlier message that still stands."""
        while self._idle:
            connection, since = self._idle.pop()
            if not connection.usable:
                connection.abort()
                continue
            if asyncio.get_running_loop().time() - since < _IDLE or await connection.alive():
                return connection
        return None

    async def _new(self, begun_in: int) -> Connection:
        """Raises NotHereError or BusyError."""
        try:
            if self.relay.tls != "none" and self._tls is None:
                self._tls = tls_context(self.relay.ca_file)
            connection = await Connection.open(self.relay, self._tls, await self._ehlo_name(), self._deadlines)
        except BrokenError as error:
            now = asyncio.get_running_loop().time()
            if error.reply and error.reply.code == CLOSING and self.under_way > 1:
                self.window.shrink(begun_in, now)
                raise BusyError from error
            self.breaker.failed(str(error), now)
            code = error.reply.status if error.reply else ""
            raise NotHereError(TransportUnavailable(f"{self.relay}: {error}", code=code)) from error
        self.breaker.succeeded()
        return connection

    def _keep(self, connection: Connection) -> None:
        """For the next message, unless it is used up."""
        if not connection.usable:
            connection.abort()
        elif connection.served >= _MESSAGES_PER_CONNECTION or len(self._idle) + self.under_way > self.window.size:
            self._end(connection)
        else:
            self._idle.append((connection, asyncio.get_running_loop().time()))

    def _end(self, connection: Connection) -> None:
        ending = asyncio.create_task(connection.quit())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End what is idle."""
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            self._end(connection)
        if self._ending:
            await asyncio.wait(self._ending)


class _StaleError(Exception):
    """The kept connection had ended before the message was begun."""


class Routes:
    """All relays. The next message goes to the one that is owed most by its weight, of those that have room."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._waiting: set[asyncio.Future[None]] = set()

    async def room(self) -> None:
        """Wait until one of them has room. Raises TransportUnavailable when all are left alone for now."""
        await self._free(())

    async def take(self, without: Sequence[Route] = ()) -> Route:
        """The relay for the next message, with one more under way; wait until there is one.

        Raises TransportUnavailable when all but ``without`` are left alone for now.
        """
        free = await self._free(without)
        for route in free:
            route.credit += route.relay.weight
        chosen = max(free, key=lambda route: route.credit)
        chosen.credit -= sum(route.relay.weight for route in free)
        chosen.under_way += 1
        return chosen

    def give_back(self, route: Route) -> None:
        """One message less is under way."""
        route.under_way -= 1
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def close(self) -> None:
        """End what is idle."""
        await asyncio.gather(*(route.close() for route in self._routes))

    async def _free(self, without: Sequence[Route]) -> list[Route]:
        """Those that have room, as soon as there is one."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            healthy = [route for route in self._routes if route not in without and not route.breaker.rests(now)]
            if not healthy:
                whys = "; ".join(f"{route.relay}: {route.breaker.why}" for route in self._routes if route.breaker.why)
                raise TransportUnavailable(whys)
            if free := [route for route in healthy if route.has_room(now)]:
                return free
            await self._changed(min(route.window.resumes(now) for route in healthy), now)

    async def _changed(self, resumes: float, now: float) -> None:
        """Wait until a message is no longer under way, or a pause is over."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.add(future)
        # each waiter has a timer of its own: a pause ends for all of them
        timer = loop.call_at(resumes, self._resume, future) if resumes > now else None
        try:
            await future
        finally:
            self._waiting.discard(future)
            if timer:
                timer.cancel()

    @staticmethod
    def _resume(future: asyncio.Future[None]) -> None:
        if not future.done():
            future.set_result(None)
