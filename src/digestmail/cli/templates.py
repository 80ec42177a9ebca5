"""``templates``: try templates out before readers do."""

from pathlib import Path
from typing import Annotated

import typer

from digestmail.cli.common import (
    ATTENTION,
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    out,
    print_json,
    print_table,
    read_config,
    say,
)
from digestmail.errors import InputError, TemplateError
from digestmail.mail.message import build_message
from digestmail.rendering.checking import Trial, trials
from digestmail.rendering.compile import Templates
from digestmail.rendering.joining import joining_of
from digestmail.wiring import open_templates

app = typer.Typer(help="Try templates out.", no_args_is_help=True)


@app.callback()
def _templates() -> None:
    """Try templates out."""  # a callback, so that "check" stays the name of a command while it is the only one


@app.command("check")
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Templates; by default all.", show_default=False)] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", "-o", help="Keep the messages in this folder.", show_default=False)
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Compile templates and make issues with them that are hard to make: empty, very long, foreign, hostile.

    Each is checked: hostile words escaped, the same links in HTML and text, small enough for Gmail, nothing left to
    fill. Exits with 1 when there is a fault.

    [bold]Examples[/bold]

        digestmail templates check

        digestmail templates check mine --out trials
    """
    templates = open_templates(read_config(config))
    broken: dict[str, str] = {}
    tried = {name: list(_tried(templates, name, broken)) for name in names or templates.names()}
    if folder:
        for name, found in tried.items():
            _write(folder, name, found)
    if as_json:
        print_json(
            {"trials": [_json(name, trial) for name, found in tried.items() for trial in found], "broken": broken}
        )
    else:
        _tell(tried)
    for problem in broken.values():
        for line in problem.splitlines():
            say(line)
    if broken or any(trial.faults for found in tried.values() for trial in found):
        raise typer.Exit(ATTENTION)


def _tried(templates: Templates, name: str, broken: dict[str, str]) -> list[Trial]:
    found: list[Trial] = []
    try:
        template = templates.load(name)
        found.extend(trials(template))
        for slow in joining_of(template).faults:
            say(f"slower than need be: {slow}")
    except TemplateError as error:
        broken[name] = str(error)
    return found


def _tell(tried: dict[str, list[Trial]]) -> None:
    rows: list[tuple[object, ...]] = []
    for name, found in tried.items():
        for trial in found:
            size = f"{len(trial.rendered.html.encode('utf-8', 'replace')) / 1024:.1f}"
            rows.append((name, trial.name, len(trial.issue.papers), size, len(trial.faults) or "good"))
    if rows:
        print_table("template", "issue", "papers", "KB of HTML", "faults", rows=rows)
    for name, found in tried.items():
        for trial in found:
            for fault in trial.faults:
                out.print(f"{name}, {trial.name}: {fault}", markup=False)


def _json(name: str, trial: Trial) -> dict[str, object]:
    return {
        "template": name,
        "issue": trial.name,
        "papers": len(trial.issue.papers),
        "html_bytes": len(trial.rendered.html.encode("utf-8", "replace")),
        "subject": trial.rendered.subject,
        "faults": trial.faults,
    }


def _write(folder: Path, name: str, found: list[Trial]) -> None:
    """``issue-forty-papers.html``, ``.txt`` and ``.eml``, as ``preview`` writes them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for trial in found:
            message = build_message(trial.issue, trial.rendered)
            stem = f"{name}-{trial.name.replace(' ', '-')}".lower()
            (folder / f"{stem}.html").write_text(trial.rendered.html, encoding="utf-8", errors="replace")
            (folder / f"{stem}.txt").write_text(trial.rendered.text, encoding="utf-8", errors="replace")
            (folder / f"{stem}.eml").write_bytes(message.content)
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}") from error
