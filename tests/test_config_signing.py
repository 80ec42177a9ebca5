"""The settings of who signs, who is answered and where bounces go."""

from collections.abc import Callable
from pathlib import Path

import pytest

from digestmail.config import Config, load_config
from digestmail.errors import ConfigError

REST = "sources: [{kind: huggingface}]\n"
Read = Callable[..., Config]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads the keys of ``newsletter`` after its name and sender, and what follows."""

    def load(keys: str, rest: str = REST) -> Config:
        path = tmp_path / "config.yaml"
        path.write_text(f"newsletter: {{name: Papers, from: papers@example.org, {keys}}}\n{rest}", encoding="utf-8")
        return load_config(path, {"KEY": "short"})

    return load


def test_what_is_configured_reaches_the_list(read: Read) -> None:
    keys = "reply_to: Editor@Bücher.example.org, bounce_address: bounces@example.org, plus_addressing: true"
    found = read(keys).newsletter.mailing_list
    assert (found.reply_to, found.bounce_address) == ("Editor@xn--bcher-kva.example.org", "bounces@example.org")
    assert found.plus_addressing


def test_a_list_needs_none_of_it(read: Read) -> None:
    settings = read("").newsletter
    assert (settings.reply_to, settings.bounce_address, settings.secret, settings.dkim) == (None, None, None, ())
    assert not settings.plus_addressing


def test_dkim_keys_have_a_selector_and_the_domain_they_name(read: Read) -> None:
    first, second = read(
        "dkim: [{key: a.pem}, {key: b.pem, selector: 2026B.news, domain: Bücher.example.org}]"
    ).newsletter.dkim
    assert (str(first.key), first.selector, first.domain) == ("a.pem", "digestmail", None)
    assert (second.selector, second.domain) == ("2026b.news", "xn--bcher-kva.example.org")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("reply_to: nobody", "newsletter.reply_to: 'nobody' is not an address that mail can be sent to"),
        (f"bounce_address: {'b' * 22}@example.org", "before the @, 21 characters are the most"),
        ("secret: tiny", "newsletter.secret: a secret needs 16 characters or more"),
        (
            "secret: '${KEY}'",
            "newsletter.secret: a secret needs 16 characters or more (the value comes from a variable",
        ),
        ("plus_addressing: yes", "newsletter.plus_addressing: expected true or false, got text"),
        ("dkim: [{selector: a}]", "newsletter.dkim[0].key: this key is missing"),
        ("dkim: [{key: a, selectr: b}]", "newsletter.dkim[0].selectr: unknown key (did you mean 'selector'?)"),
        ("dkim: [{key: a, selector: a_b}]", "newsletter.dkim[0].selector: 'a_b' is not a selector"),
        ("dkim: [{key: a, domain: 'a b'}]", "newsletter.dkim[0].domain: "),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(read: Read, keys: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(keys)
    assert expected in str(caught.value)
    assert "tiny" not in str(caught.value)
    assert "short" not in str(caught.value)


def test_machines_that_share_a_store_are_told_to_share_a_secret(read: Read) -> None:
    shared = f"{REST}store: postgresql://me@db/papers\n"
    with pytest.raises(ConfigError, match=r"newsletter\.secret: this key is missing: all machines that share a store"):
        read("", shared)
    assert read("secret: 0123456789abcdef", shared).newsletter.secret == "0123456789abcdef"
