"""config.yaml as settings: what is accepted, and what is said about everything else."""

import json
from collections.abc import Callable, Mapping
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digestmail.config import (
    ArxivSettings,
    Config,
    HuggingFaceSettings,
    JsonlSettings,
    OutboxSettings,
    PageSettings,
    Sender,
    SmtpSettings,
    load_config,
)
from digestmail.config.values import parse_sender
from digestmail.errors import ConfigError
from digestmail.model import Cadence, CadenceKind, Field, Gate, Keyword, MailingList, Profile
from digestmail.text.clean import clean_line

BASE = """\
newsletter: {name: Daily Papers, from: papers@example.org}
sources: [{kind: huggingface}]
"""
ONE_SOURCE = "sources: [{kind: huggingface}]\n"
SECRET = BASE.replace("org}", "org, secret: 0123456789abcdef}")

Load = Callable[..., Config]
Problems = Callable[..., list[str]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Reads a text as config.yaml."""

    def read(text: str, environ: Mapping[str, str] | None = None) -> Config:
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path, environ or {})

    return read


@pytest.fixture
def problems(load: Load, tmp_path: Path) -> Problems:
    """The problems of a text that stands below ``BASE``, without the file's name; its first line is 3."""

    def refuse(text: str, environ: Mapping[str, str] | None = None, base: str = BASE) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(base + text, environ)
        prefix = f"{tmp_path / 'config.yaml'}:"
        assert all(problem.startswith(prefix) for problem in caught.value.problems)
        return [problem.removeprefix(prefix) for problem in caught.value.problems]

    return refuse


def test_two_sections_are_enough_and_the_rest_has_defaults(load: Load, tmp_path: Path) -> None:
    config = load(BASE)
    assert config.store_url.database == str(tmp_path / "digestmail.db")
    assert (config.issue.max_papers, config.issue.max_age_days, config.issue.empty) == (10, 7, "skip")
    assert (config.schedule.at, config.schedule.every_minutes) == (time(0, 0), 15)
    assert config.transport == OutboxSettings.model_validate({"path": "outbox"})
    assert config.templates == Path("templates")
    assert config.issue.template == "issue"
    assert config.subscribers == ()


def test_every_section_is_read(load: Load) -> None:
    config = load("""\
newsletter: {name: " Daily  Papers ", from: "Ann Å. <Papers@EXAMPLE.org>", base_url: "https://papers.example.org/x/"}
sources:
  - {kind: huggingface, days: 3, limit: 50, path: saved.json, name: live}
  - {kind: page, path: page.txt, year: 2024, fallback: true}
  - {kind: jsonl, path: mine.jsonl}
issue: {max_papers: 5, max_age_days: 30, empty: send, gate: wide}
schedule: {at: 07:30, every_minutes: 60}
transport:
  {kind: smtp, host: mail, tls: implicit, username: me, password: pw, timeout: 5, ca_file: ca.pem, ehlo_name: me}
templates: mine
subscribers:
  - email: ann@example.org
    keywords: ["title:moe^2", -survey]
    topics: {systems: [KV cache]}
    gate: strict
    cadence: weekly:fri
    timezone: Europe/Berlin
    max_papers: 3
""")
    assert config.newsletter.mailing_list == MailingList(
        name="Daily Papers",
        sender_name="Ann Å.",
        sender_address="Papers@example.org",
        base_url="https://papers.example.org/x",
    )
    live, page, mine = config.sources
    assert isinstance(live, HuggingFaceSettings)
    assert isinstance(page, PageSettings)
    assert isinstance(mine, JsonlSettings)
    assert (live.days, live.limit, live.path, live.fallback) == (3, 50, Path("saved.json"), False)
    assert (page.path, page.year, page.fallback) == (Path("page.txt"), 2024, True)
    assert [source.label for source in config.sources] == ["live", "page:page.txt", "jsonl:mine.jsonl"]
    assert config.schedule.at == time(7, 30)
    assert isinstance(config.transport, SmtpSettings)
    assert config.transport.timeout == 5.0
    (ann,) = config.subscribers
    assert ann.cadence == Cadence(CadenceKind.WEEKLY, 4)
    profile = ann.profile(Gate.NORMAL)
    assert (profile.gate, config.issue.gate) == (Gate.STRICT, "wide")
    assert [(keyword.phrase, keyword.field, keyword.weight) for keyword in profile.wanted] == [
        ("moe", Field.TITLE, 2.0),
        ("KV cache", Field.ANY, 1.0),
    ]
    assert [keyword.phrase for keyword in profile.unwanted] == ["survey"]


def test_settings_cannot_be_changed(load: Load) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(BASE).issue.max_papers = 3


def test_a_key_without_a_value_counts_as_not_written(load: Load) -> None:
    assert load(BASE + "subscribers:\nissue:\n  max_papers:\ntemplates: ~\nstore:\ntransport:\n") == load(BASE)


def test_relative_paths_start_at_the_folder_of_the_file(load: Load, tmp_path: Path) -> None:
    config = load(BASE)
    assert config.folder == tmp_path
    assert config.resolve(Path("outbox")) == tmp_path / "outbox"
    assert config.resolve(Path("/var/outbox")) == Path("/var/outbox")


def test_a_file_named_by_a_relative_path_knows_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yaml").write_text(BASE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("config.yaml"), {}).folder == tmp_path


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("sqlite:////var/lib/papers.db", "sqlite:////var/lib/papers.db"),
        ("sqlite:///file:x.db?uri=true", "sqlite:///file%3Ax.db?uri=true"),
        ("postgresql://me:pw@db/papers", "postgresql://me:pw@db/papers"),
    ],
)
def test_a_store_that_is_no_relative_file_stays_as_it_is(load: Load, store: str, expected: str) -> None:
    assert load(SECRET + f"store: {store}").store_url.render_as_string(hide_password=False) == expected


def test_several_mail_servers_stand_in_the_place_of_one(load: Load) -> None:
    config = load(
        BASE
        + """
transport:
  kind: smtp
  relays:
    - {host: a.example.org, username: me, password: hunter2, weight: 3, connections: 10}
    - {host: b.example.org, tls: implicit, port: 4465}
  connections: 2
  per_second: 10
  per_minute: 300
  per_domain: {Gmail.com: 60, bücher.example: 0.5, "*": 30}
"""
    )
    assert isinstance(config.transport, SmtpSettings)
    assert [
        (relay.host, relay.resolved_port, relay.weight, relay.connections) for relay in config.transport.relays
    ] == [
        ("a.example.org", 587, 3, 10),
        ("b.example.org", 4465, 1, None),
    ]
    assert config.transport.all_relays == config.transport.relays
    assert config.transport.per_domain == {"gmail.com": 60, "xn--bcher-kva.example": 0.5, "*": 30}
    assert "hunter2" not in repr(config)


def test_one_mail_server_is_a_list_of_one(load: Load) -> None:
    config = load(
        BASE + "transport: {kind: smtp, host: mail, tls: implicit, username: me, password: pw, ca_file: c.pem}"
    )
    assert isinstance(config.transport, SmtpSettings)
    (relay,) = config.transport.all_relays
    assert (relay.host, relay.tls, relay.resolved_port, relay.username) == ("mail", "implicit", 465, "me")
    assert (relay.ca_file, relay.weight, relay.connections) == (Path("c.pem"), 1, None)


def test_deliveries_are_tried_for_five_days_and_sent_again_when_in_doubt_unless_told_otherwise(load: Load) -> None:
    assert load(BASE).delivery.model_dump() == {"on_ambiguous": "resend", "expire_after_days": 5}
    config = load(BASE + "delivery: {on_ambiguous: hold, expire_after_days: 2}")
    assert config.delivery.model_dump() == {"on_ambiguous": "hold", "expire_after_days": 2}


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("implicit", 465), ("none", 25)])
def test_the_smtp_port_follows_from_the_encryption(load: Load, tls: str, port: int) -> None:
    config = load(BASE + f"transport: {{kind: smtp, host: localhost, tls: {tls}}}")
    assert isinstance(config.transport, SmtpSettings)
    assert config.transport.resolved_port == port


def test_a_port_that_is_given_wins(load: Load) -> None:
    config = load(BASE + "transport: {kind: smtp, host: '::1', port: 2525}")
    assert isinstance(config.transport, SmtpSettings)
    assert config.transport.resolved_port == 2525


def test_a_sender_without_a_name_takes_the_newsletters(load: Load) -> None:
    assert load(BASE).newsletter.mailing_list.sender_name == "Daily Papers"


@pytest.mark.parametrize("sender", ['"Papers, \\"Daily\\"" <p@example.org>', '"Papers, "Daily"" <p@example.org>'])
def test_a_senders_name_may_be_quoted(load: Load, sender: str) -> None:
    config = load(f"newsletter: {{name: X, from: '{sender}'}}\nsources: [{{kind: huggingface}}]\n")
    assert config.newsletter.sender == ('Papers, "Daily"', "p@example.org")


@given(name=st.text(max_size=20).map(clean_line))
def test_a_sender_reads_back_as_written(name: str) -> None:
    sender = Sender(name, "papers@example.org")
    assert parse_sender(str(sender)) == sender


def test_an_international_domain_is_kept_as_mail_servers_take_it(load: Load) -> None:
    assert load(BASE + "subscribers: [{email: Ann@bücher.example}]").subscribers[0].email == "Ann@xn--bcher-kva.example"


def test_text_from_the_environment_stands_where_a_number_is_wanted(load: Load) -> None:
    text = """
issue: {max_papers: "${MAX}"}
transport: {kind: smtp, host: "${HOST}", port: "${PORT}", timeout: "${TIMEOUT}", username: me, password: "${PASSWORD}"}
"""
    environ = {"MAX": "12", "HOST": "mail", "PORT": "25", "TIMEOUT": "2.5", "PASSWORD": "0123"}
    config = load(BASE + text, environ)
    assert isinstance(config.transport, SmtpSettings)
    assert (config.issue.max_papers, config.transport.port, config.transport.timeout) == (12, 25, 2.5)
    assert config.transport.password is not None
    assert config.transport.password.get_secret_value() == "0123"


def test_a_configuration_in_a_log_shows_no_password(load: Load) -> None:
    text = """
store: postgresql://me:hunter2@db/papers
newsletter: {name: Papers, from: papers@example.org, secret: hunter2-of-the-links}
transport: {kind: smtp, host: mail, username: me, password: hunter2}
"""
    config = load(ONE_SOURCE + text)
    assert config.newsletter.secret == "hunter2-of-the-links"
    assert "hunter2" not in f"{config!r} {config} {config.store_url}"


def test_a_missing_file_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert caught.value.problems == (f"{path}: no such file; 'digestmail init' writes one",)


def test_a_folder_in_place_of_the_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})


def test_bytes_that_are_not_utf8_are_reported_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(BASE.encode() + "# é".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"config\.yaml:3: not UTF-8: byte 0xE9"):
        load_config(path, {})


def test_a_file_beyond_a_megabyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than 1,000,000 bytes"):
        load_config(path, {})


def test_all_problems_come_at_once_in_the_order_of_the_lines(problems: Problems) -> None:
    text = """\
newsletter:
  name: [a]
  form: papers@example.org
sources:
  - {kind: scholar}
issue:
  max_paper: 3
subscribers:
  - email: a@
    keywords:
      - ok
      - '"x'
"""
    assert problems(text, base="") == [
        "1: newsletter.from: this key is missing",
        "2: newsletter.name: expected text, got a list",
        "3: newsletter.form: unknown key (did you mean 'from'?)",
        (
            "5: sources[0].kind: unknown source kind 'scholar'; "
            "known kinds: arxiv, biorxiv, feed, files, huggingface, jsonl, page"
        ),
        "7: issue.max_paper: unknown key (did you mean 'max_papers'?)",
        (
            "9: subscribers[0].email: 'a@' is not an address that mail can be sent to: "
            "There must be something after the @-sign."
        ),
        "12: subscribers[0].keywords[1]: unbalanced quote in '\"x'",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("issue: [1]", "issue: expected keys and values, got a list"),
        ("issue: {max_papers: [1]}", "issue.max_papers: expected a whole number, got a list"),
        ("issue: {max_papers: many}", "issue.max_papers: expected a whole number, got text"),
        ("issue: {max_papers: 1.5}", "issue.max_papers: expected a whole number, got a number"),
        ("issue: {max_papers: true}", "issue.max_papers: expected a whole number, got true or false"),
        ("issue: {max_papers: 0}", "issue.max_papers: must be 1 or more, got 0"),
        ("issue: {max_papers: 101}", "issue.max_papers: must be 100 or less, got 101"),
        ("issue: {empty: skp}", "issue.empty: expected 'skip' or 'send', got 'skp' (did you mean 'skip'?)"),
        (
            "issue: {template: ../mine}",
            "issue.template: '../mine' is not the name of a template (letters, digits, - and _)",
        ),
        ("schedule: {at: 25:00}", "schedule.at: '25:00' is not a time of day from 00:00 to 23:59"),
        ("schedule: {at: 7}", "schedule.at: expected text, got a whole number (put it in quotes)"),
        ("schedule: {every_minutes: 0}", "schedule.every_minutes: must be 1 or more, got 0"),
        ("templates: ''", "templates: must not be empty"),
        ('templates: "a\\0b"', r"templates: 'a\x00b' is not a path: it holds a character that no file name has"),
        ("subscribers: {}", "subscribers: expected a list, got keys and values"),
        ("subscribers: [~]", "subscribers[0]: expected keys and values, got nothing"),
        ("subscribers: [{}]", "subscribers[0].email: this key is missing"),
        ("bad key: 1", "['bad key']: unknown key"),
        ("sorces: 1", "sorces: unknown key (did you mean 'sources'?)"),
        (
            "transport: {kind: smpt}",
            "transport.kind: unknown transport kind 'smpt'; known kinds: outbox, smtp (did you mean 'smtp'?)",
        ),
        ("transport: {path: x}", "transport.kind: this key is missing; known kinds: outbox, smtp"),
        ("transport: {kind: [smtp]}", "transport.kind: unknown transport kind; known kinds: outbox, smtp"),
        ("transport: {kind: smtp}", "transport.host: this key is missing"),
        ("transport: {kind: smtp, host: a b}", "transport.host: 'a b' is not a host name or an IP address"),
        ("transport: {kind: smtp, host: a, prot: 1}", "transport.prot: unknown key (did you mean 'port'?)"),
        ("transport: {kind: smtp, relays: []}", "transport.relays: must not be empty"),
        ("transport: {kind: smtp, relays: [{tls: none}]}", "transport.relays[0].host: this key is missing"),
        (
            "transport: {kind: smtp, relays: [{host: a, wight: 1}]}",
            "transport.relays[0].wight: unknown key (did you mean 'weight'?)",
        ),
        (
            "transport: {kind: smtp, host: a, relays: [{host: b}]}",
            "transport.host: belongs to one server: write it into each of the relays",
        ),
        (
            "transport: {kind: smtp, relays: [{host: a, username: me, password: pw, tls: none}]}",
            "transport.relays[0].password: would be sent in clear text: tls is none",
        ),
        ("transport: {kind: smtp, host: a, connections: 0}", "transport.connections: must be 1 or more, got 0"),
        ("transport: {kind: smtp, host: a, per_second: 0}", "transport.per_second: must be above 0, got 0"),
        (
            "transport: {kind: smtp, host: a, per_domain: {'a b': 1}}",
            "transport.per_domain['a b']: 'a b' is not the domain of an address",
        ),
        (
            "delivery: {on_ambiguous: hole}",
            "delivery.on_ambiguous: expected 'resend' or 'hold', got 'hole' (did you mean 'hold'?)",
        ),
        ("transport: {kind: smtp, host: a, timeout: 0}", "transport.timeout: must be above 0, got 0"),
        ("transport: {kind: smtp, host: a, timeout: 1e999}", "transport.timeout: must be a finite number, got inf"),
        ("store: 3", "store: expected text, got a whole number (put it in quotes)"),
        ("store: papers.db", "store: not a database URL like sqlite:///digestmail.db"),
        ("store: mysql://u:hunter2@h/d", "store: unknown database; known: postgresql, sqlite"),
        (
            "store: 'sqlite://'",
            "store: a database in memory forgets what was sent; name a file, as in sqlite:///digestmail.db",
        ),
    ],
)
def test_a_wrong_value_is_named_in_plain_words(problems: Problems, text: str, expected: str) -> None:
    assert problems(text) == [f"3: {expected}"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "{}",
            "sources[0].kind: this key is missing; known kinds: arxiv, biorxiv, feed, files, huggingface, jsonl, page",
        ),
        (
            "{kind: pag}",
            (
                "sources[0].kind: unknown source kind 'pag'; "
                "known kinds: arxiv, biorxiv, feed, files, huggingface, jsonl, page (did you mean 'page'?)"
            ),
        ),
        ("{kind: page}", "sources[0].path: this key is missing"),
        ("{kind: feed}", "sources[0].url: this key is missing"),
        (
            "{kind: feed, url: feed.xml}",
            "sources[0].url: 'feed.xml' is not a link like https://www.example.org/feed.xml",
        ),
        ("{kind: files, path: ''}", "sources[0].path: must not be empty"),
        ("{kind: page, path: a, yeer: 3}", "sources[0].yeer: unknown key (did you mean 'year'?)"),
        ("{kind: page, path: a, year: 1989}", "sources[0].year: must be 1990 or more, got 1989"),
        ("{kind: page, path: a, fallback: yes}", "sources[0].fallback: expected true or false, got text"),
        ("{kind: huggingface, days: 31}", "sources[0].days: must be 30 or less, got 31"),
        ("{kind: arxiv}", "sources[0].categories: this key is missing"),
        ("{kind: arxiv, categories: []}", "sources[0].categories: must not be empty"),
        ("{kind: arxiv, categories: cs.LG}", "sources[0].categories: expected a list, got text"),
        (
            "{kind: arxiv, categories: [cs.LG, maths.AG]}",
            "sources[0].categories[1]: arXiv has no archive 'maths' (did you mean 'math'?)",
        ),
        (
            "{kind: arxiv, categories: [hep-th.A]}",
            "sources[0].categories[0]: arXiv has no category 'hep-th.A': write one like cs.LG or hep-th",
        ),
        (
            "{kind: arxiv, categories: [cs.LG], announce: [fresh]}",
            "sources[0].announce[0]: expected 'new', 'cross' or 'replace', got 'fresh'",
        ),
        ("huggingface", "sources[0]: expected keys and values, got text"),
    ],
)
def test_a_wrong_source_is_named_in_plain_words(problems: Problems, source: str, expected: str) -> None:
    base = "newsletter: {name: X, from: papers@example.org}\n"
    assert problems(f"sources: [{source}]", base=base) == [f"2: {expected}"]


def test_a_newsletter_without_sources_has_nothing_to_say(problems: Problems) -> None:
    base = "newsletter: {name: X, from: papers@example.org}\n"
    assert problems("sources: []", base=base) == ["2: sources: must not be empty"]
    assert problems("", base=base) == ["1: sources: this key is missing"]


def test_two_sources_may_not_go_by_the_same_name(problems: Problems) -> None:
    text = """\
newsletter: {name: X, from: papers@example.org}
sources:
  - {kind: huggingface}
  - {kind: page, path: a.txt}
  - {kind: huggingface, days: 3}
  - {kind: jsonl, path: b, name: page:a.txt}
"""
    assert problems(text, base="") == [
        "5: sources[2].name: reports call this source the same as sources[0] (line 3); give it a name",
        "6: sources[3].name: reports call this source the same as sources[1] (line 4); give it a name",
    ]


def test_categories_are_read_in_any_case_and_kinds_have_a_default(load: Load) -> None:
    base = "newsletter: {name: X, from: papers@example.org}\n"
    config = load(base + "sources: [{kind: arxiv, categories: [CS.lg, physics.Optics, HEP-TH, q-bio.nc, math]}]")
    (source,) = config.sources
    assert isinstance(source, ArxivSettings)
    assert source.categories == ("cs.LG", "physics.optics", "hep-th", "q-bio.NC", "math")
    assert (source.announce, source.query, source.label) == (("new", "cross"), None, "arxiv")


@pytest.mark.parametrize(
    "url",
    [
        "papers.example.org",
        "ftp://example.org",
        "https://",
        "http://[::1",
        "http://a:99999/",
        "http://a/ b",
        "https://ä.example",
    ],
)
def test_a_base_url_must_be_a_plain_web_address(problems: Problems, url: str) -> None:
    base = f"newsletter: {{name: X, from: papers@example.org, base_url: '{url}'}}\nsources: [{{kind: huggingface}}]\n"
    assert problems("", base=base) == [f"1: newsletter.base_url: '{url}' is not a URL like https://papers.example.org"]


@pytest.mark.parametrize("url", ["https://me:pw@example.org", "https://example.org/?a=1", "https://example.org/#top"])
def test_a_base_url_has_no_user_query_or_fragment(problems: Problems, url: str) -> None:
    base = f"newsletter: {{name: X, from: papers@example.org, base_url: '{url}'}}\nsources: [{{kind: huggingface}}]\n"
    assert problems("", base=base) == ["1: newsletter.base_url: must be a plain URL, without user, query or fragment"]


@pytest.mark.parametrize(
    "address",
    [
        "ann",
        "ann@",
        "@example.org",
        "ann@localhost",
        '"ann b"@example.org',
        "ann@exa mple.org",
        "ann@example.org, bob@example.org",
        "å@example.org",
    ],
)
def test_what_is_no_address_is_refused(problems: Problems, address: str) -> None:
    (problem,) = problems(f"subscribers: [{{email: {json.dumps(address)}}}]")
    assert problem.startswith("3: subscribers[0].email: ")
    assert "is not an address that mail can be sent to" in problem


def test_a_display_name_does_not_belong_to_a_subscribers_address(problems: Problems) -> None:
    assert len(problems("subscribers: [{email: 'Ann <ann@example.org>'}]")) == 1


def test_the_same_address_twice_is_reported_with_both_lines_whatever_its_case(problems: Problems) -> None:
    text = "subscribers:\n  - email: ann@example.org\n  - email: bob@example.org\n  - email: Ann@EXAMPLE.org\n"
    assert problems(text) == ["6: subscribers[2].email: the same address as subscribers[0] (line 4)"]


def test_repeated_addresses_are_found_though_other_things_are_wrong(problems: Problems) -> None:
    text = "subscribers:\n  - {email: ann@example.org, max_papers: 0}\n  - {email: ann@example.org}\n"
    assert problems(text) == [
        "4: subscribers[0].max_papers: must be 1 or more, got 0",
        "5: subscribers[1].email: the same address as subscribers[0] (line 4)",
    ]


@pytest.mark.parametrize(
    ("timezone", "near"),
    [
        ("Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("new york", "America/New_York"),
    ],
)
def test_an_unknown_time_zone_brings_the_nearest(problems: Problems, timezone: str, near: str) -> None:
    text = f"subscribers: [{{email: ann@example.org, timezone: {timezone}}}]"
    assert problems(text) == [f"3: subscribers[0].timezone: unknown time zone '{timezone}' (did you mean '{near}'?)"]


@pytest.mark.parametrize("timezone", ["", "/etc/localtime", "../UTC", "Europe", "x" * 300])
def test_what_is_no_time_zone_is_refused(problems: Problems, timezone: str) -> None:
    (problem,) = problems(f"subscribers: [{{email: ann@example.org, timezone: '{timezone}'}}]")
    assert "subscribers[0].timezone: unknown time zone" in problem


def test_an_unknown_cadence_brings_the_known_ones(problems: Problems) -> None:
    assert problems("subscribers: [{email: ann@example.org, cadence: hourly}]") == [
        "3: subscribers[0].cadence: unknown cadence 'hourly': write daily, weekdays or weekly:mon … weekly:sun",
    ]


def test_every_bad_keyword_has_its_own_line(problems: Problems) -> None:
    text = """\
subscribers:
  - email: ann@example.org
    keywords:
      - '"x'
      - fine
      - tilte:x
      - author: Ann
      - 2024
"""
    unbalanced, field, colon, number = problems(text)
    assert unbalanced == "6: subscribers[0].keywords[0]: unbalanced quote in '\"x'"
    assert field.startswith("8: subscribers[0].keywords[2]: unknown field 'tilte'")
    assert colon == (
        "9: subscribers[0].keywords[3]: expected text, got keys and values "
        "(a colon and a space make keys: put the text in quotes)"
    )
    assert number == "10: subscribers[0].keywords[4]: expected text, got a whole number (put it in quotes)"


def test_every_problem_with_topics_has_its_own_line(problems: Problems) -> None:
    text = """\
subscribers:
  - email: ann@example.org
    keywords: [moe, '[theory] proof']
    topics:
      systems:
        - MoE^2
        - -survey
        - '[theory] grokking'
        - auhtor:Ann
        - proof
      "sys;tems": [pruning]
      "": [attention]
      vision: everything
  - email: bob@example.org
    topics: [systems]
"""
    one_topic = "a keyword belongs to one topic (first in line 5)"
    negative = "it keeps a paper out of the whole issue"
    bracket = "one topic may stand first, as in [systems] quantization"
    name = "its name takes no commas, semicolons, quotes, brackets"
    where = "subscribers[0].topics"
    assert [problem.partition(" (quote")[0] for problem in problems(text)] == [
        f"8: {where}.systems[0]: 'MoE' stands without a topic and in 'systems': {one_topic}",
        f"9: {where}.systems[1]: a negative keyword takes no topic in '[systems] -survey': {negative}",
        f"10: {where}.systems[2]: a bracket in '[systems] [theory] grokking': {bracket}",
        f"11: {where}.systems[3]: unknown field 'auhtor' in 'auhtor:Ann': did you mean author:?",
        f"12: {where}.systems[4]: 'proof' stands in 'theory' and in 'systems': {one_topic}",
        f"13: {where}['sys;tems']: the topic 'sys;tems' holds ';': {name}",
        f"14: {where}['']: a topic needs a name with a letter or a digit, got ''",
        f"15: {where}.vision: expected a list, got text",
        "17: subscribers[1].topics: expected keys and values, got a list",
    ]


def test_a_topic_in_brackets_without_quotes_is_explained(problems: Problems) -> None:
    (problem,) = problems("subscribers:\n  - email: ann@example.org\n    keywords:\n      - [systems] pruning\n")
    assert "put quotes around a keyword with its topic, as in '[systems] quantization'" in problem


def test_an_unknown_gate_is_refused_with_a_suggestion(problems: Problems) -> None:
    assert problems("issue: {gate: srict}\nsubscribers: [{email: ann@example.org, gate: [wide]}]") == [
        "3: issue.gate: expected 'strict', 'normal' or 'wide', got 'srict' (did you mean 'strict'?)",
        "4: subscribers[0].gate: expected 'strict', 'normal' or 'wide', got a list",
    ]


def test_keywords_and_topics_make_one_profile_with_a_gate(load: Load) -> None:
    reader = "subscribers: [{email: a@example.org, keywords: [moe], topics: {systems: ['KV cache^2']}, gate: strict}]"
    own, other = (load(BASE + text).subscribers[0] for text in (reader, reader.replace(", gate: strict", "")))
    keywords = (Keyword("moe"), Keyword("KV cache", 2.0, topic="systems"))
    assert own.profile(Gate.WIDE) == Profile(keywords, Gate.STRICT)
    assert other.profile(Gate.WIDE) == Profile(keywords, Gate.WIDE)


def test_more_keywords_than_a_profile_takes_are_refused_in_topics_too(problems: Problems) -> None:
    words = ", ".join(f"moe{number}" for number in range(250))
    (problem,) = problems(
        f"subscribers: [{{email: ann@example.org, keywords: [{words}], topics: {{a: [{words}], b: [x]}}}}]"
    )
    assert problem == "3: subscribers[0].topics: 501 keywords are too many: 500 at most"


def test_more_keywords_than_a_profile_takes_are_refused(problems: Problems) -> None:
    (problem,) = problems("subscribers: [{email: ann@example.org, keywords: [" + ", ".join(["moe"] * 501) + "]}]")
    assert problem.startswith("3: subscribers[0].keywords: 501 keywords are too many")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("username: me", ["transport.username: a username needs a password"]),
        ("password: pw", ["transport.password: a password needs a username"]),
        ("username: me, password: pw, tls: none", ["transport.password: would be sent in clear text: tls is none"]),
        (
            "password: pw, tls: none, timeout: x",
            [
                "transport.password: a password needs a username",
                "transport.password: would be sent in clear text: tls is none",
                "transport.timeout: expected a number, got text",
            ],
        ),
        ("username: me, password: ''", ["transport.password: must not be empty"]),
    ],
)
def test_credentials_are_complete_and_travel_encrypted(problems: Problems, keys: str, expected: list[str]) -> None:
    found = problems(f"transport: {{kind: smtp, host: mail, {keys}}}")
    assert sorted(found) == [f"3: {problem}" for problem in expected]


def test_an_unset_variable_is_one_problem_and_not_two(problems: Problems) -> None:
    assert problems("transport: {kind: '${KIND}'}\nsubscribers: [{email: '${EMAIL}'}]\n") == [
        "3: transport.kind: the environment variable KIND is not set (${KIND:-…} gives a default)",
        "4: subscribers[0].email: the environment variable EMAIL is not set (${EMAIL:-…} gives a default)",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("subscribers: [{email: '${SECRET}'}]", "not an address that mail can be sent to"),
        ("subscribers: [{email: a@example.org, keywords: ['\"${SECRET}']}]", "not a keyword"),
        ("subscribers: [{email: a@example.org, timezone: '${SECRET}'}]", "unknown time zone"),
        ("subscribers: [{email: a@example.org, cadence: '${SECRET}'}]", "not a cadence"),
        ("store: ${SECRET}", "not a usable database URL"),
        ('templates: "${SECRET}\\0"', "not a path"),
        ("schedule: {at: '${SECRET}'}", "not a time of day"),
        ("issue: {max_papers: '${SECRET}'}", "expected a whole number, got text"),
        ("subscribers: [{email: a@example.org, topics: {s: ['-${SECRET}']}}]", "this keyword takes no topic"),
        ("subscribers: [{email: a@example.org, topics: {s: [hunter2], t: ['${SECRET}']}}]", "belongs to one topic"),
        ("issue: {empty: '${SECRET}'}", "expected 'skip' or 'send'"),
        ("transport: {kind: '${SECRET}'}", "unknown transport kind; known kinds: outbox, smtp"),
        ("transport: {kind: smtp, host: 'a ${SECRET}'}", "not a host name"),
        ("transport: {kind: smtp, host: mail, password: '${SECRET}'}", "a password needs a username"),
        ("transport: '${SECRET}'", "expected keys and values, got text"),
    ],
)
def test_what_comes_from_the_environment_is_never_shown(problems: Problems, text: str, what: str) -> None:
    (problem,) = problems(text, {"SECRET": "hunter2"})
    assert what in problem
    assert "hunter2" not in problem


def test_a_number_from_the_environment_is_not_shown_when_out_of_range(problems: Problems) -> None:
    assert problems("issue: {max_papers: '${SECRET}'}", {"SECRET": "4711"}) == [
        "3: issue.max_papers: must be 100 or less"
    ]


def test_no_chained_exception_carries_the_values(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load(BASE + "issue: {max_papers: '${SECRET}'}", {"SECRET": "hunter2"})
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_syntax_problems_of_the_file_come_together_with_wrong_values(problems: Problems) -> None:
    assert problems("issue: {max_papers: 0}\nissue: {}\ntemplates: !x y\nbad: ${A\n") == [
        "3: issue.max_papers: must be 1 or more, got 0",
        "4: issue: this key stands twice (first in line 3)",
        "5: templates: the tag '!x' is not supported here; write the value without it",
        "6: bad: '${' without a variable's name and '}' (write $${ for the two characters themselves)",
    ]


SECTIONS = ["newsletter", "store", "sources", "issue", "schedule", "transport", "templates", "subscribers"]
KEY = st.sampled_from([*SECTIONS, "name", "from", "kind", "path", "days", "host", "tls", "email", "keywords", "x"])
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["huggingface", "page", "jsonl", "smtp", "outbox", "a@example.org", "daily", "UTC", "sqlite:///a.db", "${A}"],
    )
)
ANYTHING = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=5), max_leaves=20
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.dictionaries(KEY, ANYTHING, max_size=6))
def test_any_values_are_accepted_or_refused_with_places(data: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(json.dumps(data).encode())
    problems: tuple[str, ...] = ()
    try:
        load_config(path, {"A": "hunter2"})
    except ConfigError as error:
        problems = error.problems
    assert all(
        problem.startswith(f"{path}:") and "\n" not in problem and "hunter2" not in problem for problem in problems
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60))
def test_any_bytes_are_refused_with_a_config_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load_config(path, {})


NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
ADDRESSES = NAMES.map(lambda name: f"{name}@example.org")
SOURCES = st.fixed_dictionaries(
    {"kind": st.just("huggingface")}, optional={"days": st.integers(1, 30), "limit": st.integers(1, 100)}
)
FILES = st.fixed_dictionaries({"kind": st.sampled_from(["page", "jsonl"]), "path": NAMES, "fallback": st.booleans()})
SUBSCRIBERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"email": ADDRESSES},
    optional={
        "keywords": st.lists(NAMES, max_size=4),
        "cadence": st.sampled_from(["daily", "weekdays", "weekly:tue"]),
        "timezone": st.sampled_from(["UTC", "Asia/Tokyo"]),
        "max_papers": st.integers(1, 100),
        "gate": st.sampled_from(["strict", "normal", "wide"]),
        "topics": st.dictionaries(NAMES, st.lists(NAMES.map("in a topic {}".format), max_size=3), max_size=1),
    },
)
VALID: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "newsletter": st.fixed_dictionaries({"name": NAMES, "from": ADDRESSES}),
        "sources": st.builds(
            lambda live, files: [live, *files],
            SOURCES,
            st.lists(FILES, max_size=3, unique_by=lambda file: file["path"]),
        ),
    },
    optional={
        "issue": st.fixed_dictionaries({"max_papers": st.integers(1, 100), "empty": st.sampled_from(["skip", "send"])}),
        "transport": st.fixed_dictionaries({"kind": st.just("smtp"), "host": NAMES, "port": st.integers(1, 65535)}),
        "subscribers": st.lists(SUBSCRIBERS, max_size=4, unique_by=lambda subscriber: subscriber["email"].casefold()),
    },
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=VALID)
def test_any_valid_configuration_survives(data: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")
    config = load_config(path, {})
    assert config.model_dump(mode="json", by_alias=True, exclude_unset=True) == data


def test_feeds_and_files_are_called_by_their_address_or_path_without_a_password(load: Load) -> None:
    base = "newsletter: {name: X, from: papers@example.org}\n"
    config = load(
        base + 'sources: [{kind: feed, url: "https://me:secret@x.org/rss?a=1"}, {kind: files, path: "papers/*.bib"}]\n'
    )
    assert [source.label for source in config.sources] == ["feed:https://x.org/rss?a=1", "files:papers/*.bib"]


def test_two_feeds_of_one_address_need_a_name(problems: Problems) -> None:
    base = "newsletter: {name: X, from: papers@example.org}\n"
    feed = "{kind: feed, url: 'https://x.org/rss'}"
    assert problems(f"sources: [{feed}, {feed}]", base=base) == [
        "2: sources[1].name: reports call this source the same as sources[0] (line 2); give it a name"
    ]
