"""A newsletter of one's own for every acceptance test."""

import json
from pathlib import Path

import pytest

from house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A newsletter with one reader and three papers about attention in a file."""
    lines = [
        {"id": f"2606.0000{number}", "title": f"Attention number {number}", "abstract": "We attend.", "upvotes": number}
        for number in range(3)
    ]
    (tmp_path / "papers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    house = House(tmp_path)
    house.write(
        newsletter={"name": "Papers", "from": "Papers <papers@example.org>"},
        sources=[{"kind": "jsonl", "path": "papers.jsonl"}],
        subscribers=[{"email": "reader@example.org", "keywords": ["attention"]}],
    )
    return house
