"""Files of subscribers: YAML in the words of config.yaml, or CSV with the same names as columns."""

import csv
import io
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from digestmail.config.document import Document, Problem, read_document
from digestmail.config.fields import Section
from digestmail.config.loading import read_text
from digestmail.config.problems import explain, format_problem
from digestmail.config.rules import conflicts
from digestmail.config.schema import Config, SubscriberSettings
from digestmail.config.values import did_you_mean
from digestmail.errors import ConfigError, InputError
from digestmail.ranking.profile import split_keywords

_MAX_CSV_BYTES = 200_000_000  # a million readers

#: the keys of one subscriber: the columns of a CSV file, whose keywords carry their topic in brackets
SUBSCRIBER_KEYS = tuple(key for key in SubscriberSettings.file_keys() if key != "topics")


_OTHER_SECTIONS = frozenset(Config.file_keys()) - {"subscribers"}


class _SubscribersFile(Section):
    subscribers: tuple[SubscriberSettings, ...] = ()


def load_subscribers(path: Path) -> tuple[SubscriberSettings, ...]:
    """Everyone in a ``.csv`` or ``.yaml`` file; of a whole config.yaml its ``subscribers``.

    Raises InputError with all problems, told as config.yaml's are.
    """
    try:
        document = (
            _csv_document(path) if path.suffix.lower() == ".csv" else read_document(str(path), read_text(path), {})
        )
    except ConfigError as error:
        raise InputError(str(error)) from None
    for section in _OTHER_SECTIONS:
        document.data.pop(section, None)
    problems = [*document.problems, *conflicts(document)]
    try:
        file = _SubscribersFile.model_validate(document.data)
    except ValidationError as error:
        problems += explain(error, document)
    if problems:
        problems.sort(key=lambda problem: problem.line)
        raise InputError("\n".join(format_problem(str(path), problem) for problem in problems))
    return file.subscribers


def _csv_document(path: Path) -> Document:
    document = Document()
    reader = csv.DictReader(io.StringIO(read_text(path, limit=_MAX_CSV_BYTES), newline=""), strict=True)
    rows: list[dict[str, Any]] = []
    try:
        for column in reader.fieldnames or ():
            if column not in SUBSCRIBER_KEYS:
                document.problems.append(
                    Problem(1, (), f"unknown column {column!r}{did_you_mean(column, SUBSCRIBER_KEYS)}")
                )
        for row in reader:
            document.lines["subscribers", len(rows)] = reader.line_num
            rows.append({name: _cell(name, value) for name, value in row.items() if name in SUBSCRIBER_KEYS and value})
    except csv.Error as error:
        raise ConfigError([f"{path}:{reader.line_num}: {error}"]) from None
    document.data["subscribers"] = rows
    return document


def _cell(name: str, value: str) -> object:
    if name == "keywords":
        return split_keywords([value])
    return int(value) if name == "max_papers" and value.isdecimal() else value
