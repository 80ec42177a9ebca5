"""How the parts of a formula are put together in one line of Unicode. Pure."""

import re
from collections.abc import Callable

from digestmail.text import symbols
from digestmail.text.symbols import SUBSCRIPTS, SUPERSCRIPTS

# Spaces that depend on their neighbours until all of those are known: around words like log, and around relations.
_THIN, _WIDE = "\x01", "\x02"
MARKS = re.compile(f"[{_THIN}{_WIDE}]")
_FIRST_RELATION = re.compile(f"(^|[(\\[,;⟨{{]) *{_WIDE}([^{_WIDE}]*){_WIDE} *")
_AROUND_RELATION = re.compile(f" *{_WIDE}+ *")
_ALL_SCRIPTS = "".join([*SUPERSCRIPTS.values(), *SUBSCRIPTS.values()])
_BETWEEN_WORDS = re.compile(rf"(?<=[\w)\]]){_THIN}+(?=[^\W{_ALL_SCRIPTS}])")
_ONE_THING = re.compile(r"[^\s+\-/=<>,·×±]+|\([^()]*\)")
_DECIMAL = re.compile(r"[\d.,]+")
WORD_OF_PROSE = re.compile(r"(?<![A-Za-z])[a-z]{3,}(?![A-Za-z(])")


def settled(text: str) -> str:
    """The text with all its spaces decided."""
    if MARKS.search(text):
        text = _FIRST_RELATION.sub(r"\1\2", text)
        text = _AROUND_RELATION.sub(" ", text)
        text = _BETWEEN_WORDS.sub(" ", text).replace(_THIN, "")
    return text


def script(mark: str, content: str) -> str:
    """The content raised (``^``) or lowered (``_``)."""
    table = SUPERSCRIPTS if mark == "^" else SUBSCRIPTS
    compact = MARKS.sub("", content) if content.isspace() else settled(content).strip()
    tight = compact.replace(" ", "") if not WORD_OF_PROSE.search(compact) else compact
    if all(map(table.__contains__, tight)) or _DECIMAL.fullmatch(tight):
        return "".join(table.get(character, character) for character in tight)
    if mark == "^" and all(character in symbols.RAISED_ALREADY for character in tight):
        return tight
    if mark == "^" and tight in ("∘", "°"):
        return "°"
    return f"{mark}({compact})"


def _fraction(_option: str, above: str, below: str) -> str:
    above, below = (
        part if _ONE_THING.fullmatch(part) else f"({part})" for part in (settled(above).strip(), settled(below).strip())
    )
    return f"{_THIN}{above}/{below}{_THIN}"


def _root(option: str, content: str) -> str:
    sign = {"": "√", "2": "√", "3": "∛", "4": "∜"}.get(option.strip(), f"{script('^', option)}√")
    content = settled(content).strip()
    return f"{sign}{content}" if len(content) == 1 or content.isdigit() else f"{sign}({content})"


def _link(_option: str, address: str, label: str) -> str:
    return label if address.strip() in label else f"{label} ({address.strip()})"


def _accent(combining: str) -> Callable[[str, str], str]:
    def put(_option: str, content: str) -> str:
        content = settled(content).strip()
        return content[:1] + combining if len(content) == 1 else content

    return put


ACCENTS = symbols.ACCENTS | symbols.LETTER_ACCENTS
BUILT: dict[str, tuple[int, Callable[..., str]]] = {
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"), (2, _fraction)),
    **dict.fromkeys(("binom", "dbinom", "tbinom"), (2, lambda _option, above, below: f"C({above}, {below})")),
    **dict.fromkeys(("overset", "stackrel"), (2, lambda _option, above, base: base + script("^", above))),
    "underset": (2, lambda _option, below, base: base + script("_", below)),
    "sqrt": (1, _root),
    "textsuperscript": (1, lambda _option, content: script("^", content)),
    "textsubscript": (1, lambda _option, content: script("_", content)),
    "operatorname": (1, lambda _option, content: f"{_THIN}{content}{_THIN}"),
    "pmod": (1, lambda _option, content: f" (mod {content})"),
    "not": (1, lambda _option, content: _WIDE + MARKS.sub("", content) + "\u0338" + _WIDE),
    "href": (2, _link),
    "footnote": (1, lambda _option, content: f" ({content})"),
    **{name: (1, _accent(combining)) for name, combining in symbols.MATH_ACCENTS.items()},
}
SYMBOLS: dict[str, str] = {
    **symbols.LETTERS,
    **symbols.OPERATORS,
    **{name: f"{_WIDE}{sign}{_WIDE}" for name, sign in symbols.RELATIONS.items()},
    **{name: f"{_THIN}{name}{_THIN}" for name in symbols.FUNCTIONS},
    **symbols.WORDS,
    **dict.fromkeys(symbols.SWITCHES, ""),
    **{sign: sign for sign in "%&_#${}"},
    **dict.fromkeys((",", ";", ":", ">", " ", "\n", "\t", "\\"), " "),
    **dict.fromkeys(("!", "-", "/", "@"), ""),
    "|": "‖",
}
