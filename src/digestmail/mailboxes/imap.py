"""Messages in a folder of an IMAP server (RFC 3501), over TLS only."""

import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass
from threading import Timer
from typing import Any
from urllib.parse import unquote, urlsplit

from digestmail.errors import InputError, MailboxUnavailable
from digestmail.protocols import Letter

_PORTS = {"imaps": 993, "imap": 143}
# a command that is not answered by then never will be; a slow server may take its time for each byte of an answer
_DEADLINE = 120.0
_CONNECT, _GOODBYE = 30.0, 5.0
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,12})")


@dataclass(frozen=True, slots=True)
class ImapAddress:
    """``imaps://user@host:port/FOLDER``; ``imap://`` begins in the clear and turns TLS on before anything is said."""

    host: str
    port: int
    user: str
    folder: str = "INBOX"
    implicit_tls: bool = True

    @classmethod
    def parse(cls, url: str) -> "ImapAddress":
        """Read what ``str()`` writes (RFC 5092). Raises InputError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InputError(f"{url!r} is not an IMAP address: {error}") from None
        if parts.scheme not in _PORTS or not parts.hostname or not parts.username:
            raise InputError("not an IMAP address: write imaps://user@host/INBOX")
        if parts.password:
            raise InputError(
                "the password does not belong into the address: others can see it in the list of processes"
            )
        folder = unquote(parts.path.strip("/")) or "INBOX"
        if any(sign in folder or sign in unquote(parts.username) for sign in "\r\n\0"):
            raise InputError("not an IMAP address: line breaks")
        return cls(
            parts.hostname, port or _PORTS[parts.scheme], unquote(parts.username), folder, parts.scheme == "imaps"
        )

    def __str__(self) -> str:
        return f"{'imaps' if self.implicit_tls else 'imap'}://{self.user}@{self.host}:{self.port}/{self.folder}"


class ImapMailbox:
    """What is not seen in one folder. What is done is marked as \\Seen, and for a person as \\Flagged too."""

    name = "imap"

    def __init__(
        self,
        address: ImapAddress,
        password: str,
        *,
        limit: int,
        context: ssl.SSLContext | None = None,
        deadline: float = _DEADLINE,
    ) -> None:
        """Messages of more than ``limit`` bytes are problems.

        Every answer must be complete within ``deadline`` seconds. Raises InputError for a password of several lines.
        """
        if any(sign in password for sign in "\r\n\0"):
            raise InputError("the IMAP password has a line break")
        self._address = address
        self._password = password
        self._limit = limit
        self._context = context or ssl.create_default_context()
        self._deadline = deadline
        self._client: imaplib.IMAP4 | None = None

    def letters(self) -> Generator[Letter, None, None]:
        """Log in, and yield the messages that are not seen, oldest first."""
        try:
            self._open()
            [found] = self._ask("SEARCH", lambda client: client.uid("SEARCH", "UNSEEN"))[:1] or [b""]
            for uid in (found or b"").split():
                if letter := self._letter(uid.decode("ascii", "replace")):
                    yield letter
        finally:
            self._close()

    def done(self, letter: Letter, *, look: bool) -> None:
        """Set the flags."""
        flags = r"(\Seen \Flagged)" if look else r"(\Seen)"
        uid = letter.name.removeprefix("message ")
        self._ask("STORE", lambda client: client.uid("STORE", uid, "+FLAGS.SILENT", flags))

    def _letter(self, uid: str) -> Letter | None:
        """None when somebody else has deleted it meanwhile."""
        name = f"message {uid}"
        # the size is asked for first, so that a long one is not sent at all
        sizes = self._ask("FETCH", lambda client: client.uid("FETCH", uid, "(RFC822.SIZE)"))
        size = next((found for one in sizes if isinstance(one, bytes) and (found := _SIZE.search(one))), None)
        if size and int(size.group(1)) > self._limit:
            return Letter(name, b"", f"longer than {self._limit:,} bytes")
        # PEEK: looking at it does not mark it
        what = f"(BODY.PEEK[]<0.{self._limit}>)"
        answer = self._ask("FETCH", lambda client: client.uid("FETCH", uid, what))
        content = next((one[1] for one in answer if isinstance(one, tuple)), b"")
        return Letter(name, content) if content else None

    def _open(self) -> None:
        address = self._address
        try:
            client = self._connect()
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxUnavailable(f"{address}: {_reason(error)}") from error
        self._client = client
        if not address.implicit_tls:
            self._ask("STARTTLS", lambda client: client.starttls(self._context))
        self._ask("LOGIN", lambda client: client.login(address.user, self._password))
        quoted = address.folder.replace("\\", r"\\").replace('"', r"\"")
        self._ask("SELECT", lambda client: client.select(f'"{quoted}"'))

    def _connect(self) -> imaplib.IMAP4:
        address, wait = self._address, min(self._deadline, _CONNECT)
        if address.implicit_tls:
            return imaplib.IMAP4_SSL(address.host, address.port, ssl_context=self._context, timeout=wait)
        return imaplib.IMAP4(address.host, address.port, timeout=wait)

    def _ask(self, command: str, call: Callable[[imaplib.IMAP4], tuple[str, list[Any]]]) -> list[Any]:
        """One command and its whole answer. Raises MailboxUnavailable for any answer but OK, or none in time."""
        client = self._client
        assert client is not None, "letters() has opened it"
        # the time-out of a socket is for one read: a server that sends a byte a second would never meet it
        timer = Timer(self._deadline, _cut, [client])
        timer.start()
        try:
            status, answer = call(client)
        except (OSError, imaplib.IMAP4.error, ValueError) as error:
            raise MailboxUnavailable(f"{self._address}: {command}: {_reason(error)}") from error
        finally:
            timer.cancel()
        if status != "OK":
            raise MailboxUnavailable(f"{self._address}: {command}: {_said(answer)}")
        return answer

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        timer = Timer(_GOODBYE, _cut, [client])
        timer.start()
        try:
            # it is over anyway
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                client.logout()
            with contextlib.suppress(OSError):
                client.shutdown()
        finally:
            timer.cancel()


def _cut(client: imaplib.IMAP4) -> None:
    # the reading thread holds the file, so only the socket under it can be ended from here
    with contextlib.suppress(OSError):
        client.socket().shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    said = error.args[0] if error.args and isinstance(error.args[0], bytes) else getattr(error, "strerror", None)
    return _said([said]) if isinstance(said, bytes) else " ".join(str(said or error).split())


def _said(answer: list[Any]) -> str:
    text = next((one for one in answer if isinstance(one, bytes)), b"refused")
    return " ".join(text.decode("utf-8", "replace").split())[:200]
