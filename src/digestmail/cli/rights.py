"""``subscribers pause``, ``resume``, ``data`` and ``erase``: what readers may also do on their own page."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from digestmail.cli.common import DEFAULT_CONFIG, ConfigOption, address_of, day_of, newsletter_of, print_json, say
from digestmail.errors import NotFoundError
from digestmail.model import Subscriber
from digestmail.newsletter import Newsletter, farewell, pauses
from digestmail.newsletter import subscribe as subscribing
from digestmail.text.citing import bibtex, ris

AddressArgument = Annotated[str, typer.Argument(help="An e-mail address.")]


class Form(StrEnum):
    """As what everything is taken along."""

    JSON = "json"
    BIBTEX = "bibtex"
    RIS = "ris"


def pause(
    address: AddressArgument,
    until: Annotated[date, typer.Option("--until", parser=day_of, metavar="YYYY-MM-DD", help="No issue before.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send no issue before a day; then one that catches up with what came in the meantime."""
    with _reader(address, config) as (newsletter, reader):
        paused = pauses.pause(newsletter, reader, until)
    say(f"{paused.email}: paused until {paused.paused_until}")


def resume(address: AddressArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """End a pause now."""
    with _reader(address, config) as (newsletter, reader):
        was = reader.status
        back = pauses.resume(newsletter, reader)
    say(f"{back.email}: {back.status}" + ("" if was is not back.status else " (was not paused)"))


def data(
    address: AddressArgument,
    form: Annotated[Form, typer.Option("--as", help="JSON has everything, the others the papers.")] = Form.JSON,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print all that is kept about a subscriber."""
    with _reader(address, config) as (newsletter, reader):
        if form is Form.JSON:
            print_json(farewell.everything(newsletter, reader))
        else:
            cite = bibtex if form is Form.BIBTEX else ris
            typer.echo(cite(farewell.papers_of(newsletter, reader)), nl=False)


def erase(
    address: AddressArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Forget a subscriber for good: address, profile, opinions, saved papers.

    A keyed hash stays, so that no list brings the address back; its owner can subscribe again. Messages in an outbox
    folder are files of yours.
    """
    with _reader(address, config) as (newsletter, reader):
        if not yes:
            typer.confirm(f"Forget {reader.email} for good?", abort=True, err=True)
        farewell.erase(newsletter, reader)
    say(f"{reader.email}: erased")


@contextmanager
def _reader(address: str, config: ConfigOption) -> Iterator[tuple[Newsletter, Subscriber]]:
    email = address_of(address)
    with newsletter_of(config) as newsletter:
        subscribing.sync(newsletter)
        reader = newsletter.store.subscribers.find(email)
        if reader is None:
            raise NotFoundError(f"{email} is not subscribed")
        yield newsletter, reader
