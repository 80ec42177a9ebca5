"""The commands, put together."""

from typing import Annotated

import typer

from digestmail import __version__
from digestmail.cli import (
    addresses,
    deliveries,
    doctor,
    feedback,
    inbound,
    issues,
    keywords,
    operations,
    overview,
    papers,
    readers,
    rights,
    serving,
    setup,
    simulation,
    templates,
)
from digestmail.cli.common import configure_logging

app = typer.Typer(
    name="digestmail",
    help="Papers in your inbox: new research every day, ranked by your keywords, never lost and never repeated.",
    epilog="First steps: digestmail init · digestmail subscribe me@example.org -k transformers · digestmail run",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"digestmail {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens to stderr.")] = False,
) -> None:
    configure_logging(verbose)


app.command("init")(setup.init)
app.add_typer(setup.config_app, name="config")
app.command("subscribe")(readers.subscribe)
app.command("unsubscribe")(readers.unsubscribe)
app.add_typer(readers.app, name="subscribers")
readers.app.command("events")(addresses.events)
readers.app.command("unsuppress")(addresses.unsuppress)
readers.app.command("pause")(rights.pause)
readers.app.command("resume")(rights.resume)
readers.app.command("data")(rights.data)
readers.app.command("erase")(rights.erase)
app.command("like")(feedback.like)
app.command("dislike")(feedback.dislike)
app.command("unlike")(feedback.unlike)
app.command("fetch")(papers.fetch)
app.command("sources")(papers.sources)
app.command("run")(issues.run)
app.command("inbound")(inbound.inbound)
app.command("preview")(issues.preview)
app.command("explain")(issues.explain)
app.add_typer(keywords.app, name="keywords")
app.add_typer(templates.app, name="templates")
app.command("simulate")(simulation.simulate)
app.command("doctor")(doctor.doctor)
app.add_typer(doctor.dkim_app, name="dkim")
app.command("status")(operations.status)
app.command("ledger")(operations.ledger)
app.command("deliveries")(deliveries.deliveries)
app.command("prove")(deliveries.prove)
app.command("audit")(deliveries.audit)
app.command("resolve")(deliveries.resolve)
app.command("resend")(deliveries.resend)
app.command("papers")(papers.papers)
app.command("test-send")(overview.send_test)
app.command("runs")(overview.runs)
app.command("serve")(serving.serve)
app.command("tick", hidden=True)(serving.tick)
