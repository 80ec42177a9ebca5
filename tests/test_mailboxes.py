"""Files, Maildirs and IMAP folders: every message once, marked when it is done, nothing deleted."""

import io
import mailbox
import ssl
from pathlib import Path

import pytest

import letters
from digestmail.errors import FileFormatError, InputError, MailboxUnavailable
from digestmail.mailboxes.files import FileMailbox
from digestmail.mailboxes.imap import ImapAddress, ImapMailbox
from digestmail.mailboxes.maildir import MaildirMailbox
from digestmail.protocols import Letter, Mailbox
from imap import ImapServer

LIMIT = 20_000


def contents(box: Mailbox) -> list[bytes]:
    return [letter.content for letter in box.letters()]


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_file_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "bounce.eml"
    path.write_bytes(letters.postfix())
    [letter] = FileMailbox(path, limit=LIMIT).letters()
    assert (letter.name, letter.content) == (str(path), letters.postfix())


def test_an_mbox_is_many_and_quoted_lines_are_unquoted(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "mbox")
    for raw in (letters.postfix(), letters.letter() + b"\nFrom here on it is better.\n", letters.gmail()):
        box.add(mailbox.mboxMessage(raw.replace(b"\r\n", b"\n")))
    box.close()
    first, second, third = contents(FileMailbox(tmp_path / "mbox", limit=LIMIT))
    assert first.strip() == letters.postfix().replace(b"\r\n", b"\n").strip()
    assert b"\nFrom here on it is better.\n" in second
    assert b"Address not found" in third


def test_what_a_mail_server_pipes_has_a_line_before_it() -> None:
    piped = b"From MAILER-DAEMON  Tue Jun 30 12:00:00 2026\n" + letters.postfix()
    box = FileMailbox("-", io.BytesIO(piped), limit=LIMIT)
    assert contents(box) == [letters.postfix()]
    assert box.name == "stdin"


def test_a_sentence_that_begins_with_from_begins_no_message() -> None:
    raw = b"From MAILER-DAEMON  Tue Jun 30 12:00:00 2026\n" + letters.letter() + b"\r\n\r\nFrom me to you.\r\n"
    assert len(contents(FileMailbox("-", io.BytesIO(raw), limit=LIMIT))) == 1


@pytest.mark.parametrize("raw", [b"x" * (LIMIT + 1), b"a\n" * LIMIT], ids=["one line", "lines"])
def test_a_message_that_is_too_long_is_a_problem(raw: bytes) -> None:
    [letter] = FileMailbox("-", io.BytesIO(raw), limit=LIMIT).letters()
    assert (letter.content, letter.problem) == (b"", "longer than 20,000 bytes")


def test_in_an_mbox_a_long_message_costs_only_itself() -> None:
    line = b"From a@example.org  Tue Jun 30 12:00:00 2026\n"
    raw = line + b"x\n" * LIMIT + b"\n" + line + letters.postfix()
    problem, fine = FileMailbox("-", io.BytesIO(raw), limit=LIMIT).letters()
    assert problem.problem
    assert fine.content == letters.postfix()


def test_nothing_at_all_is_no_message_and_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert contents(FileMailbox("-", io.BytesIO(b""), limit=LIMIT)) == []
    with pytest.raises(FileFormatError, match="No such file"):
        contents(FileMailbox(tmp_path / "none", limit=LIMIT))


# -- Maildir ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    return tmp_path / "Maildir"


def files(maildir: Path) -> list[str]:
    return sorted(str(path.relative_to(maildir)) for path in maildir.rglob("*") if path.is_file())


def test_what_is_new_or_not_seen_is_read_and_marked_as_seen(maildir: Path) -> None:
    (maildir / "new" / "1.host").write_bytes(b"new")
    (maildir / "cur" / "2.host:2,").write_bytes(b"not seen")
    (maildir / "cur" / "3.host:2,S").write_bytes(b"seen")
    (maildir / "cur" / "4.host:2,R").write_bytes(b"answered")
    (maildir / "tmp" / "5.host").write_bytes(b"on its way")
    box = MaildirMailbox(maildir, limit=LIMIT)
    for letter in box.letters():
        assert letter.content in {b"new", b"not seen", b"answered"}
        box.done(letter, look=letter.content == b"answered")
    assert files(maildir) == ["cur/1.host:2,S", "cur/2.host:2,S", "cur/3.host:2,S", "cur/4.host:2,FRS", "tmp/5.host"]
    assert contents(MaildirMailbox(maildir, limit=LIMIT)) == []


def test_what_is_not_done_is_yielded_again(maildir: Path) -> None:
    (maildir / "new" / "1.host").write_bytes(b"new")
    for _ in range(2):
        assert contents(MaildirMailbox(maildir, limit=LIMIT)) == [b"new"]


def test_a_mail_program_may_move_messages_meanwhile(maildir: Path) -> None:
    for name in ("1.host", "2.host"):
        (maildir / "new" / name).write_bytes(b"new")
    box = MaildirMailbox(maildir, limit=LIMIT)
    found = box.letters()
    letter = next(found)
    (maildir / "new" / "1.host").rename(maildir / "cur" / "1.host:2,S")
    (maildir / "new" / "2.host").unlink()
    box.done(letter, look=True)
    assert list(found) == []
    assert files(maildir) == ["cur/1.host:2,S"]


def test_a_folder_that_is_no_maildir(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="not a Maildir: new/"):
        contents(MaildirMailbox(tmp_path, limit=LIMIT))


# -- IMAP -------------------------------------------------------------------------------------------------------------


def opened(server: ImapServer, *, password: str = "secret", context: ssl.SSLContext | None = None) -> ImapMailbox:
    address = ImapAddress("127.0.0.1", server.port, "bounces", "INBOX", not server.starttls)
    return ImapMailbox(address, password, limit=LIMIT, context=context or server.context, deadline=1.0)


@pytest.mark.parametrize("starttls", [False, True], ids=["imaps", "starttls"])
def test_what_is_not_seen_is_read_over_tls_and_marked(starttls: bool) -> None:
    server = ImapServer({1: b"seen", 2: letters.postfix(), 3: letters.letter()}, {1: {r"\Seen"}}, starttls=starttls)
    with server.running():
        box = opened(server)
        for letter in box.letters():
            assert r"\Seen" not in server.flags.get(int(letter.name.split()[1]), set())
            box.done(letter, look=letter.content == letters.letter())
        assert contents(opened(server)) == []
    assert server.flags == {1: {r"\Seen"}, 2: {r"\Seen"}, 3: {r"\Seen", r"\Flagged"}}
    assert not any("EXPUNGE" in command or "Deleted" in command for command in server.commands)


def test_a_long_message_is_not_even_sent() -> None:
    server = ImapServer({1: b"x" * (LIMIT + 1)})
    with server.running():
        [letter] = opened(server).letters()
    assert letter.problem == "longer than 20,000 bytes"
    assert not any("BODY" in command for command in server.commands)


def test_a_message_that_somebody_else_deletes_meanwhile_is_none() -> None:
    server = ImapServer({1: b"", 2: letters.postfix()})
    with server.running():
        assert contents(opened(server)) == [letters.postfix()]


@pytest.mark.parametrize("starttls", [False, True], ids=["imaps", "starttls"])
def test_a_server_with_another_certificate_gets_no_password(starttls: bool) -> None:
    with ImapServer({}, starttls=starttls).running() as server:
        with pytest.raises(MailboxUnavailable, match="certificate"):
            contents(opened(server, context=ssl.create_default_context()))
        assert not any(command.startswith("LOGIN") for command in server.commands)


def test_a_wrong_password_is_told_in_the_servers_words() -> None:
    with (
        ImapServer({}).running() as server,
        pytest.raises(MailboxUnavailable, match=r"LOGIN: \[AUTHENTICATIONFAILED\] wrong password"),
    ):
        contents(opened(server, password="wrong"))


@pytest.mark.parametrize("fault", ["drop", "drip", "no"])
@pytest.mark.parametrize("command", ["LOGIN", "SELECT", "UID SEARCH", "UID FETCH"])
def test_a_server_that_fails_is_told_within_the_deadline(command: str, fault: str) -> None:
    server = ImapServer({1: letters.postfix()}, fault_at=command, fault=fault)
    with server.running(), pytest.raises(MailboxUnavailable, match=command.rpartition(" ")[2]):
        contents(opened(server))


def test_a_message_that_could_not_be_marked_is_read_again() -> None:
    server = ImapServer({1: letters.postfix()}, fault_at="UID STORE", fault="drop")
    with server.running():
        box = opened(server)
        found = box.letters()
        letter = next(found)
        with pytest.raises(MailboxUnavailable, match="STORE"):
            box.done(letter, look=False)
        found.close()
        server.fault_at = ""
        assert contents(opened(server)) == [letters.postfix()]


def test_nobody_listens() -> None:
    box = ImapMailbox(ImapAddress("127.0.0.1", 1, "bounces"), "secret", limit=LIMIT)
    with pytest.raises(MailboxUnavailable, match=r"imaps://bounces@127.0.0.1:1/INBOX: Connection refused"):
        contents(box)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("imaps://bounces@mail.example.org", ImapAddress("mail.example.org", 993, "bounces")),
        (
            "imaps://me%40example.org@mail.example.org:1993/Lists/Bounces",
            ImapAddress("mail.example.org", 1993, "me@example.org", "Lists/Bounces"),
        ),
        (
            "imap://b@mail.example.org/INBOX",
            ImapAddress("mail.example.org", 143, "b", "INBOX", implicit_tls=False),
        ),
    ],
)
def test_an_imap_address(url: str, address: ImapAddress) -> None:
    assert ImapAddress.parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "https://me@mail.example.org",
        "imaps://mail.example.org",
        "imaps://me@host:x",
        "imaps://a%0d@b/",
    ],
)
def test_what_is_no_imap_address(url: str) -> None:
    with pytest.raises(InputError):
        ImapAddress.parse(url)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="does not belong into the address") as refused:
        ImapAddress.parse("imaps://me:secret@mail.example.org")
    assert "secret" not in str(refused.value)


def test_a_letter_says_why_it_could_not_be_read() -> None:
    assert Letter("x", b"").problem == ""
