"""The installed command, run as a person runs it: in a folder of its own, in a process of its own."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from digestmail.cli import main

ROOT = Path(__file__).parents[1]
# one cache for all houses, so that templates are compiled once; it goes away with the tests
_CACHE = tempfile.TemporaryDirectory(prefix="digestmail-cache-")
# nothing may leave this machine: whoever asks for the world is refused at once by the discard port of loopback
_ENVIRONMENT = {
    "NO_COLOR": "1",
    "COLUMNS": "100",
    "XDG_CACHE_HOME": _CACHE.name,
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"),
}


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    stdout: str
    stderr: str


@dataclass
class House:
    """A folder with a configuration, and the command that runs in it."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)

    def write(self, **changes: Any) -> None:
        """Change the configuration."""
        self.config.update(changes)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config), encoding="utf-8")

    def __call__(self, *arguments: str, code: int = 0) -> Done:
        """Run the command in this process; it must end with this exit code."""
        stdout, stderr = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, _ENVIRONMENT),
            mock.patch.object(sys, "argv", ["digestmail", *arguments]),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            try:
                main()
                ended = 0
            except SystemExit as exit_:
                ended = int(exit_.code or 0)
        done = Done(ended, stdout.getvalue(), stderr.getvalue())
        assert done.code == code, done
        return done

    def process(self, *arguments: str, code: int = 0, typed: str = "") -> Done:
        """Run the installed command in a process of its own, with what is typed when it asks; never a traceback."""
        done = subprocess.run(
            [sys.executable, "-m", "digestmail", *arguments],
            cwd=self.folder,
            env={**os.environ, **_ENVIRONMENT},
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, done
        return Done(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What the command prints for programs."""
        return json.loads(self(*arguments, "--json", code=code).stdout)

    @property
    def outbox(self) -> list[Path]:
        """The messages, oldest slot first."""
        return sorted((self.folder / "outbox").glob("*.eml"))

    def sent(self, email: str = "reader@example.org") -> list[list[str]]:
        """The paper keys of each issue that was sent, oldest first."""
        ledger = self.json("ledger", email, "--limit", "100")
        return [[paper["key"] for paper in one["papers"]] for one in reversed(ledger) if one["status"] == "sent"]
