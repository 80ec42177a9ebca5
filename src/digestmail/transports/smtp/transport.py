"""The transport: takes a message, waits for its turn, and finds a relay that accepts it."""

import asyncio
import re
import socket
from collections.abc import Sequence

from digestmail.errors import DeliveryDeferred, TransportError, TransportUnavailable
from digestmail.model import Envelope
from digestmail.protocols import Commit
from digestmail.transports.smtp.message import Message
from digestmail.transports.smtp.pace import Limits, Rates
from digestmail.transports.smtp.relays import BusyError, NotHereError, Route, Routes
from digestmail.transports.smtp.settings import Deadlines, Relay

_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_NO_NAME = (".localdomain", ".arpa", ".local")


class SmtpTransport:
    """Hands messages to ``relays``. Connects at the first message and keeps the connections until ``close``.

    Greets with ``ehlo_name``, by default this machine's name, or its address when it has none that others could know.
    """

    def __init__(
        self,
        relays: Sequence[Relay],
        *,
        ehlo_name: str | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        deadlines: Deadlines = Deadlines(),  # noqa: B008 - frozen
    ) -> None:
        self._name = ehlo_name
        self._name_known = ehlo_name is not None
        self._routes = Routes([Route(relay, self._ehlo_name, deadlines) for relay in relays])
        self._lanes = sum(relay.connections for relay in relays)
        self._rates = Rates(limits)
        #: turns that ``ready`` has taken, and no ``send`` has used yet
        self._turns = 0

    @property
    def lanes(self) -> int:
        """How many messages may be under way at once at most: what all relays take together."""
        return self._lanes

    async def ready(self) -> None:
        """Return when another message can be taken now. Raises TransportUnavailable when no relay is worth trying."""
        await self._routes.room()
        await self._turn()
        self._turns += 1

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        """Hand over one message and return the server's reply (``250 2.0.0 OK …``).

        Another relay is tried as long as none was told that this message comes for sure: never after ``commit``.

        Raises DeliveryDeferred for a 4yz reply or a connection lost before the final dot, DeliveryRejected for a 5yz
        reply about the message or its reader, DeliveryAmbiguous for a connection lost after the dot, and
        TransportUnavailable when no relay can be reached or all refuse us.
        """
        message = Message.of(envelope)
        if self._turns:
            self._turns -= 1
        else:
            await self._turn()
        loop = asyncio.get_running_loop()
        await _until(self._rates.reserve_domain(message.domain, loop.time()))
        return await self._by_any(message, commit)

    async def close(self) -> None:
        """Say goodbye on all idle connections at once, and wait a moment for the answers."""
        await self._routes.close()

    async def _by_any(self, message: Message, commit: Commit) -> str:
        tried: list[Route] = []
        errors: list[TransportError] = []
        while True:
            try:
                route = await self._routes.take(tried)
            except TransportUnavailable:
                if errors:
                    break
                raise
            try:
                return await route.deliver(message, commit)
            except NotHereError as error:
                tried.append(route)
                errors.append(error.error)
                error.error.__cause__ = error.__cause__
            except BusyError:
                continue
            finally:
                self._routes.give_back(route)
        raise _together(errors)

    async def _turn(self) -> None:
        await _until(self._rates.reserve(asyncio.get_running_loop().time()))

    async def _ehlo_name(self) -> str | None:
        if not self._name_known:
            # asks the name service, which may take its time
            name = await asyncio.get_running_loop().run_in_executor(None, socket.getfqdn)
            self._name = name if _NAME.fullmatch(name) and not name.endswith(_NO_NAME) else None
            self._name_known = True
        return self._name


async def _until(when: float) -> None:
    delay = when - asyncio.get_running_loop().time()
    if delay > 0:
        await asyncio.sleep(delay)


def _together(errors: Sequence[TransportError]) -> TransportError:
    """What several relays said. One that was lost in the middle concerns this message, whatever the others are."""
    deferred = next((error for error in errors if isinstance(error, DeliveryDeferred)), None)
    if deferred is not None or len(errors) == 1:
        return deferred or errors[0]
    return TransportUnavailable("; ".join(str(error) for error in errors), code=errors[-1].code)
