"""config.yaml → validated settings; every problem at once, with its line."""

from digestmail.config.enrichment import EnricherSettings, OpenAlexSettings, SemanticScholarSettings
from digestmail.config.loading import load_config
from digestmail.config.mailing import DeliverySettings, OutboxSettings, RelaySettings, SmtpSettings, TransportSettings
from digestmail.config.schema import (
    Config,
    DkimSettings,
    IssueSettings,
    NewsletterSettings,
    ScheduleSettings,
    SubscriberSettings,
    json_schema,
)
from digestmail.config.sources import (
    ArxivSettings,
    BiorxivSettings,
    FeedSettings,
    FilesSettings,
    HuggingFaceSettings,
    JsonlSettings,
    PageSettings,
    SourceSettings,
)
from digestmail.config.subscribers import SUBSCRIBER_KEYS, load_subscribers
from digestmail.config.values import Listening, Sender
from digestmail.config.web import PagesSettings

__all__ = [
    "SUBSCRIBER_KEYS",
    "ArxivSettings",
    "BiorxivSettings",
    "Config",
    "DeliverySettings",
    "DkimSettings",
    "EnricherSettings",
    "FeedSettings",
    "FilesSettings",
    "HuggingFaceSettings",
    "IssueSettings",
    "JsonlSettings",
    "Listening",
    "NewsletterSettings",
    "OpenAlexSettings",
    "OutboxSettings",
    "PageSettings",
    "PagesSettings",
    "RelaySettings",
    "ScheduleSettings",
    "SemanticScholarSettings",
    "Sender",
    "SmtpSettings",
    "SourceSettings",
    "SubscriberSettings",
    "TransportSettings",
    "json_schema",
    "load_config",
    "load_subscribers",
]
