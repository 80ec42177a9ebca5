"""Subscribe, unsubscribe, and keep the subscriptions of the config file in step with the store."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from digestmail.errors import InputError, NotFoundError
from digestmail.mail.reports import Kind
from digestmail.model import Origin, Subscriber, SubscriberStatus
from digestmail.newsletter import Newsletter, Subscription
from digestmail.newsletter.suppression import decide
from digestmail.ranking.profile import format_keywords
from digestmail.storage.addresses import Fact

_GONE = (SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED)


class Change(StrEnum):
    """What a subscription did to the store."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    RETURNED = "subscribed again"
    REMOVED = "unsubscribed"
    #: the person has left; a list that still names them does not bring them back
    LEFT_ALONE = "left alone (has unsubscribed)"
    #: nor an address that mail comes back from, or that has called it spam
    SUPPRESSED = "still suppressed ('digestmail subscribers unsuppress' lets it have mail again)"
    #: asked to be forgotten: only the person can bring the address back
    ERASED = "left alone (was erased)"
    #: an imported list does not overrule the config file
    IN_FILE = "left alone (kept in the config file)"


@dataclass(frozen=True, slots=True)
class Synced:
    """One address and what happened to it."""

    email: str
    change: Change
    #: for an update: what was, and what is
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.email}: {self.change}{f' ({self.detail})' if self.detail else ''}"


def subscribe(newsletter: Newsletter, subscription: Subscription) -> Change:
    """Add an address, or give a known one a new profile. A suppressed one stays suppressed.

    Raises InputError for an address that the config file keeps.
    """
    known = newsletter.store.subscribers.find(subscription.email)
    subscriber, change = _changed(newsletter, known, subscription, Origin.STORE, invited=True)
    if change is Change.IN_FILE:
        raise InputError(f"{subscriber.email} is kept in the config file: change the profile there")
    newsletter.store.subscribers.put([subscriber])
    newsletter.store.erasures.forgive(newsletter.tokens.tombstone(subscription.email))
    return change


def unsubscribe(newsletter: Newsletter, email: str) -> Change:
    """From now on this address gets nothing, whatever lists or files still name it. Raises NotFoundError."""
    known = newsletter.store.subscribers.find(email)
    if known is None:
        raise NotFoundError(f"{email} is not subscribed")
    if known.status is SubscriberStatus.UNSUBSCRIBED and known.origin is Origin.STORE:
        return Change.UNCHANGED
    gone = replace(known, status=SubscriberStatus.UNSUBSCRIBED, origin=Origin.STORE)
    newsletter.store.subscribers.put([gone])
    return Change.REMOVED


def leave(newsletter: Newsletter, subscriber: Subscriber, source: str) -> Change:
    """Unsubscribe somebody who asks for it by a link, noted among the events of their address as a mail would be.

    Asked again, it does nothing.
    """
    known = newsletter.store.addresses.by_uid(subscriber.uid)
    if known is None:
        raise NotFoundError(f"{subscriber.email} is not subscribed")
    if known.status is not SubscriberStatus.UNSUBSCRIBED:
        fact = Fact(about=known, at=newsletter.clock(), kind=Kind.UNSUBSCRIBE, source=source, proven=True)
        newsletter.store.addresses.record([fact], partial(decide, newsletter.rules))
        return Change.REMOVED
    # one whom the config file has dropped is gone as well, but it might name them again
    return unsubscribe(newsletter, known.email)


def come_back(newsletter: Newsletter, subscriber: Subscriber) -> Change:
    """Subscribe somebody again who has left, with the profile they had. Others stay what they are."""
    if subscriber.status is not SubscriberStatus.UNSUBSCRIBED:
        return Change.UNCHANGED
    back = replace(subscriber, status=SubscriberStatus.ACTIVE, paused_until=None, paused_at=None)
    columns = ("status", "paused_until", "paused_at")
    newsletter.store.subscribers.change(back, *columns, only=[SubscriberStatus.UNSUBSCRIBED])
    return Change.RETURNED


def import_subscriptions(
    newsletter: Newsletter, subscriptions: Iterable[Subscription], *, dry_run: bool = False
) -> list[Synced]:
    """Subscribe many at once, all or none. Repeating it changes nothing; people who have left stay away."""
    return _apply(newsletter, subscriptions, Origin.STORE, dry_run=dry_run)


def sync(newsletter: Newsletter) -> list[Synced]:
    """Bring the store in step with the config file: new and changed profiles, and addresses that the file no longer
    names.

    Returns what changed, and who has unsubscribed though the file still names them.
    """
    named = {subscription.email.lower() for subscription in newsletter.subscriptions}
    kept_in_file = [
        subscriber
        for status in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED)
        for subscriber in newsletter.store.subscribers.all(status, Origin.CONFIG)
    ]
    dropped = [subscriber for subscriber in kept_in_file if subscriber.email.lower() not in named]
    done = _apply(newsletter, newsletter.subscriptions, Origin.CONFIG, dry_run=False)
    # the origin stays: the file that dropped them may name them again
    if dropped:
        newsletter.store.subscribers.put(replace(gone, status=SubscriberStatus.UNSUBSCRIBED) for gone in dropped)
    done += [Synced(gone.email, Change.REMOVED) for gone in dropped]
    return [synced for synced in done if synced.change is not Change.UNCHANGED]


def is_kept_in_file(subscriber: Subscriber) -> bool:
    """Whether their profile is changed in the config file and nowhere else."""
    return subscriber.origin is Origin.CONFIG and subscriber.status is not SubscriberStatus.UNSUBSCRIBED


def _apply(
    newsletter: Newsletter, subscriptions: Iterable[Subscription], origin: Origin, *, dry_run: bool
) -> list[Synced]:
    wanted = list(subscriptions)
    known = newsletter.store.subscribers.find_all(subscription.email for subscription in wanted)
    on_the_list = {email for email, one in known.items() if one.status is not SubscriberStatus.PENDING}
    erased = _erased(newsletter, (one.email for one in wanted if one.email.lower() not in on_the_list))
    done: list[Synced] = []
    put: list[Subscriber] = []
    for subscription in wanted:
        if subscription.email in erased:
            done.append(Synced(subscription.email, Change.ERASED))
            continue
        old = known.get(subscription.email.lower())
        subscriber, change = _changed(newsletter, old, subscription, origin, invited=False)
        detail = _difference(old, subscriber) if old and change is Change.UPDATED else ""
        done.append(Synced(subscription.email, change, detail))
        if subscriber != old:
            put.append(subscriber)
    if put and not dry_run:
        newsletter.store.subscribers.put(put)
    return done


def _erased(newsletter: Newsletter, unknown: Iterable[str]) -> set[str]:
    """Those of some addresses that were erased: a list that still names them is older than that."""
    digests = {newsletter.tokens.tombstone(email): email for email in unknown}
    return {digests[digest] for digest in newsletter.store.erasures.erased(digests)}


def _changed(
    newsletter: Newsletter, known: Subscriber | None, asked: Subscription, origin: Origin, *, invited: bool
) -> tuple[Subscriber, Change]:
    """The subscriber as it should be. ``invited``: the person asks themselves, which brings back one who has left."""
    if known and known.status in _GONE and not invited and not _dropped_by_file(known, origin):
        suppressed = known.status is SubscriberStatus.SUPPRESSED
        return known, Change.SUPPRESSED if suppressed else Change.LEFT_ALONE
    base = known or Subscriber(uid=newsletter.new_id(), email=asked.email, created_at=newsletter.clock())
    # whoever is put on the list by its operator need not confirm it
    is_pending = base.status is SubscriberStatus.PENDING
    returns = base.status is SubscriberStatus.UNSUBSCRIBED
    if returns:
        base = replace(base, paused_until=None, paused_at=None)
    subscriber = replace(
        base,
        # what somebody thinks of papers outlives the keywords: only 'unlike' forgets it
        profile=replace(asked.profile, liked=base.profile.liked, disliked=base.profile.disliked),
        cadence=asked.cadence,
        timezone=asked.timezone,
        max_papers=asked.max_papers,
        language=asked.language,
        origin=origin,
        status=SubscriberStatus.ACTIVE if returns or is_pending else base.status,
    )
    if known is None or is_pending:
        return subscriber, Change.ADDED
    if origin is Origin.STORE and known.origin is Origin.CONFIG and not returns:
        same = replace(subscriber, origin=known.origin) == known
        return known, Change.UNCHANGED if same else Change.IN_FILE
    if known.status is SubscriberStatus.SUPPRESSED:
        # the new profile waits until mail may go there again
        return subscriber, Change.SUPPRESSED
    if returns:
        return subscriber, Change.RETURNED
    return subscriber, Change.UNCHANGED if subscriber == known else Change.UPDATED


def _difference(old: Subscriber, new: Subscriber) -> str:
    """``keywords: a, b → a, [systems] c; gate: normal → strict; cadence: daily → weekdays``."""
    facts = [
        ("keywords", *(", ".join(format_keywords(one.profile)) or "none" for one in (old, new))),
        ("gate", str(old.profile.gate), str(new.profile.gate)),
        ("cadence", str(old.cadence), str(new.cadence)),
        ("time zone", old.timezone, new.timezone),
        ("papers", str(old.max_papers), str(new.max_papers)),
        ("language", str(old.language), str(new.language)),
    ]
    return "; ".join(f"{name}: {before} → {after}" for name, before, after in facts if before != after)


def _dropped_by_file(known: Subscriber, origin: Origin) -> bool:
    return known.origin is origin is Origin.CONFIG and known.status is SubscriberStatus.UNSUBSCRIBED
