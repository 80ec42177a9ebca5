"""Addresses as they go on the wire, and the links made of them. Pure."""

import re
from urllib.parse import quote

from email_validator import EmailNotValidError, validate_email

from digestmail.errors import AddressError
from digestmail.model import MailingList

# What RFC 6068 §2 lets stand of an atom (RFC 5322 §3.2.3), besides letters, digits and "-._~"
_STANDS = "!$'*+"
# What nearly every address looks like: in ASCII, lower case after the @. It stays as it is, and knowing that takes 1 µs
# where validating takes 60. Labels with two hyphens may be punycode and are left to the validator.
_COMMON = re.compile(
    r"(?=[^@]{1,64}@)(?=.{1,254}\Z)(?!.*@.*[^.]{64})"
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}"
)


def ascii_address(address: str) -> str:
    """``address`` with its domain in ASCII (IDNA 2008), the form that envelopes and headers carry.

    Only a dot-atom before the @ passes: no quoted local part, comment, address literal or control character, at most 64
    and 254 characters (RFC 5321 §4.5.3.1). A local part beyond ASCII is refused, it would need SMTPUTF8 (RFC 6531) on
    the whole way. Raises AddressError.
    """
    if _COMMON.fullmatch(address):
        return address
    try:
        valid = validate_email(
            address, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError as error:
        raise AddressError(f"{address!r} is not an address mail can be sent to: {error}") from error
    assert valid.ascii_email is not None, "without SMTPUTF8 there is always an ASCII form"
    return valid.ascii_email


def unsubscribe_mailto(mailing_list: MailingList) -> str:
    """The mail that asks to be taken off the list (RFC 6068): ``mailto:papers@example.org?subject=unsubscribe``.

    Raises AddressError.
    """
    local, _, domain = ascii_address(mailing_list.sender_address).rpartition("@")
    return f"mailto:{quote(local, safe=_STANDS)}@{domain}?subject=unsubscribe"
