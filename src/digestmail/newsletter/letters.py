"""Letters: the messages that are no issues, made from a delivery as issues are."""

from dataclasses import replace

from digestmail.errors import MessageError, TemplateError
from digestmail.mail.links import confirm_url, page_url, routes_of
from digestmail.mail.message import build_letter
from digestmail.mail.tokens import Purpose
from digestmail.model import LETTER_LIFE, Delivery, DeliveryKind, Envelope
from digestmail.newsletter import Newsletter
from digestmail.rendering.compile import CompiledTemplate, restored
from digestmail.rendering.letters import render_letter


def letter_of(newsletter: Newsletter, delivery: Delivery, template: CompiledTemplate) -> Envelope:
    """The message of a planned letter: from the same delivery and template always the same bytes.

    Raises AddressError or MessageError. A template that cannot be filled costs its letters: issues have others.
    """
    try:
        return _letter(newsletter, delivery, template)
    except TemplateError as error:
        raise MessageError(str(error)) from error


def _letter(newsletter: Newsletter, delivery: Delivery, template: CompiledTemplate) -> Envelope:
    mailing_list, tokens, reader = newsletter.mailing_list, newsletter.tokens, delivery.subscriber
    is_question = delivery.kind is DeliveryKind.CONFIRM
    words = render_letter(
        template,
        mailing_list,
        reader.language or mailing_list.language,
        url=confirm_url(mailing_list, tokens, delivery)
        if is_question
        else page_url(mailing_list, tokens, Purpose.PREFERENCES, reader),
        until=delivery.planned_at + LETTER_LIFE if is_question else None,
    )
    envelope = build_letter(
        mailing_list,
        words,
        to=delivery.email,
        identity=delivery.message_id,
        slot=delivery.slot,
        at=delivery.planned_at,
        # what comes back from a mistyped address must find its way here
        return_path=routes_of(mailing_list, tokens, reader).return_path,
    )
    return replace(envelope, content=newsletter.sign(envelope.content))


def template_of(newsletter: Newsletter, delivery: Delivery) -> CompiledTemplate:
    """The template that a letter was planned with, or today's. Raises TemplateError."""
    kept = delivery.template
    parts = newsletter.store.deliveries.template(kept) if kept else None
    return restored(kept or "", parts) if parts else newsletter.templates.load(delivery.kind)
