"""Our own messages as a receiver sees them; and spoilt ones, so that the eye is known to be open."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from digestmail.mail.dkim import DkimKey, signing
from digestmail.mail.tokens import Tokens
from digestmail.model import Envelope, MailingList
from digestmail.newsletter.doctor import sample_message
from digestmail.newsletter.receiving import aligned, check_message, check_signatures
from digestmail.protocols import Check, State
from digestmail.rendering.compile import Templates

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
KEY = DkimKey("papers.org", "ed1", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
GOOD = MailingList(
    name="Daily Papers",
    sender_name="Daily Papers",
    sender_address="daily@papers.org",
    base_url="https://papers.org",
    bounce_address="bounces@papers.org",
)


@pytest.fixture(scope="module")
def envelope_of() -> Callable[..., Envelope]:
    template = Templates(Path(__file__).parents[1] / "templates").load("issue")

    def make(mailing_list: MailingList = GOOD, keys: Sequence[DkimKey] = (KEY,)) -> Envelope:
        return sample_message(mailing_list, template, Tokens(b"x" * 32), signing(keys), NOW).envelope

    return make


def states(checks: Sequence[Check]) -> dict[str, State]:
    return {check.name: check.state for check in checks}


def test_a_list_with_everything_configured_is_good(envelope_of: Callable[..., Envelope]) -> None:
    envelope = envelope_of()
    found = [*check_message(envelope, GOOD), *check_signatures(envelope.content, [KEY])]
    assert states(found) == dict.fromkeys(("message", "headers", "unsubscribe", "bounces", "sender", "dkim"), State.OK)


@pytest.mark.parametrize(
    ("changes", "name", "says"),
    [
        ({"base_url": None}, "unsubscribe", "there is no newsletter.base_url"),
        ({"base_url": "http://papers.org"}, "unsubscribe", "http://papers.org is not https"),
        ({"base_url": "https://localhost"}, "unsubscribe", "https://localhost is for this machine"),
        ({"bounce_address": None}, "bounces", "names no reader"),
        ({"sender_address": "daily@example.org"}, "sender", "example.org is a domain for examples"),
        ({"sender_address": "daily@news.test"}, "sender", "news.test is a domain for examples"),
    ],
)
def test_what_could_be_better_is_a_warning(
    envelope_of: Callable[..., Envelope], changes: dict[str, str | None], name: str, says: str
) -> None:
    mailing_list = replace(GOOD, **changes)  # type: ignore[arg-type]
    found = {check.name: check for check in check_message(envelope_of(mailing_list), mailing_list)}
    assert found[name].state is State.WARNING
    assert says in found[name].found
    assert found[name].advice


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (b"Subject: ", b"Subject: two\r\nSubject: ", "headers"),
        (b"MIME-Version: 1.0\r\n", b"", "headers"),
        (b"List-Id: ", b"X-List-Id: ", "headers"),
        (b"Precedence: bulk\r\n", b"Precedence: bulk\n", "message"),
        (b"Precedence: bulk", b"X: " + b"x" * 996 + b"\r\nPrecedence: bulk", "message"),
        (b"Precedence: bulk", b"X: \xff\r\nPrecedence: bulk", "message"),
        (b"\r\n\r\n--=_", b"\r\n\r\n--_", "message"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=one-click", "unsubscribe"),
        (b"List-Unsubscribe: <https:", b"List-Unsubscribe: <http:", "unsubscribe"),
    ],
)
def test_a_spoilt_message_is_noticed(envelope_of: Callable[..., Envelope], old: bytes, new: bytes, name: str) -> None:
    envelope = envelope_of()
    assert old in envelope.content
    spoilt = replace(envelope, content=envelope.content.replace(old, new))
    assert states(list(check_message(spoilt, GOOD)))[name] is not State.OK


def test_without_a_key_signatures_are_not_checked_and_never_good(envelope_of: Callable[..., Envelope]) -> None:
    [found] = check_signatures(envelope_of(keys=()).content, [])
    assert found.state is State.NOT_CHECKED


def test_a_signature_that_is_missing_or_wrong_is_a_fault(envelope_of: Callable[..., Envelope]) -> None:
    other = replace(KEY, private=Ed25519PrivateKey.from_private_bytes(b"\x08" * 32))
    for content in (
        envelope_of(keys=()).content,
        envelope_of(keys=[other]).content,
        envelope_of().content.replace(b"Subject: ", b"Subject: x"),
        envelope_of().content.replace(b"<p", b"<q"),
        envelope_of().content.replace(b"list-unsubscribe-post", b"x-unsubscribe-post"),
    ):
        assert states(list(check_signatures(content, [KEY])))["dkim"] is State.FAILED


def test_a_signature_that_leaves_one_click_out_is_a_fault(
    envelope_of: Callable[..., Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digestmail.mail.dkim.SIGNED", ("from", "date", "list-unsubscribe"))
    monkeypatch.setattr("digestmail.mail.dkim._ONCE", ("from",))
    [found] = check_signatures(envelope_of().content, [KEY])
    assert found.state is State.FAILED
    assert "does not cover list-unsubscribe-post" in found.found


def test_short_and_strange_keys_are_warnings(envelope_of: Callable[..., Envelope]) -> None:
    short = DkimKey("elsewhere.net", "rsa1", generate_private_key(65537, 1024))
    found = list(check_signatures(envelope_of(keys=[short]).content, [short]))
    assert [check.state for check in found] == [State.OK, State.WARNING, State.WARNING]
    assert "1024 bits" in found[1].found
    assert "not the domain of the sender" in found[2].found


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("papers.org", "papers.org", True),
        ("Papers.ORG", "news.papers.org", True),
        ("news.papers.org", "papers.org", True),
        ("apers.org", "papers.org", False),
        ("papers.org", "papers.net", False),
    ],
)
def test_domains_belong_together_when_one_is_below_the_other(one: str, other: str, together: bool) -> None:
    assert aligned(one, other) is together
