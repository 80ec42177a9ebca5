"""The application, put together: routes, guards, errors → status."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from digestmail import __version__
from digestmail.errors import InputError, NotFoundError, StoreError, TooOften
from digestmail.newsletter.overview import mark
from digestmail.web import operations, papers, reactions, readers, subscribing
from digestmail.web.access import Access, Traffic
from digestmail.web.admin import pages as admin_pages
from digestmail.web.admin import routes as admin
from digestmail.web.admin.doors import NotLoggedIn, Sessions
from digestmail.web.api.app import build_api
from digestmail.web.api.problems import problem
from digestmail.web.attempts import Attempts
from digestmail.web.guard import Guard
from digestmail.web.house import House, Open, Trigger, WebSettings
from digestmail.web.kept import KeptPages
from digestmail.web.rendering import page

#: requests that are worked on at once: each has a store of its own
THREADS = 8
_STATIC = {"style.css": "text/css; charset=utf-8", "zone.js": "text/javascript; charset=utf-8"}
_A_DAY = "public, max-age=86400"


def build_app(
    open_newsletter: Open,
    settings: WebSettings,
    trigger: Trigger | None = None,
    post: Callable[[], None] | None = None,
) -> FastAPI:
    """The web application of a newsletter.

    ``trigger`` starts a run and ``post`` sends letters, where there is somebody who does: else the next run sends them.
    """
    house = House(open_newsletter, settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield
        house.close()

    app = FastAPI(
        title=settings.name,
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.house = house
    app.state.trigger = trigger
    app.state.traffic = traffic = Traffic()
    app.state.readiness = operations.Readiness()
    app.state.post = post or _nobody_writes
    for pages in (papers, subscribing, readers, reactions, operations):
        app.include_router(pages.router)
    app.add_api_route("/static/{name}", _static, methods=["GET", "HEAD"], include_in_schema=False)
    if settings.admin_token:
        _open_to_operators(app, house, settings.admin_token, trigger)
    _answer_errors(app)
    # the last one is the first to see a request
    app.add_middleware(KeptPages, mark=partial(_mark, house))
    app.add_middleware(Guard, trusted_proxies=settings.trusted_proxies)
    app.add_middleware(Access, traffic=traffic)
    return app


def _open_to_operators(app: FastAPI, house: House, token: str, trigger: Trigger | None) -> None:
    """The pages below ``/admin`` and the API: both count wrong tokens together."""
    app.state.attempts = attempts = Attempts(token, house.settings.wrong_tokens)
    app.state.sessions = Sessions(token)
    app.include_router(admin.router)
    app.include_router(admin_pages.router)
    app.add_exception_handler(NotLoggedIn, _to_login)
    app.mount("/api/v1", build_api(house, attempts, trigger))


def _answer_errors(app: FastAPI) -> None:
    """Errors → pages with a status."""
    for kind, status in ((NotFoundError, 404), (InputError, 422), (StoreError, 503), (RequestValidationError, 404)):
        app.add_exception_handler(kind, _told(status))
    app.add_exception_handler(TooOften, _too_often)
    app.add_exception_handler(HTTPException, _http_error)


def _nobody_writes() -> None:
    """The next run does."""


def _to_login(_request: Request, _error: Exception) -> Response:
    return RedirectResponse("/admin/login", 303, headers={"Cache-Control": "no-store"})


def _mark(house: House) -> object:
    try:
        with house.newsletter() as newsletter:
            return mark(newsletter)
    except StoreError:
        return None  # no page is kept for a store that does not answer: the page itself says so


_WORDS = {
    404: ("Nothing here", "There is no such page, or the link is no longer good."),
    405: ("Not that way", "This page does not take such requests."),
    408: ("Too slow", "The request took too long."),
    413: ("Too large", "The request is too large."),
    422: ("That does not work", ""),
    503: ("Back soon", "The newsletter cannot be reached right now. Please try again in a minute."),
}


def _told(status: int) -> Callable[[Request, Exception], Response]:
    """A handler that answers with a page; what is wrong with an input is said in the error's own words."""

    def handler(request: Request, error: Exception) -> Response:
        title, words = _WORDS[status]
        return page("message", request.app.state.house.settings, status, title=title, text=words or str(error))

    return handler


def _too_often(request: Request, error: Exception) -> Response:
    assert isinstance(error, TooOften)
    answer = page("message", request.app.state.house.settings, 429, title="Not now", text=f"Sorry: {error}.")
    answer.headers["Retry-After"] = str(max(1, math.ceil(error.wait.total_seconds())))
    return answer


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/api/"):  # a path with a line break is none of the API's own
        return problem(error.status_code, str(error.detail))
    title, words = _WORDS.get(error.status_code, ("That did not work", str(error.detail)))
    answer = page("message", request.app.state.house.settings, error.status_code, title=title, text=words)
    answer.headers.update(error.headers or {})
    return answer


def _static(name: str) -> Response:
    """A file that ships with the pages; nothing else can be named."""
    if name not in _STATIC:
        return PlainTextResponse("Nothing here.", 404)
    content = files("digestmail.web").joinpath("static", name).read_bytes()
    return Response(content, media_type=_STATIC[name], headers={"Cache-Control": _A_DAY})
