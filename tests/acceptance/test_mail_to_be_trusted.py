"""Signed, one click, and looked at by strangers: dkimpy, the standard library, SpamAssassin. And doctor."""

import os
import re
import shutil
import socket
import stat
import subprocess
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import dkim
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from quality.gate import MOST_SPAM, parse_scores

from digestmail import resolving
from digestmail.protocols import State
from house import House


@pytest.fixture
def trusted(house: House) -> House:
    """A newsletter with everything in place: both kinds of key, pages under https, an address for bounces."""
    house("dkim", "new", "example.org")
    house("dkim", "new", "example.org", "--ed25519")
    house.config["newsletter"] |= {
        "base_url": "https://papers.example.org",
        "bounce_address": "bounces@example.org",
        "reply_to": "editor@example.org",
        "dkim": [
            {"key": "dkim/example.org.digestmail.pem"},
            {"key": "dkim/example.org.ed25519.pem", "selector": "ed25519"},
        ],
    }
    house.write()
    return house


def test_a_new_key_is_private_is_told_once_and_never_overwritten(house: House) -> None:
    told = house("dkim", "new", "Example.org", "--selector", "s1").stdout
    key = house.folder / "dkim" / "example.org.s1.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    assert re.fullmatch(r's1\._domainkey\.example\.org\. IN TXT "v=DKIM1; k=rsa; p=[^"]{1,255}" "[^"]{1,255}"\n', told)
    again = house("dkim", "new", "example.org", "--selector", "s1", code=65)
    assert "is there already: nothing was changed" in again.stderr
    assert key.read_bytes() == before
    house("dkim", "new", "not a domain", code=65)


def test_a_message_is_signed_by_keys_that_the_command_made(house: House) -> None:
    records = {}
    for name, *options in (("digestmail",), ("ed25519", "--ed25519")):
        told = house("dkim", "new", "example.org", *options).stdout
        record, _, text = told.strip().partition(" IN TXT ")
        records[record.encode()] = "".join(re.findall(r'"([^"]*)"', text)).encode()
        assert name in told
    keys = [{"key": f"dkim/example.org.{name}.pem", "selector": name} for name in ("digestmail", "ed25519")]
    house.config["newsletter"] |= {"base_url": "https://papers.example.org", "dkim": keys}
    house.write()
    house("run")
    [path] = house.outbox
    reader = dkim.DKIM(path.read_bytes())
    for which in range(2):
        assert reader.verify(which, dnsfunc=lambda name, timeout=5: records[name])
        assert {b"list-unsubscribe", b"list-unsubscribe-post", b"from", b"date"} <= set(reader.include_headers)


def test_a_message_has_the_headers_that_receivers_ask_for(trusted: House) -> None:
    trusted("run")
    [path] = trusted.outbox
    content = path.read_bytes()
    parsed = message_from_bytes(content, policy=policy.default)
    assert [part.defects for part in parsed.walk()] == [[], [], []]
    assert {name: len(parsed.get_all(name, [])) for name in parsed if name != "DKIM-Signature"} == dict.fromkeys(
        (
            *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Reply-To", "List-Id"),
            *("List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Owner", "List-Archive", "List-Post"),
            *("Precedence", "Auto-Submitted", "Feedback-ID"),
        ),
        1,
    )
    url = re.search(r"<(https://papers\.example\.org/u/[\w.~-]+)>", parsed["List-Unsubscribe"])
    assert url
    assert re.search(r"<mailto:papers@example\.org\?subject=unsubscribe%20[a-z2-7]{42}>", parsed["List-Unsubscribe"])
    for part in parsed.iter_parts():
        assert url[1] in part.get_content().replace("&#x2F;", "/")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998


def test_spamassassin_finds_nothing_to_dislike(trusted: House) -> None:
    program = shutil.which("spamassassin")
    if not program:
        pytest.skip("spamassassin is not installed (apt-get install spamassassin)")
    trusted("run")
    [path] = trusted.outbox
    done = subprocess.run(
        [program, "--local", "--test-mode", str(path)],
        env={**os.environ, "HOME": str(trusted.folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    [(score, tests)] = parse_scores(done.stdout)
    assert score <= MOST_SPAM, tests


def test_doctor_finds_the_sample_newsletter_in_order(house: House) -> None:
    done = house("doctor")
    assert done.stdout.splitlines()[0].split() == ["ok", "config", "config.yaml"]
    states = {one["name"]: one["state"] for one in house.json("doctor")}
    assert states["template"] == states["message"] == states["headers"] == states["outbox"] == State.OK
    assert states["dkim"] == states["dns"] == states["store"] == State.NOT_CHECKED
    assert states["unsubscribe"] == State.WARNING
    assert not (house.folder / "outbox").exists()
    assert not (house.folder / "digestmail.db").exists()
    house("run")
    assert {one["name"]: one["state"] for one in house.json("doctor")}["store"] == State.OK


def test_doctor_reads_the_signatures(trusted: House) -> None:
    found = [one for one in trusted.json("doctor") if one["name"] == "dkim"]
    assert [one["state"] for one in found] == [State.OK, State.OK]


def test_keys_that_others_may_read_are_a_warning_in_doctor_and_in_the_log(trusted: House) -> None:
    key = trusted.folder / "dkim" / "example.org.ed25519.pem"
    key.chmod(0o640)  # a group is how services share a key
    assert {one["state"] for one in trusted.json("doctor") if one["name"] == "private"} == {State.OK}
    key.chmod(0o644)
    found = [one for one in trusted.json("doctor") if one["name"] == "private" and one["state"] == State.WARNING]
    assert [one["advice"] for one in found] == [f"chmod 600 {key}"]
    assert f"others may use the private file {key}" in trusted.process("preview", "reader@example.org").stderr


def test_doctor_tells_every_fault_of_a_configuration(house: House) -> None:
    house.write(sources=[{"kind": "nothing"}], issue={"max_papers": 0})
    found = house.json("doctor", code=1)
    assert [(one["name"], one["state"]) for one in found] == [("config", "failed")] * 2


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file or directory"), (b"hello\n", "not a private key: neither PEM")]
)
def test_a_key_that_cannot_be_used_ends_a_run_and_is_told_by_doctor(
    trusted: House, content: bytes | None, why: str
) -> None:
    key = trusted.folder / "dkim" / "example.org.digestmail.pem"
    key.unlink()
    if content is not None:
        key.write_bytes(content)
    done = trusted("run", code=78)
    assert f"newsletter.dkim[0].key: {key}: {why}" in done.stderr
    found = trusted.json("doctor", code=1)
    assert any(one["state"] == "failed" and why in one["found"] for one in found)


def test_doctor_says_that_nobody_answers_and_that_offline_nobody_was_asked(trusted: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    smtp: dict[str, Any] = {"kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "none", "timeout": 2}
    trusted.write(transport=smtp)
    offline = {one["name"]: one["state"] for one in trusted.json("doctor", "--offline")}
    assert (offline["smtp"], offline["dns"]) == (State.NOT_CHECKED, State.NOT_CHECKED)


def test_doctor_asks_the_mail_server_and_the_dns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    told = house("dkim", "new", "example.org").stdout
    record = "".join(re.findall(r'"([^"]*)"', told))
    world = {
        "org NS": ("a.org.",),
        "example.org TXT": ("v=spf1 -all",),
        "example.org MX": ("0 mx.example.org.",),
        "_dmarc.example.org TXT": ("v=DMARC1; p=none",),
        "digestmail._domainkey.example.org TXT": (record,),
    }
    monkeypatch.setattr(resolving, "resolver", lambda: lambda name, kind: world.get(f"{name} {kind}", ()))
    house.config["newsletter"]["dkim"] = [{"key": "dkim/example.org.digestmail.pem"}]
    server = Controller(Sink(), hostname="127.0.0.1", port=0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    server.start()
    try:
        house.write(transport={"kind": "smtp", "host": "127.0.0.1", "port": server.port, "tls": "none", "timeout": 5})
        found = house.json("doctor")
        del world["digestmail._domainkey.example.org TXT"]
        missing = house.json("doctor", code=1)
    finally:
        server.stop()
    assert {one["name"] for one in found if one["state"] == "ok"} >= {
        *("smtp", "tls", "server", "mail from", "dkim", "dkim record", "spf", "dmarc", "mx"),
    }
    [fault] = [one for one in missing if one["state"] == "failed"]
    assert record in fault["advice"]
    assert house.outbox == []


def test_the_secret_lies_beside_the_store_and_links_outlive_the_process(house: House) -> None:
    house("run")
    secret = Path(house.folder / "digestmail.db.secret")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    token = re.compile(rb"unsubscribe%20([a-z2-7]{42})")
    [first] = house.outbox
    house("preview", "reader@example.org", "--out", "seen")
    [again] = (house.folder / "seen").glob("*.eml")
    assert token.search(first.read_bytes())[1] == token.search(again.read_bytes())[1]  # type: ignore[index]
