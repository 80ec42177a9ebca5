"""The keyword syntax, Lucene's where Lucene has one. Pure.

::

    keyword  = ["[" topic "]"] ["-"] [field ":"] ( words | '"' words '"' ) ["^" weight]
    field    = "title" | "abstract" | "author" | "category"     (also ti, abs, au, cat)

``mixture of experts`` looks for the phrase, plurals folded, and for less for its words; ``"mixture of experts"`` takes
the phrase as it is; ``RAG`` is matched as written; ``^3`` weighs a keyword; ``-survey`` keeps papers out; ``[systems]
quantization`` belongs to a topic, an interest group under whose heading an issue shows its papers. Keywords are
literals, never regular expressions.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from digestmail.errors import ProfileError
from digestmail.model import Field, Keyword, Profile
from digestmail.text.analysis import tokens
from digestmail.text.clean import clean_line, shorten

MAX_WEIGHT = 100.0
MAX_KEYWORDS = 500
#: characters of a topic's name: one line of a heading on a phone
MAX_TOPIC = 40
_MAX_LENGTH = 200

_FIELDS = {
    "title": Field.TITLE,
    "ti": Field.TITLE,
    "abstract": Field.ABSTRACT,
    "abs": Field.ABSTRACT,
    "author": Field.AUTHOR,
    "au": Field.AUTHOR,
    "category": Field.CATEGORY,
    "cat": Field.CATEGORY,
}
_FIELD = re.compile(r"([A-Za-z]+):(?!//)\s*")
_WEIGHT = re.compile(r"\s*\^\s*([^\s\"]*)$")
_TOPIC = re.compile(r"\[([^\[\]]*)\]\s*")
_TOPIC_EXAMPLE = "[systems] quantization"
_CURLY_QUOTES = str.maketrans("“”„‟″", '"""""')


def parse_keywords(texts: Sequence[str]) -> Profile:
    """The profile of a list of keywords. A keyword that stands twice counts once, as written last.

    Raises ProfileError (``keywords[2]: unbalanced quote in …``; indices from 0), also for a keyword in two topics.
    """
    if len(texts) > MAX_KEYWORDS:
        raise ProfileError(f"{len(texts)} keywords are too many: {MAX_KEYWORDS} at most")
    found: dict[tuple[object, ...], Keyword] = {}
    spellings: dict[str, str] = {}
    for index, text in enumerate(texts):
        try:
            keyword = parse_keyword(text)
        except ProfileError as error:
            raise ProfileError(f"keywords[{index}]: {error}") from None
        spelling = spellings.setdefault(keyword.topic.casefold(), keyword.topic)
        if spelling != keyword.topic:
            keyword = replace(keyword, topic=spelling)
        if why := other_topic(found.get(identity(keyword)), keyword):
            raise ProfileError(f"keywords[{index}]: {why}")
        found[identity(keyword)] = keyword
    return Profile(tuple(found.values()))


def identity(keyword: Keyword) -> tuple[object, ...]:
    """What two keywords have in common that ask for the same, whatever their weights and topics."""
    return keyword.field, keyword.phrase.casefold(), keyword.negative


def other_topic(known: Keyword | None, keyword: Keyword) -> str:
    """Why a keyword cannot stand beside a ``known`` one of the same identity: it is in another topic. Else empty."""
    if known is None or known.topic.casefold() == keyword.topic.casefold():
        return ""
    one, other = (f"in {one.topic!r}" if one.topic else "without a topic" for one in (known, keyword))
    return f"{keyword.phrase!r} stands {one} and {other}: a keyword belongs to one topic"


# reading one takes 40 µs, and a hundred thousand readers share most of theirs
@lru_cache(maxsize=65_536)
def parse_keyword(text: str) -> Keyword:
    """One keyword. Raises ProfileError that quotes the text."""
    topic, rest = _take_topic(clean_line(text).translate(_CURLY_QUOTES), text)
    # as written it may be longer than its phrase, by a field, quotes and a weight, but not without end
    _check_length(rest, 2 * _MAX_LENGTH)
    negative = rest.startswith("-")
    field, rest = _take_field(rest.removeprefix("-").lstrip(), text)
    weight, rest = _take_weight(rest, text)
    phrase, exact = _take_phrase(rest, text)
    if negative and weight is not None:
        raise ProfileError(
            f"a negative keyword takes no weight in {text!r}: it keeps a paper out whatever else matches"
        )
    if negative and topic:
        raise ProfileError(f"a negative keyword takes no topic in {text!r}: it keeps a paper out of the whole issue")
    return Keyword(phrase, 1.0 if weight is None else weight, field, negative, exact, topic)


def parse_topic(text: str) -> str:
    """The name of a topic. Raises ProfileError."""
    name = clean_line(text)
    if not any(character.isalnum() for character in name):
        raise ProfileError(f"a topic needs a name with a letter or a digit, got {shorten(text, MAX_TOPIC)!r}")
    if len(name) > MAX_TOPIC:
        raise ProfileError(
            f"{len(name)} characters are too long for a topic ({shorten(name, MAX_TOPIC)!r}): {MAX_TOPIC} at most"
        )
    # lists of keywords are split at these, and a topic stands between brackets
    if found := re.search(r'[,;"\[\]]', name.translate(_CURLY_QUOTES)):
        raise ProfileError(
            f"the topic {name!r} holds {found[0]!r}: its name takes no commas, semicolons, quotes, brackets"
        )
    return name


def with_topic(topic: str, text: str) -> str:
    """A keyword's text, put into a topic."""
    return f"[{topic}] {text}"


def _take_topic(rest: str, text: str) -> tuple[str, str]:
    if not rest.startswith("["):
        return "", rest
    found = _TOPIC.match(rest)
    if not found:
        raise ProfileError(f"unbalanced bracket in {shorten(text, _MAX_LENGTH)!r}: a topic is written {_TOPIC_EXAMPLE}")
    return parse_topic(found[1]), rest[found.end() :]


def _check_length(text: str, limit: int) -> None:
    if len(text) > limit:
        raise ProfileError(f"{len(text)} characters are too long for a keyword ({text[:30]!r}…): {_MAX_LENGTH} at most")


def _take_field(rest: str, text: str) -> tuple[Field, str]:
    found = _FIELD.match(rest)
    if not found:
        return Field.ANY, rest
    name = found[1].lower()
    if name not in _FIELDS:
        near = difflib.get_close_matches(name, _FIELDS, n=1)
        hint = f"did you mean {near[0]}:?" if near else "known are title:, abstract:, author: and category:"
        raise ProfileError(f"unknown field {found[1]!r} in {text!r}: {hint} (quote the phrase to look for the words)")
    return _FIELDS[name], rest[found.end() :]


def _take_weight(rest: str, text: str) -> tuple[float | None, str]:
    found = _WEIGHT.search(rest)
    if not found or rest.count('"') == 1:
        return None, rest
    try:
        weight = float(found[1])
    except ValueError:
        raise ProfileError(f"{found[1]!r} is not a weight in {text!r}: write a number after ^, such as ^2") from None
    if not 0 < weight <= MAX_WEIGHT:
        raise ProfileError(f"the weight {found[1]} in {text!r} is out of range: above 0, at most {MAX_WEIGHT:g}")
    return weight, rest[: found.start()]


def _take_phrase(rest: str, text: str) -> tuple[str, bool]:
    exact = len(rest) > 1 and rest[0] == rest[-1] == '"'
    phrase = rest[1:-1].strip() if exact else rest.strip()
    if '"' in phrase:
        raise ProfileError(f"unbalanced quote in {text!r}")
    _check_length(phrase, _MAX_LENGTH)
    if not tokens(phrase):
        raise ProfileError(f"nothing to match in {text!r}: a keyword needs a letter or a digit")
    if not exact:
        _refuse_other_syntax(phrase, text)
    return phrase, exact


def _refuse_other_syntax(phrase: str, text: str) -> None:
    # each of these would silently never match, or match something else than its writer thinks
    if "[" in phrase or "]" in phrase:
        raise ProfileError(f"a bracket in {text!r}: one topic may stand first, as in {_TOPIC_EXAMPLE}")
    if "," in phrase:
        raise ProfileError(f"a comma in {text!r}: write one keyword each, or quote the phrase")
    if "*" in phrase and not phrase.endswith(".*"):
        raise ProfileError(f"a wildcard in {text!r}: keywords are whole words, plurals are matched anyway")
    if re.search(r"\b(?:AND|OR|NOT)\b", phrase):
        raise ProfileError(f"a Boolean operator in {text!r}: write one keyword each, -keyword for NOT")


def split_keywords(texts: Iterable[str]) -> list[str]:
    """Split at commas and line ends outside quotes, as people type lists on a command line or in a table cell."""
    parts = (part for text in texts for part in re.findall(r'(?:"[^"]*"?|[^",;\n])+', text.translate(_CURLY_QUOTES)))
    return [part.strip() for part in parts if part.strip()]


def format_keyword(keyword: Keyword) -> str:
    """The keyword as people write it; ``parse_keyword`` reads it back.

    Quotes make it exact: they are put also where its words alone would be read as something else, ``N:M sparsity`` say.
    """
    text = _written(keyword, keyword.phrase)
    return text if not keyword.exact and _reads_as(keyword, text) else _written(keyword, f'"{keyword.phrase}"')


def _written(keyword: Keyword, phrase: str) -> str:
    field = "" if keyword.field is Field.ANY else f"{keyword.field}:"
    weight = "" if keyword.weight == 1.0 else f"^{str(keyword.weight).removesuffix('.0')}"
    text = f"{'-' if keyword.negative else ''}{field}{phrase}{weight}"
    return with_topic(keyword.topic, text) if keyword.topic else text


def _reads_as(keyword: Keyword, text: str) -> bool:
    try:
        return parse_keyword(text) == keyword
    except ProfileError:
        return False


def format_keywords(profile: Profile) -> list[str]:
    """All keywords of a profile as people write them."""
    return [format_keyword(keyword) for keyword in profile.keywords]
