"""``inbound``: what came back."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from digestmail.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    newsletter_of,
    out,
    print_json,
    read_config,
    say,
)
from digestmail.errors import ConfigError
from digestmail.mail.parsing import MAX_MESSAGE
from digestmail.mail.reports import Kind
from digestmail.newsletter import subscribe as subscribing
from digestmail.newsletter.inbound import Outcome, receive
from digestmail.protocols import Mailbox
from digestmail.text.clean import clean_line

BAD_INPUT = 65
_PASSWORD = "DIGESTMAIL_IMAP_PASSWORD"  # noqa: S105 - where it is, not what it is

ImapOption = Annotated[
    str | None, typer.Option("--imap", help="Read what is not seen: imaps://user@host/INBOX.", show_default=False)
]
RecipientsOption = Annotated[
    list[str] | None,
    typer.Option("--recipient", help="The envelope's recipient, where no header has it.", show_default=False),
]


def inbound(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Messages or mbox files; - is standard input.", metavar="[FILE…|-]", show_default=False),
    ] = None,
    maildir: Annotated[
        Path | None, typer.Option("--maildir", help="Read what is new or not seen in a Maildir.", show_default=False)
    ] = None,
    imap: ImapOption = None,
    recipients: RecipientsOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide, but store and mark nothing.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Read bounces, spam complaints, unsubscribe mails and replies; suppress and unsubscribe accordingly.

    Every decision is kept: 'digestmail subscribers events' tells them, 'subscribers unsuppress' takes one back. A
    message that is read twice counts once. Messages are marked as seen, never deleted.

    [bold]Examples[/bold]

        digestmail inbound bounce.eml --dry-run

        digestmail inbound --maildir ~/Maildir

        digestmail inbound --imap imaps://bounces@mail.example.org/INBOX

        |digestmail inbound -        (in an alias or .forward of the mail server)
    """
    mailboxes = _mailboxes(files or [], maildir, imap, config)
    told: list[Outcome] = []
    with newsletter_of(config) as newsletter:
        subscribing.sync(newsletter)
        for mailbox in mailboxes:
            for outcome in receive(newsletter, mailbox, recipients=recipients or (), dry_run=dry_run):
                told.append(outcome)
                _tell(outcome, as_json=as_json)
    if as_json:
        print_json([outcome for outcome in told if not outcome.problem])
    else:
        _sum_up(told, dry_run=dry_run)
    if any(outcome.problem for outcome in told):
        raise typer.Exit(BAD_INPUT)


def _sum_up(told: list[Outcome], *, dry_run: bool) -> None:
    if not told:
        say("nothing new")
    elif len(told) > 1:
        verdicts = Counter(outcome.decision.partition(":")[0] or "unreadable" for outcome in told)
        say(("dry run: " if dry_run else "") + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))


def _tell(outcome: Outcome, *, as_json: bool) -> None:
    if outcome.problem:
        say(f"digestmail: {outcome.letter}: {outcome.problem}")
    elif not as_json:
        out.print(_line(outcome), markup=False)


def _line(outcome: Outcome) -> str:
    """``hard bounce 5.1.1 reader@example.org → suppressed``."""
    what = " ".join(filter(None, (outcome.kind, outcome.code, outcome.address)))
    # what people and unknown machines say is worth a look, and why we are blocked; of the others the code tells all
    telling = outcome.note and (outcome.look or outcome.kind == Kind.BLOCKED)
    said = f' "{outcome.note}"' if telling else ""
    return clean_line(f"{what}{said} → {outcome.decision}")


def _mailboxes(files: Sequence[str], maildir: Path | None, imap: str | None, config: Path) -> list[Mailbox]:
    from digestmail.mailboxes.files import FileMailbox
    from digestmail.mailboxes.maildir import MaildirMailbox

    found: list[Mailbox] = [
        FileMailbox(name, sys.stdin.buffer if name == "-" else None, limit=MAX_MESSAGE) for name in files
    ]
    if maildir:
        found.append(MaildirMailbox(maildir.expanduser(), limit=MAX_MESSAGE))
    if imap:
        found.append(_imap(imap, config))
    if not found:
        raise typer.BadParameter("name files, - for standard input, --maildir or --imap")
    return found


def _imap(url: str, config: Path) -> Mailbox:
    # imported here: it brings threads and TLS along
    from digestmail.mailboxes.imap import ImapAddress, ImapMailbox

    address = ImapAddress.parse(url)
    configured = read_config(config).bounces.imap_password
    password = os.environ.get(_PASSWORD) or (configured.get_secret_value() if configured else "")
    if not password:
        raise ConfigError([f"no IMAP password: set {_PASSWORD}, or bounces.imap_password in {config}"])
    return ImapMailbox(address, password, limit=MAX_MESSAGE)
