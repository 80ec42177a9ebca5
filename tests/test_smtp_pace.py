"""Rate limits, the number of messages under way, and relays that are left alone: with times of our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digestmail.transports.smtp.pace import Breaker, Limits, Rate, Rates, Window


@given(
    most=st.integers(1, 50),
    steps=st.lists(st.floats(0, 0.3, allow_nan=False), min_size=1, max_size=120),
)
def test_a_rate_is_never_exceeded_in_any_stretch_of_time(most: int, steps: list[float]) -> None:
    rate, now, turns = Rate(most, 1.0), 100.0, list[float]()
    for step in steps:
        now += step
        turns.append(rate.reserve(now))
        assert turns[-1] >= now
    for index, turn in enumerate(turns[: -most or None]):
        if index + most < len(turns):
            assert turns[index + most] - turn >= 1.0 - 1e-6


def test_a_rate_is_used_to_the_full() -> None:
    rate = Rate(10, 1.0)
    assert [rate.reserve(5.0) for _ in range(4)] == pytest.approx([5.0, 5.1, 5.2, 5.3])


def test_time_that_was_not_used_is_not_saved_up() -> None:
    rate = Rate(10, 1.0)
    rate.reserve(0.0)
    assert [rate.reserve(50.0) for _ in range(2)] == pytest.approx([50.0, 50.1])


def test_the_strictest_limit_decides() -> None:
    rates = Rates(Limits(per_second=10, per_minute=60))
    assert [rates.reserve(0.0) for _ in range(3)] == pytest.approx([0.0, 1.0, 2.0])


def test_without_limits_it_is_always_now() -> None:
    rates = Rates(Limits())
    assert {rates.reserve(7.0) for _ in range(5)} | {rates.reserve_domain("example.org", 7.0)} == {7.0}


def test_a_domain_has_its_own_limit_or_that_of_all_others() -> None:
    rates = Rates(Limits(per_domain={"gmail.com": 60, "*": 30}))
    assert [rates.reserve_domain("gmail.com", 0.0) for _ in range(2)] == pytest.approx([0.0, 1.0])
    assert [rates.reserve_domain("example.org", 0.0) for _ in range(2)] == pytest.approx([0.0, 2.0])
    assert rates.reserve_domain("example.net", 0.0) == 0.0


def test_a_domain_that_no_limit_names_has_none() -> None:
    rates = Rates(Limits(per_domain={"gmail.com": 60}))
    assert {rates.reserve_domain("example.org", 0.0) for _ in range(9)} == {0.0}


def test_domains_that_are_over_are_forgotten() -> None:
    rates = Rates(Limits(per_domain={"*": 60}))
    for number in range(20_001):
        rates.reserve_domain(f"d{number}.example", number * 10.0)
    assert len(rates._domains) <= 10_001


# --- how many at a time ---------------------------------------------------------------------------------------------


def test_there_is_one_more_after_each_round_of_good_answers() -> None:
    window, sizes = Window(4), list[int]()
    for _ in range(12):
        sizes.append(window.size)
        window.grow()
    assert sizes[0] == 2
    assert sizes == sorted(sizes)
    assert window.size == 4


def test_slowing_down_halves_once_for_all_that_were_under_way() -> None:
    window = Window(8)
    for _ in range(100):
        window.grow()
    begun = window.round
    for _ in range(8):
        window.shrink(begun, 0.0)
    assert window.size == 4
    window.shrink(window.round, 0.0)
    assert window.size == 2


def test_when_one_is_too_many_there_are_pauses_that_grow_and_end_with_a_good_answer() -> None:
    window, pauses = Window(1), list[float]()
    for _ in range(9):
        window.shrink(window.round, 10.0)
        pauses.append(window.resumes(10.0) - 10.0)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    window.grow()
    window.shrink(window.round, 100.0)
    assert window.resumes(100.0) == 101.0
    assert window.resumes(102.0) == 102.0


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 20))
def test_there_is_always_room_for_one_and_never_for_more_than_allowed(answers: list[bool], most: int) -> None:
    window = Window(most)
    for good in answers:
        window.grow() if good else window.shrink(window.round, 0.0)
        assert 1 <= window.size <= most


# --- relays left alone ----------------------------------------------------------------------------------------------


def test_a_relay_that_fails_three_times_is_left_alone_for_longer_and_longer() -> None:
    breaker, rests = Breaker(), list[float]()
    for _ in range(10):
        breaker.failed("connection refused", 0.0)
        rests.append(next((second for second in range(2000) if not breaker.rests(second)), -1))
    assert rests == [0, 0, 30, 60, 120, 240, 480, 900, 900, 900]
    assert breaker.doubtful
    assert breaker.why == "connection refused"


def test_a_relay_that_is_reached_again_is_trusted_again() -> None:
    breaker = Breaker()
    for _ in range(3):
        breaker.failed("timed out", 0.0)
    breaker.succeeded()
    breaker.failed("timed out", 100.0)
    assert not breaker.doubtful
    assert not breaker.rests(100.0)
