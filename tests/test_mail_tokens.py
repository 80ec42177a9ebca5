"""Tokens: who made them, what they are good for, and what becomes of all others."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.mail.tokens import ADDRESS_TOKEN, Claim, Purpose, Tokens

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
UID = "3f1b6a0c9d2e4f508172a3b4c5d6e7f8"
TOKENS = Tokens(b"a secret of the tests")
URL_SAFE = re.compile(r"[A-Za-z0-9._~-]+")  # RFC 3986 §2.3

uids = st.one_of(st.uuids().map(lambda uid: uid.hex), st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))


@given(uid=uids, version=st.integers(0, 10**6), seconds=st.integers(1, 10**8))
def test_a_link_token_says_what_went_in(uid: str, version: int, seconds: int) -> None:
    expires = NOW + timedelta(seconds=seconds)
    token = TOKENS.link(Purpose.CONFIRM, uid, version=version, expires=expires)
    assert TOKENS.read_link(Purpose.CONFIRM, token, NOW) == Claim(uid, version, expires)
    assert TOKENS.read_link(Purpose.CONFIRM, token, expires) is None
    assert URL_SAFE.fullmatch(token)


def test_a_link_token_without_an_end_holds_for_ever() -> None:
    token = TOKENS.link(Purpose.UNSUBSCRIBE, UID)
    assert TOKENS.read_link(Purpose.UNSUBSCRIBE, token, NOW + timedelta(days=36500)) == Claim(UID, 0, None)
    assert len(token) == 22 + 3 + 43


@given(uids)
def test_an_address_token_comes_back_in_any_case(uid: str) -> None:
    token = TOKENS.address(Purpose.BOUNCE, uid)
    assert re.fullmatch(r"[a-z2-7]+", token)
    for written in (token, token.upper(), token.title()):
        assert TOKENS.read_address(Purpose.BOUNCE, written) == uid


def test_an_address_token_has_its_length_and_stays_the_same() -> None:
    # greylisting, and bounces of messages that were sent before an upgrade
    assert TOKENS.address(Purpose.BOUNCE, UID) == "h4nwude5fzhvbalsuo2mlvxh7bhd27ig736qmudjpy"
    assert len(TOKENS.address(Purpose.BOUNCE, UID)) == ADDRESS_TOKEN


def test_tokens_of_another_purpose_secret_or_reader_open_nothing() -> None:
    link, address = TOKENS.link(Purpose.PREFERENCES, UID), TOKENS.address(Purpose.BOUNCE, UID)
    assert TOKENS.read_link(Purpose.UNSUBSCRIBE, link, NOW) is None
    assert TOKENS.read_address(Purpose.UNSUBSCRIBE, address) is None
    other = Tokens(b"another secret of the tests")
    assert other.read_link(Purpose.PREFERENCES, link, NOW) is None
    assert other.read_address(Purpose.BOUNCE, address) is None
    assert len({TOKENS.link(purpose, UID) for purpose in Purpose}) == len(Purpose)
    assert len({TOKENS.address(purpose, UID) for purpose in Purpose}) == len(Purpose)


def test_a_token_does_not_show_the_secret() -> None:
    assert b"a secret" not in repr(TOKENS).encode()


def test_no_bit_of_a_link_token_can_be_changed() -> None:
    token = TOKENS.link(Purpose.UNSUBSCRIBE, UID, version=3, expires=NOW + timedelta(days=1))
    for place in range(len(token)):
        for bit in range(8):
            changed = token[:place] + chr(ord(token[place]) ^ 1 << bit) + token[place + 1 :]
            assert TOKENS.read_link(Purpose.UNSUBSCRIBE, changed, NOW) is None, changed


def test_no_character_of_an_address_token_can_be_changed() -> None:
    token = TOKENS.address(Purpose.UNSUBSCRIBE, UID)
    for place in range(len(token)):
        for other in set("abcdefghijklmnopqrstuvwxyz234567") - {token[place]}:
            changed = token[:place] + other + token[place + 1 :]
            assert TOKENS.read_address(Purpose.UNSUBSCRIBE, changed) is None, changed


@pytest.mark.parametrize("end", ["", ".", "=", "A", " ", "\n", "\x00", "ä", "." * 600])
def test_nothing_can_be_put_behind_a_token(end: str) -> None:
    if not end:
        return
    assert TOKENS.read_link(Purpose.CONFIRM, TOKENS.link(Purpose.CONFIRM, UID) + end, NOW) is None
    assert TOKENS.read_address(Purpose.BOUNCE, TOKENS.address(Purpose.BOUNCE, UID) + end) is None


@given(st.one_of(st.text(max_size=80), st.text("abcdefghijklmnopqrstuvwxyz234567.=~0189", max_size=80)))
def test_any_text_is_read_without_an_error_and_opens_nothing(text: str) -> None:
    for purpose in Purpose:
        assert TOKENS.read_link(purpose, text, NOW) is None
        assert TOKENS.read_address(purpose, text) is None


@given(secret=st.binary(min_size=1, max_size=80), uid=uids, purpose=st.sampled_from(Purpose))
def test_a_link_token_is_signed_as_the_standard_library_signs_it(secret: bytes, uid: str, purpose: Purpose) -> None:
    value, _, signature = Tokens(secret).link(purpose, uid).rpartition(".")
    key = hmac.digest(secret, f"digestmail link {purpose}".encode(), hashlib.sha256)
    expected = hmac.digest(key, value.encode(), hashlib.sha256)
    assert signature == urlsafe_b64encode(expected).decode().rstrip("=")
