"""A whole newsletter on loopback: the command that serves, the mail server, and the front that speaks TLS for it."""

import asyncio
import email
import email.policy
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

import trustme
from aiosmtpd.smtp import SMTP, Envelope, Session

from house import House
from loopback import Loopback
from serving import serving
from tls import server_context

HOST = "papers.example.org"
BASE = f"https://{HOST}"
TOKEN = "a token of the tests 0123456789"
#: kept in the config file: gets an issue on every day that has papers
OTHER = "other@example.org"
#: the mail server refuses everything that goes there
REFUSED = "refused@example.org"
_SECONDS = 60.0


@dataclass
class Postbox:
    """What has arrived by mail, oldest first."""

    letters: list[tuple[str, EmailMessage]] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        if address == REFUSED:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        with self._news:
            self.letters += [(address, letter) for address in envelope.rcpt_tos]
            self._news.notify_all()
        return "250 OK"

    def to(self, address: str, holding: str = "") -> list[EmailMessage]:
        """What one person has got that holds these words."""
        return [letter for whom, letter in self.letters if whom == address and holding in text_of(letter)]

    def wait_for(self, address: str, number: int, holding: str) -> EmailMessage:
        """The letter of this number with these words to one person. Fails when it does not come."""
        with self._news:
            came = self._news.wait_for(lambda: len(self.to(address, holding)) >= number, _SECONDS)
        assert came, f"{address} got {len(self.to(address))} letters, {len(self.to(address, holding))} with {holding!r}"
        return self.to(address, holding)[number - 1]


def html_of(letter: EmailMessage) -> str:
    """What a mail program shows."""
    part = letter.get_body(["html"])
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


def text_of(letter: EmailMessage) -> str:
    """The plain-text twin."""
    part = letter.get_body(["plain"])
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


def one_click_url(letter: EmailMessage) -> str:
    """What mail providers post to (RFC 8058 §3.1)."""
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.search(r"<(https:[^>]+)>", str(letter["List-Unsubscribe"]))
    assert found
    return found[1]


class Front:
    """Speaks TLS, and hands everything on: what a proxy does on the public internet."""

    def __init__(self, backend: int, tls: ssl.SSLContext) -> None:
        self._backend, self._tls = backend, tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, sock=self._socket, ssl=self._tls)
        await self._over.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, onward = await asyncio.open_connection("127.0.0.1", self._backend)
        await asyncio.gather(_hand_on(reader, onward), _hand_on(behind, writer))


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while some := await reader.read(65_536):
            writer.write(some)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        return  # browsers drop connections that they opened in advance
    finally:
        writer.close()


@dataclass
class Site:
    """What a test works with."""

    house: House
    postbox: Postbox
    #: of the server, and of the front
    port: int = 0
    front: int = 0
    _papers: list[dict[str, Any]] = field(default_factory=list)

    def publish(self, *papers: tuple[str, str]) -> None:
        """Titles and abstracts that the next run finds."""
        for title, abstract in papers:
            number = len(self._papers) + 1
            authors = [f"Ann Author{n}" for n in range(number % 5 + 1)]
            self._papers.append(
                {"id": f"2606.{number:05}", "title": title, "abstract": abstract, "authors": authors, "upvotes": number}
            )
        lines = "".join(json.dumps(one) + "\n" for one in self._papers)
        (self.house.folder / "papers.jsonl").write_text(lines, encoding="utf-8")


FIRST = (
    ("Attention in Small Models", "We attend to little, and show that a small model needs no more. " * 12),
    ("Quantization without Regret", "Four bits are enough for attention, and we say when three of them are. " * 8),
    ("Averyveryverylongwordthatnobodywouldhyphenate" * 3, "A title as wide as a page: attention!"),
)


@contextmanager
def papers_site(folder: Path, *, readers: Sequence[str] = (OTHER,)) -> Iterator[Site]:
    """``digestmail serve`` with three papers, once its first run is over."""
    postbox = Postbox()
    mail = Loopback(postbox)
    mail.start()
    house = House(folder)
    house.write(
        newsletter={"name": "Daily Papers", "from": "Daily Papers <papers@example.org>", "base_url": BASE},
        sources=[{"kind": "jsonl", "path": "papers.jsonl"}],
        subscribers=[{"email": reader, "keywords": ["attention"]} for reader in readers],
        transport={"kind": "smtp", "host": "127.0.0.1", "port": mail.port, "tls": "none"},
        web={"listen": "127.0.0.1:0"},
        schedule={"every_minutes": 1440},
    )
    site = Site(house, postbox)
    site.publish(*FIRST)
    try:
        with serving(house, DIGESTMAIL_ADMIN_TOKEN=TOKEN) as server:
            site.port = int(server.url().rpartition(":")[2])
            server.read_until("tick ended")
            drain = threading.Thread(target=server.read_all)
            drain.start()
            with Front(site.port, server_context(trustme.CA(), HOST)) as front:
                site.front = front.port
                yield site
            server.process.terminate()
            drain.join()
    finally:
        mail.stop()
