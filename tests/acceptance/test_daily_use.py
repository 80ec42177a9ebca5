"""What people do with digestmail, through the command line."""

import email
import email.policy
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from house import ROOT, House


def parsed(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    return message


def test_the_committed_configuration_makes_todays_digest_without_a_network(tmp_path: Path) -> None:
    house = House(tmp_path)
    (tmp_path / "config.yaml").write_bytes((ROOT / "config.yaml").read_bytes())
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    done = house.process("run")
    assert "huggingface: " in done.stderr
    assert "(samples: no live source answered)" in done.stderr
    [file] = house.outbox
    message = parsed(file)
    assert message["To"] == "reader@example.org"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part
        assert "sample papers" in part.get_content().lower()


def test_from_init_to_a_preview(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.process("init")
    house.process("config", "check")
    house.process("subscribe", "me@example.org", "-k", "transformers")
    house.process("fetch")
    files = [tmp_path / line for line in house.process("preview").stdout.splitlines()]
    assert [file.suffix for file in files] == [".html", ".txt", ".eml"]
    assert parsed(files[2])["To"] == "me@example.org"
    assert house.outbox == []


def test_init_never_overwrites(tmp_path: Path) -> None:
    house = House(tmp_path)
    house("init", "new")
    (tmp_path / "new" / "config.yaml").write_text("mine")
    done = house("init", "new", code=65)
    assert "config.yaml is there already" in done.stderr
    assert (tmp_path / "new" / "config.yaml").read_text() == "mine"


def test_a_second_run_on_the_same_day_sends_nothing(house: House) -> None:
    house("run")
    assert len(house.outbox) == 1
    assert "nothing to send" in house("run").stderr
    assert len(house.outbox) == 1


def test_three_pages_that_overlap_yield_just_the_unseen_papers(
    house: House, shared_data: Callable[[str], Path]
) -> None:
    september = shared_data("snapshots/daily-papers-sep-16.txt")
    december = shared_data("snapshots/daily-papers-dec-8.txt")
    house.write(issue={"max_papers": 100}, subscribers=[{"email": "reader@example.org"}])
    new = []
    for page, day in ((september, "2025-09-16"), (december, "2025-12-08"), (september, "2025-12-09")):
        house.write(sources=[{"kind": "page", "path": str(page)}])
        new.append(house.json("run", "--date", day)["sources"][0]["new"])
    titles = {page: {one["title"] for one in _titles(house, page)} for page in (september, december)}
    assert new == [83, len(titles[december] - titles[september]), 0]
    sent = house.sent()
    assert [len(issue) for issue in sent] == new[:2]
    assert len({key for issue in sent for key in issue}) == sum(new)


def _titles(house: House, page: Path) -> list[dict[str, str]]:
    """The papers of one page, read into a store of its own."""
    apart = House(house.folder / page.stem, dict(house.config))
    apart.folder.mkdir()
    apart.write(sources=[{"kind": "page", "path": str(page)}])
    apart("fetch")
    papers: list[dict[str, str]] = apart.json("papers", "--limit", "1000")
    return papers


def test_replayed_pages_send_each_paper_at_most_once_and_then_only_what_was_carried_over(
    house: House, shared_data: Callable[[str], Path]
) -> None:
    september = str(shared_data("snapshots/daily-papers-sep-16.txt"))
    december = str(shared_data("snapshots/daily-papers-dec-8.txt"))
    house.write(subscribers=[{"email": "reader@example.org", "keywords": ["reasoning", "mixture of experts", "model"]}])
    for page, day in ((september, "2025-09-16"), (december, "2025-12-08"), (september, "2025-12-09")):
        house.write(sources=[{"kind": "page", "path": page}])
        report = house.json("run", "--date", day)
    sent = house.sent()
    keys = [key for issue in sent for key in issue]
    assert len(keys) == len(set(keys))
    carried_over = set(sent[2]) if len(sent) > 2 else set()
    first_seen = {one["key"]: one["first_seen"][:10] for one in house.json("papers", "--limit", "1000")}
    assert report["sources"][0]["new"] == 0
    assert {first_seen[key] for key in carried_over} <= {"2025-12-08"}


@pytest.mark.parametrize("day", ["2024-12-11", "2024-12-12", "2024-12-13"])
def test_a_mangled_response_is_one_clear_error_and_loses_nothing(
    house: House, shared_data: Callable[[str], Path], day: str
) -> None:
    house("fetch")
    before = house.json("papers")
    house.write(sources=[{"kind": "huggingface", "path": str(shared_data(f"hf_malformed/{day}.json"))}])
    done = house("fetch", code=75)
    assert len(done.stderr.splitlines()) == 1
    assert f"{day}.json" in done.stderr
    assert house.json("papers") == before


def test_every_saved_response_is_read_without_a_skipped_entry(house: House, shared_data: Callable[[str], Path]) -> None:
    files = sorted(shared_data("hf_daily_papers").glob("*.json"))
    house.write(sources=[{"kind": "huggingface", "path": str(file), "name": file.stem} for file in files])
    reports = house.json("fetch")
    assert len(reports) == len(files) > 0
    assert [one for one in reports if one["skipped"] or one["error"] or not one["announced"]] == []


def test_a_preview_changes_nothing_in_the_store(house: House) -> None:
    house("fetch")
    before = hashlib.sha256((house.folder / "digestmail.db").read_bytes()).hexdigest()
    house("preview", "reader@example.org")
    house("preview", "-k", "attention", "--text")
    house("run", "--dry-run")
    assert hashlib.sha256((house.folder / "digestmail.db").read_bytes()).hexdigest() == before


def test_an_ad_hoc_preview_prints_the_text_part(house: House) -> None:
    house("fetch")
    text = house("preview", "-k", '"attention number 1"', "--text").stdout
    assert "Attention number 1" in text
    assert "Attention number 2" not in text


def test_explain_tells_a_paper_that_was_sent_from_one_that_is_not_wanted(house: House) -> None:
    house.write(subscribers=[{"email": "reader@example.org", "keywords": ['"number 2"', '-"number 1"']}])
    house("run")
    assert house.json("explain", "reader@example.org", "2606.00002")["verdict"] == "promised"
    assert house.json("explain", "reader@example.org", "2606.00001")["verdict"] == "excluded"
    assert house.json("explain", "reader@example.org", "Attention number 0")["verdict"] == "unmatched"
    assert "keeps it out" in house("explain", "reader@example.org", "2606.00001").stdout


def test_subscribers_go_out_to_a_file_and_come_back(house: House) -> None:
    house(
        "subscribe",
        "ann@example.org",
        "-k",
        '"a, b"^2,RAG',
        "--weekly",
        "--on",
        "fri",
        "--tz",
        "Asia/Tokyo",
        "--max",
        "5",
    )
    for name in ("readers.csv", "readers.yaml"):
        house("subscribers", "export", name)
        assert house("subscribers", "import", name).stderr == "2 unchanged\n"
    house("unsubscribe", "ann@example.org")
    again = house("subscribers", "import", "readers.csv")
    assert "ann@example.org: left alone (has unsubscribed)" in again.stdout
    (house.folder / "more.csv").write_text("email,keywords\nbob@example.org,pruning\n")
    assert "dry run: 1 added" in house("subscribers", "import", "more.csv", "--dry-run").stderr
    assert "bob@example.org" not in house("subscribers", "list").stdout
    assert "bob@example.org: added" in house("subscribers", "import", "more.csv").stdout
    shown = house.json("subscribers", "show", "ann@example.org")
    assert (shown["keywords"], shown["cadence"], shown["status"]) == (['"a, b"^2', "RAG"], "weekly:fri", "unsubscribed")


def test_subscribing_twice_says_that_the_profile_was_updated(house: House) -> None:
    assert "ann@example.org: added" in house("subscribe", "ann@example.org", "-k", "x").stderr
    assert "ann@example.org: updated" in house("subscribe", "ann@example.org", "-k", "y").stderr


def test_papers_can_be_searched_by_words(house: House) -> None:
    house("fetch")
    assert [one["key"] for one in house.json("papers", "title:number")] == [f"arxiv:2606.0000{n}" for n in (2, 1, 0)]
    assert house.json("papers", "tension") == []


def test_serve_sends_what_is_due_and_ends_on_sigterm(house: House) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "digestmail", "serve"],
        cwd=house.folder,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert process.stderr
    lines = []
    for line in process.stderr:
        lines.append(line)
        if " run sources=1 " in line:
            break
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0, "".join(lines) + rest
    assert len(house.outbox) == 1


def test_the_schema_is_json_that_knows_the_keys(house: House) -> None:
    schema = json.loads(house("config", "schema").stdout)
    assert "sources" in schema["properties"]


def test_status_is_for_people_and_for_programs(house: House) -> None:
    house("run")
    assert "1 sent" in house("status").stdout
    assert house.json("status")["deliveries"] == {"sent": 1}


@pytest.mark.parametrize("typed", [["-k", "-survey"], ["-k=-survey"], ["--keyword", "-survey"], ["--keyword=-survey"]])
def test_a_negative_keyword_is_understood_however_it_is_typed(house: House, typed: list[str]) -> None:
    house("subscribe", "ann@example.org", "-k", "attention", *typed)
    assert house.json("subscribers", "show", "ann@example.org")["keywords"] == ["attention", "-survey"]
