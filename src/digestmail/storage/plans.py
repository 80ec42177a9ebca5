"""The plan of a delivery: all that its message is made from, as it was when the issue was planned.

Between two attempts sources tell more of a paper, readers change their keywords and operators their templates. The
message must stay the same to the byte: a reader's mail program tells by it that two copies are one. So papers are kept
as snapshots, templates as compiled, each once by its hash, and the plan names them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, replace
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from digestmail.model import Cadence, Evidence, Field, Issue, Match, Paper, RankedPaper, Receipt, Subscriber
from digestmail.ranking.profile import format_keywords, parse_keywords
from digestmail.storage import tables
from digestmail.storage.corpus import paper_of
from digestmail.storage.database import CHUNK, rows_by_id

_FIELDS, _EVIDENCE = {str(one): one for one in Field}, {str(one): one for one in Evidence}
_KEPT_PAPERS = 1 << 14
# counts grow by the hour: they are kept in each plan, so that a snapshot is good for many
_COUNTS = ("upvotes", "comments")
_NOT_KEPT = (*_COUNTS, "first_seen")
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


def keep_snapshots(connection: Connection, papers: Iterable[tuple[int, Paper]]) -> dict[str, int]:
    """For the key of each paper, given with its row, the id of the snapshot that holds what it says now."""
    digests: dict[str, str] = {}
    rows: dict[str, dict[str, Any]] = {}
    for paper_id, paper in papers:
        facts = _facts(paper)
        digest = hashlib.sha256(json.dumps([paper_id, facts], sort_keys=True).encode()).hexdigest()
        digests[paper.key] = digest
        rows[digest] = {"paper_id": paper_id, "digest": digest, "facts": facts}
    known = _snapshot_ids(connection, rows)
    insert_new(connection, tables.paper_snapshot, [row for digest, row in rows.items() if digest not in known])
    known |= _snapshot_ids(connection, rows.keys() - known.keys())
    return {key: known[digest] for key, digest in digests.items()}


def _snapshot_ids(connection: Connection, digests: Iterable[str]) -> dict[str, int]:
    snapshot, wanted, found = tables.paper_snapshot, sorted(digests), dict[str, int]()
    for start in range(0, len(wanted), CHUNK):
        query = select(snapshot.c.digest, snapshot.c.id).where(snapshot.c.digest.in_(wanted[start : start + CHUNK]))
        found |= {row.digest: row.id for row in connection.execute(query)}
    return found


def _facts(paper: Paper) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(paper).items() if name not in _NOT_KEPT}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in facts.items()}


def plan_json(issue: Issue, paper_ids: Mapping[str, int], snapshots: Mapping[str, int]) -> dict[str, Any]:
    """The plan as it is stored. ``paper_ids`` and ``snapshots`` are rows, by the key of the paper."""
    profile = issue.subscriber.profile
    return {
        "papers": [
            {
                "id": paper_ids[ranked.paper.key],
                "snapshot": snapshots[ranked.paper.key],
                "score": ranked.score,
                "topic": ranked.topic,
                **{name: getattr(ranked.paper, name) for name in _COUNTS},
                "matches": [astuple(match) for match in ranked.matches],
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


class Planned(NamedTuple):
    """What a plan says."""

    subscriber: Subscriber
    papers: tuple[RankedPaper, ...]
    receipt: Receipt


class Shelf:
    """Papers as plans name them. A snapshot never changes, so it is read once; all plans share it."""

    def __init__(self) -> None:
        self._snapshots: dict[int, Paper] = {}
        self._counted: dict[tuple[int, int | None, int | None], Paper] = {}

    def fetch(self, connection: Connection, plans: Iterable[Mapping[str, Any]]) -> None:
        """Have at hand what these plans name."""
        wanted = {_reference(planned) for plan in plans for planned in plan["papers"]}
        if len(self._counted) > _KEPT_PAPERS:
            self._snapshots, self._counted = {}, {}
        missing = [number for number in wanted if number > 0 and number not in self._snapshots]
        for row in rows_by_id(connection, tables.paper_snapshot, missing):
            self._snapshots[row["id"]] = _paper_of_facts(row["facts"])
        # plans of older versions name papers only, and papers change
        current = [number for number in wanted if number < 0]
        for row in rows_by_id(connection, tables.paper, (-number for number in current)):
            self._snapshots[-row["id"]] = paper_of(row)
        if current:
            self._counted = {key: paper for key, paper in self._counted.items() if key[0] > 0}

    def paper(self, planned: Mapping[str, Any]) -> Paper:
        """The paper with the counts of a plan; it was fetched before."""
        key = _reference(planned), planned["upvotes"], planned["comments"]
        if key not in self._counted:
            counts = {name: planned[name] for name in _COUNTS}
            self._counted[key] = replace(self._snapshots[key[0]], **counts)
        return self._counted[key]


def planned_of(plan: Mapping[str, Any], subscriber: Subscriber, shelf: Shelf) -> Planned:
    """Read a plan. ``shelf`` has its papers, ``subscriber`` is as it is today."""
    ranked = tuple(
        # plans of the first version have no topics
        RankedPaper(shelf.paper(one), one["score"], tuple(map(_match_of, one["matches"])), one.get("topic", ""))
        for one in plan["papers"]
    )
    return Planned(_as_planned(subscriber, plan, ranked), ranked, Receipt(**plan["receipt"]))


def _reference(planned: Mapping[str, Any]) -> int:
    return int(planned.get("snapshot") or -planned["id"])


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


def _match_of(planned: Sequence[Any] | Mapping[str, Any]) -> Match:
    if isinstance(planned, Mapping):  # as older versions wrote them, the first one without kinds of evidence
        planned = [planned.get(name, Evidence.EXACT) for name in Match.__dataclass_fields__]
    keyword, field, text, count, points, spans, evidence = planned
    return Match(keyword, _FIELDS[field], text, count, points, tuple(map(tuple, spans)), _EVIDENCE[evidence])
