"""The elements of MJML that the compiler knows, their attributes and where they may stand (MJML 4 and 5 documentation).

Left out is what mjml-python 1.4 refuses (``mj-html-attributes``, ``mj-raw position``) or ignores (``mj-wrapper gap``,
``mj-image sizes``, ``mj-style inline``, the id of ``mj-body``), and ``mj-font``: a mail loads no fonts.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Component:
    """One element of MJML."""

    parents: frozenset[str]
    attributes: frozenset[str]
    #: its content is HTML and text, not MJML
    html: bool = False


def _component(parents: str, attributes: str = "", *, html: bool = False, common: bool = True) -> Component:
    names = set(attributes.split()) | ({"css-class", "mj-class"} if common else set())
    for sides in ("padding", "border", "inner-border", "inner-padding"):
        if sides in names:
            names |= {f"{sides}-{side}" for side in ("top", "right", "bottom", "left")}
    return Component(frozenset(parents.split()), frozenset(names), html)


_COLUMNS = "mj-column mj-hero"  # what holds content
_BACKGROUND = "background-color background-url background-repeat background-size background-position"
_BACKGROUNDS = f"{_BACKGROUND} background-position-x background-position-y"
_FONT = "color font-family font-size font-style font-weight letter-spacing line-height"
_SPACED = "padding container-background-color"
_LINK = "href name rel target title"
_ICONS = "icon-align icon-height icon-position icon-unwrapped-alt icon-unwrapped-url icon-width icon-wrapped-alt"

COMPONENTS: Mapping[str, Component] = {
    "mjml": _component("", "lang dir owa", common=False),
    "mj-head": _component("mjml", common=False),
    "mj-title": _component("mj-head", html=True, common=False),
    "mj-preview": _component("mj-head", html=True, common=False),
    "mj-breakpoint": _component("mj-head", "width", common=False),
    "mj-style": _component("mj-head", html=True, common=False),
    "mj-attributes": _component("mj-head", common=False),
    "mj-body": _component("mjml", "background-color css-class width", common=False),
    "mj-wrapper": _component(
        "mj-body", f"{_BACKGROUNDS} border border-radius full-width padding text-align text-padding direction"
    ),
    "mj-section": _component(
        "mj-body mj-wrapper",
        f"{_BACKGROUNDS} border border-radius direction full-width padding text-align text-padding",
    ),
    "mj-group": _component("mj-section", "background-color direction vertical-align width"),
    "mj-column": _component(
        "mj-section mj-group",
        "background-color border border-radius direction inner-background-color inner-border inner-border-radius "
        "padding vertical-align width",
    ),
    "mj-hero": _component(
        "mj-body mj-wrapper",
        f"{_BACKGROUND} background-height background-width border-radius container-background-color height "
        "inner-background-color inner-padding mode padding vertical-align width",
    ),
    "mj-raw": _component(f"mj-head mj-body mj-wrapper mj-section mj-group {_COLUMNS}", html=True, common=False),
    "mj-text": _component(
        _COLUMNS,
        f"{_FONT} {_SPACED} align background-color height text-decoration text-transform vertical-align",
        html=True,
    ),
    "mj-table": _component(
        _COLUMNS, f"{_FONT} {_SPACED} align border cellpadding cellspacing role table-layout width", html=True
    ),
    "mj-button": _component(
        _COLUMNS,
        f"{_FONT} {_SPACED} {_LINK} align background-color border border-radius height inner-padding text-align "
        "text-decoration text-transform vertical-align width",
        html=True,
    ),
    "mj-image": _component(
        _COLUMNS,
        f"{_SPACED} {_LINK} align alt border border-radius fluid-on-mobile font-size height max-height src srcset "
        "usemap width",
    ),
    "mj-divider": _component(_COLUMNS, f"{_SPACED} align border-color border-style border-width width"),
    "mj-spacer": _component(_COLUMNS, f"{_SPACED} border height"),
    "mj-social": _component(
        _COLUMNS,
        f"{_FONT} {_SPACED} align border-radius icon-height icon-padding icon-size inner-padding mode table-layout "
        "text-decoration text-padding vertical-align",
    ),
    "mj-social-element": _component(
        "mj-social",
        f"{_FONT} {_LINK} align alt background-color border-radius icon-height icon-padding icon-position icon-size "
        "padding src srcset text-decoration text-padding vertical-align",
        html=True,
    ),
    "mj-navbar": _component(
        _COLUMNS,
        "align base-url hamburger ico-align ico-close ico-color ico-font-family ico-font-size ico-line-height ico-open "
        "ico-padding ico-text-decoration ico-text-transform padding",
    ),
    "mj-navbar-link": _component("mj-navbar", f"{_FONT} {_LINK} padding text-decoration text-transform", html=True),
    "mj-accordion": _component(_COLUMNS, f"{_SPACED} {_ICONS} border font-family icon-wrapped-url"),
    "mj-accordion-element": _component(
        "mj-accordion", f"{_ICONS} background-color border font-family icon-wrapped-url"
    ),
    "mj-accordion-title": _component("mj-accordion-element", f"{_FONT} background-color padding", html=True),
    "mj-accordion-text": _component("mj-accordion-element", f"{_FONT} background-color padding", html=True),
    "mj-carousel": _component(
        _COLUMNS,
        f"{_SPACED} align border-radius icon-width left-icon right-icon tb-border tb-border-radius "
        "tb-hover-border-color tb-selected-border-color tb-width thumbnails",
    ),
    "mj-carousel-image": _component(
        "mj-carousel", f"{_LINK} alt border-radius src tb-border tb-border-radius thumbnails-src"
    ),
}
#: what sets the attributes of others; it may hold the attributes of any
DEFAULTS = ("mj-all", "mj-class")
ANY_ATTRIBUTE = frozenset().union(*(component.attributes for component in COMPONENTS.values()))
#: why an element that MJML has is refused here
REFUSED: Mapping[str, str] = {
    "mj-font": "a mail loads no fonts: name one that readers have with font-family",
    "mj-html-attributes": "this MJML cannot do it: write the HTML in mj-raw or mj-text",
    "script": "no mail program runs scripts",
    "link": "a mail loads no style sheets: write the rules into mj-style or inline.css",
    "iframe": "no mail program shows frames",
    "object": "no mail program shows objects",
    "embed": "no mail program shows objects",
    "base": "addresses in a mail must be whole",
    "form": "mail programs drop forms or warn of them",
}
