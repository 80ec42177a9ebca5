"""Links and signatures of messages that are previewed, sent, and sent again."""

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from builders import NOON, THE_LIST, papers
from digestmail.errors import DeliveryDeferred
from digestmail.mail.dkim import DkimKey, signing
from digestmail.mail.tokens import Claim, Purpose
from digestmail.model import Envelope
from digestmail.newsletter import Newsletter
from digestmail.newsletter.deliver import deliver
from digestmail.newsletter.preview import preview, size
from digestmail.newsletter.run import run
from digestmail.newsletter.subscribe import subscribe
from digestmail.protocols import Commit
from digestmail.storage.store import Store
from digestmail.testing import ListSource, MemoryTransport
from newsletters import newsletter, subscription

KEY = DkimKey("example.org", "ed1", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
PUBLIC = replace(THE_LIST, base_url="https://papers.example.org", bounce_address="bounces@example.org")


class Recording(MemoryTransport):
    """Remembers every attempt, also those that fail."""

    def __init__(self, *failures: DeliveryDeferred) -> None:
        super().__init__(failures)
        self.attempts: list[Envelope] = []

    async def send(self, envelope: Envelope, commit: Commit) -> str:
        self.attempts.append(envelope)
        return await super().send(envelope, commit)


def trusted(store: Store, transport: MemoryTransport) -> Newsletter:
    house = newsletter(store, ListSource(papers(12)), transport=transport)
    house = replace(house, mailing_list=PUBLIC, sign=signing([KEY]))
    subscribe(house, subscription())
    return house


def test_a_preview_is_signed_and_is_what_the_run_sends(store: Store) -> None:
    transport = Recording()
    house = trusted(store, transport)
    store.corpus.add(papers(12), NOON)
    previewed = preview(house, email="reader@example.org")
    assert previewed.envelope.content.startswith(b"DKIM-Signature: v=1; a=ed25519-sha256;")
    assert size(house, previewed).html > 0
    run(house)
    assert transport.attempts == [previewed.envelope]


def test_every_attempt_has_the_same_signature_and_return_path(store: Store) -> None:
    transport = Recording(DeliveryDeferred("450 later"))
    house = trusted(store, transport)
    run(house)
    deliver(house)
    first, second = transport.attempts
    assert first == second


def test_links_and_return_path_lead_back_to_the_reader(store: Store) -> None:
    transport = Recording()
    house = trusted(store, transport)
    run(house)
    [envelope] = transport.attempts
    [reader] = store.subscribers.all()
    returned = envelope.mail_from.partition("+")[2].partition("@")[0]
    assert house.tokens.returned(returned, NOON) == reader.uid
    token = envelope.content.partition(b"<https://papers.example.org/u/")[2].partition(b">")[0].decode()
    assert house.tokens.read_link(Purpose.UNSUBSCRIBE, token, NOON) == Claim(reader.uid, 0, None)
