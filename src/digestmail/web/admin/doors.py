"""Who may see the admin pages, and whether it is they who ask: sessions, CSRF tokens, forms."""

import hmac
import secrets
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Request
from fastapi.responses import Response
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.exceptions import HTTPException

from digestmail.web.house import house_of

#: tied to this host and to TLS (RFC 6265bis §4.1.3.2); browsers take http://localhost for safe
COOKIE = "__Host-digestmail"
_SESSION_SECONDS = 12 * 3600
_LOGIN_SECONDS = 3600  # that a log-in page may stay open
_MOST_FIELDS = 50
_LOGIN = "log-in"

Form = Mapping[str, str]


class NotLoggedIn(Exception):  # noqa: N818 - it says what is the case
    """The page is for the operator."""


class Sessions:
    """Signed session cookies and the CSRF tokens that belong to them. Another admin token ends all sessions."""

    def __init__(self, admin_token: str) -> None:
        self._sessions = URLSafeTimedSerializer(admin_token, salt="digestmail admin session")
        self._forms = URLSafeTimedSerializer(admin_token, salt="digestmail admin form")

    def begin(self, response: Response) -> None:
        """Give the browser a new session."""
        session = self._sessions.dumps(secrets.token_urlsafe(16))
        response.set_cookie(
            COOKIE, session, max_age=_SESSION_SECONDS, path="/", secure=True, httponly=True, samesite="strict"
        )

    def end(self, response: Response) -> None:
        """Take it back."""
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")

    def of(self, request: Request) -> str:
        """The session of a request. Raises NotLoggedIn."""
        try:
            return str(self._sessions.loads(request.cookies.get(COOKIE, ""), max_age=_SESSION_SECONDS))
        except BadData:
            raise NotLoggedIn from None

    def form_token(self, session: str = _LOGIN) -> str:
        """What a form of this session carries."""
        return self._forms.dumps(session)

    def check_form(self, form: Form, session: str = _LOGIN) -> None:
        """Raises HTTPException (403) unless a form carries the token of its session."""
        seconds = _LOGIN_SECONDS if session == _LOGIN else _SESSION_SECONDS
        try:
            given = str(self._forms.loads(form.get("csrf", ""), max_age=seconds))
        except BadData:
            given = ""
        if not hmac.compare_digest(given.encode(), session.encode()):
            raise HTTPException(403, "This form is too old, or is not ours. Please go back and reload the page.")


def sessions_of(request: Request) -> Sessions:
    """The sessions of an application."""
    sessions: Sessions = request.app.state.sessions
    return sessions


async def form_of(request: Request) -> Form:
    """The fields of an urlencoded body, from a page of ours. Raises HTTPException."""
    _check_origin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Forms are sent urlencoded.")
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise HTTPException(400, "This form cannot be read.") from None


def _check_origin(request: Request) -> None:
    """What the browser itself says about where a request comes from, where it says something."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        allowed = site == "same-origin"
    elif origin is not None:
        hosts = {urlsplit(house_of(request).settings.base_url).netloc, request.headers.get("host", "")}
        allowed = urlsplit(origin).netloc in hosts - {""}
    else:
        allowed = True  # no browser: the token in the form decides
    if not allowed:
        raise HTTPException(403, "This request comes from another site.")


def session_of(request: Request) -> str:
    """The session of a request. Raises NotLoggedIn."""
    return sessions_of(request).of(request)


def own_form_of(request: Request, form: Annotated[Form, Depends(form_of)]) -> Form:
    """The fields of a form of the session. Raises NotLoggedIn and HTTPException."""
    sessions = sessions_of(request)
    sessions.check_form(form, sessions.of(request))
    return form


#: of routes that the operator alone may take
SessionOf = Annotated[str, Depends(session_of)]
OwnForm = Annotated[Form, Depends(own_form_of)]
AnyForm = Annotated[Form, Depends(form_of)]
