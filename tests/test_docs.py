"""The documentation and the program say the same."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from digestmail.cli.app import app

DOCS = Path(__file__).parents[1] / "docs"


def commands() -> list[str]:
    """All commands, as one types them."""
    root = typer.main.get_command(app)

    def walk(command: object, path: str) -> list[str]:
        below = getattr(command, "commands", None)
        return [path] if below is None else [name for key in below for name in walk(below[key], f"{path} {key}")]

    return walk(root, "digestmail")


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_reference(command: str) -> None:
    assert f"`{command}" in (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")


def test_every_command_has_help() -> None:
    root = typer.main.get_command(app)
    assert all(command.help for command in root.commands.values())  # type: ignore[attr-defined]


def _links() -> list[tuple[Path, str]]:
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
    return [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        if "://" not in link
    ]


def test_no_link_between_pages_is_broken() -> None:
    links = _links()
    assert links
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_the_source_of_the_how_to_is_short_and_keeps_the_promises_of_sources(tmp_path: Path) -> None:
    page = (DOCS / "how-to" / "add-a-source.md").read_text(encoding="utf-8")
    source, tests = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    begins = source.splitlines().index("class ReadingGroupSource:")
    assert len(source.splitlines()) - begins < 30
    (tmp_path / "reading_group.py").write_text(source)
    (tmp_path / "test_reading_group.py").write_text(tests)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^9 passed", done.stdout, re.MULTILINE)
