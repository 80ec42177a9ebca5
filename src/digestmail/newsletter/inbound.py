"""Inbound: read what came back, find out whom it is about, and keep it with what ``suppression`` decides."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

from digestmail.errors import InputError, NotFoundError
from digestmail.mail.bounces import understand
from digestmail.mail.reports import Incoming, Kind, Report
from digestmail.mail.tokens import Purpose
from digestmail.newsletter import Newsletter
from digestmail.newsletter.access import visitor
from digestmail.newsletter.reactions import react
from digestmail.newsletter.suppression import decide
from digestmail.protocols import Letter, Mailbox
from digestmail.storage.addresses import Fact, Known, Verdict

_log = logging.getLogger(__name__)

#: for a person to read: nothing follows from them by itself
FOR_PEOPLE = (Kind.REPLY, Kind.UNCLEAR)
# of strangers these say nothing that is worth a row: the bounce address is public
_NOT_KEPT = (*FOR_PEOPLE, Kind.AUTOMATIC, Kind.NOTICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one message said about one address, and what was decided."""

    letter: str
    kind: str = ""
    code: str = ""
    #: the reader's, else the one that the message names
    address: str = ""
    note: str = ""
    decision: str = ""
    #: why it could not be read; then nothing else is known
    problem: str = ""
    #: some of what a reader asks for could not be done
    refused: bool = False

    @property
    def look(self) -> bool:
        """Whether a person should look at it."""
        unclear = self.kind in FOR_PEOPLE or self.decision.startswith(Verdict.UNPROVEN)
        return bool(self.problem) or self.refused or unclear


def receive(
    newsletter: Newsletter, mailbox: Mailbox, *, recipients: Sequence[str] = (), dry_run: bool = False
) -> Iterator[Outcome]:
    """Read every message of a mailbox, decide, keep the decisions, and only then mark it as done.

    ``recipients`` are those of the envelope, where the caller knows them. ``dry_run`` keeps and marks nothing. Raises
    what ``Mailbox.letters`` raises, and StoreError: what is not marked then is read again.
    """
    with newsletter.store.rehearsal() if dry_run else nullcontext():
        for letter in mailbox.letters():
            outcomes = _read(newsletter, letter, mailbox.name, recipients)
            if not dry_run:
                mailbox.done(letter, look=any(outcome.look for outcome in outcomes))
            for outcome in outcomes:
                _log.info("inbound source=%s kind=%s decision=%s", mailbox.name, outcome.kind, outcome.decision)
            yield from outcomes


def _read(newsletter: Newsletter, letter: Letter, source: str, recipients: Sequence[str]) -> list[Outcome]:
    if letter.problem:
        return [Outcome(letter=letter.name, problem=letter.problem)]
    try:
        incoming = understand(letter.content, recipients=recipients)
    except InputError as error:
        return [Outcome(letter=letter.name, problem=str(error))]
    if incoming.reports[0].kind is Kind.FEEDBACK:
        return [_opinions(newsletter, letter, incoming, source)]
    by_proof = _by_proof(newsletter, incoming)
    facts = [_fact(newsletter, incoming, number, by_proof, source) for number in range(len(incoming.reports))]
    outcomes = [
        Outcome(
            letter=letter.name,
            kind=report.kind,
            code=report.code,
            address=fact.about.email if fact.about else next(iter(report.addresses), ""),
            note=report.note,
        )
        for report, fact in zip(incoming.reports, facts, strict=True)
    ]
    return [replace(one, decision=said) for one, said in zip(outcomes, _decisions(newsletter, facts), strict=True)]


def _opinions(newsletter: Newsletter, letter: Letter, incoming: Incoming, source: str) -> Outcome:
    """What a reader asks for papers of an issue. Only a token says who: the same mail read twice changes nothing."""
    report = incoming.reports[0]
    outcome = Outcome(letter=letter.name, kind=report.kind, address=next(iter(report.addresses), ""), note=report.note)
    for token in incoming.tokens:
        try:
            visit = visitor(newsletter, Purpose.FEEDBACK, token)
            reaction = react(newsletter, visit, report.wishes, source=source)
        except NotFoundError:
            continue
        told = [*reaction.done, *(f"not {refused}" for refused in reaction.refused)]
        decision = f"{Verdict.NOTED}: {', '.join(told)}" if told else f"{Verdict.UNPROVEN}: it asks for nothing we know"
        refused = bool(reaction.refused)
        return replace(outcome, address=visit.subscriber.email, decision=decision, refused=refused)
    return replace(outcome, decision=f"{Verdict.UNPROVEN}: its token is not good")


def _decisions(newsletter: Newsletter, facts: Sequence[Fact]) -> list[str]:
    policy = partial(decide, newsletter.rules)
    addresses = newsletter.store.addresses
    if all(fact.about is None and fact.kind in _NOT_KEPT for fact in facts):
        return [addresses.preview(fact, policy).decision for fact in facts]
    return [event.decision for event in addresses.record(facts, policy)] or ["read before"] * len(facts)


def _fact(newsletter: Newsletter, incoming: Incoming, number: int, by_proof: Known | None, source: str) -> Fact:
    report = incoming.reports[number]
    about = by_proof or _by_address(newsletter, report)
    named = {address.lower() for address in report.addresses}
    return Fact(
        about=about,
        at=newsletter.clock(),
        kind=report.kind,
        source=source,
        code=report.code,
        note=report.note if about else " ".join(filter(None, (*report.addresses[:1], report.note))),
        # a row of its own for each report of a message
        digest=f"{incoming.digest}:{number}" if number else incoming.digest,
        proven=by_proof is not None,
        own=about is not None and (not named or about.email.lower() in named),
    )


def _by_proof(newsletter: Newsletter, incoming: Incoming) -> Known | None:
    """Whom a token or a Message-ID of ours names: nobody knows these who has not had the message in hand."""
    addresses = newsletter.store.addresses
    now = newsletter.clock()
    uids = filter(None, (newsletter.tokens.returned(token, now) for token in incoming.tokens))
    by_token = next(filter(None, map(addresses.by_uid, uids)), None)
    for returned in filter(None, map(addresses.by_message_id, incoming.message_ids)):
        # a message of another reader says nothing about the delivery to this one
        if by_token is None or returned.id == by_token.id:
            return returned
    return by_token


def _by_address(newsletter: Newsletter, report: Report) -> Known | None:
    """Whom an address names. Anybody can write it: see ``decide`` for what follows."""
    return next(filter(None, map(newsletter.store.addresses.by_email, report.addresses)), None)
