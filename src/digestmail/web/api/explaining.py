"""Why an issue is as it is, and what another profile would bring. Nothing is stored."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request

from digestmail.model import Profile
from digestmail.newsletter import keywords
from digestmail.newsletter.audit import audit
from digestmail.newsletter.explain import explain
from digestmail.newsletter.keywords import Reference
from digestmail.newsletter.prove import prove
from digestmail.newsletter.simulate import changed, compare, simulate
from digestmail.ranking.profile import parse_keywords
from digestmail.web.api.asked import AddressInPath, PaperReference, SimulationIn, SuggestIn, address
from digestmail.web.api.findings import AuditOut, ExplainedOut, ProofOut, SimulationOut
from digestmail.web.api.models import CheckOut, SuggestionsOut
from digestmail.web.api.problems import problems
from digestmail.web.house import house_of

router = APIRouter()


@router.get("/subscribers/{email}/explanation", tags=["subscribers"], responses=problems(404, 422))
def explain_paper(request: Request, email: AddressInPath, paper: PaperReference) -> ExplainedOut:
    """Why a paper is, or is not, in a subscriber's issue."""
    with house_of(request).newsletter() as newsletter:
        return ExplainedOut.of(explain(newsletter, address(email), paper))


@router.get("/subscribers/{email}/proof", tags=["subscribers"], responses=problems(404, 422))
def prove_paper(request: Request, email: AddressInPath, paper: PaperReference) -> ProofOut:
    """The whole way of a paper to a subscriber: first seen, promised, every attempt, the server's answer."""
    with house_of(request).newsletter() as newsletter:
        return ProofOut.of(prove(newsletter, address(email), paper))


@router.get("/subscribers/{email}/keywords", tags=["subscribers"], responses=problems(404, 422))
def check_subscriber(request: Request, email: AddressInPath, weeks: Annotated[int, Query(ge=1, le=52)] = 4) -> CheckOut:
    """What each keyword of a subscriber finds in the papers of the last weeks. 422 without keywords."""
    with house_of(request).newsletter() as newsletter:
        return CheckOut.of(keywords.check(newsletter, email=address(email), weeks=weeks))


@router.post("/keywords/suggest", tags=["papers"], responses=problems(404, 422))
def suggest_keywords(request: Request, asked: SuggestIn) -> SuggestionsOut:
    """Keywords that tell some papers, or those that a subscriber likes, from the others."""
    references = [Reference(name=name, names=(name,)) for name in asked.papers]
    reader = address(asked.reader) if asked.reader else None
    with house_of(request).newsletter() as newsletter:
        found = keywords.suggest(newsletter, email=reader, references=references, weeks=asked.weeks, limit=asked.limit)
    return SuggestionsOut.of(found)


@router.post("/simulations", tags=["subscribers"], responses=problems(404, 422))
def simulate_days(request: Request, asked: SimulationIn) -> SimulationOut:
    """What a profile would have received on each of the last days; and day by day what another one would change."""
    reader = address(asked.reader) if asked.reader else None
    profile = parse_keywords(asked.keywords) if asked.keywords else None
    change = _change(asked)
    with house_of(request).newsletter() as newsletter:
        simulated = simulate(
            newsletter, email=reader, profile=profile, changes=[change] if change else [], days=asked.days
        )
    return SimulationOut.of(simulated, compare(*simulated) if change else [])


@router.get("/audit", tags=["operations"], responses=problems())
def audit_all(request: Request) -> AuditOut:
    """Count all papers of all slots again: each was sent, waits, is carried over, or has a reason."""
    with house_of(request).newsletter() as newsletter:
        return AuditOut.of(audit(newsletter))


def _change(asked: SimulationIn) -> Callable[[Profile], Profile] | None:
    more, less, instead = (parse_keywords(texts).keywords for texts in (asked.add, asked.drop, asked.instead))
    if instead:
        return lambda profile: replace(profile, keywords=instead)
    return (lambda profile: changed(profile, add=more, drop=less)) if more or less else None
