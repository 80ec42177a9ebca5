"""A real browser; tests are skipped where there is none."""

import shutil

import pytest


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program."""
    found = shutil.which("chromium")
    if not found:
        pytest.skip("chromium is not here: 'make browser' installs it")
    return found
