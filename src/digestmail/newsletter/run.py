"""Run: collect, enrich, plan every due slot, finish whatever is unfinished. Calling it again is harmless."""

import logging
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date

from digestmail.errors import NotFoundError, TemplateError
from digestmail.model import DeliveryStatus, Issue, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.collect import Collected, ask_sources, store_answers
from digestmail.newsletter.compose import plan_due
from digestmail.newsletter.deliver import DeliveryReport, Stop, deliver
from digestmail.newsletter.enrich import Enriched, enrich
from digestmail.newsletter.optin import answer
from digestmail.newsletter.subscribe import Synced, sync

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class RunReport:
    """What one run did, for the person who watches and for the exit code."""

    synced: list[Synced] = field(default_factory=list)
    collected: list[Collected] = field(default_factory=list)
    enriched: list[Enriched] = field(default_factory=list)
    #: how many are active
    subscribers: int = 0
    #: slots planned by this run, empty ones included
    issues: list[Issue] = field(default_factory=list)
    delivered: DeliveryReport = field(default_factory=DeliveryReport)
    #: why who asks to be on the list gets no letter, if so
    unanswered: str = ""

    @property
    def sources_down(self) -> bool:
        """Sources were asked and none answered, not even a fallback."""
        return bool(self.collected) and not any(collected.answer.answered for collected in self.collected)

    @property
    def needs_attention(self) -> bool:
        """Some message was refused or waits for a person, or none can be made."""
        counts = self.delivered.counts
        return bool(counts[DeliveryStatus.FAILED] or counts[DeliveryStatus.HELD] or self.unanswered)


def run(
    newsletter: Newsletter,
    *,
    day: date | None = None,
    only: str | None = None,
    dry_run: bool = False,
    patient: bool = False,
    stop: Stop | None = None,
) -> RunReport:
    """One daily run.

    ``day`` makes it the run of that day for everyone (the clock of ``newsletter`` should say the same); ``only`` is one
    subscriber's address; ``dry_run`` plans in a rehearsal and sends nothing; ``patient`` respects the back-off of
    deferred deliveries; ``stop`` ends the sending early. Raises StoreError, TemplateError, and NotFoundError for an
    unknown ``only``. What sources and transports refuse is in the report.
    """
    now = newsletter.clock()
    report = RunReport()
    answers = ask_sources(newsletter, now, patient=patient)
    with newsletter.store.rehearsal() if dry_run else nullcontext():
        report.synced = sync(newsletter)
        if only and newsletter.store.subscribers.find(only) is None:
            raise NotFoundError(f"{only} is not subscribed")
        report.subscribers = newsletter.store.subscribers.count_by_status().get(SubscriberStatus.ACTIVE, 0)
        report.collected = store_answers(newsletter, answers, now)
        if not dry_run:  # a rehearsal waits for nobody
            report.enriched = enrich(newsletter, now)
        report.issues = plan_due(newsletter, now, day=day, only=only)
        if not dry_run:
            # the letters of a day that is over would not be good any more
            report.unanswered = "" if day else _answer(newsletter)
            report.delivered = deliver(newsletter, patient=patient, only=only, stop=stop)
    _log.info(
        "run sources=%d new=%d planned=%d sent=%d deferred=%d failed=%d dry=%s",
        len(report.collected),
        sum(collected.new for collected in report.collected),
        sum(bool(issue.papers) for issue in report.issues),
        report.delivered.counts[DeliveryStatus.SENT],
        report.delivered.counts[DeliveryStatus.DEFERRED],
        report.delivered.counts[DeliveryStatus.FAILED],
        dry_run,
    )
    return report


def _answer(newsletter: Newsletter) -> str:
    try:
        answer(newsletter)
    except TemplateError as error:  # it keeps no issue from going out
        return str(error)
    return ""


def send_letters(newsletter: Newsletter, stop: Stop) -> bool:
    """Write to whoever has asked to be on the list, and leave issues to ``run``; False when somebody still waits.

    Raises StoreError and TemplateError.
    """
    done = answer(newsletter)
    delivered = deliver(newsletter, patient=True, letters=True, stop=stop)
    return done and not delivered.unavailable and not delivered.letters[DeliveryStatus.DEFERRED]
