"""Deliver: claim what is due, render it from its plan, hand it to the transport, settle it.

Several lanes do this at once in one event loop, each with one delivery at a time: claim, render, send up to where it
can be taken back, commit, send the rest, settle. Claims, commitments and results of all lanes go through ``turns``.
"""

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from types import FrameType

import xxhash

from digestmail.errors import (
    AddressError,
    ClaimLost,
    DeliveryAmbiguous,
    DeliveryDeferred,
    DeliveryRejected,
    MessageError,
    TransportUnavailable,
)
from digestmail.mail.links import pages_of, routes_of
from digestmail.mail.message import build_message
from digestmail.mail.tokens import Tokens
from digestmail.model import AttemptEvent, Delivery, DeliveryStatus, Envelope, Issue, Rendered
from digestmail.newsletter import Newsletter, eventloop
from digestmail.newsletter.letters import letter_of, template_of
from digestmail.newsletter.suppression import count_rejection
from digestmail.newsletter.turns import Turns, released
from digestmail.rendering.budget import Fitted, fit
from digestmail.rendering.compile import restored
from digestmail.rendering.joining import Joining, joining_of, rendered
from digestmail.storage.claims import MOST_AMBIGUOUS, Commitment, Settlement

_log = logging.getLogger(__name__)

# Postfix's own back-off: wait as long as the message is old, within bounds
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(seconds=300), timedelta(seconds=4000)
_CHANGED = "the message would not be the same as one that may have been accepted: 'digestmail resolve' decides"


@dataclass(slots=True)
class DeliveryReport:
    """What one pass over the deliveries did."""

    counts: Counter[DeliveryStatus] = field(default_factory=Counter)
    #: the same of letters; ``counts`` are issues
    letters: Counter[DeliveryStatus] = field(default_factory=Counter)
    #: where the messages went, one reply each
    replies: list[str] = field(default_factory=list)
    #: one line per delivery that was deferred, held or failed
    problems: list[str] = field(default_factory=list)
    #: why the pass stopped early, if it did; what was left waits for the next run
    unavailable: str = ""
    #: whether it was asked to stop
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """An issue in all its forms."""

    fitted: Fitted
    envelope: Envelope

    @property
    def issue(self) -> Issue:
        """What it is made of."""
        return self.fitted.issue

    @property
    def rendered(self) -> Rendered:
        """What it says."""
        return rendered(self.fitted.encoded)


def joining_for(newsletter: Newsletter, kept: str | None = None) -> Joining:
    """How issues are joined: by the template that was kept under this name, or the newsletter's of this moment.

    Raises TemplateError.
    """
    parts = newsletter.store.deliveries.template(kept) if kept else None
    if parts is None:
        return joining_of(newsletter.templates.load(newsletter.rules.template))
    return joining_of(restored(kept or "", parts))


def message_of(newsletter: Newsletter, delivery: Delivery, joining: Joining) -> Message:
    """The message of a planned delivery: from the same plan and template always the same bytes.

    Raises TemplateError, which concerns every message, and AddressError or MessageError, which concern this one.
    """
    issue = Issue(
        mailing_list=newsletter.mailing_list,
        subscriber=delivery.subscriber,
        slot=delivery.slot,
        papers=delivery.papers,
        receipt=delivery.receipt,
        composed_at=delivery.planned_at,
        generation=delivery.generation,
        message_id=delivery.message_id,
        followups=delivery.followups,
        lull=delivery.lull,
    )
    return finished(issue, joining, newsletter.tokens, newsletter.sign)


def finished(issue: Issue, joining: Joining, tokens: Tokens, sign: Callable[[bytes], bytes]) -> Message:
    """The message of an issue as it goes out, signatures and all. Raises as ``message_of`` does."""
    routes = routes_of(issue.mailing_list, tokens, issue.subscriber)
    # its papers are promised: none may be left out, not even when the template has grown since
    pages = pages_of(issue.mailing_list, tokens, issue.subscriber, issue.slot)
    fitted = fit(issue, joining, unsubscribe_url=routes.unsubscribe_url, pages=pages, drop=False)
    envelope = build_message(issue, fitted.encoded, routes)
    return Message(fitted, replace(envelope, content=sign(envelope.content)))


class Stop:
    """Asks a pass to end. Asked once, it finishes the messages that are under way; asked again, it leaves them."""

    def __init__(self) -> None:
        #: how often it was asked
        self.asked = 0
        self._listener: Callable[[], object] | None = None

    def ask(self) -> None:
        """May be called from a signal handler or another thread."""
        self.asked += 1
        if self._listener:
            self._listener()

    @property
    def is_heard(self) -> bool:
        """Whether a pass is under way."""
        return self._listener is not None

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """Within the block, ``listener`` is told in the running event loop."""
        loop = asyncio.get_running_loop()
        self._listener = lambda: loop.call_soon_threadsafe(listener)
        try:
            yield
        finally:
            self._listener = None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Within the block, SIGTERM and SIGINT ask a pass that is under way; others end the process as before."""

        def handle(number: int, frame: FrameType | None) -> None:
            before = handlers[number]
            if self.is_heard:
                self.ask()
            elif callable(before):
                before(number, frame)

        handlers = {int(number): signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in handlers:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, before in handlers.items():
                signal.signal(number, before)


def deliver(
    newsletter: Newsletter,
    *,
    patient: bool = False,
    only: str | None = None,
    letters: bool = False,
    stop: Stop | None = None,
) -> DeliveryReport:
    """Send everything that is unfinished, each delivery at most once in this pass.

    ``patient`` leaves deferred deliveries alone until their back-off is over (for a loop that comes again every few
    minutes); without it only what a server wants tried hours later waits. ``only`` is one subscriber's address;
    ``letters`` leaves issues to others. Raises StoreError and TemplateError; what is under way then is finished first.
    """
    now = newsletter.clock()
    claims = newsletter.store.claims
    claims.recover(now, expires_after=newsletter.rules.expires_after, resend=newsletter.rules.on_ambiguous == "resend")
    if not patient:
        claims.hurry(now, within=_LONGEST_WAIT, only=only)
    claims.reserve()
    # what is deferred in this pass is due after it began: each delivery is tried once
    turns = Turns(claims, newsletter.clock, lanes=newsletter.transport.lanes, due=now, only=only, letters=letters)
    report = eventloop.run(_Pass(newsletter, turns, stop or Stop()).run())
    claims.close_journal()
    return report


class _Pass:
    """The lanes of one pass, and what they have done."""

    def __init__(self, newsletter: Newsletter, turns: Turns, stop: Stop) -> None:
        self._newsletter, self._turns, self._stop = newsletter, turns, stop
        self._started = newsletter.clock()
        self._report = DeliveryReport()
        self._joinings: dict[str | None, Joining] = {}
        self._is_ending = False
        self._error: BaseException | None = None
        self._lanes: list[asyncio.Task[None]] = []
        #: lanes that wait for something to do
        self._idle: set[asyncio.Task[None]] = set()

    async def run(self) -> DeliveryReport:
        """Until nothing is due, or nothing can go out."""
        self._lanes = [asyncio.create_task(self._lane()) for _ in range(self._newsletter.transport.lanes)]
        with self._stop.heard_by(self._hear):
            try:
                await asyncio.wait(self._lanes)
            finally:
                self._leave()
                await asyncio.wait(self._lanes)
                await self._turns.close()
        await self._newsletter.transport.close()
        error = self._error or self._turns.broken
        if error:
            raise error
        return self._report

    def _hear(self) -> None:
        self._report.stopped = True
        self._end()
        if self._stop.asked > 1:
            self._leave()

    def _leave(self) -> None:
        """Finish nothing more: what is under way is given back where that can be."""
        for lane in self._lanes:
            lane.cancel()

    def _end(self) -> None:
        """Begin nothing more."""
        self._is_ending = True
        self._turns.end()
        for lane in self._idle:
            lane.cancel()

    async def _lane(self) -> None:
        try:
            while not self._is_ending and (delivery := await self._next()):
                await self._deliver(delivery)
        except asyncio.CancelledError:
            if not self._is_ending:
                raise
        except Exception as error:  # noqa: BLE001 - the others finish what they have begun, then it is raised
            self._fail(error)
        finally:
            self._turns.one_less()

    async def _next(self) -> Delivery | None:
        lane = asyncio.current_task()
        assert lane is not None, "a lane is a task"
        self._idle.add(lane)
        try:
            await self._newsletter.transport.ready()
            return await self._turns.claim()
        except TransportUnavailable as error:
            self._pause(error)
            return None
        finally:
            self._idle.discard(lane)

    def _pause(self, error: TransportUnavailable) -> None:
        self._report.unavailable = self._report.unavailable or str(error)
        self._end()

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error
        self._end()

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            settlement = await self._attempt(delivery)
        except ClaimLost as error:
            _log.warning("%s", error)
            return
        if settlement.status is DeliveryStatus.FAILED and settlement.code:
            # before it is settled: what is counted twice counts once, what is forgotten is never counted
            count_rejection(self._newsletter, delivery, settlement.code, settlement.note)
        # the lane goes on: its next message cannot be committed before this is stored
        self._turns.settle(settlement).add_done_callback(partial(self._settled, settlement))

    def _settled(self, settlement: Settlement, stored: "asyncio.Future[None]") -> None:
        """A result is stored, or is not: tell it."""
        match stored.exception():
            case None:
                self._tell(settlement)
            case ClaimLost() as error:
                _log.warning("%s", error)
            case error:
                self._fail(error)

    async def _attempt(self, delivery: Delivery) -> Settlement:
        """Try once. What concerns all messages is raised, after the delivery was given back."""
        is_committed = False

        async def commit() -> None:
            nonlocal is_committed
            await self._turns.commit(Commitment(delivery, digest))
            is_committed = True

        try:
            envelope = self._envelope(delivery)
            digest = xxhash.xxh3_128_hexdigest(envelope.content)
            if delivery.ambiguous and delivery.digest not in (None, digest):
                return Settlement(delivery, DeliveryStatus.HELD, AttemptEvent.HELD, note=_CHANGED)
            reply = await self._newsletter.transport.send(envelope, commit)
        except TransportUnavailable as error:
            self._pause(error)
            return released(delivery, self._newsletter.clock(), str(error))
        except (DeliveryDeferred, DeliveryAmbiguous, DeliveryRejected, AddressError, MessageError) as error:
            return self._refused(delivery, error)
        except ClaimLost:
            raise
        except BaseException:
            self._end()
            # what is committed is left to recovery, which knows that nobody knows
            if not is_committed:
                with suppress(ClaimLost):
                    await asyncio.shield(
                        self._turns.settle(released(delivery, self._newsletter.clock(), "interrupted"))
                    )
            raise
        self._report.replies.append(reply)
        return Settlement(delivery, DeliveryStatus.SENT, AttemptEvent.SENT, note=reply)

    def _refused(self, delivery: Delivery, error: Exception) -> Settlement:
        code = getattr(error, "code", "")
        match error:
            case DeliveryDeferred():
                next_at = self._next_attempt(delivery, error.retry_after)
                return Settlement(
                    delivery, DeliveryStatus.DEFERRED, AttemptEvent.DEFERRED, code, str(error), next_at=next_at
                )
            case DeliveryAmbiguous():
                again = self._newsletter.rules.on_ambiguous == "resend" and delivery.ambiguous < MOST_AMBIGUOUS
                status = DeliveryStatus.DEFERRED if again else DeliveryStatus.HELD
                later = self._next_attempt(delivery, None) if again else None
                return Settlement(delivery, status, AttemptEvent.AMBIGUOUS, code, str(error), next_at=later)
        return Settlement(delivery, DeliveryStatus.FAILED, AttemptEvent.FAILED, code, str(error))

    def _next_attempt(self, delivery: Delivery, asked: timedelta | None) -> datetime:
        # a clock that was set back must not make it due again in this pass
        now = max(self._newsletter.clock(), self._started)
        return now + (asked or min(max(now - delivery.planned_at, _SHORTEST_WAIT), _LONGEST_WAIT))

    def _envelope(self, delivery: Delivery) -> Envelope:
        if delivery.is_letter:
            return letter_of(self._newsletter, delivery, template_of(self._newsletter, delivery))
        return message_of(self._newsletter, delivery, self._joining(delivery)).envelope

    def _joining(self, delivery: Delivery) -> Joining:
        kept = delivery.template
        if kept not in self._joinings:
            self._joinings[kept] = joining_for(self._newsletter, kept)
        return self._joinings[kept]

    def _tell(self, settlement: Settlement) -> None:
        delivery, status = settlement.delivery, settlement.status
        counts = self._report.letters if delivery.is_letter else self._report.counts
        counts[status] += 1
        # that a stranger has mistyped an address is nothing that the operator could mend
        if not delivery.is_letter and status is not DeliveryStatus.SENT and settlement.tried:
            self._report.problems.append(f"{delivery.email} {delivery.slot}: {status}: {settlement.note}")
        self._newsletter.progress("Sending", self._report.counts.total(), 0)
        _log.info(
            "delivery id=%d kind=%s slot=%s attempt=%d status=%s",
            delivery.id,
            delivery.kind,
            delivery.slot,
            delivery.attempts,
            status,
        )
