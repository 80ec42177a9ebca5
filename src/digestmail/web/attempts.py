"""Who may try how often to guess the admin token. Forgotten when the process ends."""

import hmac
import ipaddress
import threading
import time
from collections import OrderedDict, deque

_WINDOW = 900.0  # seconds
_NETWORKS = 10_000  # kept at most


class Denied(Exception):  # noqa: N818 - it says what happened
    """The token is missing or wrong; or nobody looks at it, and ``wait`` seconds have to pass first."""

    def __init__(self, wait: int = 0) -> None:
        super().__init__("no token that opens this")
        self.wait = wait


class Attempts:
    """Compares tokens, and counts those that are wrong: by address, in IPv6 by network."""

    def __init__(self, token: str, limit: int) -> None:
        """``limit`` wrong tokens within a quarter of an hour, and no other is looked at."""
        self._token, self._limit = token.encode(), limit
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, given: str, client: str) -> None:
        """Raises Denied unless the token is right and may be looked at. Takes the same time for every wrong token."""
        if not given:  # that is no guess
            raise Denied
        network, now = _network(client), time.monotonic()
        with self._lock:
            recent = self._wrong.get(network, deque())
            while recent and recent[0] <= now - _WINDOW:
                recent.popleft()
            if len(recent) >= self._limit:
                raise Denied(int(recent[0] + _WINDOW - now) + 1)
            if hmac.compare_digest(given.encode("utf-8", "replace"), self._token):
                return
            recent.append(now)
            self._wrong[network] = recent
            self._wrong.move_to_end(network)
            while len(self._wrong) > _NETWORKS:
                self._wrong.popitem(last=False)
        raise Denied


def _network(client: str) -> str:
    """An IPv6 customer has at least a /64 (RFC 6177)."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return client if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))  # noqa: PLR2004
