"""Slots: what stands for one reader's own words while a template is filled with what all readers share. Pure.

A slot can be printed, wrapped and tested for being empty. So a template can be filled once, cut where its slots were
printed, and kept. Whatever else a template does with a slot raises ``NotShared``: it is filled for every reader then.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, wraps
from typing import Final, NamedTuple, NoReturn, cast

from jinja2 import meta, nodes
from jinja2.runtime import Context
from markupsafe import Markup

from digestmail.rendering.compile import MISTAKES, Part
from digestmail.rendering.environment import COLUMNS, environment, wrap
from digestmail.text.quoted import quoted

#: the block that shows one paper, and the name of that paper's card in it
CARD: Final = "card"
# names that say the same to all readers of a language
_SHARED_NAMES = {CARD, "words", "_", "gettext", "ngettext"}
# these collect what is printed, and may then do with it what they like
_COLLECTING = (nodes.AssignBlock, nodes.CallBlock, nodes.FilterBlock, nodes.Macro)
# these ask for the kind of a value
_TESTS_OF_KIND = ("escaped", "string")
_KEPT_TEXTS = 1024
# no text that was cleaned holds it
_EDGE = "\0"
_PRINTED = "can only be printed as it is, or tested for being empty"
_PRINTED_OR_WRAPPED = "can only be printed, wrapped or tested for being empty"


class NotShared(Exception):  # noqa: N818 - no error: the template is filled for every reader
    """What a template does with words of one reader, with its place."""


class Slot:
    """Stands for words of one reader."""

    __slots__ = ("_at", "_full", "_name", "_rule", "_wrapped", "_wraps")  # hidden from templates

    def __init__(self, name: str, at: int = 0, *, full: bool = True, wraps: bool = True, rule: str = "") -> None:
        """``name`` is how templates call it, ``at`` tells it from others of that name.

        ``full`` says whether the words are not empty, ``wraps`` whether they can be wrapped. With a ``rule`` they
        cannot be used at all.
        """
        self._name, self._at, self._full, self._wraps, self._rule = name, at, full, wraps, rule
        self._wrapped: tuple[int, int] | None = None

    def _refuse(self, *_: object) -> NoReturn:
        rule = self._rule or (_PRINTED_OR_WRAPPED if self._wraps else _PRINTED)
        raise NotShared(f"'{self._name}' {rule}")

    def __bool__(self) -> bool:
        return self._full if not self._rule else self._refuse()

    def _mark(self) -> str:
        """What is printed in its place."""
        if self._rule:
            self._refuse()
        wrapped = " ".join(map(str, self._wrapped or ()))
        return f"{_EDGE}{self._name} {self._at} {wrapped}{_EDGE}"

    __str__ = __repr__ = __format__ = __html__ = __getattr__ = __call__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __len__ = __iter__ = __contains__ = __getitem__ = __int__ = __float__ = __index__ = _refuse
    __add__ = __radd__ = __mod__ = __rmod__ = __mul__ = __rmul__ = _refuse


class Place(NamedTuple):
    """Where a slot was printed."""

    name: str
    at: int
    #: indentation and width, where the template wraps the words
    wrapped: tuple[int, int] | None


class Slotted(NamedTuple):
    """A filled file, or a part of it."""

    #: quoted-printable: what stands before each place, and after the last
    texts: tuple[bytes, ...]
    places: tuple[Place, ...]


class SlottedPart:
    """A file of a template, to be filled with slots; like the file itself, but it knows what to do with them."""

    def __init__(self, part: Part) -> None:
        """Raises NotShared when the file can do with slots what these cannot notice."""
        env = environment(html=bool(part.template.environment.autoescape))
        env.finalize = _printed
        env.filters["wrap"] = _wrap
        env.tests |= {name: _refusing(cast("Callable[..., bool]", env.tests[name])) for name in _TESTS_OF_KIND}
        tree = env.parse(part.source)
        _check(tree, part)
        self._part = Part.compile(env, part.path, part.source, part.places)
        self._names = {name for block in tree.find_all(nodes.Block) if block.name == CARD for name in _names(block)}

    def shell(self, context: Mapping[str, object]) -> Slotted:
        """All of the file but block ``card``: it leaves the slot that ``card`` is. Raises NotShared."""
        template = self._part.template
        shell = template.new_context(dict(context))
        shell.blocks[CARD] = [_leave]
        return self._cut(template.root_render_func(shell))

    def card(self, context: Mapping[str, object]) -> Slotted:
        """Block ``card`` alone, which may use nothing of the issue. Raises NotShared."""
        template = self._part.template
        if CARD not in template.blocks:
            return Slotted((b"",), ())
        rule = f"is not the same for all readers of a paper: it cannot be used in block '{CARD}'"
        others = {name: Slot(name, rule=rule) for name in self._names - _SHARED_NAMES}
        return self._cut(template.blocks[CARD](template.new_context({**others, **context})))

    def _cut(self, pieces: Iterator[str]) -> Slotted:
        try:
            return _slotted(pieces)
        except (NotShared, *MISTAKES):
            try:
                self._part.template.environment.handle_exception()
            except (NotShared, *MISTAKES) as error:  # the same, its traceback in lines of the template
                raise NotShared(f"{self._part.place(error)}: {error}") from error


def _slotted(printed: Iterable[str]) -> Slotted:
    texts: list[bytes] = []
    places: list[Place] = []
    text: list[str] = []

    def end_text() -> None:
        texts.append(_one_for_all(quoted("".join(text))))
        text.clear()

    for piece in printed:
        if piece.startswith(_EDGE) and piece.count(_EDGE) == 2:  # noqa: PLR2004 - both of its edges
            end_text()
            name, at, *wrapped = piece.strip(_EDGE).split()
            indent_and_width = (int(wrapped[0]), int(wrapped[1])) if wrapped else None
            places.append(Place(name, int(at), indent_and_width))
        else:
            text.append(piece)
    end_text()
    return Slotted(tuple(texts), tuple(places))


@lru_cache(_KEPT_TEXTS)
def _one_for_all(text: bytes) -> bytes:
    """The same object for equal texts.

    Most of what stands between the slots of a card is the same in all cards: it is fetched from memory once, not anew
    with each card.
    """
    return text


def _leave(shell: Context) -> Iterator[str]:
    """Stands in for block ``card``."""
    card = shell.resolve(CARD)
    if not isinstance(card, Slot):
        raise NotShared(f"block '{CARD}' is to be scoped, and stand where '{CARD}' is a card of the issue")
    yield f"{_EDGE}{CARD} {card._at} {_EDGE}"  # noqa: SLF001 - one thing with it


def _printed(value: object) -> object:
    """What Jinja prints for a value."""
    return Markup(value._mark()) if type(value) is Slot else value  # noqa: S704, SLF001


def _wrap(text: str | Slot, indent: int = 0, width: int = COLUMNS) -> str | Slot:
    """The filter ``wrap``; of a slot it makes the slot of the wrapped words."""
    if not isinstance(text, Slot):
        return wrap(text, indent, width)
    if not text._wraps or text._rule or text._wrapped:  # noqa: SLF001
        text._refuse()  # noqa: SLF001
    wrapped = Slot(text._name, text._at, full=text._full)  # noqa: SLF001
    wrapped._wrapped = (indent, width)  # noqa: SLF001
    return wrapped


def _refusing(test: Callable[..., bool]) -> Callable[..., bool]:
    @wraps(test)
    def refusing(value: object, *more: object) -> bool:
        return value._refuse() if isinstance(value, Slot) else test(value, *more)  # noqa: SLF001

    return refusing


def _check(tree: nodes.Template, part: Part) -> None:
    for node in tree.find_all((*_COLLECTING, nodes.Name, nodes.For)):
        what = ""
        if isinstance(node, _COLLECTING):
            what = "a set, filter or call block or a macro collects what is printed"
        elif isinstance(node, nodes.For) and node.recursive:
            what = "a recursive loop collects what is printed"
        elif isinstance(node, nodes.Name) and node.name == "self":
            what = "'self' collects what a block prints"
        if what:
            place = part.places[node.lineno - 1] if part.places else f"{part.path}:{node.lineno}"
            raise NotShared(f"{place}: {what}")


def _names(block: nodes.Block) -> set[str]:
    """What a block expects to be given."""
    alone = nodes.Template(block.body, lineno=block.lineno)
    assert block.environment is not None, "what was parsed has the environment that parsed it"
    alone.set_environment(block.environment)
    return meta.find_undeclared_variables(alone)
