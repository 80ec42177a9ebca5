"""The guarded process: ``python -m digestmail.sources.feed.child < feed > facts``.

The first line of its input is the address of the feed, which others must not see in the list of processes. Limits are
set before anything is read: what runs away is ended by the system. Prints JSON lines, and one object with ``error``
when there is no feed.
"""

import json
import resource
import sys
from contextlib import suppress

CPU_SECONDS = 10
MEMORY = 512 * 1024 * 1024  # bytes of address space


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(ValueError, OSError):  # not every system has every limit; the wall clock holds in any case
        resource.setrlimit(what, (allowed, hard))


def main() -> None:
    """Read one feed from standard input."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, CPU_SECONDS)
    _limit(resource.RLIMIT_AS, MEMORY)
    from digestmail.sources.feed.facts import dump
    from digestmail.sources.feed.reading import NoFeedError, read

    try:
        address, _, body = sys.stdin.buffer.read().partition(b"\n")
        for line in dump(read(body, address.decode())):
            sys.stdout.write(line + "\n")
    except NoFeedError as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")


if __name__ == "__main__":
    main()
