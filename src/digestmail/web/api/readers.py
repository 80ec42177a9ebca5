"""Subscribers: who gets what."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from digestmail.model import SubscriberStatus
from digestmail.newsletter import farewell, overview
from digestmail.newsletter import subscribe as subscribing
from digestmail.newsletter.deliver import Message
from digestmail.newsletter.preview import preview
from digestmail.web.api.asked import AddressInPath, NewSubscriber, PageNumber, PageSize, SubscriptionIn, Words, address
from digestmail.web.api.models import Listed, PreviewOut, RankedOut, SubscriberOut
from digestmail.web.api.problems import ConflictError, problems
from digestmail.web.house import house_of

router = APIRouter(tags=["subscribers"])


@router.get("/subscribers", responses=problems(422))
def list_subscribers(
    request: Request,
    q: Words = "",
    status: Annotated[SubscriberStatus | None, Query()] = None,
    page: PageNumber = 1,
    per_page: PageSize = 50,
) -> Listed[SubscriberOut]:
    """Subscribers whose address holds `q`, last come first."""
    with house_of(request).newsletter() as newsletter:
        found = overview.subscribers(newsletter, q, status, limit=per_page, offset=(page - 1) * per_page)
    items = [SubscriberOut.of(one) for one in found.items]
    return Listed(items=items, total=found.total, page=page, size=per_page)


@router.post("/subscribers", status_code=201, responses=problems(409, 422))
def add_subscriber(request: Request, asked: NewSubscriber) -> SubscriberOut:
    """Subscribe an address, without asking it: that it wants to is yours to know. 409 when it is there already."""
    email = address(asked.email)
    with house_of(request).newsletter() as newsletter:
        known = newsletter.store.subscribers.find(email)
        if known and known.status is not SubscriberStatus.UNSUBSCRIBED:
            raise ConflictError(f"{email} is here already, as {known.status}: PUT changes it")
        subscribing.subscribe(newsletter, asked.subscription(email, newsletter))
        return SubscriberOut.of(overview.subscriber_of(newsletter, email))


@router.get("/subscribers/{email}", responses=problems(404, 422))
def show_subscriber(request: Request, email: AddressInPath) -> SubscriberOut:
    """One subscriber."""
    with house_of(request).newsletter() as newsletter:
        return SubscriberOut.of(overview.subscriber_of(newsletter, address(email)))


@router.put("/subscribers/{email}", responses=problems(404, 409, 422))
def change_subscriber(request: Request, email: AddressInPath, asked: SubscriptionIn) -> SubscriberOut:
    """Give a subscriber another profile; what is left out is set to its default. Likes and dislikes stay.

    409 for an address that config.yaml keeps.
    """
    with house_of(request).newsletter() as newsletter:
        known = overview.subscriber_of(newsletter, address(email))
        if subscribing.is_kept_in_file(known):
            raise ConflictError(f"{known.email} is kept in the config file: change the profile there")
        subscribing.subscribe(newsletter, asked.subscription(known.email, newsletter))
        return SubscriberOut.of(overview.subscriber_of(newsletter, known.email))


@router.delete("/subscribers/{email}", status_code=204, response_class=Response, responses=problems(404, 422))
def unsubscribe(
    request: Request,
    email: AddressInPath,
    erase: Annotated[bool, Query(description="Forget the subscriber for good; only a keyed hash stays.")] = False,
) -> None:
    """From now on this address gets nothing. It stays on record as unsubscribed, so that no list brings it back."""
    with house_of(request).newsletter() as newsletter:
        if erase:
            farewell.erase(newsletter, overview.subscriber_of(newsletter, address(email)))
        else:
            subscribing.unsubscribe(newsletter, address(email))


@router.get("/subscribers/{email}/preview", responses=problems(404, 422))
def preview_issue(request: Request, email: AddressInPath) -> PreviewOut:
    """Their next issue, as it would be sent; nothing is stored."""
    with house_of(request).newsletter() as newsletter:
        return told(preview(newsletter, email=address(email)))


def told(message: Message) -> PreviewOut:
    """A preview as JSON."""
    papers = [
        RankedOut(
            key=one.paper.key,
            title=one.paper.title,
            score=one.score,
            keywords=[match.keyword for match in one.matches],
        )
        for one in message.issue.papers
    ]
    words = message.rendered
    return PreviewOut(
        subject=words.subject,
        slot=message.issue.slot,
        papers=papers,
        html=words.html,
        text=words.text,
        html_bytes=len(words.html.encode()),
    )
