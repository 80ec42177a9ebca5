"""Templates: tried out before readers see them, one's own beside the shipped ones, and honest when broken."""

import shutil
from pathlib import Path

import pytest

from house import ROOT, House


@pytest.fixture
def mine(house: House) -> Path:
    """A copy of the shipped template, named in the configuration."""
    folder = house.folder / "templates" / "mine"
    shutil.copytree(ROOT / "templates" / "issue", folder)
    house.write(issue={"template": "mine"})
    return folder


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_shipped_templates_have_no_fault_in_any_extreme(house: House) -> None:
    told = house.json("templates", "check")
    tried = {(trial["template"], trial["issue"]) for trial in told["trials"]}
    papers = {trial["issue"]: trial["papers"] for trial in told["trials"] if trial["template"] in ("issue", "compact")}
    assert [trial for trial in told["trials"] if trial["faults"]] == []
    assert told["broken"] == {}
    assert {"issue", "compact", "confirm", "reminder"} <= {template for template, _ in tried}
    assert (papers["no papers"], papers["one paper"], papers["ten papers"], papers["forty papers"]) == (0, 1, 10, 40)
    assert papers["hostile"] == 6


def test_a_check_keeps_the_messages_where_it_is_told_to(house: House) -> None:
    done = house("templates", "check", "compact", "--out", "trials")
    files = {file.name for file in (house.folder / "trials").iterdir()}
    assert {f"compact-hostile{suffix}" for suffix in (".html", ".txt", ".eml")} <= files
    assert "hostile" in done.stdout
    assert "good" in done.stdout


def test_issues_are_made_with_the_template_that_the_configuration_names(house: House, mine: Path) -> None:
    (mine / "subject.txt").write_text("My own subject", encoding="utf-8")
    house("run")
    assert b"Subject: My own subject" in house.outbox[0].read_bytes()


def test_a_template_that_does_not_exist_is_told_with_those_that_do(house: House) -> None:
    house.write(issue={"template": "mnie"})
    done = house("config", "check", code=78)
    assert "mnie: no such template; there are compact, confirm, issue, reminder in" in done.stderr


def test_a_letter_is_no_template_for_issues(house: House) -> None:
    house.write(issue={"template": "reminder"})
    assert "issue.template: 'reminder' makes letters" in house("config", "check", code=78).stderr


def test_the_letters_may_be_ones_own(house: House) -> None:
    own = house.folder / "templates/confirm"
    shutil.copytree(ROOT / "templates/confirm", own)
    edit(own / "body.txt", "{{ url }}", "nowhere")
    done = house("templates", "check", "confirm", code=1)
    assert "the text lacks a link that the HTML has: https://papers.example.org/c/" in done.stdout
    edit(own / "body.mjml", "</mj-column>", "")
    assert f"{own / 'body.mjml'}:" in house("config", "check", code=78).stderr


def test_a_template_that_does_not_compile_is_told_with_its_places(house: House, mine: Path) -> None:
    edit(mine / "body.mjml", "<mj-column>", '<mj-column colour="red">')
    done = house("templates", "check", "mine", code=1)
    assert f"digestmail: {mine}" not in done.stdout
    assert "body.mjml:" in done.stderr
    assert "mj-column has no attribute colour" in done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("body.mjml", "</mj-text>", "{{ headline|safe }}</mj-text>", "No filter named 'safe'"),
        ("body.mjml", "</mj-text>", '<a href="https://example.org/new">x</a></mj-text>', "the text lacks a link"),
        ("body.mjml", "</mj-text>", '<a href="{{ headline }}">x</a></mj-text>', "a link leads nowhere a mail may lead"),
        ("body.mjml", "</mj-text>", '<img src="https://example.org/x.png" /></mj-text>', "a picture has no alt"),
        ("body.mjml", "</mj-text>", '<p id="a">1</p><p id="a">2</p></mj-text>', "the id 'a' stands 2 times"),
        ("body.txt", "-- \n", "-- \nhttps://example.org/only-here\n", "the HTML lacks a link"),
        ("body.txt", "-- \n", "-- \n" + "word " * 20 + "\n", "longer than 72 columns"),
        ("body.mjml", "</mj-text>", "{% for i in (1,)*99999 %}.{% endfor %}</mj-text>", "Gmail clips it"),
    ],
)
def test_a_template_with_a_fault_does_not_pass(
    file: str, old: str, new: str, fault: str, house: House, mine: Path
) -> None:
    edit(mine / file, old, new)
    done = house("templates", "check", "mine", code=1)
    assert fault in done.stdout + done.stderr


def test_a_preview_shows_the_last_good_state_of_a_template_that_was_broken(house: House, mine: Path) -> None:
    (mine / "subject.txt").write_text("Before the mistake", encoding="utf-8")
    house("preview")
    (mine / "subject.txt").write_text("After the mistake", encoding="utf-8")
    edit(mine / "body.mjml", "</mj-text>", "</mj-txet>")
    done = house.process("preview", code=1)
    assert "Before the mistake" in done.stderr
    assert "</mj-txet> does not close <mj-text>" in done.stderr
    [message] = (house.folder / "preview").glob("*.eml")
    assert b"Subject: Before the mistake" in message.read_bytes()


def test_a_broken_template_sends_nothing(house: House, mine: Path) -> None:
    house("preview")
    edit(mine / "body.mjml", "</mj-text>", "</mj-txet>")
    assert "</mj-txet> does not close <mj-text>" in house("run", code=78).stderr
    assert house.outbox == []
