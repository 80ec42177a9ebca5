"""What the DNS says of the domains that a newsletter sends from: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 9989)."""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from digestmail.errors import LookupFailed
from digestmail.mail.dkim import DkimKey
from digestmail.newsletter.receiving import aligned
from digestmail.protocols import Check, Lookup, State

_MOST_LOOKUPS = 10  # RFC 7208 §4.6.4
_ASKS = re.compile(
    r"[+?~-]?(?:(?P<into>include|redirect)[:=](?P<name>\S+)|(?:a|mx|ptr|exists)(?=[:/]|$))", re.IGNORECASE
)


def check_domains(look_up: Lookup, sender: str, bounces: str, keys: Sequence[DkimKey]) -> Iterator[Check]:
    """SPF and MX of where bounces go, the record of each key, and the sender's policy.

    A name server that knows not even the top-level domain sits in a network of its own: what it does not know proves
    nothing. A question without an answer is not checked, and the others are asked.
    """
    try:
        outside = bool(look_up(sender.rpartition(".")[2], "NS"))
    except LookupFailed:
        outside = False
    if not outside:
        yield Check(
            State.NOT_CHECKED,
            "dns",
            f"no name server that knows {sender} answers",
            "SPF, DKIM, DMARC, MX: try elsewhere",
        )
        return
    for name, ask in (
        ("spf", partial(_spf, look_up, sender, bounces)),
        *((f"dkim record {key.name}", partial(_key, look_up, key)) for key in keys),
        ("dmarc", partial(_dmarc, look_up, sender)),
        ("mx", partial(_mx, look_up, bounces)),
    ):
        try:
            yield from ask()
        except LookupFailed as error:
            yield Check(State.NOT_CHECKED, name, str(error), "no answer: try again later")


def _spf(look_up: Lookup, sender: str, domain: str) -> Iterator[Check]:
    records = _records(look_up, domain, "v=spf1")
    if len(records) != 1:
        state = State.FAILED if records else State.WARNING
        advice = f"{domain} needs one TXT record like: v=spf1 include:YOUR-RELAY -all"
        yield Check(state, "spf", f"{domain} has {len(records)} records", advice)
        return
    asked = _lookups(look_up, records[0], frozenset((domain,)))
    if asked > _MOST_LOOKUPS:
        advice = f"receivers stop at {_MOST_LOOKUPS}: take includes out"
        yield Check(State.FAILED, "spf", f"{domain} asks for {asked} look-ups", advice)
    else:
        yield Check(
            State.OK, "spf", f"{domain}: {records[0]} ({asked} look-ups; whether it names your relay is not checked)"
        )
    if not aligned(sender, domain):
        advice = "without DKIM DMARC fails: let bounces go to a domain below the sender's"
        yield Check(State.WARNING, "spf", f"{domain} is not the sender's {sender}", advice)


def _lookups(look_up: Lookup, record: str, seen: frozenset[str]) -> int:
    """How many questions a record makes a receiver ask; it need not count far beyond what is allowed."""
    total = 0
    for term in record.split()[1:]:
        found = _ASKS.match(term)
        if not found:
            continue
        total += 1
        name = (found["name"] or "").rstrip(".").lower()
        # names with macros differ from mail to mail
        if name and "%" not in name and name not in seen and total <= _MOST_LOOKUPS:
            below = _records(look_up, name, "v=spf1")
            total += _lookups(look_up, below[0], seen | {name}) if below else 0
    return total


def _key(look_up: Lookup, key: DkimKey) -> Iterator[Check]:
    records = look_up(key.name, "TXT")
    if any(_public(record) == _public(key.record) for record in records):
        yield Check(State.OK, "dkim record", f"{key.name} holds the public half of the key")
        return
    why = f"holds another key than {key.algorithm} of this configuration" if records else "is not there"
    yield Check(State.FAILED, "dkim record", f"{key.name} {why}", f"publish this TXT record there: {key.record}")


def _public(record: str) -> str:
    tags = dict(tag.split("=", 1) for tag in re.sub(r"\s+", "", record).split(";") if "=" in tag)
    return f"{tags.get('k', 'rsa')} {tags.get('p', '')}"


def _dmarc(look_up: Lookup, sender: str) -> Iterator[Check]:
    """The policy of the sender's domain, or of the nearest one above (RFC 9989 §4.10)."""
    labels = sender.split(".")
    for start in range(len(labels) - 1):
        domain = ".".join(labels[start:])
        for record in _records(look_up, f"_dmarc.{domain}", "v=DMARC1"):
            yield Check(State.OK, "dmarc", f"_dmarc.{domain}: {record}")
            return
    advice = f"publish as TXT of _dmarc.{sender}: v=DMARC1; p=none; rua=mailto:YOU"
    yield Check(State.WARNING, "dmarc", f"{sender} has no policy", advice)


def _mx(look_up: Lookup, domain: str) -> Iterator[Check]:
    servers = look_up(domain, "MX")
    if any(server.split()[-1] != "." for server in servers):
        yield Check(State.OK, "mx", f"{domain}: bounces go to {servers[0].split()[-1].rstrip('.')}")
    elif not servers and (look_up(domain, "A") or look_up(domain, "AAAA")):
        yield Check(State.WARNING, "mx", f"{domain} has no MX: bounces go to its address", f"publish an MX of {domain}")
    else:
        advice = "servers refuse mail whose bounces cannot go anywhere: publish an MX"
        yield Check(State.FAILED, "mx", f"{domain} takes no mail", advice)


def _records(look_up: Lookup, name: str, version: str) -> list[str]:
    found = look_up(name, "TXT")
    return [record for record in found if record.lower().split(";")[0].split(" ")[0].strip() == version.lower()]
