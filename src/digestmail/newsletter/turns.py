"""What the lanes of a pass ask of the store, many askings in one transaction.

Making a transaction durable takes the disk its time, whatever is in it. So a transaction waits for company: until all
lanes have asked for something, or for as long as the last one took, so that waiting at most doubles what it costs.
"""

import asyncio
from datetime import datetime
from typing import Any, TypeVar

from digestmail.errors import ClaimLost, StoreError
from digestmail.model import AttemptEvent, Delivery, DeliveryStatus
from digestmail.protocols import Clock
from digestmail.storage.claims import Claims, Commitment, Settlement

# a database that somebody else has locked for long makes nobody wait as long again
_LONGEST_WAIT = 0.05

_Asked = TypeVar("_Asked")
_Waiting = list[tuple[_Asked, "asyncio.Future[None]"]]


class Turns:
    """Claims, commitments and settlements of one pass, in one event loop."""

    def __init__(self, claims: Claims, clock: Clock, *, lanes: int, due: datetime, only: str | None) -> None:
        """For so many lanes; ``due`` and ``only`` as in ``Claims.turn``."""
        self._claims, self._clock, self._due, self._only = claims, clock, due, only
        self._lanes = lanes
        #: the lanes that wait for the next transaction, and how long the last one took
        self._asking: set[asyncio.Task[Any] | None] = set()
        self._seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._settlements: _Waiting[Settlement] = []
        self._commitments: _Waiting[Commitment] = []
        self._claimants: list[asyncio.Future[Delivery | None]] = []
        #: why the store takes nothing any more, if it does not
        self.broken: StoreError | None = None

    async def claim(self) -> Delivery | None:
        """The next delivery that is due, None when there is none. Raises StoreError."""
        future: asyncio.Future[Delivery | None] = self._next_turn()
        self._claimants.append(future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and (delivery := future.result()):
                await self.settle(released(delivery, self._clock(), "interrupted"))
            raise

    async def commit(self, commitment: Commitment) -> None:
        """Make durable that what follows cannot be taken back. Raises ClaimLost, and StoreError when that fails."""
        future: asyncio.Future[None] = self._next_turn()
        self._commitments.append((commitment, future))
        await future

    def settle(self, settlement: Settlement) -> "asyncio.Future[None]":
        """Store a result, or where the store does not take it, remember it for the next pass.

        The future raises ClaimLost when another process has claimed the delivery since.
        """
        future: asyncio.Future[None] = self._next_turn()
        self._settlements.append((settlement, future))
        return future

    def one_less(self) -> None:
        """A lane has ended: nobody waits for it any more."""
        self._lanes -= 1
        if self._timer and len(self._asking) >= self._lanes:
            self._at_once()

    def _next_turn(self) -> "asyncio.Future[Any]":
        loop = asyncio.get_running_loop()
        self._asking.add(asyncio.current_task())
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._turn)
        if len(self._asking) >= self._lanes:
            self._at_once()
        return loop.create_future()

    def _at_once(self) -> None:
        """Everybody is here. Not before those who have just asked have said what they ask for."""
        assert self._timer is not None, "somebody has asked"
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(0, self._turn)

    def _turn(self) -> None:
        began = asyncio.get_running_loop().time()
        self._timer = None
        self._asking.clear()
        settlements, commitments = _still(self._settlements), _still(self._commitments)
        claimants = [future for future in self._claimants if not future.done()]
        self._settlements, self._commitments, self._claimants = [], [], []
        try:
            if self.broken:
                raise self.broken
            turn = self._claims.turn(
                self._clock(),
                settlements=[one for one, _ in settlements],
                commitments=[one for one, _ in commitments],
                wanted=len(claimants),
                due=self._due,
                only=self._only,
            )
        except StoreError as error:
            self._break(error, settlements, [*(future for _, future in commitments), *claimants])
            return
        asked = [(one.delivery.id, future) for one, future in settlements]
        for number, future in (*asked, *((one.delivery.id, future) for one, future in commitments)):
            if number in turn.lost:
                future.set_exception(ClaimLost(f"delivery {number}: another process has taken over"))
            else:
                future.set_result(None)
        nothing_more: list[Delivery | None] = [None] * (len(claimants) - len(turn.claimed))
        for claimant, delivery in zip(claimants, [*turn.claimed, *nothing_more], strict=True):
            claimant.set_result(delivery)
        self._seconds = min(asyncio.get_running_loop().time() - began, _LONGEST_WAIT)

    def _break(self, error: StoreError, settlements: _Waiting[Settlement], others: "list[asyncio.Future[Any]]") -> None:
        """Nothing was stored: results are remembered, nothing new is begun."""
        self.broken = error
        for future in others:
            future.set_exception(error)
        try:
            self._claims.remember([one for one, _ in settlements], self._clock())
        except StoreError as worse:
            for _, future in settlements:
                future.set_exception(worse)
        else:
            for _, future in settlements:
                future.set_result(None)


def released(delivery: Delivery, now: datetime, why: str) -> Settlement:
    """Given back untried: it is due at once, and the attempt does not count."""
    return Settlement(delivery, DeliveryStatus.DEFERRED, AttemptEvent.RELEASED, note=why, next_at=now, tried=False)


def _still(waiting: _Waiting[_Asked]) -> _Waiting[_Asked]:
    """Those who have not gone away."""
    return [asked for asked in waiting if not asked[1].done()]
