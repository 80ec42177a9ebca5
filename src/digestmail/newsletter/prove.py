"""Prove: the whole way of one paper to one reader, from the source to the answer of the mail server."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from digestmail.model import Attempt, AttemptEvent, ChangeKind, Delivery, DeliveryStatus, Paper
from digestmail.newsletter import Newsletter
from digestmail.newsletter.explain import Explained, explain
from digestmail.storage.followups import Told


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Proof:
    """All that is on record."""

    paper: Paper
    #: what is known of a paper that was never promised
    explained: Explained
    #: the delivery that promised it
    delivery: Delivery | None
    steps: tuple[Step, ...]

    @property
    def is_delivered(self) -> bool:
        """Whether the other side has it."""
        return self.delivery is not None and self.delivery.status is DeliveryStatus.SENT


def prove(newsletter: Newsletter, email: str, reference: str) -> Proof:
    """The way of a paper to a subscriber. Raises NotFoundError for an unknown subscriber or paper."""
    explained = explain(newsletter, email, reference)
    delivery = explained.delivery
    attempts = newsletter.store.deliveries.past(delivery.id) if delivery else []
    steps = [
        *_steps(explained.paper, delivery, attempts),
        *_news(newsletter.store.followups.told(email, explained.paper.key)),
    ]
    return Proof(explained.paper, explained, delivery, tuple(sorted(steps, key=lambda step: step.at)))


def _steps(paper: Paper, delivery: Delivery | None, attempts: list[Attempt]) -> Iterator[Step]:
    if paper.first_seen:
        yield Step(paper.first_seen, f"first seen, in {paper.source}")
    if delivery is None:
        return
    keys = [ranked.paper.key for ranked in delivery.papers]
    place = f", place {keys.index(paper.key) + 1} of {len(keys)}" if paper.key in keys else ""
    yield Step(delivery.planned_at, f"promised in the issue of {delivery.slot}{place} {delivery.message_id}".rstrip())
    for attempt in attempts:
        yield Step(attempt.at, _told(attempt))


def _news(told: Iterable[Told]) -> Iterator[Step]:
    for change in told:
        yield Step(change.at, _HAPPENED[change.kind])
        if change.planned_at:
            yield Step(change.planned_at, f"the issue of {change.slot} tells that it was {_HAPPENED[change.kind]}")


_HAPPENED = {
    ChangeKind.WITHDRAWN: "withdrawn by its authors",
    ChangeKind.REVISED: "revised: a new version has another abstract",
    ChangeKind.PUBLISHED: "published under a DOI",
    ChangeKind.CODE: "given its code",
}
_TOLD = {
    AttemptEvent.COMMITTED: "handed over up to the last step, which was put on record",
    AttemptEvent.SENT: "accepted",
    AttemptEvent.DEFERRED: "refused for now",
    AttemptEvent.FAILED: "refused for good",
    AttemptEvent.AMBIGUOUS: "perhaps accepted: the answer was lost",
    AttemptEvent.CRASHED: "the process ended before the last step",
    AttemptEvent.STALE: "a slower process stopped: another one had taken over",
    AttemptEvent.HELD: "held",
    AttemptEvent.CANCELLED: "cancelled",
    AttemptEvent.EXPIRED: "given up",
    AttemptEvent.RELEASED: "given back untried",
    AttemptEvent.RESOLVED: "decided by the operator",
    AttemptEvent.RESENT: "asked for anew by the operator",
}


def _told(attempt: Attempt) -> str:
    words = f"attempt {attempt.fence}: {_TOLD[attempt.event]}" if attempt.fence else _TOLD[attempt.event]
    return f"{words}: {attempt.note}" if attempt.note else words
