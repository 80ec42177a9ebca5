"""``subscribe``, ``unsubscribe`` and ``subscribers``: who gets what."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from digestmail.cli import exchange
from digestmail.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    KeywordsOption,
    address_of,
    newsletter_of,
    out,
    print_json,
    print_table,
    profile_of,
    say,
)
from digestmail.config.values import parse_timezone
from digestmail.errors import InputError, NotFoundError
from digestmail.model import Cadence, Gate, Subscriber, SubscriberStatus
from digestmail.newsletter import Subscription
from digestmail.newsletter import subscribe as subscribing
from digestmail.ranking.profile import format_keywords
from digestmail.rendering.language import languages, parse_language

app = typer.Typer(help="List, show, import and export subscribers.", no_args_is_help=True)

AddressArgument = Annotated[str, typer.Argument(help="An e-mail address.")]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language", help=f"Language of the issues: {', '.join(languages())}.", show_default="newsletter.language"
    ),
]


def subscribe(  # noqa: PLR0913, PLR0917 - each is an option of the command
    address: AddressArgument,
    keywords: KeywordsOption = None,
    weekly: Annotated[bool, typer.Option("--weekly", help="One issue a week, on the day of --on.")] = False,
    weekdays: Annotated[bool, typer.Option("--weekdays", help="Monday to Friday.")] = False,
    on: Annotated[str, typer.Option("--on", help="The day of a weekly issue: mon … sun.")] = "mon",
    timezone: Annotated[str, typer.Option("--tz", help="IANA time zone; decides which day it is.")] = "UTC",
    max_papers: Annotated[
        int | None, typer.Option("--max", min=1, max=100, help="Papers in one issue.", show_default=False)
    ] = None,
    language: LanguageOption = None,
    gate: Annotated[
        Gate | None,
        typer.Option("--gate", help="strict: few and sure; wide: more and looser.", show_default="issue.gate"),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Subscribe an address, or give a subscribed one a new profile.

    Without keywords it gets the day's papers by upvotes.

    [bold]Examples[/bold]

        digestmail subscribe me@example.org -k transformers -k '"mixture of experts"^3' -k 'author:Tri Dao' -k -survey

        digestmail subscribe lab@example.org -k quantization --weekly --on fri --tz Europe/Berlin --max 20

        digestmail subscribe anna@example.org -k quantization --language de

        digestmail subscribe two@example.org -k '\\[systems] quantization^2' -k '\\[theory] grokking' --gate strict
    """
    email, profile = address_of(address), profile_of(keywords)
    cadence, zone = _cadence(on, weekly=weekly, weekdays=weekdays), parse_timezone(timezone)
    code = parse_language(language) if language is not None else None
    with newsletter_of(config) as newsletter:
        profile = replace(profile, gate=gate or newsletter.rules.gate)
        asked = Subscription(
            email=email, profile=profile, cadence=cadence, timezone=zone, max_papers=max_papers, language=code
        )
        subscribing.sync(newsletter)
        change = subscribing.subscribe(newsletter, asked)
    keywords_now = ", ".join(format_keywords(profile)) or "the day's papers by upvotes"
    say(f"{email}: {change} ({keywords_now}; {profile.gate} gate, {cadence}, {zone})")


def _cadence(on: str, *, weekly: bool, weekdays: bool) -> Cadence:
    if weekly and weekdays:
        raise typer.BadParameter("--weekly and --weekdays exclude one another")
    return Cadence.parse(f"weekly:{on}" if weekly else "weekdays" if weekdays else "daily")


def unsubscribe(address: AddressArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Unsubscribe an address. It stays away even when the config file or an imported list still names it."""
    email = address_of(address)
    with newsletter_of(config) as newsletter:
        subscribing.sync(newsletter)
        change = subscribing.unsubscribe(newsletter, email)
    say(f"{email}: {'has unsubscribed before' if change is subscribing.Change.UNCHANGED else change}")


@app.command("list")
def list_(
    status: Annotated[SubscriberStatus | None, typer.Option("--status", help="Only these.", show_default=False)] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List subscribers and their profiles."""
    with newsletter_of(config) as newsletter:
        subscribing.sync(newsletter)
        found = newsletter.store.subscribers.all(status)
        reasons = newsletter.store.addresses.reasons()
    if as_json:
        print_json([exchange.record(subscriber) for subscriber in found])
    elif found:
        rows = [_row(one, reasons.get(one.email, "")) for one in found]
        print_table("address", "status", "cadence", "time zone", "keywords", rows=rows)
    else:
        say("nobody is subscribed: 'digestmail subscribe ADDRESS -k KEYWORD' adds a reader")


def _row(subscriber: Subscriber, reason: str) -> tuple[object, ...]:
    keywords = ", ".join(format_keywords(subscriber.profile)) or "(the day's papers by upvotes)"
    status = f"{subscriber.status}: {reason}" if reason else subscriber.status
    return (subscriber.email, status, subscriber.cadence, subscriber.timezone, keywords)


@app.command("show")
def show(address: AddressArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show one subscriber."""
    email = address_of(address)
    with newsletter_of(config) as newsletter:
        subscribing.sync(newsletter)
        subscriber = newsletter.store.subscribers.find(email)
        if subscriber is None:
            raise NotFoundError(f"{email} is not subscribed")
        deliveries = newsletter.store.deliveries.find(email=email)
    record = exchange.record(subscriber)
    if as_json:
        print_json(record)
        return
    for name, value in record.items():
        if value in (None, []):
            continue
        out.print(f"{name:<12}{', '.join(value) if isinstance(value, list) else value}", markup=False)
    sent = Counter(str(delivery.status) for delivery in deliveries)
    out.print(f"{'issues':<12}{', '.join(f'{count} {state}' for state, count in sent.items()) or 'none yet'}")


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A .csv or .yaml file, as 'export' writes it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and change nothing.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Subscribe everyone in a file: all of them, or none when the file has a mistake.

    Doing it again changes nothing. People who have unsubscribed stay away, and suppressed addresses stay suppressed.
    """
    with newsletter_of(config) as newsletter:
        subscriptions = exchange.read(path, newsletter.rules.gate)
        subscribing.sync(newsletter)
        done = subscribing.import_subscriptions(newsletter, subscriptions, dry_run=dry_run)
    for synced in done:
        if synced.change is not subscribing.Change.UNCHANGED:
            out.print(str(synced), markup=False)
    counts = Counter(str(synced.change) for synced in done)
    say(("dry run: " if dry_run else "") + (", ".join(f"{n} {change}" for change, n in counts.items()) or "empty file"))


@app.command("export")
def export(
    path: Annotated[Path, typer.Argument(help="A .csv or .yaml file, or - for standard output.")] = Path("-"),
    kind: Annotated[
        exchange.Kind | None, typer.Option("--format", help="By default as the file's name ends.", show_default=False)
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write all active subscribers to a file that 'import' and config.yaml understand."""
    text = exchange.write(_active(config), kind or exchange.kind_of(path, default=exchange.Kind.YAML))
    if str(path) == "-":
        out.file.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    say(f"{path}: written")


def _active(config: Path) -> list[Subscriber]:
    with newsletter_of(config) as newsletter:
        subscribing.sync(newsletter)
        return newsletter.store.subscribers.all(SubscriberStatus.ACTIVE)
