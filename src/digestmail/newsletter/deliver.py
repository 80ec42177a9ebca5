"""Deliver: claim what is due, render it from its plan, hand it to the transport, settle it."""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digestmail.errors import (
    AddressError,
    DeliveryAmbiguous,
    DeliveryDeferred,
    DeliveryRejected,
    MessageError,
    TransportUnavailable,
)
from digestmail.mail.links import unsubscribe_mailto
from digestmail.mail.message import build_message
from digestmail.model import Delivery, DeliveryStatus, Envelope, Issue, Rendered
from digestmail.newsletter import Newsletter
from digestmail.rendering.budget import Fitted, fit
from digestmail.rendering.joining import Joining, joining_of, rendered

_log = logging.getLogger(__name__)

# a batch must be sent within the lease of its claim, also by a slow server
_BATCH = 20
# Postfix's own back-off: wait as long as the message is old, within bounds
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(seconds=300), timedelta(seconds=4000)


@dataclass(slots=True)
class DeliveryReport:
    """What one pass over the deliveries did."""

    counts: Counter[DeliveryStatus] = field(default_factory=Counter)
    #: where the messages went, one reply each
    replies: list[str] = field(default_factory=list)
    #: one line per delivery that was deferred or failed
    problems: list[str] = field(default_factory=list)
    #: why the pass stopped early, if it did; what was left waits for the next run
    unavailable: str = ""


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


def joining_for(newsletter: Newsletter) -> Joining:
    """How the newsletter's issues are joined, by its template of this moment. Raises TemplateError."""
    return joining_of(newsletter.templates.load(newsletter.rules.template))


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
    )
    # its papers are promised: none may be left out, not even when the template has grown since
    fitted = fit(issue, joining, unsubscribe_url=unsubscribe_mailto(newsletter.mailing_list), drop=False)
    return Message(fitted, build_message(issue, fitted.encoded))


def deliver(newsletter: Newsletter, *, patient: bool = False, only: str | None = None) -> DeliveryReport:
    """Send everything that is unfinished, each delivery at most once in this pass.

    ``patient`` leaves deferred deliveries alone until their back-off is over (for a loop that comes again every few
    minutes); ``only`` is one subscriber's address.
    """
    report = DeliveryReport()
    asyncio.run(_deliver(newsletter, report, patient=patient, only=only))
    return report


async def _deliver(newsletter: Newsletter, report: DeliveryReport, *, patient: bool, only: str | None) -> None:
    last_id = 0
    while not report.unavailable:
        claimed = newsletter.store.deliveries.claim(
            newsletter.clock(), limit=_BATCH, after=last_id, patient=patient, only=only
        )
        if not claimed:
            break
        last_id = max(delivery.id for delivery in claimed)
        await _send_batch(newsletter, claimed, report)
        newsletter.progress("Sending", sum(report.counts.values()), 0)
    await newsletter.transport.close()


async def _send_batch(newsletter: Newsletter, claimed: list[Delivery], report: DeliveryReport) -> None:
    waiting = list(claimed)
    try:
        joining = joining_for(newsletter)
        while waiting:
            await _send(newsletter, waiting[0], joining, report)
            waiting.pop(0)
    except TransportUnavailable as error:
        report.unavailable = str(error)
    finally:
        # also when something unforeseen ends the pass: what was not tried must not wait for its lease to run out
        if waiting:
            note = report.unavailable or "interrupted"
            newsletter.store.deliveries.release(waiting, newsletter.clock(), note=note)
            report.counts[DeliveryStatus.DEFERRED] += len(waiting)


async def _send(newsletter: Newsletter, delivery: Delivery, joining: Joining, report: DeliveryReport) -> None:
    next_at = None
    try:
        note = await newsletter.transport.send(message_of(newsletter, delivery, joining).envelope, _no_commit)
        status = DeliveryStatus.SENT
        report.replies.append(note)
    except (DeliveryDeferred, DeliveryAmbiguous) as error:
        status, note = DeliveryStatus.DEFERRED, str(error)
        next_at = _next_attempt(delivery, newsletter.clock())
    except (DeliveryRejected, AddressError, MessageError) as error:
        status, note = DeliveryStatus.FAILED, str(error)
    newsletter.store.deliveries.settle(delivery, status, newsletter.clock(), note=note, next_at=next_at)
    report.counts[status] += 1
    if status is not DeliveryStatus.SENT:
        report.problems.append(f"{delivery.subscriber.email} {delivery.slot}: {status}: {note}")
    _log.info(
        "delivery id=%d slot=%s papers=%d attempt=%d status=%s",
        delivery.id,
        delivery.slot,
        len(delivery.papers),
        delivery.attempts,
        status,
    )


async def _no_commit() -> None:
    """The claim is all that is made durable before a message goes out."""


def _next_attempt(delivery: Delivery, now: datetime) -> datetime:
    return now + min(max(now - delivery.planned_at, _SHORTEST_WAIT), _LONGEST_WAIT)
