"""Enhanced status codes (RFC 3463), and whose fault they tell of. Pure."""

import re
from enum import StrEnum

# not part of an IP address, a version or a longer number
_CODE = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\d|\.\d)")
_REPLY = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")
# no such mailbox, no such domain, no valid address, moved away, a domain that takes no mail (RFC 7505), switched off
_ADDRESS = {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"}
# protocol, content and security or policy speak of what we are and what we send, and so do these: the message is too
# long for the mailbox (2.3) or the system (3.4), the sender's address is bad (1.7, 1.8)
_OUR_SUBJECTS = {"5", "6", "7"}
_OURS = {"2.3", "3.4", "1.7", "1.8"}
# without an enhanced code: a policy, or no reason at all
_OUR_REPLIES = {"554", "571"}


class Fault(StrEnum):
    """What a refusal is about."""

    #: nothing will ever arrive there
    ADDRESS = "address"
    #: the mailbox, its server or the way to it: another message may arrive
    MAILBOX = "mailbox"
    #: the sender or the message: another reader of the same server would not have got it either
    OURS = "ours"


def status_code(*texts: str) -> str:
    """The code that these texts tell: the first enhanced one that is not ``x.0.0``, which says nothing, else ``x.0.0``,
    else a reply code (RFC 5321 §4.2), else nothing.
    """
    enhanced = [match.group() for text in texts for match in _CODE.finditer(text)]
    telling = [code for code in enhanced if not code.endswith(".0.0")]
    if telling:
        return telling[0]
    # "550" says more than "5.0.0"
    replies = [match.group() for text in texts for match in _REPLY.finditer(text)]
    return (replies or enhanced or [""])[0]


def fault_of(code: str) -> Fault:
    """Whose fault a refusal with this code is. Only a code that says so makes it the address's."""
    if code in _ADDRESS:
        return Fault.ADDRESS
    if code in _OUR_REPLIES:
        return Fault.OURS
    _, _, detail = code.partition(".")
    ours = detail in _OURS or detail.partition(".")[0] in _OUR_SUBJECTS
    return Fault.OURS if ours else Fault.MAILBOX
