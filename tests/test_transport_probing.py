"""What doctor finds out about mail servers on loopback and about folders."""

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from digestmail.protocols import Check, State
from digestmail.transports.probing import SmtpProbe, probe_outbox
from loopback import Loopback

PASSWORD = "correct horse"


class Server:
    """Takes everything; remembers what it was asked to take."""

    def __init__(self, mail: str = "250 OK") -> None:
        self.mail = mail
        self.senders: list[str] = []
        self.readers: list[str] = []

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.senders.append(address)
        return self.mail

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.readers.append(address)
        return "250 OK"

    def log_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@contextmanager
def serving(server: Server, **options: Any) -> Iterator[int]:
    controller = Loopback(server, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


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


def probe(port: int, **more: Any) -> dict[str, Check]:
    options = {"tls": "none", "sender": "bounces@example.org", "timeout": 5.0, **more}
    return {check.name: check for check in SmtpProbe(host="127.0.0.1", port=port, **options)()}


def states(checks: dict[str, Check]) -> dict[str, State]:
    return {name: check.state for name, check in checks.items()}


def test_a_relay_on_this_machine_is_good_and_gets_no_message() -> None:
    server = Server()
    with serving(server, data_size_limit=10_000_000) as port:
        found = probe(port)
    assert states(found) == {
        "smtp": State.OK,
        "tls": State.OK,
        "login": State.NOT_CHECKED,
        "server": State.OK,
        "mail from": State.OK,
    }
    assert "10,000,000 bytes" in found["server"].found
    assert (server.senders, server.readers) == (["bounces@example.org"], [])


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_tls_and_login_are_tried(authority: trustme.CA, ca_file: Path, tls: str) -> None:
    server = Server()
    options: dict[str, Any] = {"authenticator": server.log_in}
    if tls == "starttls":
        options |= {"tls_context": certificate(authority), "require_starttls": True, "auth_required": True}
    else:
        options |= {"ssl_context": certificate(authority), "auth_require_tls": False}
    with serving(server, **options) as port:
        good = probe(port, tls=tls, ca_file=ca_file, username="papers", password=PASSWORD)
        wrong = probe(port, tls=tls, ca_file=ca_file, username="papers", password="guess")
    assert set(states(good).values()) == {State.OK}
    assert good["tls"].found.startswith("TLSv1")
    assert wrong["login"].state is State.FAILED
    assert "535" in wrong["login"].found
    assert "guess" not in str(wrong)
    assert "mail from" not in wrong


@pytest.mark.parametrize(("tls", "name"), [("starttls", "tls"), ("implicit", "smtp")])
def test_a_certificate_of_a_stranger_or_for_another_name_is_a_fault(
    authority: trustme.CA, ca_file: Path, tls: str, name: str
) -> None:
    key = "tls_context" if tls == "starttls" else "ssl_context"
    with serving(Server(), **{key: certificate(trustme.CA())}) as port:
        stranger = probe(port, tls=tls, ca_file=ca_file)
    with serving(Server(), **{key: certificate(authority, "mail.example.org")}) as port:
        other = probe(port, tls=tls, ca_file=ca_file)
    for found in (stranger, other):
        assert found[name].state is State.FAILED
        assert "certificate not accepted" in found[name].found
        assert "mail from" not in found


def test_a_server_without_starttls_is_a_fault_with_advice() -> None:
    with serving(Server()) as port:
        found = probe(port, tls="starttls")
    assert found["tls"].state is State.FAILED
    assert "tls: implicit" in found["tls"].advice


def test_a_sender_that_the_server_does_not_take_is_a_fault() -> None:
    with serving(Server("550 5.7.1 not yours")) as port:
        found = probe(port)
    assert found["mail from"].state is State.FAILED
    assert "550 5.7.1 not yours" in found["mail from"].found


def test_a_server_that_takes_only_small_messages_is_a_warning() -> None:
    with serving(Server(), data_size_limit=100_000) as port:
        found = probe(port)
    assert found["server"].state is State.WARNING
    assert "100,000 bytes" in found["server"].found


def test_nobody_at_the_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    [found] = probe(port).values()
    assert (found.state, found.name) == (State.FAILED, "smtp")
    assert found.found == f"127.0.0.1:{port}: Connection refused"


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_configured() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        [found] = probe(listener.getsockname()[1], timeout=0.2).values()
    assert found.state is State.FAILED
    assert "timed out" in found.found


def test_a_host_that_is_no_name_is_a_fault() -> None:
    [found] = SmtpProbe(host="a..b", port=25, tls="none", sender="a@example.org", timeout=1)()
    assert found.state is State.FAILED


def test_a_relay_elsewhere_without_tls_is_a_warning() -> None:
    elsewhere = SmtpProbe(host="mail.example.org", port=25, tls="none", sender="a@example.org")
    assert elsewhere._encrypt(None).state is State.WARNING  # type: ignore[arg-type]


def test_a_folder_for_messages_may_be_missing_but_must_be_writable(tmp_path: Path) -> None:
    [found] = probe_outbox(tmp_path / "a" / "b")
    assert found.state is State.OK
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("x")
    [found] = probe_outbox(tmp_path / "file" / "outbox")
    assert found.state is State.FAILED


def test_a_folder_that_is_read_only_is_a_fault(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    [found] = probe_outbox(tmp_path / "outbox")
    assert found.state is State.FAILED
