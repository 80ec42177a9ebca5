"""Questions to a name server of our own on loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from digestmail.errors import LookupFailed
from digestmail.resolving import resolver

RECORDS = {
    "example.org. TXT": ['"v=spf1 " "-all"', '"hello"'],
    "example.org. MX": ["10 mx.example.org."],
    "example.org. A": ["192.0.2.1"],
}


@contextmanager
def name_server() -> Iterator[int]:
    """Knows the records above, says NXDOMAIN to other names, fails for ``broken.org`` and is silent about others."""

    def serve() -> None:
        while True:
            wire, peer = listener.recvfrom(4096)
            if not wire:
                return
            query = dns.message.from_wire(wire)
            [question] = query.question
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.RA
            key = question.to_text().replace(" IN ", " ")
            if key in RECORDS:
                kind = key.rpartition(" ")[2]
                reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *RECORDS[key]))
            elif key.startswith("broken"):
                reply.set_rcode(dns.rcode.SERVFAIL)
            elif key.startswith("silent"):
                continue
            elif not key.startswith("example.org."):
                reply.set_rcode(dns.rcode.NXDOMAIN)
            listener.sendto(reply.to_wire(), peer)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", listener.getsockname())
            thread.join()


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine asks the name server above."""

    class Loopback(dns.resolver.Resolver):
        def __init__(self) -> None:
            super().__init__(configure=False)
            self.nameservers = ["127.0.0.1"]
            self.port = port

    with name_server() as port:
        monkeypatch.setattr(dns.resolver, "Resolver", Loopback)
        yield


def test_records_come_as_text_and_the_pieces_of_one_text_together() -> None:
    look_up = resolver(2)
    assert sorted(look_up("example.org", "TXT")) == ["hello", "v=spf1 -all"]
    assert look_up("example.org", "MX") == ("10 mx.example.org.",)


def test_a_name_or_a_type_that_is_not_there_has_no_records() -> None:
    look_up = resolver(2)
    assert look_up("example.org", "AAAA") == ()
    assert look_up("nowhere.net", "TXT") == ()


@pytest.mark.parametrize("name", ["broken.org", "silent.org", "a..b", "x" * 64 + ".org"])
def test_no_answer_is_not_the_answer_that_there_is_nothing(name: str) -> None:
    with pytest.raises(LookupFailed, match=name):
        resolver(0.2)(name, "TXT")


def test_a_machine_without_a_resolver_has_no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def unconfigured() -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver, "Resolver", unconfigured)
    with pytest.raises(LookupFailed, match=r"example\.org"):
        resolver()("example.org", "TXT")
