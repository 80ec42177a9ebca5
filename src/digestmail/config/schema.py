"""What config.yaml may say: one frozen model per section.

The descriptions are the words of the reference documentation and of the editors' JSON Schema.
"""

from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from digestmail.config.enrichment import ENRICHER_KINDS, EnricherSettings
from digestmail.config.fields import (
    Address,
    BaseUrl,
    BounceAddress,
    CadenceText,
    Domain,
    FilePath,
    Flag,
    GateName,
    Keywords,
    LanguageCode,
    Line,
    PaperCount,
    Secret,
    Section,
    Selector,
    SenderText,
    StoreUrl,
    TemplateName,
    TimeOfDay,
    TimeZone,
    TopicName,
    Whole,
)
from digestmail.config.mailing import (
    BouncesSettings,
    DeliverySettings,
    OutboxSettings,
    RelaySettings,
    SmtpSettings,
    TransportSettings,
)
from digestmail.config.sources import SOURCE_KINDS, SourceSettings
from digestmail.config.web import PagesSettings
from digestmail.model import Cadence, Gate, MailingList, Profile
from digestmail.ranking.profile import parse_keywords, with_topic

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


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
    followups: Literal["off", "on"] = Field(
        default="off",
        description="Whether readers are told, once and in their next issue, when a paper that they were sent is "
        "withdrawn, gets a new version with another abstract, is published, or has code: `on`.",
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
    enrichment: tuple[Annotated[EnricherSettings, Field(discriminator="kind")], ...] = Field(
        default=(),
        description="Indexes that know where papers were published and how often they are cited; none is needed.",
    )
    issue: IssueSettings = Field(default=IssueSettings(), description="What goes into an issue.")
    schedule: ScheduleSettings = Field(default=ScheduleSettings(), description="When issues are due.")
    transport: Annotated[TransportSettings, Field(discriminator="kind")] = Field(
        default=OutboxSettings(),
        description="Where messages go.",
    )
    bounces: BouncesSettings = Field(
        default=BouncesSettings(), description="When mail that comes back ends a subscription."
    )
    delivery: DeliverySettings = Field(
        default=DeliverySettings(), description="How much is done to get an issue to its reader."
    )
    web: PagesSettings | None = Field(
        default=None,
        description="The web pages of `digestmail serve`, which are on when this section or `newsletter.base_url` is "
        "there.",
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
    "sources": SOURCE_KINDS,
    "enrichment": ENRICHER_KINDS,
    "transport": {"outbox": OutboxSettings, "smtp": SmtpSettings},
}
_SECTIONS: dict[str, type[Section]] = {
    "newsletter": NewsletterSettings,
    "newsletter.dkim": DkimSettings,
    "issue": IssueSettings,
    "schedule": ScheduleSettings,
    "bounces": BouncesSettings,
    "delivery": DeliverySettings,
    "transport.relays": RelaySettings,
    "web": PagesSettings,
    "subscribers": SubscriberSettings,
}


def known_keys(section: str | None, kind: str | None) -> tuple[str, ...]:
    """The keys that a section may have, by the key it stands under; None is the top level."""
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
