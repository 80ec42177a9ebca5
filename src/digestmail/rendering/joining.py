"""Issues by joining: what all readers see alike is filled and encoded once, what is one reader's own is put between.

A card is filled once per paper, tier and language, with slots for what is personal, and kept as quoted-printable. For
one issue there is left to do: the shell around the cards, the ``reader`` block of each card, and the joining of bytes.
The words are those of ``render_issue``, to the letter.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, cast

from jinja2.runtime import Context
from markupsafe import Markup

from digestmail.model import Encoded, Issue, RankedPaper, Rendered
from digestmail.rendering.cards import Card, Personal, SharedCard, Tier, card, personal, shared_card
from digestmail.rendering.compile import MISTAKES, CompiledTemplate, Part
from digestmail.rendering.excerpts import Slot
from digestmail.rendering.issue import CardMaker, issue_context
from digestmail.rendering.language import Words
from digestmail.rendering.slots import CARD, HTML_SLOTS, READER, TEXT_SLOTS, faults
from digestmail.text.clean import clean_line
from digestmail.text.quoted import quoted, quoted_again, unquoted

_KEPT_TEMPLATES, _KEPT_CARDS = 8, 4096
# encoding a shorter piece along with its neighbours costs less than looking it up
_WORTH_KEEPING = 256
# no text that was cleaned holds a null
_MARKS = {f"\0{name}\0": name for name in (*HTML_SLOTS, READER)}


class Cut(NamedTuple):
    """A card between the slots: encoded text, then the slot that follows it."""

    text: bytes
    slot: str


class _OneCard(bytes):
    """A whole card, encoded."""

    __slots__ = ()


class _Own:
    """One reader's card: personal things at hand, the others from the card that all share."""

    __slots__ = ("abstract", "has_reasons", "number", "reasons", "shared", "title", "why", "words")
    __dataclass_fields__ = Card.__dataclass_fields__  # to templates it is a card

    def __init__(self, ranked: RankedPaper, number: int, tier: Tier, words: Words) -> None:
        self.shared = shared_card(ranked.paper, tier, words)
        self.words = words
        own = personal(ranked, number, self.shared, words)
        self.number, self.title, self.abstract = own.number, own.title, own.abstract
        self.why, self.reasons, self.has_reasons = own.why, own.reasons, own.has_reasons

    def __getattr__(self, name: str) -> object:
        return getattr(self.shared, name)


def _own(ranked: RankedPaper, number: int, tier: Tier, words: Words) -> Card:
    return cast("Card", _Own(ranked, number, tier, words))


class _Shell(Context):
    """What the shell is filled from. A card leaves its place, and is spared a context of its own, which takes 4 µs."""

    def derived(self, locals: dict[str, object] | None = None) -> "_Shell":  # noqa: A002 - Jinja's name for it
        self.vars.update(locals or {})
        return self


def _leave(shell: _Shell) -> Iterator[_Own]:
    """Stands in for block ``card`` in the shell."""
    yield shell.vars[CARD]


class _Joiner:
    """One file of a template whose cards are shared by readers."""

    def __init__(self, part: Part, slots: tuple[str, ...]) -> None:
        self._template = part.template
        self._slots = slots
        self._print: Callable[[Slot], str] = Slot.__html__ if part.template.environment.autoescape else Slot.__str__
        self._reader = part.template.blocks.get(READER, _nothing)
        self._cuts = lru_cache(_KEPT_CARDS)(self._cut)

    def pieces(self, context: dict[str, object]) -> Iterator[bytes]:
        """The file filled, as quoted-printable; each card is a piece of its own."""
        template = self._template
        shell = _Shell(template.environment, context, template.name, template.blocks)
        shell.blocks[CARD] = [cast("Callable[[Context], Iterator[str]]", _leave)]
        short: list[str] = []
        pieces: Iterator[str | _Own] = template.root_render_func(shell)
        for piece in pieces:
            if isinstance(piece, _Own):
                yield quoted("".join(short))
                short.clear()
                yield _OneCard(b"".join(self._card(piece, shell)))
            elif len(piece) < _WORTH_KEEPING:
                short.append(piece)
            else:
                yield quoted("".join(short))
                short.clear()
                yield quoted_again(piece)
        yield quoted("".join(short))

    def _card(self, own: _Own, shell: _Shell) -> Iterator[bytes]:
        for text, slot in self._cuts(own.shared, own.words, own.has_reasons):
            yield text
            if slot == READER:
                shell.vars[CARD] = own
                yield quoted("".join(self._reader(shell)))
            elif slot:
                yield quoted_again(self._print(getattr(own, slot)))

    def _cut(self, shared: SharedCard, words: Words, has_reasons: bool) -> tuple[Cut, ...]:
        """Fill block ``card`` with marks in its slots, and cut it there."""
        context = self._template.new_context({**words.context, CARD: self._slotted(shared, has_reasons)})
        context.blocks[READER] = [lambda _: iter((f"\0{READER}\0",))]
        cuts: list[Cut] = []
        text: list[str] = []
        for piece in self._template.blocks[CARD](context):
            if piece in _MARKS:
                cuts.append(Cut(quoted("".join(text)), _MARKS[piece]))
                text.clear()
            else:
                text.append(piece)
        return (*cuts, Cut(quoted("".join(text)), ""))

    def _slotted(self, shared: SharedCard, has_reasons: bool) -> Card:
        own = {"title": shared._title.marked(()), "abstract": shared._abstract.marked(())}  # noqa: SLF001 - another half
        marks = {name: Slot(f"\0{name}\0", Markup(f"\0{name}\0")) for name in self._slots}  # noqa: S704 - no markup
        return Card.of(shared, Personal(**{**own, **marks}, why=(), has_reasons=has_reasons))


def _nothing(_: Context) -> Iterator[str]:
    return iter(())


class Joining:
    """Fills one template. Keeps the cards of the last ``_KEPT_CARDS`` papers, however many readers there are."""

    def __init__(self, template: CompiledTemplate) -> None:
        self._template = template
        #: why the template is filled anew for every reader; empty when its cards are shared
        self.faults = (*faults(template.html, HTML_SLOTS), *faults(template.text, TEXT_SLOTS))
        self._html, self._text = _Joiner(template.html, HTML_SLOTS), _Joiner(template.text, TEXT_SLOTS)

    def join(
        self,
        issue: Issue,
        *,
        unsubscribe_url: str,
        preferences_url: str | None = None,
        tiers: Sequence[Tier] | None = None,
    ) -> Encoded:
        """What ``render_issue`` says, as mail carries it. Raises TemplateError."""

        def context(make_card: CardMaker) -> dict[str, object]:
            return issue_context(
                issue,
                unsubscribe_url=unsubscribe_url,
                preferences_url=preferences_url,
                tiers=tiers,
                make_card=make_card,
            )

        encoded = None if self.faults else self._joined(context(_own))
        if encoded:
            return encoded
        rendered = self._template.render(context(card))
        return Encoded(rendered.subject, html=quoted(rendered.html), text=quoted(rendered.text))

    def _joined(self, own: dict[str, object]) -> Encoded | None:
        """None when there is a mistake in the template: filling it the plain way tells where."""
        try:
            subject = clean_line(self._template.subject.fill(own))
            return Encoded(subject, b"".join(self._html.pieces(own)), b"".join(self._text.pieces(own)))
        except MISTAKES:
            return None

    def cards(self, issue: Issue, *, unsubscribe_url: str, tiers: Sequence[Tier] | None = None) -> list[bytes]:
        """The HTML of each card, encoded, in the order of their numbers; none when cards cannot be shared."""
        if self.faults:
            return []
        context = issue_context(issue, unsubscribe_url=unsubscribe_url, tiers=tiers, make_card=_own)
        return [piece for piece in self._html.pieces(context) if isinstance(piece, _OneCard)]


@lru_cache(_KEPT_TEMPLATES)
def joining_of(template: CompiledTemplate) -> Joining:
    """The joining of a template, with what it has kept."""
    return Joining(template)


def rendered(encoded: Encoded) -> Rendered:
    """The words again."""
    return Rendered(encoded.subject, html=unquoted(encoded.html), text=unquoted(encoded.text))
