"""HTML to text. Runs in the guarded process.

Titles and summaries come as plain text, as HTML, as HTML escaped once more, and as plain text that looks like HTML
(``x<y``, ``a<b and c>d``): only what is an element of HTML, JATS or MathML, with attributes that have values, is taken
for a tag.
"""

import html
import re

_BLOCKS = (
    "p|div|br|hr|li|ul|ol|dl|dt|dd|h[1-6]|table|thead|tbody|tr|td|th|blockquote|pre|section|article|figure|header|"
    "footer"
)
_INLINE = (
    "a|abbr|b|bdi|bdo|big|cite|code|del|dfn|em|figcaption|font|i|img|ins|kbd|mark|q|s|samp|small|source|span|strike|"
    "strong|time|tt|u|var|video|audio|iframe|picture|nobr|center|sc|article-title|title"
)
_ATTRIBUTES = r"(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))*+\s*+/?>"
_NOT_SHOWN = re.compile(r"<!--.*?-->|<(script|style|noscript)\b[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_RAISED = re.compile(rf"<(su[pb]){_ATTRIBUTES}([^<>]{{1,20}})</\1\s*>", re.IGNORECASE)
_BLOCK = re.compile(rf"</?(?:jats:)?(?:{_BLOCKS}|sec|disp-formula){_ATTRIBUTES}", re.IGNORECASE)
_TAG = re.compile(
    rf"</?(?:(?:jats|mml|m):[\w-]+|math|m(?:row|i|n|o|sup|sub|frac|text)|su[pb]|{_INLINE}){_ATTRIBUTES}", re.IGNORECASE
)
_TWICE = re.compile(r"&(?:[a-z]{2,8}|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)


def plain(markup: object) -> str:
    """The text of some HTML; powers and indices as TeX (``10<sup>5</sup>`` is ``10$^{5}$``), which is read later."""
    text = markup if isinstance(markup, str) else ""
    once = _stripped(text)
    return _stripped(once) if _TAG.search(once) or _BLOCK.search(once) or _TWICE.search(once) else once


def _stripped(text: str) -> str:
    if "<" in text:
        text = _NOT_SHOWN.sub(" ", text)
        text = _RAISED.sub(_as_tex, text)
        text = _TAG.sub("", _BLOCK.sub(" ", text))
    return html.unescape(text)


def _as_tex(found: re.Match[str]) -> str:
    sign = "^" if found[1].lower() == "sup" else "_"
    return f"${sign}{{{found[2]}}}$"
