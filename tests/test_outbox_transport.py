"""The outbox: complete or absent, once, whatever happens."""

import asyncio
import errno
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from email.utils import make_msgid
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.errors import TransportUnavailable
from digestmail.model import Envelope
from digestmail.protocols import Commit
from digestmail.transports.outbox import OutboxTransport

ENVELOPE = Envelope(
    mail_from="papers@example.org",
    rcpt_to="reader@example.net",
    message_id="<abcdefgh234567abcdefgh2345@example.org>",
    slot=date(2024, 1, 29),
    content=b"Subject: Nine papers\r\n\r\nNine papers\r\n",
)


def failing(number: int) -> Callable[..., NoReturn]:
    """A system call that fails with this errno."""

    def call(*_arguments: object, **_options: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return call


async def _committed() -> None:
    """Nobody else is there."""


def send(transport: OutboxTransport, envelope: Envelope, commit: Commit = _committed) -> str:
    """What one lane of a pass does."""
    return asyncio.run(transport.send(envelope, commit))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_message_is_a_file_with_a_readable_name(tmp_path: Path) -> None:
    reply = send(OutboxTransport(tmp_path), ENVELOPE)
    assert names(tmp_path) == ["2024-01-29_reader@example.net_abcdefgh.eml"]
    assert Path(reply) == OutboxTransport(tmp_path).path_of(ENVELOPE)


def test_the_file_holds_the_bytes_of_the_message(tmp_path: Path) -> None:
    content = bytes(range(256)) * 300
    path = Path(send(OutboxTransport(tmp_path), replace(ENVELOPE, content=content)))
    assert path.read_bytes() == content


def test_nothing_but_the_message_is_left_in_the_folder(tmp_path: Path) -> None:
    send(OutboxTransport(tmp_path), ENVELOPE)
    assert len(names(tmp_path)) == 1


def test_a_missing_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "mail" / "outbox"
    assert Path(send(OutboxTransport(folder), ENVELOPE)).parent == folder


def test_asking_for_the_path_makes_no_folder(tmp_path: Path) -> None:
    OutboxTransport(tmp_path / "outbox").path_of(ENVELOPE)
    assert names(tmp_path) == []


def test_a_message_that_is_there_is_delivered_and_left_alone(tmp_path: Path) -> None:
    transport = OutboxTransport(tmp_path)
    first = send(transport, ENVELOPE)
    before = Path(first).stat()
    second = send(transport, replace(ENVELOPE, content=b"rendered anew"))
    assert second == first
    assert Path(first).read_bytes() == ENVELOPE.content
    assert Path(first).stat().st_mtime_ns == before.st_mtime_ns
    assert len(names(tmp_path)) == 1


def test_messages_of_other_readers_days_and_ids_are_other_files(tmp_path: Path) -> None:
    transport = OutboxTransport(tmp_path)
    send(transport, ENVELOPE)
    send(transport, replace(ENVELOPE, rcpt_to="other@example.net"))
    send(transport, replace(ENVELOPE, slot=date(2024, 1, 30)))
    send(transport, replace(ENVELOPE, message_id="<bbcdefgh234567abcdefgh2345@example.org>"))
    assert len(names(tmp_path)) == 4


def test_the_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = Path(send(OutboxTransport(tmp_path), ENVELOPE))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_leftovers_of_a_crash_do_not_disturb(tmp_path: Path) -> None:
    leftover = tmp_path / ".0123456789abcdef.tmp"
    leftover.write_bytes(b"half a mess")
    path = Path(send(OutboxTransport(tmp_path), ENVELOPE))
    assert path.read_bytes() == ENVELOPE.content
    assert leftover.read_bytes() == b"half a mess"


def test_a_planted_link_is_neither_followed_nor_taken_for_the_message(tmp_path: Path) -> None:
    transport = OutboxTransport(tmp_path / "outbox")
    (tmp_path / "outbox").mkdir()
    transport.path_of(ENVELOPE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TransportUnavailable, match="file exists"):
        send(transport, ENVELOPE)
    assert names(tmp_path) == ["outbox"]


def test_a_folder_in_the_place_of_the_message_is_not_a_delivery(tmp_path: Path) -> None:
    transport = OutboxTransport(tmp_path)
    transport.path_of(ENVELOPE).mkdir()
    with pytest.raises(TransportUnavailable, match="file exists"):
        send(transport, ENVELOPE)
    assert len(names(tmp_path)) == 1


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    folder.write_text("not a folder")
    with pytest.raises(TransportUnavailable) as caught:
        send(OutboxTransport(folder), ENVELOPE)
    assert str(caught.value) == f"outbox {folder}: file exists"


def test_a_file_among_the_parents_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(TransportUnavailable, match=r"outbox .*/file/outbox: not a directory"):
        send(OutboxTransport(tmp_path / "file" / "outbox"), ENVELOPE)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(TransportUnavailable, match="permission denied"):
        send(OutboxTransport(tmp_path), ENVELOPE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_leaves_no_message_and_no_leftover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_open = os.open

    def open_full(path: Path, flags: int, mode: int = 0o777) -> int:
        really_open_it = really_open(path, flags, mode)
        if not flags & os.O_CREAT:
            return really_open_it
        os.close(really_open_it)
        return really_open("/dev/full", os.O_WRONLY)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", open_full)
        with pytest.raises(TransportUnavailable, match=f"outbox {tmp_path}: no space left on device"):
            send(OutboxTransport(tmp_path), ENVELOPE)
    assert names(tmp_path) == []
    assert Path(send(OutboxTransport(tmp_path), ENVELOPE)).read_bytes() == ENVELOPE.content


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_failing_system_call_leaves_no_leftover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    monkeypatch.setattr(os, call, failing(errno.EIO))
    with pytest.raises(TransportUnavailable, match="input/output error"):
        send(OutboxTransport(tmp_path), ENVELOPE)
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(os, "link", failing(number))
    path = Path(send(OutboxTransport(tmp_path), ENVELOPE))
    assert path.read_bytes() == ENVELOPE.content
    assert len(names(tmp_path)) == 1


def test_file_and_folder_are_on_the_disk_before_the_message_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = OutboxTransport(tmp_path).path_of(ENVELOPE)
    seen: list[tuple[str, bool]] = []
    really_sync = os.fsync

    def fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append((kind, path.exists()))
        really_sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    send(OutboxTransport(tmp_path), ENVELOPE)
    assert seen == [("file", False), ("folder", True)]
    send(OutboxTransport(tmp_path), ENVELOPE)
    assert seen[2:] == [("folder", True)]


def test_two_processes_may_deliver_the_same_message_at_once(tmp_path: Path) -> None:
    replies: list[str] = []
    start = threading.Barrier(8)

    def deliver() -> None:
        start.wait()
        replies.append(send(OutboxTransport(tmp_path / "outbox"), ENVELOPE))

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 8
    assert len(set(replies)) == 1
    assert len(names(tmp_path / "outbox")) == 1


def test_a_message_delivered_by_another_process_in_between_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = OutboxTransport(tmp_path).path_of(ENVELOPE)
    really_link = os.link

    def link(source: Path, target: Path) -> None:
        path.write_bytes(b"the other one")
        really_link(source, target)

    monkeypatch.setattr(os, "link", link)
    assert send(OutboxTransport(tmp_path), ENVELOPE) == str(path)
    assert path.read_bytes() == b"the other one"
    assert len(names(tmp_path)) == 1


@given(
    address=st.text(min_size=1, max_size=400),
    identity=st.text(max_size=400),
    slot=st.dates(),
)
def test_any_envelope_has_a_safe_short_name_inside_the_folder(address: str, identity: str, slot: date) -> None:
    folder = Path("/var/spool/outbox")
    path = OutboxTransport(folder).path_of(
        replace(ENVELOPE, rcpt_to=address, message_id=f"<{identity}@example.org>", slot=slot)
    )
    assert Path(os.path.normpath(path)) == path
    assert path.parent == folder
    assert path.name.isascii()
    assert path.name.isprintable()
    assert len(path.name) <= 255
    assert not set(path.name) & set("/\\:*?\"<>|' ")
    assert path.name[0].isdigit()


@given(
    st.lists(
        st.tuples(st.dates(), st.from_regex(r"[a-z0-9._+-]{1,20}", fullmatch=True)), min_size=2, max_size=6, unique=True
    )
)
def test_different_days_and_addresses_have_different_names(slots: list[tuple[date, str]]) -> None:
    transport = OutboxTransport(Path("outbox"))
    envelopes = [replace(ENVELOPE, slot=slot, rcpt_to=f"{local}@example.net") for slot, local in slots]
    assert len({transport.path_of(envelope) for envelope in envelopes}) == len(slots)


@given(st.from_regex(r"[a-z2-7]{26}", fullmatch=True), st.from_regex(r"[a-z2-7]{26}", fullmatch=True))
def test_names_differ_as_soon_as_the_ids_begin_differently(one: str, other: str) -> None:
    transport = OutboxTransport(Path("outbox"))
    paths = {transport.path_of(replace(ENVELOPE, message_id=f"<{identity}@x.org>")) for identity in (one, other)}
    assert (len(paths) == 1) == (one[:8] == other[:8])


def test_a_foreign_message_id_makes_a_safe_name() -> None:
    path = OutboxTransport(Path("outbox")).path_of(replace(ENVELOPE, message_id=make_msgid("../..", domain="x.org")))
    assert path.parent == Path("outbox")
