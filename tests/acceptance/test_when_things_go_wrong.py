"""Every mishap: the right exit code, one clear line, nothing lost, and the next run completes."""

import shutil
import socket
from collections.abc import Iterator
from email.message import Message as Mail

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from house import House


def only_line(text: str) -> str:
    [line] = text.splitlines()
    return line


def test_all_mistakes_of_a_configuration_are_told_at_once(house: House) -> None:
    house.write(issue={"max_paper": 10}, schedule={"at": "25:00"})
    done = house.process("run", code=78)
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("digestmail: config.yaml:") for line in lines)
    assert "issue.max_paper: unknown key" in done.stderr
    assert "did you mean 'max_papers'" in done.stderr


def test_a_configuration_that_is_not_there(house: House) -> None:
    line = only_line(house("run", "--config", "other.yaml", code=78).stderr)
    assert line == "digestmail: other.yaml: no such file; 'digestmail init' writes one"


def test_an_unknown_kind_of_source(house: House) -> None:
    house.write(sources=[{"kind": "hugginface"}])
    line = only_line(house("run", code=78).stderr)
    assert "sources[0].kind: unknown source kind 'hugginface'" in line
    assert "huggingface" in line


@pytest.mark.parametrize("keyword", ['"mixture of', "auhtor:x", "word^x"])
def test_a_bad_keyword(house: House, keyword: str) -> None:
    line = only_line(house("subscribe", "ann@example.org", "-k", "fine", "-k", keyword, code=65).stderr)
    assert line.startswith("digestmail: keywords[1]: ")
    assert "ann@example.org" not in house("subscribers", "list").stdout


@pytest.mark.parametrize("address", ["nobody", "a@b@c.org", "ann@", "x\ny@example.org"])
def test_a_bad_address(house: House, address: str) -> None:
    assert only_line(house("subscribe", address, code=65).stderr).startswith("digestmail: ")


def test_a_source_file_that_is_missing_costs_only_its_own_papers(house: House) -> None:
    (house.folder / "papers.jsonl").rename(house.folder / "away.jsonl")
    done = house("run", code=75)
    assert "jsonl:papers.jsonl: cannot read" in done.stderr
    house.write(sources=[{"kind": "jsonl", "path": "papers.jsonl"}, {"kind": "jsonl", "path": "away.jsonl"}])
    assert "1 sent" in house("run").stderr


def test_an_outbox_that_cannot_be_written(house: House) -> None:
    (house.folder / "outbox").write_text("a file, not a folder")
    done = house.process("run", code=75)
    assert sum("outbox" in line for line in done.stderr.splitlines()) == 1
    assert house.json("status", code=1)["deliveries"] == {"deferred": 1}
    (house.folder / "outbox").unlink()
    assert "1 sent" in house("run").stderr
    assert len(house.outbox) == 1
    assert house.json("status")["deliveries"] == {"sent": 1}


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Inbox(Message):
    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Mail] = []

    def handle_message(self, message: Mail) -> None:
        self.mails.append(message)


@pytest.fixture
def inbox() -> _Inbox:
    return _Inbox()


@pytest.fixture
def server(free_port: int, inbox: _Inbox) -> Iterator[Controller]:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port)
    yield controller
    if controller.server:
        controller.stop()


def test_a_refused_smtp_connection(house: House, server: Controller, inbox: _Inbox, free_port: int) -> None:
    house.write(transport={"kind": "smtp", "host": "127.0.0.1", "port": free_port, "tls": "none"})
    done = house.process("run", code=75)
    assert sum("refused" in line for line in done.stderr.splitlines()) == 1
    server.start()
    assert "1 sent" in house("run").stderr
    assert [mail["To"] for mail in inbox.mails] == ["reader@example.org"]
    assert "nothing to send" in house("run").stderr
    assert len(inbox.mails) == 1


def test_a_store_that_cannot_be_opened(house: House) -> None:
    house.write(store="sqlite:///no-such-folder/digestmail.db")
    assert "No such file or directory" in only_line(house("run", code=75).stderr)


def test_a_broken_template_names_file_and_line(house: House) -> None:
    folder = house.folder / "templates" / "issue"
    folder.mkdir(parents=True)
    for name in ("subject.txt", "inline.css", "body.txt"):
        (folder / name).write_text("x")
    (folder / "body.mjml").write_text("<mjml><mj-body>\n{% if %}\n</mj-body></mjml>")
    house.write(templates="templates")
    line = only_line(house("config", "check", code=78).stderr)
    assert "body.mjml:2: " in line
    house("run", code=78)
    shutil.rmtree(folder)
    assert "1 sent" in house("run").stderr


def test_a_date_that_is_none_or_in_the_future(house: House) -> None:
    house("run", "--date", "yesterday", code=2)
    assert "in the future" in house("run", "--date", "2999-01-01", code=65).stderr
    assert "before there were papers" in house("preview", "--date", "0001-01-02", code=65).stderr


def test_strangers_are_errors(house: House) -> None:
    for arguments in (
        ("unsubscribe", "stranger@example.org"),
        ("subscribers", "show", "stranger@example.org"),
        ("preview", "stranger@example.org"),
        ("run", "--subscriber", "stranger@example.org"),
        ("ledger", "stranger@example.org"),
        ("explain", "stranger@example.org", "2606.00001"),
        ("explain", "reader@example.org", "2606.99999"),
    ):
        assert only_line(house(*arguments, code=65).stderr).startswith("digestmail: ")
