"""Keywords: what those of a profile do to the corpus, and which ones favourite papers suggest. Nothing is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from digestmail.errors import InputError, NotFoundError
from digestmail.model import CadenceKind, Keyword, Paper, Profile, Subscriber
from digestmail.newsletter import Newsletter
from digestmail.newsletter.explain import find_paper
from digestmail.newsletter.past import Past, past
from digestmail.newsletter.preview import reader_of
from digestmail.newsletter.subscribe import sync
from digestmail.ranking.diagnosis import Diagnosis, diagnose
from digestmail.ranking.occurrences import find_occurrences
from digestmail.ranking.queries import query_of
from digestmail.ranking.suggestion import suggest as telling_phrases

_WEEK = 7
_ISSUES_A_WEEK = {CadenceKind.DAILY: 7, CadenceKind.WEEKDAYS: 5, CadenceKind.WEEKLY: 1}


@dataclass(frozen=True, slots=True)
class Checked:
    """The diagnosis of a profile, and over what it was made."""

    subscriber: Subscriber
    diagnosis: Diagnosis
    past: Past
    #: how many papers the subscriber's issues take in a week
    room: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A paper as somebody else's list names it."""

    #: how the list calls it, for messages
    name: str
    #: what may name it in the corpus, best first: arXiv id, DOI, title
    names: tuple[str, ...]
    title: str = ""
    abstract: str = ""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A keyword to try."""

    keyword: Keyword
    #: how many of the favourite papers hold it
    favourites: int
    per_week: float


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Keywords to try, the most telling first, and what they were drawn from."""

    keywords: tuple[Suggested, ...]
    favourites: tuple[Paper, ...]
    #: references that are not in the corpus and bring no title of their own
    unknown: tuple[str, ...]


def check(
    newsletter: Newsletter, *, email: str | None = None, profile: Profile | None = None, weeks: int = 4
) -> Checked:
    """What each keyword of a subscriber, or of ``profile``, finds in the papers of the last ``weeks`` weeks.

    Raises InputError without papers or keywords, NotFoundError for an unknown subscriber.
    """
    with newsletter.store.rehearsal():
        sync(newsletter)
        subscriber = reader_of(newsletter, email, profile, newsletter.clock())
        found = past(newsletter, weeks * _WEEK, subscriber.timezone)
    if not subscriber.profile.keywords:
        raise InputError(f"{subscriber.email} has no keywords: give some with -k")
    room = room_of(newsletter, subscriber)
    diagnosis = diagnose(subscriber.profile, found.papers, weeks=_weeks(found), fills=room / 2)
    return Checked(subscriber, diagnosis, found, room)


def room_of(newsletter: Newsletter, subscriber: Subscriber) -> int:
    """How many papers a subscriber's issues take in a week."""
    return (subscriber.max_papers or newsletter.rules.max_papers) * _ISSUES_A_WEEK[subscriber.cadence.kind]


def suggest(
    newsletter: Newsletter,
    *,
    email: str | None = None,
    references: Iterable[Reference] = (),
    weeks: int = 4,
    limit: int = 10,
) -> Suggestions:
    """Keywords that tell favourite papers from the papers of the last ``weeks`` weeks.

    Favourites are the ``references``, without any the papers that the subscriber likes; what the subscriber's profile
    holds already is left out. Raises InputError when there is nothing to draw from, NotFoundError for an unknown
    subscriber.
    """
    with newsletter.store.rehearsal():
        sync(newsletter)
        profile = reader_of(newsletter, email, None, newsletter.clock()).profile if email else Profile()
        found = past(newsletter, weeks * _WEEK)
        known, unknown = _look_up(newsletter, references)
    favourites = known or ([] if unknown else list(profile.liked))
    if not favourites:
        raise InputError(_nothing(email, unknown))
    keys = {paper.key for paper in favourites}
    others = [paper for paper in found.papers if paper.key not in keys]
    wanted = {spelling for keyword in profile.keywords for spelling in query_of(keyword).spellings}
    # some fall away: those the profile has already
    phrases = telling_phrases(favourites, others, limit=limit + len(wanted))
    fresh = [one for one in phrases if wanted.isdisjoint(query_of(Keyword(one.phrase)).spellings)][:limit]
    counts = find_occurrences((Keyword(one.phrase) for one in fresh), found.papers)
    drawn = tuple(
        Suggested(Keyword(one.phrase), one.chosen, len(counts[Keyword(one.phrase)]) / _weeks(found)) for one in fresh
    )
    return Suggestions(drawn, tuple(favourites), tuple(unknown))


def _weeks(found: Past) -> float:
    # less than a week says little about a week: then the papers themselves are counted
    return max(found.days / _WEEK, 1.0)


def _look_up(newsletter: Newsletter, references: Iterable[Reference]) -> tuple[list[Paper], list[str]]:
    found: dict[str, Paper] = {}
    unknown = []
    for reference in references:
        paper = _find(newsletter, reference.names)
        if paper is None and reference.title:
            paper = Paper(key=f"reference:{reference.name}", title=reference.title, abstract=reference.abstract)
        if paper:
            found[paper.key] = paper
        else:
            unknown.append(reference.name)
    return list(found.values()), unknown


def _find(newsletter: Newsletter, names: Sequence[str]) -> Paper | None:
    for name in names:
        try:
            return find_paper(newsletter, name)
        except NotFoundError:
            continue
    return None


def _nothing(email: str | None, unknown: Sequence[str]) -> str:
    if unknown:
        return f"none of these papers is in the corpus: {', '.join(unknown)}"
    if email:
        return f"{email} likes no paper yet: 'digestmail like', or name papers with --paper, --ids or --bibtex"
    return "name papers with --paper, --ids or --bibtex, or a subscriber who likes some"
