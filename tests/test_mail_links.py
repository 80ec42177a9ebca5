"""Addresses on the wire and the links made of them."""

from urllib.parse import unquote, urlsplit

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from digestmail.errors import AddressError, InputError
from digestmail.mail.links import ascii_address, unsubscribe_mailto
from digestmail.model import MailingList

ATOM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~"


def papers(address: str) -> MailingList:
    return MailingList(name="Daily Papers", sender_name="Daily Papers", sender_address=address)


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
