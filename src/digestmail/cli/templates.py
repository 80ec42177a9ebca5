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
from digestmail.mail.message import build_letter, build_message, message_id
from digestmail.model import LETTER_LIFE, LETTERS, DeliveryKind
from digestmail.rendering.checking import LetterTrial, Trial, letter_trials, trials
from digestmail.rendering.compile import Templates
from digestmail.rendering.extremes import LETTER_UNTIL
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
    """Compile templates and make messages with them that are hard to make: empty, very long, foreign, hostile.

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


def _tried(templates: Templates, name: str, broken: dict[str, str]) -> list[Trial | LetterTrial]:
    found: list[Trial | LetterTrial] = []
    try:
        template = templates.load(name)
        if name in LETTERS:
            return list(letter_trials(name, template))
        found.extend(trials(template))
        for slow in joining_of(template).faults:
            say(f"slower than need be: {slow}")
    except TemplateError as error:
        broken[name] = str(error)
    return found


def _tell(tried: dict[str, list[Trial | LetterTrial]]) -> None:
    rows: list[tuple[object, ...]] = []
    for name, found in tried.items():
        for trial in found:
            size = f"{len(trial.rendered.html.encode('utf-8', 'replace')) / 1024:.1f}"
            rows.append((name, trial.name, _papers(trial), size, len(trial.faults) or "good"))
    if rows:
        print_table("template", "message", "papers", "KB of HTML", "faults", rows=rows)
    for name, found in tried.items():
        for trial in found:
            for fault in trial.faults:
                out.print(f"{name}, {trial.name}: {fault}", markup=False)


def _papers(trial: Trial | LetterTrial) -> int:
    return len(trial.issue.papers) if isinstance(trial, Trial) else 0


def _json(name: str, trial: Trial | LetterTrial) -> dict[str, object]:
    return {
        "template": name,
        "issue": trial.name,
        "papers": _papers(trial),
        "html_bytes": len(trial.rendered.html.encode("utf-8", "replace")),
        "subject": trial.rendered.subject,
        "faults": trial.faults,
    }


def _content(trial: Trial | LetterTrial) -> bytes:
    if isinstance(trial, Trial):
        return build_message(trial.issue, trial.rendered).content
    sender, reader, at = trial.mailing_list, trial.reader, LETTER_UNTIL - LETTER_LIFE
    identity = message_id(sender, reader, at.date(), kind=DeliveryKind.CONFIRM)
    return build_letter(
        sender,
        trial.rendered,
        to=reader.email,
        identity=identity,
        slot=at.date(),
        at=at,
        return_path=sender.sender_address,
    ).content


def _write(folder: Path, name: str, found: list[Trial | LetterTrial]) -> None:
    """``issue-forty-papers.html``, ``.txt`` and ``.eml``, as ``preview`` writes them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for trial in found:
            stem = f"{name}-{trial.name.replace(' ', '-')}".lower()
            (folder / f"{stem}.html").write_text(trial.rendered.html, encoding="utf-8", errors="replace")
            (folder / f"{stem}.txt").write_text(trial.rendered.text, encoding="utf-8", errors="replace")
            (folder / f"{stem}.eml").write_bytes(_content(trial))
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}") from error
