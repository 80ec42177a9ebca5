"""``status`` and ``ledger``: the state of the newsletter."""

from collections.abc import Mapping
from typing import Annotated

import typer

from digestmail.cli.common import (
    ATTENTION,
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    address_of,
    newsletter_of,
    out,
    print_json,
    print_table,
    say,
)
from digestmail.cli.deliveries import delivery_json
from digestmail.errors import NotFoundError
from digestmail.model import Delivery, DeliveryStatus, SubscriberStatus
from digestmail.newsletter import status as reporting
from digestmail.newsletter import subscribe as subscribing
from digestmail.storage.fetches import Fetched


def status(
    check: Annotated[
        bool, typer.Option("--check", help="For a watchdog: only what must be looked at, one line each.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show what is stored, what each source last said, and every delivery that is not sent.

    Exits with 1 when something needs attention. With --check that is: an issue is more than 26 hours overdue, a
    delivery is held or has waited for 12 hours, a source has not answered for 48 hours, what it should have announced a
    day ago is not there, or it lost days within the last 48 hours.
    """
    with newsletter_of(config) as newsletter:
        state = reporting.status(newsletter)
        alarms = reporting.alarms(newsletter, state) if check else []
    if check:
        _tell_alarms(alarms, as_json=as_json)
        return
    if as_json:
        print_json(
            {
                "papers": state.papers,
                "subscribers": state.subscribers,
                "deliveries": state.deliveries,
                "unfinished": [delivery_json(delivery) for delivery in state.unfinished],
                "sources": state.fetches,
                "needs_attention": state.needs_attention,
            }
        )
    else:
        _tell_status(state)
    if state.needs_attention:
        raise typer.Exit(ATTENTION)


def _tell_status(state: reporting.Status) -> None:
    out.print(f"papers       {state.papers}")
    out.print(f"subscribers  {_counts(state.subscribers) or 'none'}")
    out.print(f"deliveries   {_counts(state.deliveries) or 'none'}")
    if state.latest:
        out.print(f"latest slot  {state.latest.slot}")
    if state.fetches:
        out.print()
        print_table(
            "source", "last asked (UTC)", "papers", "new", "skipped", "error", rows=[_row(f) for f in state.fetches]
        )
    if state.unfinished:
        out.print()
        rows: list[tuple[object, ...]] = [_unfinished(delivery) for delivery in state.unfinished]
        print_table("not sent", "slot", "status", "attempts", "papers", "why", rows=rows)


def _tell_alarms(alarms: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"alarms": alarms})
    else:
        for alarm in alarms:
            out.print(alarm, markup=False)
        if not alarms:
            say("all is well")
    if alarms:
        raise typer.Exit(ATTENTION)


def _counts(counts: Mapping[SubscriberStatus, int] | Mapping[DeliveryStatus, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _row(fetched: Fetched) -> tuple[object, ...]:
    return (
        fetched.source,
        f"{fetched.at:%Y-%m-%d %H:%M}",
        fetched.announced,
        fetched.new,
        fetched.skipped,
        fetched.error,
    )


def _unfinished(delivery: Delivery) -> tuple[object, ...]:
    return (
        delivery.subscriber.email,
        delivery.slot,
        delivery.status,
        delivery.attempts,
        len(delivery.papers),
        delivery.note,
    )


def ledger(
    address: Annotated[str | None, typer.Argument(help="Only this subscriber.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many issues at most.")] = 20,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show which papers have been promised to whom, newest issue first."""
    email = address_of(address) if address else None
    with newsletter_of(config) as newsletter:
        subscribing.sync(newsletter)
        deliveries = newsletter.store.deliveries.find(email=email, limit=limit)
        if email and newsletter.store.subscribers.find(email) is None:
            raise NotFoundError(f"{email} is not subscribed")
    if as_json:
        print_json([delivery_json(delivery) for delivery in deliveries])
        return
    if not deliveries:
        say("the ledger is empty: nothing has been planned yet")
    for delivery in deliveries:
        note = f" ({delivery.note})" if delivery.note and not delivery.papers else ""
        out.print(
            f"{delivery.slot}  {delivery.subscriber.email}  {delivery.status}{note}",
            style="bold",
            markup=False,
        )
        for ranked in delivery.papers:
            out.print(f"  {ranked.paper.key}  {ranked.paper.title}", markup=False)
