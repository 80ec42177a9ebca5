"""Real papers and judgements for benchmarks. They are not part of the repository: see ``folder``."""

import gzip
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digestmail.model import Keyword, Paper, Profile


def folder() -> Path:
    """Where the data is: ``$DIGESTMAIL_TEST_DATA``, else ``shared/data`` beside the checkout."""
    found = Path(os.environ.get("DIGESTMAIL_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not found.is_dir():
        sys.exit(f"no benchmark data in {found}: set DIGESTMAIL_TEST_DATA")
    return found


@dataclass(frozen=True, slots=True)
class Topic:
    """An interest with weighted phrases and the papers that human-curated lists hold for it."""

    name: str
    profile: Profile
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class Judged:
    """Nine weeks of papers by day, with judgements."""

    papers: list[Paper]
    #: keys of the papers of each day and of each ISO week
    days: dict[str, list[str]]
    weeks: dict[str, list[str]]
    topics: list[Topic]


def judged() -> Judged:
    """``topics/papers.jsonl.gz`` and ``topics/topics.json``."""
    rows = _rows(folder() / "topics" / "papers.jsonl.gz")
    days: dict[str, list[str]] = {}
    weeks: dict[str, list[str]] = {}
    for row in rows:
        days.setdefault(row["day"], []).append(row["id"])
        weeks.setdefault(row["week"], []).append(row["id"])
    topics = json.loads((folder() / "topics" / "topics.json").read_text(encoding="utf-8"))
    return Judged([_paper(row) for row in rows], days, weeks, [_topic(entry) for entry in topics])


def corpus(number: int) -> list[Paper]:
    """The newest ``number`` of the papers in ``corpus/``."""
    rows = _rows(folder() / "corpus" / "arxiv-2026-03-to-06.jsonl.gz")
    return [_paper(row) for row in sorted(rows, key=lambda row: (row["first_seen"], row["id"]))[-number:]]


def _rows(file: Path) -> list[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _paper(row: dict[str, Any]) -> Paper:
    return Paper(
        key=row["id"],
        title=row["title"],
        abstract=row["abstract"],
        authors=tuple(row["authors"]),
        categories=tuple(row.get("cats") or row.get("categories") or ()),
        upvotes=row.get("upvotes"),
    )


def _topic(entry: dict[str, Any]) -> Topic:
    keywords = tuple(Keyword(phrase, weight) for phrase, weight in entry["profile"])
    return Topic(entry["id"], Profile(keywords), frozenset(entry["rel"]))
