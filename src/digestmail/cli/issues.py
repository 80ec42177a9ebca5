"""``run``, ``preview`` and ``explain``: issues."""

import webbrowser
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from digestmail.cli.common import (
    ATTENTION,
    DEFAULT_CONFIG,
    TRY_LATER,
    ConfigOption,
    DateOption,
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
from digestmail.cli.papers import collected_json, enriched_json, tell_collected, tell_enriched
from digestmail.errors import InputError, TemplateError
from digestmail.model import DeliveryStatus, Match
from digestmail.newsletter import explain as explaining
from digestmail.newsletter import preview as previewing
from digestmail.newsletter import run as running
from digestmail.newsletter.deliver import Message, Stop
from digestmail.newsletter.explain import Explained, Verdict
from digestmail.newsletter.run import RunReport
from digestmail.ranking import Explanation
from digestmail.rendering.budget import LIMIT, Size
from digestmail.storage.deliveries import nothing_sent

_SHOWN = 10


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    day: DateOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show who would get what; send and store nothing.")
    ] = False,
    subscriber: Annotated[
        str | None, typer.Option("--subscriber", help="Only this address.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Collect new papers and send every issue that is due.

    Run it from cron as often as you like: what has been sent is never sent again, what could not be sent is tried
    again. Exits with 75 when sources or the mail server did not answer, with 1 when a message was refused.

    SIGTERM and Ctrl-C let it finish the messages that are under way; a second one leaves them to the next run.
    """
    only = address_of(subscriber) if subscriber else None
    stop = Stop()
    with newsletter_of(config, day=day) as newsletter, stop.on_signals():
        report = running.run(newsletter, day=day, only=only, dry_run=dry_run, stop=stop)
    _tell_run(report, dry_run=dry_run)
    if as_json:
        print_json(_run_json(report))
    delivered = report.delivered
    if delivered.unavailable or delivered.stopped or report.sources_down or delivered.counts[DeliveryStatus.DEFERRED]:
        raise typer.Exit(TRY_LATER)
    if report.needs_attention:
        raise typer.Exit(ATTENTION)


def _tell_run(report: RunReport, *, dry_run: bool) -> None:
    for synced in report.synced:
        say(str(synced))
    tell_collected(report.collected)
    tell_enriched(report.enriched)
    if dry_run:
        for issue in report.issues:
            top = issue.papers[0].paper.title if issue.papers else nothing_sent(issue)
            told = {change.paper.key for change in issue.followups}
            news = f" and news of {plural(len(told), 'paper')}" if told else ""
            papers = f"{plural(len(issue.papers), 'paper')}{news}"
            say(f"would send {papers} to {issue.subscriber.email} ({issue.slot}): {top}")
        say(f"dry run: {plural(len(report.issues), 'issue')} planned, nothing sent, nothing stored")
        return
    empty = [issue for issue in report.issues if not (issue.papers or issue.followups)]
    for issue in empty[:_SHOWN]:
        say(f"{issue.subscriber.email} ({issue.slot}): {nothing_sent(issue)}")
    for problem in report.delivered.problems[:_SHOWN]:
        say(problem)
    if report.delivered.unavailable:
        say(report.delivered.unavailable)
    if report.delivered.stopped:
        say("stopped early: what is left goes out with the next run")
    for reply in report.delivered.replies[:_SHOWN]:
        say(f"sent: {reply}")
    if report.unanswered:
        say(f"nobody who signs up gets a letter: {report.unanswered}")
    counts, letters = report.delivered.counts, report.delivered.letters
    parts = [f"{counts[status]} {status}" for status in DeliveryStatus if counts[status]]
    parts += [f"{plural(letters[status], 'letter')} {status}" for status in DeliveryStatus if letters[status]]
    say(", ".join(parts) or _nothing(report))


def _nothing(report: RunReport) -> str:
    if not report.subscribers:
        return "nobody is subscribed: 'digestmail subscribe ADDRESS -k KEYWORD' adds a reader"
    return "nothing to send" if report.issues else "nothing to send: every issue that is due has been dealt with"


def _run_json(report: RunReport) -> dict[str, object]:
    return {
        "sources": [collected_json(one) for one in report.collected],
        "enrichment": [enriched_json(one) for one in report.enriched],
        "issues": [
            {
                "subscriber": issue.subscriber.email,
                "slot": issue.slot,
                "papers": [ranked.paper.key for ranked in issue.papers],
                "receipt": issue.receipt,
                "followups": [{"key": change.paper.key, "kind": change.kind} for change in issue.followups],
                "quiet": issue.lull.why if issue.lull else None,
            }
            for issue in report.issues
        ],
        "deliveries": report.delivered.counts,
        "letters": report.delivered.letters,
        "replies": report.delivered.replies,
        "problems": report.delivered.problems,
        "unavailable": report.delivered.unavailable or None,
    }


def preview(
    address: Annotated[
        str | None, typer.Argument(help="A subscriber; by default the first one.", show_default=False)
    ] = None,
    keywords: KeywordsOption = None,
    day: DateOption = None,
    folder: Annotated[Path, typer.Option("--out", "-o", help="Where the files go.")] = Path("preview"),
    open_it: Annotated[bool, typer.Option("--open", help="Open the HTML in a browser.")] = False,
    text: Annotated[bool, typer.Option("--text", help="Print the text part instead of writing files.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make a subscriber's next issue and send nothing: the same bytes that run would send.

    With a template that a mistake keeps from compiling, shows what its last good state makes, and exits with 1.

    [bold]Examples[/bold]

        digestmail preview me@example.org --open

        digestmail preview -k '"mixture of experts"^3' -k quantization -k -survey --text
    """
    email = address_of(address) if address else None
    profile = profile_of(keywords) if keywords else None
    broken: list[TemplateError] = []
    with newsletter_of(config, day=day) as newsletter:
        lenient = replace(newsletter, templates=newsletter.templates.lenient(broken.append))
        message = previewing.preview(lenient, email=email, profile=profile, day=day)
        size = previewing.size(lenient, message)
    if text:
        out.print(message.rendered.text, markup=False, soft_wrap=True)
    else:
        files = _write(message, folder)
        _tell_preview(message, size, files, as_json=as_json)
        if open_it:
            webbrowser.open(files[0].resolve().as_uri())
    if broken:
        say(f"{broken[0]}\nthe template is broken: the issue is shown as its last good state makes it")
        raise typer.Exit(ATTENTION)


def _tell_preview(message: Message, size: Size, files: list[Path], *, as_json: bool) -> None:
    subject, papers = message.rendered.subject, message.issue.papers
    if as_json:
        print_json({"subject": subject, "papers": papers, "files": files, "bytes": size})
        return
    say(f"{subject} ({plural(len(papers), 'paper')})")
    say(_told(size))
    for file in files:
        out.print(str(file), markup=False)


def _told(size: Size) -> str:
    """``31.2 of 98 KB of HTML, 39.5 KB as sent; 1.9 to 3.1 KB a card``."""
    told = f"{size.html / 1024:.1f} of {LIMIT // 1024} KB of HTML, {size.encoded / 1024:.1f} KB as sent"
    if not size.cards:
        return told
    return f"{told}; {min(size.cards) / 1024:.1f} to {max(size.cards) / 1024:.1f} KB a card"


def _write(message: Message, folder: Path) -> list[Path]:
    name = f"{message.issue.slot}_{message.issue.subscriber.email.replace('/', '_')}"
    contents = {
        ".html": message.rendered.html.encode(),
        ".txt": message.rendered.text.encode(),
        ".eml": message.envelope.content,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in contents.items():
            (folder / f"{name}{suffix}").write_bytes(content)
    except OSError as error:
        raise InputError(f"cannot write the preview to {folder}: {error.strerror}") from error
    return [folder / f"{name}{suffix}" for suffix in contents]


def explain(
    address: Annotated[str, typer.Argument(help="A subscriber.")],
    paper: Annotated[str, typer.Argument(help="arXiv id or URL, DOI, key, or the whole title.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Say why a paper is, or is not, in a subscriber's issue."""
    with newsletter_of(config) as newsletter:
        explained = explaining.explain(newsletter, address_of(address), paper)
    if as_json:
        print_json(
            {
                "paper": explained.paper.key,
                "subscriber": explained.subscriber.email,
                "verdict": explained.verdict.name.lower(),
                "rank": explained.rank,
                "score": explained.explanation.score,
                "relevance": explained.explanation.relevance,
                "threshold": explained.explanation.threshold,
                "matches": [*_by_place(explained.explanation.matches)],
                "negatives": [*_by_place(explained.explanation.negatives)],
                "delivered": explained.delivery.slot if explained.delivery else None,
            }
        )
        return
    out.print(explained.paper.title, style="bold", markup=False)
    out.print(f"{explained.paper.key}: {explained.verdict}{_detail(explained)}", markup=False)
    rows = [*_rows(explained.explanation)]
    if rows:
        print_table(
            "keyword",
            "found in",
            "how",
            "as",
            "times",
            "points",
            "share",
            rows=rows,
        )


def _detail(explained: Explained) -> str:  # noqa: PLR0911 - one line per verdict
    match explained.verdict:
        case Verdict.PROMISED if explained.delivery:
            return f" of {explained.delivery.slot} ({explained.delivery.status})"
        case Verdict.NEXT:
            return f", place {explained.rank}"
        case Verdict.CARRIED:
            return f": place {explained.rank}, an issue takes {explained.max_papers}"
        case Verdict.BELOW_GATE:
            explanation = explained.explanation
            gate = explained.subscriber.profile.gate
            return f": {explanation.relevance:.1f} points, the {gate} gate asks for {explanation.threshold:.1f}"
        case Verdict.EXCLUDED:
            return ": " + ", ".join(dict.fromkeys(f"-{match.keyword}" for match in explained.explanation.negatives))
        case Verdict.TOO_OLD:
            seen = f"{explained.paper.first_seen:%Y-%m-%d}"
            return f": first seen {seen}, a paper is a candidate for {explained.window_days} days"
        case _:
            return ""


def _by_place(matches: Iterable[Match]) -> Iterator[dict[str, object]]:
    for match in matches:
        for place in match.places:
            told = asdict(place)
            yield {"keyword": match.keyword, "points": match.points * told.pop("share"), **told}


def _rows(explanation: Explanation) -> Iterator[tuple[object, ...]]:
    for match in explanation.matches:
        for one in match.places:
            points = match.points * one.share
            share = f"{points / explanation.relevance:.0%}" if explanation.relevance else ""
            yield (match.keyword, one.field, one.evidence, one.text, one.count, f"{points:.1f}", share)
    for match in explanation.negatives:
        for one in match.places:
            yield (f"-{match.keyword}", one.field, one.evidence, one.text, one.count, "", "keeps it out")
