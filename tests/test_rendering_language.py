"""Our own words in the languages of readers."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import jinja2
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2.sandbox import ImmutableSandboxedEnvironment

from builders import issue, papers, subscriber
from digestmail.config import load_config
from digestmail.errors import ConfigError, InputError
from digestmail.model import MailingList
from digestmail.rendering.compile import Templates
from digestmail.rendering.issue import render_issue
from digestmail.rendering.language import install, language, languages, parse_language

ROOT = Path(__file__).parents[1]
CATALOGS = ROOT / "src/digestmail/rendering/languages"
TRANSLATED = [code for code in languages() if code != "en"]
PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%|%.")

Messages = dict[str | tuple[str, ...], set[str]]


def messages() -> Messages:
    """What templates and rendering code say, and where."""
    options = {"**.mjml": {"newstyle_gettext": "true", "trimmed": "true"}}
    options["**.txt"] = options["**.mjml"]
    method_map = [("**.py", "python"), ("**.mjml", "jinja2.ext.babel_extract"), ("**.txt", "jinja2.ext.babel_extract")]
    found: Messages = {}
    for folder in (ROOT / "templates", ROOT / "src/digestmail/rendering"):
        for file, _, message, _, _ in extract_from_dir(str(folder), method_map, options):
            found.setdefault(message, set()).add(file)
    return found


def catalog(code: str) -> Catalog:
    with (CATALOGS / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


def forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


def values(text: str) -> set[str]:
    return {found[0] for found in PLACEHOLDER.finditer(text)}


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_message_is_translated(code: str) -> None:
    there = {message.id: message for message in catalog(code) if message.id}
    missing = [said for said in messages() if said not in there or not all(forms(there[said].string))]
    assert missing == []
    assert [message.id for message in there.values() if message.fuzzy] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_translation_is_left_of_what_nothing_says(code: str) -> None:
    assert {message.id for message in catalog(code) if message.id} - set(messages()) == set()


@pytest.mark.parametrize("code", TRANSLATED)
def test_translations_have_the_placeholders_of_their_message(code: str) -> None:
    for message in catalog(code):
        if message.id:
            asked = set.union(*map(values, forms(message.id)))
            for form in forms(message.string):
                # a form for one thing only may say "one" in words
                assert asked - {"%(num)s"} <= values(form) <= asked, message.id
            assert values(forms(message.string)[-1]) == asked, message.id


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_plural_has_all_forms_of_the_language(code: str) -> None:
    found = catalog(code)
    for message in found:
        if isinstance(message.id, tuple):
            assert len(forms(message.string)) == found.num_plurals, message.id


def issues() -> Iterator[tuple[str, int]]:
    for code in languages():
        for size in (0, 1, 2, 25):
            yield code, size


@pytest.mark.parametrize(("code", "size"), list(issues()))
def test_an_issue_renders_in_every_language(code: str, size: int) -> None:
    template = Templates(ROOT / "templates").load("issue")
    given = issue(papers(size), subscriber(language=code), slot=date(2026, 6, 30))
    rendered = render_issue(given, template, unsubscribe_url="https://example.org/u")
    words = language(code)
    assert f'lang="{words.tag}"' in rendered.html
    for said in (rendered.text, rendered.html):
        assert words.date(date(2026, 6, 30)) in " ".join(said.split())
        assert "%(" not in said


@pytest.mark.parametrize("code", TRANSLATED)
def test_the_frame_of_a_translated_issue_holds_no_english_sentence(code: str) -> None:
    template = Templates(ROOT / "templates").load("issue")
    english = render_issue(issue(papers(25)), template, unsubscribe_url="https://example.org/u").text
    given = issue(papers(25), subscriber(language=code))
    other = render_issue(given, template, unsubscribe_url="https://example.org/u").text
    shared = set(english.splitlines()) & set(other.splitlines())
    ours = {said for message in messages() for said in forms(message) if len(said.split()) > 2}
    assert [line for line in shared if line.strip() in ours] == []


def test_the_newsletters_language_is_for_those_who_choose_none() -> None:
    of_list = MailingList(name="L", sender_name="L", sender_address="l@example.org", language="de")
    assert replace(issue([], subscriber()), mailing_list=of_list).language == "de"
    assert replace(issue([], subscriber(language="fr")), mailing_list=of_list).language == "fr"


@pytest.mark.parametrize(
    ("code", "long", "short", "number"),
    [
        ("de", "Dienstag, 30. Juni 2026", "30.06.2026", "12.345"),
        ("en", "Tuesday", "30 Jun 2026", "12,345"),
        ("es", "martes, 30 de junio de 2026", "30 jun 2026", "12.345"),
        ("fr", "mardi 30 juin 2026", "30 juin 2026", "12\u202f345"),
        ("zh", "2026年6月30日星期二", "2026年6月30日", "12,345"),
    ],
)
def test_dates_and_numbers_are_written_as_the_language_has_them(code: str, long: str, short: str, number: str) -> None:
    words, day = language(code), date(2026, 6, 30)
    assert (words.date(day).startswith(long), words.date(day, "short"), words.number(12345)) == (True, short, number)


def test_an_unknown_language_is_told_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown language 'xx': write one of de, en, es, fr, zh"):
        parse_language("xx")
    assert parse_language(" DE ") == "de"


def test_a_reader_whose_language_has_gone_gets_english() -> None:
    assert language("xx").code == "en"


def test_an_unknown_language_in_the_configuration_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("newsletter: {name: N, from: n@example.org, language: klingon}\nsources: [{kind: huggingface}]\n")
    with pytest.raises(
        ConfigError, match=r"config\.yaml:1: newsletter\.language: unknown language 'klingon': write one"
    ):
        load_config(path, {})


@pytest.mark.parametrize("html", [True, False])
def test_values_are_escaped_where_the_template_escapes(html: bool) -> None:
    env = ImmutableSandboxedEnvironment(autoescape=html, undefined=jinja2.StrictUndefined)
    install(env)
    template = env.from_string(
        '{{ _("Hi %(name)s, 5%%", name="<i>") }}{% trans name="<i>" %}to {{ name }}{% endtrans %}'
    )
    name = "&lt;i&gt;" if html else "<i>"
    assert template.render(language("en").context) == f"Hi {name}, 5%to {name}"


def test_one_compiled_template_speaks_every_language() -> None:
    env = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    install(env)
    template = env.from_string('{{ day|day("short") }} {{ 12345|number }} {{ words.direction }}')
    said = {template.render({**language(code).context, "day": date(2026, 6, 30)}) for code in languages()}
    assert len(said) == len(languages())
