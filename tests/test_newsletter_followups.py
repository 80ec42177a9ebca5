"""Follow-ups: what became of papers that a reader has is told once, in the next issue."""

import email
import email.policy
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from builders import NOON, TODAY, paper, papers
from digestmail.errors import DeliveryDeferred, DeliveryRejected, StoreError
from digestmail.model import ChangeKind, Delivery, DeliveryStatus, Envelope, Paper, Revision
from digestmail.newsletter.audit import audit
from digestmail.newsletter.compose import plan_due
from digestmail.newsletter.deliver import joining_for, message_of
from digestmail.newsletter.doctor import check_template
from digestmail.newsletter.explain import Verdict, explain
from digestmail.newsletter.preview import preview
from digestmail.newsletter.prove import prove
from digestmail.newsletter.run import run
from digestmail.rendering.compile import Templates
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, ListSource, MemoryTransport
from newsletters import ROOT, newsletter, subscription

READER = "reader@example.org"
ABSTRACT = "We quantize a large model and keep 99.2% of its accuracy on nine benchmarks, at a third of the memory."
NEWER = ABSTRACT.replace("99.2%", "98.7%")
FIRST = paper("Quantization first", key="arxiv:2606.00001", abstract=ABSTRACT)


class House:
    """A newsletter over a few days, with one source whose word changes."""

    def __init__(self, store: Store, *found: Paper, failures: tuple[Exception, ...] = (), **rules: object) -> None:
        self.store, self.clock, self.source = store, FixedClock(NOON), ListSource(found or (FIRST,))
        self.transport = MemoryTransport(failures)  # type: ignore[arg-type]
        self.newsletter = newsletter(
            store,
            self.source,
            transport=self.transport,
            clock=self.clock,
            subscriptions=[subscription(READER)],
            **{"followups": True, **rules},  # type: ignore[arg-type]  # these are rules only
        )

    def next_day(self, *entries: Paper | Revision) -> Delivery:
        """A run on the day after, with what the source says then."""
        self.clock.advance(days=1)
        self.source.entries = list(entries)
        run(self.newsletter)
        return self.latest

    @property
    def latest(self) -> Delivery:
        return self.store.deliveries.find(email=READER)[0]

    @property
    def message(self) -> EmailMessage:
        return read(list(self.transport.messages.values())[-1])


def read(envelope: Envelope) -> EmailMessage:
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    content: str = part.get_content()
    return content


def told(delivery: Delivery) -> list[tuple[str, str]]:
    return [(change.paper.title, str(change.kind)) for change in delivery.followups]


def another(number: int = 2) -> Paper:
    return paper(f"Quantization number {number}", key=f"arxiv:2606.0000{number}")


def test_a_reader_is_told_once_of_each_change_in_the_next_issue(store: Store) -> None:
    house = House(store)
    run(house.newsletter)
    revised = replace(FIRST, version=2, abstract=NEWER, doi="10.1038/s41586-1", code_url="https://github.com/a/b")
    second = house.next_day(Revision(revised), another())
    assert told(second) == [("Quantization first", kind) for kind in ("revised", "published", "code")]
    text, html = (" ".join(body(house.message, kind).split()) for kind in ("plain", "html"))
    assert "== News of papers you have == * Quantization first" in text
    assert "New version (v2): the abstract changed. … model and keep [-99.2%-] {+98.7%+} of its accuracy …" in text
    assert "Published: https://doi.org/10.1038/s41586-1 Code: https://github.com/a/b https://arxiv.org/abs/" in text
    assert "model and keep <del>99.2%</del> <ins>98.7%</ins> of its accuracy" in html
    assert '<a href="https://doi.org/10.1038/s41586-1">doi:10.1038/s41586-1</a>' in html
    third = house.next_day(Revision(revised), another(3))
    assert (len(third.papers), third.followups) == (1, ())
    assert "News of papers" not in body(house.message, "plain")
    assert audit(house.newsletter).faults == []


def test_what_happened_before_a_paper_was_sent_is_no_news_to_its_reader(store: Store) -> None:
    """Another reader has it for longer."""
    house = House(store)
    run(house.newsletter)
    late = subscription("late@example.org")
    both = replace(house.newsletter, subscriptions=(*house.newsletter.subscriptions, late))
    house.newsletter = both
    house.next_day(replace(FIRST, code_url="https://github.com/a/b"), another())
    mine = {one.subscriber.email: one for one in store.deliveries.find() if one.slot > TODAY}
    assert told(mine[READER]) == [("Quantization first", "code")]
    assert {ranked.paper.title for ranked in mine["late@example.org"].papers} == {another().title, FIRST.title}
    assert mine["late@example.org"].followups == ()


def test_whoever_was_not_sent_a_paper_is_not_told_of_it(store: Store) -> None:
    house = House(store, failures=(DeliveryRejected("550 no"),))
    run(house.newsletter)
    assert house.latest.status is DeliveryStatus.FAILED
    assert house.next_day(replace(FIRST, withdrawn=True), another()).followups == ()


def test_a_paper_that_is_on_its_way_counts_as_sent(store: Store) -> None:
    house = House(store, failures=(DeliveryDeferred("451 later"),))
    run(house.newsletter)
    assert told(house.next_day(replace(FIRST, withdrawn=True), another())) == [("Quantization first", "withdrawn")]


def test_nobody_is_told_anything_unless_it_is_asked_for(store: Store) -> None:
    house = House(store, followups=False)
    run(house.newsletter)
    assert house.next_day(replace(FIRST, withdrawn=True), another()).followups == ()
    # and what is older than a month is no news to those who ask for it then
    house.clock.advance(days=31)
    house.newsletter = replace(house.newsletter, rules=replace(house.newsletter.rules, followups=True))
    assert house.next_day(another(3)).followups == ()


def test_of_many_changes_withdrawals_come_first_and_the_rest_comes_next_time(store: Store) -> None:
    many = [replace(one, key=f"arxiv:2606.1{at:04}", abstract=ABSTRACT) for at, one in enumerate(papers(14))]
    house = House(store, *many, max_papers=14)
    run(house.newsletter)
    changed = [replace(one, code_url="https://github.com/a/b") for one in many[:13]]
    second = house.next_day(*map(Revision, changed), Revision(replace(many[13], withdrawn=True)), another())
    assert [kind for _, kind in told(second)] == ["withdrawn", *["code"] * 9]
    third = house.next_day(another(3))
    assert [kind for _, kind in told(third)] == ["code"] * 4
    assert len({title for title, _ in told(second) + told(third)}) == 14
    assert house.next_day(another(4)).followups == ()


def test_a_withdrawal_is_worth_a_mail_of_its_own_and_waits_for_no_papers(store: Store) -> None:
    house = House(store)
    run(house.newsletter)
    second = house.next_day(replace(FIRST, withdrawn=True))
    assert (second.status, told(second), second.papers) == ("sent", [("Quantization first", "withdrawn")], ())
    assert house.message["Subject"] == "News of papers you have"
    assert "<b>Withdrawn by its authors.</b>" in body(house.message, "html")


def test_other_news_waits_for_an_issue_with_papers(store: Store) -> None:
    house = House(store)
    run(house.newsletter)
    second = house.next_day(replace(FIRST, code_url="https://github.com/a/b"))
    assert (second.status, second.followups) == (DeliveryStatus.EMPTY, ())
    third = house.next_day(another())
    assert told(third) == [("Quantization first", "code")]


def test_other_news_alone_is_sent_where_empty_issues_are(store: Store) -> None:
    house = House(store, send_empty=True)
    run(house.newsletter)
    second = house.next_day(replace(FIRST, code_url="https://github.com/a/b"))
    assert (second.status, told(second)) == ("sent", [("Quantization first", "code")])


def test_an_empty_slot_is_planned_anew_for_a_withdrawal(store: Store) -> None:
    house = House(store)
    run(house.newsletter)
    assert house.next_day().status is DeliveryStatus.EMPTY
    house.clock.advance(hours=1)
    house.source.entries = [replace(FIRST, withdrawn=True)]
    run(house.newsletter)
    assert (house.latest.status, told(house.latest)) == ("sent", [("Quantization first", "withdrawn")])


def test_every_attempt_tells_the_same_whatever_has_happened_since(store: Store) -> None:
    house = House(store)
    run(house.newsletter)
    house.transport.failures = [DeliveryDeferred("451 later")]
    waiting = house.next_day(replace(FIRST, version=2, abstract=NEWER), another())
    shown = message_of(house.newsletter, waiting, joining_for(house.newsletter, waiting.template)).envelope.content
    later = replace(FIRST, title="Quantization FIRST", version=3, abstract=NEWER.replace("nine", "two"), withdrawn=True)
    assert told(house.next_day(later)) == [("Quantization FIRST", "withdrawn")]
    assert house.transport.messages[waiting.message_id].content == shown
    assert "[-99.2%-] {+98.7%+}" in body(email.message_from_bytes(shown, policy=email.policy.default), "plain")


def test_a_preview_shows_the_news_that_the_run_sends(store: Store) -> None:
    house = House(store)
    run(house.newsletter)
    house.clock.advance(days=1)
    changed = [replace(FIRST, withdrawn=True), another()]
    store.corpus.add(changed, house.clock.now - timedelta(hours=1))
    shown = preview(house.newsletter)
    house.source.entries = []
    run(house.newsletter)
    sent = next(one for one in house.transport.messages.values() if one.message_id == shown.envelope.message_id)
    assert sent.content == shown.envelope.content
    assert "Withdrawn by its authors." in body(read(sent), "plain")


def test_two_planners_cannot_both_tell_a_reader(store: Store, tmp_path: Path) -> None:
    """Whoever comes second finds the change told; were it not to look, the primary key would refuse it."""
    house = House(store)
    run(house.newsletter)
    store.corpus.revise([replace(FIRST, withdrawn=True)], NOON + timedelta(hours=1))
    house.clock.advance(days=1)
    with store.rehearsal():
        [issue] = plan_due(house.newsletter, house.clock())
    later = replace(issue, slot=issue.slot + timedelta(days=1), message_id="<later@example.org>")
    [first] = store.deliveries.plan([issue])
    [second] = store.deliveries.plan([later])
    assert (len(first.followups), second.followups) == (1, ())
    with closing(sqlite3.connect(tmp_path / "digestmail.db")) as connection:
        assert connection.execute("SELECT count(*) FROM followup").fetchone() == (1,)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO followup SELECT subscriber_id, change_id, delivery_id + 1 FROM followup")


def test_a_plan_that_cannot_be_written_tells_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of a change and the delivery that tells it are one transaction."""
    from digestmail.storage import followups

    house = House(store)
    run(house.newsletter)

    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(followups, "keep", fail)
        with pytest.raises(StoreError):
            house.next_day(replace(FIRST, withdrawn=True))
    assert len(store.deliveries.find()) == 1
    assert told(house.next_day()) == [("Quantization first", "withdrawn")]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM followup", "UPDATE plan SET content = json_remove(content, '$.followups')"]
)
def test_the_audit_misses_what_was_told_without_a_record(store: Store, tmp_path: Path, statement: str) -> None:
    house = House(store)
    run(house.newsletter)
    house.next_day(replace(FIRST, withdrawn=True))
    assert audit(house.newsletter).faults == []
    with closing(sqlite3.connect(tmp_path / "digestmail.db")) as connection, connection:
        connection.execute(statement)
    assert [fault.partition(": ")[2] for fault in audit(house.newsletter).faults] == [
        "it tells of other changes than are on record for it"
    ]


def test_a_plan_of_an_older_version_reads_as_before(store: Store, tmp_path: Path) -> None:
    house = House(store)
    run(house.newsletter)
    with closing(sqlite3.connect(tmp_path / "digestmail.db")) as connection:
        plan = json.loads(connection.execute("SELECT content FROM plan").fetchone()[0])
    assert "followups" not in plan
    assert "lull" not in plan
    assert (house.latest.followups, house.latest.lull) == ((), None)


def test_a_template_that_shows_no_news_is_given_none(store: Store, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    for name in ("subject.txt", "inline.css", "body.txt", "body.mjml"):
        content = (ROOT / "templates/compact" / name).read_text("utf-8")
        without = re.sub(
            r"\{%-? if followups.*?\{%- endif %\}\n|\{% if followups.*\{% endif %\}\n(?=\n-- )",
            "",
            content,
            flags=re.DOTALL,
        )
        (tmp_path / "own" / name).write_text(without.replace("{% elif followups %}", "{% elif headline %}"), "utf-8")
    templates = Templates(tmp_path)
    assert not templates.load("own").shows("followups")
    house = House(store, template="own")
    house.newsletter = replace(house.newsletter, templates=templates)
    run(house.newsletter)
    assert house.next_day(replace(FIRST, withdrawn=True), another()).followups == ()
    told_so = [check.found for check in check_template(templates, "own", followups=True)]
    assert "own: shows no news of papers: nobody is told any" in told_so


def test_the_way_of_a_paper_ends_with_what_became_of_it(store: Store) -> None:
    house = House(store)
    run(house.newsletter)
    house.next_day(replace(FIRST, withdrawn=True))
    steps = [step.what for step in prove(house.newsletter, READER, FIRST.key).steps]
    assert steps[-2:] == [
        "withdrawn by its authors",
        f"the issue of {TODAY + timedelta(days=1)} tells that it was withdrawn by its authors",
    ]


def test_a_paper_that_was_withdrawn_before_it_was_sent_is_not_sent(store: Store) -> None:
    gone = replace(another(), withdrawn=True)
    house = House(store, FIRST, gone, paper("Fish"))
    run(house.newsletter)
    assert [ranked.paper.key for ranked in house.latest.papers] == [FIRST.key]
    assert explain(house.newsletter, READER, gone.key).verdict is Verdict.WITHDRAWN
    done = audit(house.newsletter)
    assert done.faults == []
    assert done.places == {"sent": 1, "withdrawn": 1, "below threshold": 1}
    assert "1 withdrawn by its authors, 1 here." in " ".join(body(house.message, "plain").split())


def test_a_paper_that_is_withdrawn_while_it_waits_its_turn_leaves_the_queue(store: Store) -> None:
    house = House(store, *papers(3), max_papers=2)
    run(house.newsletter)
    [left] = {one.key for one in papers(3)} - {ranked.paper.key for ranked in house.latest.papers}
    waiting = next(one for one in papers(3) if one.key == left)
    assert house.next_day(replace(waiting, withdrawn=True)).status is DeliveryStatus.EMPTY
    assert audit(house.newsletter).faults == []
    assert ChangeKind.WITHDRAWN not in {change.kind for one in store.deliveries.find() for change in one.followups}
