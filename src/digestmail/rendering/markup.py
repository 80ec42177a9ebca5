"""MJML and premailer, each kept from what it does badly: the network, quirks mode, panics and silence."""

import logging
import re

from digestmail.errors import TemplateError
from digestmail.rendering.masking import Masked, Source

_MJML_POSITION = re.compile(r"at position (\d+):\d+")
_DOCTYPE = "<!DOCTYPE html>"


def mjml_to_html(masked: Masked) -> str:
    """HTML without web fonts. Raises TemplateError, with line and column where MJML tells a position."""
    from mjml import mjml2html

    try:
        html: str = mjml2html(masked.text, fonts={})
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the Rust library is a BaseException: it must not end the process
        raise TemplateError(f"{_place(masked, str(error))}: MJML: {error}") from error
    # MJML writes it in lower case; premailer tells doctypes by their case, drops this one, and browsers turn to quirks
    html = html.replace("<!doctype html>", _DOCTYPE, 1)
    if not html.startswith(_DOCTYPE):
        raise TemplateError(f"{_place(masked, '')}: MJML wrote no doctype")
    return html


def _place(masked: Masked, message: str) -> str:
    found = _MJML_POSITION.search(message)
    if found is None:
        return str(masked.origins[0][0].path)
    return masked.at(len(masked.text.encode()[: int(found[1])].decode("utf-8", "ignore")))


def inline_css(css: Source, html: str) -> str:
    """``html`` with the rules of ``css`` in style attributes; its style elements stay as they are, byte for byte.

    At-rules are refused: they cannot be inlined, and cssutils would fetch an ``@import`` even without network leave.
    Raises TemplateError.
    """
    if "@" in css.text:
        raise TemplateError(f"{css.at(css.text.index('@'))}: at-rules belong in mj-style of body.mjml")
    from premailer import Premailer  # here, not above: importing it takes longer than most commands run

    premailer = Premailer(
        html.replace("<style", '<style data-premailer="ignore"'),
        css_text=css.text,
        allow_network=False,
        disable_leftover_css=True,
        strip_important=False,
        disable_validation=True,
        align_floating_images=False,
        disable_basic_attributes=["width", "height", "align", "valign", "bgcolor"],
        cssutils_logging_level=logging.CRITICAL,
    )
    try:
        inlined: str = premailer.transform(pretty_print=False)
    except Exception as error:  # whatever cssutils, cssselect and lxml think of the file: none has a common base
        raise TemplateError(f"{css.path}: premailer: {error}") from error
    if not inlined.startswith(_DOCTYPE):
        raise TemplateError(f"{css.path}: premailer dropped the doctype")
    return inlined.replace(' data-premailer="ignore"', "")
