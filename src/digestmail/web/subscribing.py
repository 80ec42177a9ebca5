"""Getting on the list: the form with its preview, and the page that a letter leads to."""

from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from digestmail.errors import AddressError
from digestmail.mail.links import path
from digestmail.mail.tokens import Purpose
from digestmail.model import Subscriber
from digestmail.newsletter import Newsletter, optin, preferences
from digestmail.rendering.language import languages
from digestmail.web.forms import Form
from digestmail.web.house import House
from digestmail.web.rendering import page, private_page

router = APIRouter(include_in_schema=False)

_LONGEST_SEARCH = 200
_FROM_A_SEARCH = Annotated[str, Query(max_length=_LONGEST_SEARCH)]


@router.api_route("/subscribe", methods=["GET", "HEAD"])
def show_form(request: Request, keywords: _FROM_A_SEARCH = "") -> HTMLResponse:
    """The form. A search may lead here, with its words as the first keywords."""
    house: House = request.app.state.house
    _check_open(house)
    with house.newsletter() as newsletter:
        return _form(house, newsletter, {"keywords": keywords})


@router.post("/subscribe")
def subscribe(request: Request, form: Form) -> HTMLResponse:
    """Ask to be on the list, or with the other button, only look at what would have come.

    Whoever asks gets the same answer for every address, and at the same speed: what becomes of it is decided later.
    """
    house: House = request.app.state.house
    _check_open(house)
    form = preferences.with_added(form)
    with house.newsletter() as newsletter:
        is_asking, problems = form.get("action") == "subscribe", dict[str, str]()
        email = wishes = None
        try:
            wishes = preferences.read_wishes(form)
        except preferences.WishError as error:
            problems |= error.problems
        try:
            email = optin.read_address(form.get("email", "")) if is_asking or form.get("email") else None
        except AddressError:
            problems["email"] = "write an address like name@example.org"
        if problems or wishes is None:
            return _form(house, newsletter, form, problems=problems)
        if not is_asking or email is None:
            return _form(house, newsletter, form, wished=optin.stranger(newsletter, wishes))
        optin.ask(newsletter, email, wishes, request.state.client)
    request.app.state.post()
    return private_page("asked", house.settings, email=email)


@router.api_route("/c/{token}", methods=["GET", "HEAD"])
def show_invitation(request: Request, token: str) -> HTMLResponse:
    """What is to be confirmed, and a button. Link scanners look at this page, too: looking changes nothing."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        invited = optin.invitation(newsletter, token)
        if invited.settled:
            return _welcome(house, newsletter, invited.subscriber)
        usual = newsletter.rules.max_papers
        fields = preferences.fields_of(invited.subscriber)
        return private_page(
            "confirm", house.settings, reader=invited.subscriber, fields=fields, token=token, usual=usual
        )


@router.post("/c/{token}")
def confirm(request: Request, token: str) -> HTMLResponse:
    """On the list from now on. Pressed twice, it says so twice."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        return _welcome(house, newsletter, optin.confirm(newsletter, token))


def _check_open(house: House) -> None:
    if not house.settings.subscribing:
        raise HTTPException(404)


def _welcome(house: House, newsletter: Newsletter, reader: Subscriber) -> HTMLResponse:
    preferences_path = path(newsletter.tokens, Purpose.PREFERENCES, reader)
    return private_page("welcome", house.settings, reader=reader, preferences_path=preferences_path)


def _form(
    house: House,
    newsletter: Newsletter,
    fields: dict[str, str],
    *,
    problems: dict[str, str] | None = None,
    wished: Subscriber | None = None,
) -> HTMLResponse:
    """``fields`` are what was typed, ``wished`` a reader whose preview is asked for."""
    usual = {"email": "", **preferences.fields_of(optin.stranger(newsletter, preferences.Wishes()))}
    return page(
        "subscribe",
        house.settings,
        422 if problems else 200,
        fields={**usual, **fields},
        problems=problems or {},
        asked=wished is not None,
        trial=house.trials.of(newsletter, wished) if wished else None,
        zones=sorted(available_timezones()),
        languages=languages(),
        usual=newsletter.rules.max_papers,
        max_papers=preferences.MAX_PAPERS,
    )
