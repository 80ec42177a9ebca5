"""What belongs to a reader: to take along, and to be forgotten."""

from typing import Any

from digestmail.errors import NotFoundError
from digestmail.model import Delivery, DeliveryStatus, Paper, Subscriber
from digestmail.newsletter import Newsletter
from digestmail.ranking.profile import format_keywords


def everything(newsletter: Newsletter, subscriber: Subscriber) -> dict[str, Any]:
    """All that is kept about a reader, in plain values: profile, issues with their papers and reasons, opinions,
    saved papers, and what came back from their address.
    """
    store, profile = newsletter.store, subscriber.profile
    return {
        "newsletter": newsletter.mailing_list.name,
        "email": subscriber.email,
        "status": str(subscriber.status),
        "subscribed_at": subscriber.created_at.isoformat(),
        "paused_until": subscriber.paused_until.isoformat() if subscriber.paused_until else None,
        "keywords": format_keywords(profile),
        "gate": str(profile.gate),
        "cadence": str(subscriber.cadence),
        "timezone": subscriber.timezone,
        "language": subscriber.language,
        "max_papers": subscriber.max_papers,
        "liked": [_told(paper) for paper in profile.liked],
        "disliked": [_told(paper) for paper in profile.disliked],
        "saved": [
            {**_told(kept.paper), "saved_at": kept.at.isoformat()} for kept in store.saved.list(subscriber.email)
        ],
        "issues": [_issue(delivery) for delivery in _issues(newsletter, subscriber)],
        "events": [
            {"at": event.at.isoformat(), "kind": event.kind, "decision": event.decision, "note": event.note}
            for event in store.addresses.list(subscriber.email)
        ],
    }


def papers_of(newsletter: Newsletter, subscriber: Subscriber) -> list[Paper]:
    """The papers of a reader's issues, newest first, then those they have saved or liked; each once."""
    found = {ranked.paper.key: ranked.paper for one in _issues(newsletter, subscriber) for ranked in one.papers}
    for kept in newsletter.store.saved.list(subscriber.email):
        found.setdefault(kept.paper.key, kept.paper)
    for paper in subscriber.profile.liked:
        found.setdefault(paper.key, paper)
    return list(found.values())


def erase(newsletter: Newsletter, subscriber: Subscriber) -> None:
    """Forget a reader: see ``Erasures.erase``. A list that still names the address does not bring it back.

    Raises NotFoundError for somebody who is not there.
    """
    done = newsletter.store.erasures.erase(
        subscriber.uid,
        new_uid=newsletter.new_id(),
        tombstone=newsletter.tokens.tombstone(subscriber.email),
        now=newsletter.clock(),
    )
    if not done:
        raise NotFoundError(f"{subscriber.email} is not subscribed")


def _issues(newsletter: Newsletter, subscriber: Subscriber) -> list[Delivery]:
    found = newsletter.store.deliveries.find(email=subscriber.email)
    return [delivery for delivery in found if delivery.status is not DeliveryStatus.EMPTY]


def _issue(delivery: Delivery) -> dict[str, Any]:
    return {
        "day": delivery.slot.isoformat(),
        "status": str(delivery.status),
        "papers": [
            {**_told(ranked.paper), "score": ranked.score, "matched": [match.keyword for match in ranked.matches]}
            for ranked in delivery.papers
        ],
    }


def _told(paper: Paper) -> dict[str, Any]:
    return {"key": paper.key, "title": paper.title, "url": paper.url, "authors": list(paper.authors)}
