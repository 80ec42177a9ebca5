"""The plan of a delivery: all that its message is made from, as it was when the issue was planned.

Between two attempts sources tell more of a paper, readers change their keywords and operators their templates. The
message must stay the same to the byte: a reader's mail program tells by it that two copies are one. So papers are kept
as snapshots, templates as compiled, each once by its hash, and the plan names them.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, astuple, replace
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, RowMapping, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from digestmail.model import (
    Cadence,
    Change,
    Evidence,
    Field,
    Hit,
    Issue,
    Lull,
    Match,
    Paper,
    Place,
    Planned,
    Quiet,
    RankedPaper,
    Receipt,
    Subscriber,
)
from digestmail.ranking.profile import format_keywords, parse_keywords
from digestmail.storage import tables
from digestmail.storage.database import CHUNK, rows_by_id
from digestmail.storage.followups import change_of
from digestmail.storage.intake import paper_of

_FIELDS, _EVIDENCE = {str(one): one for one in Field}, {str(one): one for one in Evidence}
_KEPT_PAPERS = _KEPT_HITS = 1 << 14
_DIGEST_DIGITS = 32  # 128 bits
# counts grow by the hour: they are kept in each plan, so that a snapshot is good for many
_COUNTS = ("upvotes", "comments")
_NOT_KEPT = (*_COUNTS, "first_seen")
# a match of an older version: of one field, in a mapping at first, then in a row
_OLD_MATCH = ("keyword", "field", "text", "count", "points", "spans", "evidence")
_OLD_LENGTH = len(_OLD_MATCH) - 1  # the first version kept no kinds of evidence
_OPINIONS = (Evidence.LIKE, Evidence.DISLIKE)
_DATES = ("published", "listed")


class KeptTemplate(NamedTuple):
    """A compiled template: its hash, and what it can be made from again (plain JSON)."""

    hash: str
    parts: Mapping[str, Any]

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> "KeptTemplate":
        """The same parts have the same hash."""
        return cls(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest(), parts)


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those rows that meet no other with the same key."""
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), list(rows))


def keep_template(connection: Connection, kept: KeptTemplate) -> None:
    """Keep it unless it is there."""
    known = select(tables.template.c.hash).where(tables.template.c.hash == kept.hash)
    if connection.execute(known).scalar() is None:
        insert_new(connection, tables.template, [{"hash": kept.hash, "parts": kept.parts}])


def keep_snapshots(connection: Connection, papers: Iterable[tuple[int, Paper]]) -> dict[str, str]:
    """Keep what each paper, given with its row, says now; the digest of each snapshot, by the key of the paper."""
    digests: dict[str, str] = {}
    rows: dict[str, dict[str, Any]] = {}
    for paper_id, paper in papers:
        facts = _facts(paper)
        told = json.dumps([paper_id, facts], sort_keys=True)
        digest = hashlib.sha256(told.encode()).hexdigest()[:_DIGEST_DIGITS]
        digests[paper.key] = digest
        rows[digest] = {"paper_id": paper_id, "digest": digest, "facts": facts}
    snapshot = tables.paper_snapshot.c
    known = set(connection.execute(select(snapshot.digest).where(snapshot.digest.in_(rows))).scalars())
    insert_new(connection, tables.paper_snapshot, [row for digest, row in rows.items() if digest not in known])
    return digests


def _facts(paper: Paper) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(paper).items() if name not in _NOT_KEPT}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in facts.items()}


def plan_json(issue: Issue, paper_ids: Mapping[str, int], snapshots: Mapping[str, str]) -> dict[str, Any]:
    """The plan as it is stored. ``paper_ids`` are rows, ``snapshots`` digests, by the key of the paper."""
    profile = issue.subscriber.profile

    def named(paper: Paper) -> dict[str, Any]:
        counts = {name: getattr(paper, name) for name in _COUNTS}
        return {"id": paper_ids[paper.key], "snapshot": snapshots[paper.key], **counts}

    plan: dict[str, Any] = {
        "papers": [
            {
                **named(ranked.paper),
                "score": ranked.score,
                "topic": ranked.topic,
                "matches": [[match.keyword, match.points, [*map(astuple, match.places)]] for match in ranked.matches],
            }
            for ranked in issue.papers
        ],
        "receipt": asdict(issue.receipt),
        "reader": {
            "keywords": format_keywords(profile),
            "by_likes": bool(profile.liked) and not profile.wanted,
            "cadence": str(issue.subscriber.cadence),
            "language": issue.language,
        },
    }
    if issue.followups:
        plan["followups"] = [{"change": change.id, **named(change.paper)} for change in issue.followups]
    if lull := issue.lull:
        next_day = lull.next_day.isoformat() if lull.next_day else None
        plan["lull"] = {**asdict(lull), "nearest": [*map(named, lull.nearest)], "next_day": next_day}
    return plan


def papers_named(issue: Issue) -> list[Paper]:
    """All papers that the plan of an issue names, each once."""
    papers = [ranked.paper for ranked in issue.papers] + [change.paper for change in issue.followups]
    papers += issue.lull.nearest if issue.lull else ()
    return list({paper.key: paper for paper in papers}.values())


class Shelf:
    """Papers and hits as plans name them: what is the same in many plans is one object, which all of them share.

    What a digest stands for never changes: it is read once.
    """

    def __init__(self) -> None:
        self._snapshots: dict[str, Paper] = {}
        self._counted: dict[tuple[str, int | None, int | None], Paper] = {}
        #: as plans have them, and as they are read, by the row of the paper and the keyword
        self._hits: dict[tuple[int, str], tuple[list[Any], Hit]] = {}
        #: plans of older versions name papers only, and papers change
        self._current: dict[int, Paper] = {}
        self._changes: dict[int, RowMapping] = {}

    def fetch(self, connection: Connection, plans: Iterable[Mapping[str, Any]]) -> None:
        """Have at hand what these plans name."""
        plans = list(plans)
        wanted = [planned for plan in plans for planned in _named(plan)]
        if len(self._counted) > _KEPT_PAPERS:
            self._snapshots, self._counted = {}, {}
        if len(self._hits) > _KEPT_HITS:
            self._hits = {}
        digests = {planned["snapshot"] for planned in wanted if "snapshot" in planned}
        for row in _snapshots(connection, digests - self._snapshots.keys()):
            self._snapshots[row.digest] = _paper_of_facts(row.facts)
        self._fetch_changes(connection, {told["change"] for plan in plans for told in plan.get("followups", ())})
        bare = (planned["id"] for planned in wanted if "snapshot" not in planned)
        self._current = {row["id"]: paper_of(row) for row in rows_by_id(connection, tables.paper, bare)}

    def _fetch_changes(self, connection: Connection, wanted: AbstractSet[int]) -> None:
        if len(self._changes) > _KEPT_PAPERS:
            self._changes = {}
        unknown = wanted - self._changes.keys()
        self._changes.update((row["id"], row) for row in rows_by_id(connection, tables.change, unknown))

    def change(self, told: Mapping[str, Any]) -> Change:
        """What a plan tells of a paper that was sent before; it was fetched before."""
        return change_of(self._changes[told["change"]], self.paper(told))

    def has(self, plan: Mapping[str, Any]) -> bool:
        """Whether all that a plan names is at hand."""
        papers = all(planned.get("snapshot") in self._snapshots for planned in _named(plan))
        return papers and all(told["change"] in self._changes for told in plan.get("followups", ()))

    def paper(self, planned: Mapping[str, Any]) -> Paper:
        """The paper with the counts of a plan; it was fetched before."""
        digest, counts = planned.get("snapshot"), {name: planned[name] for name in _COUNTS}
        if digest is None:
            return replace(self._current[planned["id"]], **counts)
        key = digest, *counts.values()
        if key not in self._counted:
            self._counted[key] = replace(self._snapshots[digest], **counts)
        return self._counted[key]

    def hit(self, paper_id: int, keyword: str, places: list[Any]) -> Hit:
        """What a plan says of a keyword in a paper: most plans say the same, and comparing is cheaper than making."""
        known = self._hits.get((paper_id, keyword))
        if known is None or known[0] != places:
            known = places, Hit(keyword, tuple(map(_place_of, places)))
            self._hits[paper_id, keyword] = known
        return known[1]


def _snapshots(connection: Connection, digests: Iterable[str]) -> Iterator[Row[Any]]:
    snapshot, wanted = tables.paper_snapshot, sorted(digests)
    for start in range(0, len(wanted), CHUNK):
        yield from connection.execute(select(snapshot).where(snapshot.c.digest.in_(wanted[start : start + CHUNK])))


def planned_of(plan: Mapping[str, Any], subscriber: Subscriber, shelf: Shelf) -> Planned:
    """Read a plan. ``shelf`` has its papers, ``subscriber`` is as it is today."""
    ranked = tuple(
        # plans of the first version have no topics
        RankedPaper(shelf.paper(one), one["score"], _matches_of(one, shelf), one.get("topic", ""))
        for one in plan["papers"]
    )
    # plans of older versions tell neither of these
    followups = tuple(map(shelf.change, plan.get("followups", ())))
    lull = _lull_of(plan["lull"], shelf) if "lull" in plan else None
    return Planned(_as_planned(subscriber, plan, ranked), ranked, Receipt(**plan["receipt"]), followups, lull)


def _named(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All papers of a plan."""
    yield from plan["papers"]
    yield from plan.get("followups", ())
    yield from plan.get("lull", {}).get("nearest", ())


def _lull_of(told: Mapping[str, Any], shelf: Shelf) -> Lull:
    return Lull(
        why=Quiet(told["why"]),
        new=told["new"],
        down=tuple(told["down"]),
        stale=tuple(told["stale"]),
        nearest=tuple(map(shelf.paper, told["nearest"])),
        next_day=date.fromisoformat(told["next_day"]) if told["next_day"] else None,
    )


def _paper_of_facts(facts: Mapping[str, Any]) -> Paper:
    dates = {name: date.fromisoformat(facts[name]) if facts[name] else None for name in _DATES}
    return paper_of({**facts, **dates})


def _as_planned(subscriber: Subscriber, plan: Mapping[str, Any], ranked: Sequence[RankedPaper]) -> Subscriber:
    reader = plan.get("reader")
    if reader is None:
        return subscriber
    keywords, liked = parse_keywords(reader["keywords"]).keywords, subscriber.profile.liked
    # which papers were liked is not told in a message, only that some were when nothing else was asked for
    if reader["by_likes"]:
        liked = liked or tuple(one.paper for one in ranked[:1])
    elif all(keyword.negative for keyword in keywords):
        liked = ()
    return replace(
        subscriber,
        profile=replace(subscriber.profile, keywords=keywords, liked=liked),
        cadence=Cadence.parse(reader["cadence"]),
        language=reader["language"],
    )


def _matches_of(planned: Mapping[str, Any], shelf: Shelf) -> tuple[Match, ...]:
    matches, paper_id = planned["matches"], planned["id"]
    if matches and len(matches[0]) >= _OLD_LENGTH:
        matches = _by_keyword(matches)
    return tuple([Match(shelf.hit(paper_id, keyword, places), points) for keyword, points, places in matches])


def _by_keyword(planned: Sequence[Sequence[Any] | Mapping[str, Any]]) -> list[tuple[str, float, list[list[Any]]]]:
    """Matches of older versions, one for each field, as they are kept today: one for each keyword or kind of opinion.

    The first version kept no kinds of evidence.
    """
    groups: dict[tuple[str, ...], list[Sequence[Any]]] = {}
    for one in planned:
        match = [one.get(name, Evidence.EXACT) for name in _OLD_MATCH] if isinstance(one, Mapping) else one
        keyword, evidence = match[0], match[-1]
        groups.setdefault((keyword,) if evidence not in _OPINIONS else ("", evidence), []).append(match)
    found = []
    for matches in groups.values():
        whole = sum(match[4] for match in matches)
        places = [
            [field, text, count, spans, evidence, points / whole if whole else 0.0]
            for _, field, text, count, points, spans, evidence in matches
        ]
        found.append((matches[0][0], whole, places))
    return sorted(found, key=lambda match: -match[1])


def _place_of(planned: Sequence[Any]) -> Place:
    field, text, count, spans, evidence, share = planned
    return Place(_FIELDS[field], text, count, tuple(map(tuple, spans)), _EVIDENCE[evidence], share)
