"""What many killed worlds have shown, in one table."""

from collections import defaultdict
from dataclasses import dataclass, field

from crash.world import Verdict

_HEAD = """\
| killed at | kills | ambiguous ends | duplicates | held | lost, repeated, changed |
|---|---|---|---|---|---|"""


@dataclass
class Row:
    """All kills at one kind of place."""

    kills: int = 0
    ambiguous: int = 0
    duplicates: int = 0
    held: int = 0
    bad: int = 0


@dataclass
class Table:
    """Kills by the place where they struck."""

    rows: dict[str, Row] = field(default_factory=lambda: defaultdict(Row))
    #: everything that must not be, with the place
    bad: list[str] = field(default_factory=list)

    def add(self, place: str, verdict: Verdict) -> None:
        """One world."""
        row = self.rows[place]
        row.kills += 1
        row.ambiguous += verdict.ambiguous
        row.duplicates += verdict.duplicates
        row.held += verdict.held
        row.bad += len(verdict.bad)
        self.bad += [f"killed at {place}: {one}" for one in verdict.bad]

    @property
    def total(self) -> Row:
        """All places together."""
        names = ("kills", "ambiguous", "duplicates", "held", "bad")
        return Row(*(sum(getattr(row, name) for row in self.rows.values()) for name in names))

    def __str__(self) -> str:
        lines = [_HEAD, *(_line(place, row) for place, row in sorted(self.rows.items())), _line("**all**", self.total)]
        return "\n".join(lines)


def _line(place: str, row: Row) -> str:
    return f"| {place} | {row.kills} | {row.ambiguous} | {row.duplicates} | {row.held} | {row.bad} |"
