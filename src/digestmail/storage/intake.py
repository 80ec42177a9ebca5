"""Papers on their way into the corpus: each joins the work that it is, or becomes a new one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from digestmail.model import Paper
from digestmail.storage import tables
from digestmail.storage.database import CHUNK, rows_by_id
from digestmail.text.changes import changes, told_more
from digestmail.text.identity import identities, merge, same_work


@dataclass(slots=True)
class Taken:
    """What became of papers."""

    announced: int = 0
    #: works that the corpus did not hold before
    new: int = 0
    #: known works that are told more of now; newer counts are not more
    revised: int = 0


@dataclass(slots=True)
class _Work:
    """One work of the corpus, or one that is about to be."""

    paper: Paper
    #: as the corpus holds it; None for a new one
    stored: Paper | None = None
    id: int = 0


def take(connection: Connection, papers: Iterable[Paper], now: datetime, *, only_known: bool = False) -> Taken:
    """Store papers, a chunk at a time, however many they are; ``only_known`` adds no works, only facts."""
    taken, remaining = Taken(), iter(papers)
    while chunk := list(islice(remaining, CHUNK)):
        works = _Chunk(connection, chunk)
        for paper in chunk:
            works.add(replace(paper, first_seen=now), only_known=only_known)
        works.store(now)
        taken.announced += len(chunk)
        taken.new += len(works.new)
        taken.revised += sum(told_more(work.stored, work.paper) for work in works.changed if work.stored)
    return taken


class _Chunk:
    """The works that some papers may be."""

    def __init__(self, connection: Connection, papers: Sequence[Paper]) -> None:
        self._connection = connection
        self._works: dict[str, list[_Work]] = {}
        self._identities: set[tuple[str, int]] = set()
        self._load(dict.fromkeys(identity for paper in papers for identity in identities(paper)))
        self.new: list[_Work] = []

    def _load(self, wanted: Iterable[str]) -> None:
        """The works that have one of the wanted identities, under all their identities."""
        table, distinct = tables.paper_identity.c, list(wanted)
        numbers: set[int] = set()
        for start in range(0, len(distinct), CHUNK):
            query = select(table.paper_id).where(table.identity.in_(distinct[start : start + CHUNK]))
            numbers.update(self._connection.execute(query).scalars())
        rows = rows_by_id(self._connection, tables.paper, numbers)
        works = {row["id"]: _Work(paper := paper_of(row), paper, row["id"]) for row in rows}
        ordered = sorted(numbers)
        for start in range(0, len(ordered), CHUNK):
            known = select(table.identity, table.paper_id).where(table.paper_id.in_(ordered[start : start + CHUNK]))
            for identity, number in self._connection.execute(known.order_by(table.paper_id)).all():
                self._identities.add((identity, number))
                self._works.setdefault(identity, []).append(works[number])
        self._loaded = works.values()

    def add(self, paper: Paper, *, only_known: bool) -> None:
        """Let a paper join its work, or begin one."""
        work = self._find(paper)
        if work:
            work.paper = merge(work.paper, paper)
        elif only_known:
            return
        else:
            work = _Work(paper)
            self.new.append(work)
        # also under what it was called this time: the next one may have only that
        for identity in (*identities(work.paper), *identities(paper)):
            known = self._works.setdefault(identity, [])
            if work not in known:
                known.append(work)

    def _find(self, paper: Paper) -> _Work | None:
        for identity in identities(paper):
            for work in self._works.get(identity, ()):
                if not identity.startswith("title:") or same_work(paper, work.paper):
                    return work
        return None

    @property
    def changed(self) -> Iterator[_Work]:
        """The works that the corpus holds otherwise."""
        return (work for work in self._loaded if work.paper != work.stored)

    def store(self, now: datetime) -> None:
        """Write what is new, what has changed, and what may be told about it."""
        if self.new:
            rows = [_row(work.paper) for work in self.new]
            query = insert(tables.paper).returning(tables.paper.c.id, sort_by_parameter_order=True)
            for work, number in zip(self.new, self._connection.execute(query, rows).scalars(), strict=True):
                work.id = number
        changed = list(self.changed)
        if changed:
            change = update(tables.paper).where(tables.paper.c.id == bindparam("_id"))
            self._connection.execute(change, [{"_id": work.id, **_row(work.paper)} for work in changed])
        pairs = {(identity, work.id) for identity, works in self._works.items() for work in works}
        if fresh := [{"identity": name, "paper_id": number} for name, number in sorted(pairs - self._identities)]:
            self._connection.execute(insert(tables.paper_identity), fresh)
        self._note_changes(changed, now)

    def _note_changes(self, changed: Sequence[_Work], now: datetime) -> None:
        """Changes matter to readers who have been promised the paper; without any, nobody was told otherwise."""
        found = {work.id: list(changes(work.stored, work.paper)) for work in changed if work.stored}
        found = {number: told for number, told in found.items() if told}
        ledger = tables.ledger.c.paper_id
        promised = (
            self._connection.execute(select(ledger).where(ledger.in_(found)).distinct()).scalars() if found else ()
        )
        rows = [
            {"paper_id": number, "at": now, "kind": kind, "before": before, "after": after}
            for number in promised
            for kind, before, after in found[number]
        ]
        if rows:
            self._connection.execute(insert(tables.change), rows)


def _row(paper: Paper) -> dict[str, Any]:
    return asdict(paper) | {"day": paper.listed or (paper.first_seen and paper.first_seen.date())}


def paper_of(row: RowMapping | dict[str, Any]) -> Paper:
    """The paper of a row."""
    facts = {name: value for name, value in row.items() if name in Paper.__dataclass_fields__}
    return Paper(**{**facts, "authors": tuple(row["authors"]), "categories": tuple(row["categories"])})
