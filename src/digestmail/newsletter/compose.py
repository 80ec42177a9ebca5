"""Compose: due slots × candidates → issues, and the plan of each in the store."""

import math
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from types import MappingProxyType

from digestmail.mail.links import pages_of, routes_of
from digestmail.mail.message import message_id
from digestmail.model import CadenceKind, Change, Issue, Paper, Receipt, Subscriber, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.pauses import wake
from digestmail.newsletter.quiet import Lulls
from digestmail.ranking import Index
from digestmail.rendering.budget import FEW, fit
from digestmail.rendering.joining import joining_of
from digestmail.schedule import due_slot
from digestmail.storage.plans import KeptTemplate

# one commit writes this many plans: durable in one go instead of one fsync each
_BATCH = 200
_WEEK_AND_A_DAY = 8
# how common a word is: from 200 papers it ranks as well as from 80,000 (nDCG@10 .742 and .743)
_CORPUS = 1_000


def plan_due(newsletter: Newsletter, now: datetime, *, day: date | None = None, only: str | None = None) -> list[Issue]:
    """Plan the issue of every due slot and return what was planned. A slot that is taken is left alone.

    Raises TemplateError: plans keep the template that they are sent with.

    ``day`` plans this slot for everyone whose cadence includes it, begun or not; ``only`` is one subscriber's address.
    """
    due = _due(newsletter, now, day, only)
    planned: list[Issue] = []
    if not due:
        return planned
    kept = KeptTemplate.of(newsletter.templates.load(newsletter.rules.template).parts())
    for issues in _compose_all(newsletter, due, now):
        planned += newsletter.store.deliveries.plan(issues, send_empty=newsletter.rules.send_empty, template=kept)
        newsletter.progress("Composing issues", len(planned), len(due))
    return planned


def _due(newsletter: Newsletter, now: datetime, day: date | None, only: str | None) -> list[tuple[Subscriber, date]]:
    wake(newsletter, now)
    slots = [(subscriber, _slot(newsletter, subscriber, now, day)) for subscriber in _readers(newsletter, only)]
    begun = [(subscriber, slot) for subscriber, slot in slots if slot]
    if not begun:
        return []
    taken = newsletter.store.deliveries.taken_slots(since=min(slot for _, slot in begun))
    return [(subscriber, slot) for subscriber, slot in begun if (subscriber.uid, slot) not in taken]


def _readers(newsletter: Newsletter, only: str | None) -> list[Subscriber]:
    if only is None:
        return newsletter.store.subscribers.all(SubscriberStatus.ACTIVE)
    one = newsletter.store.subscribers.find(only)
    return [one] if one and one.status is SubscriberStatus.ACTIVE else []


def _slot(newsletter: Newsletter, subscriber: Subscriber, now: datetime, day: date | None) -> date | None:
    if day:
        paused = subscriber.paused_until is not None and day < subscriber.paused_until
        return day if subscriber.cadence.includes(day) and not paused else None
    return due_slot(subscriber, now, newsletter.rules.at)


def _compose_all(
    newsletter: Newsletter, due: Sequence[tuple[Subscriber, date]], now: datetime
) -> Iterator[list[Issue]]:
    # who comes back from a pause looks further back, which must not make the window of all others longer
    for catching_up in (False, True):
        some = [one for one in due if (one[0].paused_at is not None) is catching_up]
        if some:
            yield from _compose_some(newsletter, some, now)


def _compose_some(
    newsletter: Newsletter, due: Sequence[tuple[Subscriber, date]], now: datetime
) -> Iterator[list[Issue]]:
    subscribers = [subscriber for subscriber, _ in due]
    # a template that does not show them would have them count as told
    tells = newsletter.rules.followups and newsletter.templates.load(newsletter.rules.template).shows("followups")
    windows = {subscriber.uid: window_days(newsletter, subscriber, now) for subscriber in subscribers}
    days = max(windows.values())
    since = now - timedelta(days=days)
    papers, newest = newsletter.store.corpus.marked_window(since, now)
    index = index_of(newsletter, papers)
    index.learn({subscriber.profile for subscriber in subscribers})
    old = {days: stale(papers, days, now) for days in set(windows.values())}
    lulls = Lulls(newsletter, index, papers, now)
    for start in range(0, len(due), _BATCH):
        batch = due[start : start + _BATCH]
        readers = [subscriber for subscriber, _ in batch]
        promised = newsletter.store.deliveries.promised(readers, since)
        news = newsletter.store.followups.pending(readers, now) if tells else {}
        barred = [old[windows[subscriber.uid]].union(promised.get(subscriber.uid, ())) for subscriber, _ in batch]
        issues = list(compose(newsletter, batch, index, barred, now, newest, news))
        yield list(lulls.explained(issues, barred))


def index_of(newsletter: Newsletter, papers: Sequence[Paper]) -> Index:
    """The papers, ready to be ranked; on a quiet day older ones tell how common words are."""
    corpus = newsletter.store.corpus.newest(_CORPUS) if len(papers) < _CORPUS else ()
    return Index(papers, corpus)


def window_days(newsletter: Newsletter, subscriber: Subscriber, now: datetime | None = None) -> int:
    """For how many days a paper is a candidate; a weekly issue must not miss what came just after the last one.

    During a pause the time stands still: until the issue that catches up, the window is longer by it. Without ``now``
    pauses do not count.
    """
    days = newsletter.rules.max_age_days
    if subscriber.cadence.kind is CadenceKind.WEEKLY:
        days = max(days, _WEEK_AND_A_DAY)
    if now and subscriber.paused_at:
        days += math.ceil((now - subscriber.paused_at) / timedelta(days=1))
    return days


def stale(papers: Sequence[Paper], days: int, now: datetime) -> set[str]:
    """The keys of papers that were seen more than ``days`` days ago: too old to be candidates."""
    begins = now - timedelta(days=days)
    return {paper.key for paper in papers if (paper.first_seen or now) < begins}


def compose(
    newsletter: Newsletter,
    batch: Sequence[tuple[Subscriber, date]],
    index: Index,
    barred: Sequence[AbstractSet[str]],
    now: datetime,
    newest: int = 0,
    news: Mapping[str, tuple[Change, ...]] = MappingProxyType({}),
) -> Iterator[Issue]:
    """The issues of some slots: the papers of ``index`` but those in each ``barred``, ranked, the best chosen.

    ``newest`` is the number of the newest paper of the corpus, for the receipt; ``news`` is told of papers that were
    sent before, by uid.
    """
    profiles = [subscriber.profile for subscriber, _ in batch]
    sizes = [subscriber.max_papers or newsletter.rules.max_papers for subscriber, _ in batch]
    gone = index.withdrawn
    ranked = index.rank_many(profiles, sizes, [keys | gone for keys in barred] if gone else barred)
    for (subscriber, slot), keys, chosen in zip(batch, barred, ranked, strict=True):
        issue = Issue(
            mailing_list=newsletter.mailing_list,
            subscriber=subscriber,
            slot=slot,
            papers=index.ranked(subscriber.profile, chosen),
            receipt=Receipt(
                candidates=index.count_without(keys),
                matched=chosen.matched,
                excluded=chosen.excluded,
                shown=len(chosen.columns),
                days=window_days(newsletter, subscriber, now),
                newest=newest,
                withdrawn=len(gone - keys),
            ),
            composed_at=now,
            message_id=message_id(newsletter.mailing_list, subscriber, slot),
            followups=news.get(subscriber.uid, ()),
        )
        yield issue if len(issue.papers) + len(issue.followups) <= FEW else _within_budget(newsletter, issue)


def _within_budget(newsletter: Newsletter, issue: Issue) -> Issue:
    """The issue without the papers that a mail client would not show: they compete again next time."""
    joining = joining_of(newsletter.templates.load(newsletter.rules.template))
    routes = routes_of(newsletter.mailing_list, newsletter.tokens, issue.subscriber)
    pages = pages_of(newsletter.mailing_list, newsletter.tokens, issue.subscriber, issue.slot)
    return fit(issue, joining, unsubscribe_url=routes.unsubscribe_url, pages=pages).issue
