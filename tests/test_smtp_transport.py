"""SMTP against real servers on loopback."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, Session
from aiosmtpd.smtp import Envelope as Received

from digestmail.errors import DeliveryDeferred, DeliveryRejected, TransportError, TransportUnavailable
from digestmail.model import Envelope
from digestmail.transports.smtp import SmtpTransport

ENVELOPE = Envelope(
    mail_from="papers@example.org",
    rcpt_to="reader@example.net",
    message_id="<abcdefgh234567abcdefgh2345@example.org>",
    slot=date(2024, 1, 29),
    content=b"Subject: Nine papers\r\n\r\nNine papers\r\n.\r\n..\r\n",
)
OTHER = replace(ENVELOPE, rcpt_to="other@example.net")
PASSWORD = "correct horse"


class Relay:
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


class Loopback(Controller):
    """aiosmtpd on a port that the system chose."""

    def __init__(self, handler: Relay, **options: Any) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        super().__init__(handler, hostname="127.0.0.1", port=self.listener.getsockname()[1], **options)

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self.listener, ssl=self.ssl_context)


@contextmanager
def serving(relay: Relay, **options: Any) -> Iterator[int]:
    """The port at which the relay listens."""
    controller = Loopback(relay, **options)
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


def plain(port: int, **options: Any) -> SmtpTransport:
    return SmtpTransport("127.0.0.1", port, **{"tls": "none", "ehlo_name": "digest.example.org", **options})


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def transport(relay: Relay) -> Iterator[SmtpTransport]:
    """A transport without TLS to the relay."""
    with serving(relay) as port, closing(plain(port)) as opened:
        yield opened


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def certificate(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def encrypted(tls: str, relay: Relay, context: ssl.SSLContext) -> dict[str, Any]:
    """Options of a server that offers logins under TLS only."""
    login = {"authenticator": relay.log_in, "auth_require_tls": tls == "starttls"}
    return login | (
        {"ssl_context": context} if tls == "implicit" else {"tls_context": context, "require_starttls": True}
    )


def recipients(relay: Relay) -> list[str]:
    return [address for received in relay.received for address in received.rcpt_tos]


# --- a message ------------------------------------------------------------------------------------------------------


def test_a_message_arrives_with_its_two_paths_and_its_bytes(relay: Relay, transport: SmtpTransport) -> None:
    transport.send(ENVELOPE)
    [received] = relay.received
    assert received.mail_from == "papers@example.org"
    assert received.rcpt_tos == ["reader@example.net"]
    assert received.content == ENVELOPE.content


def test_the_reply_of_the_server_is_returned(transport: SmtpTransport) -> None:
    assert transport.send(ENVELOPE) == "250 2.0.0 OK queued as 4TNx"


def test_a_reply_is_one_short_line_without_control_characters(relay: Relay, transport: SmtpTransport) -> None:
    relay.replies["DATA"] = ["250-2.0.0 OK\r\n250 queued\x1b[31m as \x00" + "x" * 300]
    reply = transport.send(ENVELOPE)
    assert reply.startswith("250 2.0.0 OK queued[31m as")
    assert len(reply) <= 200
    assert reply.isprintable()


def test_nothing_is_connected_before_the_first_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    plain(port).close()


def test_the_server_is_greeted_by_the_configured_name(relay: Relay, transport: SmtpTransport) -> None:
    transport.send(ENVELOPE)
    assert relay.greeted_as == ["digest.example.org"]


def test_one_connection_serves_many_messages(relay: Relay, transport: SmtpTransport) -> None:
    for _ in range(5):
        transport.send(ENVELOPE)
    assert len(relay.received) == 5
    assert len(relay.greeted_as) == 1
    assert relay.resets == 0


def test_a_connection_is_renewed_after_a_hundred_messages(relay: Relay, transport: SmtpTransport) -> None:
    for _ in range(101):
        transport.send(ENVELOPE)
    assert len(relay.received) == 101
    assert len(relay.greeted_as) == 2


def test_a_closed_transport_connects_again_when_it_is_used_again(relay: Relay, transport: SmtpTransport) -> None:
    transport.send(ENVELOPE)
    transport.close()
    transport.close()
    transport.send(ENVELOPE)
    assert len(relay.greeted_as) == 2


def test_closing_says_quit_once(relay: Relay, transport: SmtpTransport) -> None:
    transport.send(ENVELOPE)
    transport.close()
    transport.close()
    assert relay.quits == 1


def test_closing_a_connection_that_is_gone_is_quiet(relay: Relay) -> None:
    with serving(relay) as port:
        transport = plain(port)
        transport.send(ENVELOPE)
    transport.close()


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_transient_refusal_defers_the_message(relay: Relay, transport: SmtpTransport, step: str) -> None:
    relay.replies[step] = ["451 4.7.1 Greylisted, try again in 300 seconds"]
    with pytest.raises(DeliveryDeferred, match=r"451 4\.7\.1 Greylisted, try again in 300 seconds"):
        transport.send(ENVELOPE)
    assert relay.received == []


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
    relay: Relay, transport: SmtpTransport, step: str, reply: str
) -> None:
    relay.replies[step] = [reply]
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
    relay: Relay, transport: SmtpTransport, step: str, reply: str
) -> None:
    relay.replies[step] = [reply]
    with pytest.raises(TransportUnavailable) as caught:
        transport.send(ENVELOPE)
    assert str(caught.value).endswith(reply)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_closes_down_is_unavailable(relay: Relay, transport: SmtpTransport, step: str) -> None:
    relay.replies[step] = ["421 4.3.2 Going down"]
    with pytest.raises(TransportUnavailable, match=r"421 4\.3\.2 Going down"):
        transport.send(ENVELOPE)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_connection_lost_on_the_way_defers_the_message(relay: Relay, transport: SmtpTransport, step: str) -> None:
    relay.replies[step] = [None]
    with pytest.raises(DeliveryDeferred, match="connection lost: connection unexpectedly closed"):
        transport.send(ENVELOPE)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", ["450 later", "550 5.1.1 never", "550 5.7.1 policy", "421 bye", None])
def test_the_next_message_goes_through_after_any_error(
    relay: Relay, transport: SmtpTransport, step: str, reply: str | None
) -> None:
    relay.replies[step] = [reply]
    with pytest.raises(TransportError):
        transport.send(ENVELOPE)
    transport.send(OTHER)
    assert recipients(relay) == ["other@example.net"]


def test_a_refused_message_costs_a_reset_and_no_new_connection(relay: Relay, transport: SmtpTransport) -> None:
    relay.replies["RCPT"] = ["550 5.1.1 No such user"]
    with pytest.raises(DeliveryRejected):
        transport.send(ENVELOPE)
    transport.send(OTHER)
    assert (relay.resets, len(relay.greeted_as)) == (1, 1)


@pytest.mark.parametrize("reply", ["421 4.4.2 Idle for too long", None])
def test_a_kept_connection_that_the_server_gave_up_is_replaced(
    relay: Relay, transport: SmtpTransport, reply: str | None
) -> None:
    transport.send(ENVELOPE)
    relay.replies["MAIL"] = [reply]
    transport.send(OTHER)
    assert recipients(relay) == ["reader@example.net", "other@example.net"]
    assert len(relay.greeted_as) == 2


def test_a_connection_is_replaced_only_once(relay: Relay, transport: SmtpTransport) -> None:
    transport.send(ENVELOPE)
    relay.replies["MAIL"] = [None, None]
    with pytest.raises(DeliveryDeferred):
        transport.send(OTHER)
    assert len(relay.greeted_as) == 2


@pytest.mark.parametrize(
    "address", ["a@example.org)b@example.net", "a b@example.org", "a@x.org\r\nRSET", "<a@x.org>", "ä@x.org"]
)
def test_an_address_that_would_change_on_the_way_is_not_sent(
    relay: Relay, transport: SmtpTransport, address: str
) -> None:
    with pytest.raises(DeliveryRejected, match="cannot be a recipient address"):
        transport.send(replace(ENVELOPE, rcpt_to=address))
    with pytest.raises(TransportUnavailable, match="cannot be a sender address"):
        transport.send(replace(ENVELOPE, mail_from=address))
    assert relay.greeted_as == []


# --- servers that do not speak SMTP ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"what?\r\n", "-1"),
        (b"250 " + b"x" * 9000 + b"\r\n", "Line too long"),
        (b"354 go on\r\n", "354 go on"),
    ],
)
def test_nonsense_in_the_middle_of_a_message_defers_it(answer: bytes, reason: str) -> None:
    ok = b"250 OK\r\n"
    with (
        scripted(b"220 hi\r\n", ok, ok, answer) as (port, _),
        closing(plain(port)) as transport,
        pytest.raises(DeliveryDeferred, match=reason),
    ):
        transport.send(ENVELOPE)


def test_a_good_reply_in_the_place_of_the_go_ahead_is_no_acceptance() -> None:
    ok = b"250 OK\r\n"
    with (
        scripted(b"220 hi\r\n", ok, ok, ok, ok) as (port, heard),
        closing(plain(port)) as transport,
        pytest.raises(DeliveryDeferred, match="DATA: 250 OK"),
    ):
        transport.send(ENVELOPE)
    assert heard[-1] == b"data\r\n"


@pytest.mark.parametrize(
    ("banner", "reason"),
    [
        (b"554 5.3.2 No service\r\n", "554 5.3.2 No service"),
        (b"421 Too many connections\r\n", "421 Too many connections"),
        (b"HTTP/1.1 400 Bad Request\r\n", "-1 "),
    ],
)
def test_a_server_that_does_not_welcome_us_is_unavailable(banner: bytes, reason: str) -> None:
    with scripted(banner) as (port, _), pytest.raises(TransportUnavailable, match=reason):
        plain(port).send(ENVELOPE)


@pytest.mark.parametrize("replies", [(b"",), (b"220 hi\r\n",)], ids=["banner", "EHLO"])
def test_a_silent_server_is_unavailable_after_the_timeout(replies: tuple[bytes, ...]) -> None:
    with scripted(*replies) as (port, _), pytest.raises(TransportUnavailable, match="timed out"):
        plain(port, timeout=0.1).send(ENVELOPE)


def test_a_server_that_falls_silent_in_a_message_defers_it() -> None:
    with (
        scripted(b"220 hi\r\n", b"250 OK\r\n", b"250 OK\r\n") as (port, _),
        pytest.raises(DeliveryDeferred, match="timed out"),
    ):
        plain(port, timeout=0.1).send(ENVELOPE)


def test_a_refused_connection_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransportUnavailable) as caught:
        plain(port).send(ENVELOPE)
    assert str(caught.value) == f"smtp 127.0.0.1:{port}: connection refused"
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_an_unknown_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    transport = SmtpTransport("mail.example.org", 587, tls="starttls", ehlo_name="digest.example.org")
    with pytest.raises(TransportUnavailable, match=r"^smtp mail\.example\.org:587: name or service not known$"):
        transport.send(ENVELOPE)


def test_a_host_that_can_be_no_name_is_reported() -> None:
    transport = SmtpTransport("mail..example.org", 587, tls="none", ehlo_name="digest.example.org")
    with pytest.raises(TransportUnavailable, match="not a host name"):
        transport.send(ENVELOPE)


# --- TLS and logins -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_message_goes_out_encrypted_and_logged_in(
    relay: Relay, authority: trustme.CA, ca_file: Path, tls: str
) -> None:
    options = encrypted(tls, relay, certificate(authority))
    with (
        serving(relay, **options) as port,
        closing(plain(port, tls=tls, ca_file=ca_file, username="papers", password=PASSWORD)) as transport,
    ):
        transport.send(ENVELOPE)
        transport.send(OTHER)
    assert recipients(relay) == ["reader@example.net", "other@example.net"]
    assert relay.logins == [(b"papers", PASSWORD.encode())]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_of_an_unknown_authority_is_not_accepted(relay: Relay, authority: trustme.CA, tls: str) -> None:
    options = encrypted(tls, relay, certificate(authority))
    with serving(relay, **options) as port:
        transport = plain(port, tls=tls, username="papers", password=PASSWORD)
        with pytest.raises(TransportUnavailable, match="TLS certificate not accepted: unable to get local issuer"):
            transport.send(ENVELOPE)
    assert not relay.logins
    assert not relay.received


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_of_another_host_is_not_accepted(
    relay: Relay, authority: trustme.CA, ca_file: Path, tls: str
) -> None:
    options = encrypted(tls, relay, certificate(authority, "mail.example.org"))
    with serving(relay, **options) as port:
        transport = plain(port, tls=tls, ca_file=ca_file, username="papers", password=PASSWORD)
        with pytest.raises(TransportUnavailable, match="TLS certificate not accepted: IP address mismatch"):
            transport.send(ENVELOPE)
    assert not relay.logins
    assert not relay.received


def test_no_password_is_sent_when_starttls_is_not_offered(relay: Relay) -> None:
    with serving(relay, authenticator=relay.log_in, auth_require_tls=False) as port:
        transport = plain(port, tls="starttls", username="papers", password=PASSWORD)
        with pytest.raises(TransportUnavailable, match="STARTTLS extension not supported by server"):
            transport.send(ENVELOPE)
    assert not relay.logins
    assert not relay.received


def test_a_server_without_tls_is_not_spoken_to_under_implicit_tls(relay: Relay) -> None:
    with serving(relay) as port, pytest.raises(TransportUnavailable, match="TLS failed"):
        plain(port, tls="implicit").send(ENVELOPE)


def test_a_wrong_password_is_reported_without_the_password(relay: Relay) -> None:
    with (
        serving(relay, authenticator=relay.log_in, auth_require_tls=False) as port,
        pytest.raises(TransportUnavailable, match=r"authentication failed: 535 5\.7\.8") as caught,
    ):
        plain(port, username="papers", password="wrong battery").send(ENVELOPE)
    assert "wrong battery" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert relay.received == []


def test_a_password_beyond_ascii_is_reported_without_the_password(relay: Relay) -> None:
    with (
        serving(relay, authenticator=relay.log_in, auth_require_tls=False) as port,
        pytest.raises(TransportUnavailable, match="authentication failed: user name or password is not ASCII"),
    ):
        plain(port, username="papers", password="pässword").send(ENVELOPE)
    assert relay.logins == []


def test_a_server_without_logins_is_unavailable_to_who_has_one(transport: SmtpTransport, relay: Relay) -> None:
    with (
        closing(plain(transport._port, username="papers", password=PASSWORD)) as other,
        pytest.raises(TransportUnavailable, match="authentication failed: SMTP AUTH extension not supported"),
    ):
        other.send(ENVELOPE)


@pytest.mark.parametrize(("content", "reason"), [(None, "no such file"), ("not a certificate", "TLS failed")])
def test_a_bad_ca_file_is_named(relay: Relay, tmp_path: Path, content: str | None, reason: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with serving(relay) as port, pytest.raises(TransportUnavailable, match=f"ca_file {path}: {reason}"):
        plain(port, tls="starttls", ca_file=path).send(ENVELOPE)


def test_a_failed_connection_leaves_nothing_behind(relay: Relay) -> None:
    with serving(relay, authenticator=relay.log_in, auth_require_tls=False) as port:
        transport = plain(port, username="papers", password="wrong battery")
        for _ in range(3):
            with pytest.raises(TransportUnavailable):
                transport.send(ENVELOPE)
        transport.close()
    assert len(relay.greeted_as) == 3
