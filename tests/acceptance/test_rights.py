"""What a reader may ask the operator for: a pause, everything that is kept, and to be forgotten."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from house import House

READER = "reader@example.org"
COMMANDS = [
    ("pause", "--until", "2099-01-01"),
    ("resume",),
    ("data",),
    ("data", "--as", "ris"),
    ("erase", "--yes"),
]


@pytest.fixture
def readers(house: House) -> House:
    """The reader is kept in the store, and has had an issue of three papers."""
    house.write(subscribers=[])
    house("subscribe", READER, "-k", "attention")
    house("run")
    return house


def in_days(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def status(house: House) -> str:
    return str(house.json("subscribers", "show", READER)["status"])


# -- pause and resume -------------------------------------------------------------------------------------------------


def test_a_pause_holds_issues_back_and_who_comes_back_gets_what_came_meanwhile(house: House) -> None:
    until = in_days(10)
    done = house.process("subscribers", "pause", "Reader@Example.org", "--until", until)
    assert (done.stdout, done.stderr) == ("", f"{READER}: paused until {until}\n")
    assert status(house) == "paused"
    house("run")
    assert house.outbox == []
    # as if back today
    assert "Attention number 0" in house.process("preview", READER, "--text").stdout
    assert status(house) == "paused"
    assert house.process("subscribers", "resume", READER).stderr == f"{READER}: active\n"
    house("run")
    assert [len(issue) for issue in house.sent()] == [3]


def test_a_pause_can_be_made_longer_and_shorter(readers: House) -> None:
    for days in (5, 92, 1):
        said = readers("subscribers", "pause", READER, "--until", in_days(days)).stderr
        assert said == f"{READER}: paused until {in_days(days)}\n"
    assert json.loads(readers("subscribers", "data", READER).stdout)["paused_until"] == in_days(1)


def test_who_has_no_pause_is_not_resumed(readers: House) -> None:
    assert readers("subscribers", "resume", READER).stderr == f"{READER}: active (was not paused)\n"
    readers("unsubscribe", READER)
    assert readers("subscribers", "resume", READER).stderr == f"{READER}: unsubscribed (was not paused)\n"
    assert status(readers) == "unsubscribed"


@pytest.mark.parametrize("days", [-1000, -1, 0, 94, 10_000])
def test_a_pause_needs_a_day_ahead_and_not_too_far(readers: House, days: int) -> None:
    said = readers.process("subscribers", "pause", READER, "--until", in_days(days), code=65).stderr
    assert re.fullmatch(rf"digestmail: pause until a day from \S+ to \S+, not until {in_days(days)}\n", said)
    assert status(readers) == "active"


@pytest.mark.parametrize("until", ["tomorrow", "2026-13-01", "", "0"])
def test_a_pause_until_no_day_is_a_mistake_of_use(readers: House, until: str) -> None:
    assert "is not a date like" in readers.process("subscribers", "pause", READER, "--until", until, code=2).stderr
    assert status(readers) == "active"


def test_a_pause_without_an_end_is_a_mistake_of_use(readers: House) -> None:
    assert "--until" in readers.process("subscribers", "pause", READER, code=2).stderr


def test_who_has_left_cannot_be_paused(readers: House) -> None:
    readers("unsubscribe", READER)
    said = readers("subscribers", "pause", READER, "--until", in_days(3), code=65).stderr
    assert "gets no issues that could be paused" in said
    assert status(readers) == "unsubscribed"


# -- data -------------------------------------------------------------------------------------------------------------


def test_everything_is_printed_for_programs(readers: House) -> None:
    done = readers.process("subscribers", "data", READER)
    told = json.loads(done.stdout)
    assert done.stderr == ""
    assert (told["email"], told["keywords"], told["status"]) == (READER, ["attention"], "active")
    [issue] = told["issues"]
    assert sorted(paper["key"] for paper in issue["papers"]) == [f"arxiv:2606.0000{number}" for number in range(3)]


@pytest.mark.parametrize(("form", "begins"), [("bibtex", "@misc{arxiv:"), ("ris", "TY  - ")])
def test_the_papers_are_printed_for_reference_managers(readers: House, form: str, begins: str) -> None:
    done = readers.process("subscribers", "data", READER, "--as", form)
    assert done.stderr == ""
    assert sum(line.startswith(begins) for line in done.stdout.splitlines()) == 3
    assert READER not in done.stdout


def test_a_form_that_is_none_is_a_mistake_of_use(readers: House) -> None:
    assert "'endnote' is not one of" in readers("subscribers", "data", READER, "--as", "endnote", code=2).stderr


# -- erase ------------------------------------------------------------------------------------------------------------


def test_erasing_asks_first_and_a_no_changes_nothing(readers: House) -> None:
    for typed in ("n\n", "\n", ""):
        done = readers.process("subscribers", "erase", READER, code=1, typed=typed)
        assert f"Forget {READER} for good?" in done.stderr
        assert "erased" not in done.stderr
    assert status(readers) == "active"


@pytest.mark.parametrize(("options", "typed"), [((), "y\n"), (("--yes",), "")])
def test_who_is_erased_is_gone_for_good(readers: House, options: tuple[str, ...], typed: str) -> None:
    done = readers.process("subscribers", "erase", READER, *options, typed=typed)
    assert done.stderr.endswith(f"{READER}: erased\n")
    assert readers.json("subscribers", "list", "--status", "active") == []
    assert "is not subscribed" in readers("subscribers", "show", READER, code=65).stderr
    assert READER.encode() not in (readers.folder / "digestmail.db").read_bytes()
    readers("audit")


def test_a_list_does_not_bring_the_erased_back_and_the_command_does(readers: House) -> None:
    readers("subscribers", "erase", READER, "--yes")
    (readers.folder / "readers.csv").write_text(f"email,keywords\n{READER},attention\n", encoding="utf-8")
    readers("subscribers", "import", "readers.csv")
    assert "is not subscribed" in readers("subscribers", "show", READER, code=65).stderr
    readers("subscribe", READER, "-k", "attention")
    assert status(readers) == "active"


# -- who is not there -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("address", "code", "told"),
    [("nobody@example.org", 65, "nobody@example.org is not subscribed"), ("nobody", 65, "'nobody' is not an address")],
)
def test_an_address_of_nobody_is_told(
    readers: House, command: tuple[str, ...], address: str, code: int, told: str
) -> None:
    name, *options = command
    done = readers.process("subscribers", name, address, *options, code=code)
    assert told in done.stderr
    assert done.stdout == ""
    assert status(readers) == "active"
