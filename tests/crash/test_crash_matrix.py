"""Killed at every place between every two steps: nothing lost, nothing repeated, what nobody knows is on record."""

import random
import signal
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from crash.plants import PLANTS
from crash.table import Table
from crash.world import Ended, Verdict, Yard

_KILLED = -signal.SIGKILL
_PARTS, _KILLS = 2, 150
_A_RUN = 0.2  # seconds, about


def sweep(yard: Yard, plant: str | None = None) -> Iterator[tuple[Ended, Verdict]]:
    """A world for each place that a run comes by, killed there, then run to its end."""
    for place in count(1):
        with yard.world() as world:
            ended = world.run(die_at=place, plant=plant)
            if ended.code != _KILLED:
                return
            world.finish(plant)
            yield ended, world.verdict()


def test_killed_at_every_place_a_run_loses_and_repeats_nothing(yard: Yard, tell: Callable[[object], None]) -> None:
    table = Table()
    for ended, verdict in sweep(yard):
        table.add(ended.points[-1], verdict)
    tell(table)
    assert table.bad == []
    assert table.total.kills > 40
    assert table.total.duplicates <= table.total.ambiguous


def test_killed_while_it_recovers_a_run_loses_and_repeats_nothing(smtp: Yard) -> None:
    table = Table()
    for place in range(1, 200, 7):
        with smtp.world() as world:
            first = world.run(die_at=place)
            second = world.run(die_at=200 - place)
            world.finish()
            table.add(f"{first.points[-1]}, then {second.points[-1]}", world.verdict())
    assert table.bad == []


def test_killed_at_any_place_a_run_sends_the_letter_to_who_signs_up_once(
    smtp: Yard, tell: Callable[[object], None]
) -> None:
    table = Table()
    for place in count(1, 2):
        with smtp.world() as world:
            world.sign_up("new@example.net")
            ended = world.run(None, die_at=place)
            if ended.code != _KILLED:
                break
            world.finish_day(None)
            table.add(ended.points[-1], world.verdict())
            assert world.letters() == [("new@example.net", "sent")]
    tell(table)
    assert table.bad == []
    assert table.total.kills > 40
    assert table.total.duplicates <= table.total.ambiguous


@pytest.mark.parametrize("part", range(_PARTS))
def test_killed_at_random_with_a_mail_server_that_errs_a_run_loses_and_repeats_nothing(
    unreliable: Yard, tell: Callable[[object], None], part: int
) -> None:
    rng = random.Random(part)
    table, kills = Table(), 0
    while kills < _KILLS:
        with unreliable.world() as world:
            for _ in range(3):
                kills += world.run(kill_after=rng.uniform(0.0, _A_RUN)).code == _KILLED
            world.finish()
            table.add("a random moment, three times", world.verdict())
    tell(f"{table}\n\n{kills} kills at random")
    assert table.bad == []
    assert table.total.duplicates <= table.total.ambiguous


def _swept(yard: Yard, plant: str) -> Iterator[Verdict]:
    yield from (verdict for _, verdict in sweep(yard, plant))


def _frozen(yard: Yard, plant: str | None) -> Iterator[Verdict]:
    """A worker that is frozen past its lease at each place, while another one takes over, and then wakes.

    Not within a transaction: there everybody waits until it wakes.
    """
    how = {"how": "SIGSTOP", "not_at": "before commit", "settings": ["short_lease"], "plant": plant}
    for place in count(1):
        with yard.world() as world:
            pid = world.start(None, die_at=place, **how)
            if not world.wait_until_stopped(pid):
                return
            world.let_leases_run_out()
            world.run(None, settings=["short_lease"], plant=plant)
            world.tell(pid, "SIGCONT")
            world.wait(pid)
            world.finish_day(None, plant)
            yield world.verdict()


def test_a_worker_that_is_frozen_past_its_lease_and_wakes_does_no_harm(
    smtp: Yard, tell: Callable[[object], None]
) -> None:
    table = Table()
    for verdict in _frozen(smtp, None):
        table.add("frozen past its lease", verdict)
    tell(table)
    assert table.bad == []
    assert table.total.kills > 40
    assert table.total.duplicates <= table.total.ambiguous


@pytest.mark.parametrize(
    ("plant", "worlds"),
    [(plant, _frozen if plant == "no_fence" else _swept) for plant in PLANTS],
    ids=list(PLANTS),
)
def test_a_planted_bug_is_caught(smtp: Yard, plant: str, worlds: Callable[[Yard, str], Iterator[Verdict]]) -> None:
    assert any(verdict.bad for verdict in worlds(smtp, plant))
