"""The thread that writes to whoever signs up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from builders import THE_LIST
from digestmail.errors import StoreError
from digestmail.model import DeliveryStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.optin import ask
from digestmail.newsletter.preferences import Wishes
from digestmail.protocols import Commit
from digestmail.testing import MemoryTransport
from digestmail.web import mailroom as rooms
from digestmail.web.house import Open
from digestmail.web.mailroom import Mailroom
from pages import BASE
from served import opener


class Letterbox(MemoryTransport):
    """Tells when something has come."""

    def __init__(self) -> None:
        super().__init__()
        self.came = threading.Semaphore(0)

    async def send(self, envelope: object, commit: Commit) -> str:
        reply = await super().send(envelope, commit)  # type: ignore[arg-type]
        self.came.release()
        return reply


@pytest.fixture
def box() -> Letterbox:
    return Letterbox()


@pytest.fixture
def opened(tmp_path: Path, box: Letterbox) -> Open:
    bare = opener(tmp_path, transport=box)

    @contextmanager
    def opened() -> Iterator[Newsletter]:
        with bare() as newsletter:
            yield replace(newsletter, mailing_list=replace(THE_LIST, base_url=BASE))

    return opened


def sign_up(opened: Open, *numbers: int) -> None:
    with opened() as newsletter:
        for number in numbers:
            ask(newsletter, f"reader{number}@example.org", Wishes(), f"10.0.{number}.1")


def test_whoever_asks_is_written_to_as_soon_as_it_is_told(opened: Open, box: Letterbox) -> None:
    with Mailroom(opened) as mailroom:
        for number in range(3):
            sign_up(opened, number)
            mailroom.post()
            assert box.came.acquire(timeout=60)
    assert len(box.messages) == 3


def test_it_ends_with_what_is_under_way_and_leaves_the_rest_to_the_next_run(opened: Open, box: Letterbox) -> None:
    with Mailroom(opened) as mailroom:
        mailroom.ask_to_stop()
        sign_up(opened, 1)
        mailroom.post()
    assert box.messages == {}
    with opened() as newsletter:
        assert len(newsletter.store.signups.waiting(9)) == 1


def test_a_store_that_does_not_answer_is_told_and_asked_again(
    opened: Open, box: Letterbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rooms, "_AGAIN_SECONDS", 0.01)
    failures = [StoreError("store: locked"), StoreError("store: still locked")]

    @contextmanager
    def at_last() -> Iterator[Newsletter]:
        if failures:
            raise failures.pop(0)
        with opened() as newsletter:
            yield newsletter

    sign_up(opened, 1)
    with Mailroom(at_last) as mailroom:
        mailroom.post()
        assert box.came.acquire(timeout=60)
    assert [record.getMessage() for record in caplog.records if "letters failed" in record.getMessage()] == [
        "letters failed: store: locked",
        "letters failed: store: still locked",
    ]
    with opened() as newsletter:
        [letter] = newsletter.store.deliveries.find(letters=True)
        assert letter.status is DeliveryStatus.SENT


def test_who_waits_for_the_next_minute_is_not_forgotten(
    opened: Open, box: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "_AGAIN_SECONDS", 0.01)
    sign_up(opened, *range(61))
    clock = [0]
    with opened() as newsletter:
        now = newsletter.clock()

    @contextmanager
    def later() -> Iterator[Newsletter]:
        # each time it looks, half a minute has passed
        clock[0] += 1
        with opened() as newsletter:
            yield replace(newsletter, clock=lambda: now + timedelta(seconds=30 * clock[0]))

    with Mailroom(later) as mailroom:
        mailroom.post()
        for _ in range(61):
            assert box.came.acquire(timeout=60)
    assert clock[0] >= 3
