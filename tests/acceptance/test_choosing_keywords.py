"""What the person who chooses keywords does, through the command line."""

import json
from pathlib import Path

import pytest

from house import ROOT, House

TITLES = [
    "Speculative decoding with draft trees",
    "Faster speculative decoding",
    "Speculative decoding for long texts",
    "Storage and its coverage",
    "RAG for everyone",
    "Image synthesis",
    "Image editing",
    "A survey of image models",
]


@pytest.fixture
def library(house: House) -> House:
    """A newsletter that has collected a few papers, one a day, all at once."""
    lines = [
        {"id": f"2606.0000{number}", "title": title, "abstract": "We try.", "listed": f"2026-06-{number + 1:02}"}
        for number, title in enumerate(TITLES)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (house.folder / "papers.jsonl").write_text(text, encoding="utf-8")
    house("fetch")
    return house


def test_checking_keywords_tells_good_ones_from_those_that_never_match(library: House) -> None:
    done = library("keywords", "check", "-k", "speculative decoding", "-k", "RAG", "-k", "editting", "-k", "-survey")
    rows = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert "good" in rows["speculative decoding"]
    assert "never" in done.stdout
    assert "coverage" in done.stdout
    assert "8 papers, 2026-06-01 to 2026-06-08" in done.stderr
    assert "in one go" in done.stderr


def test_checking_for_programs(library: House) -> None:
    checked = library.json("keywords", "check", "-k", "RAG", "-k", "imag", "--weeks", "1")
    assert checked["papers"] == 7
    rag, imag = checked["keywords"]
    assert (rag["verdict"], rag["papers"], rag["inside"]) == ("good", 1, 1)
    assert (imag["verdict"], imag["near"]) == ("never", [{"text": "Image", "papers": 3}])


def test_checking_before_anything_was_fetched_is_bad_input(house: House) -> None:
    assert house("keywords", "check", code=65).stderr == (
        "digestmail: no papers yet: 'digestmail fetch' collects them\n"
    )


def test_checking_reads_the_profile_of_a_subscriber(library: House) -> None:
    assert library.json("keywords", "check", "reader@example.org")["keywords"][0]["keyword"] == "attention"
    assert "nobody@example.org is not subscribed" in library("keywords", "check", "nobody@example.org", code=65).stderr


def test_simulating_shows_the_last_days_and_what_another_profile_changes(library: House) -> None:
    done = library("simulate", "-k", "speculative decoding", "--days", "8")
    assert "2026-06-01 to 2026-06-08: 3 papers in 8 issues" in done.stderr
    assert "Faster speculative decoding" in done.stdout
    both = library("simulate", "-k", "speculative decoding", "--add", "image", "--add", "-survey", "--days", "8")
    assert "+ Image synthesis" in both.stdout
    assert "survey of image" not in both.stdout
    assert "3 → 5 papers, 2 added, 0 dropped" in both.stderr
    less = library("simulate", "-k", "image, RAG", "--drop", "image", "--days", "8")
    assert "- Image synthesis" in less.stdout
    other = library.json("simulate", "-k", "image", "--diff", "RAG, -survey", "--days", "8")
    assert [one["keywords"] for one in other["profiles"]] == [["image"], ["RAG", "-survey"]]
    assert [change["added"] for change in other["changes"] if change["added"]] == [["arxiv:2606.00004"]]


def test_simulating_leaves_no_trace(library: House) -> None:
    database = library.folder / "digestmail.db"
    before = database.read_bytes()
    library("simulate", "reader@example.org", "--add", "image")
    library("keywords", "check", "reader@example.org")
    assert database.read_bytes() == before
    assert library.outbox == []


def test_a_comparison_is_either_another_profile_or_a_change(library: House) -> None:
    assert "--diff" in library("simulate", "--diff", "image", "--add", "RAG", code=2).stderr
    assert "not among the keywords" in library("simulate", "--drop", "image", code=65).stderr


def test_suggested_keywords_can_be_pasted(library: House, tmp_path: Path) -> None:
    (tmp_path / "read.bib").write_text(
        "@misc{a, title = {Speculative Decoding with Draft Trees}}\n@misc{b, eprint = {2606.00001}}\n", "utf-8"
    )
    done = library("keywords", "suggest", "--bibtex", "read.bib")
    assert "-k 'speculative decoding'  2 of 2" in done.stdout
    (tmp_path / "ids.txt").write_text("2606.00000  # the first\n\n2606.00001\n1901.00001\n", "utf-8")
    found = library.json("keywords", "suggest", "-", "--ids", "ids.txt", "-p", "2606.00001")
    assert found["keywords"][0]["keyword"] == "speculative decoding"
    assert found["unknown"] == ["1901.00001"]


def test_suggesting_without_papers_says_how_to_name_some(library: House) -> None:
    assert "--bibtex" in library("keywords", "suggest", code=65).stderr
    assert "likes no paper yet" in library("keywords", "suggest", "reader@example.org", code=65).stderr
    assert "No such file" in library("keywords", "suggest", "--ids", "nowhere.txt", code=65).stderr


def test_the_sample_configuration_can_be_checked_as_a_newcomer_would(tmp_path: Path) -> None:
    house = House(tmp_path)
    (tmp_path / "config.yaml").write_bytes((ROOT / "config.yaml").read_bytes())
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    house.process("fetch")
    assert "quantization" in house.process("keywords", "check").stdout
    assert "papers in" in house.process("simulate").stderr
