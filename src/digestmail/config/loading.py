"""config.yaml, read and checked."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from digestmail.config.document import MAX_BYTES, read_document
from digestmail.config.problems import explain, format_problem
from digestmail.config.rules import conflicts
from digestmail.config.schema import Config
from digestmail.errors import ConfigError


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """Read a configuration, with ``${NAME}`` and ``${NAME:-default}`` in its values taken from ``environ``.

    Raises ConfigError with all problems of the file at once, by line:
    ``config.yaml:12: sources[0].days: must be 1 or more, got 0``.
    """
    document = read_document(str(path), read_text(path, hint="; 'digestmail init' writes one"), environ)
    problems = [*document.problems, *conflicts(document)]
    try:
        config = Config.model_validate(document.data, context={"folder": path.absolute().parent})
    except ValidationError as error:
        problems += explain(error, document)
    if problems:
        # outside the except block: pydantic's error holds the values, and a traceback would show its chain
        problems.sort(key=lambda problem: problem.line)
        raise ConfigError([format_problem(str(path), problem) for problem in problems])
    return config


def read_text(path: Path, *, limit: int = MAX_BYTES, hint: str = "") -> str:
    """The text of a UTF-8 file of at most ``limit`` bytes; ``hint`` is said when there is none. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file{hint}"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {os.strerror(error.errno) if error.errno else error}"]) from error
    if len(content) > limit:
        raise ConfigError([f"{path}: larger than {limit:,} bytes"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: not UTF-8: byte 0x{content[error.start]:02X}"]) from None
