"""What belongs to a subscriber: a pause, opinions, all that is kept; and what came back from the address."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from digestmail.model import SubscriberStatus
from digestmail.newsletter import Newsletter, feedback, overview, pauses
from digestmail.newsletter.farewell import everything, papers_of
from digestmail.newsletter.suppression import unsuppress
from digestmail.text.citing import bibtex, ris
from digestmail.text.clean import clean_line
from digestmail.web.api.asked import AddressInPath, NoteIn, OpinionIn, PauseIn, address
from digestmail.web.api.belongings import EverythingOut
from digestmail.web.api.models import EventOut, SubscriberOut
from digestmail.web.api.problems import ConflictError, problems
from digestmail.web.house import house_of
from digestmail.web.readers import MEDIA

router = APIRouter(tags=["subscribers"])


def _text(kind: str) -> dict[int | str, dict[str, Any]]:
    """An answer that is no JSON, for the OpenAPI document."""
    media_type = MEDIA[kind].partition(";")[0]
    return {200: {"description": "The papers.", "content": {media_type: {"schema": {"type": "string"}}}}}


EventLimit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]


@router.post("/subscribers/{email}/pause", responses=problems(404, 409, 422))
def pause_subscriber(request: Request, email: AddressInPath, asked: PauseIn) -> SubscriberOut:
    """No issue before a day, then one that catches up. 409 for somebody who gets no issues."""
    with house_of(request).newsletter() as newsletter:
        reader = overview.subscriber_of(newsletter, address(email))
        if reader.status not in pauses.PAUSABLE:
            raise ConflictError(f"{reader.email} gets no issues that could be paused: it is {reader.status}")
        return SubscriberOut.of(pauses.pause(newsletter, reader, asked.until))


@router.post("/subscribers/{email}/resume", responses=problems(404, 422))
def resume_subscriber(request: Request, email: AddressInPath) -> SubscriberOut:
    """End a pause now. Somebody who has none stays as they are."""
    with house_of(request).newsletter() as newsletter:
        return SubscriberOut.of(pauses.resume(newsletter, overview.subscriber_of(newsletter, address(email))))


@router.put("/subscribers/{email}/opinions", responses=problems(404, 422))
def note_opinion(request: Request, email: AddressInPath, asked: OpinionIn) -> SubscriberOut:
    """Note that a subscriber likes or dislikes a paper, or without `opinion`, that they think nothing of it."""
    with house_of(request).newsletter() as newsletter:
        noted = feedback.note(newsletter, address(email), asked.paper, asked.opinion)
        return SubscriberOut.of(overview.subscriber_of(newsletter, noted.email))


@router.get("/subscribers/{email}/data", responses=problems(404, 422))
def take_along(request: Request, email: AddressInPath) -> EverythingOut:
    """All that is kept about a subscriber."""
    with house_of(request).newsletter() as newsletter:
        reader = overview.subscriber_of(newsletter, address(email))
        return EverythingOut.model_validate(everything(newsletter, reader))


@router.get(
    "/subscribers/{email}/papers.bib", response_class=Response, responses={**problems(404, 422), **_text("bib")}
)
def papers_as_bibtex(request: Request, email: AddressInPath) -> Response:
    """The papers of a subscriber's issues, and those they have saved or liked, as BibTeX."""
    with house_of(request).newsletter() as newsletter:
        return _cited(newsletter, email, "bib")


@router.get(
    "/subscribers/{email}/papers.ris", response_class=Response, responses={**problems(404, 422), **_text("ris")}
)
def papers_as_ris(request: Request, email: AddressInPath) -> Response:
    """The same as RIS."""
    with house_of(request).newsletter() as newsletter:
        return _cited(newsletter, email, "ris")


@router.post("/subscribers/{email}/unsuppress", responses=problems(404, 409, 422))
def unsuppress_subscriber(request: Request, email: AddressInPath, asked: NoteIn) -> SubscriberOut:
    """Let a suppressed address have mail again; bounces until now count no more. 409 for one that is not suppressed."""
    with house_of(request).newsletter() as newsletter:
        reader = overview.subscriber_of(newsletter, address(email))
        if reader.status is not SubscriberStatus.SUPPRESSED:
            raise ConflictError(f"{reader.email} is not suppressed: it is {reader.status}")
        unsuppress(newsletter, reader.email, note=clean_line(asked.note))
        return SubscriberOut.of(overview.subscriber_of(newsletter, reader.email))


@router.get("/subscribers/{email}/events", responses=problems(404, 422))
def list_events_of(request: Request, email: AddressInPath, limit: EventLimit = 50) -> list[EventOut]:
    """The bounces, complaints and unsubscribes of an address and what was decided, newest first."""
    with house_of(request).newsletter() as newsletter:
        reader = overview.subscriber_of(newsletter, address(email))
        return [EventOut.model_validate(one) for one in newsletter.store.addresses.list(reader.email, limit=limit)]


@router.get("/events", responses=problems(422))
def list_events(request: Request, limit: EventLimit = 50) -> list[EventOut]:
    """Those of all addresses, and of messages that name nobody."""
    with house_of(request).newsletter() as newsletter:
        return [EventOut.model_validate(one) for one in newsletter.store.addresses.list(limit=limit)]


def _cited(newsletter: Newsletter, email: str, kind: str) -> Response:
    papers = papers_of(newsletter, overview.subscriber_of(newsletter, address(email)))
    return Response((bibtex if kind == "bib" else ris)(papers).encode(), media_type=MEDIA[kind])
