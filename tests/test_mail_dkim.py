"""DKIM signatures, read by dkimpy: another hand than the one that wrote them."""

import base64
import functools
import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from builders import issue, papers, subscriber
from digestmail.errors import InputError, MessageError
from digestmail.mail.dkim import DkimKey, read_key, signed, signing
from digestmail.mail.links import routes_of
from digestmail.mail.message import build_message
from digestmail.mail.tokens import Tokens
from digestmail.model import Rendered

WORDS = Rendered("Nine papers", "<p>Nine  papers</p>\n\n\n", "Nine\tpapers  \n\n .\n")


@functools.cache
def rsa_key(bits: int = 2048) -> DkimKey:
    return DkimKey("example.org", "rsa1", rsa.generate_private_key(65537, bits))


ED25519 = DkimKey("example.org", "ed1", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))


def message(words: Rendered = WORDS) -> bytes:
    number = issue(papers(1))
    number = replace(
        number,
        mailing_list=replace(
            number.mailing_list, base_url="https://papers.example.org", reply_to="editor@example.org", name="Größe"
        ),
    )
    return build_message(number, words, routes_of(number.mailing_list, Tokens(b"x" * 32), subscriber())).content


def verifies(content: bytes, *keys: DkimKey, which: int = 0) -> bool:
    records = {f"{key.name}.".encode(): key.record.encode() for key in keys}
    return bool(dkim.DKIM(content).verify(which, dnsfunc=lambda name, timeout=5: records.get(name)))


def tags(content: bytes, which: int = 0) -> dict[str, str]:
    value = message_from_bytes(content).get_all("DKIM-Signature", [])[which]
    return dict(tag.split("=", 1) for tag in re.sub(r"\s+", "", value).split(";"))


def test_both_kinds_of_key_sign_what_another_hand_verifies() -> None:
    content = signed(message(), [rsa_key(), ED25519])
    assert content.endswith(message())
    assert (tags(content, 0)["a"], tags(content, 1)["a"]) == ("rsa-sha256", "ed25519-sha256")
    assert verifies(content, rsa_key(), ED25519, which=0)
    assert verifies(content, rsa_key(), ED25519, which=1)
    assert message_from_bytes(content, policy=policy.default).defects == []


def test_the_same_message_gets_the_same_signatures_at_any_time() -> None:
    assert signed(message(), [rsa_key(), ED25519]) == signing([rsa_key(), ED25519])(message())
    assert tags(signed(message(), [ED25519]))["t"] == str(int(datetime(2026, 6, 30, 12, tzinfo=UTC).timestamp()))


def test_a_signature_covers_the_whole_body_and_what_a_receiver_looks_at() -> None:
    found = tags(signed(message(), [ED25519]))
    assert found["c"] == "relaxed/relaxed"
    assert "l" not in found
    names = found["h"].split(":")
    assert set(names) >= {
        *("from", "to", "subject", "date", "message-id", "mime-version", "content-type", "reply-to", "feedback-id"),
        *(
            "list-id",
            "list-unsubscribe",
            "list-unsubscribe-post",
            "list-help",
            "list-owner",
            "list-archive",
            "list-post",
        ),
    }
    assert names.count("from") == names.count("list-unsubscribe-post") == 2


@pytest.mark.parametrize(
    "added",
    [
        b"From: Mallory <m@example.net>",
        b"Subject: Other papers",
        b"Reply-To: m@example.net",
        b"Cc: m@example.net",
        b"List-Unsubscribe: <https://example.net/>",
        b"Content-Type: text/plain",
    ],
)
def test_nobody_can_add_a_header_that_readers_see(added: bytes) -> None:
    content = signed(message(), [ED25519])
    assert verifies(content, ED25519)
    assert not verifies(added + b"\r\n" + content, ED25519)


def test_nobody_can_change_a_signed_message() -> None:
    content = signed(message(), [ED25519])
    for old, new in ((b"Subject: Nine", b"Subject: Nice"), (b"/u/", b"/v/"), (b"One-Click", b"Two-Click")):
        assert old in content
        assert not verifies(content.replace(old, new), ED25519)
    with pytest.raises(dkim.ValidationError, match="body hash"):
        verifies(content.replace(b"<p>Nine", b"<p>Ten"), ED25519)


def test_a_relay_may_fold_headers_and_blanks_anew() -> None:
    content = signed(message(), [rsa_key()])
    refolded = content.replace(b"Subject: Nine papers", b"SUBJECT:\tNine\r\n  papers ") + b"\r\n\r\n"
    assert refolded != content + b"\r\n\r\n"
    assert verifies(refolded, rsa_key())


def test_a_signature_of_another_key_does_not_verify() -> None:
    other = replace(ED25519, private=Ed25519PrivateKey.from_private_bytes(b"\x08" * 32))
    assert not verifies(signed(message(), [other]), ED25519)


@given(
    subject=st.text(max_size=200),
    html=st.text(st.sampled_from("a \t\n\r=.<ä論"), max_size=300),
    text=st.text(st.sampled_from("a \t\n\r=.<ä論"), max_size=300),
)
def test_whatever_a_message_says_its_signature_verifies(subject: str, html: str, text: str) -> None:
    content = signed(message(Rendered(subject, html, text)), [ED25519])
    assert verifies(content, ED25519)
    assert max(map(len, content.split(b"\r\n"))) <= 998


@given(
    st.lists(st.sampled_from([b"X: a", b"x:  b  c", b"Y:\t", b"Z: a\r\n b\r\n\tc ", b"To: d", b"to: e"]), max_size=6),
    st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"\r\n\r\n", b"."]), max_size=12),
)
def test_any_message_over_crlf_verifies(headers: list[bytes], body: list[bytes]) -> None:
    head = [b"From: a@example.org", *headers, b"Date: Mon, 29 Jan 2024 06:30:00 +0000"]
    content = b"\r\n".join(head) + b"\r\n\r\n" + b"".join(body) + (b"\r\n" if body else b"")
    assert verifies(signed(content, [ED25519]), ED25519)


@pytest.mark.parametrize(
    "content", [b"", b"To: a@example.org\r\n\r\n", b"From: a@example.org\r\n\r\n", b"From: a\r\nDate: b"]
)
def test_what_is_no_message_is_not_signed(content: bytes) -> None:
    with pytest.raises(MessageError, match="cannot be signed"):
        signed(content, [ED25519])


def pem(key: DkimKey, form: serialization.PrivateFormat) -> bytes:
    return key.private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def test_a_key_is_read_from_any_pem_and_from_a_seed() -> None:
    for key, form in (
        (rsa_key(), serialization.PrivateFormat.PKCS8),
        (rsa_key(), serialization.PrivateFormat.TraditionalOpenSSL),
        (ED25519, serialization.PrivateFormat.PKCS8),
    ):
        assert replace(key, private=read_key(pem(key, form))).record == key.record
    assert replace(ED25519, private=read_key(base64.b64encode(b"\x07" * 32) + b"\n")).record == ED25519.record


def test_the_record_is_what_belongs_into_dns() -> None:
    assert rsa_key().name == "rsa1._domainkey.example.org"
    assert re.fullmatch(r"v=DKIM1; k=rsa; p=[A-Za-z0-9+/]{392}", rsa_key().record)
    # RFC 8463 Appendix A.2
    seed = base64.b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    example = replace(ED25519, private=Ed25519PrivateKey.from_private_bytes(seed))
    assert example.record == "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a private key"),
        (b"hello", "not a private key"),
        (base64.b64encode(b"\x07" * 31), "not a private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a private key"),
        (b"\xff\xfe", "not a private key"),
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(content: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        read_key(content)
    assert "AAAA" not in str(caught.value)


def test_keys_that_receivers_do_not_take_are_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    written = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(InputError, match="RSA or Ed25519"):
        read_key(written)
    locked = rsa_key().private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pw")
    )
    with pytest.raises(InputError, match="without a password"):
        read_key(locked)
