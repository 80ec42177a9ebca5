"""What config.yaml may say: one frozen model per section.

The descriptions are the words of the reference documentation and of the editors' JSON Schema.

A key without a value (``subscribers:`` with every entry commented out) counts as not written.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    Strict,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from digestmail.config import values
from digestmail.config.document import plain
from digestmail.errors import InputError
from digestmail.model import Cadence, Gate, MailingList, Profile
from digestmail.ranking.profile import MAX_TOPIC, parse_keywords, parse_topic, with_topic
from digestmail.rendering.language import languages, parse_language

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

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
Flag = Annotated[bool, Strict(), BeforeValidator(_unquoted)]
Line = Annotated[str, _read(values.parse_line, "must not be empty")]
FilePath = Annotated[Path, _read(values.parse_path, "not a path")]
Host = Annotated[str, _read(values.parse_host, "not a host name or an IP address")]
BaseUrl = Annotated[str, _read(values.parse_base_url, "not a URL like https://papers.example.org")]
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


class DkimSettings(Section):
    """A key that signs every message."""

    key: FilePath = Field(
        description="The private key: a file that `digestmail dkim new` made, PEM, or an Ed25519 seed in base64."
    )
    selector: Selector = Field(
        default="digestmail", description="Its name in DNS: `SELECTOR._domainkey.DOMAIN` holds the public key."
    )
    domain: Domain | None = Field(
        default=None, description="The domain that signs; by default that of `from`, which receivers want."
    )


class NewsletterSettings(Section):
    """Who sends."""

    name: Line = Field(description="Name of the newsletter, in subjects and headings.")
    sender: SenderText = Field(
        alias="from", description="Sender of every issue: `Name <address>`, or an address alone."
    )
    base_url: BaseUrl | None = Field(
        default=None,
        description="Where readers reach the web pages (http or https). Without it, issues carry no links to them; "
        "unsubscribing by one click needs https and a name that strangers can look up.",
    )
    reply_to: Address | None = Field(
        default=None,
        description="Where answers of readers go, and what the list's owner is reached by. By default to `from`.",
    )
    bounce_address: BounceAddress | None = Field(
        default=None,
        description="Takes what comes back: `bounces@example.org` makes every reader's return path "
        "`bounces+TOKEN@example.org`, so the server must deliver both. By default everything comes back to `from`.",
    )
    plus_addressing: Flag = Field(
        default=False,
        description="The server also delivers `papers+anything@…` to `papers@…` of `from`: then unsubscribing by mail "
        "has an address per reader, else a subject.",
    )
    secret: Secret | None = Field(
        default=None,
        repr=False,
        description="Signs the links in messages; best as `${DIGESTMAIL_SECRET}`. By default one is made and kept "
        "beside the SQLite file; PostgreSQL needs it here.",
    )
    dkim: tuple[DkimSettings, ...] = Field(
        default=(), description="Keys that sign messages; none when the relay signs. RSA first, then Ed25519."
    )

    language: LanguageCode = Field(
        default="en", description="Language of issues, for readers who choose none; papers stay as they are."
    )

    @property
    def mailing_list(self) -> MailingList:
        """The same as the model's noun; a sender without a name takes the newsletter's."""
        return MailingList(
            name=self.name,
            sender_name=self.sender.name or self.name,
            sender_address=self.sender.address,
            base_url=self.base_url,
            language=self.language,
            reply_to=self.reply_to,
            bounce_address=self.bounce_address,
            plus_addressing=self.plus_addressing,
        )


class _SourceSettings(Section):
    name: Line | None = Field(default=None, description="What reports call the source. By default its kind and path.")
    fallback: Flag = Field(
        default=False,
        description="Read only when no other source answered, and only until the corpus holds live papers.",
    )


class HuggingFaceSettings(_SourceSettings):
    """The papers of Hugging Face's Daily Papers."""

    kind: Literal["huggingface"] = Field(description="`huggingface`: the live Daily Papers.")
    days: Whole = Field(default=2, ge=1, le=30, description="How many days to look back, today included.")
    limit: Whole = Field(default=100, ge=1, le=100, description="Papers asked for per day.")
    path: FilePath | None = Field(default=None, description="A saved response to read instead of asking the site.")

    @property
    def label(self) -> str:
        """What reports call it, unique in one configuration."""
        return self.name or self.kind


class PageSettings(_SourceSettings):
    """A saved page of Daily Papers."""

    kind: Literal["page"] = Field(description="`page`: a Daily Papers page saved as text.")
    path: FilePath = Field(description="The saved page.")
    year: Year | None = Field(
        default=None,
        description="Year of the page's dates, which name none. By default the latest that fits.",
    )

    @property
    def label(self) -> str:
        """What reports call it, unique in one configuration."""
        return self.name or f"{self.kind}:{self.path}"


class JsonlSettings(_SourceSettings):
    """Papers in a file of your own."""

    kind: Literal["jsonl"] = Field(description="`jsonl`: one paper per line as a JSON object.")
    path: FilePath = Field(description="The file.")

    @property
    def label(self) -> str:
        """What reports call it, unique in one configuration."""
        return self.name or f"{self.kind}:{self.path}"


SourceSettings = HuggingFaceSettings | PageSettings | JsonlSettings


class IssueSettings(Section):
    """What goes into an issue."""

    max_papers: PaperCount = Field(default=10, description="Papers in one issue; the rest competes again next time.")
    max_age_days: Whole = Field(
        default=7, ge=1, le=365, description="For how many days after it was first seen a paper may be sent."
    )
    gate: GateName = Field(
        default="normal",
        description="How much evidence a paper needs, for readers who name no gate: `strict` means few and sure, "
        "`wide` more and looser.",
    )
    empty: Literal["skip", "send"] = Field(
        default="skip", description="When nothing matched: `skip` the issue, or `send` one that says so."
    )
    template: TemplateName = Field(
        default="issue",
        description="The template of issues: a folder of your `templates`, or a shipped one (`issue`, `compact`).",
    )


class ScheduleSettings(Section):
    """When issues are due."""

    at: TimeOfDay = Field(
        default=time(0, 0),
        json_schema_extra={"default": "00:00"},  # pydantic would add the seconds
        description="An issue is due from this time of the subscriber's day on, as `HH:MM`.",
    )
    every_minutes: Whole = Field(
        default=15, ge=1, le=1440, description="How often `digestmail serve` looks for issues that are due, in minutes."
    )


class OutboxSettings(Section):
    """Messages are written to a folder."""

    kind: Literal["outbox"] = Field(
        default="outbox", description="`outbox`: write messages to a folder instead of sending them."
    )
    path: FilePath = Field(default=Path("outbox"), description="The folder.")


class SmtpSettings(Section):
    """Messages go to a mail server. Which of these keys need or exclude one another: ``rules.py``."""

    kind: Literal["smtp"] = Field(description="`smtp`: hand messages to a mail server.")
    host: Host = Field(description="Name or IP address of the mail server.")
    port: Port | None = Field(
        default=None, description="By default 587 for `starttls`, 465 for `implicit`, 25 for `none`."
    )
    tls: Literal["starttls", "implicit", "none"] = Field(
        default="starttls",
        description="`starttls` encrypts before anything is sent, `implicit` from the first byte, `none` never.",
    )
    username: Line | None = Field(default=None, description="To log in with; needs `password`.")
    password: SecretStr | None = Field(
        default=None, min_length=1, description="To log in with; best as `${SMTP_PASSWORD}`."
    )
    timeout: Number = Field(
        default=30.0, gt=0, le=600, allow_inf_nan=False, description="Seconds to wait for the server."
    )
    ca_file: FilePath | None = Field(default=None, description="Certificates to trust (PEM) instead of the system's.")
    ehlo_name: Host | None = Field(
        default=None, description="Name to greet the server with. By default this machine's."
    )

    @property
    def resolved_port(self) -> int:
        """The port, or the usual one for ``tls`` (RFC 6409 §3.1, RFC 8314 §7.3, RFC 5321 §4.5.4.2)."""
        return self.port or {"starttls": 587, "implicit": 465, "none": 25}[self.tls]


TransportSettings = OutboxSettings | SmtpSettings


class SubscriberSettings(Section):
    """One reader whose profile is kept in the file."""

    email: Address = Field(description="Where issues go.")
    keywords: Keywords = Field(
        default=(), description="What to look for. Without keywords: the day's papers by upvotes."
    )
    topics: dict[TopicName, Keywords] = Field(
        default={},
        description="More keywords, in groups: an issue shows the papers of each under its name.",
    )
    gate: GateName | None = Field(default=None, description="`strict`, `normal` or `wide`, instead of `issue.gate`.")
    cadence: CadenceText = Field(
        default=Cadence(),
        json_schema_extra={"default": str(Cadence())},  # pydantic would show the parts of the dataclass
        description="`daily`, `weekdays`, or one day a week: `weekly:mon` … `weekly:sun`.",
    )
    timezone: TimeZone = Field(default="UTC", description="IANA name such as `Europe/Berlin`; decides which day it is.")
    max_papers: PaperCount | None = Field(
        default=None, description="Papers in one issue, instead of `issue.max_papers`."
    )
    language: LanguageCode | None = Field(
        default=None, description="Language of the issue, instead of `newsletter.language`."
    )

    def profile(self, gate: Gate) -> Profile:
        """Keywords and topics, read; ``gate`` is for those who name none. Raises ProfileError where ``rules`` would."""
        grouped = [with_topic(topic, text) for topic, texts in self.topics.items() for text in texts]
        return replace(parse_keywords([*self.keywords, *grouped]), gate=Gate(self.gate) if self.gate else gate)


class Config(Section):
    """All of config.yaml. Relative paths in it are relative to its folder: see ``resolve``."""

    newsletter: NewsletterSettings = Field(description="Who sends.")
    store: StoreUrl = Field(
        default="sqlite:///digestmail.db",
        repr=False,  # it may hold a password
        description="Database URL: `sqlite:///file` or `postgresql://user:password@host/name`.",
    )
    sources: tuple[Annotated[SourceSettings, Field(discriminator="kind")], ...] = Field(
        min_length=1,
        description="Where papers come from; one entry at least.",
    )
    issue: IssueSettings = Field(default=IssueSettings(), description="What goes into an issue.")
    schedule: ScheduleSettings = Field(default=ScheduleSettings(), description="When issues are due.")
    transport: Annotated[TransportSettings, Field(discriminator="kind")] = Field(
        default=OutboxSettings(),
        description="Where messages go.",
    )
    templates: FilePath = Field(
        default=Path("templates"),
        description="A folder with templates of your own; they come before shipped ones of the same name.",
    )
    subscribers: tuple[SubscriberSettings, ...] = Field(
        default=(),
        description="Readers whose profiles are kept in this file; others subscribe by command line or web.",
    )

    _folder: Path = Path()

    @model_validator(mode="after")
    def _remember_folder(self, info: ValidationInfo) -> "Config":
        self._folder = (info.context or {}).get("folder", Path())
        return self

    @property
    def folder(self) -> Path:
        """Absolute path of the folder that the file lies in."""
        return self._folder

    def resolve(self, path: Path) -> Path:
        """A path of this configuration as an absolute path."""
        return self._folder / path

    @property
    def store_url(self) -> "URL":
        """The database URL with an absolute path. Its ``str()`` hides the password."""
        from sqlalchemy.engine import make_url

        url = make_url(self.store)
        if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
            return url
        return url.set(database=str(self.resolve(Path(url.database))))


#: The sections whose ``kind`` decides which keys they have.
KINDS: dict[str, dict[str, type[Section]]] = {
    "sources": {"huggingface": HuggingFaceSettings, "jsonl": JsonlSettings, "page": PageSettings},
    "transport": {"outbox": OutboxSettings, "smtp": SmtpSettings},
}
_SECTIONS: dict[str, type[Section]] = {
    "newsletter": NewsletterSettings,
    "newsletter.dkim": DkimSettings,
    "issue": IssueSettings,
    "schedule": ScheduleSettings,
    "subscribers": SubscriberSettings,
}


def known_keys(section: str | None, kind: str | None) -> tuple[str, ...]:
    """The keys that a section may have; None is the top level."""
    if section is None:
        return Config.file_keys()
    if section in KINDS:
        return KINDS[section][kind].file_keys() if kind in KINDS[section] else ()
    return _SECTIONS[section].file_keys()


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of config.yaml, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
        "title": "digestmail configuration",
    }
