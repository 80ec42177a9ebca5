"""Subscribers as files: CSV for spreadsheets, YAML in the words of config.yaml."""

import csv
import io
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from digestmail.config import SUBSCRIBER_KEYS, load_subscribers
from digestmail.errors import InputError
from digestmail.model import Gate, Subscriber
from digestmail.newsletter import Subscription
from digestmail.ranking.profile import format_keywords
from digestmail.wiring import subscription


class Kind(StrEnum):
    """The formats."""

    CSV = "csv"
    YAML = "yaml"


def kind_of(path: Path, *, default: Kind | None = None) -> Kind:
    """The format that a file name ends with. Raises InputError for another one without a default."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix in ("yaml", "yml"):
        return Kind.YAML
    if suffix == "csv":
        return Kind.CSV
    if default and not suffix:
        return default
    raise InputError(f"{path}: the name should end with .csv or .yaml")


def read(path: Path, gate: Gate) -> list[Subscription]:
    """Everyone in a file; ``gate`` is for those who name none. Raises InputError with all problems of the file."""
    kind_of(path)
    return [subscription(reader, gate) for reader in load_subscribers(path)]


def record(subscriber: Subscriber) -> dict[str, Any]:
    """One subscriber in plain values, by the names that config.yaml uses, their status and their opinions."""
    return {
        "email": subscriber.email,
        "keywords": format_keywords(subscriber.profile),
        "gate": str(subscriber.profile.gate),
        "cadence": str(subscriber.cadence),
        "timezone": subscriber.timezone,
        "max_papers": subscriber.max_papers,
        "language": subscriber.language,
        "status": str(subscriber.status),
        "origin": str(subscriber.origin),
        "liked": [paper.key for paper in subscriber.profile.liked],
        "disliked": [paper.key for paper in subscriber.profile.disliked],
    }


def write(subscribers: Iterable[Subscriber], kind: Kind) -> str:
    """The text of a file that ``read`` understands."""
    records = [{key: record(subscriber)[key] for key in SUBSCRIBER_KEYS} for subscriber in subscribers]
    if kind is Kind.YAML:
        lean = [{key: value for key, value in one.items() if value is not None} for one in records]
        return yaml.safe_dump({"subscribers": lean}, allow_unicode=True, sort_keys=False)
    file = io.StringIO(newline="")
    table = csv.DictWriter(file, SUBSCRIBER_KEYS, lineterminator="\n")
    table.writeheader()
    table.writerows({**one, "keywords": "; ".join(one["keywords"])} for one in records)
    return file.getvalue()
