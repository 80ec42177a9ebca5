"""``init`` and ``config``: the first minutes."""

from pathlib import Path
from typing import Annotated

import typer

from digestmail.cli.common import DEFAULT_CONFIG, ConfigOption, out, print_json, read_config, say
from digestmail.config import json_schema
from digestmail.errors import InputError
from digestmail.keys import dkim_keys
from digestmail.model import LETTERS
from digestmail.wiring import open_templates, shipped

config_app = typer.Typer(help="Check the configuration.", no_args_is_help=True)

_SAMPLE = Path("samples", "daily-papers.txt")


def init(
    folder: Annotated[Path, typer.Argument(help="Where to put it.", metavar="[DIR]")] = Path(),
) -> None:
    """Write a commented config.yaml for real use, and a sample page for the first look. Never overwrites."""
    sample = (shipped("samples") / _SAMPLE.name).read_text(encoding="utf-8")
    written = [_write_new(folder / DEFAULT_CONFIG, (shipped("samples") / "config.yaml").read_text(encoding="utf-8"))]
    if not (folder / _SAMPLE).exists():
        written.append(_write_new(folder / _SAMPLE, sample))
    for path in written:
        out.print(str(path), markup=False)
    say("Next: put your newsletter's name and address into config.yaml, then")
    say("  digestmail subscribe you@example.org -k transformers -k '\"mixture of experts\"^3'")
    say("  digestmail fetch && digestmail preview --open")


def _write_new(path: Path, content: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        raise InputError(f"{path} is there already: nothing was changed") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    return path


@config_app.command("check")
def check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Read the configuration, compile the templates, read the keys; every problem is told with its line.

    Exits with 78 when there is one.
    """
    settings = read_config(config)
    templates = open_templates(settings)
    for name in (settings.issue.template, *LETTERS):
        templates.load(name)
    dkim_keys(settings)
    sources = ", ".join(source.label for source in settings.sources)
    say(f"{config}: good ({sources} → {settings.transport.kind}, {len(settings.subscribers)} subscribers in the file)")


@config_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of config.yaml, for editors that complete and check while you type."""
    print_json(json_schema())
