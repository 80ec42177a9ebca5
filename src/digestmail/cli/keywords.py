"""``keywords check`` and ``keywords suggest``: for the person who chooses keywords."""

import shlex
from pathlib import Path
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
from digestmail.newsletter import keywords as choosing
from digestmail.newsletter.keywords import Checked, Suggested, Suggestions
from digestmail.newsletter.past import Past
from digestmail.ranking.diagnosis import KeywordReport, Verdict
from digestmail.ranking.profile import format_keyword
from digestmail.ranking.spelling import Said

app = typer.Typer(help="Find out which keywords serve you.", no_args_is_help=True)

_TEN = 10
_SHOWN = 5
# below, what stands inside other words is not worth a line
_NOISY = 0.2

WeeksOption = Annotated[int, typer.Option("--weeks", min=1, max=520, help="Look at this many last weeks.")]


@app.command("check")
def check(
    address: Annotated[
        str | None, typer.Argument(help="A subscriber; by default the first one.", show_default=False)
    ] = None,
    keywords: KeywordsOption = None,
    weeks: WeeksOption = 4,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Say what each keyword finds in the papers of the last weeks, and what to write instead.

    [bold]Examples[/bold]

        digestmail keywords check me@example.org

        digestmail keywords check -k 'mixture of experts' -k RAG -k -survey
    """
    email = address_of(address) if address else None
    profile = profile_of(keywords) if keywords else None
    with newsletter_of(config) as newsletter:
        checked = choosing.check(newsletter, email=email, profile=profile, weeks=weeks)
    if as_json:
        print_json(_check_json(checked))
        return
    reports = checked.diagnosis.keywords
    print_table("keyword", "verdict", "a week", "as papers write it", rows=[_row(report) for report in reports])
    advice = [(report.keyword, line) for report in reports for line in _advice(report, checked)]
    if advice:
        out.print()
        print_table("keyword", "advice", rows=list(advice))
    tell_basis(checked.past)
    say(_together(checked))


def _row(report: KeywordReport) -> tuple[object, ...]:
    more = len(report.spellings) - _SHOWN
    return (
        report.keyword,
        report.verdict,
        a_week(report.per_week),
        _said(report.spellings[:_SHOWN]) + (f" and {more} more ways" if more > 0 else ""),
    )


def a_week(papers: float) -> str:
    """Papers per week: whole numbers from ten on."""
    return f"{papers:,.0f}" if papers >= _TEN or papers == int(papers) else f"{papers:.1f}"


def _said(said: tuple[Said, ...]) -> str:
    return ", ".join(f"{one.text} {one.papers:,}" for one in said)


def _advice(report: KeywordReport, checked: Checked) -> list[str]:
    lines = []
    match report.verdict:
        case Verdict.NEVER:
            lines.append(_never(report, checked))
        case Verdict.DUPLICATE:
            lines.append(f"finds the same papers as {report.same_as}: one of them is enough")
        case Verdict.BROAD:
            lines.append(
                f"{a_week(report.per_week)} papers a week, your issues take {checked.room}: add a word to it, "
                f"or give your other keywords more weight (^3)"
            )
        case Verdict.BLUNT:
            lines.append(f"{_kept_out(report)}: make it narrower, perhaps with title:")
        case Verdict.GOOD if report.kept_out:
            lines.append(_kept_out(report))
        case _:
            pass
    if report.within:
        lines.append(f"all its papers also match {report.within}: it raises them, and brings no others")
    if report.noise > _NOISY:
        words = ", ".join(one.text for one in report.inside_words)
        lines.append(
            f"also inside other words, in {plural(report.inside, 'more paper')} ({words}): "
            f"{report.noise:.0%} noise, and no match here"
        )
    return lines


def _never(report: KeywordReport, checked: Checked) -> str:
    seen = f"in none of {plural(checked.diagnosis.papers, 'paper')}"
    if not report.near:
        return f"{seen}; nothing that papers write looks like it"
    return f"{seen}; papers write: {_said(report.near)}"


def _kept_out(report: KeywordReport) -> str:
    return f"keeps out {report.share:.0%} of the papers that the other keywords find, such as «{report.kept_out[0]}»"


def _together(checked: Checked) -> str:
    diagnosis = checked.diagnosis
    wanted = a_week(diagnosis.wanted / diagnosis.weeks)
    return f"together: {wanted} of {a_week(diagnosis.papers / diagnosis.weeks)} papers a week, room for {checked.room}"


def tell_basis(past: Past) -> None:
    """Which days the papers come from."""
    say(f"{plural(len(past.papers), 'paper')}, {past.first} to {past.last}")
    tell_in_one_go(announced=past.announced)


def tell_in_one_go(*, announced: bool) -> None:
    """Say that the days are not those of the corpus, when that is so."""
    if announced:
        say("the corpus came in one go: each paper counts for the day it was listed or published")


def _check_json(checked: Checked) -> dict[str, object]:
    return {
        "subscriber": checked.subscriber.email,
        "first": checked.past.first,
        "last": checked.past.last,
        "announced": checked.past.announced,
        "papers": checked.diagnosis.papers,
        "weeks": checked.diagnosis.weeks,
        "wanted": checked.diagnosis.wanted,
        "room": checked.room,
        "keywords": checked.diagnosis.keywords,
    }


@app.command("suggest")
def suggest(
    address: Annotated[
        str | None,
        typer.Argument(help="A subscriber who likes some papers, or - for nobody in particular.", show_default=False),
    ] = None,
    paper: Annotated[
        list[str] | None,
        typer.Option("--paper", "-p", help="arXiv id or URL, DOI or title; may be given again.", show_default=False),
    ] = None,
    ids: Annotated[Path | None, typer.Option("--ids", help="A file with one id a line.", show_default=False)] = None,
    bibtex: Annotated[
        Path | None, typer.Option("--bibtex", help="A .bib file, as Zotero and others export it.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many at most.")] = 10,
    weeks: WeeksOption = 4,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Suggest keywords from papers you like: phrases that these hold more often than others do.

    [bold]Examples[/bold]

        digestmail keywords suggest me@example.org

        digestmail keywords suggest --bibtex library.bib

        digestmail keywords suggest me@example.org -p 2406.12345 -p 2407.01234
    """
    from digestmail.cli import references

    named = [
        *references.of_ids(paper or []),
        *(references.read_ids(ids) if ids else ()),
        *(references.read_bibtex(bibtex) if bibtex else ()),
    ]
    email = None if address in (None, "-") else address_of(str(address))
    with newsletter_of(config) as newsletter:
        found = choosing.suggest(newsletter, email=email, references=named, weeks=weeks, limit=limit)
    if as_json:
        print_json(_suggest_json(found))
    else:
        _tell_suggestions(found)


def _tell_suggestions(found: Suggestions) -> None:
    if found.unknown:
        say(f"not in the corpus: {', '.join(found.unknown)}")
    if not found.keywords:
        say(f"no phrase tells {plural(len(found.favourites), 'paper')} from the others: name more that are alike")
        return
    total = len(found.favourites)
    rows = [(_option(one), f"{one.favourites} of {total}", a_week(one.per_week)) for one in found.keywords]
    print_table("keyword", "in yours", "a week", rows=list(rows))


def _option(one: Suggested) -> str:
    return f"-k {shlex.quote(format_keyword(one.keyword))}"


def _suggest_json(found: Suggestions) -> dict[str, object]:
    return {
        "keywords": [
            {"keyword": format_keyword(one.keyword), "papers": one.favourites, "per_week": one.per_week}
            for one in found.keywords
        ],
        "papers": [paper.key for paper in found.favourites],
        "unknown": found.unknown,
    }
