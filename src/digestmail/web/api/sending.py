"""Deliveries, sources, runs and the state of it all."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from digestmail.model import DeliveryStatus
from digestmail.newsletter import overview, resolve, sources
from digestmail.newsletter.specimen import send_specimen
from digestmail.newsletter.status import alarms, status
from digestmail.web.api.asked import DecisionIn, Number, PageNumber, PageSize, TrialIn, address
from digestmail.web.api.models import (
    DeliveryOut,
    DeliveryWithPast,
    HealthOut,
    Listed,
    RunOut,
    Sent,
    SourceOut,
    Started,
    StatusOut,
)
from digestmail.web.api.problems import ConflictError, problems
from digestmail.web.house import house_of

router = APIRouter()


@router.get("/deliveries", tags=["deliveries"], responses=problems(422))
def list_deliveries(
    request: Request,
    status: Annotated[list[DeliveryStatus], Query(max_length=8)] = [],  # noqa: B006 - FastAPI copies it
    email: Annotated[str | None, Query(max_length=254)] = None,
    page: PageNumber = 1,
    per_page: PageSize = 50,
) -> Listed[DeliveryOut]:
    """Deliveries, newest slot first."""
    reader = address(email) if email else None
    offset = (page - 1) * per_page
    with house_of(request).newsletter() as newsletter:
        found = overview.deliveries(newsletter, status, reader, limit=per_page, offset=offset)
    items = [DeliveryOut.of(one) for one in found.items]
    return Listed(items=items, total=found.total, page=page, size=per_page)


@router.get("/deliveries/{number}", tags=["deliveries"], responses=problems(404, 422))
def show_delivery(request: Request, number: Number) -> DeliveryWithPast:
    """One delivery, with all that happened to it."""
    with house_of(request).newsletter() as newsletter:
        return DeliveryWithPast.with_past(*overview.delivery(newsletter, number))


@router.post("/deliveries/{number}/resolve", tags=["deliveries"], responses=problems(404, 409, 422))
def resolve_delivery(request: Request, number: Number, asked: DecisionIn) -> DeliveryOut:
    """Decide about a delivery that is held or has failed: it has arrived, is tried again, or nobody gets it."""
    with house_of(request).newsletter() as newsletter:
        known = resolve.delivery_of(newsletter, number)
        if known.status not in resolve.RESOLVABLE:
            raise ConflictError(f"delivery {number} is {known.status}: only held and failed ones are resolved")
        return DeliveryOut.of(resolve.resolve(newsletter, number, resolve.Decision(asked.decision)))


@router.post("/deliveries/{number}/resend", tags=["deliveries"], responses=problems(404, 409, 422))
def resend_delivery(request: Request, number: Number) -> DeliveryOut:
    """Send a finished issue again, as a new message; the reader may have it twice."""
    with house_of(request).newsletter() as newsletter:
        known = resolve.delivery_of(newsletter, number)
        if known.status not in resolve.FINISHED:
            raise ConflictError(f"delivery {number} is {known.status}: it is still on its way")
        return DeliveryOut.of(resolve.resend(newsletter, number))


@router.get("/sources", tags=["operations"], responses=problems())
def list_sources(request: Request) -> list[SourceOut]:
    """What each source said last, and the days it could not give."""
    with house_of(request).newsletter() as newsletter:
        return [SourceOut.of(one) for one in overview.sources(newsletter)]


@router.get("/sources/health", tags=["operations"], responses=problems())
def list_health(request: Request) -> list[HealthOut]:
    """How each configured source is: ok, stale, failing, on a holiday. Nothing is asked."""
    with house_of(request).newsletter() as newsletter:
        return [HealthOut.model_validate(one) for one in sources.overview(newsletter)]


@router.get("/runs", tags=["operations"], responses=problems(422))
def list_runs(request: Request, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[RunOut]:
    """The last runs that asked sources, newest first."""
    with house_of(request).newsletter() as newsletter:
        return [RunOut.of(one) for one in overview.runs(newsletter, limit=limit)]


@router.post("/runs", tags=["operations"], status_code=202, responses=problems(409))
def start_run(request: Request) -> Started:
    """Look for issues that are due now instead of at the next interval. 409 where this process keeps no schedule."""
    trigger = request.app.state.trigger
    if trigger is None:
        raise ConflictError("this process keeps no schedule")
    return Started(started=trigger())


@router.get("/status", tags=["operations"], responses=problems())
def show_status(request: Request) -> StatusOut:
    """What is stored, and what a watchdog would wake somebody for."""
    with house_of(request).newsletter() as newsletter:
        state = status(newsletter)
        return StatusOut(
            papers=state.papers,
            subscribers=state.subscribers,
            deliveries=state.deliveries,
            alarms=alarms(newsletter, state),
            needs_attention=state.needs_attention,
        )


@router.post("/test-messages", tags=["operations"], status_code=202, responses=problems(404, 422, 502))
def send_test(request: Request, asked: TrialIn) -> Sent:
    """Send somebody's next issue to an address, through the real transport. Nothing is stored."""
    reader = address(asked.reader) if asked.reader else None
    with house_of(request).newsletter() as newsletter:
        return Sent(reply=send_specimen(newsletter, address(asked.to), reader=reader))
