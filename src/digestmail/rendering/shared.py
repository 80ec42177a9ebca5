"""What issues of a template share: filled once, with slots for what is one reader's own, encoded, and kept."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from jinja2 import meta

from digestmail.errors import TemplateError
from digestmail.rendering.cards import Card, Personal, Shared, Tier
from digestmail.rendering.compile import CompiledTemplate
from digestmail.rendering.issue import context
from digestmail.rendering.kept import Kept
from digestmail.rendering.language import Words
from digestmail.rendering.outline import Own, Shape
from digestmail.rendering.passages import FollowUp
from digestmail.rendering.slots import CARD, NotShared, Slot, Slotted, SlottedPart
from digestmail.text.clean import clean_line

_KEPT_SHELLS, _KEPT_SUBJECTS, _KEPT_CARDS = 512, 4096, 4096
_STRINGS = Own._fields[: Own._fields.index("headings")]
# these wrap themselves
_WRAPPED = ("quiet",)
# what is one reader's own on a card; in text title and abstract have no marks
_IN_HTML, _IN_TEXT = ("number", "reasons", "reason", "title", "abstract"), ("number", "reasons", "reason")
#: the order in which a card is given both
ON_CARD = (*((name, "html") for name in _IN_HTML), *((name, "text") for name in _IN_TEXT))
_OUTSIDE = f"can only be used in block '{CARD}'"
_NOT_ASKED_FOR = "cannot be used in the subject"
_WHY = "is one reader's own: print all of it, 'card.reasons', or the first, 'card.reason'"


class SharedShell(NamedTuple):
    """All around the cards: each place is one of ``Own.words``, by its number, or a card."""

    html: Slotted
    text: Slotted


class _Card(NamedTuple):
    """One card in one part of the message."""

    #: ``%b`` in each place
    format: bytes
    #: what stands there, from one reader's own in the order of ``ON_CARD``
    pick: Callable[[Sequence[bytes]], object]


class CardPieces(NamedTuple):
    """One card in both parts."""

    html: _Card
    text: _Card
    #: whether it shows all reasons, or only the weightiest
    all_reasons: bool


class SharedPieces:
    """One template, filled for the last so many shapes of issues and the last so many papers.

    What is None cannot be shared: the template asks for more than slots know, or has a mistake.
    """

    def __init__(self, template: CompiledTemplate) -> None:
        """Raises NotShared when nothing of it can be shared."""
        self._html, self._text, self._subject = SlottedPart(template.html), SlottedPart(template.text), template.subject
        names = meta.find_undeclared_variables(self._subject.template.environment.parse(self._subject.source))
        self._in_subject = [name for name in _STRINGS if name in names]
        #: why some of it could not be shared
        self.faults: list[str] = []
        self._shells = lru_cache(_KEPT_SHELLS)(self._shell)
        self._subjects = lru_cache(_KEPT_SUBJECTS)(self._fill_subject)

        #: the card of one paper, with reasons or without
        self.cards: Kept[tuple[Shared, Words, bool], CardPieces | None] = Kept(_KEPT_CARDS, self._card)

    def shell(self, shape: Shape, own: Own) -> SharedShell | None:
        """All around the cards of an issue."""
        full = (*own[: len(_STRINGS)], *own.headings, *[one.url for one in own.followups])
        return self._shells(shape, tuple(map(bool, full)))

    def subject(self, shape: Shape, own: Own) -> str | None:
        """The subject, which says nothing of papers but what ``Own`` has in strings."""
        return self._subjects(shape, tuple([getattr(own, name) for name in self._in_subject]))

    def _shell(self, shape: Shape, full: tuple[bool, ...]) -> SharedShell | None:
        said = context(shape, _own_slots(shape, full), _card_slots(shape))
        try:
            return SharedShell(self._html.shell(said), self._text.shell(said))
        except NotShared as fault:
            self._note(fault)
            return None

    def _fill_subject(self, shape: Shape, values: tuple[str, ...]) -> str | None:
        said = context(shape, _own_slots(shape, rule=_NOT_ASKED_FOR), _card_slots(shape))
        said |= zip(self._in_subject, values, strict=True)
        try:
            return clean_line(self._subject.fill(said))
        except (NotShared, TemplateError) as fault:
            self._note(fault)
            return None

    def _card(self, key: tuple[Shared, Words, bool]) -> CardPieces | None:
        shared, words, has_reasons = key
        full = {"abstract": shared.card.has_abstract, "reasons": has_reasons, "reason": has_reasons}
        slots: dict[str, Any] = {
            name: Slot(f"card.{name}", at, full=full.get(name, True), wraps=False) for at, name in enumerate(_IN_HTML)
        }
        slots["why"] = Slot("card.why", rule=_WHY)
        own = Personal(**slots, has_reasons=has_reasons)
        # in text nothing is marked
        in_text = replace(own, title=shared.title.marked(()), abstract=shared.abstract.marked(()))
        try:
            html = self._html.card({**words.context, CARD: Card.of(shared.card, own)})
            text = self._text.card({**words.context, CARD: Card.of(shared.card, in_text)})
            shown = {_IN_HTML[place.at] for place in (*html.places, *text.places)}
            all_reasons = "reasons" in shown and shared.card.tier is not Tier.LINE
            return CardPieces(_card_of(html, "html"), _card_of(text, "text"), all_reasons)
        except NotShared as fault:
            self._note(fault)
            return None

    def _note(self, fault: Exception) -> None:
        if str(fault) not in self.faults:
            self.faults.append(str(fault))


def _card_of(card: Slotted, part: str) -> _Card:
    order = [ON_CARD.index((_IN_HTML[place.at], part)) for place in card.places]
    pick = itemgetter(*order) if order else lambda _: ()
    return _Card(b"%b".join([text.replace(b"%", b"%%") for text in card.texts]), pick)


def _own_slots(shape: Shape, full: Sequence[bool] = (), rule: str = "") -> Own:
    """Slots for ``Own.words``; ``full`` says which are not empty: strings, then headings, then addresses of news."""
    strings, groups = len(_STRINGS), len(shape.tiers)
    full = full or (True,) * (strings + groups + shape.news)
    slots: dict[str, Any] = {
        name: Slot(name, at, full=full[at], wraps=name not in _WRAPPED, rule=rule) for at, name in enumerate(_STRINGS)
    }
    headings, titles = range(strings, strings + groups), range(strings + groups, strings + groups + shape.size)
    news = range(titles.stop, titles.stop + 3 * shape.news, 3)
    has_url = full[strings + groups :]
    slots["followups"] = tuple(_followup_slots(*pair, rule) for pair in zip(news, has_url, strict=True))
    slots["headings"] = tuple(Slot("group.heading", at, full=full[at], rule=rule) for at in headings)
    slots["titles"] = tuple(Slot("entry.title", at, rule=rule) for at in titles)
    return Own(**slots)


def _followup_slots(at: int, has_url: bool, rule: str) -> FollowUp:
    slots: dict[str, Any] = {
        "title": Slot("followup.title", at, rule=rule),
        "url": Slot("followup.url", at + 1, full=has_url, rule=rule),
        "news": Slot("followup.news", at + 2, wraps=False, rule=rule),
    }
    return FollowUp(**slots)


def _card_slots(shape: Shape) -> list[Any]:
    return [Slot(CARD, at, rule=_OUTSIDE) for at in range(shape.size)]
