"""Fixtures that every test may ask for."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from digestmail.storage.store import Store

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from digestmail.newsletter import Newsletter

# asserts there say what they compare, too
pytest.register_assert_rewrite("digestmail.testing.contracts")

ROOT = Path(__file__).parents[1]

# no test asserts how long something takes: speed lives in benchmarks/. CI takes the same examples each time: what fails
# there is what was changed, and new examples are looked for by whoever works on it
settings.register_profile("digestmail", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("digestmail")


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Path of a real-data file or folder; the test is skipped where the data is not at hand.

    The data (third-party pages and responses) is not part of the repository. It is looked for in
    ``$DIGESTMAIL_TEST_DATA``, else in ``shared/data`` beside the checkout.
    """
    folder = Path(os.environ.get("DIGESTMAIL_TEST_DATA") or ROOT.parent / "shared" / "data")

    def find(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"real data {name!r} is not here (set DIGESTMAIL_TEST_DATA)")
        return folder / name

    return find


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in a file of its own."""
    store = Store(f"sqlite:///{tmp_path / 'digestmail.db'}")
    yield store
    store.close()


@pytest.fixture
def client(daily: "Newsletter") -> "Iterator[TestClient]":
    """The pages of the newsletter that a module of tests has as ``daily``."""
    # imported here: most tests have no use for a web framework
    from pages import site

    with site(daily) as asking:
        yield asking


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Print something when all tests are done, whatever becomes of this one."""
    return lambda what: request.node.user_properties.append(("told", str(what)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests have made, also in parallel runs."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    for report in sorted(reports, key=lambda report: report.nodeid):
        lines = [line for name, line in report.user_properties if name == "told"]
        if lines and report.when == "call":
            terminalreporter.write_sep("-", report.nodeid)
            terminalreporter.write_line("\n\n".join(lines))
