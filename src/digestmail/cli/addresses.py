"""``subscribers events`` and ``subscribers unsuppress``: what is known of an address, and taking a suppression back."""

from typing import Annotated

import typer

from digestmail.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    address_of,
    newsletter_of,
    out,
    print_json,
    say,
)
from digestmail.errors import NotFoundError
from digestmail.newsletter import subscribe as subscribing
from digestmail.newsletter import suppression
from digestmail.storage.addresses import AddressEvent


def events(
    address: Annotated[
        str | None, typer.Argument(help="Only this subscriber; without it, of everybody.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 50,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show the bounces, complaints and unsubscribes of an address and what was decided, newest first."""
    email = address_of(address) if address else None
    with newsletter_of(config) as newsletter:
        subscribing.sync(newsletter)
        if email and newsletter.store.subscribers.find(email) is None:
            raise NotFoundError(f"{email} is not subscribed")
        found = newsletter.store.addresses.list(email, limit=limit)
        counts = newsletter.store.addresses.counts() if email is None else {}
    if as_json:
        print_json(found)
    elif not found:
        say("nothing has come back")
    else:
        for event in found:
            out.print(_line(event, named=email is None), markup=False)
        if counts:
            say("in all: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))


def _line(event: AddressEvent, *, named: bool) -> str:
    """``2026-06-30 07:12  hard bounce 5.1.1 (issue 2026-06-29, maildir) → suppressed "no such user"``; UTC."""
    about = (f"issue {event.slot}", event.source) if event.slot else (event.source,)
    what = " ".join(filter(None, (event.kind, event.code, event.email if named else "", f"({', '.join(about)})")))
    return f"{event.at:%Y-%m-%d %H:%M}  {what} → {event.decision}" + (f' "{event.note}"' if event.note else "")


def unsuppress(
    address: Annotated[str, typer.Argument(help="An e-mail address.")],
    note: Annotated[str, typer.Option("--note", help="Why, for those who read the events later.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let a suppressed address have mail again. It is kept who was suppressed; bounces until now count no more."""
    email = address_of(address)
    with newsletter_of(config) as newsletter:
        subscribing.sync(newsletter)
        now = suppression.unsuppress(newsletter, email, note=note)
    say(f"{email}: no longer suppressed ({now})")
