"""What a key of config.yaml may be set to, and what all sections have in common.

A key without a value (``subscribers:`` with every entry commented out) counts as not written.
"""

from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from digestmail.config import values
from digestmail.config.document import plain
from digestmail.errors import InputError
from digestmail.model import Cadence
from digestmail.ranking.profile import MAX_TOPIC, parse_topic
from digestmail.rendering.language import languages, parse_language

#: pydantic's error type of all that our own parsers refuse
REFUSED = "refused"

_T = TypeVar("_T")


def _read(parse: Callable[[str], _T], unseen: str) -> PlainValidator:
    """Validate with a parser. ``unseen`` is what is said when the text came from the environment and is not shown."""

    def validate(value: object) -> _T:
        if not isinstance(value, str):
            raise PydanticKnownError("string_type")
        try:
            return parse(value)
        except InputError as error:
            raise PydanticCustomError(REFUSED, "{why}", {"why": str(error), "unseen": unseen}) from None

    return PlainValidator(validate, json_schema_input_type=str)


def _unquoted(value: object) -> object:
    # the value of ${NAME} is text, even where a number is wanted
    return plain(value) if isinstance(value, str) else value


Whole = Annotated[int, Strict(), BeforeValidator(_unquoted)]
Number = Annotated[float, Strict(), BeforeValidator(_unquoted)]
# limits stand before the validator, or the JSON Schema does not show them
PaperCount = Annotated[int, Field(strict=True, ge=1, le=100), BeforeValidator(_unquoted)]
Year = Annotated[int, Field(strict=True, ge=1990, le=2100), BeforeValidator(_unquoted)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535), BeforeValidator(_unquoted)]
Connections = Annotated[int, Field(strict=True, ge=1, le=100), BeforeValidator(_unquoted)]
MessageRate = Annotated[float, Field(strict=True, gt=0, le=1_000_000, allow_inf_nan=False), BeforeValidator(_unquoted)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=600, allow_inf_nan=False), BeforeValidator(_unquoted)]
Flag = Annotated[bool, Strict(), BeforeValidator(_unquoted)]
Line = Annotated[str, _read(values.parse_line, "must not be empty")]
FilePath = Annotated[Path, _read(values.parse_path, "not a path")]
Category = Annotated[str, _read(values.parse_category, "not an arXiv category")]
Host = Annotated[str, _read(values.parse_host, "not a host name or an IP address")]
DomainOrAny = Annotated[str, _read(values.parse_domain_or_any, "not the domain of an address")]
Listen = Annotated[
    values.Listening,
    _read(values.parse_listen, "not an address to listen on, such as 127.0.0.1:8000"),
    PlainSerializer(str, return_type=str),
]
Network = Annotated[str, _read(values.parse_network, "not an IP address or a network such as 10.0.0.0/8")]
BaseUrl = Annotated[str, _read(values.parse_base_url, "not a URL like https://papers.example.org")]
WebLink = Annotated[
    str,
    _read(values.parse_web_link, "not a link like https://www.example.org/feed.xml"),
    WithJsonSchema({"type": "string", "format": "uri"}),
]
StoreUrl = Annotated[str, _read(values.parse_store_url, "not a usable database URL")]
Address = Annotated[
    str,
    _read(values.parse_address, "not an address that mail can be sent to"),
    WithJsonSchema({"type": "string", "format": "email"}),
]
BounceAddress = Annotated[
    str,
    _read(values.parse_bounce_address, "not an address that bounces can be sent to"),
    WithJsonSchema({"type": "string", "format": "email"}),
]
Secret = Annotated[str, _read(values.parse_secret, "a secret needs 16 characters or more")]
Selector = Annotated[str, _read(values.parse_selector, "not a selector")]
Domain = Annotated[str, _read(values.parse_domain, "not a domain")]
SenderText = Annotated[
    values.Sender,
    _read(values.parse_sender, "not an address that mail can be sent from"),
    PlainSerializer(str, return_type=str),
]
TemplateName = Annotated[
    str,
    _read(values.parse_template, "not the name of a folder"),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$"}),
]
TimeOfDay = Annotated[
    time,
    _read(values.parse_time_of_day, "not a time of day from 00:00 to 23:59"),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$"}),
]
CadenceText = Annotated[
    Cadence,
    _read(Cadence.parse, "not a cadence: write daily, weekdays or weekly:mon … weekly:sun"),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^(daily|weekdays|weekly(:(mon|tue|wed|thu|fri|sat|sun))?)$"}),
]
LanguageCode = Annotated[
    str,
    _read(parse_language, f"unknown language: write one of {', '.join(languages())}"),
    WithJsonSchema({"type": "string", "enum": list(languages())}),
]
TimeZone = Annotated[str, _read(values.parse_timezone, "unknown time zone")]
# what keywords ask of one another, and how many there may be: rules.py
Keywords = tuple[Annotated[str, _read(values.check_keyword, "not a keyword")], ...]
TopicName = Annotated[
    str, _read(parse_topic, "not a topic"), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_TOPIC})
]
GateName = Literal["strict", "normal", "wide"]


class Section(BaseModel):
    """One mapping of the file: nothing but the keys it knows, nothing that changes."""

    """A mapping of known keys; frozen once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        """The keys as they stand in the file."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.file_keys()}
