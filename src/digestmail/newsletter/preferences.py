"""What readers say of themselves in a form: read strictly, every problem with the field that has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import available_timezones

from digestmail.errors import InputError, ProfileError
from digestmail.model import Cadence, Gate, Origin, Profile, Subscriber, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.ranking.profile import format_keyword, format_keywords, parse_keyword, parse_keywords
from digestmail.rendering.language import languages

#: of a profile that comes from a form; each has at most so many characters
MAX_KEYWORDS, MAX_LENGTH = 50, 64
MAX_PAPERS = 100
#: rows of a form that add a keyword, what their weights may be, and what keeps papers out
ADDED, WEIGHTS, OUT = 3, ("1", "2", "3", "5"), "out"
_COLUMNS = ("keywords", "gate", "cadence", "timezone", "language", "max_papers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What somebody asks for."""

    profile: Profile = field(default_factory=Profile)
    cadence: Cadence = field(default_factory=Cadence)
    timezone: str = "UTC"
    #: None: the newsletter's own
    language: str | None = None
    max_papers: int | None = None


class WishError(InputError):
    """Some fields of a form cannot be read."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        """``problems`` has a sentence for each field."""
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


def read_wishes(fields: Mapping[str, str]) -> Wishes:
    """The wishes in a form: ``keywords`` (one a line), ``gate``, ``cadence``, ``timezone``, ``language``, ``papers``.

    What is missing or empty is the default. Raises WishError.
    """
    readers = {
        "keywords": read_keywords,
        "gate": _gate,
        "cadence": Cadence.parse,
        "timezone": _timezone,
        "language": _language,
        "papers": _papers,
    }
    found: dict[str, object] = {}
    problems: dict[str, str] = {}
    for name, read in readers.items():
        text = fields.get(name, "").strip()
        if not text:
            continue
        try:
            found[name] = read(text)
        except InputError as error:
            problems[name] = str(error)
    if problems:
        raise WishError(problems)
    profile = found.pop("keywords", Profile())
    assert isinstance(profile, Profile)
    profile = replace(profile, gate=found.pop("gate", Gate.NORMAL))  # type: ignore[arg-type]
    return Wishes(profile=profile, max_papers=found.pop("papers", None), **found)  # type: ignore[arg-type]


def with_added(fields: Mapping[str, str]) -> dict[str, str]:
    """A form whose ``add-1`` … ``add-3`` and their ``weight-…`` have become lines of ``keywords``.

    For people who would rather choose a weight than learn how one is written. What cannot be read is added as it is, so
    that it is told like any other line.
    """
    rows = [(fields.get(f"add-{row}", "").strip(), fields.get(f"weight-{row}", "")) for row in range(1, ADDED + 1)]
    lines = [fields.get("keywords", "").rstrip(), *(_weighted(words, weight) for words, weight in rows if words)]
    kept = {name: value for name, value in fields.items() if not name.startswith(("add-", "weight-"))}
    return {**kept, "keywords": "\n".join(filter(None, lines))} if len(lines) > 1 else kept


def _weighted(words: str, weight: str) -> str:
    try:
        keyword = parse_keyword(words)
    except ProfileError:
        return words
    if weight == OUT:
        return format_keyword(replace(keyword, negative=True, weight=1.0))
    return format_keyword(replace(keyword, weight=float(weight))) if weight in WEIGHTS else words


def read_keywords(text: str) -> Profile:
    """The profile of some lines, one keyword each. Raises ProfileError that names the line."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MAX_KEYWORDS:
        raise ProfileError(f"{len(lines)} keywords are too many: {MAX_KEYWORDS} at most")
    for number, line in lines:
        if len(line) > MAX_LENGTH:
            raise ProfileError(f"line {number}: longer than {MAX_LENGTH} characters")
        try:
            parse_keyword(line)
        except ProfileError as error:
            raise ProfileError(f"line {number}: {error}") from None
    try:
        return parse_keywords([line for _, line in lines])
    except ProfileError as error:
        raise ProfileError(str(error).partition(": ")[2]) from None


def fields_of(subscriber: Subscriber) -> dict[str, str]:
    """What a form says that is not filled in anew."""
    return {
        "keywords": "\n".join(format_keywords(subscriber.profile)),
        "gate": str(subscriber.profile.gate),
        "cadence": str(subscriber.cadence),
        "timezone": subscriber.timezone,
        "language": subscriber.language or "",
        "papers": str(subscriber.max_papers or ""),
    }


def with_wishes(subscriber: Subscriber, wishes: Wishes) -> Subscriber:
    """The subscriber as the form wants them; opinions of papers stay."""
    mine = subscriber.profile
    return replace(
        subscriber,
        profile=replace(wishes.profile, liked=mine.liked, disliked=mine.disliked),
        cadence=wishes.cadence,
        timezone=wishes.timezone,
        language=wishes.language,
        max_papers=wishes.max_papers,
    )


def save(newsletter: Newsletter, changed: Subscriber) -> None:
    """Keep a profile that a form or a link has changed. Raises InputError for a reader whom the config file keeps."""
    if changed.origin is Origin.CONFIG:
        raise InputError(
            "Your keywords are kept in a file by the people who run this newsletter: ask them to change it"
        )
    newsletter.store.subscribers.change(changed, *_COLUMNS, only=tuple(SubscriberStatus))


def _gate(text: str) -> Gate:
    try:
        return Gate(text)
    except ValueError:
        raise InputError("choose strict, normal or wide") from None


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise InputError("that is no time zone: write one like Europe/Berlin")
    return text


def _language(text: str) -> str:
    if text not in languages():
        raise InputError(f"choose one of {', '.join(languages())}")
    return text


def _papers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:4]) <= MAX_PAPERS:
        raise InputError(f"write a number from 1 to {MAX_PAPERS}")
    return int(text)
