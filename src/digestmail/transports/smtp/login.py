"""AUTH (RFC 4954): PLAIN, LOGIN and CRAM-MD5."""

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Collection

from digestmail.transports.smtp.replies import Reply

#: answers a challenge of the server; the first call, with None, gives what goes out with the command
Answer = Callable[[bytes | None], str | None]

_GO_ON = 334
_DONE = 235


def pick(offered: Collection[str], *, encrypted: bool) -> str | None:
    """The mechanism to use. Without encryption, one that does not send the password itself comes first."""
    order = ("PLAIN", "LOGIN", "CRAM-MD5") if encrypted else ("CRAM-MD5", "PLAIN", "LOGIN")
    return next((name for name in order if name in offered), None)


class Login:
    """One login. ``begin`` is the first line; ``go_on`` gives the next one for each reply, until ``None``."""

    def __init__(self, mechanism: str, username: str, password: str) -> None:
        self._mechanism = mechanism
        self._username, self._password = username.encode(), password.encode()
        self._asked = 0
        #: what must not be shown, in any form it travels in
        self._secrets = [password]

    def begin(self) -> str:
        """The command."""
        if self._mechanism == "PLAIN":  # RFC 4616
            return f"AUTH PLAIN {self._encode(bytes(1).join((b'', self._username, self._password)))}"
        return f"AUTH {self._mechanism}"

    def go_on(self, reply: Reply) -> str | None:
        """The answer to a challenge; None when there is none left to give."""
        if reply.code != _GO_ON or self._mechanism == "PLAIN":
            return None
        self._asked += 1
        if self._mechanism == "LOGIN":
            parts = (self._username, self._password)
            return self._encode(parts[self._asked - 1]) if self._asked <= len(parts) else None
        if self._asked > 1:
            return None
        return self._encode(self._username + b" " + self._digest(reply))

    def succeeded(self, reply: Reply) -> bool:
        """Whether the server has let us in."""
        return reply.code == _DONE

    def shown(self, text: str) -> str:
        """A text of the server for a report: some servers repeat what they did not understand."""
        return "" if any(secret in text for secret in self._secrets) else text

    def _digest(self, reply: Reply) -> bytes:
        """RFC 2195."""
        try:
            challenge = b64decode(reply.lines[0])
        except NoBase64:
            challenge = b""
        return hmac.new(self._password, challenge, "md5").hexdigest().encode()

    def _encode(self, data: bytes) -> str:
        text = b64encode(data).decode()
        self._secrets.append(text)
        return text
