"""Papers, and what keywords find in them."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request

from digestmail.errors import NotFoundError
from digestmail.newsletter import keywords
from digestmail.newsletter.archive import day_of, search_for, work
from digestmail.newsletter.preview import preview
from digestmail.ranking.profile import parse_keywords
from digestmail.web.api.asked import CheckIn, Day, PageNumber, PageSize, ProfileIn, Words
from digestmail.web.api.models import CheckOut, Listed, PaperOut, PreviewOut
from digestmail.web.api.problems import problems
from digestmail.web.api.readers import told
from digestmail.web.house import house_of

router = APIRouter(tags=["papers"])


@router.get("/papers", responses=problems(422))
def list_papers(
    request: Request,
    q: Words = "",
    day: Annotated[Day | None, Query(description="One day; by default the newest.")] = None,
    page: PageNumber = 1,
    per_page: PageSize = 50,
) -> Listed[PaperOut]:
    """The papers that hold all words of `q`, best first; without words, those of a day, most upvotes first."""
    offset = (page - 1) * per_page
    with house_of(request).newsletter() as newsletter:
        if q:
            searched = search_for(newsletter, q, limit=per_page, offset=offset)
            papers, total = searched.papers, searched.total
        else:
            listed = day_of(newsletter, day, limit=per_page, offset=offset)
            papers, total = listed.papers, listed.total
    return Listed(items=[PaperOut.of(paper) for paper in papers], total=total, page=page, size=per_page)


@router.get("/papers/{key:path}", responses=problems(404, 422))
def show_paper(request: Request, key: str) -> PaperOut:
    """One paper, by its key: `arxiv:2606.00001`."""
    with house_of(request).newsletter() as newsletter:
        paper = work(newsletter, key)
    if paper is None:
        raise NotFoundError("no such paper")
    return PaperOut.of(paper)


@router.post("/keywords/check", responses=problems(422))
def check_keywords(request: Request, asked: CheckIn) -> CheckOut:
    """What each keyword finds in the papers of the last weeks."""
    with house_of(request).newsletter() as newsletter:
        checked = keywords.check(newsletter, profile=parse_keywords(asked.keywords), weeks=asked.weeks)
    return CheckOut.of(checked)


@router.post("/preview", responses=problems(404, 422))
def preview_profile(request: Request, asked: ProfileIn) -> PreviewOut:
    """The issue that a profile would bring today; nothing is stored."""
    with house_of(request).newsletter() as newsletter:
        rules = replace(newsletter.rules, gate=asked.gate or newsletter.rules.gate)
        with_gate = replace(newsletter, rules=rules)
        return told(preview(with_gate, profile=parse_keywords(asked.keywords)))
