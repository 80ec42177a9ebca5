"""Doctor: look at every part of the house, and say what is wrong before a reader does. Nothing is sent."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from digestmail.errors import DigestmailError
from digestmail.mail.tokens import Tokens
from digestmail.model import LETTERS, MailingList
from digestmail.newsletter.deliver import Message, finished
from digestmail.protocols import Check, Probe, State
from digestmail.rendering.budget import LIMIT
from digestmail.rendering.checking import letter_trials, trials
from digestmail.rendering.compile import CompiledTemplate, Templates
from digestmail.rendering.extremes import extremes
from digestmail.rendering.joining import joining_of
from digestmail.storage.filesystem import NETWORK, mount_under
from digestmail.storage.store import Store

_SHOWN = 3
# kinds that pass between machines or virtual ones, and whose locks may or may not hold
_DOUBTFUL = frozenset(("9p", "ceph", "fuse.glusterfs", "glusterfs", "lustre", "ocfs2", "virtiofs", "vboxsf"))


def examine(probes: Mapping[str, Probe]) -> Iterator[Check]:
    """What every probe finds, in order. One that cannot look at all has found something, and the others go on."""
    for name, probe in probes.items():
        try:
            yield from probe()
        except DigestmailError as error:
            for line in str(error).splitlines():
                yield Check(State.FAILED, name, line)


def check_template(templates: Templates, name: str, *, followups: bool = False) -> Iterator[Check]:
    """Whether the template of issues compiles, and what it makes of papers that are hard to show.

    ``followups`` says whether readers are to be told what became of papers that they have.
    """
    template = templates.load(name)
    found = list(trials(template))
    # the trial with the most faults tells most
    worst_first = sorted(found, key=lambda trial: -len(trial.faults))
    faults = [f"{trial.name}: {fault}" for trial in worst_first for fault in trial.faults]
    if faults:
        advice = f"'digestmail templates check {name}' tells all {len(faults)}"
        yield Check(State.FAILED, "template", f"{name}: {'; '.join(faults[:_SHOWN])}", advice)
    else:
        yield Check(State.OK, "template", f"{name}: compiles, {len(found)} trial issues without a fault")
    if followups and not template.shows("followups"):
        advice = "use 'followups' in body.mjml and body.txt, as templates/issue does"
        yield Check(State.WARNING, "template", f"{name}: shows no news of papers: nobody is told any", advice)
    for slow in joining_of(template).faults:
        yield Check(State.WARNING, "template", f"{name}: slower than need be: {slow}")
    largest = max(len(trial.rendered.html.encode("utf-8", "replace")) for trial in found)
    usual = next(trial for trial in found if trial.name == "ten papers")
    size = len(usual.rendered.html.encode())
    told = f"ten papers are {size / 1024:.0f} KB of HTML, the largest trial {largest / 1024:.0f} of {LIMIT // 1024} KB"
    yield Check(State.OK if largest <= LIMIT else State.FAILED, "size", told)


def check_letters(templates: Templates) -> Iterator[Check]:
    """Whether who signs up can be written to."""
    for name in LETTERS:
        faults = [
            f"{trial.name}: {fault}" for trial in letter_trials(name, templates.load(name)) for fault in trial.faults
        ]
        if faults:
            advice = f"'digestmail templates check {name}' tells all {len(faults)}"
            yield Check(State.FAILED, "letters", f"{name}: {'; '.join(faults[:_SHOWN])}", advice)
        else:
            yield Check(State.OK, "letters", f"{name}: compiles, its letters are without a fault")


def sample_message(
    mailing_list: MailingList,
    template: CompiledTemplate,
    tokens: Tokens,
    sign: Callable[[bytes], bytes],
    now: datetime,
) -> Message:
    """An issue of ten made-up papers, made as issues are made. Raises what making them raises."""
    made_up = extremes()["ten papers"]
    reader = replace(made_up.subscriber, language=mailing_list.language)
    issue = replace(made_up, mailing_list=mailing_list, subscriber=reader, slot=now.date(), composed_at=now)
    return finished(issue, joining_of(template), tokens, sign)


def check_store(url: str, path: Path | None) -> Iterator[Check]:
    """Whether the database opens, is whole, and lies where its locks work; ``path`` is its file, if it is one."""
    yield from _where(path)
    if path and not path.exists():
        yield Check(State.NOT_CHECKED, "store", f"{path} is not there yet", "the first run makes it")
        return
    store = Store(url)
    try:
        problems = store.problems()
        papers, readers = store.corpus.count(), sum(store.subscribers.count_by_status().values())
    finally:
        store.close()
    for problem in problems[:_SHOWN]:
        yield Check(State.FAILED, "store", problem, "stop every digestmail, then restore it from a backup")
    if not problems:
        yield Check(State.OK, "store", f"whole; papers: {papers}, subscribers: {readers}")


def check_private(files: Mapping[Path, bool]) -> Iterator[Check]:
    """Whether keys and secret are their owner's alone; each file is mapped to whether others may use it."""
    for path, exposed in files.items():
        if exposed:
            yield Check(State.WARNING, "private", f"others may use {path}", f"chmod 600 {path}")
        else:
            yield Check(State.OK, "private", str(path))


def _where(path: Path | None) -> Iterator[Check]:
    if path is None:
        return
    mount = mount_under(path)
    if mount is None:
        yield Check(State.NOT_CHECKED, "file system", "this system does not tell what is mounted")
    elif mount.kind in NETWORK:
        advice = "put the file on a disk of this machine, or use PostgreSQL"
        yield Check(State.FAILED, "file system", f"{mount.point} is {mount.kind}: SQLite loses data there", advice)
    elif mount.kind in _DOUBTFUL:
        advice = "let one machine alone use it, or use PostgreSQL"
        yield Check(State.WARNING, "file system", f"{mount.point} is {mount.kind}, whose locks may not hold", advice)
    else:
        yield Check(State.OK, "file system", f"{mount.point} is {mount.kind}")
