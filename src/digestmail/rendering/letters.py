"""Letters in words: one for all who are asked the same thing on the same day. No word of whoever asked is in them."""

from datetime import datetime
from typing import TypedDict

from digestmail.model import MailingList, Rendered
from digestmail.rendering.compile import CompiledTemplate
from digestmail.rendering.language import language
from digestmail.text.clean import clean_line


class LetterContext(TypedDict):
    """What the template of a letter is filled with."""

    #: name of the newsletter
    newsletter: str
    #: tag of the reader's language, for `lang`
    language: str
    #: `ltr` or `rtl`, for `dir`
    direction: str
    #: where the reader confirms (`confirm`), or changes what they get (`reminder`)
    url: str
    #: the day until which the link is good; none where it is good for ever. `{{ until|day }}` writes it out
    until: datetime | None
    #: the hour and minute of that day, in UTC
    time: str


def letter_context(mailing_list: MailingList, code: str, *, url: str, until: datetime | None) -> LetterContext:
    """The values; ``code`` is a language, ``until`` an instant in UTC."""
    words = language(code)
    return LetterContext(
        newsletter=clean_line(mailing_list.name),
        language=words.tag,
        direction=words.direction,
        url=url,
        until=until,
        time=f"{until:%H:%M}" if until else "",
    )


def render_letter(
    template: CompiledTemplate, mailing_list: MailingList, code: str, *, url: str, until: datetime | None = None
) -> Rendered:
    """Subject, HTML and text. Raises TemplateError with the file and the line."""
    context = letter_context(mailing_list, code, url=url, until=until)
    return template.render({**language(code).context, **context})
