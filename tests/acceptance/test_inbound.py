"""What comes back, read by the command as a mail server, a cron job or a person calls it."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from unittest import mock

import pytest

import letters
from house import House
from imap import ImapServer

READER = "reader@example.org"


@pytest.fixture
def returned(house: House) -> str:
    """An issue has been sent; the line that proves that somebody has it."""
    house("run")
    [sent] = house.outbox
    [identity] = re.findall(r"^Message-ID: (<.*>)$", sent.read_text(encoding="utf-8"), re.MULTILINE)
    return f"Message-ID: {identity}"


def keep(house: House, raw: bytes, name: str = "bounce.eml") -> str:
    (house.folder / name).write_bytes(raw)
    return name


def status(house: House) -> str:
    return str(house.json("subscribers", "show", READER)["status"])


def test_a_bounce_in_a_file_suppresses_and_says_so(house: House, returned: str) -> None:
    bounce = keep(house, letters.postfix(returned=returned))
    assert house.process("inbound", bounce).stdout == f"hard bounce 5.1.1 {READER} → suppressed\n"
    assert f"{READER}  suppressed: hard bounce 5.1.1" in house("subscribers", "list").stdout
    assert house("inbound", bounce).stdout == f"hard bounce 5.1.1 {READER} → read before\n"


def test_a_dry_run_changes_nothing(house: House, returned: str) -> None:
    bounce = keep(house, letters.postfix(returned=returned))
    assert "→ suppressed" in house("inbound", bounce, "--dry-run").stdout
    assert status(house) == "active"
    assert "→ suppressed" in house("inbound", bounce).stdout


def test_a_suppression_is_shown_and_taken_back(house: House, returned: str) -> None:
    house("inbound", keep(house, letters.postfix(returned=returned)))
    [event] = house("subscribers", "events", READER).stdout.splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d  hard bounce 5\.1\.1 \(issue \d{4}-\d\d-\d\d, file\) → suppressed "
        r'"550 5\.1\.1 no mailbox of this name"',
        event,
    )
    assert "no longer suppressed (active)" in house("subscribers", "unsuppress", READER, "--note", "moved").stderr
    assert status(house) == "active"
    assert [one["decision"] for one in house.json("subscribers", "events")] == ["unsuppressed", "suppressed"]
    assert house("subscribers", "events").stderr == "in all: 1 hard bounce, 1 operator\n"
    assert "is not suppressed: it is active" in house("subscribers", "unsuppress", READER, code=65).stderr


def test_subscribing_and_importing_say_that_an_address_stays_suppressed(house: House, returned: str) -> None:
    house.write(subscribers=[])
    house("subscribe", READER, "-k", "attention")
    house("inbound", keep(house, letters.postfix(returned=returned)))
    assert "still suppressed ('digestmail subscribers unsuppress'" in house("subscribe", READER, "-k", "x").stderr
    (house.folder / "readers.csv").write_text(f"email,keywords\n{READER},attention\n", encoding="utf-8")
    assert f"{READER}: still suppressed" in house("subscribers", "import", "readers.csv").stdout
    assert status(house) == "suppressed"
    house("run")
    assert len(house.outbox) == 1


def test_a_mail_server_pipes_a_message_in(house: House) -> None:
    with (house.folder / keep(house, letters.unsubscribe())).open("rb") as message:
        done = _piped(house, message.fileno())
    assert done == (0, f"unsubscribe {READER} → unsubscribed\n")
    assert status(house) == "unsubscribed"


def test_two_pipes_at_once_count_one_message_once(house: House, returned: str) -> None:
    bounce = keep(house, letters.postfix(code="5.2.2", returned=returned))
    command = [sys.executable, "-m", "digestmail", "inbound", bounce]
    pipes = [subprocess.Popen(command, cwd=house.folder, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = sorted(pipe.communicate(timeout=120)[0].partition("→ ")[2] for pipe in pipes)
    assert said == ["counted: 1 of 5\n", "read before\n", "read before\n"]


def test_a_mail_server_tries_again_while_the_store_is_busy(house: House, returned: str) -> None:
    bounce = keep(house, letters.postfix(returned=returned))
    with closing(sqlite3.connect(house.folder / "digestmail.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with mock.patch("digestmail.storage.database._BUSY_TIMEOUT_MS", 50):
            assert "locked" in house("inbound", bounce, code=75).stderr
    assert "→ suppressed" in house("inbound", bounce).stdout


def test_what_is_no_message_is_told_and_costs_only_itself(house: House) -> None:
    names = [keep(house, b"\0\xff" * 20, "junk.eml"), keep(house, letters.unsubscribe(), "fine.eml")]
    done = house("inbound", *names, code=65)
    assert done.stderr.splitlines()[0] == "digestmail: junk.eml: no message: it has no headers"
    assert done.stdout == f"unsubscribe {READER} → unsubscribed\n"


def test_a_report_that_no_library_can_read_is_told_without_a_traceback(house: House) -> None:
    mangled = letters.qmail().replace(b"Subject:", b"Content-Type: text/plain; charset=\0\r\nSubject:")
    assert house.process("inbound", keep(house, mangled)).stderr == ""


def test_programs_get_every_outcome(house: House) -> None:
    [outcome] = house.json("inbound", keep(house, letters.letter()))
    assert (outcome["kind"], outcome["address"], outcome["decision"]) == ("reply", READER, "noted")


def test_a_strangers_subject_cannot_write_on_the_terminal(house: House) -> None:
    hostile = letters.letter(subject="=?utf-8?q?=1B]0;owned=07_[red]x?=", sender="spam@example.net")
    assert (
        house("inbound", keep(house, hostile)).stdout
        == 'reply spam@example.net "]0;owned [red]x" → noted: not a reader\n'
    )


def test_a_maildir_is_read_once(house: House, returned: str) -> None:
    for name in ("new", "cur", "tmp"):
        (house.folder / "Maildir" / name).mkdir(parents=True)
    keep(house, letters.postfix(returned=returned), "Maildir/new/1.host")
    assert "→ suppressed" in house("inbound", "--maildir", "Maildir").stdout
    assert "nothing new" in house("inbound", "--maildir", "Maildir").stderr
    assert [path.name for path in (house.folder / "Maildir/cur").iterdir()] == ["1.host:2,S"]


def test_an_imap_folder_is_read_once(house: House, returned: str) -> None:
    with ImapServer({7: letters.postfix(returned=returned)}).running() as server:
        authority = house.folder / "authority.pem"
        server.authority.cert_pem.write_to_path(authority)
        url = f"imaps://bounces@127.0.0.1:{server.port}/INBOX"
        with mock.patch.dict(os.environ, {"SSL_CERT_FILE": str(authority), "DIGESTMAIL_IMAP_PASSWORD": "secret"}):
            assert "→ suppressed" in house("inbound", "--imap", url).stdout
            assert "nothing new" in house("inbound", "--imap", url).stderr
        # the password of the configuration is another one
        house.write(bounces={"imap_password": "wrong"})
        with mock.patch.dict(os.environ, {"SSL_CERT_FILE": str(authority)}):
            assert "wrong password" in house("inbound", "--imap", url, code=75).stderr
    assert "Connection refused" in house("inbound", "--imap", url, code=75).stderr


def test_an_imap_folder_needs_a_password_and_a_command_line_a_mailbox(house: House) -> None:
    assert "no IMAP password" in house("inbound", "--imap", "imaps://b@127.0.0.1/INBOX", code=78).stderr
    house("inbound", code=2)


def _piped(house: House, stdin: int) -> tuple[int, str]:
    """Run the command in a process of its own with this standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "digestmail", "inbound", "-"],
        cwd=house.folder,
        stdin=stdin,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.decode()
