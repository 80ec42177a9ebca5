"""Templates: compiled once, with the same result as the slow way, and honest about mistakes."""

import socket
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mjml import mjml2html

from digestmail.errors import TemplateError
from digestmail.model import LETTERS
from digestmail.rendering import compile as compiling
from digestmail.rendering.checking import letter_trials, trials
from digestmail.rendering.compile import Templates, compile_body
from digestmail.rendering.environment import environment, wrap
from digestmail.rendering.markup import inline_css
from digestmail.rendering.masking import Source

ROOT = Path(__file__).parents[1]
SAMPLE = {"title": "A title", "items": ["one", "two"], "count": 2, "link": "https://example.org/?a=1&b=2"}
Write = Callable[..., Templates]


def mjml(text: str, head: str = "", section: str = "") -> str:
    """A small document around ``text``, which begins on line 2."""
    return (
        f"<mjml><mj-head>{head}</mj-head><mj-body><mj-section {section}><mj-column><mj-text>\n"
        f"{text}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def template(body: str = mjml("<p>x</p>"), *, subject: str = "s", css: str = "", text: str = "t") -> Templates:
        folder = tmp_path / "issue"
        folder.mkdir(exist_ok=True)
        for name, content in zip(
            ("subject.txt", "body.mjml", "inline.css", "body.txt"), (subject, body, css, text), strict=True
        ):
            (folder / name).write_text(content, encoding="utf-8")
        return Templates(tmp_path)

    return template


class Outline(HTMLParser):
    """The tags, attributes and words of a page, whatever its white space and order of attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.nodes: list[object] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.nodes.append((tag, sorted((name, value or "") for name, value in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.nodes.append(tag)

    def handle_data(self, data: str) -> None:
        if words := data.split():
            self.nodes.append(words)


def naive(body: str, css: str, context: dict[str, object]) -> str:
    filled = environment(html=True).from_string(body).render(context)
    html = mjml2html(filled, fonts={}).replace("<!doctype html>", "<!DOCTYPE html>")
    return inline_css(Source(Path("inline.css"), css), html)


BODIES = {
    "values": mjml('<p class="a">{{ title }} <a href="{{ link }}">x</a></p>'),
    "a loop over paragraphs": mjml("{% for item in items %}<p>{{ item|upper }}</p>{% else %}none{% endfor %}"),
    "rows of a table": mjml("<table>{% for item in items %}<tr><td>{{ item }}</td></tr>{% endfor %}</table>"),
    "conditions and comments": mjml("{# <b> {{ #}{% if count < 3 %}<p>few</p>{% else %}<p>many</p>{% endif %}"),
    "white space control": mjml("<p> {{- title -}} </p>\n{%- if count > 1 %}\n<p>{{ count }}</p>{% endif -%}\n  end"),
    "quotes in expressions": mjml("""<p>{{ {"a": title}["a"] }} {{ items|join(' "<>" ') }}</p>"""),
    "a title, which MJML repeats": mjml("<p>x</p>", head="<mj-title>{{ title }}</mj-title>"),
    "an attribute, which MJML repeats": mjml("<p>x</p>", section='background-color="{{ title }}"'),
    "text beyond ASCII": mjml("<p>Grüße – {{ title }} → ☃</p>"),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_compiled_template_says_what_the_slow_way_says(body: str, write: Write) -> None:
    css = "p { color: #112233; margin: 0; } .a { color: red; }"
    compiled = write(body, css=css).load("issue").render(SAMPLE)
    assert Outline(compiled.html).nodes == Outline(naive(body, css, SAMPLE)).nodes


@given(
    items=st.lists(st.text("abc XYZ&.", max_size=8), max_size=4),
    count=st.integers(0, 9),
)
def test_the_shipped_machinery_says_what_the_slow_way_says_for_any_values(items: list[str], count: int) -> None:
    body = BODIES["a loop over paragraphs"].replace("{% for", "{% if count < 5 %}<b>{{ count }}</b>{% endif %}{% for")
    part = compile_body(Source(Path("body.mjml"), body), Source(Path("inline.css"), ""), {}, word="dmtestn")
    context: dict[str, object] = {"items": items, "count": count}
    assert Outline(part.fill(context)).nodes == Outline(naive(body, "", context)).nodes


def test_rules_of_inline_css_become_style_attributes(write: Write) -> None:
    html = write(mjml("<p>{{ title }}</p>"), css="p { color: #123456 }").load("issue").render(SAMPLE).html
    assert '<p style="color:#123456">A title</p>' in html.replace("color: #", "color:#")


def test_styles_of_mjml_stay_byte_for_byte(write: Write) -> None:
    rule = "@media (prefers-color-scheme: dark) { .a:hover { color: red !important; } } [data-ogsc] .a { color: blue; }"
    html = write(mjml("<p>x</p>", head=f"<mj-style>{rule}</mj-style>")).load("issue").render({}).html
    assert rule in html
    assert "data-premailer" not in html


def test_the_doctype_keeps_browsers_out_of_quirks_mode(write: Write) -> None:
    assert write().load("issue").render({}).html.startswith("<!DOCTYPE html>")


def test_braces_that_are_text_stay_text(write: Write) -> None:
    body = mjml("<p>&#123;&#123; 7*7 }} {% raw %}{{ title }} {% if %}{% endraw %}</p>")
    assert "{{ 7*7 }} {{ title }} {% if %}" in write(body).load("issue").render({}).html


def test_values_are_escaped_in_html_and_intact_in_text(write: Write) -> None:
    words = """<b>"R&D"</b> {{ 7*7 }}"""
    out = write(mjml("<p>{{ w }}</p>"), subject="{{ w }}", text="{{ w }}").load("issue").render({"w": words})
    assert "&lt;b&gt;&#34;R&amp;D&#34;&lt;/b&gt; {{ 7*7 }}" in out.html
    assert out.subject == out.text == words


def test_a_subject_is_one_line_without_control_characters(write: Write) -> None:
    out = write(subject="\n{{ w }}\n\n").load("issue").render({"w": "a\r\nBcc: x\x00\x1b b"})
    assert out.subject == "a Bcc: x b"


# mistakes


def failure(templates: Templates, context: dict[str, object] | None = None) -> str:
    with pytest.raises(TemplateError) as caught:
        templates.load("issue").render(context or {})
    return str(caught.value)


def test_a_placeholder_that_mjml_drops_is_an_error(tmp_path: Path, write: Write) -> None:
    body = mjml("x").replace("<mj-column>", '\n<mj-column width="{{ w }}px">')
    message = failure(write(body), {"w": 300})
    assert message.startswith(f"{tmp_path}/issue/body.mjml:2:19: placeholder {{{{ w }}}} was dropped by MJML")


def test_blocks_around_elements_of_the_head_are_an_error(tmp_path: Path, write: Write) -> None:
    head = "{% if a %}<mj-raw><meta name='x' content='{{ b }}'></mj-raw>{% endif %}<mj-title>t</mj-title>"
    message = failure(write(mjml("x", head=head)), {"a": 1, "b": 2})
    assert message.startswith(f"{tmp_path}/issue/body.mjml")
    assert "MJML" in message


def test_a_block_in_an_attribute_that_mjml_repeats_is_an_error(write: Write) -> None:
    body = mjml("x", section='css-class="{% if a %}b{% endif %}"')
    assert "moved or repeated by MJML" in failure(write(body), {"a": 1})


@pytest.mark.parametrize("tag", ["<p {{ title }}>", "<p a{{ title }}='b'>", "<p class={{ title }}>", "<p{{ title }}>"])
def test_a_value_inside_a_tag_but_outside_quotes_is_an_error(tag: str, tmp_path: Path, write: Write) -> None:
    message = failure(write(mjml(f"a\n{tag}x</p>")), SAMPLE)
    assert message.startswith(f"{tmp_path}/issue/body.mjml")


@pytest.mark.parametrize(
    ("body", "line", "why"),
    [
        ("<p>a</p>\n<p>{{ title </p>", 3, ""),
        ("<p>a</p>\n\n{% if title %}", 4, ""),
        ("a\n{{ title|nosuchfilter }}", 3, "nosuchfilter"),
        ("a\n{% endfor %}", 3, "endfor"),
    ],
)
def test_a_mistake_in_jinja_names_file_and_line(body: str, line: int, why: str, tmp_path: Path, write: Write) -> None:
    message = failure(write(mjml(body)), SAMPLE)
    assert message.startswith(f"{tmp_path}/issue/body.mjml:{line}: ")
    assert why in message


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("{{ title }}\n{{ titel }}", "3:1"),
        ("{# a\nb #}{{ title\n}}\n<p>{{ titel }}</p>", "5:4"),
        ("{% for item in items %}\n{{ item }}\n {{ titel }}{% endfor %}", "4:2"),
        ("x\n{%- if title -%}\n\n {{ title }} {% if\ntitel %}{% endif %}{% endif %}", "5:14"),
        ("\n\n{{ count + title }}", "4:1"),
        ("\n{{ count // 0 }}", "3:1"),
        ("\n{{ items.append(3) }}", "3:1"),
        ("\n{% include 'x' %}", "3:1"),
    ],
)
def test_a_mistake_that_shows_when_filled_names_file_and_line(
    body: str, place: str, tmp_path: Path, write: Write
) -> None:
    assert failure(write(mjml(body)), SAMPLE).startswith(f"{tmp_path}/issue/body.mjml:{place}: ")


@pytest.mark.parametrize("file", ["subject", "text"])
def test_an_undefined_name_in_a_text_file_names_file_and_line(file: str, tmp_path: Path, write: Write) -> None:
    name = {"subject": "subject.txt", "text": "body.txt"}[file]
    message = failure(write(**{file: "a\nb {{ titel }}"}), SAMPLE)
    assert message == f"{tmp_path}/issue/{name}:2: 'titel' is undefined"


def test_broken_mjml_names_its_place_where_mjml_tells_a_position(tmp_path: Path, write: Write) -> None:
    body = mjml("{# é\n\n #}{{ title }}\n é <![CDATA[x]]>")
    assert failure(write(body)).startswith(f"{tmp_path}/issue/body.mjml:5:4: MJML: ")


@pytest.mark.parametrize("body", ["", "<!-- a -- b -->"])
def test_broken_mjml_names_the_file(body: str, tmp_path: Path, write: Write) -> None:
    assert failure(write(body), SAMPLE).startswith(f"{tmp_path}/issue/body.mjml: MJML: ")


def test_a_panic_of_mjml_does_not_end_the_process(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(*_: object, **__: object) -> str:
        raise PanicException("called unwrap on None")

    monkeypatch.setattr("mjml.mjml2html", panic)
    assert "MJML: called unwrap on None" in failure(write(mjml("a panic")))


@pytest.mark.parametrize("css", ["p { }\n@import url(http://127.0.0.1:9/x.css);", "\n@media print { p { } }"])
def test_at_rules_in_inline_css_are_refused_with_their_line(css: str, tmp_path: Path, write: Write) -> None:
    assert failure(write(css=css)).startswith(f"{tmp_path}/issue/inline.css:2:1: ")


@pytest.mark.parametrize("name", ["subject.txt", "body.mjml", "inline.css", "body.txt"])
def test_a_missing_file_is_named(name: str, tmp_path: Path, write: Write) -> None:
    templates = write()
    (tmp_path / "issue" / name).unlink()
    assert failure(templates).startswith(f"{tmp_path}/issue/{name}: cannot be read")


def test_a_missing_template_is_named_with_those_there_are(tmp_path: Path, write: Write) -> None:
    write()
    with pytest.raises(TemplateError) as caught:
        Templates(tmp_path).load("nosuch")
    assert str(caught.value) == f"{tmp_path}/nosuch: no such template; there are issue in {tmp_path}"


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path, write: Write) -> None:
    templates = write()
    (tmp_path / "issue" / "body.txt").write_bytes(b"caf\xe9")
    assert failure(templates) == f"{tmp_path}/issue/body.txt: is not UTF-8 (unexpected end of data at byte 3)"


def test_a_template_cannot_reach_into_python(write: Write) -> None:
    assert "unsafe" in failure(write(mjml("{{ ''.__class__.__mro__ }}")), SAMPLE)


def test_a_template_cannot_turn_escaping_off(tmp_path: Path, write: Write) -> None:
    message = failure(write(mjml("\n{% autoescape false %}{{ title }}{% endautoescape %}")), SAMPLE)
    assert message.startswith(f"{tmp_path}/issue/body.mjml:3: autoescape is refused")


# loading


def test_the_first_folder_that_has_a_template_wins(tmp_path: Path, write: Write) -> None:
    write(subject="own")
    assert Templates(tmp_path, ROOT / "templates").load("issue").render({}).subject == "own"
    assert Templates(tmp_path / "none", ROOT / "templates").load("issue").hash != Templates(tmp_path).load("issue").hash


def test_a_template_is_compiled_once_while_its_files_stay_the_same(write: Write) -> None:
    templates = write()
    assert templates.load("issue") is templates.load("issue")


@pytest.mark.parametrize("file", ["subject", "css", "text"])
def test_the_hash_follows_every_file(file: str, write: Write) -> None:
    before = write().load("issue")
    after = write(**{file: "p { color: red }"}).load("issue")
    assert before.hash != after.hash
    assert write().load("issue").hash == before.hash


def include(write: Write, tmp_path: Path, body: str, **files: str) -> Templates:
    templates = write(body)
    for name, text in files.items():
        (tmp_path / "issue" / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return templates


def test_what_a_template_includes_is_filled_as_if_it_stood_there(tmp_path: Path, write: Write) -> None:
    body = mjml("a {{ title }}", head='<mj-include path="look.css" type="css" />').replace(
        "<mj-body>", '<mj-body><mj-include path="top.mjml" />'
    )
    text = "{% if count < 3 %}few {{ title }}{% endif %}"
    section = f"<mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section>"
    templates = include(write, tmp_path, body, look_css="p { color: {{ count }} }", top_mjml=section)
    html = templates.load("issue").render(SAMPLE).html
    assert "p { color: 2 }" in html
    assert html.index("few A title") < html.index("a A title")


def test_the_hash_and_the_result_follow_what_is_included(tmp_path: Path, write: Write) -> None:
    body = mjml("<p>x</p>").replace("<mj-body>", '<mj-body><mj-include path="a.html" type="html" />')
    before = include(write, tmp_path, body, a_html="<p>one</p>").load("issue")
    after = include(write, tmp_path, body, a_html="<p>two</p>").load("issue")
    assert "<p>one</p>" in before.render({}).html
    assert "<p>two</p>" in after.render({}).html
    assert before.hash != after.hash


def test_a_mistake_in_an_included_file_names_that_file(tmp_path: Path, write: Write) -> None:
    body = mjml("<p>x</p>").replace("<mj-body>", '<mj-body>\n <mj-include path="a.html" type="html" />')
    filled = failure(include(write, tmp_path, body, a_html="<p>\n {{ titel }}</p>"), SAMPLE)
    assert filled.startswith(f"{tmp_path}/issue/a.html:2:2: ")
    assert failure(include(write, tmp_path, body, a_html="<p>\n<b></p>")).startswith(
        f"{tmp_path}/issue/a.html:2:1: <b>"
    )


@pytest.mark.parametrize("path", ["../secret.html", "/etc/hostname", "link.html", "nosuch.html", ".", ""])
def test_only_files_within_the_folder_of_the_template_can_be_included(path: str, tmp_path: Path, write: Write) -> None:
    (tmp_path / "secret.html").write_text("secret")
    templates = write(mjml("<p>x</p>").replace("<mj-body>", f'<mj-body>\n<mj-include path="{path}" type="html" />'))
    (tmp_path / "issue" / "link.html").symlink_to(tmp_path / "secret.html")
    message = failure(templates)
    assert message == f"{tmp_path}/issue/body.mjml:2:1: mj-include: no file {path!r} in the folder of this template"


def test_a_file_that_includes_itself_is_an_error(tmp_path: Path, write: Write) -> None:
    loop = '<mj-include path="a.mjml" />'
    message = failure(include(write, tmp_path, mjml("x").replace("<mj-body>", f"<mj-body>{loop}"), a_mjml=loop))
    assert message == f"{tmp_path}/issue/a.mjml:1:1: mj-include: 'a.mjml' includes itself"


# the cache on disk, and the last good compile


def compiled_by_mjml(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Forget what this process compiled; from here on, tells what MJML is asked for."""
    asked: list[str] = []

    def told(text: str, **options: Any) -> str:
        asked.append(text)
        return str(mjml2html(text, **options))

    monkeypatch.setattr("mjml.mjml2html", told)
    compiling._compile.cache_clear()
    monkeypatch.setattr(compiling, "_good", {})
    return asked


def test_what_is_in_the_cache_is_not_compiled_again(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(mjml("<p>{{ title }}\n{{ titel }}</p>"), css="p { color: red }")
    cached = Templates(tmp_path, cache=tmp_path / "cache")
    before = cached.load("issue")
    asked = compiled_by_mjml(monkeypatch)
    after = cached.load("issue")
    assert asked == []
    assert after.html.source == before.html.source
    assert failure(cached, SAMPLE) == f"{tmp_path}/issue/body.mjml:3:1: 'titel' is undefined"


@pytest.mark.parametrize("spoil", ["", "{", '{"html": 3}', "[]", '{"html": "x", "places": 3}'])
def test_a_spoilt_cache_is_compiled_over(
    spoil: str, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(mjml("<p>{{ title }}</p>"))
    cached = Templates(tmp_path, cache=tmp_path / "cache")
    before = cached.load("issue").render(SAMPLE)
    for file in (tmp_path / "cache").iterdir():
        file.write_text(spoil)
    asked = compiled_by_mjml(monkeypatch)
    assert cached.load("issue").render(SAMPLE) == before
    assert len(asked) == 1


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, write: Write) -> None:
    write()
    (tmp_path / "file").write_text("in the way")
    assert Templates(tmp_path, cache=tmp_path / "file" / "cache").load("issue").render({}).subject == "s"


def test_the_last_good_compile_survives_a_broken_edit(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(mjml("good"), subject="good")
    cached = Templates(tmp_path, cache=tmp_path / "cache")
    assert cached.last_good("issue") is None
    good = cached.load("issue")
    write(mjml("<p>bad"), subject="bad")
    assert "is not closed" in failure(cached)
    assert cached.last_good("issue") is good
    compiled_by_mjml(monkeypatch)  # as in a new process
    assert "is not closed" in failure(cached)
    kept = cached.last_good("issue")
    assert kept is not None
    assert kept.render({}).subject == "good"
    assert kept.hash == good.hash


# the network


def test_nothing_is_fetched_while_the_shipped_templates_are_compiled_and_filled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    compiling._compile.cache_clear()
    monkeypatch.setattr("socket.socket.__init__", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    with pytest.raises(AssertionError):
        socket.create_connection(("127.0.0.1", 9))
    templates = Templates(ROOT / "templates")
    for name in templates.names():
        template = templates.load(name)
        assert list(letter_trials(name, template) if name in LETTERS else trials(template))


# filters


def columns(line: str) -> int:
    return sum(2 if one in "漢字" else 1 for one in line)


@given(
    st.lists(st.text("ab漢字-.", min_size=1, max_size=90), max_size=12),
    st.integers(0, 8),
    st.integers(20, 72),
)
def test_wrapped_lines_keep_their_width_and_all_characters(words: list[str], indent: int, width: int) -> None:
    lines = (" " * indent + wrap(" ".join(words), indent, width)).split("\n")
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(words)


def test_urls_are_never_broken() -> None:
    url = "https://example.org/" + "a" * 100
    assert wrap(f"see {url} there", 2) == f"see\n  {url}\n  there"
