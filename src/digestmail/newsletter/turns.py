"""What the lanes of a pass ask of the store, many askings in one transaction.

A transaction takes the disk its time, whatever is in it. So it waits for company: until all lanes wait for it, or for
as long as the last one took, so that waiting at most doubles what it costs. Where there are many lanes, enough of them
are company: the others send meanwhile. It is made durable in a thread, which does nothing else, for what two threads of
Python do they do in turn. What a lane will want next is claimed when it commits: each message costs its lane one
transaction.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from digestmail.errors import ClaimLost, StoreError
from digestmail.model import AttemptEvent, Delivery, DeliveryStatus
from digestmail.protocols import Clock
from digestmail.storage.claims import Claims, Commitment, Settlement, Turn

# a database that somebody else has locked for long makes nobody wait as long again
_LONGEST_WAIT = 0.05
# a transaction costs as much as 20 messages in it; with more company than this it hardly gets cheaper for each
_ENOUGH = 24

_Asked = TypeVar("_Asked")
_Waiting = list[tuple[_Asked, "asyncio.Future[None]"]]


class _Asking(NamedTuple):
    """What shares a transaction."""

    settlements: _Waiting[Settlement]
    commitments: _Waiting[Commitment]
    claimants: "list[asyncio.Future[Delivery | None]]"

    @property
    def lanes(self) -> int:
        """How many lanes can do nothing before."""
        return len(self.commitments) + len(self.claimants)


class Turns:
    """Claims, commitments and settlements of one pass, in one event loop."""

    def __init__(
        self,
        claims: Claims,
        clock: Clock,
        *,
        lanes: int,
        due: datetime,
        only: str | None = None,
        letters: bool = False,
    ) -> None:
        """For so many lanes; ``due``, ``only`` and ``letters`` as in ``Claims.open_turn``."""
        self._claims, self._clock = claims, clock
        self._due, self._only, self._letters = due, only, letters
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._lanes = lanes
        #: a transaction, the wait for one, and how long the last one took
        self._running: asyncio.Future[None] | None = None
        self._timer: asyncio.Handle | None = None
        self._began = 0.0
        self._seconds = 0.0
        self._asking = _Asking([], [], [])
        #: claimed for lanes that will ask soon
        self._ahead: deque[Delivery] = deque()
        self._is_ending = False
        #: why the store takes nothing any more, if it does not
        self.broken: BaseException | None = None

    async def claim(self) -> Delivery | None:
        """The next delivery that is due, None when there is none. Raises StoreError."""
        if self._ahead:
            return self._ahead.popleft()
        future: asyncio.Future[Delivery | None] = asyncio.get_running_loop().create_future()
        self._asking.claimants.append(future)
        self._expect_turn()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and (delivery := future.result()):
                self._ahead.append(delivery)
            raise

    async def commit(self, commitment: Commitment) -> None:
        """Make durable that what follows cannot be taken back. Raises ClaimLost, and StoreError when that fails."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.commitments.append((commitment, future))
        self._expect_turn()
        await future

    def settle(self, settlement: Settlement) -> "asyncio.Future[None]":
        """Store a result, or where the store does not take it, remember it for the next pass.

        The future raises ClaimLost when another process has claimed the delivery since.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.settlements.append((settlement, future))
        self._expect_turn()
        return future

    def one_less(self) -> None:
        """A lane has ended: nobody waits for it any more, so that the last results are stored at once."""
        self._lanes -= 1
        if any(self._asking):
            self._expect_turn()

    def end(self) -> None:
        """Nobody will ask for more: nothing is claimed ahead any more."""
        self._is_ending = True

    async def close(self) -> None:
        """Give back what nobody has asked for, and wait until all is stored."""
        self.end()
        while self._ahead or self._running or any(self._asking):
            while self._ahead:
                self.settle(released(self._ahead.popleft(), self._clock(), "interrupted"))
            self._begin()
            if self._running:
                await asyncio.wait([self._running])
        self._thread.shutdown()

    @property
    def _company(self) -> int:
        """How many lanes a transaction waits for: of such groups, one waits for the disk while another sends."""
        groups = max(1, self._lanes // _ENOUGH)
        return -(-self._lanes // groups)

    def _expect_turn(self) -> None:
        """Somebody has asked."""
        if self._running:
            return
        if self._asking.lanes >= self._company:
            self._begin()
        elif self._timer is None:
            self._begin_at(monotonic() + self._seconds)

    def _begin_at(self, when: float) -> None:
        # looked at again: the timers of uvloop count whole milliseconds, from a time that stands still while callbacks
        # run. What begins too early has less company: with four lanes, a third more transactions
        loop, left = asyncio.get_running_loop(), when - monotonic()
        self._timer = loop.call_later(left, self._begin_at, when) if left > 0 else loop.call_soon(self._begin)

    def _begin(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if self._running or not any(self._asking):
            return
        loop = asyncio.get_running_loop()
        self._began = monotonic()
        asking, self._asking = self._asking, _Asking([], [], [])
        try:
            turn, transaction = self._open(asking)
        except Exception as error:  # noqa: BLE001 - whatever it is: all of them are told
            self._break(error, asking)
        else:
            self._running = loop.run_in_executor(self._thread, turn.commit)
            self._running.add_done_callback(partial(self._ended, asking, turn, transaction))

    def _open(self, asking: _Asking) -> tuple[Turn, ExitStack]:
        """A transaction that has only to be made durable, and its block."""
        if self.broken:
            raise self.broken
        # a lane that commits asks for the next delivery soon: then it need not wait for another transaction. What lies
        # ahead is for lanes that have committed before: there is never more of it than one for each lane, and whoever
        # asks here is not given it, for it may be gone by then
        wanted = 0 if self._is_ending else asking.lanes
        with ExitStack() as stack:
            turn = stack.enter_context(
                self._claims.open_turn(
                    self._clock(),
                    settlements=[one for one, _ in asking.settlements],
                    commitments=[one for one, future in asking.commitments if not future.done()],
                    wanted=wanted,
                    due=self._due,
                    only=self._only,
                    letters=self._letters,
                )
            )
            return turn, stack.pop_all()

    def _ended(self, asking: _Asking, turn: Turn, transaction: ExitStack, commit: "asyncio.Future[None]") -> None:
        self._running = None
        self._seconds = min(monotonic() - self._began, _LONGEST_WAIT)
        try:
            with transaction:
                commit.result()
        except Exception as error:  # noqa: BLE001 - as above
            self._break(error, asking)
            return
        _answer([*asking.settlements, *asking.commitments], turn.lost)
        self._hand_out(asking.claimants, turn.claimed)
        if any(self._asking):
            self._expect_turn()

    def _hand_out(self, claimants: "Sequence[asyncio.Future[Delivery | None]]", claimed: Sequence[Delivery]) -> None:
        self._ahead.extend(claimed)
        for claimant in claimants:
            if not claimant.done():  # who has gone away in the meantime leaves it to the others
                claimant.set_result(self._ahead.popleft() if self._ahead else None)

    def _break(self, error: BaseException, asking: _Asking) -> None:
        """Nothing was stored: results are remembered, nothing new is begun."""
        self.broken = error
        _fail([*(future for _, future in asking.commitments), *asking.claimants], error)
        settlements = [future for _, future in asking.settlements]
        try:
            self._claims.remember([one for one, _ in asking.settlements], self._clock())
        except StoreError as worse:
            _fail(settlements, worse)
        else:
            for future in settlements:
                if not future.done():
                    future.set_result(None)


def released(delivery: Delivery, now: datetime, why: str) -> Settlement:
    """Given back untried: it is due at once, and the attempt does not count."""
    return Settlement(delivery, DeliveryStatus.DEFERRED, AttemptEvent.RELEASED, note=why, next_at=now, tried=False)


def _answer(waiting: "Sequence[tuple[Settlement | Commitment, asyncio.Future[None]]]", lost: set[int]) -> None:
    for one, future in waiting:
        if future.done():
            continue
        if one.delivery.id in lost:
            future.set_exception(ClaimLost(f"delivery {one.delivery.id}: another process has taken over"))
        else:
            future.set_result(None)


def _fail(futures: "Iterable[asyncio.Future[Any]]", error: BaseException) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
