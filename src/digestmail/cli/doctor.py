"""``doctor`` and ``dkim``: is everything in place for readers to get and trust the mail?"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from digestmail.cli.common import ATTENTION, DEFAULT_CONFIG, ConfigOption, JsonOption, out, print_json, read_config, say
from digestmail.config.values import parse_domain, parse_selector
from digestmail.errors import ConfigError
from digestmail.keys import new_key
from digestmail.protocols import Check, State
from digestmail.wiring import open_probes

dkim_app = typer.Typer(help="Make keys that sign messages.", no_args_is_help=True)

_PIECE = 255  # bytes in one string of a TXT record (RFC 1035 §3.3)
_COLORS = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "red", State.NOT_CHECKED: "dim"}


def doctor(
    config: ConfigOption = DEFAULT_CONFIG,
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither the mail server nor the DNS.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at configuration, template, store, mail server, a sample message and DNS, and say what to do. Sends nothing.

    What could not be looked at is "not checked", never "ok". Exits with 1 when something failed.
    """
    checks: list[Check] = []
    for check in _checks(config, offline=offline):
        checks.append(check)
        if not as_json:
            _tell(check)
    if as_json:
        print_json([{"state": one.state, "name": one.name, "found": one.found, "advice": one.advice} for one in checks])
    counts = Counter(check.state for check in checks)
    say(", ".join(f"{counts[state]} {state}" for state in State if counts[state]))
    if counts[State.FAILED]:
        raise typer.Exit(ATTENTION)


def _checks(config: Path, *, offline: bool) -> Iterator[Check]:
    try:
        settings = read_config(config)
    except ConfigError as error:
        for problem in error.problems:
            yield Check(State.FAILED, "config", problem)
        return
    from digestmail.newsletter.doctor import examine

    yield Check(State.OK, "config", str(config))
    yield from examine(open_probes(settings, offline=offline))


def _tell(check: Check) -> None:
    advice = f" → {check.advice}" if check.advice else ""
    out.print(f"{check.state:<11}", style=_COLORS[check.state], end=" ")
    out.print(f"{check.name:<11} {check.found}{advice}", markup=False)


@dkim_app.command("new")
def new(
    domain: Annotated[str, typer.Argument(help="The domain of newsletter.from.")],
    selector: Annotated[
        str | None,
        typer.Option("--selector", "-s", help="The key's name in DNS: digestmail, or ed25519.", show_default=False),
    ] = None,
    ed25519: Annotated[bool, typer.Option("--ed25519", help="Short and new; use it beside an RSA key.")] = False,
    path: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file: dkim/DOMAIN.SELECTOR.pem.", show_default=False),
    ] = None,
) -> None:
    """Make a DKIM key, and print the DNS record to publish. Never overwrites a key.

    The key is for its owner alone: whoever can read it can send mail in your name.
    """
    from digestmail.mail.dkim import DkimKey

    domain = parse_domain(domain)
    selector = parse_selector(selector or ("ed25519" if ed25519 else "digestmail"))
    file = path or Path("dkim", f"{domain}.{selector}.pem")
    key = DkimKey(domain, selector, new_key(file, ed25519=ed25519))
    say(f"{file}: the key. In config.yaml, under newsletter:")
    say(f"  dkim: [{{key: {file}, selector: {selector}, domain: {domain}}}]")
    say("In the DNS:")
    pieces = [key.record[start : start + _PIECE] for start in range(0, len(key.record), _PIECE)]
    text = " ".join(f'"{piece}"' for piece in pieces)
    out.print(f"{key.name}. IN TXT {text}", markup=False)
