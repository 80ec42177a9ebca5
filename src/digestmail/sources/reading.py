"""What sources share when they read: bounded files, days, counts, links, titles. Knows no format."""

from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.text.clean import clean_line

#: what one file or one answer may hold, in decoded bytes; the largest real day measured is 0.35 MB
MAX_BYTES = 20_000_000
_LONGEST_LINK = 2_000  # characters; longer ones are data in disguise and break mail clients
_LARGEST_COUNT = 2**31 - 1  # what every database keeps in an INTEGER column


def cannot_read(source: str, path: Path, error: OSError) -> SourceUnavailable:
    """The error to raise when the system refuses a file."""
    return SourceUnavailable(source, f"cannot read {path}: {error.strerror or error}")


def read_file(path: Path, source: str) -> bytes:
    """The whole file, at most MAX_BYTES. Raises SourceUnavailable and, when it is larger, SourceFormatError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise cannot_read(source, path, error) from error
    if len(content) > MAX_BYTES:
        raise SourceFormatError(source, f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB")
    return content


def day(value: object) -> date | None:
    """The UTC day of an ISO 8601 date or date and time; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()
    except (ValueError, OverflowError):
        return None


def count(value: object) -> int | None:
    """A whole number from 0 that fits a database column; None for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _LARGEST_COUNT else None


def web_link(value: object) -> str | None:
    """An http or https link with a host; None for anything else (``javascript:``, relative, with spaces, too long)."""
    link = clean_line(value) if isinstance(value, str) else ""
    if not link or len(link) > _LONGEST_LINK or " " in link:
        return None
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    return link if parts.scheme in ("http", "https") and parts.hostname else None


def is_title(text: str) -> bool:
    """Whether a cleaned text can name a work: titles without a letter or digit would all share one title key."""
    return any(character.isalnum() for character in text)


def kind(value: object) -> str:
    """What a JSON value is, in JSON's words, for messages.

    >>> kind([]), kind(None), kind("a")
    ('an array', 'null', 'a string')
    """
    if value is None:
        return "null"
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return names.get(type(value), "a number")
