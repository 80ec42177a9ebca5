"""Requests that the OpenAPI document allows, and some that it does not: each answer is one that it promises.

``DIGESTMAIL_FUZZ`` says how many requests there are at most for each operation; ``make fuzz`` asks for many.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from builders import NOON, paper
from digestmail.errors import DeliveryRejected
from digestmail.newsletter.run import run
from digestmail.testing import MemoryTransport
from newsletters import subscription
from served import TOKEN, opener, served

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not here: pip install 'digestmail[fuzz]'"
)

_EXAMPLES = os.environ.get("DIGESTMAIL_FUZZ", "5")
_SETTINGS = Path(__file__).with_name("schemathesis.toml")


def test_every_answer_is_one_that_the_schema_promises(tmp_path: Path, tell: Callable[[object], None]) -> None:
    opened = opener(tmp_path, subscription())
    with opened() as newsletter:
        newsletter.store.corpus.add([paper(f"Quantization {n}", key=f"arxiv:2606.0000{n}") for n in range(9)], NOON)
        # one delivery for the operations that decide about those that have failed
        run(replace(newsletter, transport=MemoryTransport([DeliveryRejected("550 no such user")])))
    report = tmp_path / "report.json"
    with served(opened, lambda: True, wrong_tokens=10**9) as site:
        command = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "--config-file",
            str(_SETTINGS),
            "run",
            f"{site.url}/api/v1/openapi.json",
        ]
        command += ["--url", f"{site.url}/api/v1", "--header", f"Authorization: Bearer {TOKEN}", "--seed", "7"]
        command += ["--max-examples", _EXAMPLES]
        command += ["--continue-on-failure", "--report", "json", "--report-json-path", str(report)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["operations"]["tested"] == found["operations"]["total"] > 0
    assert (found["failures"], found["errors"]) == ([], [])
    tell(f"{found['test_cases']['generated']:,} requests to {found['operations']['tested']} operations: no failure")
