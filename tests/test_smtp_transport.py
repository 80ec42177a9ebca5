"""SMTP against real servers on loopback."""

import asyncio
import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, Session
from aiosmtpd.smtp import Envelope as Received
from hypothesis import example, given
from hypothesis import strategies as st

import faultsmtp
from digestmail.errors import (
    ClaimLost,
    DeliveryAmbiguous,
    DeliveryDeferred,
    DeliveryRejected,
    TransportError,
    TransportUnavailable,
)
from digestmail.model import Envelope
from digestmail.newsletter import eventloop
from digestmail.transports.smtp import Deadlines, Relay, SmtpTransport
from digestmail.transports.smtp.message import Message
from faultsmtp import Options
from loopback import Loopback
from tls import server_context

ENVELOPE = Envelope(
    mail_from="papers@example.org",
    rcpt_to="reader@example.net",
    message_id="<abcdefgh234567abcdefgh2345@example.org>",
    slot=date(2024, 1, 29),
    content=b"Subject: Nine papers\r\n\r\nNine papers\r\n.\r\n..\r\n",
)
OTHER = replace(ENVELOPE, rcpt_to="other@example.net")
PASSWORD = "correct horse"
T = TypeVar("T")


class Mailbox:
    """A server that takes everything but what it has a reply for; ``None`` as a reply hangs up."""

    def __init__(self) -> None:
        #: the next replies to MAIL, RCPT and to the message
        self.replies: dict[str, list[str | None]] = {"MAIL": [], "RCPT": [], "DATA": []}
        self.received: list[Received] = []
        self.greeted_as: list[str] = []
        self.resets = 0
        self.quits = 0
        self.logins: list[tuple[bytes, bytes]] = []

    def _answer(self, step: str, server: SMTP, otherwise: str) -> str:
        reply = self.replies[step].pop(0) if self.replies[step] else otherwise
        if reply is None:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "451 not heard by anybody"
        return reply

    async def handle_EHLO(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Received, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.greeted_as.append(hostname)
        return responses

    async def handle_MAIL(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Received, address: str, options: list[str]
    ) -> str:
        reply = self._answer("MAIL", server, "250 2.1.0 OK")
        if reply.startswith("2"):
            envelope.mail_from = address
        return reply

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Received, address: str, options: list[str]
    ) -> str:
        reply = self._answer("RCPT", server, "250 2.1.5 OK")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Received) -> str:  # noqa: N802 - as above
        reply = self._answer("DATA", server, "250 2.0.0 OK queued as 4TNx")
        if reply.startswith("2"):
            self.received.append(envelope)
        return reply

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Received) -> str:  # noqa: N802 - as above
        self.resets += 1
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Received) -> str:  # noqa: N802 - as above
        self.quits += 1
        return "221 Bye"

    def log_in(self, server: SMTP, session: Session, envelope: Received, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@contextmanager
def serving(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    """The port at which the mailbox listens."""
    controller = Loopback(mailbox, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@contextmanager
def scripted(*replies: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server for one connection: the first reply greets, each other one answers one line. Gives port and lines."""
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(replies[0])
            for reply in replies[1:]:
                heard.append(lines.readline())
                connection.sendall(reply)
            heard.extend(lines)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join()


async def commit() -> None:
    """Nobody else is there."""


class Sender:
    """A transport with an event loop of its own, driven from outside."""

    def __init__(self, transport: SmtpTransport) -> None:
        self.transport = transport
        self._runner = asyncio.Runner(loop_factory=eventloop.new_event_loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def send(self, envelope: Envelope) -> str:
        return self.run(self.transport.send(envelope, commit))

    def close(self) -> None:
        self.run(self.transport.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._runner.close()


def plain(port: int, *, timeout: float = 20.0, **options: Any) -> Sender:
    relay = Relay(**{"host": "127.0.0.1", "port": port, "tls": "none", **options})
    return Sender(
        SmtpTransport(
            [relay], ehlo_name="digest.example.org", deadlines=replace(Deadlines().until_dot(timeout), quit=0.2)
        )
    )


def refused(port: int, **options: Any) -> TransportUnavailable:
    """Why nothing can go out."""
    with plain(port, **options) as transport, pytest.raises(TransportUnavailable) as caught:
        transport.send(ENVELOPE)
    return caught.value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def transport(mailbox: Mailbox) -> Iterator[Sender]:
    """A transport without TLS to the mailbox."""
    with serving(mailbox) as port, plain(port) as opened:
        yield opened


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def encrypted(tls: str, mailbox: Mailbox, context: ssl.SSLContext) -> dict[str, Any]:
    """Options of a server that offers logins under TLS only."""
    login = {"authenticator": mailbox.log_in, "auth_require_tls": tls == "starttls"}
    return login | (
        {"ssl_context": context} if tls == "implicit" else {"tls_context": context, "require_starttls": True}
    )


def recipients(mailbox: Mailbox) -> list[str]:
    return [address for received in mailbox.received for address in received.rcpt_tos]


# --- a message ------------------------------------------------------------------------------------------------------


def test_a_message_arrives_with_its_two_paths_and_its_bytes(mailbox: Mailbox, transport: Sender) -> None:
    transport.send(ENVELOPE)
    [received] = mailbox.received
    assert received.mail_from == "papers@example.org"
    assert received.rcpt_tos == ["reader@example.net"]
    assert received.content == ENVELOPE.content


def test_the_reply_of_the_server_is_returned(transport: Sender) -> None:
    assert transport.send(ENVELOPE) == "250 2.0.0 OK queued as 4TNx"


def test_a_reply_is_one_short_line_without_control_characters(mailbox: Mailbox, transport: Sender) -> None:
    mailbox.replies["DATA"] = ["250-2.0.0 OK\r\n250 queued\x1b[31m as \x00" + "x" * 300]
    reply = transport.send(ENVELOPE)
    assert reply.startswith("250 2.0.0 OK queued[31m as")
    assert len(reply) <= 200
    assert reply.isprintable()


def test_nothing_is_connected_before_the_first_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with plain(port) as transport:
        transport.close()


def test_the_server_is_greeted_by_the_configured_name(mailbox: Mailbox, transport: Sender) -> None:
    transport.send(ENVELOPE)
    assert mailbox.greeted_as == ["digest.example.org"]


def test_one_connection_serves_many_messages(mailbox: Mailbox, transport: Sender) -> None:
    for _ in range(5):
        transport.send(ENVELOPE)
    assert len(mailbox.received) == 5
    assert len(mailbox.greeted_as) == 1
    assert mailbox.resets == 0


def test_a_connection_is_renewed_after_a_hundred_messages(mailbox: Mailbox, transport: Sender) -> None:
    for _ in range(101):
        transport.send(ENVELOPE)
    assert len(mailbox.received) == 101
    assert len(mailbox.greeted_as) == 2


def test_a_closed_transport_connects_again_when_it_is_used_again(mailbox: Mailbox, transport: Sender) -> None:
    transport.send(ENVELOPE)
    transport.close()
    transport.close()
    transport.send(ENVELOPE)
    assert len(mailbox.greeted_as) == 2


def test_closing_says_quit_once(mailbox: Mailbox, transport: Sender) -> None:
    transport.send(ENVELOPE)
    transport.close()
    transport.close()
    assert mailbox.quits == 1


def test_closing_a_connection_that_is_gone_is_quiet(mailbox: Mailbox) -> None:
    with ExitStack() as stack:
        with serving(mailbox) as port:
            transport = stack.enter_context(plain(port))
            transport.send(ENVELOPE)
        transport.close()


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_transient_refusal_defers_the_message(mailbox: Mailbox, transport: Sender, step: str) -> None:
    mailbox.replies[step] = ["451 4.7.1 Greylisted, try again in 300 seconds"]
    with pytest.raises(DeliveryDeferred, match=r"451 4\.7\.1 Greylisted, try again in 300 seconds"):
        transport.send(ENVELOPE)
    assert mailbox.received == []


@pytest.mark.parametrize(
    ("step", "reply"),
    [
        ("RCPT", "550 5.1.1 No such user"),
        ("RCPT", "556 No mail here"),
        ("RCPT", "552 5.2.2 Mailbox full"),
        ("DATA", "552 5.3.4 Message too big"),
        ("DATA", "554 Transaction failed"),
        ("RCPT", "550 see https://example.org/5.7.1"),
    ],
)
def test_a_permanent_refusal_of_reader_or_message_rejects_it(
    mailbox: Mailbox, transport: Sender, step: str, reply: str
) -> None:
    mailbox.replies[step] = [reply]
    with pytest.raises(DeliveryRejected) as caught:
        transport.send(ENVELOPE)
    assert str(caught.value).startswith("smtp 127.0.0.1:")
    assert str(caught.value).endswith(reply)


@pytest.mark.parametrize(
    ("step", "reply"),
    [
        ("MAIL", "550 5.1.8 Bad sender's domain"),
        ("MAIL", "553 not your address"),
        ("MAIL", "530 5.7.0 Must issue STARTTLS first"),
        ("RCPT", "530 Authentication required"),
        ("RCPT", "535 Authentication credentials invalid"),
        ("RCPT", "550 5.7.1 Relaying denied"),
        ("DATA", "550 5.7.515 Access denied, sending domain does not meet the required authentication level"),
        ("DATA", "554 5.7.26 Unauthenticated"),
    ],
)
def test_a_refusal_of_the_sender_pauses_the_run_and_blames_no_reader(
    mailbox: Mailbox, transport: Sender, step: str, reply: str
) -> None:
    mailbox.replies[step] = [reply]
    with pytest.raises(TransportUnavailable) as caught:
        transport.send(ENVELOPE)
    assert str(caught.value).endswith(reply)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_closes_down_defers_the_message(mailbox: Mailbox, transport: Sender, step: str) -> None:
    mailbox.replies[step] = ["421 4.3.2 Going down"]
    with pytest.raises(DeliveryDeferred, match=r"421 4\.3\.2 Going down"):
        transport.send(ENVELOPE)


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
def test_a_connection_lost_on_the_way_defers_the_message(mailbox: Mailbox, transport: Sender, step: str) -> None:
    mailbox.replies[step] = [None]
    with pytest.raises(DeliveryDeferred, match="connection lost"):
        transport.send(ENVELOPE)


def test_a_connection_lost_after_the_dot_leaves_a_doubt(mailbox: Mailbox, transport: Sender) -> None:
    mailbox.replies["DATA"] = [None]
    with pytest.raises(DeliveryAmbiguous, match=r"connection lost.* it may have been accepted"):
        transport.send(ENVELOPE)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", ["450 later", "550 5.1.1 never", "550 5.7.1 policy", "421 bye", None])
def test_the_next_message_goes_through_after_any_error(
    mailbox: Mailbox, transport: Sender, step: str, reply: str | None
) -> None:
    mailbox.replies[step] = [reply]
    with pytest.raises(TransportError):
        transport.send(ENVELOPE)
    transport.send(OTHER)
    assert recipients(mailbox) == ["other@example.net"]


def test_a_refused_message_costs_a_reset_and_no_new_connection(mailbox: Mailbox, transport: Sender) -> None:
    mailbox.replies["RCPT"] = ["550 5.1.1 No such user"]
    with pytest.raises(DeliveryRejected):
        transport.send(ENVELOPE)
    transport.send(OTHER)
    assert (mailbox.resets, len(mailbox.greeted_as)) == (1, 1)


@pytest.mark.parametrize("reply", ["421 4.4.2 Idle for too long", None])
def test_a_kept_connection_that_the_server_gave_up_is_replaced(
    mailbox: Mailbox, transport: Sender, reply: str | None
) -> None:
    transport.send(ENVELOPE)
    mailbox.replies["MAIL"] = [reply]
    transport.send(OTHER)
    assert recipients(mailbox) == ["reader@example.net", "other@example.net"]
    assert len(mailbox.greeted_as) == 2


def test_a_connection_is_replaced_only_once(mailbox: Mailbox, transport: Sender) -> None:
    transport.send(ENVELOPE)
    mailbox.replies["MAIL"] = [None, None]
    with pytest.raises(DeliveryDeferred):
        transport.send(OTHER)
    assert len(mailbox.greeted_as) == 2


@pytest.mark.parametrize(
    "address", ["a@example.org)b@example.net", "a b@example.org", "a@x.org\r\nRSET", "<a@x.org>", "ä@x.org"]
)
def test_an_address_that_would_change_on_the_way_is_not_sent(mailbox: Mailbox, transport: Sender, address: str) -> None:
    with pytest.raises(DeliveryRejected, match="cannot be a recipient address"):
        transport.send(replace(ENVELOPE, rcpt_to=address))
    with pytest.raises(TransportUnavailable, match="cannot be a sender address"):
        transport.send(replace(ENVELOPE, mail_from=address))
    assert mailbox.greeted_as == []


# --- servers that do not speak SMTP ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"what?\r\n", "not an SMTP reply: what?"),
        (b"250 " + b"x" * 9000 + b"\r\n", "not an SMTP reply: 250 xxx"),
        (b"250-one\r\n251 two\r\n", "not an SMTP reply: 251 two"),
        (b"199 one\r\n", "not an SMTP reply: 199 one"),
        (b"354 go on\r\n", "RCPT: 354 go on"),
    ],
)
def test_nonsense_in_the_middle_of_a_message_defers_it(answer: bytes, reason: str) -> None:
    ok = b"250 OK\r\n"
    with (
        scripted(b"220 hi\r\n", ok, ok, answer) as (port, _),
        plain(port) as transport,
        pytest.raises(DeliveryDeferred, match=reason),
    ):
        transport.send(ENVELOPE)


def test_a_good_reply_in_the_place_of_the_go_ahead_is_no_acceptance() -> None:
    ok = b"250 OK\r\n"
    with (
        scripted(b"220 hi\r\n", ok, ok, ok, ok) as (port, heard),
        plain(port) as transport,
        pytest.raises(DeliveryDeferred, match="DATA: 250 OK"),
    ):
        transport.send(ENVELOPE)
    assert heard[-1] == b"DATA\r\n"


def test_lines_may_end_in_a_line_feed_alone() -> None:
    ok = b"250 OK\n"
    with scripted(b"220 hi\n", ok, ok, ok, b"354\n", *[b""] * 5, b"250\n") as (port, _), plain(port) as transport:
        assert transport.send(ENVELOPE) == "250"


@pytest.mark.parametrize(
    ("banner", "reason"),
    [
        (b"554 5.3.2 No service\r\n", "554 5.3.2 No service"),
        (b"421 Too many connections\r\n", "421 Too many connections"),
        (b"HTTP/1.1 400 Bad Request\r\n", "not an SMTP reply: HTTP/1.1 400 Bad Request"),
    ],
)
def test_a_server_that_does_not_welcome_us_is_unavailable(banner: bytes, reason: str) -> None:
    with scripted(banner) as (port, _):
        assert str(refused(port)) == f"smtp 127.0.0.1:{port}: {reason}"


@pytest.mark.parametrize(("lines", "sent"), [(100, True), (101, False)])
def test_a_reply_has_a_hundred_lines_at_most(lines: int, sent: bool) -> None:
    hello = "\r\n".join([f"250-X{number}" for number in range(lines - 1)] + ["250 X"])
    with faultsmtp.serving({"EHLO": [hello]}) as server, plain(server.port) as transport:
        if sent:
            transport.send(ENVELOPE)
            return
        with pytest.raises(TransportUnavailable, match="an endless reply"):
            transport.send(ENVELOPE)


def test_a_server_without_ehlo_is_spoken_to_in_the_old_way() -> None:
    with scripted(b"220 hi\r\n", b"502 What?\r\n", b"250 hi\r\n", b"550 nobody\r\n") as (port, heard):
        assert "MAIL: 550 nobody" in str(refused(port))
    assert heard[:2] == [b"EHLO digest.example.org\r\n", b"HELO digest.example.org\r\n"]


@pytest.mark.parametrize("replies", [(b"",), (b"220 hi\r\n",)], ids=["banner", "EHLO"])
def test_a_silent_server_is_unavailable_after_the_timeout(replies: tuple[bytes, ...]) -> None:
    with scripted(*replies) as (port, _):
        assert "timed out" in str(refused(port, timeout=0.1))


def test_a_server_that_falls_silent_in_a_message_defers_it() -> None:
    with (
        scripted(b"220 hi\r\n", b"250 OK\r\n", b"250 OK\r\n") as (port, _),
        plain(port, timeout=0.1) as transport,
        pytest.raises(DeliveryDeferred, match="timed out"),
    ):
        transport.send(ENVELOPE)


def test_a_refused_connection_is_one_clear_line() -> None:
    error = refused(closed_port := free_port())
    assert str(error) == f"smtp 127.0.0.1:{closed_port}: connection refused"


def test_a_refused_connection_to_a_name_with_several_addresses_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed_port = free_port()

    def several(*_arguments: object, **_options: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{number}", closed_port)) for number in (1, 2)]

    monkeypatch.setattr(eventloop, "new_event_loop", None)  # uvloop asks the system past Python
    monkeypatch.setattr(socket, "getaddrinfo", several)
    error = refused(closed_port, host="mail.example.org")
    assert str(error) == f"smtp mail.example.org:{closed_port}: connection refused"


def test_an_unknown_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(eventloop, "new_event_loop", None)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = refused(587, host="mail.example.org", tls="starttls")
    assert str(error) == "smtp mail.example.org:587: name or service not known"


def test_a_host_that_can_be_no_name_is_reported() -> None:
    assert "not a host name" in str(refused(587, host="mail..example.org"))


# --- TLS and logins -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_message_goes_out_encrypted_and_logged_in(
    mailbox: Mailbox, authority: trustme.CA, ca_file: Path, tls: str
) -> None:
    options = encrypted(tls, mailbox, server_context(authority))
    with (
        serving(mailbox, **options) as port,
        plain(port, tls=tls, ca_file=ca_file, username="papers", password=PASSWORD) as transport,
    ):
        transport.send(ENVELOPE)
        transport.send(OTHER)
    assert recipients(mailbox) == ["reader@example.net", "other@example.net"]
    assert mailbox.logins == [(b"papers", PASSWORD.encode())]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_of_an_unknown_authority_is_not_accepted(
    mailbox: Mailbox, authority: trustme.CA, tls: str
) -> None:
    options = encrypted(tls, mailbox, server_context(authority))
    with serving(mailbox, **options) as port:
        error = refused(port, tls=tls, username="papers", password=PASSWORD)
    assert "TLS certificate not accepted: unable to get local issuer" in str(error)
    assert not mailbox.logins
    assert not mailbox.received


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_of_another_host_is_not_accepted(
    mailbox: Mailbox, authority: trustme.CA, ca_file: Path, tls: str
) -> None:
    options = encrypted(tls, mailbox, server_context(authority, "mail.example.org"))
    with serving(mailbox, **options) as port:
        error = refused(port, tls=tls, ca_file=ca_file, username="papers", password=PASSWORD)
    assert "TLS certificate not accepted: IP address mismatch" in str(error)
    assert not mailbox.logins
    assert not mailbox.received


def test_no_password_is_sent_when_starttls_is_not_offered(mailbox: Mailbox) -> None:
    with serving(mailbox, authenticator=mailbox.log_in, auth_require_tls=False) as port:
        error = refused(port, tls="starttls", username="papers", password=PASSWORD)
    assert "STARTTLS extension not supported by server" in str(error)
    assert not mailbox.logins
    assert not mailbox.received


def test_a_server_without_tls_is_not_spoken_to_under_implicit_tls(mailbox: Mailbox) -> None:
    with serving(mailbox) as port:
        assert "TLS failed" in str(refused(port, tls="implicit"))


def test_a_wrong_password_is_reported_without_the_password(mailbox: Mailbox) -> None:
    with serving(mailbox, authenticator=mailbox.log_in, auth_require_tls=False) as port:
        error = refused(port, username="papers", password="wrong battery")
    assert "authentication failed: 535 5.7.8" in str(error)
    assert "wrong battery" not in f"{error!r} {error.__cause__!r}"
    assert mailbox.received == []


@pytest.mark.parametrize("echo", [b"500 What is {}?\r\n", b"{}\r\n"])
def test_a_server_that_repeats_what_it_hears_does_not_get_the_password_into_a_report(echo: bytes) -> None:
    secret = b64encode(b"\0papers\0correct horse")
    hello = b"250-hi\r\n250 AUTH PLAIN\r\n"
    with scripted(b"220 hi\r\n", hello, echo.replace(b"{}", b"AUTH PLAIN " + secret)) as (port, heard):
        error = refused(port, username="papers", password=PASSWORD)
    assert secret in heard[1]
    assert secret.decode() not in f"{error!r} {error.__cause__!r} {error.__context__!r}"


def test_a_password_may_have_any_characters(mailbox: Mailbox) -> None:
    with (
        serving(mailbox, authenticator=mailbox.log_in, auth_require_tls=False) as port,
        plain(port, username="pâpers", password="pässword") as transport,
        pytest.raises(TransportUnavailable, match="authentication failed"),
    ):
        transport.send(ENVELOPE)
    assert mailbox.logins == [("pâpers".encode(), "pässword".encode())]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_every_mechanism_logs_in_once_for_many_messages(mechanism: str) -> None:
    options = Options(login=("papers", PASSWORD), mechanisms=f"X {mechanism}")
    with (
        faultsmtp.serving(options=options) as server,
        plain(server.port, username="papers", password=PASSWORD) as transport,
    ):
        transport.send(ENVELOPE)
        transport.send(OTHER)
    assert len([line for line in server.heard if line.startswith(f"AUTH {mechanism}")]) == 1
    assert len(server.accepted) == 2


@pytest.mark.parametrize(("mechanism", "expected"), [("PLAIN", "535"), ("LOGIN", "535"), ("CRAM-MD5", "535")])
def test_a_wrong_password_is_refused_by_every_mechanism(mechanism: str, expected: str) -> None:
    with faultsmtp.serving(options=Options(login=("papers", PASSWORD), mechanisms=mechanism)) as server:
        error = refused(server.port, username="papers", password="wrong")
    assert f"authentication failed: {expected}" in str(error)


def test_the_password_itself_is_not_sent_in_clear_text_when_there_is_another_way() -> None:
    with (
        faultsmtp.serving(options=Options(login=("papers", PASSWORD))) as server,
        plain(server.port, username="papers", password=PASSWORD) as transport,
    ):
        transport.send(ENVELOPE)
    assert "AUTH CRAM-MD5" in server.heard
    assert b64encode(PASSWORD.encode()) not in server.clear


def test_a_server_without_logins_is_unavailable_to_who_has_one(mailbox: Mailbox) -> None:
    with serving(mailbox) as port:
        error = refused(port, username="papers", password=PASSWORD)
    assert "authentication failed: SMTP AUTH extension not supported" in str(error)


def test_a_server_with_strange_logins_only_is_unavailable() -> None:
    with faultsmtp.serving(options=Options(login=("papers", PASSWORD), mechanisms="GSSAPI XOAUTH2")) as server:
        error = refused(server.port, username="papers", password=PASSWORD)
    assert "authentication failed: no known mechanism" in str(error)


@pytest.mark.parametrize(("content", "reason"), [(None, "no such file"), ("not a certificate", "TLS failed")])
def test_a_bad_ca_file_is_named(mailbox: Mailbox, tmp_path: Path, content: str | None, reason: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with serving(mailbox) as port:
        assert f"ca_file {path}: {reason}" in str(refused(port, tls="starttls", ca_file=path))
    assert mailbox.greeted_as == []


def test_a_failed_connection_leaves_nothing_behind(mailbox: Mailbox) -> None:
    with (
        serving(mailbox, authenticator=mailbox.log_in, auth_require_tls=False) as port,
        plain(port, username="papers", password="wrong battery") as transport,
    ):
        for _ in range(3):
            with pytest.raises(TransportUnavailable):
                transport.send(ENVELOPE)
    assert len(mailbox.greeted_as) == 3


# --- what a message asks of the server ------------------------------------------------------------------------------


def test_a_message_above_the_size_that_the_server_names_is_not_tried() -> None:
    with faultsmtp.serving(options=Options(offers=("SIZE 1000",))) as server, plain(server.port) as transport:
        with pytest.raises(DeliveryRejected, match="the message has 2002 bytes, the server takes 1000") as caught:
            transport.send(replace(ENVELOPE, content=b"x" * 2000 + b"\r\n"))
        transport.send(ENVELOPE)
    assert (caught.value.code, caught.value.about_address) == ("5.3.4", False)
    assert f"MAIL FROM:<papers@example.org> SIZE={len(ENVELOPE.content)}" in server.heard
    assert len(server.accepted) == server.connections == 1


@pytest.mark.parametrize("offer", ["SIZE", "SIZE 0", "SIZE lots"])
def test_a_server_that_names_no_size_takes_any(offer: str) -> None:
    with faultsmtp.serving(options=Options(offers=(offer,))) as server, plain(server.port) as transport:
        transport.send(ENVELOPE)
    assert server.accepted


def test_8_bit_characters_go_to_who_takes_them_only() -> None:
    content = "Subject: Ä\r\n\r\nÄ\r\n".encode()
    with faultsmtp.serving(options=Options(offers=("8BITMIME",))) as server, plain(server.port) as transport:
        transport.send(replace(ENVELOPE, content=content))
    assert server.contents == [content]
    assert server.heard[1] == "MAIL FROM:<papers@example.org> BODY=8BITMIME"
    with (
        faultsmtp.serving(options=Options(offers=())) as server,
        plain(server.port) as transport,
        pytest.raises(DeliveryRejected, match="8-bit characters"),
    ):
        transport.send(replace(ENVELOPE, content=content))
    assert not server.accepted


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\n", b"a\n.\r\n", b"\n", b"a\r", b"a\r\r\n"])
def test_a_line_end_that_servers_may_read_in_two_ways_is_not_sent(
    mailbox: Mailbox, transport: Sender, content: bytes
) -> None:
    with pytest.raises(DeliveryRejected, match="a line end that is not CRLF"):
        transport.send(replace(ENVELOPE, content=content))
    assert mailbox.greeted_as == []


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a"])).map(b"".join))
@example(b"\n\r\n")
@example(b"\r")
def test_a_cr_or_an_lf_that_stands_alone_is_found_wherever_it_is(content: bytes) -> None:
    stands_alone = re.search(rb"\r(?!\n)|(?<!\r)\n", content if content.endswith(b"\r\n") else content + b"\r\n")
    with pytest.raises(DeliveryRejected, match="not CRLF") if stands_alone else nullcontext():
        assert Message.of(replace(ENVELOPE, content=content)).size >= len(content)


@pytest.mark.parametrize(
    ("content", "arrives"),
    [
        (b".\r\n", b".\r\n"),
        (b"..\r\n.\r\n.x", b"..\r\n.\r\n.x\r\n"),
        (b"a\r\n\r\n.\r\nQUIT\r\n", b"a\r\n\r\n.\r\nQUIT\r\n"),
        (b"", b"\r\n"),
    ],
)
def test_dots_at_the_beginning_of_lines_survive(content: bytes, arrives: bytes) -> None:
    with faultsmtp.serving() as server, plain(server.port) as transport:
        transport.send(replace(ENVELOPE, content=content))
    assert server.contents == [arrives]


# --- the commitment -------------------------------------------------------------------------------------------------


def test_the_commitment_comes_after_the_message_and_before_the_dot() -> None:
    seen: list[tuple[int, list[str]]] = []

    async def committing() -> None:
        seen.append((len(server.accepted), list(server.heard)))

    with faultsmtp.serving() as server, plain(server.port) as transport:
        transport.run(transport.transport.send(ENVELOPE, committing))
    [(accepted, heard)] = seen
    assert (accepted, heard[-1]) == (0, "DATA")
    assert len(server.accepted) == 1


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_claim_that_is_lost_takes_the_message_back(pipelining: bool) -> None:
    async def taken_over() -> None:
        raise ClaimLost("another process has it")

    with faultsmtp.serving(options=Options(pipelining=pipelining)) as server, plain(server.port) as transport:
        with pytest.raises(ClaimLost):
            transport.run(transport.transport.send(ENVELOPE, taken_over))
        transport.send(OTHER)
    assert [accepted.rcpt_to for accepted in server.accepted] == ["other@example.net"]
    assert server.connections == 2


@pytest.mark.parametrize(
    ("last_words", "why"),
    [
        (b"451 4.3.0 Disk full\r\n", "message: 451 4.3.0 Disk full"),
        (b"250 2.0.0 OK, I think\r\n", "an answer before the end of the message: 250 2.0.0 OK, I think"),
        (b"", "connection lost: closed by the server"),
    ],
)
def test_a_server_that_gives_up_during_the_commitment_gets_no_dot(last_words: bytes, why: str) -> None:
    committing, gave_up = threading.Event(), threading.Event()
    heard: list[bytes] = []
    commits: list[None] = []
    ok = b"250 OK\r\n"

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            for reply in (b"220 hi\r\n", ok, ok, ok, b"354 go\r\n"):
                connection.sendall(reply)
                heard.append(lines.readline())
            committing.wait()
            connection.sendall(last_words)
            connection.shutdown(socket.SHUT_WR)
            gave_up.set()
            heard.extend(lines)

    async def slow() -> None:
        commits.append(None)
        committing.set()
        await asyncio.to_thread(gave_up.wait)

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        faultsmtp.serving() as other,
        Sender(
            SmtpTransport(
                [Relay(host="127.0.0.1", port=port, tls="none") for port in (listener.getsockname()[1], other.port)],
                ehlo_name="digest.example.org",
            )
        ) as transport,
    ):
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(DeliveryDeferred, match=why):
            transport.run(transport.transport.send(ENVELOPE, slow))
        thread.join()
    assert heard[-2:] == [b"..\r\n", b"...\r\n"]
    # nor does it go to another server after it was committed
    assert (len(commits), other.connections) == (1, 0)


@pytest.mark.parametrize("point", ["connect", "EHLO", "MAIL", "DATA", "dot"])
def test_a_message_that_is_cancelled_ends_its_connection_at_once(point: str) -> None:
    async def scenario(transport: SmtpTransport) -> None:
        sending = asyncio.create_task(transport.send(ENVELOPE, commit))
        while server.script.left():  # noqa: ASYNC110 - the server is another thread
            await asyncio.sleep(0.001)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await transport.send(OTHER, commit)
        await transport.close()

    with faultsmtp.serving({point: ["stall"]}) as server:
        transport = SmtpTransport(
            [Relay(host="127.0.0.1", port=server.port, tls="none")], ehlo_name="digest.example.org"
        )
        eventloop.run(scenario(transport))
    assert server.accepted[-1].rcpt_to == "other@example.net"


# --- who we say we are ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mail.example.org", "mail.example.org"),
        ("localhost", "[127.0.0.1]"),
        ("localhost.localdomain", "[127.0.0.1]"),
        ("1.0.0.127.in-addr.arpa", "[127.0.0.1]"),
        ("my_host.example.org", "[127.0.0.1]"),
    ],
)
def test_a_machine_greets_by_its_name_or_else_by_its_address(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: name)
    with faultsmtp.serving() as server:
        transport = SmtpTransport([Relay(host="127.0.0.1", port=server.port, tls="none")])
        with Sender(transport) as sender:
            sender.send(ENVELOPE)
    assert server.heard[0] == f"EHLO {said}"


def test_no_write_waits_until_the_one_before_is_acknowledged(
    transport: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[socket.socket] = []

    class Remembered(socket.socket):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            ends.append(self)

    monkeypatch.setattr(socket, "socket", Remembered)
    transport.send(ENVELOPE)
    ours = next(end for end in ends if end.family == socket.AF_INET)  # the other one is the server's
    assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


# --- pipelining -----------------------------------------------------------------------------------------------------


def test_the_envelope_goes_out_in_one_write_where_the_server_lets_us() -> None:
    ok = b"250 OK\r\n"
    hello = b"250-hi\r\n250 PIPELINING\r\n"
    with (
        scripted(b"220 hi\r\n", hello, b"", b"", ok + ok + b"554 no\r\n") as (port, heard),
        plain(port) as transport,
        pytest.raises(DeliveryRejected, match="DATA: 554 no"),
    ):
        transport.send(ENVELOPE)
    assert heard[1:4] == [b"MAIL FROM:<papers@example.org>\r\n", b"RCPT TO:<reader@example.net>\r\n", b"DATA\r\n"]


def test_a_server_that_wants_a_message_without_a_reader_gets_none() -> None:
    replies = b"250 OK\r\n" + b"550 5.1.1 nobody\r\n" + b"354 go on\r\n"
    with (
        scripted(b"220 hi\r\n", b"250-hi\r\n250 PIPELINING\r\n", b"", b"", replies) as (port, heard),
        plain(port) as transport,
        pytest.raises(DeliveryRejected, match=r"RCPT: 550 5\.1\.1 nobody"),
    ):
        transport.send(ENVELOPE)
    assert heard[-1] == b"DATA\r\n"


def test_a_refusal_is_known_even_when_the_connection_ends_before_the_rest() -> None:
    hello = b"250-hi\r\n250 PIPELINING\r\n"
    with scripted(b"220 hi\r\n", hello, b"550 5.7.1 not you\r\n") as (port, _):
        assert "MAIL: 550 5.7.1 not you" in str(refused(port, timeout=0.2))
