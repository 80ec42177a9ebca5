"""What replies mean."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.errors import DeliveryDeferred, DeliveryRejected, TransportError, TransportUnavailable
from digestmail.transports.smtp.replies import Reply, Step, parse_line, refusal, slows_down


def reply(text: str) -> Reply:
    lines = [parse_line(line.encode()) for line in text.split("\n")]
    assert all(lines)
    return Reply(lines[-1].code, [line.text for line in lines if line])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        # the reader or the message
        ("RCPT", "550 5.1.1 No such user", DeliveryRejected),
        ("RCPT", "550 No such user", DeliveryRejected),
        ("message", "554 5.6.0 Not like this", DeliveryRejected),
        ("MAIL", "552 5.3.4 Too big", DeliveryRejected),
        ("MAIL", "552 Too big", DeliveryRejected),
        ("message", "500 5.2.3 Too long", DeliveryRejected),
        # for now
        ("MAIL", "451 4.3.0 Later", DeliveryDeferred),
        ("RCPT", "450 Greylisted", DeliveryDeferred),
        ("DATA", "452 4.3.1 Disk full", DeliveryDeferred),
        ("message", "421 4.3.2 Closing", DeliveryDeferred),
        ("RCPT", "421 5.7.1 Closing", DeliveryDeferred),
        # us
        ("MAIL", "550 5.1.1 Who are you", TransportUnavailable),
        ("MAIL", "555 5.5.4 What parameter", TransportUnavailable),
        ("RCPT", "550 5.1.8 No such domain of the sender", TransportUnavailable),
        ("RCPT", "553 5.1.7 Bad sender", TransportUnavailable),
        ("RCPT", "550 5.7.1 Relaying denied", TransportUnavailable),
        ("message", "550 5.7.515 Access denied", TransportUnavailable),
        ("RCPT", "530 Authenticate first", TransportUnavailable),
        ("message", "535 Who are you", TransportUnavailable),
        # the enhanced code comes first
        ("RCPT", "550 4.2.1 Too fast", DeliveryDeferred),
        ("RCPT", "450 5.1.1 No such user", DeliveryRejected),
        ("RCPT", "450 5.7.1 Policy", TransportUnavailable),
        # and it is a code only at the beginning
        ("RCPT", "550 see https://example.org/5.7.1", DeliveryRejected),
        ("RCPT", "550 5.7.1x", DeliveryRejected),
    ],
)
def test_a_refusal_is_about_the_reader_about_now_or_about_us(
    step: Step, text: str, expected: type[TransportError]
) -> None:
    error = refusal(step, reply(text), "smtp mail.example.org:25")
    assert type(error) is expected
    assert str(error) == f"smtp mail.example.org:25: {step}: {text}"


@pytest.mark.parametrize(
    ("text", "blamed"),
    [
        ("550 5.1.1 No such user", True),
        ("550 5.1.10 Null MX", True),
        ("550 5.1.2 No such domain", True),
        ("556 No mail here", True),
        ("550 5.2.1 Disabled", False),
        ("552 5.2.2 Mailbox full", False),
        ("550 5.2.2 Mailbox full", False),
        ("552 5.3.4 Too big", False),
        ("550 No such user", False),
        ("554 5.6.0 Spam", False),
    ],
)
def test_only_what_is_said_about_the_address_counts_against_it(text: str, blamed: bool) -> None:
    error = refusal("RCPT", reply(text), "smtp")
    assert isinstance(error, DeliveryRejected)
    assert error.about_address is blamed


@pytest.mark.parametrize(
    ("text", "code"), [("550 5.1.1 No", "5.1.1"), ("550 No", "550"), ("451 4.7.1", "4.7.1"), ("421", "421")]
)
def test_an_error_carries_the_enhanced_code_or_else_the_reply_code(text: str, code: str) -> None:
    assert refusal("RCPT", reply(text), "smtp").code == code


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("451 4.7.1 Greylisted, try again in 300 seconds", timedelta(seconds=300)),
        ("451 4.7.1 Please try again in 5 minutes", timedelta(minutes=5)),
        ("450 4.2.0 Greylisted for 1 minute", timedelta(minutes=1)),
        ("451 Retry after 2 hrs.", timedelta(hours=2)),
        ("451 Try again in 90s", timedelta(seconds=90)),
        ("451-4.7.1 Too fast,\n451 4.7.1 try again in 10 minutes", timedelta(minutes=10)),
        ("451 Try again in 999999 hours", timedelta(hours=24)),
        ("451 Try again later", None),
        ("451 4.7.1 mail for 3 sources is waiting", None),
        ("451 Error in 5 steps", None),
    ],
)
def test_the_time_that_the_server_asks_for_is_heard(text: str, wait: timedelta | None) -> None:
    error = refusal("RCPT", reply(text), "smtp")
    assert isinstance(error, DeliveryDeferred)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    ("text", "slow"),
    [
        ("421 Too many connections", True),
        ("451 4.7.1 Too fast", True),
        ("550 4.7.1 Too fast", True),
        ("450 5.7.1 Too fast", True),
        ("451 4.3.0 Disk full", False),
        ("550 5.7.1 Policy", False),
        ("250 2.7.0 OK", False),
        ("450 Greylisted", False),
    ],
)
def test_servers_that_ask_to_slow_down_are_understood(text: str, slow: bool) -> None:
    assert slows_down(reply(text)) is slow


def test_a_reply_of_several_lines_is_one_line_with_its_code_once() -> None:
    assert (
        str(reply("550-5.1.1 The address\n550-5.1.1 does not\n550 5.1.1 exist"))
        == "550 5.1.1 The address does not exist"
    )


@pytest.mark.parametrize("line", ["", "25", "250x", "2500 x", "150 x", "650 x", " 250 x", "abc", "25O OK", "٢٥٠ x"])
def test_what_is_no_line_of_a_reply_is_not_taken_for_one(line: str) -> None:
    assert parse_line(line.encode()) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_a_line_or_are_not(line: bytes) -> None:
    found = parse_line(line)
    assert found is None or (200 <= found.code <= 599 and line.startswith(str(found.code).encode()))
