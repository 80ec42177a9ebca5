"""What a reader thinks of the papers of an issue, the papers they keep, and the issue as a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from digestmail.errors import NotFoundError
from digestmail.mail.links import path
from digestmail.mail.tokens import Purpose
from digestmail.model import Delivery, Paper, RankedPaper, Subscriber
from digestmail.newsletter import Newsletter
from digestmail.newsletter.access import issue_of, visitor
from digestmail.newsletter.deliver import joining_for, message_of
from digestmail.newsletter.farewell import papers_of
from digestmail.newsletter.reactions import Action, Effect, Proposal, act, effect, numbered, propose
from digestmail.ranking.profile import format_keyword
from digestmail.web import feeds
from digestmail.web.forms import Form
from digestmail.web.house import House
from digestmail.web.rendering import PRIVATE, private_page

router = APIRouter(include_in_schema=False)

_FEED = 100  # papers
#: of a page that frames a mail
_FRAMING = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'"
#: of the mail: its own styles and nothing else; a sandbox even where it is opened on its own
_MAIL = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


@dataclass(frozen=True, slots=True)
class _Card:
    """A paper of the issue, and what its reader has said of it."""

    number: int
    ranked: RankedPaper
    opinion: str
    saved: bool
    #: keywords of the profile that brought it, as people write them
    keywords: tuple[str, ...]


@router.api_route("/f/{token}", methods=["GET", "HEAD"])
def papers(request: Request, token: str) -> HTMLResponse:
    """The papers of the issue, each with what can be done about it."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader, delivery = _visit(newsletter, token)
        cards = _cards(newsletter, reader, delivery)
        saved_path = path(newsletter.tokens, Purpose.SAVED, reader)
    return private_page("reactions", house.settings, cards=cards, token=token, day=delivery.slot, saved_path=saved_path)


@router.api_route("/f/{token}/{number}/{action}", methods=["GET", "HEAD"])
def look_ahead(request: Request, token: str, number: int, action: Action, keyword: str = "") -> HTMLResponse:
    """What an action would change, and a button."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        proposal = _proposal(newsletter, token, number, action, keyword)
        told = _effect(house, newsletter, proposal)
    return private_page(
        "reaction", house.settings, proposal=proposal, effect=told, token=token, number=number, done=False
    )


@router.post("/f/{token}/{number}/{action}")
def take_action(request: Request, token: str, number: int, action: Action, form: Form) -> HTMLResponse:
    """Do it, and offer to take it back."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        proposal = _proposal(newsletter, token, number, action, form.get("keyword", ""))
        act(newsletter, proposal)
    return private_page(
        "reaction", house.settings, proposal=proposal, effect=None, token=token, number=number, done=True
    )


@router.api_route("/s/{token}.atom", methods=["GET", "HEAD"])
def saved_feed(request: Request, token: str) -> Response:
    """The papers that a reader keeps, as a feed."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader = visitor(newsletter, Purpose.SAVED, token).subscriber
        found = [kept.paper for kept in newsletter.store.saved.list(reader.email)[:_FEED]]
    return _atom(house, "saved papers", f"/s/{token}", found)


@router.api_route("/s/{token}/issues.atom", methods=["GET", "HEAD"])
def issues_feed(request: Request, token: str) -> Response:
    """The papers of a reader's issues, as a feed."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader = visitor(newsletter, Purpose.SAVED, token).subscriber
        found = papers_of(newsletter, reader)[:_FEED]
    return _atom(house, "your papers", f"/s/{token}", found)


@router.api_route("/s/{token}", methods=["GET", "HEAD"])
def saved(request: Request, token: str) -> HTMLResponse:
    """The papers that a reader keeps."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        return _saved(house, newsletter, visitor(newsletter, Purpose.SAVED, token).subscriber, token)


@router.post("/s/{token}/remove")
def put_back(request: Request, token: str, form: Form) -> HTMLResponse:
    """Keep one no longer."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        reader = visitor(newsletter, Purpose.SAVED, token).subscriber
        newsletter.store.saved.remove(reader.email, form.get("key", ""))
        return _saved(house, newsletter, reader, token)


@router.api_route("/v/{token}", methods=["GET", "HEAD"])
def issue(request: Request, token: str) -> HTMLResponse:
    """An issue within a frame that lets nothing out."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        visit = visitor(newsletter, Purpose.ISSUE, token)
        slot = issue_of(newsletter, visit).slot
    answer = private_page("issue", house.settings, token=token, day=slot)
    answer.headers["Content-Security-Policy"] = _FRAMING + "; frame-ancestors 'none'"
    return answer


@router.api_route("/v/{token}/mail", methods=["GET", "HEAD"])
def mail(request: Request, token: str) -> HTMLResponse:
    """The HTML of the message, as it was sent."""
    house: House = request.app.state.house
    with house.newsletter() as newsletter:
        delivery = issue_of(newsletter, visitor(newsletter, Purpose.ISSUE, token))
        html = message_of(newsletter, delivery, joining_for(newsletter, delivery.template)).rendered.html
    return HTMLResponse(html, headers={**PRIVATE, "Content-Security-Policy": _MAIL, "X-Frame-Options": "SAMEORIGIN"})


def _visit(newsletter: Newsletter, token: str) -> tuple[Subscriber, Delivery]:
    visit = visitor(newsletter, Purpose.FEEDBACK, token)
    return visit.subscriber, issue_of(newsletter, visit)


def _proposal(newsletter: Newsletter, token: str, number: int, action: Action, keyword: str) -> Proposal:
    reader, delivery = _visit(newsletter, token)
    found = numbered(newsletter, delivery)
    if not 1 <= number <= len(found):
        raise NotFoundError("no such paper in this issue")
    return propose(newsletter, reader, found[number - 1].paper, action, keyword)


def _effect(house: House, newsletter: Newsletter, proposal: Proposal) -> Effect | None:
    if not proposal.changes_profile:
        return None
    before, after = (house.trials.of(newsletter, one) for one in (proposal.before, proposal.after))
    return effect(before, after) if before and after else None


def _cards(newsletter: Newsletter, reader: Subscriber, delivery: Delivery) -> list[_Card]:
    liked, disliked = ({paper.key for paper in papers} for papers in (reader.profile.liked, reader.profile.disliked))
    kept = {one.paper.key for one in newsletter.store.saved.list(reader.email)}
    cards = []
    for number, ranked in enumerate(numbered(newsletter, delivery), 1):
        current = newsletter.store.corpus.find(ranked.paper.key)
        key = current.key if current else ranked.paper.key
        brought = {match.keyword for match in ranked.matches}
        keywords = tuple(format_keyword(one) for one in reader.profile.wanted if one.phrase in brought)
        opinion = "more" if key in liked else "less" if key in disliked else ""
        cards.append(_Card(number, ranked, opinion, key in kept, keywords))
    return cards


def _saved(house: House, newsletter: Newsletter, reader: Subscriber, token: str) -> HTMLResponse:
    kept = newsletter.store.saved.list(reader.email)
    return private_page("saved", house.settings, kept=kept, token=token)


def _atom(house: House, what: str, at: str, papers: Sequence[Paper]) -> Response:
    content = feeds.atom(house.settings, f"{house.settings.name}: {what}", at, papers)
    return Response(content, media_type="application/atom+xml", headers=PRIVATE)
