"""``digestmail serve`` in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from house import _ENVIRONMENT, House


class Serving:
    """A server in a process of its own, whose log is read line by line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []

    def read_until(self, words: str) -> str:
        """The line that holds these words. Fails when the log ends before."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)
            if re.search(words, line):
                return line
        raise AssertionError(f"never said {words!r}: {''.join(self.lines)}")

    def url(self) -> str:
        """Where the pages are."""
        return self.read_until("web pages on").split()[-1]

    def read_all(self) -> None:
        """Read on until the end, so that the server never waits for a reader of its log."""
        assert self.process.stderr
        self.lines += self.process.stderr

    def children(self) -> list[int]:
        """The processes that it has started and that are still there."""
        pid = self.process.pid
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]

    def end(self, how: int = signal.SIGTERM) -> int:
        """Send a signal and wait for its end."""
        self.process.send_signal(how)
        assert self.process.stderr
        self.lines += self.process.stderr.readlines()
        return self.process.wait(timeout=120)


@contextmanager
def serving(house: House, *options: str, **environment: str) -> Iterator[Serving]:
    process = subprocess.Popen(
        [sys.executable, "-m", "digestmail", "serve", *options],
        cwd=house.folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **_ENVIRONMENT, **environment},
    )
    try:
        yield Serving(process)
    finally:
        process.kill()
        process.wait()
        assert process.stderr
        process.stderr.close()


def get(url: str, token: str = "") -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return str(answer.read().decode())
