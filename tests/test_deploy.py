"""What lies in deploy/ fits the program: its commands exist, its files parse, nothing runs as root."""

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from digestmail.cli.app import app
from digestmail.config.values import parse_listen

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
COMMANDS = typer.main.get_command(app)


def options_of(command: str) -> set[str]:
    """The options of a command, as one types them."""
    found = COMMANDS.commands[command]  # type: ignore[attr-defined]
    return {name for parameter in found.params for name in parameter.opts}


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


def assert_parses(words: list[str]) -> None:
    """``[--verbose] COMMAND --option value …`` is something that digestmail takes."""
    command, *rest = [word for word in words if word != "--verbose"]
    assert {word for word in rest if word.startswith("--")} <= options_of(command)


@pytest.mark.parametrize("path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name)
def test_the_units_start_commands_that_exist_as_a_user_without_rights(path: Path) -> None:
    service = unit(path)["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert Path(program).name == "digestmail"
    assert_parses(words)
    assert service["User"] == "digestmail"
    assert service["NoNewPrivileges"] == "yes"


def test_the_timer_starts_a_unit_that_is_there_and_catches_up() -> None:
    [timer] = [path for path in UNITS if path.suffix == ".timer"]
    assert timer.with_suffix(".service") in UNITS
    assert unit(timer)["Timer"]["Persistent"] == "true"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    program = tmp_path / "digestmail"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace("/opt/digestmail/bin/digestmail", str(program))
        (tmp_path / path.name).write_text(text)
    command = ["systemd-analyze", "verify", *(str(tmp_path / path.name) for path in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if "digestmail" in line]
    assert (done.returncode, told) == (0, []), done.stderr


def test_the_image_starts_what_exists_as_a_user_without_rights_and_looks_after_itself() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    [words] = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    command = yaml.safe_load(words)
    assert_parses(command)
    assert parse_listen(command[command.index("--listen") + 1]).port == 8000
    assert "127.0.0.1:8000/healthz" in text
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["digestmail"]
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"python:3.13-slim"}


def test_the_compose_file_is_on_this_machine_only_and_gives_time_to_end() -> None:
    [service] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"].values()
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["stop_grace_period"] == "2m"
    assert service["read_only"]
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
