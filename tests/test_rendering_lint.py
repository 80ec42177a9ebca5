"""The linter of templates: what MJML passes in silence is told with file, line and column."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mjml import mjml2html

from digestmail.errors import TemplateError
from digestmail.rendering.components import COMPONENTS
from digestmail.rendering.lint import lint
from digestmail.rendering.masking import Masked, Source


def faults(body: str) -> list[str]:
    """What the linter says, each without the name of the file."""
    masked = Masked.of(Source(Path("body.mjml"), body), {}, "dmtestn")
    try:
        lint(masked)
    except TemplateError as error:
        return [line.removeprefix("body.mjml:") for line in str(error).splitlines()]
    return []


def column(content: str, head: str = "", section: str = "") -> str:
    """A document around ``content``, which begins on line 2."""
    return (
        f"<mjml><mj-head>{head}</mj-head><mj-body><mj-section{section}><mj-column>\n"
        f"{content}</mj-column></mj-section></mj-body></mjml>"
    )


def text(content: str, head: str = "") -> str:
    """A document with this HTML, which begins on line 2, column 10."""
    return column(f"<mj-text>{content}</mj-text>", head)


# what MJML takes without a word

SILENT = {
    "an unknown element": (column("<mj-txet>a</mj-txet>"), "2:1: unknown element <mj-txet> (did you mean mj-text?)"),
    "an unknown attribute": (
        column('<mj-text colour="red">a</mj-text>'),
        "2:10: mj-text has no attribute colour (did you mean color?)",
    ),
    "a wrong closing tag": (column("<mj-text>a</mj-txt>"), "2:11: </mj-txt> does not close <mj-text>"),
    "a wrong parent": (
        "<mjml><mj-body>\n <mj-text>a</mj-text></mj-body></mjml>",
        "2:2: <mj-text> stands in mj-body, it belongs in mj-column or mj-hero",
    ),
    "a padding with a bare 0": (
        column("", section=' padding="0 24px"'),
        '1:47: padding="0 24px" is not 1 to 4 sizes with px or %, 0 too',
    ),
    "a size that is none": (
        column('<mj-text font-size="big">a</mj-text>'),
        '2:10: font-size="big" is not a size with a unit, such as 15px',
    ),
    "an undefined class": (
        column('<mj-text mj-class="smal">a</mj-text>', head='<mj-attributes><mj-class name="small" /></mj-attributes>'),
        '2:1: mj-class "smal" is not defined in mj-attributes (did you mean small?)',
    ),
    "double quotes in single ones": (
        column('<mj-image src=\'a"b\' alt="" />'),
        "2:11: src holds double quotes: write &quot; (MJML writes all values in double quotes)",
    ),
    "an attribute given twice": (column('<mj-text color="red" color="blue">a</mj-text>'), "2:22: color is given twice"),
    "text outside of elements": (column("  hello"), "2:3: text stands in mj-column: it belongs in mj-text"),
    "HTML outside of elements": (
        column("<p>hello</p>"),
        "2:1: <p> stands in mj-column: HTML belongs in mj-text or mj-raw",
    ),
    "an imported style sheet": (
        text("a", head="<mj-style>\n a { b: c } @import url(x.css);</mj-style>"),
        "2:13: @import is refused: a mail loads no style sheets and no fonts",
    ),
    "an imported style sheet in disguise": (
        text("a", head="<mj-style>@\\69 mpo/**/rt url(x.css);</mj-style>"),
        "1:16: @import is refused: a mail loads no style sheets and no fonts",
    ),
    "a web font of its own": (
        text("a", head="<mj-raw><style>@FONT-FACE { src: url(x) }</style></mj-raw>"),
        "1:31: @FONT-FACE is refused: a mail loads no style sheets and no fonts",
    ),
    "a web font": (
        text("a", head='<mj-font name="A" href="https://example.org/a.css" />'),
        "1:16: <mj-font> is refused: a mail loads no fonts: name one that readers have with font-family",
    ),
    "a remote style sheet": (
        text("a", head='<mj-raw><link rel="stylesheet" href="https://example.org/a.css"></mj-raw>'),
        "1:24: <link> is refused: a mail loads no style sheets: write the rules into mj-style or inline.css",
    ),
    "a script": (text("<script>x()</script>"), "2:10: <script> is refused: no mail program runs scripts"),
    "inlining by MJML, which this one leaves undone": (
        text("a", head='<mj-style inline="inline">p { color: red }</mj-style>'),
        "1:26: mj-style has no attribute inline",
    ),
    "a comment that ends a condition of Outlook": (
        "<mjml><mj-body><mj-wrapper><!-- a --><mj-section></mj-section></mj-wrapper></mj-body></mjml>",
        "1:28: a comment in mj-wrapper ends a condition for Outlook too early: write {# … #}",
    ),
}


@pytest.mark.parametrize(("body", "told"), SILENT.values(), ids=SILENT.keys())
def test_what_mjml_passes_in_silence_is_told_with_its_place(body: str, told: str) -> None:
    assert told in faults(body)


@pytest.mark.parametrize("name", SILENT)
def test_mjml_itself_says_nothing_of_it(name: str) -> None:
    assert mjml2html(SILENT[name][0], fonts={})


# what MJML refuses, without saying where


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (text("a < b"), "2:12: a bare <: write &lt;, and in styles max-width rather than width <"),
        (
            text("a", head="<mj-style>@media (width < 480px) { }</mj-style>"),
            "1:40: a bare <: write &lt;, and in styles max-width rather than width <",
        ),
        (column('<mj-image alt="a < b" src="c" />'), "2:11: alt holds a bare <: write &lt;"),
        (text('<a title="a < b">x</a>'), "2:13: title holds a bare <: write &lt;"),
        (text("<p class=a>x</p>"), '2:13: class wants its value in quotes: class="…"'),
        (column("<mj-spacer height=3px />"), '2:12: height wants its value in quotes: height="…"'),
        (text("<p><b>x</p>"), "2:13: <b> is not closed before </p>"),
        (text("a</b>"), "2:11: </b> closes nothing"),
        (text("<p />"), "2:10: <p /> is not closed: HTML wants <p></p>"),
        (
            text("<p {{ a }}>x</p>"),
            "2:13: placeholder {{ a }} stands inside a tag (only values in quotes can be filled)",
        ),
        (text("<p{{ a }}>x</p>"), "2:10: a placeholder stands in the name of an element"),
        ("<!doctype html><mjml><mj-body></mj-body></mjml>", "1:1: <!doctype html> is refused: MJML writes the doctype"),
        ("<mjml>\n<mj-body>", "2:1: <mj-body> is not closed"),
    ],
)
def test_what_mjml_refuses_is_told_with_its_place(body: str, told: str) -> None:
    assert told in faults(body)


def test_all_faults_are_told_at_once_in_order() -> None:
    found = faults(column('<mj-txet>a</mj-txet>\n<mj-text colour="x">a</mj-text>\n<mj-spacer height="9" />'))
    assert [place.partition(": ")[0] for place in found] == ["2:1", "3:10", "4:12"]


def test_no_more_than_twenty_faults_are_told() -> None:
    assert len(faults(column("<mj-foo />" * 50))) == 20


def test_elements_that_stand_too_deep_for_mjml_are_refused() -> None:
    assert any("more than 200 elements deep" in fault for fault in faults(text("<b>" * 300 + "</b>" * 300)))


@pytest.mark.parametrize("markup", ["<b>b</b>", "&middot;"])
def test_markup_in_words_that_are_to_be_translated_is_told(markup: str) -> None:
    found = faults(text(f"{{% trans n=3 %}}a {{{{ n }}}} {markup}{{% endtrans %}}"))
    assert found == ["2:35: text to be translated holds markup: use {{ _(…) }} around plain words"]
    assert faults(text("{% trans n=3 %}a {{ n }}{% endtrans %} &middot;")) == []


# what is right


@pytest.mark.parametrize(
    "body",
    [
        text('{% if a < 3 %}<p title="{{ b["c"] }}">x</p>{% endif %}'),
        text("<p hidden>x</p>a &lt; b &middot; c > d<br><img alt='' src=\"a\" />"),
        text("<!-- a < b <c> --><!--[if mso]><table><![endif]-->"),
        text("a", head="<mj-style>@media (max-width: 480px) { .a > b { c: d } } [data-ogsc] .a { e: f }</mj-style>"),
        text("a", head='<mj-raw><meta name="x" content="y"></mj-raw><mj-title>{{ t }}</mj-title>'),
        text("a", head='<mj-attributes><mj-all font-family="A" /><mj-section padding="0px" /></mj-attributes>'),
        column('<mj-text padding="{{ a }}" color="{{ b }}" align="{{ c }}">x</mj-text>'),
        column('<mj-text color="rgba(0, 0, 0, .5)" line-height="1.5" padding="0px 2.5px 0% 3px">x</mj-text>'),
        column("<mj-table><tr><td>a</td></tr></mj-table>"),
        column("{% if a %}\n<mj-spacer height='3px' />\n{% endif %}"),
        column("", section=' full-width="full-width" background-size="cover"'),
        "<mjml lang='en' dir='{{ d }}'><mj-body><mj-wrapper><mj-section></mj-section></mj-wrapper></mj-body></mjml>",
    ],
)
def test_what_is_right_passes(body: str) -> None:
    assert faults(body) == []


def test_every_element_that_the_table_knows_can_be_reached_from_the_top() -> None:
    assert {parent for component in COMPONENTS.values() for parent in component.parents} <= COMPONENTS.keys()


@given(st.text("<>/mj-textpa{}%# \"'=&;\n!", max_size=60))
def test_whatever_is_written_the_linter_comes_to_an_end(words: str) -> None:
    document = text("{% raw %}" + words.replace("{%", "") + "{% endraw %}")
    for fault in faults(document):
        line, place, what = fault.split(":", 2)
        assert int(line) >= 1
        assert int(place) >= 1
        assert what
