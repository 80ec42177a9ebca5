"""Questions to the DNS, over dnspython."""

import dns.exception
import dns.resolver
from dns.rdtypes.txtbase import TXTBase

from digestmail.errors import LookupFailed
from digestmail.protocols import Lookup

_SECONDS = 3.0


def resolver(seconds: float = _SECONDS) -> Lookup:
    """Asks the name servers of this machine, each question for so long."""
    try:
        asking = dns.resolver.Resolver()
    except dns.exception.DNSException as error:
        reason = str(error)

        def refuse(name: str, _kind: str) -> tuple[str, ...]:
            raise LookupFailed(f"{name}: {reason}")

        return refuse
    asking.lifetime = asking.timeout = seconds

    def look_up(name: str, kind: str) -> tuple[str, ...]:
        try:
            answer = asking.resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except dns.exception.DNSException as error:
            raise LookupFailed(f"{name} {kind}: {error}") from error
        return tuple(_text(record) for record in answer)

    return look_up


def _text(record: object) -> str:
    if isinstance(record, TXTBase):  # one text in pieces of 255 bytes at most (RFC 7208 §3.3)
        return b"".join(record.strings).decode("utf-8", "replace")
    return str(record)
