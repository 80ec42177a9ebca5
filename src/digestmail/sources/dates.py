"""Days as people and programs write them."""

import re
from datetime import UTC, date, timedelta
from email.utils import parsedate_to_datetime

from digestmail.sources.reading import day
from digestmail.text.clean import clean_line

_FIRST_YEAR = 1900
_EPOCH = date(1970, 1, 1)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBERS = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?(?![\d])")
_WORDS = re.compile(
    r"(?:(?P<before>\d{1,2})(?:st|nd|rd|th)?[ .-]*)?(?P<month>[A-Za-z]{3,9})\.?[ -]*"
    r"(?:(?P<after>\d{1,2})(?:st|nd|rd|th)?,?[ ]+)?(?P<year>\d{4})\b"
)


def some_day(text: object) -> date | None:
    """The day that a text tells: ISO 8601 (UTC day), RFC 5322, ``2026-6-30``, ``2026/06/30/``, ``30 June 2026``.

    The first day of a month or year that is told without one; None for anything else.
    """
    written = clean_line(text)[:100] if isinstance(text, str) else ""
    return day(written) or _of_mail(written) or _of_numbers(written) or _of_words(written)


def published(text: object, today: date) -> date | None:
    """The day on which something can have been published: none in the future, and no zero of a clock (1970-01-01)."""
    found = some_day(text)
    if found is None or found == _EPOCH or found.year < _FIRST_YEAR or found > today + timedelta(days=1):
        return None
    return found


def month(text: str) -> int | None:
    """The number of a month: ``6``, ``jun``, ``June``."""
    written = clean_line(text).strip("{}.# ").lower()
    if written.isascii() and written.isdigit():
        return int(written) if 1 <= int(written[:4]) <= len(_MONTHS) else None
    return _MONTHS.index(written[:3]) + 1 if written[:3] in _MONTHS else None


def _of_mail(text: str) -> date | None:
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _of_numbers(text: str) -> date | None:
    found = _NUMBERS.match(text)
    return _date(found[1], found[2] or 1, found[3] or 1) if found else None


def _of_words(text: str) -> date | None:
    found = _WORDS.match(text)
    number = month(found["month"]) if found else None
    return _date(found["year"], number, found["before"] or found["after"] or 1) if found and number else None


def _date(*numbers: str | int) -> date | None:
    try:
        return date(*map(int, numbers))
    except ValueError:
        return None
