"""Files of subscribers."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import subscriber
from digestmail.cli import exchange
from digestmail.config import load_subscribers
from digestmail.errors import InputError
from digestmail.model import Cadence


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_with_nothing_but_addresses_is_enough(tmp_path: Path) -> None:
    readers = load_subscribers(written(tmp_path, "r.csv", "email\nann@example.org\nbob@example.org\n"))
    assert [reader.email for reader in readers] == ["ann@example.org", "bob@example.org"]


def test_keywords_in_a_csv_cell_are_separated_by_semicolons_or_commas(tmp_path: Path) -> None:
    text = 'email,keywords,max_papers\nann@example.org,"""a, b""^2; -survey, RAG",5\n'
    [reader] = load_subscribers(written(tmp_path, "r.csv", text))
    assert reader.keywords == ('"a, b"^2', "-survey", "RAG")
    assert reader.max_papers == 5


def test_all_problems_of_a_csv_are_told_with_their_lines(tmp_path: Path) -> None:
    text = "email,keyword,timezone\nann@example.org,x,UTC\nnobody,,Europe/Berlim\n"
    with pytest.raises(InputError) as caught:
        load_subscribers(written(tmp_path, "r.csv", text))
    lines = [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]
    assert lines[0] == "r.csv:1: unknown column 'keyword' (did you mean 'keywords'?)"
    assert lines[1].startswith("r.csv:3: subscribers[1].email: ")
    assert lines[2].startswith("r.csv:3: subscribers[1].timezone: ")
    assert "Europe/Berlin" in lines[2]


def test_a_bad_keyword_in_yaml_is_named(tmp_path: Path) -> None:
    text = "subscribers:\n  - email: ann@example.org\n    keywords: [fine, '\"open']\n"
    with pytest.raises(InputError, match=r"r\.yaml:3: subscribers\[0\]\.keywords\[1\]: unbalanced quote"):
        load_subscribers(written(tmp_path, "r.yaml", text))


def test_an_address_that_stands_twice_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"r\.csv:3: .*the same address as subscribers\[0\] \(line 2\)"):
        load_subscribers(written(tmp_path, "r.csv", "email\nann@example.org\nAnn@example.org\n"))


@pytest.mark.parametrize("name", ["missing.csv", "missing.yaml"])
def test_a_missing_file_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"missing\.\w+: no such file$"):
        load_subscribers(tmp_path / name)


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"should end with \.csv or \.yaml"):
        exchange.read(tmp_path / "readers.xlsx")


_KEYWORDS = st.lists(
    st.sampled_from(
        ['"mixture of experts"^3', "quantization", "-survey", "author:Tri Dao", '"a; b, c"', "cat:cs.LG^0.5"]
    ),
    unique=True,
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    keywords=_KEYWORDS,
    cadence=st.sampled_from(["daily", "weekdays", "weekly:sun"]),
    size=st.none() | st.integers(1, 100),
    kind=st.sampled_from(exchange.Kind),
)
def test_what_is_exported_is_imported_again(
    tmp_path: Path, keywords: list[str], cadence: str, size: int | None, kind: exchange.Kind
) -> None:
    one = subscriber(keywords=keywords, cadence=Cadence.parse(cadence), timezone="Asia/Tokyo", max_papers=size)
    path = written(tmp_path, f"r.{kind}", exchange.write([one], kind))
    [read] = exchange.read(path)
    assert (read.email, read.profile, read.cadence, read.timezone, read.max_papers) == (
        one.email,
        one.profile,
        one.cadence,
        one.timezone,
        one.max_papers,
    )
