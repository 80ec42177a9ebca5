"""Specimen: somebody's next issue, sent to an address that wants to see it. Nothing is stored."""

from dataclasses import replace

from digestmail.mail.message import message_id
from digestmail.model import Envelope
from digestmail.newsletter import Newsletter, eventloop
from digestmail.newsletter.deliver import finished, joining_for
from digestmail.newsletter.preview import preview
from digestmail.protocols import Transport


def send_specimen(newsletter: Newsletter, to: str, *, reader: str | None = None) -> str:
    """Send the next issue of ``reader`` (by default the first subscriber) to ``to``, and return the server's answer.

    It is the real message through the real transport, but it is nobody's: its links and its Message-ID belong to a
    reader that does not exist, so that whoever has it can change nothing. Raises NotFoundError, AddressError,
    TemplateError and TransportError.
    """
    issue = preview(newsletter, email=reader).issue
    nobody = replace(issue.subscriber, uid=newsletter.new_id(), email=to)
    identity = message_id(newsletter.mailing_list, nobody, issue.slot, 0)
    now = newsletter.clock()
    trial = replace(issue, subscriber=nobody, generation=0, message_id=identity, composed_at=now)
    message = finished(trial, joining_for(newsletter), newsletter.tokens, newsletter.sign)
    return eventloop.run(_send(newsletter.transport, message.envelope))


async def _send(transport: Transport, envelope: Envelope) -> str:
    try:
        await transport.ready()
        return await transport.send(envelope, _commit)
    finally:
        await transport.close()


async def _commit() -> None:
    """Nothing is promised."""
