"""Pauses: no issue until a day, then one that catches up."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from digestmail.errors import InputError
from digestmail.model import Subscriber, SubscriberStatus
from digestmail.newsletter import Newsletter

#: the issue that catches up chooses among all papers of the pause: longer ones would read a year of papers at once
LONGEST = timedelta(days=92)
#: who gets issues that a pause could hold back
PAUSABLE = (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED)
_COLUMNS = ("status", "paused_until", "paused_at")


def pause(newsletter: Newsletter, subscriber: Subscriber, until: date) -> Subscriber:
    """No issue before the local day ``until``. What is on its way still arrives.

    Raises InputError for a day that is not ahead or too far, and for somebody who gets no issues.
    """
    now = newsletter.clock()
    today = _today(subscriber, now)
    if not today < until <= today + LONGEST:
        raise InputError(f"pause until a day from {today + timedelta(days=1)} to {today + LONGEST}, not until {until}")
    # one pause after another is one long pause: nothing of it has been caught up with
    begun = subscriber.paused_at or now
    paused = replace(subscriber, status=SubscriberStatus.PAUSED, paused_until=until, paused_at=begun)
    if not newsletter.store.subscribers.change(paused, *_COLUMNS, only=PAUSABLE):
        raise InputError(f"{subscriber.email} gets no issues that could be paused")
    return paused


def resume(newsletter: Newsletter, subscriber: Subscriber) -> Subscriber:
    """End a pause today; the next issue catches up. Somebody who has none stays as they are."""
    if subscriber.status is not SubscriberStatus.PAUSED:
        return subscriber
    back = replace(subscriber, status=SubscriberStatus.ACTIVE, paused_until=_today(subscriber, newsletter.clock()))
    newsletter.store.subscribers.change(back, *_COLUMNS, only=[SubscriberStatus.PAUSED])
    return back


def wake(newsletter: Newsletter, now: datetime) -> None:
    """End the pauses whose day has come where their readers are."""
    for subscriber in newsletter.store.subscribers.all(SubscriberStatus.PAUSED):
        if subscriber.paused_until and subscriber.paused_until <= _today(subscriber, now):
            awake = replace(subscriber, status=SubscriberStatus.ACTIVE)
            newsletter.store.subscribers.change(awake, "status", only=[SubscriberStatus.PAUSED])


def _today(subscriber: Subscriber, now: datetime) -> date:
    return now.astimezone(ZoneInfo(subscriber.timezone)).date()
