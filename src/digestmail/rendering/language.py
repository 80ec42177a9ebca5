"""Our own words in the reader's language: English in templates and code, the others from ``languages/<code>.po``.

A compiled template serves every language: its Jinja environment knows the syntax (``{{ _("…") }}``, ``{% trans %}``),
and the callables come with the values it is filled with. A new language is one more ``.po`` file.
"""

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Literal

import jinja2
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from digestmail.errors import InputError

_FOLDER = Path(__file__).parent / "languages"
_SOURCE = "en"
# the locale that dates and numbers are written in, where it is not the language's own: English outside of the USA
_LOCALES = {_SOURCE: "en_GB"}
# what HTML's lang wants to know beyond the language (RFC 5646 §2.2.3)
_TAGS = {"zh": "zh-Hans"}

DateStyle = Literal["long", "short"]
_FORMATS: dict[DateStyle, str] = {"long": "full", "short": "medium"}


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """The codes of all languages that issues can be written in, in alphabetical order."""
    return tuple(sorted({_SOURCE, *(file.stem for file in _FOLDER.glob("*.po"))}))


def parse_language(text: str) -> str:
    """The code of a known language, whatever its case. Raises InputError, which names the known ones."""
    code = text.strip().lower()
    if code not in languages():
        raise InputError(f"unknown language {text!r}: write one of {', '.join(languages())}")
    return code


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """One language: its messages, and how it writes dates and numbers."""

    code: str
    #: for the ``lang`` attribute of HTML: ``en``, ``zh-Hans``
    tag: str
    #: for the ``dir`` attribute of HTML: ``ltr`` or ``rtl``
    direction: str
    messages: gettext.NullTranslations
    #: how Babel calls it
    locale: str

    def gettext(self, message: str, /, **values: object) -> str:
        """The message in this language, its ``%(name)s`` filled in; a per cent sign is written ``%%``."""
        return self.messages.gettext(message) % values

    def ngettext(self, singular: str, plural: str, number: int, /, **values: object) -> str:
        """The form that ``number`` takes, its ``%(name)s`` filled in; ``%(num)s`` is the number, grouped."""
        return self.messages.ngettext(singular, plural, number) % {"num": self.number(number), **values}

    def date(self, value: date, style: DateStyle = "long") -> str:
        """``Tuesday, 30 June 2026``, or short ``30 Jun 2026``, as the language writes them."""
        return _date(self.locale, value, style)

    def number(self, value: int) -> str:
        """``1,204``, with the separators of the language."""
        return _number(self.locale, value)

    def weekday(self, number: int) -> str:
        """The name of a day of the week, as it stands within a sentence; 0 is Monday."""
        return _weekday(self.locale, number)

    @property
    def context(self) -> Mapping[str, object]:
        """What a template is filled with, beside its own values, to speak this language."""
        return _context(self)


@lru_cache(maxsize=64)
def language(code: str) -> Words:
    """The words of a language; English where no catalog knows it.

    Who asks for a language is told by ``parse_language``. A catalog that has gone since must not stop an issue.
    """
    from babel import Locale  # importing Babel takes longer than most commands run

    code = code if code in languages() else _SOURCE
    locale = _LOCALES.get(code, code)
    return Words(code, _TAGS.get(code, code), Locale.parse(locale).text_direction, _read(code), locale)


def _read(code: str) -> gettext.NullTranslations:
    if code == _SOURCE:
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with (_FOLDER / f"{code}.po").open("rb") as file:
        catalog = read_po(file, locale=code)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@lru_cache(maxsize=4096)
def _date(locale: str, value: date, style: DateStyle) -> str:
    from babel.dates import format_date

    return format_date(value, _FORMATS[style], locale=locale)


@lru_cache(maxsize=4096)
def _number(locale: str, value: int) -> str:
    from babel.numbers import format_decimal

    return format_decimal(value, locale=locale)


@lru_cache(maxsize=256)
def _weekday(locale: str, number: int) -> str:
    from babel.dates import get_day_names

    return str(get_day_names("wide", "format", locale)[number])


@lru_cache(maxsize=64)
def _context(words: Words) -> Mapping[str, object]:
    @lru_cache(maxsize=512)
    def whole(message: str, markup: bool) -> str:
        text = words.messages.gettext(message) % {}
        return Markup(text) if markup else text  # noqa: S704 - our own words

    # As Jinja's own new style of gettext, but found in the context: values are escaped where the template escapes.
    @pass_context
    def gettext(context: Context, message: str, /, **values: object) -> str:
        if not values:
            return whole(message, context.eval_ctx.autoescape)
        return _marked(context, words.messages.gettext(message)) % values

    @pass_context
    def ngettext(context: Context, singular: str, plural: str, num: int, /, **values: object) -> str:
        found = words.messages.ngettext(singular, plural, num)
        return _marked(context, found) % {**values, "num": words.number(num)}

    return {"words": words, "gettext": gettext, "ngettext": ngettext, "_": gettext}


def _marked(context: Context, message: str) -> str:
    return Markup(message) if context.eval_ctx.autoescape else message  # noqa: S704 - our own words


def install(env: jinja2.Environment) -> None:
    """Teach an environment ``{% trans %}`` and the filters ``day`` and ``number``.

    Templates of this environment are filled with ``Words.context`` beside their own values.
    """
    env.add_extension("jinja2.ext.i18n")
    env.newstyle_gettext = True  # type: ignore[attr-defined]  # the extension adds it
    env.policies["ext.i18n.trimmed"] = True
    for name in ("_", "gettext", "ngettext"):
        env.globals.pop(name, None)
    env.filters |= {"day": _day_filter, "number": _number_filter}


@pass_context
def _day_filter(context: Context, value: date, style: DateStyle = "long") -> str:
    words: Words = context["words"]
    return words.date(value, style)


@pass_context
def _number_filter(context: Context, value: int) -> str:
    words: Words = context["words"]
    return words.number(value)
