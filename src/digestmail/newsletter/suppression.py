"""Who gets no more mail, and why. ``decide`` is the whole policy; every decision is kept and can be taken back."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

from digestmail.errors import InputError, NotFoundError
from digestmail.mail.reports import Kind
from digestmail.mail.statuses import Fault, fault_of, status_code
from digestmail.model import Delivery, SubscriberStatus
from digestmail.newsletter import Newsletter, Rules
from digestmail.storage.addresses import AddressEvent, Count, Decision, Fact, History, Known, Verdict

#: issues that the mail server must refuse because of the address: one may be its hiccup
REJECTIONS = 2

_GONE = {
    SubscriberStatus.UNSUBSCRIBED: Decision(Verdict.NOTED, "has unsubscribed before"),
    SubscriberStatus.SUPPRESSED: Decision(Verdict.NOTED, "is suppressed already"),
}


def decide(rules: Rules, fact: Fact, history: History | None) -> Decision:
    """What follows from a fact.

    Only what proves that its writer has had our message in hand counts against a reader: the bounce address is public,
    and so are the addresses of readers. Unsubscribing needs no proof: it is what the address asks for, and it is undone
    by subscribing again.
    """
    if history is None:
        return Decision(Verdict.NOTED, "not a reader")
    if fact.kind is Kind.UNSUBSCRIBE:
        return _unsubscribed(history)
    rule = _RULES.get(fact.kind)
    if rule is None:
        return Decision(Verdict.NOTED)
    if history.status in _GONE:
        return _GONE[history.status]
    if not fact.proven:
        return Decision(Verdict.UNPROVEN, "anybody could have written it")
    return rule(rules, fact, history)


def count_rejection(newsletter: Newsletter, delivery: Delivery, code: str, note: str) -> AddressEvent:
    """Count that the mail server has refused an issue for good while it was being sent.

    By its code it is about the address (two issues in a row suppress), about the mailbox (a soft bounce), or about us
    (noted).
    """
    code = status_code(code, note)
    kind = {Fault.ADDRESS: Kind.REJECTED, Fault.MAILBOX: Kind.SOFT, Fault.OURS: Kind.BLOCKED}[fault_of(code)]
    known = newsletter.store.addresses.by_uid(delivery.subscriber.uid)
    if known is None:
        raise NotFoundError(f"{delivery.subscriber.email} is not subscribed")
    about = Known(known.id, known.email, known.status, delivery.id, delivery.slot)
    fact = Fact(
        about=about,
        at=newsletter.clock(),
        kind=kind,
        source="smtp",
        code=code,
        note=note,
        # the same delivery may be tried again, and counts once
        digest=f"smtp:{delivery.id}:{kind}",
        proven=True,
    )
    recorded = newsletter.store.addresses.record([fact], partial(decide, newsletter.rules))
    return recorded[0] if recorded else newsletter.store.addresses.preview(fact, _again)


def unsuppress(newsletter: Newsletter, email: str, *, note: str = "") -> SubscriberStatus:
    """Let a suppressed address have mail again; it becomes what it was before, and what was counted counts no more.

    Raises NotFoundError, and InputError for one that is not suppressed.
    """
    addresses = newsletter.store.addresses
    known = addresses.by_email(email)
    if known is None:
        raise NotFoundError(f"{email} is not subscribed")
    if known.status is not SubscriberStatus.SUPPRESSED:
        raise InputError(f"{known.email} is not suppressed: it is {known.status}")
    before = addresses.before_suppression(email)
    fact = Fact(about=known, at=newsletter.clock(), kind=Kind.OPERATOR, source="command", note=note, proven=True)
    addresses.record([fact], lambda _fact, _history: Decision(Verdict.RESTORED, status=before))
    return before


def _again(_fact: Fact, _history: History | None) -> Decision:
    return Decision(Verdict.NOTED, "counted before")


def _unsubscribed(history: History) -> Decision:
    if history.status is SubscriberStatus.UNSUBSCRIBED:
        return _GONE[history.status]
    return Decision(Verdict.UNSUBSCRIBED, status=SubscriberStatus.UNSUBSCRIBED)


def _hard(rules: Rules, fact: Fact, history: History) -> Decision:
    if not fact.own:
        # one member of a group, or the end of a forwarding: mail may still arrive elsewhere
        return _soft(rules, fact, history)
    return _suppressed(history)


def _complaint(_rules: Rules, _fact: Fact, history: History) -> Decision:
    return _suppressed(history)


def _soft(rules: Rules, fact: Fact, history: History) -> Decision:
    since = fact.at - timedelta(days=rules.soft_days)
    if history.arrived:
        since = max(since, history.arrived)
    days = _days(fact, (one for one in history.counts if one.kind is not Kind.REJECTED and one.at > since))
    if days >= rules.soft_limit:
        return _suppressed(history, f"{days} issues within {rules.soft_days} days")
    return Decision(Verdict.COUNTED, f"{days} of {rules.soft_limit}")


def _rejected(rules: Rules, fact: Fact, history: History) -> Decision:
    since = fact.at - timedelta(days=rules.soft_days)
    # a server that has taken an issue since does not refuse the address
    if history.accepted:
        since = max(since, history.accepted)
    days = _days(fact, (one for one in history.counts if one.kind is Kind.REJECTED and one.at > since))
    if days >= REJECTIONS:
        return _suppressed(history, f"{days} issues refused")
    return Decision(Verdict.COUNTED, f"{days} of {REJECTIONS}")


_RULES: dict[Kind, Callable[[Rules, Fact, History], Decision]] = {
    Kind.HARD: _hard,
    Kind.SOFT: _soft,
    Kind.REJECTED: _rejected,
    Kind.COMPLAINT: _complaint,
}


def _days(fact: Fact, counts: Iterable[Count]) -> int:
    """On how many days, this one included: several reports about one issue are one."""
    this = fact.about.slot if fact.about and fact.about.slot else fact.at.date()
    return len({this, *(one.day for one in counts)})


def _suppressed(history: History, why: str = "") -> Decision:
    # what it was is read back by ``before_suppression``
    was = "" if history.status is SubscriberStatus.ACTIVE else f"was {history.status}"
    return Decision(Verdict.SUPPRESSED, "; ".join(filter(None, (why, was))), SubscriberStatus.SUPPRESSED)
