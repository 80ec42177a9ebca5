"""What the commands share: options, opening the newsletter, printing."""

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from digestmail.config import Config, load_config
from digestmail.config.values import parse_address
from digestmail.errors import InputError
from digestmail.model import Profile
from digestmail.newsletter import Newsletter
from digestmail.ranking.profile import parse_keywords, split_keywords
from digestmail.wiring import clock_of, now_utc, open_newsletter

#: data goes to stdout, everything that is said about it to stderr
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ATTENTION, TRY_LATER = 1, 75

ConfigOption = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="DIGESTMAIL_CONFIG", help="The configuration.", show_default=True),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
KeywordsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--keyword", "-k", help="A keyword; may be given again, or as a list with commas.", show_default=False
    ),
]
DEFAULT_CONFIG = Path("config.yaml")
_FIRST_DAY = date(1991, 8, 14)  # arXiv opened


def day_of(text: str) -> date:
    """A day as an option has it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date like 2026-06-30") from None


DateOption = Annotated[
    date | None,
    typer.Option("--date", parser=day_of, metavar="YYYY-MM-DD", help="Act as on this day.", show_default=False),
]


SinceOption = Annotated[
    date | None,
    typer.Option(
        "--since",
        parser=day_of,
        metavar="YYYY-MM-DD",
        help="Ask for all that was announced from this day on, known or not.",
        show_default=False,
    ),
]


def read_config(path: Path) -> Config:
    """The configuration, with secrets from the environment. Raises ConfigError."""
    return load_config(path, os.environ)


def profile_of(keywords: list[str] | None) -> Profile:
    """The profile of what was typed after ``-k``. Raises ProfileError."""
    # "-k=word" hands over "=word": the shell and the parser of short options leave the sign there
    return parse_keywords(split_keywords(keyword.removeprefix("=") for keyword in keywords or ()))


def address_of(text: str) -> str:
    """A normalised address. Raises AddressError."""
    return parse_address(text)


@contextmanager
def newsletter_of(config: Path, *, day: date | None = None) -> Iterator[Newsletter]:
    """The newsletter of a configuration, with a progress bar where somebody watches. Raises what opening it raises."""
    today = now_utc().date()
    if day:
        check_day("--date", day, today)
    clock = clock_of(day) if day and day != today else now_utc
    settings = read_config(config)
    with _Bar() as bar, open_newsletter(settings, clock=clock, progress=bar.tell) as newsletter:
        yield newsletter


def check_day(option: str, day: date, today: date) -> None:
    """Raises InputError for a day on which no paper can have been announced."""
    if day > today:
        raise InputError(f"{option} {day} is in the future")
    if day < _FIRST_DAY:
        raise InputError(f"{option} {day} is before there were papers online ({_FIRST_DAY})")


class _Bar:
    """A progress bar on stderr, when that is a terminal."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, what: str, done: int, total: int) -> None:
        """Show how far it is; the bar goes away when the work is done."""
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(what)
        self._progress.update(self._task, description=escape(what), completed=done, total=total or None)
        if total and done >= total:
            self._progress.stop()
            self._task = None


def say(text: str) -> None:
    """One line to the person, on stderr."""
    err.print(escape(text))


def print_json(value: Any) -> None:
    """The value as JSON on stdout."""
    sys.stdout.write(json.dumps(_plain(value), ensure_ascii=False, indent=2) + "\n")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def print_table(*columns: str, rows: list[tuple[object, ...]], title: str | None = None) -> None:
    """A table on stdout; cells are shown as they are."""
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    out.print(table, soft_wrap=False)


def configure_logging(verbose: bool) -> None:
    """Logs go to stderr: warnings, or with ``--verbose`` one line per source, run and delivery."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
        force=True,
    )
    for noisy in ("httpx", "httpcore", "alembic", "apscheduler"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # it logs every bounce that it stumbles over with a traceback, and says it by an exception as well
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


def plural(number: int, noun: str) -> str:
    """``1 paper``, ``1,204 papers``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
