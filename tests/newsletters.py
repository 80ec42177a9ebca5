"""Whole newsletters over a real store and the real templates, with doubles at their edges."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from builders import NOON, THE_LIST
from digestmail.mail.tokens import Tokens
from digestmail.model import Cadence, Gate
from digestmail.newsletter import Newsletter, Rules, Subscription
from digestmail.protocols import Clock, Enricher, Source, Transport
from digestmail.ranking.profile import parse_keywords
from digestmail.rendering.compile import Templates
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, MemoryTransport

ROOT = Path(__file__).parents[1]


def subscription(
    email: str = "reader@example.org",
    keywords: Sequence[str] = ("quantization",),
    cadence: str = "daily",
    gate: Gate = Gate.NORMAL,
) -> Subscription:
    """What a person asks for."""
    profile = replace(parse_keywords(keywords), gate=gate)
    return Subscription(email=email, profile=profile, cadence=Cadence.parse(cadence))


def newsletter(
    store: Store,
    *sources: Source,
    fallbacks: Sequence[Source] = (),
    enrichers: Sequence[Enricher] = (),
    transport: Transport | None = None,
    clock: Clock | None = None,
    subscriptions: Sequence[Subscription] = (),
    **rules: object,
) -> Newsletter:
    """A newsletter over a real store and the real templates, with doubles at its edges."""
    numbers = iter(range(1_000_000))
    return Newsletter(
        mailing_list=THE_LIST,
        rules=Rules(**rules),  # type: ignore[arg-type]
        store=store,
        sources=sources,
        fallbacks=tuple(fallbacks),
        enrichers=tuple(enrichers),
        transport=transport or MemoryTransport(),
        templates=Templates(ROOT / "templates"),
        tokens=Tokens(b"a secret of the tests"),
        subscriptions=tuple(subscriptions),
        clock=clock or FixedClock(NOON),
        new_id=lambda: f"id-{next(numbers)}",
    )
