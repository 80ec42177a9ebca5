"""What messages that came back say: every system in its own form, and anything at all without a crash."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import letters
from digestmail.errors import InputError
from digestmail.mail.bounces import understand
from digestmail.mail.reports import Incoming, Kind, Report
from letters import MESSAGE_ID, READER, TOKEN


def only(raw: bytes) -> Report:
    [report] = understand(raw).reports
    return report


@pytest.mark.parametrize(
    "raw",
    [letters.postfix(), letters.exim(), letters.gmail(), letters.ses(), letters.qmail()],
    ids=["postfix", "exim", "gmail", "ses", "qmail"],
)
def test_every_mail_system_says_that_there_is_no_such_mailbox(raw: bytes) -> None:
    report = only(raw)
    assert (report.kind, report.code, report.addresses) == (Kind.HARD, "5.1.1", (READER,))


@pytest.mark.parametrize(
    "raw",
    [letters.postfix(), letters.exim(), letters.gmail(), letters.microsoft(), letters.qmail(), letters.arf()],
    ids=["postfix", "exim", "gmail", "microsoft", "qmail", "arf"],
)
def test_token_and_message_id_are_found_wherever_a_system_puts_them(raw: bytes) -> None:
    found = understand(raw)
    assert TOKEN in found.tokens
    assert MESSAGE_ID in found.message_ids


def test_a_token_is_found_in_the_unsubscribe_link_where_a_relay_changes_return_path_and_message_id() -> None:
    found = understand(letters.ses())
    assert set(found.tokens) == {TOKEN}
    assert MESSAGE_ID not in found.message_ids


def test_a_token_of_the_envelope_comes_before_those_of_headers() -> None:
    found = understand(letters.postfix(), recipients=["bounces+fromenvelope@papers.example"])
    assert found.tokens[:2] == ("fromenvelope", TOKEN)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("5.1.1", Kind.HARD),
        ("5.1.2", Kind.HARD),
        ("5.1.3", Kind.HARD),
        ("5.1.6", Kind.HARD),
        ("5.1.10", Kind.HARD),
        ("5.2.1", Kind.HARD),
        ("5.1.0", Kind.SOFT),
        ("5.2.2", Kind.SOFT),
        ("4.2.2", Kind.SOFT),
        ("5.3.0", Kind.SOFT),
        ("5.4.4", Kind.SOFT),
        ("4.4.7", Kind.SOFT),
        ("5.1.7", Kind.BLOCKED),
        ("5.1.8", Kind.BLOCKED),
        ("5.2.3", Kind.BLOCKED),
        ("5.3.4", Kind.BLOCKED),
        ("5.5.4", Kind.BLOCKED),
        ("5.6.0", Kind.BLOCKED),
        ("5.7.1", Kind.BLOCKED),
        ("4.7.28", Kind.BLOCKED),
    ],
)
def test_a_refusal_is_hard_only_where_its_code_blames_the_address(code: str, kind: Kind) -> None:
    assert only(letters.postfix(code=code, diagnostic=f"refused {code}")).kind is kind


def test_a_status_that_says_nothing_gives_way_to_the_diagnostic() -> None:
    report = only(letters.postfix(code="5.0.0", diagnostic="550 5.7.1 not welcome from 10.5.1.1"))
    assert (report.kind, report.code) == (Kind.BLOCKED, "5.7.1")


def test_without_an_enhanced_code_nothing_is_hard() -> None:
    report = only(letters.exim(code="550 no such user here"))
    assert (report.kind, report.code) == (Kind.SOFT, "550")


def test_a_delay_is_no_failure() -> None:
    assert only(letters.postfix(code="4.4.1", action="delayed")).kind is Kind.DELAYED


def test_each_recipient_of_one_report_has_a_verdict_of_its_own() -> None:
    found = [(report.kind, report.addresses) for report in understand(letters.several_recipients()).reports]
    assert found == [
        (Kind.HARD, ("ann@example.org",)),
        (Kind.DELAYED, ("bob@example.org",)),
        (Kind.NOTICE, ("cara@example.org",)),
    ]


def test_the_note_is_the_servers_own_words() -> None:
    assert only(letters.postfix()).note == "550 5.1.1 no mailbox of this name"


@pytest.mark.parametrize("feedback", ["abuse", "Fraud"])
def test_a_feedback_report_of_abuse_is_a_complaint(feedback: str) -> None:
    report = only(letters.arf(feedback=feedback))
    assert (report.kind, report.addresses) == (Kind.COMPLAINT, (READER,))


@pytest.mark.parametrize("feedback", ["not-spam", "auth-failure", "virus", "other"])
def test_other_feedback_is_no_complaint(feedback: str) -> None:
    assert only(letters.arf(feedback=feedback)).kind is Kind.NOTICE


def test_an_opt_out_report_unsubscribes() -> None:
    assert only(letters.arf(feedback="opt-out")).kind is Kind.UNSUBSCRIBE


def test_outlook_complains_in_a_form_of_its_own() -> None:
    report = only(letters.outlook_complaint())
    assert (report.kind, report.addresses) == (Kind.COMPLAINT, (READER,))


@pytest.mark.parametrize("subject", ["unsubscribe", "Unsubscribe ", f"unsubscribe {TOKEN}", "UNSUBSCRIBE"])
def test_a_mail_that_asks_to_leave(subject: str) -> None:
    report = only(letters.unsubscribe(subject=subject))
    assert (report.kind, report.addresses) == (Kind.UNSUBSCRIBE, (READER,))


def test_the_token_of_a_mail_that_asks_to_leave_is_in_its_subject_or_its_address() -> None:
    assert understand(letters.unsubscribe(subject=f"unsubscribe {TOKEN}")).tokens == (TOKEN,)
    assert TOKEN in understand(letters.unsubscribe(to=f"papers+unsub-{TOKEN}@papers.example")).tokens


def test_whoever_writes_about_unsubscribing_does_not_ask_for_it() -> None:
    assert only(letters.letter(subject="Re: unsubscribe broken?")).kind is Kind.REPLY


@pytest.mark.parametrize("raw", [letters.EXCHANGE_AWAY, letters.GMAIL_AWAY], ids=["exchange", "gmail"])
def test_an_out_of_office_is_no_bounce_and_no_reply(raw: bytes) -> None:
    assert only(raw).kind is Kind.AUTOMATIC


@pytest.mark.parametrize(
    "subject",
    [
        "Out of Office: Re: Daily Papers",
        "Abwesenheitsnotiz: Daily Papers",
        "=?utf-8?q?R=C3=A9ponse_automatique_=3A_Daily_Papers?=",
        "=?utf-8?b?UmVzcHVlc3RhIGF1dG9tw6F0aWNh?=",
        "=?utf-8?b?6Ieq5Yqo5Zue5aSNOiBEYWlseSBQYXBlcnM=?=",
    ],
)
def test_where_no_header_says_so_the_subject_hints_at_an_out_of_office(subject: str) -> None:
    assert only(letters.letter(subject=subject)).kind is Kind.AUTOMATIC


def test_a_person_who_quotes_a_bounce_is_a_person() -> None:
    raw = letters.letter() + b"> 550 5.1.1 no mailbox of this name\r\n> Final-Recipient: rfc822; ann@example.org\r\n"
    assert only(raw).kind is Kind.REPLY


def test_a_person_who_forwards_a_bounce_is_a_person() -> None:
    forwarded = (
        b"From: ann@example.org\r\nSubject: What is this?\r\nContent-Type: multipart/mixed; boundary=fwd\r\n\r\n"
        b"--fwd\r\nContent-Type: message/rfc822\r\n\r\n" + letters.postfix() + b"\r\n--fwd--\r\n"
    )
    assert only(forwarded).kind is Kind.REPLY


def test_a_daemon_that_nobody_understands_is_told_apart() -> None:
    assert only(letters.letter(sender="postmaster@example.org", subject="Quota")).kind is Kind.UNCLEAR


def test_the_same_message_has_the_same_digest_however_its_lines_end() -> None:
    raw = letters.postfix()
    assert understand(raw).digest == understand(raw.replace(b"\r\n", b"\n") + b"\n").digest
    assert understand(raw).digest != understand(letters.postfix(code="5.1.2")).digest


# -- hostile and broken ---------------------------------------------------------------------------------------------


def survives(raw: bytes) -> Incoming | None:
    """Anything gives a verdict or an InputError."""
    try:
        found = understand(raw)
    except InputError:
        return None
    assert found.reports
    return found


@given(st.binary(max_size=2000))
def test_any_bytes_give_a_verdict(raw: bytes) -> None:
    survives(raw)


_SAMPLES = [
    letters.postfix(),
    letters.gmail(),
    letters.qmail(),
    letters.exim(),
    letters.arf(),
    letters.several_recipients(),
    letters.unsubscribe(),
]


@settings(max_examples=300)
@given(st.data())
def test_a_mangled_report_gives_a_verdict(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(_SAMPLES)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(len(raw) - 1, 0)))
        length = data.draw(st.integers(0, 60))
        raw[at : at + length] = data.draw(st.one_of(st.binary(max_size=30), st.sampled_from(_PIECES)))
    survives(bytes(raw))


_PIECES = [
    b"\r\n\r\n",
    b'"',
    b"charset=\x00",
    b"; boundary*0*=utf-8''x",
    b"=?\x00?q?x?=",
    b"=?utf-8?b?=====?=",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Type: message/delivery-status\r\n\r\n",
    b"Content-Type: text/plain; charset*=no-such''x\r\n",
    b"Content-Type: text/plain; charset=\x00\r\n",
    b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n#",
    b"=?utf-8?b?abcde?=",
    b"Final-Recipient: rfc822;" + b"(" * 40,
    "Ünïcödé".encode("latin-1"),
]


def _nested(depth: int) -> bytes:
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(depth))
    return b"From: mailer-daemon@example.org\r\n" + opened + b"\r\nx\r\n" * 1000


_HOSTILE = {
    "deep": _nested(15),
    "deeper": _nested(10_000),
    "parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 100_000,
    "messages in messages": b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
    "parameters": b"Content-Type: multipart/report; " + b'a="b";' * 80_000 + b"\r\n\r\nx",
    "comments": b"From: " + b"(" * 400_000 + b"\r\n\r\nx",
    "encoded words": b"Subject: " + b"=?utf-8?q?x?= " * 40_000 + b"\r\n\r\nx",
    "links": b"List-Unsubscribe: <" + b"https://a/aaaa/aaaa" * 20_000 + b"\r\n\r\nx",
    "folded links": b"List-Unsubscribe: <" + b"https://a/aaaa/\r\n " * 20_000 + b"\r\n\r\nx",
    "headers": b"x: y\r\n" * 80_000 + b"\r\nx",
    "short lines": b"From: mailer-daemon@example.org\r\n\r\n" + b"<a@b>:\n" * 60_000,
    "one line": b"From: mailer-daemon@example.org\r\n\r\n" + b"a" * 500_000,
    "blank lines": b"\r\n" * 250_000,
    "quotes": b"> \t" * 170_000,
}


@pytest.mark.parametrize("raw", _HOSTILE.values(), ids=_HOSTILE)
def test_hostile_messages_end_soon(raw: bytes) -> None:
    # no clock: growth with the square would take hours here
    survives(raw)


def test_more_than_ten_megabytes_are_refused() -> None:
    with pytest.raises(InputError, match="longer than 10,000,000 bytes"):
        understand(b"x" * 10_000_001)


def test_a_reply_with_a_large_attachment_is_still_a_reply() -> None:
    assert only(letters.letter() + b"QUJD" * 2_000_000).kind is Kind.REPLY


def test_a_report_that_does_not_call_itself_one_is_read_all_the_same() -> None:
    assert only(letters.postfix().replace(b" report-type=delivery-status;", b"")).kind is Kind.HARD
