"""``fetch``, ``sources`` and ``papers``: the corpus."""

from typing import Annotated

import typer

from digestmail.cli.common import (
    DEFAULT_CONFIG,
    TRY_LATER,
    ConfigOption,
    DateOption,
    JsonOption,
    SinceOption,
    check_day,
    newsletter_of,
    plural,
    print_json,
    print_table,
    profile_of,
    say,
)
from digestmail.model import Paper, Quiet
from digestmail.newsletter.collect import Collected, collect
from digestmail.newsletter.enrich import Enriched, enrich
from digestmail.newsletter.sources import Health, Overview, overview
from digestmail.ranking import Index

_SHOWN_SKIPS, _SHOWN_GAPS = 5, 3
_SINCE = {Health.FAILING: "failing since", Health.STALE: "nothing announced since"}
_WHY = {
    Quiet.WEEKEND: "weekend",
    Quiet.HOLIDAY: "holiday",
    Quiet.STALE: "stale: what should have been announced by now is not there",
}


def fetch(
    config: ConfigOption = DEFAULT_CONFIG,
    day: DateOption = None,
    since: SinceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Collect new papers without sending anything.

    With --since, also those of days that were missed, as far as the sources still have them. They count as seen today:
    readers may be sent them. Exits with 75 when no source answered.
    """
    with newsletter_of(config, day=day) as newsletter:
        now = newsletter.clock()
        if since:
            check_day("--since", since, now.date())
        collected = collect(newsletter, now, since=since)
        enriched = enrich(newsletter, now)
    tell_collected(collected)
    tell_enriched(enriched)
    if as_json:
        print_json([collected_json(one) for one in collected])
    if not any(one.answer.answered for one in collected):
        raise typer.Exit(TRY_LATER)


def tell_collected(collected: list[Collected]) -> None:
    """One line per source, one per stretch of days that it could not give, one per entry that could not be read."""
    for one in collected:
        answer = one.answer
        if answer.error:
            say(str(answer.error))
        if answer.answered:
            say(f"{answer.source}: {_announced(one)}")
        for gap in answer.gaps:
            say(f"{answer.source}: could not give {gap}")
        for skipped in answer.skipped[:_SHOWN_SKIPS]:
            say(f"{answer.source}: skipped {skipped}")
        if len(answer.skipped) > _SHOWN_SKIPS:
            say(f"{answer.source}: skipped {len(answer.skipped) - _SHOWN_SKIPS} more entries")


def _announced(one: Collected) -> str:
    """``12 papers, 3 new, 9 known``, or why there is nothing new."""
    fetched, quiet = one.fetched, one.fetched.quiet
    why = f" ({_WHY[quiet]})" if quiet in _WHY else ""
    if one.answer.fallback:
        why = " (samples: no live source answered)"
    if not fetched.announced:
        return f"nothing announced{why}"
    known = f", {one.known:,} known" if one.known else ""
    return f"{plural(fetched.announced, 'paper')}, {one.new:,} new{known}{why}"


def tell_enriched(enriched: list[Enriched]) -> None:
    """One line per index that was asked about papers, and one when it did not answer."""
    for one in enriched:
        if one.error:
            say(f"{one.error} (papers go out without what it knows)")
        if one.asked and not (one.error and not one.known):
            say(f"{one.enricher}: knows {one.known:,} of {plural(one.asked, 'paper')}")
        for skipped in one.skipped[:_SHOWN_SKIPS]:
            say(f"{one.enricher}: skipped {skipped}")


def enriched_json(one: Enriched) -> dict[str, object]:
    """What one index told, for programs."""
    return {
        "enricher": one.enricher,
        "asked": one.asked,
        "known": one.known,
        "skipped": [str(skipped) for skipped in one.skipped],
        "error": str(one.error) if one.error else None,
    }


def collected_json(one: Collected) -> dict[str, object]:
    """One source's answer, for programs."""
    return {
        "source": one.answer.source,
        "announced": len(one.answer.papers),
        "new": one.new,
        "known": one.known,
        "revised": one.fetched.revised,
        "quiet": one.fetched.quiet,
        "gaps": one.answer.gaps,
        "covered": one.fetched.covered,
        "skipped": [str(skipped) for skipped in one.answer.skipped],
        "error": str(one.answer.error) if one.answer.error else None,
        "fallback": one.answer.fallback,
    }


def sources(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show how each source is: when it last answered, how much it brings, what it could not give, what comes next."""
    with newsletter_of(config) as newsletter:
        found = overview(newsletter)
    if as_json:
        print_json(found)
        return
    columns = ("source", "state", "last answer", "a day", "next (UTC)", "gaps")
    print_table(*columns, rows=[_source_row(one) for one in found])
    for one in found:
        if one.health in _SINCE and one.since:
            say(f"{one.name}: {_SINCE[one.health]} {one.since:%Y-%m-%d}{one.error and f': {one.error}'}")
        for gap in one.gaps[-_SHOWN_GAPS:]:
            say(f"{one.name}: could not give {gap}")
        if len(one.gaps) > _SHOWN_GAPS:
            say(f"{one.name}: and {len(one.gaps) - _SHOWN_GAPS} more (--json has all)")


def _source_row(one: Overview) -> tuple[object, ...]:
    return (
        one.name,
        one.health,
        f"{one.succeeded:%Y-%m-%d %H:%M}" if one.succeeded else "never",
        f"{one.per_day:.1f}",
        f"{one.next_at:%a %d %b %H:%M}" if one.next_at else "",
        len(one.gaps) or "",
    )


def papers(
    query: Annotated[
        list[str] | None, typer.Argument(help="Keywords, in the syntax of a profile.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List the papers that have been collected: the newest, or those that match keywords best.

    [bold]Examples[/bold]

        digestmail papers

        digestmail papers '"mixture of experts"' quantization --limit 5
    """
    profile = profile_of(query)
    with newsletter_of(config) as newsletter:
        if profile.keywords:
            index = Index(newsletter.store.corpus.newest())
            found = [ranked.paper for ranked in index.best(profile, limit)]
        else:
            found = newsletter.store.corpus.newest(limit)
    if as_json:
        print_json(found)
    elif found:
        print_table("seen", "paper", "title", rows=[_row(paper) for paper in found])
    else:
        say("no paper matches" if profile.keywords else "no papers yet: 'digestmail fetch' collects them")


def _row(paper: Paper) -> tuple[object, ...]:
    return (f"{paper.first_seen:%Y-%m-%d}" if paper.first_seen else "", paper.key, paper.title)
