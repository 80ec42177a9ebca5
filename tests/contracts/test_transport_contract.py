"""What every transport promises, asked of each of them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Session
from aiosmtpd.smtp import Envelope as Received

from digestmail.errors import TransportUnavailable
from digestmail.model import Envelope
from digestmail.protocols import Transport
from digestmail.testing import MemoryTransport
from digestmail.transports.outbox import OutboxTransport
from digestmail.transports.smtp import SmtpTransport

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


class Loopback(Controller):
    """aiosmtpd on a port that the system chose."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        super().__init__(mailbox, hostname="127.0.0.1", port=self.listener.getsockname()[1])

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self.listener)


def outbox(tmp_path: Path, _stack: ExitStack) -> Setup:
    folder = tmp_path / "outbox"
    (tmp_path / "file").write_text("not a folder")
    return Setup(
        transport=OutboxTransport(folder),
        arrived=lambda: [path.read_bytes() for path in sorted(folder.iterdir())],
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
        transport=SmtpTransport("127.0.0.1", controller.port, tls="none", ehlo_name="digest.example.org"),
        arrived=lambda: mailbox.contents,
        unreachable=SmtpTransport("127.0.0.1", closed_port, tls="none", ehlo_name="digest.example.org"),
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
        with closing(made.transport):
            yield made


def test_a_message_arrives_byte_for_byte(setup: Setup) -> None:
    setup.transport.send(ENVELOPE)
    assert setup.arrived() == [ENVELOPE.content]


def test_every_message_arrives(setup: Setup) -> None:
    setup.transport.send(ENVELOPE)
    setup.transport.send(OTHER)
    assert setup.arrived() == [ENVELOPE.content, OTHER.content]


def test_the_reply_is_one_line(setup: Setup) -> None:
    reply = setup.transport.send(ENVELOPE)
    assert reply
    assert reply.isprintable()


def test_handing_over_the_same_message_twice_does_no_harm(setup: Setup) -> None:
    replies = {setup.transport.send(ENVELOPE), setup.transport.send(ENVELOPE)}
    assert len(replies) == 1
    assert setup.arrived() == [ENVELOPE.content] * (1 if setup.drops_repeats else 2)


def test_a_transport_that_reaches_nothing_is_unavailable(setup: Setup) -> None:
    with pytest.raises(TransportUnavailable) as caught:
        setup.unreachable.send(ENVELOPE)
    assert "\n" not in str(caught.value)
    setup.unreachable.close()


def test_closing_twice_does_nothing(setup: Setup) -> None:
    setup.transport.send(ENVELOPE)
    setup.transport.close()
    setup.transport.close()


def test_closing_without_a_message_does_nothing(setup: Setup) -> None:
    setup.transport.close()
    assert isinstance(setup.transport.send(ENVELOPE), str)
