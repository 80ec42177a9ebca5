"""What is asked of every issue that a template makes, whoever wrote the template. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from html.parser import HTMLParser

from digestmail.model import DeliveryKind, Issue, MailingList, Rendered, Subscriber
from digestmail.rendering.budget import LIMIT, fit
from digestmail.rendering.compile import CompiledTemplate
from digestmail.rendering.extremes import (
    COMPUTED,
    LETTER_UNTIL,
    LETTER_URL,
    PAGES,
    UNSUBSCRIBE_URL,
    extreme_letters,
    extremes,
)
from digestmail.rendering.issue import render_issue
from digestmail.rendering.joining import joining_of, rendered
from digestmail.rendering.language import language
from digestmail.rendering.letters import render_letter
from digestmail.rendering.lint import VOID
from digestmail.text.quoted import quoted, unquoted

_COLUMNS = 72
_SCHEMES = ("https:", "http:", "mailto:")
_DANGEROUS = frozenset(("base", "embed", "form", "iframe", "link", "object", "script", "svg"))
_LOADING = re.compile(r"@import|@font-face|url\(", re.IGNORECASE)
_URL = re.compile(r"(?:https?://|mailto:)\S+")
# what a compiler, a joiner or a translation may have left behind
_LEFT_BEHIND = re.compile(r"\bdm[0-9a-f]{8}n\d+z|\x00")
_INVISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_LETTERS = re.compile(r"[^\W_]+")
_TITLE_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML body as a mail program reads it."""

    #: what it shows, without style and comments
    text: str
    links: frozenset[str]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One of the extremes, made with a template."""

    #: what is extreme about it
    name: str
    issue: Issue
    rendered: Rendered
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LetterTrial:
    """A letter that is hard to make."""

    #: what is hard about it
    name: str
    mailing_list: MailingList
    reader: Subscriber
    rendered: Rendered
    faults: tuple[str, ...]


def letter_trials(name: str, template: CompiledTemplate) -> Iterator[LetterTrial]:
    """The letter ``name`` in every language and of hostile newsletters. Raises TemplateError."""
    until = LETTER_UNTIL if name == DeliveryKind.CONFIRM else None
    for told, mailing_list, code in extreme_letters():
        said = render_letter(template, mailing_list, code, url=LETTER_URL, until=until)
        reader = extremes()["one paper"].subscriber
        day = language(code).date(until) if until else ""
        yield LetterTrial(told, mailing_list, reader, said, letter_faults(mailing_list, said, until=day))


def letter_faults(mailing_list: MailingList, said: Rendered, *, until: str) -> tuple[str, ...]:
    """What is wrong with a letter in words; ``until`` is the day that it must tell, as it must tell it, or empty."""
    page = read_page(said.html)
    needed = {"the name of the newsletter": mailing_list.name, "until when its link is good": until}
    checks = (_size, _subject, _left_behind, partial(_needed, needed), _same_links, _columns)
    found = [*page.faults, *(fault for check in checks for fault in check(said, page))]
    if LETTER_URL not in page.links:
        found.append("the link that the letter is for is not in it")
    return tuple(dict.fromkeys(found))


def _needed(needed: Mapping[str, str], said: Rendered, page: Page) -> Iterator[str]:
    for part, told in (("HTML", _letters(page.text)), ("text", _letters(said.text))):
        for what, words in needed.items():
            if _letters(_INVISIBLE.sub("", words))[:_TITLE_SHOWN] not in told:
                yield f"the {part} lacks {what}"


def trials(template: CompiledTemplate) -> Iterator[Trial]:
    """Every extreme, made with ``template`` as issues are made. Raises TemplateError where it cannot be filled."""
    for name, extreme in extremes().items():
        # whoever does not show news of papers is given none
        issue = extreme if template.shows("followups") else replace(extreme, followups=())
        fitted = fit(issue, joining_of(template), unsubscribe_url=UNSUBSCRIBE_URL, pages=PAGES)
        plain = render_issue(fitted.issue, template, unsubscribe_url=UNSUBSCRIBE_URL, pages=PAGES, tiers=fitted.tiers)
        joined = rendered(fitted.encoded)
        yield Trial(name, fitted.issue, plain, (*faults(fitted.issue, plain), *_joined(joined, plain)))


def _joined(joined: Rendered, plain: Rendered) -> Iterator[str]:
    for part in ("subject", "html", "text"):
        if getattr(joined, part) != unquoted(quoted(getattr(plain, part))):
            yield f"the {part} that is joined of cards is not what the template says"


def faults(issue: Issue, said: Rendered) -> tuple[str, ...]:
    """What is wrong with an issue in words; the same fault is told once."""
    page = read_page(said.html)
    checks = (_size, _subject, _left_behind, partial(_papers, issue), _same_links, _way_out, _columns)
    found = [*page.faults, *(fault for check in checks for fault in check(said, page))]
    return tuple(dict.fromkeys(found))


def _size(said: Rendered, _: Page) -> Iterator[str]:
    size = len(said.html.encode("utf-8", "replace"))
    if size > LIMIT:
        yield f"the HTML has {size / 1024:.0f} KB, Gmail clips it: {LIMIT // 1024} KB are the limit"


def _subject(said: Rendered, _: Page) -> Iterator[str]:
    if not said.subject.strip():
        yield "the subject is empty"
    if not said.subject.isprintable():
        yield "the subject holds control characters"


def _left_behind(said: Rendered, page: Page) -> Iterator[str]:
    for part, words in (("subject", said.subject), ("HTML", said.html), ("text", said.text)):
        if found := _LEFT_BEHIND.search(words):
            yield f"a placeholder was left in the {part}: {found[0]!r}"
        if found := _INVISIBLE.search(words):
            yield f"a character that turns lines around was left in the {part}: {found[0]!r}"
    for part, words in (("subject", said.subject), ("HTML", page.text), ("text", said.text)):
        if re.search(rf"\b{COMPUTED}\b", words):
            yield f"words of a paper were run as a template in the {part}"


def _papers(issue: Issue, said: Rendered, page: Page) -> Iterator[str]:
    """Every paper must be told, in HTML and in text; white space, signs and scripts may differ."""
    told = {"HTML": _letters(page.text), "text": _letters(said.text)}
    papers = [("a paper", ranked.paper) for ranked in issue.papers]
    papers += [("news of a paper", change.paper) for change in issue.followups]
    for what, paper in papers:
        title = _letters(_INVISIBLE.sub("", paper.title))[:_TITLE_SHOWN]
        for part, words in told.items():
            if title not in words:
                yield f"the {part} lacks {what}: {paper.title[:_TITLE_SHOWN]!r}"


def _letters(text: str) -> str:
    return "".join(_LETTERS.findall(text)).casefold()


def _same_links(said: Rendered, page: Page) -> Iterator[str]:
    texts = frozenset(found.rstrip(">") for found in _URL.findall(said.text))
    for url in sorted(page.links - texts):
        yield f"the text lacks a link that the HTML has: {url}"
    for url in sorted(texts - page.links):
        yield f"the HTML lacks a link that the text has: {url}"


def _way_out(_: Rendered, page: Page) -> Iterator[str]:
    if not any("unsubscribe" in url for url in page.links):
        yield "there is no way to unsubscribe"


def _columns(said: Rendered, _: Page) -> Iterator[str]:
    for line in said.text.splitlines():
        if len(line) > _COLUMNS and not _URL.search(line):
            yield f"a line of the text is longer than {_COLUMNS} columns: {line[:_COLUMNS]!r}"


def read_page(html: str) -> Page:
    """Read an HTML body and note what no mail should have."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    found = list(reader.faults)
    found += [f"<{tag}> is not closed" for tag in reader.open]
    found += [f"the id {name!r} stands {times} times" for name, times in reader.ids.items() if times > 1]
    if not html.startswith("<!DOCTYPE html>"):
        found.append("there is no doctype: mail programs fall back to the rules of 1998")
    if not reader.title.strip():
        found.append("there is no title")
    return Page(" ".join(reader.text), frozenset(reader.links), tuple(found))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.text: list[str] = []
        self.title = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        checks: tuple[Callable[[str, dict[str, str]], Iterator[str]], ...] = (_element, _link, _picture)
        self.faults += [fault for check in checks for fault in check(tag, values)]
        if "id" in values:
            self.ids[values["id"]] += 1
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if tag not in self.open:
            self.faults.append(f"</{tag}> closes nothing")
            return
        while (last := self.open.pop()) != tag:
            self.faults.append(f"<{last}> is not closed before </{tag}>")

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "style" and (found := _LOADING.search(data)):
            self.faults.append(f"a style asks the network: {found[0]}")
        elif inside == "title":
            self.title += data
        elif inside != "style":
            self.text.append(data)


def _element(tag: str, values: dict[str, str]) -> Iterator[str]:
    if tag in _DANGEROUS or tag.startswith("mj-"):
        yield f"<{tag}> has no place in a mail"
    for name in values:
        if name.startswith("on"):
            yield f"the attribute {name} has no place in a mail"
    if tag == "html" and values.get("lang", "und") in ("", "und"):
        yield "<html> has no lang: screen readers guess the language"
    if _LOADING.search(values.get("style", "")):
        yield "a style attribute asks the network"


def _link(tag: str, values: dict[str, str]) -> Iterator[str]:
    if tag == "a" and not values.get("href", "").lower().startswith(_SCHEMES):
        yield f"a link leads nowhere a mail may lead: {values.get('href', '')[:60]!r}"


def _picture(tag: str, values: dict[str, str]) -> Iterator[str]:
    if tag == "img" and "alt" not in values:
        yield "a picture has no alt"
    if tag == "img" and values.get("src", "").lower().startswith(("http:", "https:", "//")):
        yield "a picture is fetched from the network when the mail is read"
