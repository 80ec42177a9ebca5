"""Whatever a server does, at any point: the outcome that docs/explanation/delivery.md promises, in time, in bounds."""

import asyncio
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import trustme

from digestmail.errors import (
    DeliveryAmbiguous,
    DeliveryDeferred,
    DeliveryRejected,
    TransportError,
    TransportUnavailable,
)
from digestmail.model import Envelope
from digestmail.newsletter import eventloop
from digestmail.transports.smtp import Deadlines, Relay, SmtpTransport, relays
from faultsmtp import ACCEPTED, FaultServer, Options, serving
from tls import server_context

PAGE = Path(__file__).parents[1] / "docs/explanation/delivery.md"
ENVELOPE = Envelope(
    mail_from="papers@example.org",
    rcpt_to="reader@example.net",
    message_id="<abcdefgh234567abcdefgh2345@example.org>",
    slot=date(2024, 1, 29),
    content=b"Message-ID: <abcdefgh234567abcdefgh2345@example.org>\r\n\r\nNine papers\r\n",
)
# more than the buffers of both ends hold: it is still on its way when the server goes wrong
BIG = replace(ENVELOPE, content=ENVELOPE.content + b"0123456789012345678901234567890123456789\r\n" * 300_000)
# a deadline is short where it is what ends the test, and nowhere else: the machine may be busy
SHORT, LONG = 0.5, 20.0
A_BYTE = SHORT / 5  # well within the deadline; a whole reply is not
PATIENT = replace(Deadlines().until_dot(LONG), dot=LONG, quit=SHORT)
IMPATIENT = {
    "connect": replace(PATIENT, greeting=SHORT),
    "DATA": replace(PATIENT, data=SHORT),
    "body": replace(PATIENT, body=SHORT, data=SHORT),
    "dot": replace(PATIENT, dot=SHORT),
    "QUIT": PATIENT,
}
A_COMMAND = replace(PATIENT, command=SHORT, noop=SHORT)
COLUMNS = {
    "4yz": "4xx",
    "421": "421",
    "5yz": "5xx",
    "closes": "drop",
    "resets": "reset",
    "silent": "stall",
    "byte by byte": "drip",
    "no SMTP": "garbage",
    "endless reply": "endless",
    "endless line": "long",
}
OUTCOMES: dict[type[TransportError], str] = {
    DeliveryDeferred: "deferred",
    DeliveryRejected: "rejected",
    TransportUnavailable: "unavailable",
    DeliveryAmbiguous: "ambiguous",
}
A_HANG = 60  # seconds: far above all deadlines together
MEGABYTES = 64


def table() -> Iterator[tuple[str, str, str]]:
    """Point, fault and outcome of each cell of the page."""
    text = PAGE.read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.findall(r"^\| .*\|$", text[text.index("| | 4yz") :].partition("\n\n")[0], re.MULTILINE)
    ]
    heading = rows[0][1:]
    for point, *cells in rows[1:]:
        for column, outcome in zip(heading, cells, strict=True):
            yield point, COLUMNS[column], outcome


CELLS = list(table())


class Sender:
    """One transport, and what became of the messages given to it."""

    def __init__(self, server: FaultServer, ca_file: Path, deadlines: Deadlines = PATIENT) -> None:
        tls = server.options.tls
        username, password = server.options.login or (None, None)
        relay = Relay(
            host="127.0.0.1",
            port=server.port,
            tls=tls,
            username=username,
            password=password,
            ca_file=ca_file if tls != "none" else None,
        )
        self.transport = SmtpTransport([relay], ehlo_name="digest.example.org", deadlines=deadlines)
        self.commits = 0
        self.errors: list[TransportError | None] = []

    async def commit(self) -> None:
        self.commits += 1

    async def send(self, envelope: Envelope = ENVELOPE) -> str:
        """The outcome."""
        self.commits = 0
        try:
            await self.transport.send(envelope, self.commit)
        except TransportError as error:
            self.errors.append(error)
            return OUTCOMES[type(error)]
        assert self.commits == 1
        self.errors.append(None)
        return "sent"


@pytest.fixture(params=["uvloop", "asyncio"], autouse=True)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both event loops that messages go out in."""
    if request.param == "asyncio":
        monkeypatch.setattr(eventloop, "new_event_loop", None)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def options(point: str, authority: trustme.CA) -> Options:
    if point == "STARTTLS":
        return Options(tls="starttls", context=server_context(authority), drip=A_BYTE)
    return Options(login=("papers", "correct horse") if point == "AUTH" else None, drip=A_BYTE)


async def met(point: str, sender: Sender) -> str:
    """The outcome of the message that meets the fault."""
    if point.endswith("kept connection"):
        first = await sender.send(replace(ENVELOPE, rcpt_to="first@example.net"))
        # RSET only follows a refused reader
        assert first == ("rejected" if point.startswith("RSET") else "sent")
    outcome = await sender.send(BIG if point == "body" else ENVELOPE)
    await sender.transport.close()
    return outcome


def deadlines(point: str, fault: str) -> Deadlines:
    return IMPATIENT.get(point.partition(",")[0], A_COMMAND) if fault in ("stall", "drip") else PATIENT


def script(point: str, fault: str) -> dict[str, list[str | None]]:
    match point.partition(",")[::2]:
        case "dot", " accepted":
            return {"dot": [f"{ACCEPTED}{fault}"]}
        case "MAIL", " kept connection":
            return {"MAIL": [None, fault]}
        case "RSET", _:
            return {"RCPT": ["5xx"], "RSET": [fault]}
        case name, _:
            return {name: [fault]}


@pytest.mark.parametrize(("point", "fault", "outcome"), CELLS, ids=[f"{point}-{fault}" for point, fault, _ in CELLS])
def test_a_server_that_goes_wrong_leads_to_the_documented_outcome(
    point: str, fault: str, outcome: str, authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if point.startswith("NOOP"):
        monkeypatch.setattr(relays, "_IDLE", -1.0)  # as if the connection had not been used for long

    async def scenario(server: FaultServer) -> tuple[str, Sender]:
        sender = Sender(server, ca_file, deadlines(point, fault))
        async with asyncio.timeout(A_HANG):
            return await met(point, sender), sender

    bounded = fault in ("endless", "long")
    with serving(script(point, fault), options(point, authority)) as server:
        if bounded:
            tracemalloc.start()
        try:
            seen, sender = eventloop.run(scenario(server))
            peak = tracemalloc.get_traced_memory()[1] if bounded else 0
        finally:
            tracemalloc.stop()
    assert (seen, server.script.left()) == (outcome, {})
    assert peak < MEGABYTES * 2**20
    if seen != "sent":
        # what is known of a message whose commitment was not asked for: it was not handed over
        assert sender.commits or ENVELOPE.rcpt_to not in {accepted.rcpt_to for accepted in server.accepted}
        assert sender.commits == 1 or not point.startswith("dot")


def test_only_the_dot_can_leave_a_doubt() -> None:
    assert {point for point, _, outcome in CELLS if outcome == "ambiguous"} == {"dot, accepted", "dot, not accepted"}


def test_the_table_tries_every_point_with_every_fault() -> None:
    assert len(CELLS) == len({(point, fault) for point, fault, _ in CELLS}) == 14 * 10


@pytest.mark.parametrize("point", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "body", "dot", "QUIT"])
@pytest.mark.parametrize("fault", ["4xx", "421", "5xx", "drop", "reset", "garbage"])
def test_the_next_message_goes_out_whatever_happened_to_the_one_before(point: str, fault: str, ca_file: Path) -> None:
    async def scenario(server: FaultServer) -> str:
        sender = Sender(server, ca_file)
        async with asyncio.timeout(A_HANG):
            await sender.send()
            if point == "QUIT":
                await sender.transport.close()
            outcome = await sender.send(replace(ENVELOPE, rcpt_to="other@example.net"))
            await sender.transport.close()
            return outcome

    # without pipelining too: what is left of an envelope must not leak into the next one
    for pipelining in (True, False):
        with serving({point: [fault]}, Options(pipelining=pipelining)) as server:
            assert eventloop.run(scenario(server)) == "sent"
        assert server.accepted[-1].rcpt_to == "other@example.net"


@pytest.mark.parametrize("point", ["connect", "MAIL", "RCPT", "DATA", "dot"])
@pytest.mark.parametrize("fault", ["4xx", "drop", "stall", "garbage"])
def test_a_server_without_pipelining_leads_to_the_same_outcome(point: str, fault: str, ca_file: Path) -> None:
    rows = {"dot": "dot, not accepted"}
    outcome = next(end for row, what, end in CELLS if (row, what) == (rows.get(point, point), fault))

    async def scenario(server: FaultServer) -> str:
        sender = Sender(server, ca_file, deadlines(point, fault))
        async with asyncio.timeout(A_HANG):
            return await met(point, sender)

    with serving({point: [fault]}, Options(pipelining=False)) as server:
        assert eventloop.run(scenario(server)) == outcome


@pytest.mark.parametrize("point", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_a_reply_that_nobody_asked_for_is_never_taken_for_the_answer_to_a_message(point: str, ca_file: Path) -> None:
    async def scenario(server: FaultServer) -> None:
        sender = Sender(server, ca_file)
        async with asyncio.timeout(A_HANG):
            assert await sender.send() == "deferred"
            await sender.transport.close()

    with serving({point: ["extra"]}) as server:
        eventloop.run(scenario(server))
    assert not server.accepted


def test_a_reply_after_the_answer_to_a_message_costs_the_connection_only(ca_file: Path) -> None:
    async def scenario(server: FaultServer) -> None:
        sender = Sender(server, ca_file)
        async with asyncio.timeout(A_HANG):
            assert await sender.send() == "sent"
            assert await sender.send() == "sent"
            await sender.transport.close()

    with serving({"dot": ["extra"]}) as server:
        eventloop.run(scenario(server))
    assert (len(server.accepted), server.connections) == (2, 2)


# --- encryption -----------------------------------------------------------------------------------------------------


def refused(server_options: Options, ca_file: Path) -> tuple[FaultServer, str]:
    """What is said when a transport that insists on STARTTLS meets this server, which must not learn anything."""

    async def scenario(server: FaultServer) -> str:
        relay = Relay(
            host="127.0.0.1",
            port=server.port,
            tls="starttls",
            username="papers",
            password="correct horse",
            ca_file=ca_file,
        )
        sender = Sender(server, ca_file)
        sender.transport = SmtpTransport([relay], ehlo_name="digest.example.org", deadlines=PATIENT)
        async with asyncio.timeout(A_HANG):
            assert await sender.send() == "unavailable"
        return str(sender.errors[0])

    with serving(options=server_options) as server:
        why = eventloop.run(scenario(server))
    assert {line.split()[0] for line in server.heard} <= {"EHLO", "STARTTLS"}
    assert b"correct horse" not in server.clear
    assert not server.accepted
    return server, why


def test_a_server_without_starttls_gets_neither_password_nor_message(ca_file: Path) -> None:
    _, why = refused(Options(login=("papers", "correct horse")), ca_file)
    assert "STARTTLS extension not supported by server" in why


def test_a_certificate_of_somebody_else_gets_neither_password_nor_message(ca_file: Path) -> None:
    stranger = Options(tls="starttls", context=server_context(trustme.CA()), login=("papers", "correct horse"))
    _, why = refused(stranger, ca_file)
    assert "TLS certificate not accepted" in why


def test_a_certificate_of_another_host_gets_neither_password_nor_message(authority: trustme.CA, ca_file: Path) -> None:
    context = server_context(authority, "mail.example.org")
    _, why = refused(Options(tls="starttls", context=context, login=("papers", "correct horse")), ca_file)
    assert "TLS certificate not accepted: IP address mismatch" in why


def test_what_was_slipped_in_before_the_encryption_ends_the_connection(authority: trustme.CA, ca_file: Path) -> None:
    slipped = Options(
        tls="starttls",
        context=server_context(authority),
        login=("papers", "correct horse"),
        injected=b"250-mail.example.org\r\n250 AUTH PLAIN\r\n",
    )
    _, why = refused(slipped, ca_file)
    assert "before the encryption" in why


def test_what_was_offered_in_clear_text_counts_for_nothing(authority: trustme.CA, ca_file: Path) -> None:
    async def scenario(server: FaultServer) -> str:
        sender = Sender(server, ca_file)
        outcome = await sender.send()
        await sender.transport.close()
        return outcome

    # a size of 10 bytes, heard from anybody on the way, would have every message refused
    with serving({"EHLO": ["250-faults\r\n250-SIZE 10\r\n250 STARTTLS"]}, options("STARTTLS", authority)) as server:
        assert eventloop.run(scenario(server)) == "sent"
    assert [line.split()[0] for line in server.heard][:3] == ["EHLO", "STARTTLS", "EHLO"]
