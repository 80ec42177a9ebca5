"""What follows from what came back: who is suppressed, who is not, and how it is taken back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest

import letters
from builders import NOON, issue, papers, subscriber
from digestmail.errors import InputError, NotFoundError
from digestmail.mail.reports import Kind
from digestmail.mail.tokens import Purpose
from digestmail.model import AttemptEvent, Delivery, DeliveryStatus, Origin, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.inbound import Outcome, receive
from digestmail.newsletter.subscribe import Change, import_subscriptions, subscribe, sync, unsubscribe
from digestmail.newsletter.suppression import count_rejection, unsuppress
from digestmail.protocols import Letter
from digestmail.storage.claims import Settlement
from digestmail.storage.store import Store
from digestmail.testing import FixedClock
from letters import MESSAGE_ID, READER, TOKEN, token_of
from newsletters import newsletter, subscription


@dataclass
class Pile:
    """A mailbox in memory."""

    contents: Sequence[bytes]
    name: str = "pile"
    #: name → whether a person should look
    seen: dict[str, bool] = field(default_factory=dict)

    def letters(self) -> Iterator[Letter]:
        """Yield what is not seen."""
        yield from (Letter(str(n), raw) for n, raw in enumerate(self.contents) if str(n) not in self.seen)

    def done(self, letter: Letter, *, look: bool) -> None:
        """Mark it."""
        self.seen[letter.name] = look


@dataclass
class Desk:
    """A newsletter with one reader, and somebody who opens its letters."""

    newsletter: Newsletter
    clock: FixedClock

    def open(self, *contents: bytes) -> list[Outcome]:
        return list(receive(self.newsletter, Pile(contents)))

    def decision(self, raw: bytes) -> str:
        [outcome] = self.open(raw)
        return outcome.decision

    @property
    def status(self) -> SubscriberStatus:
        found = self.newsletter.store.subscribers.find(READER)
        assert found
        return found.status

    def send(self, *, message_id: str, ago: int = 0, status: DeliveryStatus = DeliveryStatus.SENT) -> Delivery:
        """An issue that the mail server took, or refused, some days ago; ago 0 is now."""
        store, now = self.newsletter.store, self.clock() - timedelta(days=ago)
        reader = store.subscribers.find(READER)
        assert reader
        paper = papers(len(store.deliveries.find()) + 1)[-1]
        store.corpus.add([paper], now)
        store.deliveries.plan(
            [replace(issue([paper], reader, slot=now.date()), message_id=message_id, composed_at=now)]
        )
        [claimed] = store.claims.turn(now, wanted=1).claimed
        event = AttemptEvent.SENT if status is DeliveryStatus.SENT else AttemptEvent.FAILED
        assert not store.claims.turn(now, settlements=[Settlement(claimed, status, event)]).lost
        return claimed


@pytest.fixture
def desk(store: Store) -> Desk:
    clock = FixedClock(NOON)
    store.subscribers.put([subscriber(), subscriber("ann@example.org")])
    house = newsletter(store, clock=clock, soft_limit=5, soft_days=30)
    return Desk(house, clock)


# -- who it is about --------------------------------------------------------------------------------------------------


def test_a_hard_bounce_with_a_token_suppresses_at_once(desk: Desk) -> None:
    [outcome] = desk.open(letters.postfix())
    assert (outcome.kind, outcome.code, outcome.address, outcome.decision) == (
        Kind.HARD,
        "5.1.1",
        READER,
        "suppressed",
    )
    assert desk.status is SubscriberStatus.SUPPRESSED


def test_a_message_id_of_ours_proves_as_much_as_a_token(desk: Desk) -> None:
    desk.send(message_id="<ours@papers.example>", ago=1)
    raw = letters.postfix(to="bounces@papers.example", returned="Message-ID: <ours@papers.example>")
    assert desk.decision(raw) == "suppressed"
    [event] = desk.newsletter.store.addresses.list(READER)
    assert event.slot == date(2026, 6, 29)


def test_a_bounce_that_anybody_could_have_written_changes_nothing(desk: Desk) -> None:
    forged = letters.postfix(to="bounces@papers.example", returned="Subject: Daily Papers")
    assert desk.decision(forged) == "unproven: anybody could have written it"
    for day in range(10):
        desk.clock.advance(days=1)
        desk.decision(letters.postfix(code="5.2.2", to="bounces@papers.example", returned=f"Subject: {day}"))
        desk.decision(letters.arf(returned=f"Subject: {day}"))
    assert desk.status is SubscriberStatus.ACTIVE
    assert {event.verdict for event in desk.newsletter.store.addresses.list(READER)} == {"unproven"}


def test_a_forged_token_proves_nothing(desk: Desk) -> None:
    forged = letters.postfix(to="bounces+k7q2mz5s@papers.example", returned="Subject: Daily Papers")
    assert desk.decision(forged).startswith("unproven")


def test_a_token_of_ones_own_does_not_reach_another_reader(desk: Desk) -> None:
    victim = letters.postfix(to=f"bounces+{token_of('ann@example.org')}@papers.example", returned="")
    [outcome] = desk.open(victim)
    assert outcome.address == "ann@example.org"
    assert desk.status is SubscriberStatus.ACTIVE


def test_a_dead_end_behind_the_readers_address_counts_softly(desk: Desk) -> None:
    assert desk.decision(letters.postfix(reader="somebody@forwarded.example")) == "counted: 1 of 5"


def test_an_address_of_nobody_is_kept_and_changes_nothing(desk: Desk) -> None:
    raw = letters.postfix(reader="stranger@example.net", to="bounces@papers.example", returned="")
    assert desk.decision(raw) == "noted: not a reader"
    [event] = desk.newsletter.store.addresses.list()
    assert (event.email, event.note) == (None, "stranger@example.net 550 5.1.1 no mailbox of this name")


def test_spam_to_the_bounce_address_leaves_no_row(desk: Desk) -> None:
    assert desk.decision(letters.letter(sender="spam@example.net", subject="Cheap!")) == "noted: not a reader"
    assert desk.newsletter.store.addresses.list() == []


# -- what follows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [letters.arf(), letters.outlook_complaint()], ids=["yahoo", "outlook"])
def test_a_complaint_suppresses(desk: Desk, raw: bytes) -> None:
    desk.send(message_id=MESSAGE_ID)
    assert desk.decision(raw) == "suppressed"
    assert desk.newsletter.store.addresses.reasons() == {READER: "complaint"}


def soft(desk: Desk, number: int) -> str:
    """A soft bounce of today's issue."""
    identity = f"<soft{number}@papers.example>"
    desk.send(message_id=identity)
    return desk.decision(letters.postfix(code="5.2.2", returned=f"Message-ID: {identity}", diagnostic=str(number)))


def test_five_issues_that_bounce_softly_suppress(desk: Desk) -> None:
    decisions = []
    for day in range(5):
        decisions.append(soft(desk, day))
        desk.clock.advance(days=1)
    assert decisions == [
        *(f"counted: {n} of 5" for n in range(1, 5)),
        "suppressed: 5 issues within 30 days",
    ]
    assert desk.newsletter.store.addresses.reasons() == {READER: "soft bounce 5.2.2"}


def test_several_reports_about_one_issue_count_once(desk: Desk) -> None:
    desk.send(message_id=MESSAGE_ID)
    reports = [letters.postfix(code="4.2.2", diagnostic=str(number)) for number in range(9)]
    assert {outcome.decision for outcome in desk.open(*reports)} == {"counted: 1 of 5"}


def test_soft_bounces_long_apart_do_not_add_up(desk: Desk) -> None:
    for number in range(8):
        assert soft(desk, number).startswith("counted")
        desk.clock.advance(days=10)
    assert desk.status is SubscriberStatus.ACTIVE


def test_an_issue_that_arrives_between_begins_the_count_anew(desk: Desk) -> None:
    for number in range(4):
        soft(desk, number)
        desk.clock.advance(days=1)
    desk.send(message_id="<arrived@papers.example>")
    # six days without a word about it: it has arrived
    desk.clock.advance(days=7)
    assert soft(desk, 9) == "counted: 1 of 5"


def test_an_out_of_office_is_a_sign_of_life(desk: Desk) -> None:
    for number in range(4):
        soft(desk, number)
        desk.clock.advance(days=1)
    desk.send(message_id=MESSAGE_ID)
    desk.open(letters.EXCHANGE_AWAY)
    desk.clock.advance(days=7)
    assert soft(desk, 9) == "counted: 1 of 5"


@pytest.mark.parametrize(
    "raw",
    [
        letters.postfix(code="5.7.1"),
        letters.postfix(code="5.3.4"),
        letters.postfix(code="4.4.1", action="delayed"),
        letters.EXCHANGE_AWAY,
        letters.GMAIL_AWAY,
        letters.letter(),
        letters.arf(feedback="not-spam"),
    ],
    ids=["policy", "too long", "delayed", "exchange away", "gmail away", "reply", "not spam"],
)
def test_what_is_not_the_readers_fault_changes_nothing_however_often(desk: Desk, raw: bytes) -> None:
    desk.send(message_id=MESSAGE_ID)
    for number in range(9):
        desk.clock.advance(days=1)
        assert desk.decision(raw + b"%d" % number) == "noted"
    assert desk.status is SubscriberStatus.ACTIVE


def test_a_mail_that_asks_to_leave_needs_no_token(desk: Desk) -> None:
    assert desk.decision(letters.unsubscribe(sender="Reader@example.org")) == "unsubscribed"
    assert desk.status is SubscriberStatus.UNSUBSCRIBED
    assert desk.decision(letters.unsubscribe(subject=f"unsubscribe {TOKEN}")) == "noted: has unsubscribed before"


def test_a_token_unsubscribes_from_any_address(desk: Desk) -> None:
    raw = letters.unsubscribe(sender="private@example.net", subject=f"unsubscribe {TOKEN}")
    assert desk.decision(raw) == "unsubscribed"


def test_almost_an_address_unsubscribes_nobody(desk: Desk) -> None:
    assert desk.decision(letters.unsubscribe(sender="reader@example.org.evil.example")) == "noted: not a reader"
    assert desk.status is SubscriberStatus.ACTIVE


def test_unsubscribing_by_mail_holds_against_the_config_file(store: Store) -> None:
    house = newsletter(store, subscriptions=[subscription()])
    sync(house)
    list(receive(house, Pile([letters.unsubscribe()])))
    assert [synced.change for synced in sync(house)] == [Change.LEFT_ALONE]
    [reader] = store.subscribers.all()
    assert (reader.status, reader.origin) == (SubscriberStatus.UNSUBSCRIBED, Origin.STORE)


def test_a_bounce_of_who_has_left_does_not_suppress(desk: Desk) -> None:
    unsubscribe(desk.newsletter, READER)
    assert desk.decision(letters.postfix()) == "noted: has unsubscribed before"


def test_a_suppressed_reader_may_still_leave(desk: Desk) -> None:
    desk.open(letters.postfix())
    assert desk.decision(letters.unsubscribe()) == "unsubscribed"


# -- reading ----------------------------------------------------------------------------------------------------------


def test_the_same_message_counts_once(desk: Desk) -> None:
    raw = letters.postfix(code="5.2.2")
    again = raw.replace(b"\r\n", b"\n")
    assert [outcome.decision for outcome in desk.open(raw, again)] == ["counted: 1 of 5", "read before"]
    assert len(desk.newsletter.store.addresses.list()) == 1


def test_every_recipient_of_a_report_has_a_row(desk: Desk) -> None:
    outcomes = desk.open(letters.several_recipients().replace(TOKEN.encode(), b"nobodys1"))
    assert [outcome.decision for outcome in outcomes] == [
        "unproven: anybody could have written it",
        "noted: not a reader",
        "noted: not a reader",
    ]
    assert [event.kind for event in desk.newsletter.store.addresses.list()] == ["notice", "delayed", "hard bounce"]


def test_a_message_is_marked_only_after_its_decision_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("pulled the plug")

    pile = Pile([letters.postfix()])
    with monkeypatch.context() as broken:
        broken.setattr(type(desk.newsletter.store.addresses), "record", fail)
        with pytest.raises(OSError, match="plug"):
            list(receive(desk.newsletter, pile))
    assert pile.seen == {}
    list(receive(desk.newsletter, pile))
    assert pile.seen == {"0": False}


def test_a_person_is_asked_to_look_at_replies_riddles_and_what_is_unproven(desk: Desk) -> None:
    riddle = letters.letter(sender="postmaster@example.org")
    unproven = letters.postfix(to="bounces@papers.example", returned="")
    pile = Pile([letters.letter(), riddle, unproven, letters.EXCHANGE_AWAY, letters.postfix()])
    list(receive(desk.newsletter, pile))
    assert pile.seen == {"0": True, "1": True, "2": True, "3": False, "4": False}


def test_one_that_cannot_be_read_costs_only_itself(desk: Desk) -> None:
    outcomes = desk.open(b"x" * 10_000_001, letters.postfix())
    assert [outcome.problem for outcome in outcomes] == ["longer than 10,000,000 bytes", ""]
    assert desk.status is SubscriberStatus.SUPPRESSED


def test_a_dry_run_decides_and_keeps_nothing(desk: Desk) -> None:
    pile = Pile([letters.postfix(), letters.postfix(code="5.2.2")])
    outcomes = list(receive(desk.newsletter, pile, dry_run=True))
    assert [outcome.decision for outcome in outcomes] == ["suppressed", "noted: is suppressed already"]
    assert desk.status is SubscriberStatus.ACTIVE
    assert desk.newsletter.store.addresses.list() == []
    assert pile.seen == {}


# -- refused while it was sent ----------------------------------------------------------------------------------------


def rejected(desk: Desk, code: str = "5.1.1") -> str:
    """The mail server refuses an issue of a new day."""
    desk.clock.advance(days=1)
    claimed = desk.send(message_id=f"<{desk.clock():%j}@papers.example>", status=DeliveryStatus.FAILED)
    return count_rejection(desk.newsletter, claimed, code, f"550 {code} no").decision


def test_two_issues_refused_because_of_the_address_suppress(desk: Desk) -> None:
    assert [rejected(desk), rejected(desk)] == ["counted: 1 of 2", "suppressed: 2 issues refused"]
    assert desk.newsletter.store.addresses.reasons() == {READER: "rejected 5.1.1"}


def test_one_issue_that_is_refused_again_counts_once(desk: Desk) -> None:
    rejected(desk)
    [delivery] = desk.newsletter.store.deliveries.find()
    assert count_rejection(desk.newsletter, delivery, "5.1.1", "no").decision == "noted: counted before"
    assert desk.status is SubscriberStatus.ACTIVE


def test_an_issue_that_is_taken_between_two_refusals_forgives_the_first(desk: Desk) -> None:
    rejected(desk)
    desk.clock.advance(days=1)
    desk.send(message_id="<taken@papers.example>")
    assert rejected(desk) == "counted: 1 of 2"


@pytest.mark.parametrize(
    ("code", "decision"), [("5.2.2", "counted: 1 of 5"), ("5.7.1", "noted"), ("550", "counted: 1 of 5")]
)
def test_refusals_for_other_reasons_follow_the_rules_of_bounces(desk: Desk, code: str, decision: str) -> None:
    assert rejected(desk, code) == decision


# -- taking it back ---------------------------------------------------------------------------------------------------


def test_a_suppression_is_taken_back_and_both_are_kept(desk: Desk) -> None:
    desk.open(letters.postfix())
    assert unsuppress(desk.newsletter, READER, note="has a new mailbox") is SubscriberStatus.ACTIVE
    assert desk.status is SubscriberStatus.ACTIVE
    events = desk.newsletter.store.addresses.list(READER)
    assert [(event.kind, event.decision) for event in events] == [
        ("operator", "unsuppressed"),
        ("hard bounce", "suppressed"),
    ]
    assert events[0].note == "has a new mailbox"


def test_what_was_counted_before_counts_no_more(desk: Desk) -> None:
    for number in range(5):
        soft(desk, number)
        desk.clock.advance(days=1)
    unsuppress(desk.newsletter, READER)
    assert soft(desk, 9) == "counted: 1 of 5"


def test_who_had_not_confirmed_has_not_after_a_suppression_either(desk: Desk) -> None:
    desk.newsletter.store.subscribers.put([subscriber(status=SubscriberStatus.PENDING)])
    assert desk.decision(letters.postfix()) == "suppressed: was pending"
    assert unsuppress(desk.newsletter, READER) is SubscriberStatus.PENDING


def test_only_who_is_suppressed_can_be_unsuppressed(desk: Desk) -> None:
    with pytest.raises(InputError, match="is not suppressed: it is active"):
        unsuppress(desk.newsletter, READER)
    with pytest.raises(NotFoundError):
        unsuppress(desk.newsletter, "stranger@example.net")


def _subscribe(desk: Desk) -> Change:
    return subscribe(desk.newsletter, subscription(keywords=["pruning"]))


def _import(desk: Desk) -> Change:
    [synced] = import_subscriptions(desk.newsletter, [subscription(keywords=["pruning"])])
    return synced.change


@pytest.mark.parametrize("again", [_subscribe, _import])
def test_subscribing_again_does_not_bring_back_a_suppressed_address(
    desk: Desk, again: Callable[[Desk], Change]
) -> None:
    desk.open(letters.postfix())
    assert again(desk) is Change.SUPPRESSED
    assert desk.status is SubscriberStatus.SUPPRESSED


def test_a_suppressed_reader_of_the_config_file_stays_suppressed(store: Store) -> None:
    house = newsletter(store, subscriptions=[subscription()])
    sync(house)
    token = house.tokens.address(Purpose.BOUNCE, store.subscribers.all()[0].uid)
    list(receive(house, Pile([letters.postfix(to=f"bounces+{token}@papers.example")])))
    assert [synced.change for synced in sync(house)] == [Change.SUPPRESSED]
    unsuppress(house, READER)
    assert sync(house) == []
