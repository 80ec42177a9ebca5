"""How much of an issue a mail client shows. Gmail clips a message whose HTML passes 102 KB, and hides its end.

The figure is from measurements by senders (hteumeuleu/email-bugs #41; one found 105 KB). What does not fit is told in
fewer words, the last paper first: abstracts become two sentences, those become titles, and what still does not fit is
left out, to compete again next time.
"""

import binascii
from dataclasses import dataclass, replace
from typing import Final

from digestmail.model import Encoded, Issue, Pages
from digestmail.rendering.cards import Tier, tier
from digestmail.rendering.joining import Joining
from digestmail.rendering.outline import NO_PAGES

#: bytes of HTML, as UTF-8, that an issue never passes
LIMIT: Final = 98 * 1024
#: as many papers fit as titles, whatever the template: no need to try before they are planned
FEW: Final = 10
_DOWN = {Tier.FULL: Tier.LEAD, Tier.LEAD: Tier.LINE}


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of an issue."""

    #: HTML as UTF-8, which is what clients count
    html: int
    #: the same in quoted-printable, as it goes over the wire
    encoded: int
    text: int
    #: HTML of each card, in the order in which they stand; empty when the template's cards cannot be told apart
    cards: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fitted:
    """An issue within its budget."""

    #: without the papers that are left out
    issue: Issue
    #: the room of each of its papers, in the order of the plan
    tiers: tuple[Tier, ...]
    encoded: Encoded

    @property
    def html_bytes(self) -> int:
        """HTML as UTF-8."""
        return _decoded(*self.encoded.html)


def fit(
    issue: Issue,
    joining: Joining,
    *,
    unsubscribe_url: str,
    pages: Pages = NO_PAGES,
    limit: int = LIMIT,
    drop: bool = True,
) -> Fitted:
    """The issue with as much room for its papers as ``limit`` bytes of HTML allow.

    The last papers are left out when even titles are too much, unless ``drop`` is false: for papers that are promised;
    the receipt counts what is there. What is left fits on its own: fitting it again leaves nothing out. The same issue
    and template always give the same. Raises TemplateError.
    """

    def attempt(step: int) -> Fitted:
        tiers = _after(step, len(issue.papers))
        kept = issue
        if len(tiers) < len(issue.papers):
            receipt = replace(issue.receipt, shown=len(tiers))
            kept = replace(issue, papers=issue.papers[: len(tiers)], receipt=receipt)
        return Fitted(kept, tiers, joining.join(kept, unsubscribe_url=unsubscribe_url, pages=pages, tiers=tiers))

    best = attempt(0)
    last = _steps(len(issue.papers), drop=drop)
    # what is encoded is never the shorter, and known without decoding
    if sum(map(len, best.encoded.html)) <= limit or best.html_bytes <= limit or not last:
        return best
    # every step makes it smaller: the first that fits is found by halving
    too_big, fits, best = 0, last, attempt(last)
    while fits - too_big > 1:
        middle = (too_big + fits) // 2
        tried = attempt(middle)
        if tried.html_bytes <= limit:
            fits, best = middle, tried
        else:
            too_big = middle
    return best


def _steps(papers: int, *, drop: bool) -> int:
    """After how many steps there are only titles, or nothing."""
    down = {Tier.FULL: 2, Tier.LEAD: 1, Tier.LINE: 0}
    return sum(down[tier(place)] + drop for place in range(papers))


def _after(step: int, papers: int) -> tuple[Tier, ...]:
    """The room of each paper after so many steps, each from the last paper on: abstracts, sentences, titles, out."""
    rooms = [tier(place) for place in range(papers)]
    for before, after in _DOWN.items():
        places = [place for place in reversed(range(papers)) if rooms[place] is before][:step]
        step -= len(places)
        for place in places:
            rooms[place] = after
    return tuple(rooms[: papers - step])


def size_of(fitted: Fitted, joining: Joining, *, unsubscribe_url: str) -> Size:
    """Where the bytes of an issue are. Raises TemplateError."""
    encoded = fitted.encoded
    cards = joining.cards(fitted.issue, unsubscribe_url=unsubscribe_url, tiers=fitted.tiers)
    return Size(
        _decoded(*encoded.html), sum(map(len, encoded.html)), _decoded(*encoded.text), tuple(map(_decoded, cards))
    )


def _decoded(*encoded: bytes) -> int:
    return len(binascii.a2b_qp(b"".join(encoded)))
