"""Addresses on the wire and the links made of them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from digestmail.errors import AddressError, InputError
from digestmail.mail.links import (
    Routes,
    ascii_address,
    is_public,
    plain_routes,
    preferences_url,
    routes_of,
    unsubscribe_mailto,
)
from digestmail.mail.tokens import Purpose, Tokens
from digestmail.model import MailingList, Subscriber

ATOM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~"


TOKENS = Tokens(b"a secret of the tests")
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
UID = "3f1b6a0c9d2e4f508172a3b4c5d6e7f8"
READER = Subscriber(uid=UID, email="reader@example.net", created_at=NOW)
TOKEN = TOKENS.address(Purpose.UNSUBSCRIBE, UID)
BOUNCE = TOKENS.address(Purpose.BOUNCE, UID)


def papers(address: str = "papers@example.org", **more: Any) -> MailingList:
    return MailingList(name="Daily Papers", sender_name="Daily Papers", sender_address=address, **more)


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://papers.example.org", True),
        ("http://papers.example.org:8080/digest", True),
        ("https://1.1.1.1", True),
        ("https://[2606:4700::1111]/", True),
        ("https://PAPERS.Example.ORG.", True),
        ("https://localhost.example.org", True),
        ("http://localhost:8000", False),
        ("https://LOCALHOST.", False),
        ("https://app.localhost", False),
        ("https://127.0.0.1:8000", False),
        ("https://127.9.9.9", False),
        ("https://[::1]", False),
        ("https://0.0.0.0", False),
        ("https://10.0.0.8", False),
        ("https://192.168.1.2", False),
        ("https://172.16.0.1", False),
        ("https://169.254.1.1", False),
        ("https://[fd00::1]", False),
        ("https://[fe80::1]", False),
        ("https://papers", False),
        ("https://papers.local", False),
        ("https://papers.corp.internal", False),
        ("https://nas.home.arpa", False),
        (None, False),
        ("", False),
    ],
)
def test_a_url_is_public_when_strangers_can_reach_it(url: str | None, public: bool) -> None:
    assert is_public(url) is public


def test_with_a_public_page_the_link_is_the_page_and_the_mail_stands_beside_it() -> None:
    routes = routes_of(papers(base_url="https://papers.example.org"), TOKENS, READER)
    assert (
        routes.web == routes.unsubscribe_url == f"https://papers.example.org/u/{TOKENS.link(Purpose.UNSUBSCRIBE, UID)}"
    )
    assert routes.mailto == f"mailto:papers@example.org?subject=unsubscribe%20{TOKEN}"


@pytest.mark.parametrize("url", [None, "http://papers.example.org", "http://localhost:8000", "https://localhost"])
def test_without_a_public_page_over_https_the_link_is_a_mail_with_a_token(url: str | None) -> None:
    routes = routes_of(papers(base_url=url), TOKENS, READER)
    assert routes.web is None
    assert routes.unsubscribe_url == f"mailto:papers@example.org?subject=unsubscribe%20{TOKEN}"
    assert preferences_url(papers(base_url=url), TOKENS, READER) is None


def test_preferences_have_a_page_and_a_token_of_their_own() -> None:
    url = preferences_url(papers(base_url="https://papers.example.org/x"), TOKENS, READER)
    assert url == f"https://papers.example.org/x/p/{TOKENS.link(Purpose.PREFERENCES, UID)}"


def test_an_address_that_takes_a_plus_carries_the_token_itself() -> None:
    routes = routes_of(papers(plus_addressing=True), TOKENS, READER)
    assert routes.mailto == f"mailto:papers+unsub-{TOKEN}@example.org?subject=unsubscribe"
    # 64 octets are the most before the @ (RFC 5321 §4.5.3.1.1)
    long = routes_of(papers("a-rather-long-name@example.org", plus_addressing=True), TOKENS, READER)
    assert long.mailto == f"mailto:a-rather-long-name@example.org?subject=unsubscribe%20{TOKEN}"


def test_the_return_path_is_the_readers_own_and_never_changes() -> None:
    mailing_list = papers(bounce_address="bounces@mail.example.org", base_url="https://papers.example.org")
    first, again = (routes_of(mailing_list, TOKENS, READER) for _ in range(2))
    assert first.return_path == again.return_path == f"bounces+{BOUNCE}@mail.example.org"
    assert ascii_address(first.return_path) == first.return_path
    other = routes_of(mailing_list, TOKENS, replace(READER, uid="0" * 32))
    assert other.return_path != first.return_path
    assert routes_of(mailing_list, TOKENS, replace(READER, email="new@example.com")) == first


def test_without_an_address_for_bounces_they_come_to_the_sender() -> None:
    assert routes_of(papers(), TOKENS, READER).return_path == "papers@example.org"
    assert plain_routes(papers(bounce_address="b@example.org")) == Routes(
        return_path="papers@example.org", mailto="mailto:papers@example.org?subject=unsubscribe"
    )


def test_the_unsubscribe_link_is_a_mail_with_a_subject() -> None:
    assert unsubscribe_mailto(papers("papers@example.org")) == "mailto:papers@example.org?subject=unsubscribe"


def test_the_unsubscribe_link_goes_to_the_ascii_form_of_the_domain() -> None:
    assert unsubscribe_mailto(papers("papers@bücher.example.org")).startswith(
        "mailto:papers@xn--bcher-kva.example.org?"
    )


@pytest.mark.parametrize(
    ("local", "written"),
    [("a+b", "a+b"), ("a&b", "a%26b"), ("a?b", "a%3Fb"), ("a%b", "a%25b"), ("a/b", "a%2Fb"), ("a=b#c", "a%3Db%23c")],
)
def test_characters_with_a_meaning_in_uris_are_percent_encoded(local: str, written: str) -> None:
    assert unsubscribe_mailto(papers(f"{local}@example.org")) == f"mailto:{written}@example.org?subject=unsubscribe"


@given(st.text(ATOM, min_size=1, max_size=64))
def test_any_local_part_comes_back_from_the_link(local: str) -> None:
    link = urlsplit(unsubscribe_mailto(papers(f"{local}@example.org")))
    assert (link.scheme, unquote(link.path), link.query) == ("mailto", f"{local}@example.org", "subject=unsubscribe")
    assert not link.fragment


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("reader@example.org", "reader@example.org"),
        ("Rea.der+x@example.org", "Rea.der+x@example.org"),
        ("reader@Exämple.org", "reader@xn--exmple-cua.org"),
        ("reader@faß.example.org", "reader@xn--fa-hia.example.org"),
    ],
)
def test_a_domain_is_written_in_ascii_and_the_local_part_as_it_is(address: str, written: str) -> None:
    assert ascii_address(address) == written


@pytest.mark.parametrize(
    "address",
    [
        "",
        "reader",
        "reader@",
        "@example.org",
        "reader@example.org\r\nBcc: all@example.org",
        "rea\x00der@example.org",
        "rea\x0bder@example.org",
        "reader@exa\x85mple.org",
        '"a b"@example.org',
        "reader@[127.0.0.1]",
        "reader(comment)@example.org",
        "alice@example.org)bob@example.net",
        "läser@example.org",
        "a" * 65 + "@example.org",
        "Reader <reader@example.org>",
    ],
)
def test_what_is_not_a_plain_address_is_refused(address: str) -> None:
    with pytest.raises(AddressError, match="not an address"):
        ascii_address(address)


@given(st.text())
def test_a_local_part_either_passes_unchanged_or_is_refused(local: str) -> None:
    try:
        written = ascii_address(f"{local}@example.org")
    except InputError:
        return
    assert written == f"{local}@example.org"
    assert written.isascii()
    assert written.isprintable()


@given(
    st.from_regex(
        r"\A[A-Za-z0-9_+.-]{1,70}@([a-z0-9-]{1,66}\.){1,3}[a-z]{2,5}\Z",
    )
)
def test_an_address_is_taken_as_it_is_only_where_the_validator_leaves_it_as_it_is(address: str) -> None:
    try:
        expected = validate_email(
            address, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False, strict=True
        ).ascii_email
    except EmailNotValidError:
        expected = None
    try:
        found = ascii_address(address)
    except AddressError:
        found = None
    assert found == expected
