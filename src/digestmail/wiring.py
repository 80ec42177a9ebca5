"""Puts the adapters that a configuration names together. The only module that knows them all."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path

from digestmail.config import (
    ArxivSettings,
    BiorxivSettings,
    Config,
    EnricherSettings,
    FeedSettings,
    FilesSettings,
    HuggingFaceSettings,
    JsonlSettings,
    OpenAlexSettings,
    OutboxSettings,
    PageSettings,
    RelaySettings,
    SourceSettings,
    SubscriberSettings,
    TransportSettings,
)
from digestmail.enrichers.openalex import OpenAlexEnricher
from digestmail.enrichers.semantic_scholar import SemanticScholarEnricher
from digestmail.keys import dkim_keys, is_exposed, private_files, signing_of, tokens_of
from digestmail.model import Gate
from digestmail.newsletter import Newsletter, Progress, Rules, Subscription, no_progress
from digestmail.protocols import Check, Clock, Enricher, Probe, Source, State, Transport
from digestmail.rendering.compile import Templates
from digestmail.sources.arxiv.daily import ArxivSource
from digestmail.sources.arxiv.searching import ArxivQuerySource
from digestmail.sources.biorxiv import BiorxivSource
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
# issues do not wait longer than this for what they can do without; one answer may take a third of it
_ENRICHMENT_SECONDS = 60.0
_ANSWER_SECONDS = 20.0
#: Semantic Scholar's limit for those who have a key
_INTERVALS = {"semanticscholar.org": 1.0}


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
    indexes = PoliteClient(
        contact=config.newsletter.sender.address,
        intervals=_INTERVALS,
        deadline=_ANSWER_SECONDS,
        budget=_ENRICHMENT_SECONDS,
    )
    store = Store(config.store_url.render_as_string(hide_password=False))
    transport = open_transport(config, config.transport)
    try:
        yield Newsletter(
            mailing_list=config.newsletter.mailing_list,
            rules=_rules(config),
            store=store,
            sources=tuple(_source(config, source, client) for source in config.sources if not source.fallback),
            fallbacks=tuple(_source(config, source, client) for source in config.sources if source.fallback),
            enrichers=tuple(_enricher(index, indexes) for index in config.enrichment),
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
        indexes.close()


def _rules(config: Config) -> Rules:
    return Rules(
        max_papers=config.issue.max_papers,
        max_age_days=config.issue.max_age_days,
        gate=Gate(config.issue.gate),
        send_empty=config.issue.empty == "send",
        followups=config.issue.followups == "on",
        template=config.issue.template,
        at=config.schedule.at,
        soft_limit=config.bounces.soft_limit,
        soft_days=config.bounces.soft_days,
        on_ambiguous=config.delivery.on_ambiguous,
        expires_after=timedelta(days=config.delivery.expire_after_days),
    )


def open_probes(config: Config, *, offline: bool = False) -> Mapping[str, Probe]:
    """What ``digestmail doctor`` looks at; ``offline`` leaves out the mail server and the DNS."""
    from digestmail.newsletter import doctor

    templates, url = open_templates(config), config.store_url
    file = url.database if url.get_backend_name() == "sqlite" else None
    return {
        "template": partial(
            doctor.check_template, templates, config.issue.template, followups=config.issue.followups == "on"
        ),
        "letters": partial(doctor.check_letters, templates),
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
    name = settings.label
    match settings:
        case HuggingFaceSettings(path=None):
            return HuggingFaceSource(client, days=settings.days, limit=settings.limit, name=name)
        case BiorxivSettings():
            return BiorxivSource(client, settings.server, categories=settings.categories, name=name)
        case ArxivSettings(query=None):
            return ArxivSource(client, settings.categories, announce=settings.announce, name=name)
        case ArxivSettings(query=str(query)):
            return ArxivQuerySource(client, settings.categories, query, announce=settings.announce, name=name)
        case FeedSettings():
            return FeedSource(client, settings.url, name=name)
        case _:
            return _on_disk(config, settings, name)


def _on_disk(config: Config, settings: SourceSettings, name: str) -> Source:
    assert not isinstance(settings, ArxivSettings | BiorxivSettings | FeedSettings)
    assert settings.path is not None
    path = config.resolve(settings.path)
    match settings:
        case HuggingFaceSettings():
            return SavedHuggingFaceSource(path, name=name)
        case FilesSettings():
            return FilesSource(path, name=name)
        case JsonlSettings():
            return JsonlSource(path, name=name)
        case PageSettings():
            return PageSource(path, year=settings.year, name=name)


def _enricher(settings: EnricherSettings, client: PoliteClient) -> Enricher:
    key = settings.api_key.get_secret_value() if settings.api_key else None
    if isinstance(settings, OpenAlexSettings):
        return OpenAlexEnricher(client, api_key=key)
    return SemanticScholarEnricher(client, api_key=key)


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
