"""Guessing the admin token."""

import pytest

from digestmail.web.attempts import Attempts, Denied


def test_a_request_without_a_token_is_no_guess() -> None:
    attempts = Attempts("right", 2)
    for _ in range(5):
        with pytest.raises(Denied) as denied:
            attempts.check("", "192.0.2.1")
        assert denied.value.wait == 0
    attempts.check("right", "192.0.2.1")


def test_those_who_guess_wait_and_waiting_tells_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("digestmail.web.attempts.time.monotonic", lambda: now[0])
    attempts = Attempts("right", 2)
    for wrong in ("a", "b"):
        with pytest.raises(Denied):
            attempts.check(wrong, "192.0.2.1")
        now[0] += 10
    with pytest.raises(Denied) as denied:
        attempts.check("right", "192.0.2.1")
    assert denied.value.wait == 881
    now[0] += denied.value.wait
    attempts.check("right", "192.0.2.1")


def test_an_ipv6_network_is_one_guesser_and_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digestmail.web.attempts._NETWORKS", 3)
    attempts = Attempts("right", 2)
    for host in ("2001:db8::1", "2001:db8::ffff:1"):
        with pytest.raises(Denied):
            attempts.check("wrong", host)
    with pytest.raises(Denied) as denied:
        attempts.check("right", "2001:db8::2")
    assert denied.value.wait
    attempts.check("right", "2001:db8:0:1::2")
    for number in range(50):
        with pytest.raises(Denied):
            attempts.check("wrong", f"192.0.2.{number}")
    assert len(attempts._wrong) == 3
