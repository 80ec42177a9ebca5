"""Pages of the operator: shown to nobody else, kept by nobody."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from digestmail.mail.links import ascii_address
from digestmail.web.admin.doors import AnyForm, OwnForm, sessions_of
from digestmail.web.attempts import Attempts, Denied
from digestmail.web.house import house_of
from digestmail.web.rendering import page

router = APIRouter(include_in_schema=False)

#: rows on one page
SIZE = 50


def admin_page(request: Request, name: str, session: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of the session, from ``templates/admin/NAME.html``."""
    csrf = sessions_of(request).form_token(session)
    return private(page(f"admin/{name}", house_of(request).settings, status, csrf=csrf, **values))


def private(answer: HTMLResponse) -> HTMLResponse:
    """Kept by no cache; its forms say which page they come from."""
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer


def address_of(text: str) -> str:
    """An address as it was typed. Raises AddressError."""
    return ascii_address(text.strip())


def back_to(path: str) -> RedirectResponse:
    """After a form: to a page of ours, which is never named by the request."""
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})


@router.get("/admin/login")
def login_page(request: Request) -> HTMLResponse:
    """The form."""
    return _login(request)


@router.post("/admin/login")
def login(request: Request, form: AnyForm) -> Response:
    """Begin a session."""
    sessions, attempts = sessions_of(request), request.app.state.attempts
    sessions.check_form(form)
    assert isinstance(attempts, Attempts)
    try:
        attempts.check(form.get("token", ""), request.state.client)
    except Denied as denied:
        if denied.wait:
            answer = _login(request, 429, "Too many wrong tokens. Please try again later.")
            answer.headers["Retry-After"] = str(denied.wait)
            return answer
        return _login(request, 403, "That is not the admin token.")
    welcome = back_to("/admin")
    sessions.begin(welcome)
    return welcome


def _login(request: Request, status: int = 200, problem: str = "") -> HTMLResponse:
    csrf = sessions_of(request).form_token()
    return private(page("admin/login", house_of(request).settings, status, csrf=csrf, problem=problem))


@router.post("/admin/logout")
def logout(request: Request, _form: OwnForm) -> RedirectResponse:
    """End the session."""
    answer = back_to("/admin/login")
    sessions_of(request).end(answer)
    return answer
