"""Things that tests need many of, each with sensible values for what a test does not care about."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time

from digestmail.model import (
    Evidence,
    Field,
    Hit,
    Inquiry,
    Issue,
    MailingList,
    Match,
    Paper,
    Place,
    RankedPaper,
    Receipt,
    SkippedEntry,
    Subscriber,
)
from digestmail.protocols import Source
from digestmail.ranking.profile import parse_keywords
from digestmail.text.identity import title_key

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
TODAY = NOON.date()
THE_LIST = MailingList(name="Daily Papers", sender_name="Daily Papers", sender_address="papers@example.org")


def paper(title: str = "Attention in Small Models", **facts: object) -> Paper:
    """A paper; its key follows from its title unless given."""
    return Paper(**{"key": title_key(title), "title": title, "abstract": "We study it.", **facts})  # type: ignore[arg-type]


def papers(number: int, topic: str = "quantization") -> list[Paper]:
    """Papers about a topic, all different, the first with the most upvotes."""
    return [
        paper(f"{topic.title()} number {index}", key=f"arxiv:2606.{index:05}", upvotes=number - index)
        for index in range(number)
    ]


def asked(day: date = TODAY, **facts: object) -> Inquiry:
    """What a source is asked at noon of a day."""
    return Inquiry(datetime.combine(day, time(12), tzinfo=UTC), **facts)  # type: ignore[arg-type]


def read(source: Source, day: date = TODAY, **facts: object) -> list[Paper | SkippedEntry]:
    """The papers of a source, and what it could not read."""
    return [entry for entry in source.fetch(asked(day, **facts)) if isinstance(entry, (Paper, SkippedEntry))]


def subscriber(
    email: str = "reader@example.org", keywords: Sequence[str] = ("quantization",), **facts: object
) -> Subscriber:
    """An active subscriber."""
    uid = f"uid-{email}"
    given = {"uid": uid, "email": email, "profile": parse_keywords(keywords), "created_at": NOON, **facts}
    return Subscriber(**given)  # type: ignore[arg-type]


def match(
    keyword: str,
    field: Field,
    text: str,
    count: int = 1,
    points: float = 1.0,
    spans: tuple[tuple[int, int], ...] = (),
    evidence: Evidence = Evidence.EXACT,
) -> Match:
    """A keyword that was found in one field."""
    return Match(Hit(keyword, (Place(field, text, count, spans, evidence),)), points)


def in_all(*matches: Match) -> Match:
    """One keyword that was found in the fields of all of these."""
    points = sum(one.points for one in matches)
    places = (replace(place, share=one.points / points) for one in matches for place in one.places)
    return Match(Hit(matches[0].keyword, tuple(places)), points)


def places_of(matches: Iterable[Match]) -> list[Place]:
    """Where all of them were found."""
    return [place for one in matches for place in one.places]


def issue(found: Iterable[Paper], reader: Subscriber | None = None, slot: date = TODAY) -> Issue:
    """An issue that shows these papers, each matched once in its title."""
    ranked = tuple(
        RankedPaper(one, 1.0, (match(one.title, Field.TITLE, one.title, 1, 1.0, ((0, len(one.title)),)),))
        for one in found
    )
    return Issue(
        mailing_list=THE_LIST,
        subscriber=reader or subscriber(),
        slot=slot,
        papers=ranked,
        receipt=Receipt(candidates=len(ranked), matched=len(ranked), shown=len(ranked)),
        composed_at=NOON,
    )
