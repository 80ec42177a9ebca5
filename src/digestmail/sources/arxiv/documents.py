"""XML documents that are lists of entries: one broken entry costs the others nothing. Pure."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from digestmail.errors import SourceFormatError
from digestmail.text.clean import clean_line, shorten

_DECLARATION = re.compile(r"<\?xml[^>]*>")
_ROOT = re.compile(r"<[A-Za-z][^<>]*>")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # XML 1.0 §2.2
_REFERENCE = re.compile(r"&(?:#x?[0-9A-Fa-f]{1,8};|[A-Za-z][A-Za-z0-9]{1,40};)?")
_OWN = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}
_ID = re.compile(r"\b(?:\d{4}\.\d{4,5}|[a-z-]{2,20}/\d{7})(?:v\d{1,4})?")
_LONGEST_REASON = 120
# what a broken document may have at most, because each entry is then read together with the tag of the root
_LONGEST_ROOT = 5_000
_MOST_BROKEN = 20_000


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry that is no XML, and the id that stands in it."""

    why: str
    id: str = ""


class UnreadableError(Exception):
    """This entry cannot be a paper. The message says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """A list of entries. ``head`` is the document without them, as far as it is XML."""

    head: Element
    entries: Sequence[Element | Broken]
    #: why there may have been more; empty when the document is whole
    broken: str = ""

    @classmethod
    def read(cls, content: bytes, *, roots: Sequence[str], entry: str, source: str, label: str) -> Self:
        """Take a document apart. ``entry`` is the name of the element that is an entry; namespaces do not matter.

        ``label`` names the document in errors. What XML forbids and feeds hold nevertheless (control characters, a bare
        ``&``, ``&eacute;``) is repaired. Raises SourceFormatError when the root is none of ``roots`` or there is none.
        """
        text = _decoded(content)
        try:
            try:
                root = _parse(text)
            except ParseError:
                text = _REFERENCE.sub(_reference, text)
                root = _parse(text)
        except ParseError as error:
            why = f"not XML: {clean_line(str(error))}"
        except DefusedXmlException as error:
            raise SourceFormatError(source, f"{label}: a document type, which no feed has") from error
        else:
            _check(local(root), roots, source, label)
            return cls(root, [element for element in root.iter() if local(element) == entry])
        opening = _ROOT.search(text)
        if opening is None or len(opening[0]) > _LONGEST_ROOT or text.count(f"<{entry}") > _MOST_BROKEN:
            raise SourceFormatError(source, f"{label}: {why}")
        _check(_name(opening[0]), roots, source, label)
        return cls(*_salvage(text, opening[0], entry, why))


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    tag: str = element.tag
    return tag.rpartition("}")[2]


def child_text(element: Element, *names: str) -> str:
    """The cleaned text of the first child that has one of the names and a text; else empty."""
    return next(texts(element, *names), "")


def texts(element: Element, *names: str) -> Iterator[str]:
    """The cleaned texts of all children of these names, without empty ones."""
    for name in names:
        for found in element.iterfind(f"{{*}}{name}"):
            if text := clean_line("".join(found.itertext())):
                yield text


def _check(found: str, roots: Sequence[str], source: str, label: str) -> None:
    if found not in roots:
        shown = shorten(clean_line(found), _LONGEST_REASON)
        raise SourceFormatError(source, f"{label}: <{shown}> instead of <{'> or <'.join(roots)}>")


def _parse(text: str) -> Element:
    root: Element = fromstring(text.encode(), forbid_dtd=True)
    return root


def _decoded(content: bytes) -> str:
    text = content.decode("utf-8-sig", "replace").lstrip()
    declared = _DECLARATION.match(text)
    return _ILLEGAL.sub("", text[declared.end() :] if declared else text)


def _reference(found: re.Match[str]) -> str:
    """A reference that XML knows, the character it stands for in HTML, or the ampersand that it was."""
    text = found[0]
    return text if text in _OWN else html.escape(_ILLEGAL.sub("", html.unescape(text)))


def _salvage(text: str, opening: str, entry: str, why: str) -> tuple[Element, list[Element | Broken], str]:
    """Each entry read by itself, within the namespaces of the root."""
    name = _name(opening, prefixed=True)
    before, *pieces = re.split(rf"(?=<{entry}[\s>])", text)
    end = f"</{entry}>"
    entries, rest = [], before
    for piece in pieces:
        inner, closing, after = piece.partition(end)
        entries.append(_alone(f"{opening}{inner}{closing}</{name}>", inner))
        rest += after
    try:
        return _parse(rest), entries, ""
    except (ParseError, DefusedXmlException):
        return Element(_name(opening)), entries, why


def _alone(document: str, inner: str) -> Element | Broken:
    try:
        return _parse(document)[0]
    except (ParseError, DefusedXmlException, IndexError) as error:
        found = _ID.search(inner)
        # where in the entry, but not where in the document
        why = clean_line(str(error)).partition(": line")[0]
        return Broken(f"not XML: {why}", found[0] if found else "")


def _name(opening: str, *, prefixed: bool = False) -> str:
    name = re.split(r"[\s/>]", opening[1:], maxsplit=1)[0]
    return name if prefixed else name.rpartition(":")[2]
