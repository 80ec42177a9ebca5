"""What ``digestmail doctor`` asks of the places that messages go to. Nothing is handed over."""

import os
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from digestmail.protocols import Check, State
from digestmail.text.clean import clean_line, shorten

#: bytes: an issue within its budget is smaller in all its parts together
_LARGEST = 250_000
_LONGEST_REPLY = 200
_OK = 2
_USED = ("8bitmime", "chunking", "dsn", "enhancedstatuscodes", "pipelining", "size", "smtputf8", "starttls")


def probe_outbox(folder: Path) -> Iterator[Check]:
    """Whether messages can be written to a folder, which need not be there yet."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Check(State.OK, "outbox", f"{folder}: messages are written there and not sent")
    else:
        yield Check(State.FAILED, "outbox", f"{there} cannot be written", "make it a folder that this user may write")


class _StepFailed(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, check: Check) -> None:
        super().__init__(check.found)
        self.check = check


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpProbe:
    """Says hello to a mail server, logs in and names a sender, but no reader: nothing is sent."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"]
    sender: str
    username: str | None = None
    password: str | None = None
    timeout: float = 30.0
    ca_file: Path | None = None
    ehlo_name: str | None = None

    def __call__(self) -> Iterator[Check]:
        """What was found; the first step that fails is the last one."""
        try:
            with self._step("smtp", "check transport.host, port and tls"):
                connection = self._connect()
            with closing(connection):
                yield Check(State.OK, "smtp", f"{self.host}:{self.port} answers")
                yield self._encrypt(connection)
                yield self._log_in(connection)
                yield _size(connection)
                yield self._name_sender(connection)
        except _StepFailed as error:
            yield error.check

    @contextmanager
    def _step(self, name: str, advice: str) -> Iterator[None]:
        try:
            yield
        except (OSError, UnicodeError) as error:  # what smtplib raises is an OSError, too
            raise _StepFailed(
                Check(State.FAILED, name, f"{self.host}:{self.port}: {_reason(error)}", advice)
            ) from error

    def _connect(self) -> smtplib.SMTP:
        if self.tls == "implicit":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, self.ehlo_name, timeout=self.timeout, context=self._context()
            )
        else:
            connection = smtplib.SMTP(self.host, self.port, self.ehlo_name, timeout=self.timeout)
        try:
            connection.ehlo_or_helo_if_needed()
        except BaseException:
            connection.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)

    def _encrypt(self, connection: smtplib.SMTP) -> Check:
        if self.tls == "none":
            if _is_here(self.host):
                return Check(State.OK, "tls", "none, the server is this machine")
            advice = "use tls: starttls, unless the network between is yours"
            return Check(State.WARNING, "tls", f"none: mail to {self.host} can be read on the way", advice)
        if self.tls == "starttls":
            with self._step("tls", "try tls: implicit, and see transport.ca_file"):
                connection.starttls(context=self._context())
                connection.ehlo()
        assert isinstance(connection.sock, ssl.SSLSocket), "a connection that is not encrypted was refused above"
        return Check(State.OK, "tls", f"{connection.sock.version()}, the certificate is for {self.host}")

    def _log_in(self, connection: smtplib.SMTP) -> Check:
        if self.username is None or self.password is None:
            return Check(
                State.NOT_CHECKED, "login", "there is no transport.username: the server must know this machine"
            )
        with self._step("login", "check transport.username and password; many providers want an app password"):
            connection.login(self.username, self.password)
        return Check(State.OK, "login", f"as {self.username}")

    def _name_sender(self, connection: smtplib.SMTP) -> Check:
        with self._step("mail from", "try again later"):
            code, reply = connection.mail(self.sender)
            connection.rset()
            connection.quit()
        told = _line(code, reply)
        if code // 100 != _OK:
            advice = "the server does not let this login send as newsletter.from or bounce_address"
            return Check(State.FAILED, "mail from", f"{self.sender}: {told}", advice)
        return Check(State.OK, "mail from", f"{self.sender}: {told}")


def _size(connection: smtplib.SMTP) -> Check:
    known = [name for name in _USED if connection.has_extn(name)]
    limit = connection.esmtp_features.get("size", "")
    if limit.isdecimal() and 0 < int(limit) < _LARGEST:
        advice = f"issues may have {_LARGEST:,} bytes: ask whoever runs the server, or lower issue.max_papers"
        return Check(State.WARNING, "server", f"takes no more than {int(limit):,} bytes", advice)
    told = f"takes {int(limit):,} bytes" if limit.isdecimal() and int(limit) else "names no limit of size"
    return Check(State.OK, "server", f"{told}; {', '.join(known) or 'no extensions'}")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _line(code: int, reply: bytes | str) -> str:
    text = reply if isinstance(reply, str) else reply.decode(errors="replace")
    return shorten(clean_line(f"{code} {text}"), _LONGEST_REPLY)


def _reason(error: OSError | UnicodeError) -> str:
    match error:
        case smtplib.SMTPResponseException():
            return _line(error.smtp_code, error.smtp_error)
        case ssl.SSLCertVerificationError():
            return f"certificate not accepted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or error}"
        case TimeoutError():
            return "timed out"
        case UnicodeError():
            return "not a host name"
    return shorten(clean_line(error.strerror or str(error)), _LONGEST_REPLY)
