"""A small newsletter that is killed again and again, and a look at what is left: nothing lost, nothing repeated."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from digestmail.storage.claims import MOST_CRASHES
from digestmail.storage.store import Store

READERS = [f"reader{number}@example.net" for number in range(3)]
_PAPERS = (4, 2)  # of the first day and of the second
_DONE = {"sent", "empty"}
# a recovery that needs more runs than this does not recover, also when the server errs in every third message
_RUNS = 12


class Ended(NamedTuple):
    """How a child ended: its exit code, negative for a signal, and the places it came by."""

    code: int
    points: list[str]


class Accepted(NamedTuple):
    """One message on the other side."""

    message_id: str
    digest: str


@dataclass
class Verdict:
    """What is left when all is done. ``bad`` must be empty, whatever was done."""

    bad: list[str] = field(default_factory=list)
    ambiguous: int = 0
    duplicates: int = 0
    held: int = 0


def announce(path: Path, numbers: Iterable[int]) -> None:
    """Papers with these numbers, added to a file."""
    with path.open("a", encoding="utf-8") as file:
        for number in numbers:
            one = {"id": f"2606.{number:05}", "title": f"Attention number {number}", "abstract": "We attend."}
            file.write(json.dumps(one) + "\n")


class Zygote:
    """The program that forks the children."""

    def __init__(self, config: Path) -> None:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crash.zygote", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**environment, "XDG_CACHE_HOME": str(config.parent / "cache")},
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the zygote has died"
        answered: dict[str, Any] = json.loads(answer)
        return answered

    def close(self) -> None:
        """It ends with its input."""
        self._process.communicate(timeout=60)


class Yard:
    """Where worlds are made: one zygote, one empty store to copy, one transport for all."""

    def __init__(self, folder: Path, transport: Mapping[str, Any] | None = None, log: Path | None = None) -> None:
        """``transport`` goes into each configuration, by default an outbox; ``log`` is what a fault server accepted."""
        self.folder, self.transport, self.log = folder, transport, log
        self._number = 0
        Store(f"sqlite:///{folder / 'empty.db'}").close()
        self._configure(folder, "example.org")
        announce(folder / "papers.jsonl", range(_PAPERS[0]))
        self.zygote = Zygote(folder / "config.yaml")

    def _configure(self, folder: Path, domain: str) -> None:
        config = {
            "newsletter": {"name": "Papers", "from": f"Papers <papers@{domain}>"},
            "sources": [{"kind": "jsonl", "path": "papers.jsonl"}],
            "transport": self.transport or {"kind": "outbox", "path": "outbox"},
            "subscribers": [{"email": reader, "keywords": ["attention"]} for reader in READERS],
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    @contextmanager
    def world(self) -> Iterator["World"]:
        """A newsletter on its first day; its folder is gone afterwards."""
        self._number += 1
        domain = f"w{self._number}-{os.getpid()}.example.org"
        folder = self.folder / domain
        folder.mkdir()
        shutil.copy(self.folder / "empty.db", folder / "digestmail.db")
        self._configure(folder, domain)
        world = World(self, folder, domain)
        world.announce(_PAPERS[0])
        yield world
        shutil.rmtree(folder)

    def close(self) -> None:
        """End the zygote."""
        self.zygote.close()


class World:
    """One newsletter, two days."""

    def __init__(self, yard: Yard, folder: Path, domain: str) -> None:
        self._yard, self.folder, self._domain = yard, folder, domain
        #: what the runs of the first day left undone
        self._left: list[str] = []
        self._announced = 0
        today = datetime.now(UTC).date()
        self._days = [today - timedelta(days=1), today]

    def announce(self, papers: int) -> None:
        """The source has so many papers more."""
        announce(self.folder / "papers.jsonl", range(self._announced, self._announced + papers))
        self._announced += papers

    def sign_up(self, email: str) -> None:
        """Somebody has asked on the pages to be on the list, and nobody has written to them."""
        with closing(sqlite3.connect(self.folder / "digestmail.db")) as store, store:
            store.execute(
                "INSERT INTO signup (at, email, wishes) VALUES (?, ?, '{}')", (f"{datetime.now(UTC):%F %T.%f}", email)
            )

    def letters(self) -> list[tuple[str, str]]:
        """Each letter: to whom, and what has become of it."""
        with closing(sqlite3.connect(self.folder / "digestmail.db")) as store:
            return store.execute(
                "SELECT email, delivery.status FROM delivery JOIN subscriber ON subscriber.id = subscriber_id "
                "WHERE kind <> 'issue'"
            ).fetchall()

    def request(self, day: int | None = 0, **how: Any) -> dict[str, Any]:
        """A run of the first (0) or second (1) day, or of this moment (None)."""
        args = ["run"] if day is None else ["run", "--date", self._days[day].isoformat()]
        return {"cwd": str(self.folder), "args": args, **how}

    def log(self) -> str:
        """All that the children have said."""
        return (self.folder / "child.log").read_text(encoding="utf-8")

    def run(self, day: int | None = 0, **how: Any) -> Ended:
        """``die_at``: the number of a place; ``kill_after``: seconds; ``plant``: a bug."""
        return Ended(**self._yard.zygote.ask(do="run", **self.request(day, **how)))

    def start(self, day: int | None = 0, **how: Any) -> int:
        """The same without waiting for its end: its pid."""
        pid: int = self._yard.zygote.ask(do="start", **self.request(day, **how))["pid"]
        return pid

    def wait(self, pid: int) -> Ended:
        """For the end of what was started."""
        return Ended(**self._yard.zygote.ask(do="wait", pid=pid))

    def tell(self, pid: int, how: str) -> None:
        """Send it a signal."""
        self._yard.zygote.ask(do="signal", pid=pid, how=how)

    def wait_until_stopped(self, pid: int) -> bool:
        """For a child that stops itself; false when it has ended instead."""
        return bool(self._yard.zygote.ask(do="stopped", pid=pid)["stopped"])

    def let_leases_run_out(self) -> None:
        """Wait until none of the claims holds any more."""
        with closing(sqlite3.connect(self.folder / "digestmail.db")) as store:
            [until] = store.execute("SELECT max(lease_until) FROM delivery").fetchone()
        left = datetime.fromisoformat(until).replace(tzinfo=UTC) - datetime.now(UTC) if until else timedelta()
        time.sleep(max(0.0, left.total_seconds() + 0.01))

    def finish(self, plant: str | None = None) -> None:
        """Run until the first day is over, then the second with papers that are new on that day."""
        self.finish_day(0, plant)
        self._left = [one for one in self.verdict().bad if one.startswith("unfinished")]
        self.announce(_PAPERS[1])
        self.finish_day(1, plant)

    def finish_day(self, day: int | None, plant: str | None = None) -> None:
        """Run until a day is over."""
        for _ in range(_RUNS):
            if self.run(day, plant=plant).code in (0, 1):
                return

    def verdict(self) -> Verdict:
        """Compare what was announced, what the store says, and what is on the other side."""
        with closing(sqlite3.connect(self.folder / "digestmail.db")) as store:
            store.row_factory = sqlite3.Row
            verdict = _Judge(store, self.accepted(), self._announced).verdict
        verdict.bad += self._left
        return verdict

    def accepted(self) -> list[Accepted]:
        """The messages of this newsletter that are on the other side."""
        if self._yard.log is None:
            files = sorted((self.folder / "outbox").glob("*.eml"))
            contents = [path.read_bytes() for path in files]
            return [Accepted(message_from_bytes(one)["Message-ID"], sha256(one).hexdigest()) for one in contents]
        lines = map(json.loads, self._yard.log.read_text(encoding="utf-8").splitlines())
        ours = (line for line in lines if line["message_id"].endswith(f"@{self._domain}>"))
        return [Accepted(line["message_id"], line["sha256"]) for line in ours]


class _Judge:
    """Looks for everything that must not be."""

    def __init__(self, store: sqlite3.Connection, accepted: Sequence[Accepted], papers: int) -> None:
        self._store, self._accepted, self._papers = store, accepted, papers
        self._deliveries = store.execute(
            "SELECT delivery.*, email, content AS plan FROM delivery JOIN subscriber ON subscriber.id = subscriber_id "
            "JOIN plan ON delivery_id = delivery.id"
        ).fetchall()

    @cached_property
    def verdict(self) -> Verdict:
        found = Counter(one.message_id for one in self._accepted)
        return Verdict(
            bad=[
                *self._unfinished(),
                *self._lost(),
                *self._repeated(),
                *self._unknown(),
                *self._beyond(),
                *self._texts(),
            ],
            ambiguous=sum(row["ambiguous"] for row in self._deliveries),
            duplicates=sum(found.values()) - len(found),
            held=sum(row["status"] == "held" for row in self._deliveries),
        )

    def _unfinished(self) -> Iterator[str]:
        for row in self._deliveries:
            if row["status"] not in (*_DONE, "held"):
                yield f"unfinished: {row['email']} {row['slot']} is {row['status']} ({row['note']})"
            if row["status"] == "held" and not row["ambiguous"] and row["crashes"] < MOST_CRASHES:
                yield f"held without a reason: {row['email']} {row['slot']}"

    def _lost(self) -> Iterator[str]:
        """Every paper that was announced stands in the ledger of every reader, for a delivery that went out."""
        rows = self._store.execute(
            "SELECT email, count(*) AS papers FROM ledger JOIN subscriber ON subscriber.id = ledger.subscriber_id "
            "JOIN delivery ON delivery.id = delivery_id WHERE delivery.status IN ('sent', 'held') GROUP BY email"
        )
        sent = {row["email"]: row["papers"] for row in rows}
        for reader in READERS:
            if sent.get(reader, 0) != self._papers:
                yield f"lost: {reader} has {sent.get(reader, 0)} of {self._papers} papers"

    def _repeated(self) -> Iterator[str]:
        """No paper stands in the plans of two deliveries for one reader."""
        seen: dict[tuple[str, int], list[str]] = defaultdict(list)
        for row in self._deliveries:
            for paper in json.loads(row["plan"])["papers"]:
                seen[row["email"], paper["id"]].append(row["slot"])
        for (reader, paper), slots in seen.items():
            if len(slots) > 1:
                yield f"repeated: paper {paper} for {reader} on {', '.join(slots)}"

    def _unknown(self) -> Iterator[str]:
        """What was accepted is known as sent, what is sent was accepted."""
        known = {row["message_id"]: row for row in self._deliveries}
        accepted = {one.message_id for one in self._accepted}
        for identity in sorted(accepted - known.keys()):
            yield f"unknown: {identity} was accepted"
        for identity, row in known.items():
            if row["status"] == "sent" and identity not in accepted:
                yield f"lost: {row['email']} {row['slot']} is sent, and nobody has it"
            if identity in accepted and row["status"] not in ("sent", "held"):
                yield f"unknown: {row['email']} {row['slot']} was accepted and is {row['status']}"

    def _beyond(self) -> Iterator[str]:
        """A message was accepted at most once more than there are ambiguous ends on record."""
        found = Counter(one.message_id for one in self._accepted)
        for row in self._deliveries:
            if found[row["message_id"]] > 1 + min(1, row["ambiguous"]):
                times = f"{found[row['message_id']]} times, {row['ambiguous']} ambiguous ends on record"
                yield f"duplicate: {row['email']} {row['slot']} came {times}"

    def _texts(self) -> Iterator[str]:
        digests: dict[str, set[str]] = defaultdict(set)
        for one in self._accepted:
            digests[one.message_id].add(one.digest)
        for identity, texts in digests.items():
            if len(texts) > 1:
                yield f"changed: {identity} has {len(texts)} texts"
