"""``serve``: the web pages and the schedule in one process, each run in a child of its own."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from digestmail.cli.common import (
    DEFAULT_CONFIG,
    TRY_LATER,
    ConfigOption,
    configure_logging,
    newsletter_of,
    read_config,
    say,
)
from digestmail.config import Config, Listening, PagesSettings
from digestmail.config.values import parse_listen, parse_secret
from digestmail.errors import DigestmailError
from digestmail.newsletter import run as running
from digestmail.newsletter.deliver import Stop
from digestmail.scheduler import Schedule, end_with_parent

if TYPE_CHECKING:
    from digestmail.web.house import WebSettings
    from digestmail.web.mailroom import Mailroom
    from digestmail.web.server import Server

_log = logging.getLogger(__name__)

ADMIN_TOKEN = "DIGESTMAIL_ADMIN_TOKEN"  # noqa: S105 - the name of the variable


def serve(
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="HOST:PORT", help="Serve the pages there.", show_default="web.listen"),
    ] = None,
    no_web: Annotated[bool, typer.Option("--no-web", help="Only send what is due; serve no pages.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Stay, serve the web pages, and send every issue when it is due.

    Looks every few minutes, as schedule.every_minutes says. The pages are served when the configuration has web or
    newsletter.base_url, or with --listen. SIGTERM and Ctrl-C let requests and the run that is under way finish; a
    second one ends both at once, and the next start goes on where they were.
    """
    if listen and no_web:
        raise typer.BadParameter("--listen and --no-web exclude one another")
    configure_logging(verbose=True)
    settings = read_config(config)
    command = [sys.executable, "-m", "digestmail", "tick", "--config", str(config.absolute())]
    schedule = Schedule(command, settings.schedule.every_minutes)
    wanted = listen or (not no_web and (settings.web or settings.newsletter.base_url))
    mailroom = _mailroom(settings)
    server = _server(settings, parse_listen(listen) if listen else None, schedule, mailroom.post) if wanted else None
    asked = _heed_signals(schedule, server, mailroom)
    say(f"serving {config}: looking for due issues every {settings.schedule.every_minutes} minutes, Ctrl-C ends it")
    if server:
        say(f"web pages on {server.url}")
    elif not no_web:
        say("no web pages: neither web nor newsletter.base_url is configured, and there is no --listen")
    with mailroom if server else nullcontext():
        _until_asked(asked, schedule, server)


def _mailroom(settings: Config) -> "Mailroom":
    from digestmail.web.mailroom import Mailroom
    from digestmail.wiring import open_newsletter

    return Mailroom(lambda: open_newsletter(settings))


def _server(settings: Config, listening: Listening | None, schedule: Schedule, post: Callable[[], None]) -> "Server":
    from digestmail.web.app import build_app
    from digestmail.web.server import Server, bind
    from digestmail.wiring import open_newsletter

    pages = settings.web or PagesSettings()
    listening = listening or pages.listen
    socket = bind(listening.host, listening.port)
    port = socket.getsockname()[1]
    listening = Listening(listening.host, port)
    web = web_settings(settings, listening)
    return Server(build_app(lambda: open_newsletter(settings), web, schedule.trigger, post), socket)


def web_settings(settings: Config, listening: Listening) -> "WebSettings":
    """What the pages need to know of a configuration. Raises InputError for a short token in the environment."""
    from digestmail.web.house import WebSettings

    pages = settings.web or PagesSettings()
    token = os.environ.get(ADMIN_TOKEN)
    return WebSettings(
        base_url=settings.newsletter.base_url or f"http://{Listening(listening.host or 'localhost', listening.port)}",
        name=settings.newsletter.name,
        subscribing=pages.subscribe == "open" and settings.newsletter.base_url is not None,
        trusted_proxies=pages.trusted_proxies,
        admin_token=pages.admin_token or (parse_secret(token) if token else None),
        page_size=pages.page_size,
        public_metrics=pages.public_metrics,
    )


def _heed_signals(schedule: Schedule, server: "Server | None", mailroom: "Mailroom") -> int:
    """Have SIGTERM and SIGINT end both, from now on; gives a file descriptor that can be read from after the first."""
    reader, writer = os.pipe()

    # no lock and no log in here: the main thread may be in the middle of either
    def stop(_number: int, _frame: FrameType | None) -> None:
        schedule.ask_to_stop()
        mailroom.ask_to_stop()
        if server:
            server.ask_to_stop()
        os.write(writer, b".")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return reader


def _until_asked(asked: int, schedule: Schedule, server: "Server | None") -> None:
    """Run both until they are asked to stop, then let both finish what is under way."""
    schedule.start()
    try:
        if server:
            server.run()
        else:
            os.read(asked, 1)
        _log.info("stopping: waiting for what is under way")
    finally:
        schedule.ask_to_end()
    schedule.wait()


def tick(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """One look for issues that are due, as ``serve`` starts it.

    The configuration is read anew, so that edits count; what goes wrong is logged and tried again at the next look.
    """
    configure_logging(verbose=True)
    end_with_parent()
    if not _run(config):
        raise typer.Exit(TRY_LATER)


def _run(config: Path) -> bool:
    stop = Stop()
    try:
        with newsletter_of(config) as newsletter, stop.on_signals():
            report = running.run(newsletter, patient=True, stop=stop)
    except DigestmailError as error:
        _log.error("tick failed: %s", error)
        return False
    for collected in report.collected:
        if collected.answer.error:
            _log.warning("source failed: %s", collected.answer.error)
    for enriched in report.enriched:
        if enriched.error:
            _log.warning("enrichment failed: %s", enriched.error)
    if report.delivered.unavailable:
        _log.warning("transport unavailable: %s", report.delivered.unavailable)
    return True
