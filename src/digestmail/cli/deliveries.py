"""``deliveries``, ``prove``, ``audit``, ``resolve`` and ``resend``: what became of every message."""

from typing import Annotated

import typer

from digestmail.cli.common import (
    ATTENTION,
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    address_of,
    newsletter_of,
    out,
    plural,
    print_json,
    print_table,
    say,
)
from digestmail.errors import NotFoundError
from digestmail.model import Attempt, Delivery, DeliveryStatus
from digestmail.newsletter import audit as auditing
from digestmail.newsletter import prove as proving
from digestmail.newsletter import resolve as resolving
from digestmail.newsletter.audit import Audit
from digestmail.newsletter.prove import Proof

_FAULTS_SHOWN = 20

NumberArgument = Annotated[int, typer.Argument(help="The number of the delivery, as 'deliveries' shows it.")]


def deliveries(
    address: Annotated[str | None, typer.Argument(help="Only to this subscriber.", show_default=False)] = None,
    status: Annotated[
        list[DeliveryStatus] | None, typer.Option("--status", help="Only these; may be given again.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--id", help="One delivery, with all that happened to it.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List messages and what became of them, newest slot first.

    [bold]Examples[/bold]

        digestmail deliveries --status held --status failed

        digestmail deliveries --id 17
    """
    with newsletter_of(config) as newsletter:
        if number is not None:
            delivery = resolving.delivery_of(newsletter, number)
            _tell_one(delivery, newsletter.store.deliveries.past(number), as_json=as_json)
            return
        email = address_of(address) if address else None
        found = newsletter.store.deliveries.find(*(status or ()), email=email, limit=limit, letters=True)
        if email and newsletter.store.subscribers.find(email) is None:
            raise NotFoundError(f"{email} is not subscribed")
    if as_json:
        print_json([delivery_json(delivery) for delivery in found])
    elif found:
        columns = ("id", "slot", "kind", "to", "status", "attempts", "papers", "last answer")
        print_table(*columns, rows=[_row(delivery) for delivery in found])
    else:
        say("no such deliveries")


def _row(delivery: Delivery) -> tuple[object, ...]:
    return (
        delivery.id,
        delivery.slot,
        delivery.kind,
        delivery.subscriber.email,
        delivery.status,
        delivery.attempts,
        len(delivery.papers),
        delivery.note,
    )


def _tell_one(delivery: Delivery, past: list[Attempt], *, as_json: bool) -> None:
    if as_json:
        print_json({**delivery_json(delivery), "past": past})
        return
    out.print(
        f"{delivery.id}  {delivery.slot}  {delivery.subscriber.email}  {delivery.status}", style="bold", markup=False
    )
    brings = delivery.kind if delivery.is_letter else plural(len(delivery.papers), "paper")
    out.print(f"{delivery.message_id}  {brings}".strip(), markup=False)
    print_table("at (UTC)", "attempt", "what", "code", "words", rows=[_event(attempt) for attempt in past])


def _event(attempt: Attempt) -> tuple[object, ...]:
    return (f"{attempt.at:%Y-%m-%d %H:%M:%S}", attempt.fence or "", attempt.event, attempt.code, attempt.note)


def delivery_json(delivery: Delivery) -> dict[str, object]:
    """A delivery for programs."""
    return {
        "id": delivery.id,
        "subscriber": delivery.subscriber.email,
        "slot": delivery.slot,
        "kind": delivery.kind,
        "status": delivery.status,
        "message_id": delivery.message_id or None,
        "generation": delivery.generation,
        "attempts": delivery.attempts,
        "ambiguous": delivery.ambiguous,
        "code": delivery.code,
        "note": delivery.note,
        "next_at": delivery.next_at,
        "settled_at": delivery.settled_at,
        "papers": [
            {"key": ranked.paper.key, "title": ranked.paper.title, "score": ranked.score} for ranked in delivery.papers
        ],
        "followups": [{"key": change.paper.key, "kind": change.kind} for change in delivery.followups],
    }


def prove(
    address: Annotated[str, typer.Argument(help="A subscriber.")],
    paper: Annotated[str, typer.Argument(help="arXiv id or URL, DOI, key, or the whole title.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show the whole way of a paper to a subscriber: first seen, promised, every attempt, the server's answer.

    Exits with 1 when it has not been delivered.
    """
    with newsletter_of(config) as newsletter:
        proof = proving.prove(newsletter, address_of(address), paper)
    if as_json:
        delivery = delivery_json(proof.delivery) if proof.delivery else None
        told = {"paper": proof.paper.key, "delivered": proof.is_delivered, "delivery": delivery, "steps": proof.steps}
        print_json({**told, "verdict": proof.explained.verdict.name.lower()})
    else:
        out.print(proof.paper.title, style="bold", markup=False)
        for step in proof.steps:
            out.print(f"{step.at:%Y-%m-%d %H:%M:%S}  {step.what}", markup=False)
        out.print(_end_of(proof), markup=False)
    if not proof.is_delivered:
        raise typer.Exit(ATTENTION)


def _end_of(proof: Proof) -> str:
    if proof.is_delivered:
        return "delivered"
    if proof.delivery:
        return f"not delivered: {proof.delivery.status}"
    return f"not promised: {proof.explained.verdict} ('digestmail explain' says more)"


def audit(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Count all papers of all slots again: each must have been sent, wait, be carried over, or have a reason.

    Counts from the papers and the ledger, not from what deliveries say. Exits with 1 when something does not add up.
    """
    with newsletter_of(config) as newsletter:
        done = auditing.audit(newsletter)
    if as_json:
        print_json(done)
    else:
        _tell_audit(done)
    if done.faults:
        raise typer.Exit(ATTENTION)


def _tell_audit(done: Audit) -> None:
    reasons = (auditing.EXPIRED, auditing.CARRIED, auditing.BELOW, auditing.EXCLUDED, auditing.WITHDRAWN)
    order = [*map(str, auditing.PROMISED), *reasons]
    places = [(name, done.places[name]) for name in order if done.places[name]]
    print_table(f"{plural(done.slots, 'slot')}", "papers", rows=[*places, ("= candidates", done.candidates)])
    if done.unchecked:
        say(f"{plural(done.unchecked, 'slot')} planned by an older version: their candidates were not counted again")
    for fault in done.faults[:_FAULTS_SHOWN]:
        out.print(fault, markup=False)
    if len(done.faults) > _FAULTS_SHOWN:
        say(f"and {len(done.faults) - _FAULTS_SHOWN} more (--json has all)")
    out.print(f"does not add up: {plural(len(done.faults), 'fault')}" if done.faults else "adds up", style="bold")


def resolve(
    number: NumberArgument,
    decision: Annotated[
        resolving.Decision,
        typer.Argument(help="It has arrived (sent), try the same message again (again), nobody gets it (drop)."),
    ],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Decide what becomes of a delivery that is held or has failed."""
    with newsletter_of(config) as newsletter:
        delivery = resolving.resolve(newsletter, number, decision)
    say(f"delivery {delivery.id} to {delivery.subscriber.email} ({delivery.slot}): {delivery.status}")


def resend(number: NumberArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Have a finished issue sent again, as a new message; the reader may have it twice."""
    with newsletter_of(config) as newsletter:
        delivery = resolving.resend(newsletter, number)
    say(
        f"delivery {delivery.id} to {delivery.subscriber.email} ({delivery.slot}) goes out again with the next run, "
        f"as generation {delivery.generation}: {delivery.message_id}"
    )
