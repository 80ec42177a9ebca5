"""How fast messages go out: rate limits, and as many at a time as the server bears.

Pure: time comes in as an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: the key of every domain that is not named
OTHER_DOMAINS = "*"

_START = 2
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_FAILURES = 3
_SHORTEST_REST, _LONGEST_REST = 30.0, 900.0
_MOST_DOMAINS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many messages may go out in a time. None is no limit."""

    per_second: float | None = None
    per_minute: float | None = None
    #: messages a minute to each recipient domain; ``*`` is every domain that is not named
    per_domain: Mapping[str, float] = field(default_factory=dict)


class Rate:
    """Messages evenly spread over time: in no stretch of the length of ``period`` are there more than ``most``."""

    def __init__(self, most: float, period: float) -> None:
        self._interval = period / most
        self._next = float("-inf")

    def reserve(self, now: float) -> float:
        """Take the next turn; the time of it."""
        turn = max(now, self._next)
        self._next = turn + self._interval
        return turn

    def over(self, now: float) -> bool:
        """Whether nothing of it is left to remember."""
        return self._next <= now


class Rates:
    """All limits of a transport."""

    def __init__(self, limits: Limits) -> None:
        both = ((limits.per_second, 1.0), (limits.per_minute, 60.0))
        self._all = [Rate(most, period) for most, period in both if most is not None]
        self._limits = limits.per_domain
        self._domains: dict[str, Rate] = {}

    def reserve(self, now: float) -> float:
        """Take the next turn of the whole transport; the time of it."""
        return max([rate.reserve(now) for rate in self._all], default=now)

    def reserve_domain(self, domain: str, now: float) -> float:
        """Take the next turn of one recipient domain; the time of it."""
        rate = self._domains.get(domain)
        if rate is None:
            most = self._limits.get(domain, self._limits.get(OTHER_DOMAINS))
            if most is None:
                return now
            self._forget(now)
            rate = self._domains[domain] = Rate(most, 60.0)
        return rate.reserve(now)

    def _forget(self, now: float) -> None:
        if len(self._domains) >= _MOST_DOMAINS:
            self._domains = {domain: rate for domain, rate in self._domains.items() if not rate.over(now)}


class Window:
    """How many messages may be under way at one relay (additive increase, multiplicative decrease).

    One more after each round of accepted messages; half as many when the server asks to slow down, once for all that
    were under way then. When one is still too many, a pause before the next, each twice as long as the one before.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = float(min(most, _START))
        self._pause = 0.0
        self._resume = float("-inf")
        #: changes with each decrease
        self.round = 0

    @property
    def size(self) -> int:
        """How many messages may be under way."""
        return int(self._size)

    def resumes(self, now: float) -> float:
        """When the pause is over; ``now`` when there is none."""
        return max(now, self._resume)

    def grow(self) -> None:
        """A message was accepted."""
        self._size = min(float(self._most), self._size + 1 / self._size)
        self._pause = 0.0

    def shrink(self, begun_in: int, now: float) -> None:
        """The server asked a message that was begun in this round to slow down."""
        if begun_in != self.round:
            return
        self.round += 1
        if self.size == 1:
            self._pause = min(max(2 * self._pause, _SHORTEST_PAUSE), _LONGEST_PAUSE)
            self._resume = now + self._pause
        self._size = max(1.0, self._size / 2)


class Breaker:
    """Whether a relay is worth trying: after some failures to get in, not for a while, then by one message alone."""

    def __init__(self) -> None:
        self._failures = 0
        self._rest_ends = float("-inf")
        #: what was said last
        self.why = ""

    @property
    def doubtful(self) -> bool:
        """Whether only one message at a time may try."""
        return self._failures >= _FAILURES

    def rests(self, now: float) -> bool:
        """Whether it is left alone for now."""
        return now < self._rest_ends

    def failed(self, why: str, now: float) -> None:
        """We did not get in."""
        self.why = why
        self._failures += 1
        if self.doubtful:
            self._rest_ends = now + min(_SHORTEST_REST * 2 ** (self._failures - _FAILURES), _LONGEST_REST)

    def succeeded(self) -> None:
        """We got in."""
        self._failures = 0
