"""The sections about how issues get to their readers, and what comes back.

The descriptions are the words of the reference documentation and of the editors' JSON Schema.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from digestmail.config.fields import (
    Connections,
    DomainOrAny,
    FilePath,
    Host,
    Line,
    MessageRate,
    Number,
    Port,
    Seconds,
    Section,
    Whole,
)


class OutboxSettings(Section):
    """Messages are written to a folder."""

    kind: Literal["outbox"] = Field(
        default="outbox", description="`outbox`: write messages to a folder instead of sending them."
    )
    path: FilePath = Field(default=Path("outbox"), description="The folder.")
    layout: Literal["folder", "days", "maildir"] = Field(
        default="folder",
        description="`folder`: `.eml` files side by side, `days`: in a folder for each day, `maildir`: a Maildir.",
    )


class _ServerSettings(Section):
    """How to reach a mail server. Which of these keys need or exclude one another: ``rules.py``."""

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
    ca_file: FilePath | None = Field(default=None, description="Certificates to trust (PEM) instead of the system's.")

    @property
    def resolved_port(self) -> int:
        """The port, or the usual one for ``tls`` (RFC 6409 §3.1, RFC 8314 §7.3, RFC 5321 §4.5.4.2)."""
        return self.port or {"starttls": 587, "implicit": 465, "none": 25}[self.tls]


class RelaySettings(_ServerSettings):
    """One of several mail servers."""

    host: Host = Field(description="Name or IP address of the mail server.")
    weight: Number = Field(
        default=1.0,
        gt=0,
        le=1000,
        allow_inf_nan=False,
        description="Its share of the messages: one with 3 takes three times as many as one with 1.",
    )
    connections: Connections | None = Field(default=None, description="Instead of `connections` of the transport.")


class SmtpSettings(_ServerSettings):
    """Messages go to a mail server."""

    kind: Literal["smtp"] = Field(description="`smtp`: hand messages to a mail server.")
    host: Host | None = Field(
        default=None, description="Name or IP address of the mail server. Required unless there are `relays`."
    )
    relays: tuple[RelaySettings, ...] = Field(
        default=(),
        min_length=1,
        description="Several mail servers instead of one `host`: when one cannot be reached, the others take over.",
    )
    connections: Connections = Field(
        default=4,
        description="Connections to one server at once at most. There are fewer while it asks to slow down.",
    )
    per_second: MessageRate | None = Field(default=None, description="Messages a second at most.")
    per_minute: MessageRate | None = Field(default=None, description="Messages a minute at most.")
    per_domain: dict[DomainOrAny, MessageRate] = Field(
        default={},
        description="Messages a minute to one recipient domain at most, as in `{gmail.com: 60}`; "
        '`"*"` is every domain that is not named.',
    )
    timeout: Seconds | None = Field(
        default=None,
        description="Seconds that connecting and each answer may take. By default those of RFC 5321: 30 to 300. "
        "For the answer to a whole message it is always 600.",
    )
    ehlo_name: Host | None = Field(
        default=None, description="Name to greet the server with. By default this machine's."
    )

    @property
    def all_relays(self) -> tuple[RelaySettings, ...]:
        """The mail servers, however they are written."""
        keys = {name: getattr(self, name) for name in ("host", *_ServerSettings.model_fields)}
        return self.relays or (RelaySettings.model_construct(**keys),)


TransportSettings = OutboxSettings | SmtpSettings


class BouncesSettings(Section):
    """When mail that comes back ends a subscription, for `digestmail inbound`."""

    soft_limit: Whole = Field(
        default=5,
        ge=1,
        le=100,
        description="This many issues that bounce softly, with none arriving between, suppress.",
    )
    soft_days: Whole = Field(default=30, ge=1, le=365, description="For how many days a soft bounce counts.")
    imap_password: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="For `inbound --imap`; the environment variable `DIGESTMAIL_IMAP_PASSWORD` comes before it.",
    )


class DeliverySettings(Section):
    """How much is done to get an issue to its reader."""

    on_ambiguous: Literal["resend", "hold"] = Field(
        default="resend",
        description="When the connection breaks after a whole message and before the server's answer, so that nobody "
        "knows whether it was accepted: `resend` the same message once, or `hold` it until somebody decides.",
    )
    expire_after_days: Whole = Field(
        default=5, ge=1, le=30, description="For how many days after it was composed an issue is tried again."
    )
