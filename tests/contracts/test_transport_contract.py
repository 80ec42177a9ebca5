"""What every transport promises, asked of each of them."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Session
from aiosmtpd.smtp import Envelope as Received

from digestmail.errors import ClaimLost, TransportUnavailable
from digestmail.model import Envelope
from digestmail.newsletter import eventloop
from digestmail.protocols import Commit, Transport
from digestmail.testing import MemoryTransport
from digestmail.transports.outbox import OutboxTransport
from digestmail.transports.smtp import Relay, SmtpTransport
from loopback import Loopback

ENVELOPE = Envelope(
    mail_from="papers@example.org",
    rcpt_to="reader@example.net",
    message_id="<abcdefgh234567abcdefgh2345@example.org>",
    slot=date(2024, 1, 29),
    content=b"Message-ID: <abcdefgh234567abcdefgh2345@example.org>\r\n\r\nOne\r\n.\r\n..two\r\nFrom three\r\n\r\n",
)
OTHER = replace(
    ENVELOPE, message_id="<bbcdefgh234567abcdefgh2345@example.org>", content=b"Subject: other\r\n\r\nOther\r\n"
)


@dataclass(frozen=True, slots=True)
class Setup:
    """A transport that works, what arrived through it, one that reaches nothing, and whether repeats are dropped."""

    transport: Transport
    arrived: Callable[[], list[bytes]]
    unreachable: Transport
    drops_repeats: bool


class Mailbox:
    """An SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Received) -> str:  # noqa: N802 - the library's name
        assert isinstance(envelope.content, bytes)
        self.contents.append(envelope.content)
        return "250 2.0.0 OK"


class Pass:
    """A transport as one pass over the deliveries uses it: in one event loop, and closed at its end."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.commits = 0

    async def _commit(self) -> None:
        self.commits += 1

    async def _send(self, envelopes: Sequence[Envelope], commit: Commit | None) -> list[str]:
        replies = []
        try:
            for envelope in envelopes:
                await self.transport.ready()
                replies.append(await self.transport.send(envelope, commit or self._commit))
        finally:
            await self.transport.close()
        return replies

    def send(self, *envelopes: Envelope, commit: Commit | None = None) -> list[str]:
        """The replies."""
        return eventloop.run(self._send(envelopes, commit))


def outbox(tmp_path: Path, _stack: ExitStack) -> Setup:
    folder = tmp_path / "outbox"
    (tmp_path / "file").write_text("not a folder")
    return Setup(
        transport=OutboxTransport(folder),
        arrived=lambda: [path.read_bytes() for path in sorted(folder.glob("*.eml"))],
        unreachable=OutboxTransport(tmp_path / "file"),
        drops_repeats=True,
    )


def smtp(_tmp_path: Path, stack: ExitStack) -> Setup:
    mailbox = Mailbox()
    controller = Loopback(mailbox)
    controller.start()
    stack.callback(controller.stop)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed_port = listener.getsockname()[1]
    return Setup(
        transport=SmtpTransport(
            [Relay(host="127.0.0.1", port=controller.port, tls="none")], ehlo_name="digest.example.org"
        ),
        arrived=lambda: list(mailbox.contents),
        unreachable=SmtpTransport(
            [Relay(host="127.0.0.1", port=closed_port, tls="none")], ehlo_name="digest.example.org"
        ),
        drops_repeats=False,
    )


def memory(_tmp_path: Path, _stack: ExitStack) -> Setup:
    transport = MemoryTransport()
    return Setup(
        transport=transport,
        arrived=lambda: [envelope.content for envelope in transport.messages.values()],
        unreachable=MemoryTransport([TransportUnavailable("told to")]),
        drops_repeats=True,
    )


@pytest.fixture(params=[outbox, smtp, memory], ids=["outbox", "smtp", "memory"])
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Setup]:
    """One after another, every transport there is."""
    with ExitStack() as stack:
        made: Setup = request.param(tmp_path, stack)
        yield made


def test_a_message_arrives_byte_for_byte(setup: Setup) -> None:
    Pass(setup.transport).send(ENVELOPE)
    assert setup.arrived() == [ENVELOPE.content]


def test_every_message_arrives(setup: Setup) -> None:
    Pass(setup.transport).send(ENVELOPE, OTHER)
    assert setup.arrived() == [ENVELOPE.content, OTHER.content]


def test_messages_may_be_under_way_at_once(setup: Setup) -> None:
    async def commit() -> None:
        await asyncio.sleep(0)

    async def lanes() -> None:
        numbers = iter(range(10))

        async def lane() -> None:
            for number in numbers:
                await setup.transport.ready()
                envelope = replace(
                    ENVELOPE, message_id=f"<{number}bcdefgh234567@example.org>", content=b"%d\r\n" % number
                )
                await setup.transport.send(envelope, commit)

        await asyncio.gather(*(lane() for _ in range(setup.transport.lanes)))
        await setup.transport.close()

    assert setup.transport.lanes >= 1
    eventloop.run(lanes())
    assert sorted(setup.arrived()) == [b"%d\r\n" % number for number in range(10)]


def test_the_reply_is_one_line(setup: Setup) -> None:
    [reply] = Pass(setup.transport).send(ENVELOPE)
    assert reply
    assert reply.isprintable()


def test_what_cannot_be_taken_back_is_committed_once(setup: Setup) -> None:
    one = Pass(setup.transport)
    one.send(ENVELOPE)
    assert one.commits == 1


def test_nothing_has_arrived_when_the_commitment_is_made(setup: Setup) -> None:
    seen: list[list[bytes]] = []

    async def commit() -> None:
        seen.append(setup.arrived())

    Pass(setup.transport).send(ENVELOPE, commit=commit)
    assert seen == [[]]


def test_a_lost_claim_hands_nothing_over(setup: Setup) -> None:
    async def taken_over() -> None:
        raise ClaimLost("another process has it")

    with pytest.raises(ClaimLost):
        Pass(setup.transport).send(ENVELOPE, commit=taken_over)
    Pass(setup.transport).send(OTHER)
    assert setup.arrived() == [OTHER.content]


def test_handing_over_the_same_message_twice_does_no_harm(setup: Setup) -> None:
    replies = set(Pass(setup.transport).send(ENVELOPE, ENVELOPE))
    assert len(replies) == 1
    assert setup.arrived() == [ENVELOPE.content] * (1 if setup.drops_repeats else 2)


def test_a_transport_that_reaches_nothing_is_unavailable(setup: Setup) -> None:
    with pytest.raises(TransportUnavailable) as caught:
        Pass(setup.unreachable).send(ENVELOPE)
    assert "\n" not in str(caught.value)


def test_closing_twice_or_without_a_message_does_nothing(setup: Setup) -> None:
    async def close_twice() -> None:
        await setup.transport.close()
        await setup.transport.close()

    eventloop.run(close_twice())
    Pass(setup.transport).send(ENVELOPE)
    eventloop.run(close_twice())
    Pass(setup.transport).send(OTHER)
    assert setup.arrived() == [ENVELOPE.content, OTHER.content]
