"""The documentation and the program say the same."""

import re
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
