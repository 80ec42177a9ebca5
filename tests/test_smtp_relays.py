"""Several relays and several connections: who gets the next message, and what happens when one cannot take it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from digestmail.errors import (
    DeliveryAmbiguous,
    DeliveryDeferred,
    DeliveryRejected,
    TransportError,
    TransportUnavailable,
)
from digestmail.model import Envelope
from digestmail.newsletter import eventloop
from digestmail.transports.smtp import Deadlines, Limits, Relay, SmtpTransport
from faultsmtp import FaultServer, Options, read_log, serving

ENVELOPE = Envelope(
    mail_from="papers@example.org",
    rcpt_to="reader@example.net",
    message_id="<abcdefgh234567abcdefgh2345@example.org>",
    slot=date(2024, 1, 29),
    content=b"Message-ID: <abcdefgh234567abcdefgh2345@example.org>\r\n\r\nNine papers\r\n",
)
DEADLINES = replace(Deadlines(), quit=0.2)

Faults = dict[str, list[str | None]]


async def commit() -> None:
    """Nobody else is there."""


@contextmanager
def several(*faults: Faults) -> Iterator[list[FaultServer]]:
    """As many servers."""
    with ExitStack() as stack:
        yield [stack.enter_context(serving(one)) for one in faults]


def transport_to(*servers: FaultServer | int, weights: tuple[float, ...] = (), **options: Any) -> SmtpTransport:
    """One relay for each; a number is a port without a server."""
    ports = [server if isinstance(server, int) else server.port for server in servers]
    connections = options.pop("connections", 4)
    relays = [
        Relay(host="127.0.0.1", port=port, tls="none", weight=weight, connections=connections)
        for port, weight in zip(ports, weights or (1.0,) * len(ports), strict=True)
    ]
    return SmtpTransport(relays, ehlo_name="digest.example.org", deadlines=DEADLINES, **options)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def outcomes(
    transport: SmtpTransport,
    count: int,
    *,
    lanes: int = 1,
    committing: Callable[[], Awaitable[None]] = commit,
    domain: str = "example.net",
) -> list[TransportError | str]:
    """What became of so many messages: replies and errors."""
    numbers = iter(range(count))
    ends: list[TransportError | str] = []

    async def lane() -> None:
        for number in numbers:
            try:
                await transport.ready()
                ends.append(await transport.send(replace(ENVELOPE, rcpt_to=f"r{number}@{domain}"), committing))
            except TransportError as error:
                ends.append(error)

    async def scenario() -> None:
        async with asyncio.timeout(60):
            await asyncio.gather(*(lane() for _ in range(lanes)))
            await transport.close()

    eventloop.run(scenario())
    return ends


def kinds(ends: list[TransportError | str]) -> Counter[type]:
    return Counter(type(end) for end in ends)


# --- failover -------------------------------------------------------------------------------------------------------


def test_relays_share_the_messages_by_weight() -> None:
    with several({}, {}, {}) as servers:
        outcomes(transport_to(*servers, weights=(3.0, 1.0, 0.5)), 90)
    assert [len(server.accepted) for server in servers] == [60, 20, 10]


def test_a_relay_that_cannot_be_reached_is_passed_over() -> None:
    with several({}) as (server,):
        ends = outcomes(transport_to(closed_port(), server), 10)
    assert kinds(ends) == {str: 10}
    assert len(server.accepted) == 10


@pytest.mark.parametrize(
    ("point", "fault"),
    [
        ("connect", "5xx"),
        ("connect", "421"),
        ("EHLO", "drop"),
        ("MAIL", "5xx"),
        ("MAIL", "421"),
        ("MAIL", "drop"),
        ("RCPT", "550 5.7.1 Relaying denied"),
        ("RCPT", "drop"),
        ("DATA", "reset"),
    ],
)
def test_a_message_moves_on_to_the_next_relay_while_nothing_of_it_is_committed(point: str, fault: str) -> None:
    commits: list[None] = []

    async def committing() -> None:
        commits.append(None)

    with several({point: [fault]}, {}) as servers:
        ends = outcomes(transport_to(*servers), 1, committing=committing)
    assert kinds(ends) == {str: 1}
    assert [len(server.accepted) for server in servers] == [0, 1]
    assert len(commits) == 1


@pytest.mark.parametrize(
    ("point", "fault", "end"),
    [
        ("RCPT", "5xx", DeliveryRejected),
        ("RCPT", "4xx", DeliveryDeferred),
        ("dot", "4xx", DeliveryDeferred),
        ("dot", "drop", DeliveryAmbiguous),
        ("dot", "550 5.7.1 Policy", TransportUnavailable),
        ("dot", "accepted-drop", DeliveryAmbiguous),
    ],
)
def test_a_message_that_a_relay_has_answered_for_or_may_have_taken_does_not_move_on(
    point: str, fault: str, end: type
) -> None:
    with several({point: [fault]}, {}) as servers:
        ends = outcomes(transport_to(*servers), 1)
    assert kinds(ends) == {end: 1}
    assert servers[1].connections == 0


def test_when_no_relay_can_be_reached_all_of_them_are_named() -> None:
    ports = closed_port(), closed_port()
    [end] = outcomes(transport_to(*ports), 1)
    assert isinstance(end, TransportUnavailable)
    assert str(end) == "; ".join(f"smtp 127.0.0.1:{port}: connection refused" for port in ports)


def test_a_message_that_was_lost_on_the_way_is_deferred_whatever_the_other_relays_are() -> None:
    with several({"RCPT": ["drop"]}) as (server,):
        [end] = outcomes(transport_to(server, closed_port()), 1)
    assert isinstance(end, DeliveryDeferred)


def test_a_relay_that_fails_again_and_again_is_left_alone() -> None:
    with several({"connect": ["5xx"] * 10}, {}) as servers:
        outcomes(transport_to(*servers), 20)
    assert servers[0].connections == 3
    assert len(servers[1].accepted) == 20


def test_when_all_are_left_alone_nothing_is_claimed() -> None:
    port = closed_port()
    transport = transport_to(port)

    async def scenario() -> None:
        for _ in range(3):
            await transport.ready()
            with pytest.raises(TransportUnavailable):
                await transport.send(ENVELOPE, commit)
        with pytest.raises(TransportUnavailable, match=f"smtp 127.0.0.1:{port}: connection refused"):
            await transport.ready()

    eventloop.run(scenario())


# --- several at a time ----------------------------------------------------------------------------------------------


def test_messages_travel_over_several_connections_at_once() -> None:
    with several({}) as (server,):
        transport = transport_to(server, connections=4)
        ends = outcomes(transport, 60, lanes=transport.lanes)
    assert kinds(ends) == {str: 60}
    assert transport.lanes == 4
    assert 2 <= server.most_at_once <= 4
    assert sorted(accepted.rcpt_to for accepted in server.accepted) == sorted(
        f"r{number}@example.net" for number in range(60)
    )


def test_the_lanes_are_those_of_all_relays() -> None:
    assert transport_to(1, 2, 3, connections=5).lanes == 15


def test_more_senders_than_connections_wait_for_their_turn() -> None:
    with several({}) as (server,):
        ends = outcomes(transport_to(server, connections=1), 20, lanes=8)
    assert kinds(ends) == {str: 20}
    assert server.connections == server.most_at_once == 1


def test_a_server_that_takes_no_more_connections_gets_the_messages_over_those_it_has() -> None:
    # the first two are taken, then none for a while
    with several({"connect": [None, None, "421", "421"]}) as (server,):
        ends = outcomes(transport_to(server, connections=6), 60, lanes=6)
    assert kinds(ends) == {str: 60}


def test_a_server_that_asks_to_slow_down_gets_fewer_at_a_time() -> None:
    with several({"RCPT": [None] * 20 + ["451 4.7.1 Too fast"]}) as (server,):
        transport = transport_to(server, connections=4)
        ends = outcomes(transport, 21)
    assert kinds(ends) == {str: 20, DeliveryDeferred: 1}
    assert transport._routes._routes[0].window.size == 2


def test_a_server_that_wants_no_more_for_now_makes_callers_wait_before_they_claim() -> None:
    with several({"RCPT": ["451 4.7.1 Too fast"]}) as (server,):
        transport = transport_to(server, connections=1)

        async def scenario() -> None:
            await transport.ready()
            with pytest.raises(DeliveryDeferred):
                await transport.send(ENVELOPE, commit)
            waiting = asyncio.create_task(transport.ready())
            await asyncio.sleep(0)
            assert not waiting.done()
            async with asyncio.timeout(20):
                await waiting
            await transport.send(ENVELOPE, commit)
            await transport.close()

        eventloop.run(scenario())
    assert len(server.accepted) == 1


def test_limits_hold_back_callers_before_they_claim() -> None:
    with several({}) as (server,):
        transport = transport_to(server, limits=Limits(per_second=20))
        ends = outcomes(transport, 6, lanes=4)
    times = [accepted.at for accepted in server.accepted]
    assert kinds(ends) == {str: 6}
    # the times of arrival are those of another thread: the whole says more than each
    assert times[-1] - times[0] > 0.2


def test_a_limit_of_a_domain_holds_back_its_messages_only() -> None:
    with several({}) as (server,):
        transport = transport_to(server, limits=Limits(per_domain={"slow.example": 300}))
        outcomes(transport, 3, domain="example.net")
        outcomes(transport, 3, domain="Slow.Example")
    times = [accepted.at for accepted in server.accepted]
    assert times[-1] - times[-3] > 0.3


def test_idle_connections_are_ended_politely_and_at_once() -> None:
    with several({}) as (server,):
        outcomes(transport_to(server, connections=4), 40, lanes=4)
    assert server.heard.count("QUIT") == server.connections


# --- the server of these tests, as a program ------------------------------------------------------------------------


@contextmanager
def program(*arguments: str) -> Iterator[int]:
    """The port of a fault server that is killed in the end."""
    folder = Path(__file__).parent
    with subprocess.Popen(
        [sys.executable, "-m", "faultsmtp", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
    ) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGKILL)


def test_the_fault_server_keeps_a_record_of_what_it_accepted_that_outlives_it(tmp_path: Path) -> None:
    log = tmp_path / "accepted.jsonl"
    arguments = ["--log", str(log), "--seed", "1", "--fault", "dot:accepted-drop=0.3", "--fault", "RCPT:4xx=0.3"]
    with program(*arguments) as port:
        ends = outcomes(transport_to(port), 40)
    seen = kinds(ends)
    assert set(seen) == {str, DeliveryDeferred, DeliveryAmbiguous}
    assert len(read_log(log)) == seen[str] + seen[DeliveryAmbiguous]
    log.write_text(log.read_text() + json.dumps({"message_id": "cut"})[:-3])
    assert len(read_log(log)) == seen[str] + seen[DeliveryAmbiguous]


def test_whatever_goes_wrong_no_message_is_lost_and_no_copy_comes_without_a_doubt(tmp_path: Path) -> None:
    """With every fault at once, each message is sent until the server has answered for it."""
    log = tmp_path / "accepted.jsonl"
    faults = [
        *("dot:accepted-drop=0.08", "dot:accepted-reset=0.03", "dot:accepted-garbage=0.03", "dot:451 4.3.0 Later=0.05"),
        *("dot:drop=0.03", "dot:extra=0.03", "body:drop=0.05", "RCPT:4xx=0.1", "RCPT:extra=0.02", "MAIL:drop=0.03"),
        *("MAIL:421=0.02", "DATA:reset=0.03", "connect:drop=0.02", "RSET:drop=0.1"),
    ]
    arguments = ["--log", str(log), "--seed", "5"] + [part for fault in faults for part in ("--fault", fault)]
    waiting = [f"<{number}bcdefgh234567@example.org>" for number in range(120)]
    doubts: Counter[str] = Counter()

    async def lane(transport: SmtpTransport) -> None:
        while waiting:
            name = waiting.pop(0)
            content = b"Message-ID: " + name.encode() + b"\r\n\r\n" + b"Nine papers\r\n" * 3000
            try:
                await transport.send(replace(ENVELOPE, message_id=name, content=content), commit)
            except DeliveryAmbiguous:
                doubts[name] += 1
                waiting.append(name)
            except (DeliveryDeferred, TransportUnavailable):
                waiting.append(name)

    async def scenario(transport: SmtpTransport) -> None:
        async with asyncio.timeout(120):
            await asyncio.gather(*(lane(transport) for _ in range(transport.lanes)))
            await transport.close()

    names = list(waiting)
    with program(*arguments) as port:
        eventloop.run(scenario(transport_to(port)))
    copies = Counter(accepted.message_id for accepted in read_log(log))
    assert set(copies) == set(names)
    assert len({(accepted.message_id, accepted.sha256) for accepted in read_log(log)}) == len(names)
    assert doubts
    assert [name for name in names if copies[name] > 1 + doubts[name]] == []


def test_the_fault_server_refuses_points_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="unknown points"):  # noqa: SIM117 - the second one must not be entered
        with serving({"DATE": ["4xx"]}, Options()):
            pass
