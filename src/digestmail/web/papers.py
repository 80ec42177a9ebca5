"""The public pages: a day's papers, one paper, search, and feeds of both."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from digestmail.errors import NotFoundError
from digestmail.model import Paper
from digestmail.newsletter import Newsletter
from digestmail.newsletter.archive import Day, day_of, search_for, similar_to, work
from digestmail.web import feeds
from digestmail.web.house import House
from digestmail.web.rendering import page

router = APIRouter(include_in_schema=False)

PageNumber = Annotated[int, Query(alias="page", ge=1, le=1_000)]
Words = Annotated[str, Query(max_length=200)]


@router.api_route("/", methods=["GET", "HEAD"])
def newest(request: Request) -> HTMLResponse:
    """The newest day."""
    return _daily(request, None, 1)


@router.api_route("/papers", methods=["GET", "HEAD"])
def search(request: Request, q: Words = "", number: PageNumber = 1) -> HTMLResponse:
    """What a search finds."""
    house: House = request.app.state.house
    size = house.settings.page_size
    with house.newsletter() as newsletter:
        found = search_for(newsletter, q, limit=size, offset=(number - 1) * size)
    return page("search", house.settings, q=q, papers=found.papers, total=found.total, number=number, size=size)


@router.get("/papers.atom")
def search_atom(request: Request, q: Words = "") -> Response:
    """A feed of the newest day, or of a search."""
    house: House = request.app.state.house
    title, link, papers = _for_feed(house, q)
    return Response(feeds.atom(house.settings, title, link, papers), media_type="application/atom+xml")


@router.get("/papers.json")
def search_json(request: Request, q: Words = "") -> JSONResponse:
    """The same as JSON Feed."""
    house: House = request.app.state.house
    title, link, papers = _for_feed(house, q)
    return JSONResponse(feeds.json_feed(house.settings, title, link, papers), media_type="application/feed+json")


@router.api_route("/papers/{day}", methods=["GET", "HEAD"])
def daily(request: Request, day: date, number: PageNumber = 1) -> HTMLResponse:
    """One day."""
    return _daily(request, day, number)


@router.api_route("/paper/{key:path}", methods=["GET", "HEAD"])
def one(request: Request, key: str) -> HTMLResponse:
    """One paper, and what is like it."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        paper = work(newsletter, key)
        if paper is None:
            raise NotFoundError("no such paper")
        return page("paper", house.settings, paper=paper, similar=similar_to(newsletter, paper))


def _daily(request: Request, day: date | None, number: int) -> HTMLResponse:
    house: House = request.app.state.house
    size = house.settings.page_size
    with house.newsletter() as newsletter:
        found = day_of(newsletter, day, limit=size, offset=(number - 1) * size)
    if day and not found.total:
        return page("day", house.settings, status=404, found=found, number=number, size=size)
    return page("day", house.settings, found=found, number=number, size=size)


def _for_feed(house: House, words: str) -> tuple[str, str, tuple[Paper, ...]]:
    with house.newsletter() as newsletter:
        return _searched(newsletter, house, words) if words else _newest(newsletter, house)


def _searched(newsletter: Newsletter, house: House, words: str) -> tuple[str, str, tuple[Paper, ...]]:
    found = search_for(newsletter, words, limit=house.settings.page_size, offset=0)
    return f"{house.settings.name}: {words}", feeds.search_path(words), found.papers


def _newest(newsletter: Newsletter, house: House) -> tuple[str, str, tuple[Paper, ...]]:
    found: Day = day_of(newsletter, None, limit=house.settings.page_size, offset=0)
    return house.settings.name, "/", found.papers
