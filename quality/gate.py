"""``make quality``: independent programs read the issues that ``digestmail templates check`` makes.

html-validate and vnu (the validator of the W3C) read the HTML, caniemail knows what mail programs understand, axe-core
looks at the pages in Chromium at three widths in light and dark, and SpamAssassin scores the messages. Then faults are
planted into a good issue, and every program must find those it is there for: a gate that lets everything through would
look just as green.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
#: programs, and the Debian packages that bring them
PROGRAMS = {
    "chromium": "chromium",
    "java": "default-jre-headless",
    "spamassassin": "spamassassin",
    "node": "nodejs",
    "npm": "npm",
}
MOST_SPAM = 0.5
TEMPLATES = ("issue", "compact", "confirm", "reminder")
#: the message that faults are planted into
GOOD = "issue-ten-papers"

#: what may be found, and why: checker, what the finding says, the reason
ALLOWED = tuple(
    (checker, re.compile(pattern), reason)
    for checker, pattern, reason in (
        ("vnu", r"“(mso-[\w-]+|supported-color-schemes)”", "words to Outlook and to Apple Mail, which others skip"),
        ("vnu", r"Attribute “xmlns:[vo]” not allowed", "the name spaces of Outlook's ghost tables"),
        ("vnu", r"attribute on the “(table|td|col)” element is obsolete", "Outlook knows nothing newer"),
        ("vnu", r"“type” attribute for the “style” element is not needed", "MJML writes it, and it does no harm"),
        (
            "caniemail",
            r"(@media|Attribute selector|Chaining selectors): not in outlook\.windows$",
            "light at full width",
        ),
        ("caniemail", r":hover: ", "a fingertip cannot hover, and nothing is said by it"),
        ("caniemail", r"<body> element: not in outlook\.macos$", "the background is also set on what is inside"),
        ("caniemail", r"border-radius: not in outlook\.windows$", "square corners do as well"),
        ("caniemail", r"(outline|table-layout|word-spacing): not in outlook\.windows$", "resets that MJML writes"),
        ("caniemail", r"overflow: not in outlook\.windows$", "hides the preview line, which mso-hide does there"),
        ("caniemail", r"overflow-wrap: ", "for words longer than a line; where it is unknown the page grows wider"),
    )
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a checker says of one file."""

    checker: str
    file: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.checker}: {Path(self.file).stem}: {self.rule}: {self.message}"

    @property
    def allowed(self) -> bool:
        """Whether there is a reason to let it be."""
        said = f"{self.rule}: {self.message}"
        return any(checker == self.checker and pattern.search(said) for checker, pattern, _ in ALLOWED)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong, put into a good page or message, and who must notice."""

    name: str
    plant: Callable[[str], str]
    checkers: tuple[str, ...]


def _into_body(markup: str) -> Callable[[str], str]:
    return lambda page: re.sub(r"(<body\b[^>]*>)", lambda body: body[1] + markup, page, count=1)


def _without(pattern: str) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, "", text, count=1, flags=re.IGNORECASE | re.MULTILINE)


def _shouted(message: str) -> str:
    shouting = "Subject: FREE $$$ MILLION DOLLARS WINNER, ACT NOW!!! 100% GUARANTEED"
    message = re.sub(r"^Subject: .*(?:\n[ \t].*)*", shouting, message, count=1, flags=re.MULTILINE)
    return _without(r"^Message-ID: .*\n")(_without(r"^Date: .*\n")(message))


_PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
PAGE_FAULTS = (
    Fault(
        "low contrast",
        _into_body('<p style="color:#c4c4c4;background-color:#ffffff;">Pale</p>'),
        ("axe",),
    ),
    Fault(
        "dark in dark",
        _into_body(
            "<style>@media (prefers-color-scheme: dark) { .odd { color: #303030 !important; } }</style>"
            '<p class="odd" style="color:#ffffff;background-color:#202020;">Lost</p>'
        ),
        ("axe",),
    ),
    Fault("no alt", _into_body(f'<img src="{_PIXEL}" width="9" height="9">'), ("html-validate", "vnu", "axe")),
    Fault("no lang", _without(r'(?<=<html) lang="[^"]*"'), ("html-validate", "vnu", "axe")),
    Fault("unclosed tag", _into_body("<div><b>Open</div>"), ("html-validate", "vnu")),
    Fault("duplicate id", _into_body('<p id="one">1</p><p id="one">2</p>'), ("html-validate", "vnu")),
    Fault("empty link", _into_body('<a href="https://example.org/"></a>'), ("html-validate", "axe")),
    Fault("lost doctype", _without(r"<!doctype html>"), ("html-validate", "vnu", "browser")),
    # of the widths only 320 px show it
    Fault("too wide", _into_body('<div style="width:340px">Wide</div>'), ("browser",)),
    Fault("from the network", _into_body('<img src="http://127.0.0.1:9/x.png" alt="">'), ("browser",)),
    Fault("unknown to mail", _into_body('<p style="clip-path:circle(40%);position:sticky">Odd</p>'), ("caniemail",)),
)
MESSAGE_FAULTS = (Fault("shouting, undated", _shouted, ("spamassassin",)),)


def main() -> int:
    install()
    with tempfile.TemporaryDirectory(prefix="digestmail-quality-") as folder:
        work = Path(folder)
        make_messages(work / "made")
        make_trusted(work / "made", work / "trusted")
        plant_faults(work / "made", work / "planted")
        pages = sorted(work.rglob("*.html"))
        messages = sorted(work.rglob("*.eml"))
        findings = list(run_checkers(pages, messages, home=work))
        good = report_good(findings, work / "made", len(pages) + len(messages))
        caught = report_planted(findings, work / "planted")
    return 0 if good and caught else 1


def install() -> None:
    """Bring the programs that are missing, from Debian and from npm."""
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if missing:
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        say(f"installing {' '.join(missing)}")
        quietly([*root, "apt-get", "update"])
        quietly([*root, "apt-get", "install", "--yes", "--no-install-recommends", *missing])
    wanted, installed = HERE / "package.json", HERE / "node_modules" / ".installed"
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        say("installing the packages of quality/package.json")
        quietly(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=HERE)
        installed.write_bytes(wanted.read_bytes())


def quietly(command: Sequence[str], cwd: Path = ROOT) -> None:
    """Run a command whose output matters only when it fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"quality: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def make_messages(folder: Path) -> None:
    """The shipped templates, in all extremes."""
    command = [sys.executable, "-m", "digestmail", "templates", "check", *TEMPLATES, "--out", str(folder)]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit("quality: 'digestmail templates check' found faults")


#: a newsletter with all that receivers ask for
TRUSTED = """\
newsletter:
  name: Daily Papers
  from: Daily Papers <papers@example.org>
  base_url: https://papers.example.org
  bounce_address: bounces@example.org
  reply_to: editor@example.org
  dkim: [{{key: rsa.pem}}, {{key: ed25519.pem, selector: ed25519}}]
sources: [{{kind: page, path: "{root}/samples/daily-papers.txt"}}]
"""


def make_trusted(folder: Path, home: Path) -> None:
    """An issue as it is sent: signed, with a reader's links and all headers."""
    home.mkdir()
    (home / "config.yaml").write_text(TRUSTED.format(root=ROOT), encoding="utf-8")
    for command in (
        ["dkim", "new", "example.org", "--out", "rsa.pem"],
        ["dkim", "new", "example.org", "--ed25519", "--out", "ed25519.pem"],
        ["fetch"],
        ["doctor"],
        ["preview", "-k", "attention", "-k", "reasoning", "--out", str(folder)],
    ):
        quietly([sys.executable, "-m", "digestmail", *command], cwd=home)


def plant_faults(made: Path, planted: Path) -> None:
    """One copy of the good page, and of the good message, for each fault."""
    planted.mkdir()
    for suffix, faults in ((".html", PAGE_FAULTS), (".eml", MESSAGE_FAULTS)):
        good = (made / GOOD).with_suffix(suffix).read_text(encoding="utf-8")
        for fault in faults:
            spoilt = fault.plant(good)
            assert spoilt != good, f"{fault.name} could not be planted"
            (planted / fault.name.replace(" ", "-")).with_suffix(suffix).write_text(spoilt, encoding="utf-8")


def run_checkers(pages: Sequence[Path], messages: Sequence[Path], *, home: Path) -> Iterator[Finding]:
    """What all say, each started once for all files, two at a time."""
    jobs: Mapping[str, Callable[[], Iterable[Finding]]] = {
        "axe-core in Chromium": lambda: look(pages),
        "html-validate and caniemail": lambda: read(pages),
        "vnu": lambda: validate(pages),
        "SpamAssassin": lambda: score(messages, home),
    }
    with ThreadPoolExecutor(max_workers=2) as pool:
        for found in pool.map(lambda name: timed(name, jobs[name]), jobs):
            yield from found


def timed(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    began = time.monotonic()
    found = list(check())
    say(f"{name}: {time.monotonic() - began:.0f} s")
    return found


def look(pages: Sequence[Path]) -> Iterator[Finding]:
    program = shutil.which("chromium")
    assert program, "installed above"
    return parse_lines(output(["node", "axe.mjs", program, *map(str, pages)]))


def read(pages: Sequence[Path]) -> Iterator[Finding]:
    return parse_lines(output(["node", "html.mjs", *map(str, pages)]))


def validate(pages: Sequence[Path]) -> Iterator[Finding]:
    jar = HERE / "node_modules/vnu-jar/build/dist/vnu.jar"
    command = ["java", "-Xss2m", "-jar", str(jar), "--format", "json", "--stdout", "--exit-zero-always"]
    for one in json.loads(output([*command, *map(str, pages)]))["messages"]:
        kind = one.get("subType", one["type"])
        yield Finding("vnu", one["url"].removeprefix("file:"), kind, f"{one['message']} (line {one.get('lastLine')})")


def score(messages: Sequence[Path], home: Path) -> Iterator[Finding]:
    # a home of its own, or what it learnt of earlier messages would count
    environment = {**os.environ, "HOME": str(home)}
    told = output(["spamassassin", "--local", "--test-mode", *map(str, messages)], environment)
    for message, verdict in zip(messages, parse_scores(told), strict=True):
        if verdict[0] > MOST_SPAM:
            yield Finding("spamassassin", str(message), "score", f"{verdict[0]} > {MOST_SPAM}: {verdict[1]}")


def output(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What a checker prints; that it finds something is no failure, that it cannot run is."""
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"quality: {command[0]} failed with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def parse_lines(text: str) -> Iterator[Finding]:
    """Findings that were printed as one JSON object per line."""
    for line in text.splitlines():
        yield Finding(**json.loads(line))


def parse_scores(text: str) -> Iterator[tuple[float, str]]:
    """The score of every message, and the tests that made it."""
    for found in re.finditer(
        r"^X-Spam-Status: (?:Yes|No), score=(-?[\d.]+)[^\n]*((?:\n[ \t][^\n]*)*)", text, re.MULTILINE
    ):
        yield float(found[1]), " ".join(found[0].partition("tests=")[2].partition("autolearn")[0].split())


def report_good(findings: Iterable[Finding], folder: Path, files: int) -> bool:
    """Tell what is wrong with the messages as they were made."""
    faults = [one for one in findings if Path(one.file).parent == folder and not one.allowed]
    for fault in faults:
        print(fault)
    say(f"{files} files read, {len(faults)} faults in what the templates make")
    return not faults


def report_planted(findings: Iterable[Finding], folder: Path) -> bool:
    """Tell who found which planted fault, and who did not."""
    found = {
        (Path(one.file).stem, one.checker) for one in findings if Path(one.file).parent == folder and not one.allowed
    }
    missed = False
    for fault in (*PAGE_FAULTS, *MESSAGE_FAULTS):
        for checker in fault.checkers:
            caught = (fault.name.replace(" ", "-"), checker) in found
            missed |= not caught
            print(f"planted: {fault.name:<18} {checker:<14} {'found' if caught else 'MISSED'}")
    return not missed


def say(text: str) -> None:
    print(f"quality: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
