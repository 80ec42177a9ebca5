"""config.yaml → validated settings; every problem at once, with its line."""

from digestmail.config.loading import load_config
from digestmail.config.schema import (
    Config,
    DkimSettings,
    HuggingFaceSettings,
    IssueSettings,
    JsonlSettings,
    NewsletterSettings,
    OutboxSettings,
    PageSettings,
    ScheduleSettings,
    SmtpSettings,
    SourceSettings,
    SubscriberSettings,
    TransportSettings,
    json_schema,
)
from digestmail.config.subscribers import SUBSCRIBER_KEYS, load_subscribers
from digestmail.config.values import Sender

__all__ = [
    "SUBSCRIBER_KEYS",
    "Config",
    "DkimSettings",
    "HuggingFaceSettings",
    "IssueSettings",
    "JsonlSettings",
    "NewsletterSettings",
    "OutboxSettings",
    "PageSettings",
    "ScheduleSettings",
    "Sender",
    "SmtpSettings",
    "SourceSettings",
    "SubscriberSettings",
    "TransportSettings",
    "json_schema",
    "load_config",
    "load_subscribers",
]
