"""Where the worlds are that get killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crash.world import Yard

_TESTS = Path(__file__).parents[1]
# what a mail server does wrong while the sender is killed, too
FAULTS = (
    *("dot:accepted-drop=0.08", "RCPT:4xx=0.10", "body:drop=0.05", "MAIL:421=0.05", "dot:451 4.3.0 Try later=0.05"),
)


@contextmanager
def smtp_yard(folder: Path, *faults: str) -> Iterator[Yard]:
    """Worlds that deliver to a mail server, which writes down what it accepted before it says so."""
    log = folder / "accepted.jsonl"
    log.touch()
    told = [argument for fault in faults for argument in ("--fault", fault)]
    command = [sys.executable, "-m", "faultsmtp", "--port", "0", "--log", str(log), "--seed", "7", *told]
    with subprocess.Popen(command, cwd=_TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yard = Yard(folder, {"kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "none", "connections": 2}, log)
        try:
            yield yard
        finally:
            yard.close()
            server.terminate()


@pytest.fixture(scope="module")
def outbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Worlds that deliver into a folder."""
    yard = Yard(tmp_path_factory.mktemp("outbox"))
    yield yard
    yard.close()


@pytest.fixture(scope="module")
def smtp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Worlds that deliver to a mail server that works."""
    with smtp_yard(tmp_path_factory.mktemp("smtp")) as yard:
        yield yard


@pytest.fixture(scope="module")
def unreliable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Worlds that deliver to a mail server that does everything wrong now and then."""
    with smtp_yard(tmp_path_factory.mktemp("unreliable"), *FAULTS) as yard:
        yield yard


@pytest.fixture(params=["outbox", "smtp"])
def yard(request: pytest.FixtureRequest) -> Yard:
    """Both, one after the other."""
    found: Yard = request.getfixturevalue(request.param)
    return found
