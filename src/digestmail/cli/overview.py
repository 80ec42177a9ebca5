"""``runs`` and ``test-send``: what the operator's pages show and do, too."""

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
    print_table,
    say,
)
from digestmail.newsletter import overview
from digestmail.newsletter.specimen import send_specimen


def runs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 10,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show the last runs that asked sources, newest first: what each source said, and what became of the issues."""
    with newsletter_of(config) as newsletter:
        found = overview.runs(newsletter, limit=limit)
    if as_json:
        print_json(found)
    elif not found:
        say("there was no run yet")
    else:
        for run in found:
            became = ", ".join(f"{number} {status}" for status, number in run.deliveries.items()) or "nothing planned"
            out.print(f"{run.at:%Y-%m-%d %H:%M} UTC  {became}", style="bold", markup=False)
            rows: list[tuple[object, ...]] = [
                (one.source, one.announced, one.new, one.skipped, one.error or one.quiet) for one in run.answers
            ]
            print_table("source", "papers", "new", "skipped", "what it said", rows=rows)


def send_test(
    to: Annotated[str, typer.Argument(help="Where the message goes.", metavar="ADDRESS")],
    reader: Annotated[
        str | None, typer.Option("--reader", help="Whose next issue; by default the first one's.", show_default=False)
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send a reader's next issue to an address of yours, through the real transport. Nothing is stored.

    Its links are nobody's: whoever has the message can change nothing.
    """
    recipient, email = address_of(to), address_of(reader) if reader else None
    with newsletter_of(config) as newsletter:
        reply = send_specimen(newsletter, recipient, reader=email)
    say(f"sent to {recipient}: {reply}")
