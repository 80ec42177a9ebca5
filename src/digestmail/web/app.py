"""The application, put together: routes, guards, errors → status."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException

from digestmail import __version__
from digestmail.errors import InputError, NotFoundError, StoreError
from digestmail.web import papers, reactions, readers
from digestmail.web.guard import Guard, TooLargeError
from digestmail.web.house import House, Open, WebSettings
from digestmail.web.rendering import page

#: requests that are worked on at once: each has a store of its own
THREADS = 8
_STATIC = {"style.css": "text/css; charset=utf-8"}
_A_DAY = "public, max-age=86400"


def build_app(open_newsletter: Open, settings: WebSettings) -> FastAPI:
    """The web application of a newsletter."""
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
    for pages in (papers, readers, reactions):
        app.include_router(pages.router)
    app.add_api_route("/static/{name}", _static, methods=["GET", "HEAD"], include_in_schema=False)
    for kind, status in ((NotFoundError, 404), (InputError, 422), (StoreError, 503)):
        app.add_exception_handler(kind, _told(status))
    app.add_exception_handler(TooLargeError, _told(413))
    app.add_exception_handler(RequestValidationError, _told(404))
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(Guard, trusted_proxies=settings.trusted_proxies)
    return app


_WORDS = {
    404: ("Nothing here", "There is no such page, or the link is no longer good."),
    405: ("Not that way", "This page does not take such requests."),
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


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
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
