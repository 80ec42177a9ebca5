"""The shipped config.yaml, the JSON Schema and the reference page say the same as the settings."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digestmail.config import Config, HuggingFaceSettings, OutboxSettings, PageSettings, json_schema, load_config
from digestmail.model import Gate

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/reference/config.md").read_text(encoding="utf-8")

# heading of the reference page for each part of the schema
HEADINGS = {
    "Config": "## Top level",
    "NewsletterSettings": "## newsletter",
    "DkimSettings": "### dkim",
    "ArxivSettings": "### kind: arxiv",
    "FeedSettings": "### kind: feed",
    "FilesSettings": "### kind: files",
    "HuggingFaceSettings": "### kind: huggingface",
    "BiorxivSettings": "### kind: biorxiv",
    "PageSettings": "### kind: page",
    "JsonlSettings": "### kind: jsonl",
    "OpenAlexSettings": "### kind: openalex",
    "SemanticScholarSettings": "### kind: semantic_scholar",
    "IssueSettings": "## issue",
    "ScheduleSettings": "## schedule",
    "OutboxSettings": "### kind: outbox",
    "SmtpSettings": "### kind: smtp",
    "BouncesSettings": "## bounces",
    "RelaySettings": "### relays",
    "DeliverySettings": "## delivery",
    "PagesSettings": "## web",
    "SubscriberSettings": "## subscribers",
}


def parts() -> dict[str, dict[str, Any]]:
    schema = json_schema()
    return {"Config": schema, **schema["$defs"]}


def rows() -> Iterator[tuple[str, str, str]]:
    """Heading, key and description of every setting."""
    found = parts()
    for name, part in found.items():
        for key, setting in part["properties"].items():
            # a section whose words are those of its model is a bare reference
            words = setting.get("description") or found[setting["$ref"].rpartition("/")[2]]["description"]
            yield HEADINGS[name], key, words


def section(heading: str) -> str:
    return re.split(r"^##", PAGE[PAGE.index(f"\n{heading}\n") + len(heading) + 2 :], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize(("heading", "key", "words"), list(rows()))
def test_the_reference_page_has_every_key_in_the_words_of_the_schema(heading: str, key: str, words: str) -> None:
    assert any(row.startswith(f"| `{key}` |") and row.endswith(f" {words} |") for row in section(heading).splitlines())


@pytest.mark.parametrize("name", list(HEADINGS))
def test_the_reference_page_has_no_keys_that_do_not_exist(name: str) -> None:
    table = section(HEADINGS[name]).partition("### Keywords")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(parts()[name]["properties"])


def test_the_reference_page_shows_the_defaults_of_the_schema() -> None:
    for name, part in parts().items():
        for key, setting in part["properties"].items():
            default = setting.get("default")
            if isinstance(default, str | int) and not isinstance(default, bool):
                assert re.search(
                    rf"^\| `{key}` \|.*\| `{re.escape(str(default))}` \|", section(HEADINGS[name]), re.MULTILINE
                ), key


def test_the_schema_names_its_dialect_and_refuses_unknown_keys() -> None:
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert all(part["additionalProperties"] is False for part in parts().values())


def test_the_schema_has_the_key_from_and_the_limits_of_numbers() -> None:
    found = parts()
    assert "from" in found["NewsletterSettings"]["properties"]
    max_papers = found["IssueSettings"]["properties"]["max_papers"]
    assert (max_papers["minimum"], max_papers["maximum"]) == (1, 100)
    assert {"minimum": 1, "maximum": 65535, "type": "integer"} in found["SmtpSettings"]["properties"]["port"]["anyOf"]


def test_every_setting_has_a_description() -> None:
    assert all(words for _, _, words in rows())


@pytest.fixture(scope="module")
def shipped() -> Config:
    return load_config(ROOT / "config.yaml", {})


def test_the_shipped_configuration_runs_without_any_variable_set(shipped: Config) -> None:
    assert shipped.newsletter.mailing_list.base_url == "http://localhost:8000"
    assert isinstance(shipped.transport, OutboxSettings)
    assert shipped.resolve(shipped.transport.path) == ROOT / "outbox"


def test_the_shipped_configuration_reads_live_papers_and_falls_back_to_the_sample(shipped: Config) -> None:
    live, sample = shipped.sources
    assert isinstance(live, HuggingFaceSettings)
    assert isinstance(sample, PageSettings)
    assert (live.path, live.fallback) == (None, False)
    assert (sample.path, sample.fallback) == (Path("samples/daily-papers.txt"), True)


def test_the_shipped_sample_reader_shows_weights_and_negatives(shipped: Config) -> None:
    (reader,) = shipped.subscribers
    profile = reader.profile(Gate.NORMAL)
    assert reader.email == "reader@example.org"
    assert any(keyword.exact and keyword.weight == 3 for keyword in profile.wanted)
    assert [keyword.phrase for keyword in profile.unwanted] == ["survey"]
