"""The bytes of a message, read back by the standard library's parser."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digestmail.errors import AddressError, MessageError
from digestmail.mail import message as message_module
from digestmail.mail.links import Routes, routes_of
from digestmail.mail.message import build_message, message_id
from digestmail.mail.tokens import Tokens
from digestmail.model import Issue, MailingList, Receipt, Rendered, Subscriber
from digestmail.text.clean import clean_line

MORNING = datetime(2024, 1, 29, 6, 30, tzinfo=UTC)
LIST = MailingList(name="Daily Papers", sender_name="Daily Papers", sender_address="papers@example.org")
READER = Subscriber(uid="5f0c", email="reader@example.net", created_at=MORNING)
ISSUE = Issue(
    mailing_list=LIST, subscriber=READER, slot=date(2024, 1, 29), papers=(), receipt=Receipt(), composed_at=MORNING
)
TOKENS = Tokens(b"a secret of the tests")
PLAIN = Rendered("Nine papers", "<p>Nine papers</p>\n", "Nine papers\n")

# all of Unicode with what breaks headers and encodings drawn often
TEXT = st.text(
    st.one_of(st.characters(), st.sampled_from(" \r\n\t\x00\x0b\x0c\x1c\x85\u2028.=?_\"\\<>@,;:'ä論😀\ud800"))
)


def parse(content: bytes) -> EmailMessage:
    parsed = message_from_bytes(content, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def build(rendered: Rendered = PLAIN, routes: Routes | None = None, **changes: Any) -> EmailMessage:
    """The message of a list with these changes, parsed."""
    return parse(build_message(replace(ISSUE, mailing_list=replace(LIST, **changes)), rendered, routes).content)


def bodies(parsed: EmailMessage) -> list[str]:
    """The parts decoded, with the CRLF of the wire as ``\\n``."""
    parts = [part for part in parsed.iter_parts() if isinstance(part, EmailMessage)]
    return [part.get_content().replace("\r\n", "\n") for part in parts]


def unix(text: str) -> str:
    """What a part may hold of a text: one kind of line end, no lone surrogates, a line end at the end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    return text if text.endswith("\n") else text + "\n"


def test_a_message_has_exactly_the_headers_it_should_have() -> None:
    assert build().items()[:-1] == [
        ("From", "Daily Papers <papers@example.org>"),
        ("To", "reader@example.net"),
        ("Subject", "Nine papers"),
        ("Date", "Mon, 29 Jan 2024 06:30:00 +0000"),
        ("Message-ID", message_id(LIST, READER, ISSUE.slot)),
        ("List-Unsubscribe", "<mailto:papers@example.org?subject=unsubscribe>"),
        ("List-Id", '"Daily Papers" <daily-papers.example.org>'),
        ("List-Help", "<mailto:papers@example.org?subject=help>"),
        ("List-Owner", "<mailto:papers@example.org>"),
        ("List-Post", "NO"),
        ("Feedback-ID", "20240129:issue:daily-papers.example.org:4o5ftmbdl3tu"),
        ("Precedence", "bulk"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    ]


def test_a_list_with_everything_configured_has_more_headers() -> None:
    full = replace(
        LIST,
        base_url="https://papers.example.org",
        reply_to="editor@example.org",
        bounce_address="bounces@mail.example.org",
        plus_addressing=True,
    )
    routes = routes_of(full, TOKENS, READER)
    envelope = build_message(replace(ISSUE, mailing_list=full), PLAIN, routes)
    parsed = parse(envelope.content)
    assert list(parsed) == [
        *("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "Reply-To"),
        *("List-Id", "List-Help", "List-Owner", "List-Archive", "List-Post", "Feedback-ID", "Precedence"),
        *("Auto-Submitted", "MIME-Version", "Content-Type"),
    ]
    assert parsed["List-Unsubscribe"] == f"<{routes.web}>, <{routes.mailto}>"
    assert parsed["Reply-To"] == "editor@example.org"
    assert parsed["List-Owner"] == "<mailto:editor@example.org>"
    assert parsed["List-Archive"] == "<https://papers.example.org/papers>"
    assert envelope.mail_from == routes.return_path
    assert envelope.mail_from.startswith("bounces+")


def test_one_click_is_offered_to_the_byte_and_only_beside_a_page_that_takes_it() -> None:
    line = b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    for url, offered in (("https://papers.example.org", 1), ("http://papers.example.org", 0), (None, 0)):
        mailing_list = replace(LIST, base_url=url)
        routes = routes_of(mailing_list, TOKENS, READER)
        content = build_message(replace(ISSUE, mailing_list=mailing_list), PLAIN, routes).content
        assert content.count(line) == offered
        assert content.count(b"<https://papers.example.org/u/") == offered


@pytest.mark.parametrize("url", ["http://localhost:8000", "https://127.0.0.1", "https://papers.local", None])
def test_an_archive_that_only_this_machine_reaches_is_not_named(url: str | None) -> None:
    assert "List-Archive" not in build(base_url=url)


def test_the_feedback_id_has_four_fields_and_none_of_a_reader() -> None:
    other = build_message(replace(ISSUE, subscriber=replace(READER, uid="5f0d", email="b@example.net")), PLAIN)
    fields = build()["Feedback-ID"].split(":")
    assert parse(other.content)["Feedback-ID"].split(":") == fields
    assert len(fields) == 4
    assert 5 <= len(fields[3]) <= 15
    renamed = build(name="Weekly " + "long " * 90, sender_name="x")["Feedback-ID"].split(":")
    assert len(renamed) == 4
    assert renamed[3] == fields[3]


def test_a_header_longer_than_a_line_may_be_is_never_handed_out() -> None:
    with pytest.raises(MessageError, match="header List-Archive is longer than a line may be"):
        build(base_url="https://papers.example.org/" + "x" * 980)


def test_a_return_path_or_link_that_could_break_out_is_never_handed_out() -> None:
    good = routes_of(replace(LIST, base_url="https://papers.example.org"), TOKENS, READER)
    for bad in (
        replace(good, web=f"{good.web}>\r\nBcc: all@example.org"),
        replace(good, web=f"{good.web}> <https://example.net"),
        replace(good, web="http://papers.example.org/u/1"),
        replace(good, web=f"{good.web}\x85"),
        replace(good, mailto="https://papers.example.org"),
        replace(good, mailto=f"{good.mailto}\x00"),
        replace(good, return_path="a@example.org>\r\nRCPT TO:<b@example.org"),
        replace(good, return_path=""),
    ):
        with pytest.raises(MessageError, match="cannot be read back"):
            build(routes=bad)


def test_a_head_with_a_header_too_many_is_never_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        message_module, "_subject_header", lambda subject: f"Subject: {subject}\r\nBcc: b@example.org\r\n"
    )
    with pytest.raises(MessageError, match="holds other headers than it should"):
        build()


def test_the_text_comes_first_and_the_html_last() -> None:
    parsed = build()
    assert parsed.get_content_type() == "multipart/alternative"
    parts = list(parsed.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert {part.get_content_charset() for part in parts} == {"utf-8"}
    assert {part["Content-Transfer-Encoding"] for part in parts} == {"quoted-printable"}
    assert bodies(parsed) == [PLAIN.text, PLAIN.html]


def test_the_parser_finds_nothing_wrong_with_any_part() -> None:
    assert [part.defects for part in build().walk()] == [[], [], []]


def test_the_same_issue_is_the_same_bytes() -> None:
    assert build_message(ISSUE, PLAIN) == build_message(ISSUE, PLAIN)


def test_the_envelope_names_both_ends_in_ascii() -> None:
    issue = replace(
        ISSUE,
        mailing_list=replace(LIST, sender_address="papers@bücher.example.org"),
        subscriber=replace(READER, email="reader@straße.example.net"),
    )
    envelope = build_message(issue, PLAIN)
    assert envelope.mail_from == "papers@xn--bcher-kva.example.org"
    assert envelope.rcpt_to == "reader@xn--strae-oqa.example.net"
    assert envelope.slot == ISSUE.slot
    parsed = parse(envelope.content)
    assert parsed["From"].addresses[0].addr_spec == envelope.mail_from
    assert parsed["To"].addresses[0].addr_spec == envelope.rcpt_to
    assert parsed["Message-ID"] == envelope.message_id
    assert envelope.message_id.endswith("@xn--bcher-kva.example.org>")


def test_the_date_is_the_moment_of_composing_with_a_numeric_zone() -> None:
    for zone in (UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-11))):
        composed_at = datetime(2024, 2, 29, 23, 59, 58, tzinfo=zone)
        written = parse(build_message(replace(ISSUE, composed_at=composed_at), PLAIN).content)["Date"]
        assert re.search(r" [+-]\d{4}$", written)
        assert parsedate_to_datetime(written) == composed_at


def test_a_message_id_is_26_lower_case_base32_digits_at_the_sender_domain() -> None:
    assert re.fullmatch(r"<[a-z2-7]{26}@example\.org>", message_id(LIST, READER, ISSUE.slot))


def test_a_message_id_does_not_change_between_releases() -> None:
    # a retry after an upgrade must carry the id of the first attempt
    assert message_id(LIST, READER, date(2024, 1, 29)) == "<o22ofsinqhvyfiotoe7ednkdsw@example.org>"


def test_every_reader_day_and_sender_has_its_own_message_id() -> None:
    variants = {
        message_id(LIST, READER, date(2024, 1, 29)),
        message_id(LIST, READER, date(2024, 1, 30)),
        message_id(LIST, replace(READER, uid="5f0d"), date(2024, 1, 29)),
        message_id(replace(LIST, sender_address="news@example.org"), READER, date(2024, 1, 29)),
        message_id(LIST, READER, date(2024, 1, 29), generation=1),
        message_id(LIST, READER, date(2024, 1, 29), generation=2),
    }
    assert len(variants) == 6


def test_an_issue_that_is_asked_for_anew_has_the_id_of_its_generation() -> None:
    assert message_id(LIST, READER, ISSUE.slot, generation=0) == message_id(LIST, READER, ISSUE.slot)
    again = build_message(replace(ISSUE, generation=1), PLAIN)
    assert again.message_id == message_id(LIST, READER, ISSUE.slot, generation=1)


def test_a_new_address_or_list_name_leaves_the_message_id_alone() -> None:
    moved, renamed = replace(READER, email="new@example.com"), replace(LIST, name="Weekly", sender_name="Weekly")
    assert message_id(renamed, moved, ISSUE.slot) == message_id(LIST, READER, ISSUE.slot)


def test_the_message_id_does_not_give_the_uid_away() -> None:
    assert READER.uid not in message_id(LIST, READER, ISSUE.slot)


def test_the_boundary_comes_from_the_message_id_and_cannot_occur_in_a_part() -> None:
    identity = message_id(LIST, READER, ISSUE.slot)
    boundary = build()["Content-Type"].params["boundary"]
    assert boundary == f"=_{identity[1:27]}"
    tricky = Rendered("x", f"--{boundary}--\n", f"--{boundary}\n\n{boundary}\n")
    assert bodies(build(tricky)) == [tricky.text, tricky.html]


@pytest.mark.parametrize(
    ("name", "list_id"),
    [
        ("Daily Papers", "daily-papers.example.org"),
        ("  Café — Papers! ", "cafe-papers.example.org"),
        ("ML/AI & more", "ml-ai-more.example.org"),
        ("毎日の論文", "papers.example.org"),
        ("x" * 400, "x" * 63 + ".example.org"),
        ("", "papers.example.org"),
    ],
)
def test_the_list_id_is_a_slug_at_the_sender_domain(name: str, list_id: str) -> None:
    written = str(make_header(decode_header(build(name=name)["List-Id"])))
    assert re.search(r"<([^<>]*)>$", written)
    assert written.endswith(f"<{list_id}>")


def test_a_list_name_beyond_ascii_is_not_encoded_inside_quotes() -> None:
    content = build_message(replace(ISSUE, mailing_list=replace(LIST, name="Café Papers")), PLAIN).content
    assert b"List-Id: =?utf-8?q?Caf=C3=A9_Papers?= <cafe-papers.example.org>\r\n" in content


def test_a_long_unsubscribe_link_stays_readable() -> None:
    # the standard library's own writer would turn this into an encoded word
    address = "papers-" + "a" * 50 + "@" + ".".join(["b" * 40] * 4) + ".example.org"
    assert build(sender_address=address)["List-Unsubscribe"] == f"<mailto:{address}?subject=unsubscribe>"


def test_a_header_cannot_be_smuggled_in() -> None:
    evil = "Nine papers\r\nBcc: all@example.org\r\n\r\nbody"
    parsed = build(replace(PLAIN, subject=evil), name=evil, sender_name=evil)
    assert parsed["Bcc"] is None
    assert parsed["Subject"] == "Nine papers Bcc: all@example.org body"
    assert bodies(parsed) == [PLAIN.text, PLAIN.html]


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x0b", "\x0c", "\x1b", "\x1e", "\x7f", "\x85", "\x9f", "\u2028"])
def test_control_characters_reach_no_header(control: str) -> None:
    text = f"Nine{control} papers"
    envelope = build_message(
        replace(ISSUE, mailing_list=replace(LIST, name=text, sender_name=text)), replace(PLAIN, subject=text)
    )
    head = envelope.content.partition(b"\r\n\r\n")[0]
    assert not re.search(rb"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\xff]", head)
    parsed = parse(envelope.content)
    assert parsed["Subject"] == parsed["From"].addresses[0].display_name == "Nine papers"


@pytest.mark.parametrize(
    "subject", ["=?utf-8?q?hello?=", "a =?x?", "x" * 500, "word " * 100, "ä" * 300, "", "😀👩‍🔬" * 40]
)
def test_awkward_subjects_come_back(subject: str) -> None:
    assert build(replace(PLAIN, subject=subject))["Subject"] == clean_line(subject)


@pytest.mark.parametrize("name", ["O'Neil, Jr. (list)", 'The "Daily" \\ Papers', "a@b.org", "Dr. Größe", "=?x?=", ""])
def test_awkward_sender_names_come_back(name: str) -> None:
    sender = build(sender_name=name)["From"].addresses
    assert [(address.display_name, address.addr_spec) for address in sender] == [(name, "papers@example.org")]


@pytest.mark.parametrize(
    "bad", ["rea der@example.net", "reader@example.net\r\nBcc: x@example.org", "läser@example.net"]
)
def test_an_address_that_cannot_be_written_is_named(bad: str) -> None:
    with pytest.raises(AddressError, match="not an address"):
        build_message(replace(ISSUE, subscriber=replace(READER, email=bad)), PLAIN)
    with pytest.raises(AddressError, match="not an address"):
        build_message(replace(ISSUE, mailing_list=replace(LIST, sender_address=bad)), PLAIN)


@pytest.mark.parametrize(
    ("inside", "broken", "names"),
    [
        ("_subject", lambda text: f"{text}!", "header Subject"),
        ("_subject", lambda text: f"{text}\r\nBcc: all@example.org", "header Subject"),
        ("_mailbox", lambda name, inner: f'"{name}x" <{inner}>', "header From"),
        ("_mailbox", lambda name, inner: f'"{name}" <{inner}>\r\nX-More: 1', "header List-Id"),
        ("mailto", lambda address: "mailto:papers@example.org>\r\n\r\nbody", "header List-Help"),
    ],
)
def test_a_header_that_reads_back_differently_is_never_handed_out(
    monkeypatch: pytest.MonkeyPatch, inside: str, broken: object, names: str
) -> None:
    monkeypatch.setattr(message_module, inside, broken)
    # what is written once and kept must not be kept from other tests
    fresh = replace(ISSUE, mailing_list=replace(LIST, name=f"{inside} {names}"))
    with pytest.raises(MessageError, match=f"{names} does not read back as it was written"):
        build_message(fresh, replace(PLAIN, subject=f"{inside} {names}"))


@pytest.mark.parametrize(
    ("inside", "broken"),
    [
        ("ascii_address", lambda address: f"{address}\r\nBcc: all@example.org"),
        ("_date", lambda moment: "yesterday"),
        ("message_id", lambda *slot: "<one>\r\n two"),
    ],
)
def test_a_header_of_one_message_that_is_not_of_its_kind_is_never_handed_out(
    monkeypatch: pytest.MonkeyPatch, inside: str, broken: object
) -> None:
    build_message(ISSUE, PLAIN)  # the headers of the list are written by now
    monkeypatch.setattr(message_module, inside, broken)
    with pytest.raises(MessageError, match="cannot be read back"):
        build_message(ISSUE, PLAIN)


def test_trailing_blanks_and_lines_of_dots_survive() -> None:
    text = "one  \ntwo\t\n.\n..\nFrom the start\n\n\n"
    assert bodies(build(replace(PLAIN, text=text))) == [text, PLAIN.html]


def test_an_empty_part_is_an_empty_line() -> None:
    assert bodies(build(Rendered("x", "", ""))) == ["\n", "\n"]


@given(
    uid=st.one_of(st.uuids().map(lambda uid: uid.hex), st.text("abcdef0123456789-_@.", max_size=40)),
    reply_to=st.sampled_from([None, "editor@example.org", "e@bücher.example"]),
    base_url=st.sampled_from(
        [None, "https://papers.example.org", "http://localhost:8000", "https://xn--bcher-kva.org/a"]
    ),
    plus=st.booleans(),
    name=TEXT,
)
def test_the_whole_head_comes_out_of_the_parser(
    uid: str, reply_to: str | None, base_url: str | None, plus: bool, name: str
) -> None:
    mailing_list = replace(LIST, name=name, base_url=base_url, reply_to=reply_to, plus_addressing=plus)
    reader = replace(READER, uid=uid)
    routes = routes_of(mailing_list, TOKENS, reader)
    content = build_message(replace(ISSUE, mailing_list=mailing_list, subscriber=reader), PLAIN, routes).content
    parsed = parse(content)
    assert parsed.defects == []
    assert [len(parsed.get_all(key)) for key in parsed] == [1] * len(parsed)  # type: ignore[arg-type]
    links = [f"<{url}>" for url in (routes.web, routes.mailto) if url]
    assert parsed["List-Unsubscribe"] == ", ".join(links)
    assert ("List-Unsubscribe-Post" in parsed) == (routes.web is not None)
    assert ("Reply-To" in parsed) == (reply_to is not None)
    assert max(map(len, content.split(b"\r\n"))) <= 998


@given(subject=TEXT, sender_name=TEXT, name=TEXT, text=TEXT, html=TEXT)
@example(subject="a" * 2000, sender_name="ä " * 500, name="\\" * 300, text="論" * 2000, html="x" * 5000)
@example(subject=" ", sender_name='"', name="<>", text="\r", html="\x85\n\r\n\r")
def test_whatever_goes_in_comes_out_of_the_parser(
    subject: str, sender_name: str, name: str, text: str, html: str
) -> None:
    issue = replace(ISSUE, mailing_list=replace(LIST, name=name, sender_name=sender_name))
    content = build_message(issue, Rendered(subject, html, text)).content
    parsed = parse(content)
    assert len(parsed.keys()) == len({key.lower() for key in parsed}) == 15
    assert parsed["Subject"] == clean_line(subject)
    assert parsed["To"].addresses[0].addr_spec == "reader@example.net"
    assert parsed["From"].addresses[0].addr_spec == "papers@example.org"
    assert bodies(parsed) == [unix(text), unix(html)]


@given(st.text(st.characters(), max_size=10))
def test_a_sender_name_of_one_encoded_word_comes_out_of_the_parser(name: str) -> None:
    # the parser of Python 3.11 puts a blank between two encoded words of a name, which RFC 2047 §6.2 forbids
    assert build(sender_name=name)["From"].addresses[0].display_name == clean_line(name)


@given(subject=TEXT, name=TEXT, text=TEXT, html=st.text(min_size=900, max_size=1100))
def test_lines_end_in_crlf_stay_short_and_are_seven_bit(subject: str, name: str, text: str, html: str) -> None:
    issue = replace(ISSUE, mailing_list=replace(LIST, name=name, sender_name=name))
    content = build_message(issue, Rendered(subject, html, text)).content
    assert content.isascii()
    assert content.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert max(map(len, content.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76


def test_a_long_plain_subject_is_folded_at_words_and_not_encoded() -> None:
    subject = "MoE-LLaVA: Mixture of Experts for Large Vision-Language Models + 8 more papers, and so on"
    content = build_message(ISSUE, replace(PLAIN, subject=subject)).content
    assert b"=?" not in content.partition(b"\r\n\r\n")[0]
    assert parse(content)["Subject"] == subject
