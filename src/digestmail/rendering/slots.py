"""What of a template is one reader's own: read off its syntax, before anything is filled. Pure.

In ``body.mjml`` and ``body.txt`` a block ``card`` shows one paper, and within it a block ``reader`` what is different
for every reader. The rest of ``card`` may only print what is personal: ``{{ card.number }}``, ``{{ card.reasons }}``
and, in HTML, ``{{ card.title }}`` and ``{{ card.abstract }}``. Then the card can be filled once for all readers, with
slots where these stand. A template that does otherwise is filled for every reader, to the same words, only slower.
"""

from collections.abc import Iterator
from typing import Final

from jinja2 import meta, nodes

from digestmail.rendering.compile import Part

CARD: Final = "card"
READER: Final = "reader"
#: what is personal on a card and may be printed outside of ``reader``; in text nothing is marked, so titles are not
HTML_SLOTS = ("number", "title", "abstract", "reasons")
TEXT_SLOTS = ("number", "reasons")
_ONLY_READER = ("why",)
# names that say the same to all readers of a language
_SHARED_NAMES = {CARD, "words", "_", "gettext", "ngettext"}
# in these, what is printed goes straight out; others collect it and may change it
_PASS = (nodes.Template, nodes.Block, nodes.For, nodes.If, nodes.Output)

Trail = tuple[nodes.Node, ...]


def faults(part: Part, slots: tuple[str, ...]) -> Iterator[str]:
    """Why cards of this file cannot be shared by readers, each with its place; nothing when they can."""
    tree = part.template.environment.parse(part.source)
    for line, why in _faults(tree, slots):
        yield f"{part.places[line - 1] if part.places else f'{part.path}:{line}'}: {why}"


def _faults(tree: nodes.Template, slots: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    blocks = {block.name: block for block in tree.find_all(nodes.Block)}
    card, reader = blocks.get(CARD), blocks.get(READER)
    if card is None or not card.scoped or not blocks.keys() <= {CARD, READER}:
        yield 1, "a scoped block 'card', in it perhaps a block 'reader', and no other blocks can be joined"
        return
    for node, trail in _walk(tree):
        inside = card in trail
        if isinstance(node, nodes.Block) and not all(isinstance(one, _PASS) for one in trail):
            yield node.lineno, f"block '{node.name}' stands in something that collects what is printed"
        if node is reader and not inside:
            yield node.lineno, "block 'reader' stands outside of block 'card'"
        if isinstance(node, nodes.Name) and node.name == CARD and inside and reader not in trail:
            yield from _misuse(trail, slots)
    for name in sorted(_names(tree, card) - _SHARED_NAMES):
        yield card.lineno, f"block 'card' uses {name!r}, which is not the same for all readers"


def _misuse(trail: Trail, slots: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """What is wrong with a ``card`` that stands outside of the block ``reader``."""
    use = trail[-1]
    if not isinstance(use, nodes.Getattr):
        yield use.lineno, "outside of block 'reader' only attributes of 'card' can be used"
    elif use.attr in _ONLY_READER:
        yield use.lineno, f"'card.{use.attr}' belongs in block 'reader'"
    elif use.attr in slots and not (
        isinstance(trail[-2], nodes.Output) and all(isinstance(one, _PASS) for one in trail[:-1])
    ):
        yield use.lineno, f"'card.{use.attr}' can only be printed, or used in block 'reader'"


def _walk(node: nodes.Node, trail: Trail = ()) -> Iterator[tuple[nodes.Node, Trail]]:
    """All nodes, each with those it stands in, the outermost first."""
    yield node, trail
    for child in node.iter_child_nodes():
        yield from _walk(child, (*trail, node))


def _names(tree: nodes.Template, card: nodes.Block) -> set[str]:
    alone = nodes.Template(card.body, lineno=card.lineno)
    assert tree.environment is not None, "what was parsed has the environment that parsed it"
    alone.set_environment(tree.environment)
    return meta.find_undeclared_variables(alone)
