"""An IMAP server on loopback, as much of one as reading a mailbox takes, and with the faults that real ones have."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO

import trustme


@dataclass
class ImapServer:
    """Messages by UID with their flags."""

    messages: dict[int, bytes]
    flags: dict[int, set[str]] = field(default_factory=dict)
    password: str = "secret"
    #: the command at which it does ``fault``: ``drop``, ``drip`` (a byte now and then, for ever) or ``no``
    fault_at: str = ""
    fault: str = ""
    starttls: bool = False
    commands: list[str] = field(default_factory=list)
    port: int = 0
    authority: trustme.CA = field(default_factory=trustme.CA)

    @property
    def context(self) -> ssl.SSLContext:
        """For a client that trusts it."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    @contextmanager
    def running(self) -> Iterator["ImapServer"]:
        """Serve until the end of the block."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(5)

    def _serve(self, listener: socket.socket) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(tls)
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), connection:
                plain = connection
                stream = plain if self.starttls else tls.wrap_socket(plain, server_side=True)
                with stream, stream.makefile("rb") as reader:
                    stream.sendall(b"* OK ready\r\n")
                    self._talk(stream, reader, tls)

    def _talk(self, stream: socket.socket, reader: BinaryIO, tls: ssl.SSLContext) -> None:
        while line := reader.readline():
            tag, _, command = line.decode().strip().partition(" ")
            self.commands.append(re.sub(r"^(LOGIN \S+) .*", r"\1", command))
            if self.fault_at and command.upper().startswith(self.fault_at):
                if self._misbehave(stream, tag):
                    return None
                continue
            if command == "STARTTLS":
                stream.sendall(f"{tag} OK go ahead\r\n".encode())
                with tls.wrap_socket(stream, server_side=True) as safe, safe.makefile("rb") as inner:
                    return self._talk(safe, inner, tls)
            stream.sendall(self._answer(command) + f"{tag} {self._result(command)}\r\n".encode())
            if command == "LOGOUT":
                return None
        return None

    def _misbehave(self, stream: socket.socket, tag: str) -> bool:
        if self.fault == "no":
            stream.sendall(f"{tag} NO [UNAVAILABLE] not now\r\n".encode())
            return False
        while self.fault == "drip":
            stream.sendall(b"*")
            time.sleep(0.05)
        return True

    def _result(self, command: str) -> str:
        if command.startswith("LOGIN") and f'"{self.password}"' not in command:
            return "NO [AUTHENTICATIONFAILED] wrong password"
        return "OK done"

    def _answer(self, command: str) -> bytes:
        if command == "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1" + (b" STARTTLS" if self.starttls else b"") + b"\r\n"
        if command.startswith("SELECT"):
            return b"* %d EXISTS\r\n" % len(self.messages)
        if command == "UID SEARCH UNSEEN":
            unseen = [str(uid) for uid in self.messages if r"\Seen" not in self.flags.get(uid, set())]
            return f"* SEARCH {' '.join(unseen)}\r\n".encode()
        if asked := re.match(r"UID FETCH (\d+) \((\S+?)\)$", command):
            uid = int(asked.group(1))
            content = self.messages[uid]
            if asked.group(2) == "RFC822.SIZE":
                return b"* %d FETCH (RFC822.SIZE %d UID %d)\r\n" % (uid, len(content), uid)
            return b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\n" % (uid, uid, len(content), content)
        if asked := re.match(r"UID STORE (\d+) \+FLAGS.SILENT \((.*)\)$", command):
            self.flags.setdefault(int(asked.group(1)), set()).update(asked.group(2).split())
        return b"* BYE\r\n" if command == "LOGOUT" else b""
