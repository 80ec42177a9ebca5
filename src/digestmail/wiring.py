"""Puts the adapters that a configuration names together. The only module that knows them all."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path

from digestmail.config import (
    Config,
    FeedSettings,
    FilesSettings,
    HuggingFaceSettings,
    JsonlSettings,
    OutboxSettings,
    RelaySettings,
    SourceSettings,
    SubscriberSettings,
    TransportSettings,
)
from digestmail.keys import dkim_keys, is_exposed, private_files, signing_of, tokens_of
from digestmail.model import Gate
from digestmail.newsletter import Newsletter, Progress, Rules, Subscription, no_progress
from digestmail.protocols import Check, Clock, Probe, Source, State, Transport
from digestmail.rendering.compile import Templates
from digestmail.sources.feed.source import FeedSource
from digestmail.sources.fetching import PoliteClient
from digestmail.sources.files.jsonl import JsonlSource
from digestmail.sources.files.source import FilesSource
from digestmail.sources.huggingface import HuggingFaceSource, SavedHuggingFaceSource
from digestmail.sources.page import PageSource
from digestmail.storage.store import Store
from digestmail.transports.outbox import Layout, OutboxTransport
from digestmail.transports.smtp import Deadlines, Limits, Relay, SmtpTransport

# nobody waits for five minutes to be told that a server is slow
_PROBE_SECONDS = 30.0


def shipped(name: str) -> Path:
    """A folder that ships with digestmail (``templates``, ``samples``):

    Beside the code in a wheel, at the top of a checkout.
    """
    package = Path(__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parents[1] / name


def now_utc() -> datetime:
    """The present."""
    return datetime.now(UTC)


def clock_of(day: date) -> Clock:
    """A clock that stands at noon (UTC) of one day, for the run of a day that is over."""
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    return lambda: noon


@contextmanager
def open_newsletter(
    config: Config, *, clock: Clock = now_utc, progress: Progress = no_progress
) -> Iterator[Newsletter]:
    """The newsletter of a configuration; the store is closed at the end. Raises StoreError.

    Its transport belongs to the event loop that sends: ``deliver`` closes it.
    """
    client = PoliteClient(contact=config.newsletter.sender.address)
    store = Store(config.store_url.render_as_string(hide_password=False))
    transport = open_transport(config, config.transport)
    try:
        yield Newsletter(
            mailing_list=config.newsletter.mailing_list,
            rules=Rules(
                max_papers=config.issue.max_papers,
                max_age_days=config.issue.max_age_days,
                gate=Gate(config.issue.gate),
                send_empty=config.issue.empty == "send",
                template=config.issue.template,
                at=config.schedule.at,
                soft_limit=config.bounces.soft_limit,
                soft_days=config.bounces.soft_days,
                on_ambiguous=config.delivery.on_ambiguous,
                expires_after=timedelta(days=config.delivery.expire_after_days),
            ),
            store=store,
            sources=tuple(_source(config, source, client) for source in config.sources if not source.fallback),
            fallbacks=tuple(_source(config, source, client) for source in config.sources if source.fallback),
            transport=transport,
            templates=open_templates(config),
            tokens=tokens_of(config),
            sign=signing_of(config),
            subscriptions=tuple(subscription(reader, Gate(config.issue.gate)) for reader in config.subscribers),
            clock=clock,
            new_id=lambda: uuid.uuid4().hex,
            progress=progress,
        )
    finally:
        store.close()
        client.close()


def open_probes(config: Config, *, offline: bool = False) -> Mapping[str, Probe]:
    """What ``digestmail doctor`` looks at; ``offline`` leaves out the mail server and the DNS."""
    from digestmail.newsletter import doctor

    templates, url = open_templates(config), config.store_url
    file = url.database if url.get_backend_name() == "sqlite" else None
    return {
        "template": partial(doctor.check_template, templates, config.issue.template),
        "store": partial(
            doctor.check_store,
            url.render_as_string(hide_password=False),
            Path(file.removeprefix("file:")) if file else None,
        ),
        "message": partial(_probe_message, config, templates),
        "transport": partial(_probe_transport, config, offline=offline),
        "dns": partial(_probe_domains, config, offline=offline),
    }


def _probe_message(config: Config, templates: Templates) -> Iterator[Check]:
    from digestmail.mail.dkim import signing
    from digestmail.newsletter import receiving
    from digestmail.newsletter.doctor import check_private, sample_message

    mailing_list, keys = config.newsletter.mailing_list, dkim_keys(config)
    template = templates.load(config.issue.template)
    message = sample_message(mailing_list, template, tokens_of(config), signing(keys), now_utc())
    yield from receiving.check_message(message.envelope, mailing_list)
    yield from receiving.check_signatures(message.envelope.content, keys)
    yield from check_private({path: is_exposed(path) for path in private_files(config)})


def _probe_transport(config: Config, *, offline: bool) -> Iterator[Check]:
    from digestmail.transports.probing import SmtpProbe, probe_outbox

    settings = config.transport
    if isinstance(settings, OutboxSettings):
        yield from probe_outbox(config.resolve(settings.path))
        return
    for relay in settings.all_relays:
        if offline:
            yield Check(State.NOT_CHECKED, "smtp", f"{relay.host} was not asked: --offline")
            continue
        yield from SmtpProbe(
            host=relay.host,
            port=relay.resolved_port,
            tls=relay.tls,
            sender=config.newsletter.bounce_address or config.newsletter.sender.address,
            username=relay.username,
            password=relay.password.get_secret_value() if relay.password else None,
            timeout=settings.timeout or _PROBE_SECONDS,
            ca_file=config.resolve(relay.ca_file) if relay.ca_file else None,
            ehlo_name=settings.ehlo_name,
        )()


def _probe_domains(config: Config, *, offline: bool) -> Iterator[Check]:
    from digestmail.newsletter.domains import check_domains
    from digestmail.resolving import resolver

    sender = config.newsletter.sender.address.rpartition("@")[2]
    bounces = (config.newsletter.bounce_address or config.newsletter.sender.address).rpartition("@")[2]
    if isinstance(config.transport, OutboxSettings):
        yield Check(State.NOT_CHECKED, "dns", "messages go to a folder: SPF, DKIM, DMARC and MX do not matter yet")
    elif offline:
        yield Check(State.NOT_CHECKED, "dns", "asked nothing: --offline")
    else:
        yield from check_domains(resolver(), sender, bounces, dkim_keys(config))


def open_templates(config: Config) -> Templates:
    """The operator's templates before the shipped ones; what was compiled is kept in the user's cache."""
    return Templates(config.resolve(config.templates), shipped("templates"), cache=_cache())


def _cache() -> Path | None:
    """``$XDG_CACHE_HOME/digestmail`` (XDG Base Directory Specification); None for a user without a home."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():
        return Path(named) / "digestmail"
    try:
        return Path.home() / ".cache" / "digestmail"
    except RuntimeError:
        return None


def subscription(reader: SubscriberSettings, gate: Gate) -> Subscription:
    """What an entry of the config file asks for; ``gate`` is for those who name none."""
    return Subscription(
        email=reader.email,
        profile=reader.profile(gate),
        cadence=reader.cadence,
        timezone=reader.timezone,
        max_papers=reader.max_papers,
        language=reader.language,
    )


def _source(config: Config, settings: SourceSettings, client: PoliteClient) -> Source:
    if isinstance(settings, HuggingFaceSettings):
        if settings.path:
            return SavedHuggingFaceSource(config.resolve(settings.path), name=settings.label)
        return HuggingFaceSource(client, days=settings.days, limit=settings.limit, name=settings.label)
    if isinstance(settings, FeedSettings):
        return FeedSource(client, settings.url, name=settings.label)
    if isinstance(settings, FilesSettings):
        return FilesSource(config.resolve(settings.path), name=settings.label)
    if isinstance(settings, JsonlSettings):
        return JsonlSource(config.resolve(settings.path), name=settings.label)
    return PageSource(config.resolve(settings.path), year=settings.year, name=settings.label)


def open_transport(config: Config, settings: TransportSettings) -> Transport:
    """The transport of a configuration; it connects when it first sends."""
    if isinstance(settings, OutboxSettings):
        return OutboxTransport(config.resolve(settings.path), Layout(settings.layout))
    return SmtpTransport(
        [_relay(config, relay, settings.connections) for relay in settings.all_relays],
        ehlo_name=settings.ehlo_name,
        limits=Limits(
            per_second=settings.per_second, per_minute=settings.per_minute, per_domain=dict(settings.per_domain)
        ),
        deadlines=Deadlines().until_dot(settings.timeout) if settings.timeout else Deadlines(),
    )


def _relay(config: Config, settings: RelaySettings, connections: int) -> Relay:
    return Relay(
        host=settings.host,
        port=settings.resolved_port,
        tls=settings.tls,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        ca_file=config.resolve(settings.ca_file) if settings.ca_file else None,
        weight=settings.weight,
        connections=settings.connections or connections,
    )
