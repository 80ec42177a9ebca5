"""What was found in one paper, put together as readers are told it. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from digestmail.model import Evidence, Field, Hit, Keyword, Match, Place, Profile

_EXACTLY = (Evidence.EXACT, Evidence.AUTHOR, Evidence.CATEGORY)


def one_a_phrase(profile: Profile, found: Sequence[tuple[Match, Keyword | None]]) -> tuple[Match, ...]:
    """The matches; those of keywords that ask for the same words, in the title and anywhere say, become one."""
    matches = [match for match, _ in found]
    if len({keyword.phrase for keyword in profile.keywords}) < len(profile.keywords):
        groups: dict[str, list[Match]] = {}
        for match in matches:
            groups.setdefault(match.keyword, []).append(match)
        matches = sorted(map(_together, groups.values()), key=lambda match: -match.points)
    return tuple(matches)


def _together(matches: Sequence[Match]) -> Match:
    points = sum(match.points for match in matches)
    places: dict[Field, Place] = {}
    for match in matches:
        for place in match.places:
            known = places.get(place.field)
            share = (known.share if known else 0.0) + place.share * match.points / points
            places[place.field] = replace(known or place, share=share)
    heaviest_first = sorted(places.values(), key=lambda place: -place.share)
    return Match(Hit(matches[0].keyword, tuple(heaviest_first)), points)


def exactly(match: Match) -> Match:
    """Only the phrase itself keeps a paper out, not its words here and there."""
    return Match(Hit(match.keyword, tuple(place for place in match.places if place.evidence in _EXACTLY)), match.points)


def hit_of(phrase: str, found: Sequence[tuple[Place, int]]) -> tuple[Hit, int]:
    """A keyword with its places, and the units of all of them."""
    whole = sum(units for _, units in found)
    heaviest_first = sorted(found, key=lambda pair: -pair[1])
    return Hit(phrase, tuple(replace(place, share=units / whole) for place, units in heaviest_first if units)), whole


def topic_of(profile: Profile, matches: Sequence[tuple[Match, Keyword | None]]) -> str:
    """The topic whose keywords brought most points; empty when none did."""
    points = {keyword.topic: 0.0 for keyword in profile.wanted if keyword.topic}
    for match, keyword in matches:
        if keyword and keyword.topic:
            points[keyword.topic] += match.points
    best = max(points, key=lambda topic: points[topic], default="")
    return best if points.get(best) else ""
