"""What a reader is told of papers they have and of days without any; what an operator sees of the sources."""

import email
import email.policy
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from house import House

ONE = {"id": "2606.00001", "title": "Attention one", "abstract": "We attend."}
TWO = {"id": "2606.00002", "title": "Attention two", "abstract": "We attend."}


def announce(house: House, *papers: Mapping[str, object]) -> None:
    lines = "".join(json.dumps(dict(paper)) + "\n" for paper in papers)
    (house.folder / "papers.jsonl").write_text(lines, encoding="utf-8")


def texts(house: House) -> list[str]:
    """What the messages say, oldest first."""
    found = []
    for path in house.outbox:
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        part = message.get_body(("plain",))
        assert isinstance(part, EmailMessage)
        found.append(f"{message['Subject']}\n{' '.join(part.get_content().split())}")
    return found


def test_news_of_a_paper_comes_with_the_next_issue_and_only_then(house: House) -> None:
    house.write(issue={"followups": "on"})
    announce(house, ONE)
    house.process("run", "--date", "2026-06-29")
    changed = {**ONE, "code_url": "https://github.com/a/b", "doi": "10.1038/s41586-1"}
    announce(house, changed, TWO)
    dry = house.process("run", "--date", "2026-06-30", "--dry-run")
    assert "would send 1 paper and news of 1 paper to reader@example.org (2026-06-30): Attention two" in dry.stderr
    house.process("run", "--date", "2026-06-30")
    announce(house, changed, {**TWO, "id": "2606.00003", "title": "Attention three"})
    house.process("run", "--date", "2026-07-01")
    first, second, third = texts(house)
    news = "== News of papers you have == * Attention one Published: https://doi.org/10.1038/s41586-1 Code: https://git"
    assert [news in text for text in (first, second, third)] == [False, True, False]
    [delivery] = [one for one in house.json("deliveries") if one["slot"] == "2026-06-30"]
    assert [one["kind"] for one in delivery["followups"]] == ["published", "code"]
    assert "adds up" in house("audit").stdout
    told = house("prove", "reader@example.org", "2606.00001").stdout
    assert "the issue of 2026-06-30 tells that it was given its code" in told


def test_a_wrong_setting_is_told_with_its_line(house: House) -> None:
    house.write(issue={"followups": True})
    assert "issue.followups" in house("run", code=78).stderr


def test_a_day_without_papers_says_why(house: House) -> None:
    house.write(
        issue={"empty": "send"}, sources=[{"kind": "jsonl", "path": name} for name in ("papers.jsonl", "b.jsonl")]
    )
    announce(house, {**ONE, "title": "Fish"}, {**TWO, "title": "Birds", "abstract": "They fly."})
    house("run", "--date", "2026-06-29")
    (house.folder / "papers.jsonl").unlink()
    house("run", "--date", "2026-06-30", code=75)
    first, second = texts(house)
    assert (
        "No new papers for you today. 2 new papers came in, and none is about what you asked for. We could not" in first
    )
    assert "No new papers for you today. We could not reach jsonl:papers.jsonl, jsonl:b.jsonl: what is" in second


def test_each_source_is_told_in_a_line_and_to_programs(house: House) -> None:
    announce(house, ONE, TWO)
    assert house("fetch", "--date", "2026-06-29").stderr == "jsonl:papers.jsonl: 2 papers, 2 new\n"
    announce(house, ONE, TWO, {**ONE, "id": "2606.00003", "title": "Attention three"})
    [told] = house.json("fetch", "--date", "2026-06-30")
    assert {name: told[name] for name in ("announced", "new", "known", "quiet", "gaps")} == {
        "announced": 3,
        "new": 1,
        "known": 2,
        "quiet": None,
        "gaps": [],
    }
    assert house("fetch", "--date", "2026-06-30").stderr == "jsonl:papers.jsonl: 3 papers, 0 new, 3 known\n"
    announce(house)
    report = house.json("run", "--date", "2026-06-30")
    assert (report["sources"][0]["quiet"], report["sources"][0]["announced"]) == ("known", 0)
    assert "jsonl:papers.jsonl: nothing announced" in house("fetch", "--date", "2026-06-30").stderr


def test_the_sources_are_shown_with_their_state(house: House) -> None:
    house.write(
        sources=[
            {"kind": "huggingface", "name": "daily"},
            {"kind": "jsonl", "path": "papers.jsonl"},
            {"kind": "jsonl", "path": "away.jsonl"},
        ]
    )
    before = house("sources").stdout
    assert before.count("never asked") == 3
    house("fetch")
    done = house("sources")
    assert "never asked" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert f"jsonl:away.jsonl: failing since {datetime.now(UTC):%Y-%m-%d}: cannot read" in done.stderr
    one, two, three = house.json("sources")
    assert (one["name"], one["health"], two["health"], three["health"]) == ("daily", "failing", "ok", "failing")
    assert datetime.fromisoformat(one["next_at"]) > datetime.now(UTC)
    assert (two["per_day"], two["next_at"], two["gaps"], two["error"]) == (3.0, None, [], "")


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("1991-08-13", "--since 1991-08-13 is before there were papers online (1991-08-14)"),
        ((datetime.now(UTC) + timedelta(days=2)).date().isoformat(), "is in the future"),
    ],
)
def test_no_paper_was_announced_before_there_were_any_nor_tomorrow(house: House, day: str, told: str) -> None:
    assert told in house("fetch", "--since", day, code=65).stderr
    assert house.json("papers") == []


def test_a_day_that_is_no_date(house: House) -> None:
    assert "'yesterday' is not a date like 2026-06-30" in house("fetch", "--since", "yesterday", code=2).stderr


def test_days_that_were_missed_are_asked_for(house: House) -> None:
    house("fetch", "--since", "2026-06-01")
    assert len(house.json("papers")) == 3
