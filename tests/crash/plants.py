"""Bugs, planted in a child to see whether the crash tests catch them. Each is one that a peer has or had."""

import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from digestmail.model import DeliveryStatus
from digestmail.newsletter import collect, compose, deliver
from digestmail.storage import claims, deliveries, owners, tables


def ledger_after_send() -> None:
    """The ledger is written when the message has gone out (most scripts that mail papers)."""
    plan_one, settle = deliveries._plan_one, claims._settle
    waiting: dict[int, list[dict[str, int]]] = {}

    def plan(connection: Any, issue: Any, **options: Any) -> Any:
        planned = plan_one(connection, issue, **options)
        newest = max(connection.execute(tables.delivery.select()).scalars(), default=0)
        rows = connection.execute(tables.ledger.select().where(tables.ledger.c.delivery_id == newest)).mappings().all()
        connection.execute(delete(tables.ledger).where(tables.ledger.c.delivery_id == newest))
        waiting[newest] = [dict(row) for row in rows]
        return planned

    def settled(connection: Any, settlements: Any, now: Any) -> None:
        settle(connection, settlements, now)
        for one in settlements:
            if one.status is DeliveryStatus.SENT and waiting.get(one.delivery.id):
                connection.execute(tables.ledger.insert(), waiting.pop(one.delivery.id))

    deliveries._plan_one, claims._settle = plan, settled


def watermark() -> None:
    """What was seen up to the last look is not looked at again (listmonk's checkpoint at the time of fetching)."""
    compose_all = compose._compose_all
    mark = Path("watermark.json")

    def marked(newsletter: Any, due: Any, now: Any) -> Any:
        seen = set(json.loads(mark.read_text())) if mark.exists() else set()
        papers = newsletter.store.corpus.window(now - timedelta(days=7), now)
        mark.write_text(json.dumps([*seen, *(paper.key for paper in papers)]))
        window = newsletter.store.corpus.marked_window

        def unseen(*arguments: Any) -> Any:
            papers, newest = window(*arguments)
            return [paper for paper in papers if paper.key not in seen], newest

        newsletter.store.corpus.marked_window = unseen
        try:
            yield from compose_all(newsletter, due, now)
        finally:
            newsletter.store.corpus.marked_window = window

    compose._compose_all = marked


def no_fence() -> None:
    """Whoever was slow goes on as if nobody had taken over."""
    claims._lost = lambda _connection, _wanted: set()  # type: ignore[assignment]


def new_message_id() -> None:
    """Each attempt has a Message-ID of its own (django-mailer after a crash)."""
    build = deliver.build_message  # type: ignore[attr-defined] # imported there, to be replaced there

    def anew(issue: Any, words: Any, *rest: Any, **options: Any) -> Any:
        from dataclasses import replace

        domain = issue.mailing_list.sender_address.rpartition("@")[2]
        letters = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26))
        return build(replace(issue, message_id=f"<{letters}@{domain}>"), words, *rest, **options)

    deliver.build_message = anew  # type: ignore[attr-defined]


def etag_before_papers() -> None:
    """That a source was read is stored before what it said (scirate #343)."""
    ask = collect.ask_sources
    mark = Path("etag.json")

    def asked(newsletter: Any, now: Any, **options: Any) -> Any:
        from dataclasses import replace

        answers = ask(newsletter, now, **options)
        known = json.loads(mark.read_text()) if mark.exists() else []
        kept = []
        for answer in answers:
            fresh = [paper for paper in answer.papers if paper.key not in known]
            known += [paper.key for paper in fresh]
            kept.append(replace(answer, papers=type(answer.papers)(fresh)))
        mark.write_text(json.dumps(known))
        return kept

    from digestmail.newsletter import run

    run.ask_sources = asked  # type: ignore[attr-defined]


def lease_without_owner() -> None:
    """A claim tells until when it holds and not whose it is (lock files that outlive their makers)."""
    owners.is_dead = lambda owner: not owner


def no_commitment() -> None:
    """Nothing is stored before the dot: what a crash leaves behind looks untried."""
    claims._commit = lambda _connection, _commitments, _now: None  # type: ignore[assignment]


def sent_before_the_reply() -> None:
    """A message counts as sent when it is committed to."""
    commit = claims._commit

    def too_soon(connection: Any, commitments: Any, now: Any) -> None:
        commit(connection, commitments, now)
        for one in commitments:
            connection.execute(
                tables.delivery.update()
                .where(tables.delivery.c.id == one.delivery.id)
                .values(status=DeliveryStatus.SENT, lease_until=None)
            )

    claims._commit = too_soon
    claims._lost = lambda _connection, _wanted: set()  # type: ignore[assignment]


PLANTS: dict[str, Callable[[], None]] = {
    plant.__name__: plant
    for plant in (
        ledger_after_send,
        watermark,
        no_fence,
        new_message_id,
        etag_before_papers,
        lease_without_owner,
        no_commitment,
        sent_before_the_reply,
    )
}


def short_lease() -> None:
    """A lease that runs out while a test waits for it."""
    claims.LEASE = timedelta(milliseconds=300)


SETTINGS: dict[str, Callable[[], None]] = {"short_lease": short_lease}
