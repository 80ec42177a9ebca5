"""What issues of a template share: filled once, with slots for what is one reader's own, encoded, and kept."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import chain, count
from operator import getitem, itemgetter
from typing import Any, NamedTuple, Self

from jinja2 import meta

from digestmail.errors import TemplateError
from digestmail.model import Hit
from digestmail.rendering.cards import QUOTED_MARKS, QUOTED_TITLES, Card, Personal, Shared, Tier
from digestmail.rendering.compile import CompiledTemplate
from digestmail.rendering.environment import fold
from digestmail.rendering.excerpts import Passage, escaped
from digestmail.rendering.issue import context
from digestmail.rendering.kept import Kept
from digestmail.rendering.outline import Own, Shape
from digestmail.rendering.passages import FollowUp
from digestmail.rendering.slots import CARD, NotShared, Slot, Slotted, SlottedPart
from digestmail.text.clean import clean_line
from digestmail.text.quoted import quoted

_KEPT_SHELLS, _KEPT_SUBJECTS, _KEPT_CARDS, _KEPT_WORDS = 512, 4096, 4096, 8192
# an address or a link comes again in the same message only: kept for long it would drive out what comes in all of them
_KEPT_OWN = 64
_STRINGS = Own._fields[: Own._fields.index("headings")]
# these wrap themselves
_WRAPPED = ("quiet",)
# what is one reader's own on a card
_OWN_ON_CARD = ("number", "reasons", "reason", "title", "abstract")
#: the order in which a card is given it; in text title and abstract have no marks
ON_CARD = (
    ("number", "html"),
    ("number", "text"),
    ("reasons", "html"),
    ("reason", "html"),
    ("reasons", "text"),
    ("reason", "text"),
    ("title", "html"),
    ("abstract", "html"),
)
_OUTSIDE = f"can only be used in block '{CARD}'"
_NOT_ASKED_FOR = "cannot be used in the subject"
_WHY = "is one reader's own: print all of it, 'card.reasons', or the first, 'card.reason'"

_ONE_READERS = frozenset(
    ("subscription", "address", "keywords", "unsubscribe_url", "preferences_url", "feedback_url", "browser_url")
)

Picks = Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
#: one reader's words; a passage looks otherwise in HTML than in text, and is no string: its equal would be
OwnWords = str | Passage
QuotedWords = Kept[OwnWords, tuple[bytes]]
_Wrapping = tuple[int, int] | None


class Shell(NamedTuple):
    """One part of all around the cards, taken apart so that filling it takes no step of Python for each place."""

    #: what stands between the places, and room for what belongs there, each in pieces
    texts: list[tuple[bytes, ...]]
    #: of ``Own.words`` those that are shown, once for each place, and where the bytes of each are found
    pick: Callable[[tuple[OwnWords, ...]], tuple[OwnWords, ...]]
    kept: tuple[QuotedWords, ...]
    #: these words and then all cards, in the order of the places
    order: Callable[[tuple[Any, ...]], tuple[Any, ...]]

    @classmethod
    def of(cls, filled: Slotted, part: str) -> Self:
        """From the part as it was filled: ``html`` or ``text``."""
        words = [place for place in filled.places if place.name != CARD]
        texts = list(chain.from_iterable(((text,), ()) for text in filled.texts))[:-1]
        numbers = count()
        order = [len(words) + place.at if place.name == CARD else next(numbers) for place in filled.places]
        kept = tuple(_QUOTED[part, place.wrapped, place.name in _ONE_READERS] for place in words)
        return cls(texts, _picking(tuple(place.at for place in words)), kept, _picking(tuple(order)))

    def fill(self, own: tuple[OwnWords, ...], cards: Sequence[tuple[bytes, ...]]) -> list[bytes]:
        """All of the part, in pieces to join."""
        pieces = self.texts.copy()
        pieces[1::2] = self.order((*map(getitem, self.kept, self.pick(own)), *cards))
        return list(chain.from_iterable(pieces))


class SharedShell(NamedTuple):
    """All around the cards."""

    html: Shell
    text: Shell


class CardPieces(NamedTuple):
    """One card in both parts.

    Flat, and sharing what it can: among thousands of cards every object that is looked at has to be fetched from
    memory. Nothing is put together here, for the message copies it once more anyway.
    """

    #: what stands around one reader's own in HTML, then in text
    around: tuple[bytes, ...]
    #: all of a part in its order, from one reader's own as in ``ON_CARD`` and what stands around it
    pick_html: Picks
    pick_text: Picks
    #: whether it shows all reasons, or only the weightiest
    all_reasons: bool
    #: title and abstract with marks, as far as it shows them
    marks: Kept[tuple[Shared, frozenset[Hit]], tuple[bytes, bytes]]


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
        self._asked = lru_cache(_KEPT_SHELLS)(self._said_in_subject)
        #: the cards of papers without reasons, and with them
        self.cards = tuple([Kept(_KEPT_CARDS, partial(self._card, reasons)) for reasons in (False, True)])

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
            return SharedShell(Shell.of(self._html.shell(said), "html"), Shell.of(self._text.shell(said), "text"))
        except NotShared as fault:
            self._note(fault)
            return None

    def _fill_subject(self, shape: Shape, values: tuple[str, ...]) -> str | None:
        said = self._asked(shape) | dict(zip(self._in_subject, values, strict=True))
        try:
            return clean_line(self._subject.fill(said))
        except (NotShared, TemplateError) as fault:
            self._note(fault)
            return None

    def _said_in_subject(self, shape: Shape) -> dict[str, object]:
        return context(shape, _own_slots(shape, rule=_NOT_ASKED_FOR), _card_slots(shape))

    def _card(self, has_reasons: bool, shared: Shared) -> CardPieces | None:
        full = {"abstract": shared.card.has_abstract, "reasons": has_reasons, "reason": has_reasons}
        slots: dict[str, Any] = {
            name: Slot(f"card.{name}", at, full=full.get(name, True), wraps=False)
            for at, name in enumerate(_OWN_ON_CARD)
        }
        slots["why"] = Slot("card.why", rule=_WHY)
        own = Personal(**slots, has_reasons=has_reasons)
        # in text nothing is marked
        in_text = replace(own, title=shared.title.marked(()), abstract=shared.abstract.marked(()))
        try:
            html = self._html.card({**shared.words.context, CARD: Card.of(shared.card, own)})
            text = self._text.card({**shared.words.context, CARD: Card.of(shared.card, in_text)})
            shown = {_OWN_ON_CARD[place.at] for place in (*html.places, *text.places)}
            marks = QUOTED_MARKS if "abstract" in shown else QUOTED_TITLES
            all_reasons = "reasons" in shown and shared.card.tier is not Tier.LINE
            picks = _picks(html, "html", len(ON_CARD)), _picks(text, "text", len(ON_CARD) + len(html.texts))
            return CardPieces((*html.texts, *text.texts), *picks, all_reasons, marks)
        except NotShared as fault:
            self._note(fault)
            return None

    def _note(self, fault: Exception) -> None:
        if str(fault) not in self.faults:
            self.faults.append(str(fault))


def _quoted_words(key: tuple[str, _Wrapping, bool]) -> QuotedWords:
    part, wrapping, one_readers = key
    return Kept(_KEPT_OWN if one_readers else _KEPT_WORDS, partial(_quote, part, wrapping))


def _quote(part: str, wrapping: _Wrapping, own: OwnWords) -> tuple[bytes]:
    """In one piece."""
    if part == "html" and not wrapping and isinstance(own, Passage):
        return (quoted(own.html),)
    words = fold(str(own), *wrapping) if wrapping else str(own)
    return (quoted(escaped(words) if part == "html" else words),)


#: own words as quoted-printable, by the part they are in, how they are wrapped, and whether other readers have the same
_QUOTED: Kept[tuple[str, _Wrapping, bool], QuotedWords] = Kept(_KEPT_SHELLS, _quoted_words)


def _picks(card: Slotted, part: str, start: int) -> Picks:
    """``start`` is where the texts of the card begin."""
    texts = range(start, start + len(card.texts))
    own = [ON_CARD.index((_OWN_ON_CARD[place.at], part)) for place in card.places]
    return _picking((*chain.from_iterable(zip(texts, own, strict=False)), texts[-1]))


@lru_cache(maxsize=64)  # most cards of a template have the same places, and are to have the same object
def _picking(order: tuple[int, ...]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    return itemgetter(*order) if len(order) > 1 else lambda row: tuple([row[at] for at in order])


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
