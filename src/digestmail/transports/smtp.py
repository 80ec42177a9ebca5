"""A mail server, over SMTP submission (RFC 6409, RFC 8314): one message, one recipient, one transaction.

Who an error is about decides what becomes of it. What the server says about one message or one reader defers or rejects
that message; what it says about us (the login, the sender address, policy) makes the server unavailable: the run pauses
and no reader is blamed.

``smtplib`` verifies no certificate unless it is given a context, and hides the last reply of ``sendmail``; here every
connection gets a verifying context, and the commands are given one by one.
"""

import re
import smtplib
import ssl
from email.utils import parseaddr
from pathlib import Path
from typing import Literal, NoReturn

from digestmail.errors import DeliveryDeferred, DeliveryRejected, TransportUnavailable
from digestmail.model import Envelope
from digestmail.text.clean import clean_line, shorten

_MESSAGES_PER_CONNECTION = 100  # below the limits of common servers (Exim closes after 1000, some relays after 100)
_LONGEST_REPLY = 200
_CLOSING = 421  # RFC 5321 §3.8: the server ends the connection, whatever it was asked
_NO_LOGIN = (530, 535)  # RFC 4954 §6
_POLICY = re.compile(rb"5\.7\.\d")  # RFC 3463 §3.8: security or policy, which is about the sender
_WIRE = re.compile(r"[!-~]+@[!-~]+")
_OK, _TRANSIENT, _PERMANENT = 2, 4, 5  # first digits, RFC 5321 §4.2.1


class SmtpTransport:
    """Hands messages to the server at ``host:port``. Connects at the first message and keeps the connection.

    ``tls`` is ``starttls`` (encrypts before anything is sent, or gives up), ``implicit`` (TLS from the first byte) or
    ``none``. Certificates are verified against the system's authorities, or those in ``ca_file`` (PEM). ``timeout`` is
    in seconds and holds for each step. Not for use by several threads at once.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Literal["starttls", "implicit", "none"],
        username: str | None = None,
        password: str | None = None,
        timeout: float = 30.0,
        ca_file: Path | None = None,
        ehlo_name: str | None = None,
    ) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._username, self._password = username, password
        self._timeout = timeout
        self._ca_file = ca_file
        self._ehlo_name = ehlo_name
        self._connection: smtplib.SMTP | None = None
        self._sent = 0

    def send(self, envelope: Envelope) -> str:
        """Hand over one message and return the server's reply (``250 2.0.0 OK …``).

        Raises DeliveryDeferred for a 4yz reply or a connection lost on the way, DeliveryRejected for a 5yz reply about
        the message or its reader, TransportUnavailable when the server cannot be reached or refuses us.
        """
        self._check(envelope)
        connection = self._begin(envelope.mail_from)
        try:
            self._expect("RCPT", *connection.rcpt(envelope.rcpt_to))
            reply = self._transfer(connection, envelope.content)
        except OSError as error:  # what smtplib raises is one, too
            self._drop()
            raise DeliveryDeferred(f"{self._name}: connection lost: {_reason(error)}") from error
        self._sent += 1
        if self._sent >= _MESSAGES_PER_CONNECTION:
            self.close()
        return reply

    def close(self) -> None:
        """Say goodbye and hang up."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.quit()
        except OSError:
            connection.close()

    @property
    def _name(self) -> str:
        return f"smtp {self._host}:{self._port}"

    def _check(self, envelope: Envelope) -> None:
        """Refuse what smtplib would quietly write differently: ``a@example.org)b@example.net`` loses its end."""
        if not _is_plain(envelope.mail_from):
            raise TransportUnavailable(f"{self._name}: {envelope.mail_from!r} cannot be a sender address")
        if not _is_plain(envelope.rcpt_to):
            raise DeliveryRejected(f"{self._name}: {envelope.rcpt_to!r} cannot be a recipient address")

    def _begin(self, sender: str) -> smtplib.SMTP:
        """A connection on which the server took MAIL FROM.

        A kept connection may have been closed by the server in the meantime. Nothing of the message was on it yet, so a
        new one is tried once.
        """
        kept, connection = self._connection is not None, self._connected()
        try:
            code, text = connection.mail(sender)
        except OSError as error:
            self._drop()
            if kept:
                return self._begin(sender)
            raise DeliveryDeferred(f"{self._name}: connection lost: {_reason(error)}") from error
        if code == _CLOSING and kept:
            self._drop()
            return self._begin(sender)
        self._expect("MAIL", code, text)
        return connection

    def _connected(self) -> smtplib.SMTP:
        if self._connection is None:
            try:
                self._connection = self._connect()
            except (OSError, UnicodeError) as error:  # UnicodeError: the host is no name that DNS could know
                raise TransportUnavailable(f"{self._name}: {_reason(error)}") from error
            self._sent = 0
        return self._connection

    def _connect(self) -> smtplib.SMTP:
        if self._tls == "implicit":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, self._ehlo_name, timeout=self._timeout, context=self._context()
            )
        else:
            connection = smtplib.SMTP(self._host, self._port, self._ehlo_name, timeout=self._timeout)
        try:
            if self._tls == "starttls":
                connection.starttls(context=self._context())
            connection.ehlo_or_helo_if_needed()
            self._log_in(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:
            raise TransportUnavailable(f"{self._name}: ca_file {self._ca_file}: {_reason(error)}") from error

    def _log_in(self, connection: smtplib.SMTP) -> None:
        if self._username is None or self._password is None:
            return
        if not (self._username + self._password).isascii():
            # smtplib would raise an error that holds the password
            raise TransportUnavailable(f"{self._name}: authentication failed: user name or password is not ASCII")
        try:
            connection.login(self._username, self._password)
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPException as error:
            raise TransportUnavailable(f"{self._name}: authentication failed: {_reason(error)}") from error

    def _transfer(self, connection: smtplib.SMTP, content: bytes) -> str:
        try:
            code, text = connection.data(content)
        except smtplib.SMTPDataError as error:  # DATA itself was refused; also a 250 at this place is no acceptance
            self._refuse("DATA", error.smtp_code, _octets(error.smtp_error))
        return self._expect("message", code, text)

    def _expect(self, step: str, code: int, text: bytes) -> str:
        """The reply in one line when it is good; else leave the connection ready for the next message and raise."""
        if code // 100 != _OK:
            self._refuse(step, code, text)
        return _line(code, text)

    def _refuse(self, step: str, code: int, text: bytes) -> NoReturn:
        self._reset(code)
        why = f"{self._name}: {step}: {_line(code, text)}"
        if code == _CLOSING or (code // 100 == _PERMANENT and _is_about_us(step, code, text)):
            raise TransportUnavailable(why)
        if code // 100 == _PERMANENT:
            raise DeliveryRejected(why)
        raise DeliveryDeferred(why)

    def _reset(self, code: int) -> None:
        """End the transaction; where that cannot be relied on, end the connection."""
        if self._connection is None:
            return
        if code // 100 not in (_TRANSIENT, _PERMANENT) or code == _CLOSING:
            self._drop()
            return
        try:
            answer, _ = self._connection.rset()
        except OSError:
            self._drop()
            return
        if answer // 100 != _OK:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _is_plain(address: str) -> bool:
    return _WIRE.fullmatch(address) is not None and parseaddr(address)[1] == address


def _is_about_us(step: str, code: int, text: bytes) -> bool:
    return step == "MAIL" or code in _NO_LOGIN or _POLICY.match(text) is not None


def _octets(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _line(code: int, text: bytes) -> str:
    """A reply in one line without control characters, at most 200 characters long."""
    return shorten(clean_line(f"{code} {text.decode(errors='replace')}"), _LONGEST_REPLY)


def _reason(error: OSError | UnicodeError) -> str:
    """Why it failed, in a few words for a report."""
    match error:
        case smtplib.SMTPResponseException():
            return _line(error.smtp_code, _octets(error.smtp_error))
        case ssl.SSLCertVerificationError():
            return f"TLS certificate not accepted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or error}"
        case TimeoutError():
            return "timed out"
        case UnicodeError():
            return "not a host name"
    words = clean_line(error.strerror or str(error))
    if words[1:2].islower():  # "Connection refused", but not "STARTTLS extension …"
        words = words[0].lower() + words[1:]
    return shorten(words, _LONGEST_REPLY)
