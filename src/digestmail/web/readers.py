"""A reader's own pages: unsubscribe, preferences, pause, take everything along, be forgotten."""

import json
from datetime import date
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from digestmail.errors import InputError
from digestmail.mail.links import path
from digestmail.mail.tokens import Purpose
from digestmail.model import Origin, Subscriber
from digestmail.newsletter import Newsletter, pauses, preferences
from digestmail.newsletter.access import visitor
from digestmail.newsletter.farewell import erase, everything, papers_of
from digestmail.newsletter.subscribe import come_back, leave
from digestmail.rendering.language import languages
from digestmail.text.citing import bibtex, ris
from digestmail.web.forms import Form, OneClick
from digestmail.web.house import House
from digestmail.web.rendering import private_page

router = APIRouter(include_in_schema=False)

#: what must be typed to be forgotten
ERASE = "erase"
#: of what can be taken along
MEDIA = {
    "json": "application/json",
    "bib": "application/x-bibtex; charset=utf-8",
    "ris": "application/x-research-info-systems; charset=utf-8",
}


@router.api_route("/u/{token}", methods=["GET", "HEAD"])
def ask_to_leave(request: Request, token: str) -> HTMLResponse:
    """One button. Link scanners look at this page, too: looking changes nothing."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader = visitor(newsletter, Purpose.UNSUBSCRIBE, token).subscriber
        return private_page("leave", house.settings, reader=reader, token=token, again=False)


@router.post("/u/{token}")
def take_off(request: Request, token: str, one_click: OneClick) -> HTMLResponse:
    """RFC 8058: done when answered, without cookies, redirects or questions."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader = visitor(newsletter, Purpose.UNSUBSCRIBE, token).subscriber
        if not one_click:
            raise HTTPException(422, "The request does not ask for anything: use the button of the page.")
        leave(newsletter, reader, "web")
        reader = visitor(newsletter, Purpose.UNSUBSCRIBE, token).subscriber
        return private_page("leave", house.settings, reader=reader, token=token, again=False)


@router.post("/u/{token}/again")
def return_to_list(request: Request, token: str) -> HTMLResponse:
    """The way back, with the profile that was."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader = visitor(newsletter, Purpose.UNSUBSCRIBE, token).subscriber
        come_back(newsletter, reader)
        reader = visitor(newsletter, Purpose.UNSUBSCRIBE, token).subscriber
        return private_page("leave", house.settings, reader=reader, token=token, again=True)


@router.api_route("/p/{token}", methods=["GET", "HEAD"])
def show_preferences(request: Request, token: str) -> HTMLResponse:
    """What a reader gets, as a form."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        return _preferences(house, newsletter, _reader(newsletter, token), token)


@router.post("/p/{token}")
def change_preferences(request: Request, token: str, form: Form) -> HTMLResponse:
    """Save, or with the other button, only look at what that would bring."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader, form = _reader(newsletter, token), preferences.with_added(form)
        try:
            wished = preferences.with_wishes(reader, preferences.read_wishes(form))
        except preferences.WishError as error:
            return _preferences(house, newsletter, reader, token, fields=form, problems=error.problems)
        if form.get("action") == "save":
            preferences.save(newsletter, wished)
            return _preferences(house, newsletter, wished, token, done="Saved. Your next issue follows it.")
        return _preferences(house, newsletter, reader, token, fields=form, wished=wished)


@router.post("/p/{token}/pause")
def pause(request: Request, token: str, form: Form) -> HTMLResponse:
    """No issue until a day."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader, typed = _reader(newsletter, token), {"until": form.get("until", "")}
        try:
            until = date.fromisoformat(typed["until"])
        except ValueError:
            problems = {"until": "choose a day, such as 2026-07-15"}
            return _preferences(house, newsletter, reader, token, fields=typed, problems=problems)
        try:
            reader = pauses.pause(newsletter, reader, until)
        except InputError as error:
            return _preferences(house, newsletter, reader, token, fields=typed, problems={"until": str(error)})
        return _preferences(house, newsletter, reader, token, done="Paused.")


@router.post("/p/{token}/resume")
def resume(request: Request, token: str) -> HTMLResponse:
    """End a pause."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader = pauses.resume(newsletter, _reader(newsletter, token))
        done = "Welcome back. The next issue catches up with what you missed."
        return _preferences(house, newsletter, reader, token, done=done)


@router.post("/p/{token}/links")
def revoke_links(request: Request, token: str) -> HTMLResponse:
    """Make all links of earlier mails worthless, this one too."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader = _reader(newsletter, token)
        newsletter.store.subscribers.revoke_links(reader.uid)
        fresh = newsletter.store.subscribers.by_uid(reader.uid) or reader
        address = path(newsletter.tokens, Purpose.PREFERENCES, fresh)
        return private_page("links", house.settings, address=address)


@router.api_route("/p/{token}/data.{kind}", methods=["GET", "HEAD"])
def take_along(request: Request, token: str, kind: str) -> Response:
    """Everything as JSON, papers as BibTeX or RIS."""
    house: House = request.app.state.house
    if kind not in MEDIA:
        raise HTTPException(404)
    with house.newsletter() as newsletter:
        reader = _reader(newsletter, token)
        if kind == "json":
            text = json.dumps(everything(newsletter, reader), ensure_ascii=False, indent=2) + "\n"
        else:
            text = (bibtex if kind == "bib" else ris)(papers_of(newsletter, reader))
    headers = {"Content-Disposition": f'attachment; filename="papers.{kind}"', "Cache-Control": "no-store"}
    return Response(text.encode(), media_type=MEDIA[kind], headers=headers)


@router.api_route("/p/{token}/erase", methods=["GET", "HEAD"])
def ask_to_erase(request: Request, token: str) -> HTMLResponse:
    """What erasing does, and a field to type in."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader = _reader(newsletter, token)
        return private_page("erase", house.settings, token=token, reader=reader, word=ERASE, problem_text="")


@router.post("/p/{token}/erase")
def forget(request: Request, token: str, form: Form) -> HTMLResponse:
    """Erase, when the word was typed. A second request finds nobody."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader = _reader(newsletter, token)
        if form.get("word", "").strip().lower() != ERASE:
            problem = f"Type “{ERASE}” to go on."
            return private_page(
                "erase", house.settings, status=422, token=token, reader=reader, word=ERASE, problem_text=problem
            )
        erase(newsletter, reader)
    return private_page("message", house.settings, title="Forgotten", text="Nothing is kept about you any more.")


def _reader(newsletter: Newsletter, token: str) -> Subscriber:
    return visitor(newsletter, Purpose.PREFERENCES, token).subscriber


def _preferences(
    house: House,
    newsletter: Newsletter,
    reader: Subscriber,
    token: str,
    *,
    fields: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
    wished: Subscriber | None = None,
    done: str = "",
) -> HTMLResponse:
    """The form. ``fields`` are what was typed, ``wished`` the reader as a preview is asked for."""
    trial = house.trials.of(newsletter, wished) if wished else None
    return private_page(
        "preferences",
        house.settings,
        422 if problems else 200,
        reader=reader,
        token=token,
        fields={**preferences.fields_of(reader), **(fields or {})},
        problems=problems or {},
        asked=wished is not None,
        trial=trial,
        done=done,
        in_file=reader.origin is Origin.CONFIG,
        zones=sorted(available_timezones()),
        languages=languages(),
        usual=newsletter.rules.max_papers,
        max_papers=preferences.MAX_PAPERS,
        # this link opens the most: the other pages lead to each other, and never back to here
        saved_path=path(newsletter.tokens, Purpose.SAVED, reader),
        unsubscribe_path=path(newsletter.tokens, Purpose.UNSUBSCRIBE, reader),
    )
