"""Messages per second, durable on every step, against plain ``smtplib``.

``python -m benchmarks.delivery``. Postfix's ``smtp-sink`` on loopback (package postfix) takes the messages, all of
which are the same 40 KB in size. What is compared, in one run:

* the limit: Postfix's own ``smtp-source``, in C, with as many sessions as we have connections; it stores nothing
* the baseline: ``smtplib.sendmail`` in a loop over one connection; it stores nothing either
* ours, messages at hand: claim, commitment before the dot and result of every message are durable in SQLite
* ours, whole: the same, with every message rendered from its plan
* the same two into an outbox: every file and its folder synced

Connections begin with two and become more with each round of accepted messages, as many as are allowed: a run has to be
long enough for that not to matter. The first three take turns, several times, and the median counts: ours takes a
processor as fast as that goes, and on a machine that is shared that changes by half from one minute to the next, while
``smtplib`` mostly waits.

Then a backlog: how long a claim takes and how much memory a pass needs when very many deliveries wait.
"""

import argparse
import json
import resource
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from benchmarks.datasets import corpus
from digestmail.cli import rest_collector
from digestmail.mail.message import message_id
from digestmail.mail.tokens import Tokens
from digestmail.model import (
    Delivery,
    DeliveryStatus,
    Envelope,
    Field,
    Hit,
    Issue,
    MailingList,
    Match,
    Paper,
    Place,
    RankedPaper,
    Receipt,
    Subscriber,
)
from digestmail.newsletter import Newsletter, Rules
from digestmail.newsletter import deliver as delivering
from digestmail.newsletter.deliver import Stop, deliver
from digestmail.protocols import Transport
from digestmail.ranking.profile import parse_keywords
from digestmail.rendering.compile import Templates
from digestmail.storage.plans import KeptTemplate
from digestmail.storage.store import Store
from digestmail.transports.outbox import OutboxTransport
from digestmail.transports.smtp import Relay, SmtpTransport

_NOW = datetime(2026, 6, 30, 6, tzinfo=UTC)
_LIST = MailingList(name="Daily Papers", sender_name="Daily Papers", sender_address="papers@example.org")
_TEMPLATES = Templates(Path(__file__).parents[1] / "templates")
_SIZE = 40 * 1024
_BATCH = 500
#: messages of a pass over a backlog
_PASS = 2_000
_LIMIT, _BASELINE = "smtp-source (the limit)", "smtplib, one connection (the baseline)"


def newsletter(folder: Path, transport: Transport) -> Newsletter:
    """One whose store is in ``folder``."""
    return Newsletter(
        mailing_list=_LIST,
        rules=Rules(),
        store=Store(f"sqlite:///{folder / 'digestmail.db'}"),
        sources=(),
        transport=transport,
        templates=_TEMPLATES,
        tokens=Tokens(b"a secret of the benchmark"),
        clock=lambda: _NOW,
        new_id=lambda: "",
    )


def fill(house: Newsletter, number: int, papers: Sequence[Paper]) -> None:
    """So many readers, each with an issue of ten papers that waits."""
    store = house.store
    store.corpus.add(papers, _NOW)
    kept = KeptTemplate.of(_TEMPLATES.load("issue").parts())
    for start in range(0, number, _BATCH):
        readers = [reader(place) for place in range(start, min(start + _BATCH, number))]
        store.subscribers.put(readers)
        store.deliveries.plan([issue(one, papers, place) for place, one in enumerate(readers, start)], template=kept)


def reader(place: int) -> Subscriber:
    """One of many."""
    profile = parse_keywords(["learning", f"model {place}"])
    return Subscriber(uid=f"{place:032x}", email=f"reader{place}@example.net", profile=profile, created_at=_NOW)


def issue(one: Subscriber, papers: Sequence[Paper], place: int) -> Issue:
    """Ten papers, another ten for the next reader."""
    chosen = [papers[(place * 3 + step) % len(papers)] for step in range(10)]
    ranked = tuple(RankedPaper(paper, 9.0 - step, _matches(paper)) for step, paper in enumerate(chosen))
    receipt = Receipt(candidates=len(papers), matched=len(ranked), shown=len(ranked))
    return Issue(
        mailing_list=_LIST,
        subscriber=one,
        slot=_NOW.date(),
        papers=ranked,
        receipt=receipt,
        composed_at=_NOW,
        message_id=message_id(_LIST, one, _NOW.date()),
    )


def _matches(paper: Paper) -> tuple[Match, ...]:
    word = paper.title.split()[0]
    return (
        Match(Hit("learning", (Place(Field.TITLE, word, 1, ((0, len(word)),)),)), 6.0),
        Match(Hit("model", (Place(Field.ABSTRACT, "model", 2),)), 3.0),
    )


def content(delivery: Delivery) -> bytes:
    """A message of the size that all have here."""
    head = f"Message-ID: {delivery.message_id}\r\nSubject: Papers\r\n\r\n".encode()
    line = b"x" * 70 + b"\r\n"
    return head + line * ((_SIZE - len(head)) // len(line))


@contextmanager
def at_hand() -> Iterator[None]:
    """Messages that need no rendering."""

    class Ready:
        def __init__(self, delivery: Delivery) -> None:
            self.envelope = Envelope(
                mail_from=_LIST.sender_address,
                rcpt_to=delivery.email,
                message_id=delivery.message_id,
                slot=delivery.slot,
                content=content(delivery),
            )

    with mock.patch.object(delivering, "message_of", lambda _house, delivery, _joining: Ready(delivery)):
        yield


def rate(number: int, filled: Path, transport: Transport) -> float:
    """Messages a second of one pass over a copy of what waits in a folder."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        shutil.copytree(filled, folder, dirs_exist_ok=True)
        house = newsletter(Path(folder), transport)
        start = time.perf_counter()
        report = deliver(house)
        seconds = time.perf_counter() - start
        assert report.counts == {DeliveryStatus.SENT: number}, report
        house.store.close()
    return number / seconds


def plain(number: int, port: int) -> float:
    """Messages a second of ``smtplib``."""
    body = b"Subject: Papers\r\n\r\n" + (b"x" * 70 + b"\r\n") * (_SIZE // 72)
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.ehlo()
        start = time.perf_counter()
        for place in range(number):
            server.sendmail("papers@example.org", f"reader{place}@example.net", body)
        return number / (time.perf_counter() - start)


def limit(number: int, port: int, sessions: int) -> float:
    """Messages a second of ``smtp-source``."""
    source = shutil.which("smtp-source") or "/usr/sbin/smtp-source"
    options = ["-l", str(_SIZE), "-m", str(number), "-s", str(sessions), "-f", "a@example.org", "-t", "b@example.net"]
    start = time.perf_counter()
    subprocess.run([source, *options, f"127.0.0.1:{port}"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - Postfix's
    return number / (time.perf_counter() - start)


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's ``smtp-sink``, and its port."""
    program = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen([program, "-u", "nobody", f"127.0.0.1:{port}", "256"]) as running:  # noqa: S603 - Postfix's
        try:
            _wait_for(port)
            yield port
        finally:
            running.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return


def backlog(number: int) -> dict[str, float]:
    """In this process: milliseconds of a claim of 32 when so many wait, and the memory of a pass over 2,000."""
    rest_collector()
    papers = corpus(200)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        house = newsletter(Path(folder), OutboxTransport(Path(folder) / "outbox"))
        fill(house, number, papers)
        claims = []
        for _ in range(50):
            start = time.perf_counter()
            house.store.claims.turn(_NOW, wanted=32)
            claims.append(1e3 * (time.perf_counter() - start))
        stop = Stop()
        house = replace(house, progress=lambda _what, done, _of: stop.ask() if done == min(_PASS, number) else None)
        with closing(house.store):
            deliver(house, stop=stop)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "waiting": number,
        "claim_ms": statistics.median(claims),
        "slowest_claim_ms": max(claims),
        "peak_mb": memory,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--waiting", type=int, nargs="*", default=[1_000, 100_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(backlog(options.alone)))
        return
    rest_collector()
    rates = _rates(options.messages, options.connections, options.rounds)
    waiting = [_alone(size) for size in options.waiting]
    if options.json:
        print(json.dumps({"messages_per_second": rates, "backlog": waiting}))
        return
    _tell(rates, waiting)


def _rates(number: int, connections: int, rounds: int) -> dict[str, list[float]]:
    """Messages a second, of each round."""

    def smtp() -> Transport:
        relay = Relay(host="127.0.0.1", port=port, tls="none", connections=connections)
        return SmtpTransport([relay], ehlo_name="digest.example.org")

    def round_of_three() -> tuple[float, float, float]:
        return limit(number, port, connections), plain(number, port), rate(number, filled, smtp())

    with sink() as port, tempfile.TemporaryDirectory(dir=".") as folder:
        filled, outbox = Path(folder) / "filled", Path(folder) / "outbox"
        filled.mkdir()
        house = newsletter(filled, smtp())
        fill(house, number, corpus(200))
        house.store.close()
        with at_hand():
            columns = zip(*(round_of_three() for _ in range(rounds)), strict=True)
            names = (_LIMIT, _BASELINE, "ours, durable, messages at hand")
            rates = {name: list(column) for name, column in zip(names, columns, strict=True)}
            rates["outbox, durable, messages at hand"] = [rate(number, filled, OutboxTransport(outbox / "a"))]
        rates["ours, durable, rendered"] = [rate(number, filled, smtp())]
        rates["outbox, durable, rendered"] = [rate(number, filled, OutboxTransport(outbox / "b"))]
    return rates


def _tell(rates: dict[str, list[float]], waiting: list[dict[str, float]]) -> None:
    base = statistics.median(rates[_BASELINE])
    print(f"{'':42} messages/s   times smtplib   all rounds")
    for name, found in rates.items():
        middle = statistics.median(found)
        print(f"{name:42} {middle:10,.0f} {middle / base:15.2f}   {' '.join(f'{one:,.0f}' for one in found)}")
    print("\ndeliveries waiting   claim of 32, ms   slowest, ms   peak MB")
    for row in waiting:
        print(f"{row['waiting']:18,} {row['claim_ms']:17.1f} {row['slowest_claim_ms']:13.1f} {row['peak_mb']:9.0f}")


def _alone(number: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.delivery", "--alone", str(number)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this program again
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
