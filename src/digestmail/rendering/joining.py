"""Issues by joining: what readers see alike is filled and encoded once, what is one reader's own is put between.

All around the cards is filled once per shape of issue, a card once per paper, tier and language (``shared``). For one
issue there is left to do: to weigh its reasons, to look up encoded pieces, and to join them. The words are those of
``render_issue``, to the letter.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from digestmail.model import Encoded, Issue, Pages, RankedPaper, Rendered
from digestmail.rendering.cards import Shared, Tier, printed_number
from digestmail.rendering.compile import CompiledTemplate
from digestmail.rendering.issue import render_issue
from digestmail.rendering.language import Words
from digestmail.rendering.outline import NO_PAGES, Outline, outline
from digestmail.rendering.reasons import quoted_reasons, weigh
from digestmail.rendering.shared import SharedPieces
from digestmail.rendering.slots import NotShared
from digestmail.text.quoted import quoted, unquoted

_KEPT_TEMPLATES, _KEPT_NUMBERS = 8, 1024


class _Cards(NamedTuple):
    """The cards of an issue, encoded, in the order of their numbers, each in pieces to join."""

    html: list[tuple[bytes, ...]]
    text: list[tuple[bytes, ...]]


class Joining:
    """Fills one template. Keeps the cards of the last thousands of papers, however many readers there are."""

    def __init__(self, template: CompiledTemplate) -> None:
        self._template = template
        self._pieces: SharedPieces | None = None
        self._fault: tuple[str, ...] = ()
        try:
            self._pieces = SharedPieces(template)
        except NotShared as fault:
            self._fault = (str(fault),)

    @property
    def faults(self) -> tuple[str, ...]:
        """Why issues so far were filled anew for each reader; empty when everything could be shared."""
        return tuple(self._pieces.faults) if self._pieces else self._fault

    def join(
        self,
        issue: Issue,
        *,
        unsubscribe_url: str,
        pages: Pages = NO_PAGES,
        tiers: Sequence[Tier] | None = None,
    ) -> Encoded:
        """What ``render_issue`` says, as mail carries it. Raises TemplateError."""
        encoded = self._joined(outline(issue, unsubscribe_url, pages, tiers))
        if encoded:
            return encoded
        rendered = render_issue(
            issue,
            self._template,
            unsubscribe_url=unsubscribe_url,
            pages=pages,
            tiers=tiers,
        )
        return Encoded(rendered.subject, html=(quoted(rendered.html),), text=(quoted(rendered.text),))

    def cards(self, issue: Issue, *, unsubscribe_url: str, tiers: Sequence[Tier] | None = None) -> list[bytes]:
        """The HTML of each card, encoded, in the order of their numbers; none when cards cannot be shared."""
        said = outline(issue, unsubscribe_url, tiers=tiers)
        cards = _cards(self._pieces, said.papers, said.shape.words) if self._pieces else None
        return [b"".join(card) for card in cards.html] if cards else []

    def _joined(self, said: Outline) -> Encoded | None:
        """None when not all can be shared, or the template has a mistake: filling it plainly tells where."""
        if self._pieces is None:
            return None
        shape, own, papers = said
        shell = self._pieces.shell(shape, own)
        subject = self._pieces.subject(shape, own) if shell else None
        cards = _cards(self._pieces, papers, shape.words) if subject is not None else None
        if shell is None or subject is None or cards is None:
            return None
        own_words = own.words
        return Encoded(subject, shell.html.fill(own_words, cards.html), shell.text.fill(own_words, cards.text))


def _cards(pieces: SharedPieces, papers: Sequence[tuple[RankedPaper, Shared]], words: Words) -> _Cards | None:
    cards = _Cards([], [])
    for number, (ranked, shared) in enumerate(papers, 1):
        told, marked = weigh(ranked.matches)
        card = pieces.cards[bool(told)][shared]
        if card is None:
            return None
        around, pick_html, pick_text, all_reasons, marks = card
        reasons = quoted_reasons(told if all_reasons else told[:1], words)
        # in the order of ON_CARD
        row = _quoted_number(number) + reasons + marks[shared, marked] + around
        cards.html.append(pick_html(row))
        cards.text.append(pick_text(row))
    return cards


@lru_cache(_KEPT_NUMBERS)
def _quoted_number(number: int) -> tuple[bytes, bytes]:
    printed = printed_number(number)
    return quoted(printed.__html__()), quoted(str(printed))


@lru_cache(_KEPT_TEMPLATES)
def joining_of(template: CompiledTemplate) -> Joining:
    """The joining of a template, with what it has kept."""
    return Joining(template)


def rendered(encoded: Encoded) -> Rendered:
    """The words again."""
    return Rendered(encoded.subject, html=unquoted(b"".join(encoded.html)), text=unquoted(b"".join(encoded.text)))
