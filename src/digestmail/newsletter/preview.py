"""Preview: the next issue of a subscriber, made by the code that sends, in a rehearsal that leaves no trace."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from digestmail.errors import InputError, NotFoundError
from digestmail.mail.links import routes_of
from digestmail.model import Profile, Subscriber, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.compose import plan_due
from digestmail.newsletter.deliver import Message, joining_for, message_of
from digestmail.newsletter.subscribe import sync
from digestmail.rendering.budget import Size, size_of


def preview(
    newsletter: Newsletter,
    *,
    email: str | None = None,
    profile: Profile | None = None,
    day: date | None = None,
) -> Message:
    """The next issue: the bytes that ``run`` would send, and nothing written.

    Without ``email``, for the first subscriber; with ``profile`` instead of their own, which also serves an address
    that is not subscribed. A subscriber whose issue of today is planned or sent sees their next one. Raises
    NotFoundError, and InputError for a day that is not on the subscriber's cadence.
    """
    now = newsletter.clock()
    with newsletter.store.rehearsal():
        sync(newsletter)
        subscriber = reader_of(newsletter, email, profile, now)
        newsletter.store.subscribers.put([subscriber])
        if day and not subscriber.cadence.includes(day):
            raise InputError(f"{subscriber.email} gets no issue on {day:%A} {day}: {subscriber.cadence}")
        # other keywords need a slot of their own: an issue that is planned already would hide them
        slot = day if day and profile is None else _next_slot(newsletter, subscriber, now, day)
        always = replace(newsletter, rules=replace(newsletter.rules, send_empty=True))
        plan_due(always, now, day=slot, only=subscriber.email)
        deliveries = newsletter.store.deliveries.find(email=subscriber.email)
        delivery = next(delivery for delivery in deliveries if delivery.slot == slot)
        return message_of(newsletter, delivery, joining_for(newsletter, delivery.template))


def size(newsletter: Newsletter, message: Message) -> Size:
    """Where the bytes of a message are."""
    routes = routes_of(newsletter.mailing_list, newsletter.tokens, message.issue.subscriber)
    return size_of(message.fitted, joining_for(newsletter), unsubscribe_url=routes.unsubscribe_url)


def reader_of(newsletter: Newsletter, email: str | None, profile: Profile | None, now: datetime) -> Subscriber:
    """The subscriber asked for, active and with the keywords asked for; gate and opinions stay their own.

    One who pauses is as if back today: the issue that catches up is theirs to see.
    """
    if email is None:
        everyone = newsletter.store.subscribers.all(SubscriberStatus.ACTIVE)
        known = everyone[0] if everyone and profile is None else None
    else:
        known = newsletter.store.subscribers.find(email)
    if known is None and profile is None:
        raise NotFoundError(
            f"{email} is not subscribed" if email else "nobody is subscribed yet: give keywords with -k"
        )
    if known is None:
        address = email or f"preview@{newsletter.mailing_list.domain}"
        own = Profile(gate=newsletter.rules.gate)
        known = Subscriber(uid=newsletter.new_id(), email=address, profile=own, created_at=now)
    keywords = known.profile.keywords if profile is None else profile.keywords
    profile = replace(known.profile, keywords=keywords)
    return replace(known, status=SubscriberStatus.ACTIVE, paused_until=None, profile=profile)


def _next_slot(newsletter: Newsletter, subscriber: Subscriber, now: datetime, day: date | None) -> date:
    """``day``, by default today, or the first day after it on their cadence whose slot is still free."""
    first = day or now.astimezone(ZoneInfo(subscriber.timezone)).date()
    taken = newsletter.store.deliveries.taken_slots(first)
    days = (first + timedelta(days=ahead) for ahead in count())
    return next(day for day in days if subscriber.cadence.includes(day) and (subscriber.uid, day) not in taken)
