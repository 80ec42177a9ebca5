"""``simulate``: what a profile would have received, and what another one would change."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated

import typer

from digestmail.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    KeywordsOption,
    address_of,
    newsletter_of,
    out,
    plural,
    print_json,
    print_table,
    profile_of,
    say,
)
from digestmail.cli.keywords import tell_in_one_go
from digestmail.model import Issue, Profile, RankedPaper
from digestmail.newsletter.simulate import Change, Simulation, changed, compare
from digestmail.newsletter.simulate import simulate as simulate_days
from digestmail.ranking.profile import format_keywords
from digestmail.text.clean import shorten

# beside them stand a day and numbers
_BESIDE_TITLE = 34


def simulate(
    address: Annotated[
        str | None, typer.Argument(help="A subscriber; by default the first one.", show_default=False)
    ] = None,
    keywords: KeywordsOption = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How many last days.")] = 14,
    add: Annotated[
        list[str] | None, typer.Option("--add", help="Compare: with this keyword too.", show_default=False)
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", help="Compare: without this keyword.", show_default=False)
    ] = None,
    diff: Annotated[
        list[str] | None, typer.Option("--diff", help="Compare: with these keywords instead.", show_default=False)
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show what a profile would have received on each of the last days. Nothing is sent or stored.

    [bold]Examples[/bold]

        digestmail simulate me@example.org --days 30

        digestmail simulate me@example.org --add 'long context' --drop attention

        digestmail simulate -k quantization --diff 'quantization, pruning, -survey'
    """
    if diff and (add or drop):
        raise typer.BadParameter("--diff is the whole other profile: it stands without --add and --drop")
    email = address_of(address) if address else None
    profile = profile_of(keywords) if keywords else None
    change = _change(add, drop, diff) if add or drop or diff else None
    with newsletter_of(config) as newsletter:
        simulated = simulate_days(
            newsletter, email=email, profile=profile, changes=[change] if change else [], days=days
        )
    changes = compare(*simulated) if change else []
    if as_json:
        print_json(_json(simulated, changes))
    elif change:
        _tell_changes(simulated[0], simulated[1], changes)
    else:
        _tell(simulated[0])


def _change(add: list[str] | None, drop: list[str] | None, diff: list[str] | None) -> Callable[[Profile], Profile]:
    more, less, instead = (profile_of(texts).keywords for texts in (add, drop, diff))
    if diff:
        return lambda profile: replace(profile, keywords=instead)
    return lambda profile: changed(profile, add=more, drop=less)


def _tell(simulation: Simulation) -> None:
    rows = [(_day(issue), len(issue.papers), issue.receipt.carried, _top(issue)) for issue in simulation.issues]
    print_table("day", "papers", "waiting", "on top", rows=list(rows))
    say(_total(simulation))
    tell_in_one_go(announced=simulation.announced)


def _day(issue: Issue) -> str:
    return f"{issue.slot:%a %Y-%m-%d}"


def _top(issue: Issue) -> str:
    return _title(issue.papers[0]) if issue.papers else ""


def _title(ranked: RankedPaper) -> str:
    return shorten(ranked.paper.title, max(out.width - _BESIDE_TITLE, 20))


def _total(simulation: Simulation) -> str:
    issues = plural(len(simulation.issues), "issue")
    return (
        f"{simulation.first} to {simulation.last}: {plural(len(simulation.papers), 'paper')} in {issues}, "
        f"{simulation.mean:.1f} each"
    )


def _tell_changes(before: Simulation, after: Simulation, changes: Sequence[Change]) -> None:
    rows: list[tuple[object, ...]] = []
    for old, new, change in zip(before.issues, after.issues, changes, strict=True):
        rows.append(
            (_day(old), f"{len(old.papers)} → {len(new.papers)}", "" if change.added or change.dropped else "=")
        )
        rows += [("", "", f"+ {_title(ranked)}") for ranked in change.added]
        rows += [("", "", f"- {_title(ranked)}") for ranked in change.dropped]
    print_table("day", "papers", "", rows=rows)
    say(f"now:     {_keywords(before)}")
    say(f"changed: {_keywords(after)}")
    added = sum(len(change.added) for change in changes)
    dropped = sum(len(change.dropped) for change in changes)
    moved = sum(change.moved for change in changes)
    say(
        f"{before.first} to {before.last}: {len(before.papers)} → {len(after.papers)} papers, "
        f"{added} added, {dropped} dropped, {moved} on another day"
    )
    tell_in_one_go(announced=before.announced)


def _keywords(simulation: Simulation) -> str:
    return ", ".join(format_keywords(simulation.subscriber.profile)) or "the day's papers by upvotes"


def _json(simulated: Sequence[Simulation], changes: Sequence[Change]) -> dict[str, object]:
    first = simulated[0]
    return {
        "subscriber": first.subscriber.email,
        "first": first.first,
        "last": first.last,
        "announced": first.announced,
        "profiles": [
            {
                "keywords": format_keywords(one.subscriber.profile),
                "papers": len(one.papers),
                "mean": one.mean,
                "days": [{"day": issue.slot, "papers": _keys(issue.papers)} for issue in one.issues],
            }
            for one in simulated
        ],
        "changes": [
            {"day": one.day, "added": _keys(one.added), "dropped": _keys(one.dropped), "moved": one.moved}
            for one in changes
        ],
    }


def _keys(papers: Sequence[RankedPaper]) -> list[str]:
    return [ranked.paper.key for ranked in papers]
