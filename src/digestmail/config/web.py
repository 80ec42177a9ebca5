"""The section about the web pages of ``digestmail serve``.

The descriptions are the words of the reference documentation and of the editors' JSON Schema.
"""

from typing import Literal

from pydantic import Field

from digestmail.config.fields import Flag, Listen, Network, PaperCount, Secret, Section
from digestmail.config.values import Listening


class PagesSettings(Section):
    """How the web pages are served."""

    listen: Listen = Field(
        default=Listening("127.0.0.1", 8000),
        json_schema_extra={"default": "127.0.0.1:8000"},  # pydantic would show the parts
        description="Address and port that the pages are served on, as `127.0.0.1:8000`, `[::1]:8000` or `:8000` (all "
        "addresses).",
    )
    trusted_proxies: tuple[Network, ...] = Field(
        default=(),
        description="Addresses and networks (`127.0.0.1`, `10.0.0.0/8`) of the proxies in front, whose "
        "`X-Forwarded-For` is believed; nobody else's is.",
    )
    admin_token: Secret | None = Field(
        default=None,
        repr=False,
        description="Opens `/admin` and `/api/v1`, which are closed without it; best as `${DIGESTMAIL_ADMIN_TOKEN}`, "
        "which is also what counts when this key is missing.",
    )
    subscribe: Literal["open", "closed"] = Field(
        default="open",
        description="Whether strangers can sign up at `/subscribe`, and confirm by mail; links in the mail need "
        "`newsletter.base_url`. `closed`: only you put readers on the list.",
    )
    page_size: PaperCount = Field(default=50, description="Papers on one page of the archive.")
    public_metrics: Flag = Field(
        default=False,
        description="Show `/metrics` to everyone. Without it: to requests from this machine that no proxy has "
        "passed on, and to those with the admin token.",
    )
