"""What the operator sees and decides. GET changes nothing; every POST carries the token of its session."""

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from digestmail.errors import InputError, TransportError
from digestmail.model import DeliveryStatus, SubscriberStatus
from digestmail.newsletter import overview, resolve
from digestmail.newsletter.preview import preview
from digestmail.newsletter.specimen import send_specimen
from digestmail.newsletter.status import alarms, status
from digestmail.ranking.profile import format_keywords
from digestmail.web.admin.doors import OwnForm, SessionOf
from digestmail.web.admin.pages import SIZE, address_of, admin_page, back_to, private
from digestmail.web.house import house_of

router = APIRouter(include_in_schema=False)

PageNumber = Annotated[int, Query(alias="page", ge=1, le=10_000)]
Words = Annotated[str, Query(max_length=254)]
Number = Annotated[int, Path(ge=1, le=2**62)]

_SHOWN = 20
# of the mail itself: nothing runs in it, nothing but pictures is loaded, and only our own page may frame it
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_FRAMING_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@router.get("/admin")
def home(request: Request, session: SessionOf) -> HTMLResponse:
    """The state of the house."""
    with house_of(request).newsletter() as newsletter:
        state = status(newsletter)
        told = alarms(newsletter, state)
    can_run = request.app.state.trigger is not None
    return admin_page(
        request,
        "home",
        session,
        state=state,
        alarms=told,
        unfinished=state.unfinished[:_SHOWN],
        can_run=can_run,
    )


@router.get("/admin/subscribers")
def subscribers(
    request: Request,
    session: SessionOf,
    q: Words = "",
    status: Annotated[SubscriberStatus | Literal[""], Query()] = "",
    number: PageNumber = 1,
) -> HTMLResponse:
    """Everyone, or those whose address holds some letters."""
    with house_of(request).newsletter() as newsletter:
        found = overview.subscribers(newsletter, q, status or None, limit=SIZE, offset=(number - 1) * SIZE)
    rows = [(one, ", ".join(format_keywords(one.profile))) for one in found.items]
    states = list(SubscriberStatus)
    return admin_page(
        request, "subscribers", session, rows=rows, total=found.total, words=q, chosen=status, states=states,
        number=number, size=SIZE,
    )  # fmt: skip


@router.get("/admin/subscriber")
def subscriber(request: Request, session: SessionOf, email: Words) -> HTMLResponse:
    """One subscriber. The address is in the query: paths are in the log."""
    with house_of(request).newsletter() as newsletter:
        found = overview.reader(newsletter, address_of(email), limit=_SHOWN)
    keywords = format_keywords(found.subscriber.profile)
    return admin_page(request, "subscriber", session, reader=found, keywords=keywords)


@router.get("/admin/deliveries")
def deliveries(
    request: Request,
    session: SessionOf,
    status: Annotated[DeliveryStatus | None, Query()] = None,
    number: PageNumber = 1,
) -> HTMLResponse:
    """What became of every message."""
    return _deliveries(request, session, (status,) if status else (), number)


@router.get("/admin/held")
def held(request: Request, session: SessionOf, number: PageNumber = 1) -> HTMLResponse:
    """What waits for a decision."""
    return _deliveries(request, session, resolve.RESOLVABLE, number, waiting=True)


def _deliveries(
    request: Request, session: str, statuses: Sequence[DeliveryStatus], number: int, *, waiting: bool = False
) -> HTMLResponse:
    with house_of(request).newsletter() as newsletter:
        found = overview.deliveries(newsletter, statuses, limit=SIZE, offset=(number - 1) * SIZE)
    return admin_page(
        request, "deliveries", session, found=found, waiting=waiting, states=list(DeliveryStatus),
        chosen=statuses[0] if statuses and not waiting else None, number=number, size=SIZE,
        decisions=list(resolve.Decision),
    )  # fmt: skip


@router.get("/admin/deliveries/{number}")
def delivery(request: Request, session: SessionOf, number: Number) -> HTMLResponse:
    """One message and all that happened to it."""
    with house_of(request).newsletter() as newsletter:
        found, past = overview.delivery(newsletter, number)
    return admin_page(
        request, "delivery", session, delivery=found, past=past, decisions=list(resolve.Decision),
        is_open=found.status in resolve.RESOLVABLE, can_resend=resolve.can_resend(found),
    )  # fmt: skip


@router.post("/admin/deliveries/{number}")
def decide(request: Request, number: Number, form: OwnForm) -> RedirectResponse:
    """What becomes of a message: ``sent``, ``again``, ``drop`` or ``resend``."""
    decision = form.get("decision", "")
    with house_of(request).newsletter() as newsletter:
        if decision == "resend":
            resolve.resend(newsletter, number)
        elif decision in list(resolve.Decision):
            resolve.resolve(newsletter, number, resolve.Decision(decision))
        else:
            raise InputError("there is no such decision")
    return back_to(f"/admin/deliveries/{number}")


@router.get("/admin/sources")
def sources(request: Request, session: SessionOf) -> HTMLResponse:
    """What each source said last, and the days it could not give."""
    with house_of(request).newsletter() as newsletter:
        found = overview.sources(newsletter)
    return admin_page(request, "sources", session, sources=found)


@router.get("/admin/runs")
def runs(request: Request, session: SessionOf) -> HTMLResponse:
    """The last runs."""
    with house_of(request).newsletter() as newsletter:
        found = overview.runs(newsletter, limit=_SHOWN)
    return admin_page(request, "runs", session, runs=found, can_run=bool(request.app.state.trigger))


@router.post("/admin/runs")
def start(request: Request, _form: OwnForm) -> RedirectResponse:
    """Look for issues that are due now."""
    if request.app.state.trigger is None:
        raise InputError("this process keeps no schedule")
    request.app.state.trigger()
    return back_to("/admin/runs")


@router.get("/admin/preview")
def framed(request: Request, session: SessionOf, email: Words = "") -> HTMLResponse:
    """A reader's next issue, in a frame in which nothing can happen."""
    reader = address_of(email) if email else None
    with house_of(request).newsletter() as newsletter:
        message = preview(newsletter, email=reader)
    source = f"/admin/preview/mail?{urlencode({'email': message.issue.subscriber.email})}"
    answer = admin_page(request, "preview", session, message=message, source=source)
    answer.headers["Content-Security-Policy"] = _FRAMING_POLICY
    return answer


@router.get("/admin/preview/mail")
def mail(request: Request, _session: SessionOf, email: Words) -> HTMLResponse:
    """The HTML of the mail, which may hold whatever a source has written."""
    with house_of(request).newsletter() as newsletter:
        message = preview(newsletter, email=address_of(email))
    answer = private(HTMLResponse(message.rendered.html))
    answer.headers["Content-Security-Policy"] = _MAIL_POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


@router.get("/admin/test")
def trial_page(request: Request, session: SessionOf, email: Words = "") -> HTMLResponse:
    """The form for a test message."""
    return admin_page(request, "test", session, email=email, to="", reply="", problem="")


@router.post("/admin/test")
def send_test(request: Request, session: SessionOf, form: OwnForm) -> HTMLResponse:
    """Send somebody's next issue to an address."""
    email, to, reply, problem = form.get("email", ""), form.get("to", ""), "", ""
    try:
        with house_of(request).newsletter() as newsletter:
            reply = send_specimen(newsletter, address_of(to), reader=address_of(email) if email else None)
    except (InputError, TransportError) as error:
        problem = str(error)
    answer = 200 if reply else 422
    return admin_page(request, "test", session, answer, email=email, to=to, reply=reply, problem=problem)
