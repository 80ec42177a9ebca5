"""``fetch`` and ``papers``: the corpus."""

from typing import Annotated

import typer

from digestmail.cli.common import (
    DEFAULT_CONFIG,
    TRY_LATER,
    ConfigOption,
    DateOption,
    JsonOption,
    newsletter_of,
    plural,
    print_json,
    print_table,
    profile_of,
    say,
)
from digestmail.model import Paper
from digestmail.newsletter.collect import Collected, collect
from digestmail.newsletter.enrich import Enriched, enrich
from digestmail.ranking import Index

_SHOWN_SKIPS = 5


def fetch(config: ConfigOption = DEFAULT_CONFIG, day: DateOption = None, as_json: JsonOption = False) -> None:
    """Collect new papers without sending anything.

    Exits with 75 when no source answered.
    """
    with newsletter_of(config, day=day) as newsletter:
        now = newsletter.clock()
        collected = collect(newsletter, now)
        enriched = enrich(newsletter, now)
    tell_collected(collected)
    tell_enriched(enriched)
    if as_json:
        print_json([collected_json(one) for one in collected])
    if not any(one.answer.answered for one in collected):
        raise typer.Exit(TRY_LATER)


def tell_collected(collected: list[Collected]) -> None:
    """One line per source, and one per entry that could not be read."""
    for one in collected:
        answer = one.answer
        if answer.error:
            say(str(answer.error))
        if answer.answered:
            samples = " (samples: no live source answered)" if answer.fallback else ""
            say(f"{answer.source}: {plural(len(answer.papers), 'paper')}, {one.new} new{samples}")
        for skipped in answer.skipped[:_SHOWN_SKIPS]:
            say(f"{answer.source}: skipped {skipped}")
        if len(answer.skipped) > _SHOWN_SKIPS:
            say(f"{answer.source}: skipped {len(answer.skipped) - _SHOWN_SKIPS} more entries")


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
        "skipped": [str(skipped) for skipped in one.answer.skipped],
        "error": str(one.answer.error) if one.answer.error else None,
        "fallback": one.answer.fallback,
    }


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
