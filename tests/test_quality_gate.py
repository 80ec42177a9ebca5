"""The quality gate's own logic; what its checkers find is shown by the faults that ``make quality`` plants."""

import json
from pathlib import Path

import pytest
from quality import gate

from digestmail.rendering.checking import read_page, trials
from digestmail.rendering.compile import Templates

ROOT = Path(__file__).parents[1]


def finding(checker: str, rule: str = "", message: str = "", file: str = "made/a.html") -> gate.Finding:
    return gate.Finding(checker, file, rule, message)


@pytest.fixture(scope="module")
def good() -> str:
    """An issue without faults."""
    found = {trial.name: trial for trial in trials(Templates(ROOT / "templates").load("issue"))}
    return found["ten papers"].rendered.html


@pytest.mark.parametrize("fault", gate.PAGE_FAULTS, ids=lambda fault: fault.name)
def test_every_fault_can_be_planted_into_a_good_page(fault: gate.Fault, good: str) -> None:
    assert fault.plant(good) != good


@pytest.mark.parametrize("name", ["no alt", "no lang", "unclosed tag", "duplicate id", "lost doctype"])
def test_our_own_check_finds_planted_faults_too(name: str, good: str) -> None:
    [fault] = (fault for fault in gate.PAGE_FAULTS if fault.name == name)
    assert read_page(good).faults == ()
    assert read_page(fault.plant(good)).faults


def test_every_checker_has_a_fault_to_find() -> None:
    checkers = {checker for fault in (*gate.PAGE_FAULTS, *gate.MESSAGE_FAULTS) for checker in fault.checkers}
    assert checkers == {"axe", "browser", "caniemail", "html-validate", "spamassassin", "vnu"}


def test_a_planted_fault_that_nobody_finds_fails_the_gate(capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        finding(checker, file=f"planted/{fault.name.replace(' ', '-')}.html")
        for fault in (*gate.PAGE_FAULTS, *gate.MESSAGE_FAULTS)
        for checker in fault.checkers
    ]
    assert gate.report_planted(found, Path("planted"))
    assert not gate.report_planted(found[1:], Path("planted"))
    assert "MISSED" in capsys.readouterr().out


def test_a_fault_in_what_was_made_fails_the_gate() -> None:
    planted = finding("vnu", "error", "bad", file="planted/a.html")
    assert gate.report_good([planted], Path("made"), 1)
    assert not gate.report_good([planted, finding("vnu", "error", "bad")], Path("made"), 1)


@pytest.mark.parametrize(
    ("one", "allowed"),
    [
        (finding("vnu", "error", "CSS: “mso-hide”: Property “mso-hide” doesn't exist."), True),
        (finding("vnu", "error", "CSS: “clor”: Property “clor” doesn't exist."), False),
        (finding("caniemail", "border-radius", "not in outlook.windows"), True),
        (finding("caniemail", "border-radius", "not in gmail.ios, outlook.windows"), False),
        (finding("axe", "color-contrast", "“mso-hide”"), False),
    ],
)
def test_only_what_there_is_a_reason_for_is_let_through(one: gate.Finding, allowed: bool) -> None:
    assert one.allowed is allowed


def test_scores_are_read_with_the_tests_that_made_them() -> None:
    told = (
        "X-Spam-Status: No, score=-0.0 required=5.0 tests=HTML_MESSAGE,\n\tNO_RELAYS autolearn=ham version=4\n\nbody\n"
        "X-Spam-Status: Yes, score=6.3 required=5.0 tests=A autolearn=no\n"
    )
    assert list(gate.parse_scores(told)) == [(0.0, "HTML_MESSAGE, NO_RELAYS"), (6.3, "A")]


def test_versions_are_exact_and_no_registry_is_named() -> None:
    packages = json.loads((ROOT / "quality/package.json").read_text(encoding="utf-8"))
    assert all(version[0].isdigit() for version in packages["dependencies"].values())
    assert "http" not in json.dumps(packages)
    assert not list((ROOT / "quality").glob("*lock*"))
