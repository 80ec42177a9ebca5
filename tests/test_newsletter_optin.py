"""Asking to be on the list, the letter that asks back, and the yes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOON, paper
from digestmail.errors import AddressError, DeliveryDeferred, InputError, NotFoundError, TooOften
from digestmail.mail.tokens import Purpose
from digestmail.model import Delivery, DeliveryKind, DeliveryStatus, Envelope, Origin, Subscriber, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.audit import audit
from digestmail.newsletter.compose import plan_due
from digestmail.newsletter.deliver import Stop, deliver
from digestmail.newsletter.farewell import erase
from digestmail.newsletter.letters import letter_of, template_of
from digestmail.newsletter.optin import answer, ask, confirm, invitation, read_address
from digestmail.newsletter.preferences import Wishes, read_wishes
from digestmail.newsletter.resolve import resend
from digestmail.newsletter.run import run, send_letters
from digestmail.newsletter.subscribe import Change, import_subscriptions, subscribe, unsubscribe
from digestmail.ranking.profile import format_keywords
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, MemoryTransport
from newsletters import newsletter, subscription

ANN = "ann@example.org"
HOME = "192.0.2.1"
WISHES = read_wishes({"keywords": "pruning^2\n-survey", "gate": "strict", "cadence": "weekly:fri", "papers": "5"})
DAY, WEEK = timedelta(days=1), timedelta(days=7)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def daily(store: Store, clock: FixedClock) -> Newsletter:
    return newsletter(store, clock=clock)


def mails(daily: Newsletter) -> list[Envelope]:
    """What was sent, oldest first."""
    assert isinstance(daily.transport, MemoryTransport)
    return list(daily.transport.messages.values())


def sent(daily: Newsletter) -> list[str]:
    """Who has got something, oldest first."""
    return [envelope.rcpt_to for envelope in mails(daily)]


def letters(daily: Newsletter, email: str = ANN) -> list[Delivery]:
    found = daily.store.deliveries.find(email=email, letters=True)
    return sorted((one for one in found if one.is_letter), key=lambda one: one.id)


def reader(daily: Newsletter, email: str = ANN) -> Subscriber:
    found = daily.store.subscribers.find(email)
    assert found
    return found


def token(daily: Newsletter, email: str = ANN) -> str:
    """The token in the last letter."""
    last, who = letters(daily, email)[-1], reader(daily, email)
    until = last.planned_at + timedelta(hours=48)
    return daily.tokens.link(
        Purpose.CONFIRM, who.uid, version=who.token_version, expires=until, subject=last.slot.isoformat()
    )


def sign_up(daily: Newsletter, email: str = ANN, wishes: Wishes = WISHES, client: str = HOME) -> None:
    """Ask, and have the letter sent."""
    ask(daily, email, wishes, client)
    send_letters(daily, Stop())


# -- from the question to the first issue --------------------------------------------------------------------------


def test_who_asks_gets_a_letter_and_who_says_yes_gets_issues(daily: Newsletter, clock: FixedClock) -> None:
    sign_up(daily)
    assert sent(daily) == [ANN]
    assert reader(daily).status is SubscriberStatus.PENDING
    daily.store.corpus.add([paper("Pruning")], NOON)
    run(daily)
    assert sent(daily) == [ANN], "nobody gets an issue without a yes"
    on_the_list = confirm(daily, token(daily))
    assert on_the_list == reader(daily)
    assert on_the_list.status is SubscriberStatus.ACTIVE
    assert format_keywords(on_the_list.profile) == ["pruning^2", "-survey"]
    assert (str(on_the_list.cadence), on_the_list.max_papers, on_the_list.profile.gate) == ("weekly:fri", 5, "strict")
    clock.now += 3 * DAY  # the next Friday
    run(daily)
    assert sent(daily) == [ANN, ANN]
    assert audit(daily).faults == []


def test_a_run_sends_the_letters_that_nobody_has_sent(daily: Newsletter) -> None:
    ask(daily, ANN, WISHES, HOME)
    report = run(daily)
    assert (sent(daily), report.delivered.letters) == ([ANN], {DeliveryStatus.SENT: 1})
    assert report.delivered.counts.total() == 0


def test_letters_leave_issues_to_the_run(daily: Newsletter) -> None:
    subscribe(daily, subscription("bob@example.org"))
    daily.store.corpus.add([paper("Quantization")], NOON)
    plan_due(daily, NOON)
    sign_up(daily)
    assert sent(daily) == [ANN]
    deliver(daily)
    assert sent(daily) == [ANN, "bob@example.org"]


def test_an_issue_of_the_same_day_has_a_slot_of_its_own(daily: Newsletter) -> None:
    sign_up(daily, wishes=Wishes())
    confirm(daily, token(daily))
    daily.store.corpus.add([paper("Pruning")], NOON)
    run(daily)
    assert sent(daily) == [ANN, ANN]
    assert [one.kind for one in daily.store.deliveries.find(email=ANN)] == [DeliveryKind.ISSUE]


def test_looking_changes_nothing_and_saying_yes_twice_is_saying_it_once(daily: Newsletter) -> None:
    sign_up(daily)
    before = reader(daily)
    invited = invitation(daily, token(daily))
    assert (invited.settled, format_keywords(invited.subscriber.profile)) == (False, ["pruning^2", "-survey"])
    assert reader(daily) == before
    link = token(daily)
    once = confirm(daily, link)
    assert confirm(daily, link) == once == reader(daily)
    assert invitation(daily, link).settled


# -- what a letter is ------------------------------------------------------------------------------------------------


def test_a_letter_says_nothing_that_a_stranger_has_written(daily: Newsletter) -> None:
    sign_up(daily, wishes=read_wishes({"keywords": "BUY-PILLS-NOW\nhttps://spam.example"}))
    [envelope] = mails(daily)
    assert b"PILLS" not in envelope.content.upper()
    assert b"spam.example" not in envelope.content


def test_a_letter_has_no_headers_of_a_list(daily: Newsletter) -> None:
    sign_up(daily)
    head = mails(daily)[0].content.partition(b"\r\n\r\n")[0].decode()
    names = [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith(" ")]
    assert names == [
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"),
    ]


def test_every_attempt_of_a_letter_is_the_same_to_the_byte(daily: Newsletter, clock: FixedClock) -> None:
    ask(daily, ANN, WISHES, HOME)
    answer(daily)
    [letter] = letters(daily)
    first = letter_of(daily, letter, template_of(daily, letter))
    clock.now += timedelta(hours=3)
    assert letter_of(daily, letter, template_of(daily, letter)) == first
    deliver(daily)
    assert mails(daily) == [first]


def test_a_letter_is_not_sent_anew_by_the_operator(daily: Newsletter) -> None:
    sign_up(daily)
    with pytest.raises(InputError, match="asks again"):
        resend(daily, letters(daily)[0].id)


# -- who asks, whoever they are ------------------------------------------------------------------------------------


def test_who_is_on_the_list_gets_a_reminder_and_keeps_what_they_have(daily: Newsletter) -> None:
    subscribe(daily, subscription(ANN, ("attention",)))
    before = reader(daily)
    sign_up(daily)
    assert [one.kind for one in letters(daily)] == [DeliveryKind.REMINDER]
    assert (sent(daily), reader(daily)) == ([ANN], before)


def test_who_has_left_stays_away_until_they_say_yes(daily: Newsletter) -> None:
    subscribe(daily, subscription(ANN, ("attention",)))
    unsubscribe(daily, ANN)
    sign_up(daily)
    assert reader(daily).status is SubscriberStatus.UNSUBSCRIBED
    assert format_keywords(reader(daily).profile) == ["attention"]
    confirm(daily, token(daily))
    assert (reader(daily).status, reader(daily).origin) == (SubscriberStatus.ACTIVE, Origin.STORE)
    assert format_keywords(reader(daily).profile) == ["pruning^2", "-survey"]


def test_mail_that_came_back_is_not_sent_again(daily: Newsletter) -> None:
    subscribe(daily, subscription(ANN))
    daily.store.subscribers.put([replace(reader(daily), status=SubscriberStatus.SUPPRESSED)])
    sign_up(daily)
    assert (sent(daily), letters(daily)) == ([], [])


def test_who_was_erased_may_come_back_by_their_own_yes_only(daily: Newsletter) -> None:
    subscribe(daily, subscription(ANN))
    erase(daily, reader(daily))
    sign_up(daily)
    old = import_subscriptions(daily, [subscription(ANN)])
    assert [one.change for one in old] == [Change.ERASED], "a stranger may have asked"
    assert reader(daily).status is SubscriberStatus.PENDING
    confirm(daily, token(daily))
    assert reader(daily).status is SubscriberStatus.ACTIVE
    assert daily.store.erasures.erased([daily.tokens.tombstone(ANN)]) == set()


def test_whoever_an_operator_puts_on_the_list_need_not_say_yes(daily: Newsletter) -> None:
    sign_up(daily)
    assert subscribe(daily, subscription(ANN, ("attention",))) is Change.ADDED
    assert reader(daily).status is SubscriberStatus.ACTIVE
    confirm(daily, token(daily))
    assert format_keywords(reader(daily).profile) == ["attention"], "what the operator wrote stays"


def test_a_link_of_before_does_not_bring_back_who_has_left_since(daily: Newsletter) -> None:
    sign_up(daily)
    link = token(daily)
    confirm(daily, link)
    unsubscribe(daily, ANN)
    with pytest.raises(NotFoundError):
        confirm(daily, link)
    assert reader(daily).status is SubscriberStatus.UNSUBSCRIBED


def test_whoever_erases_themselves_leaves_no_request(daily: Newsletter, clock: FixedClock) -> None:
    sign_up(daily)
    confirm(daily, token(daily))
    clock.now += 2 * DAY
    ask(daily, ANN.upper(), WISHES, HOME)
    erase(daily, reader(daily))
    assert daily.store.signups.waiting(9) == []


# -- time ------------------------------------------------------------------------------------------------------------


def test_a_link_is_good_for_two_days(daily: Newsletter, clock: FixedClock) -> None:
    sign_up(daily)
    link = token(daily)
    clock.now += timedelta(hours=48) - timedelta(seconds=1)
    assert not invitation(daily, link).settled
    clock.now += timedelta(seconds=1)
    with pytest.raises(NotFoundError):
        confirm(daily, link)


def test_what_nobody_has_confirmed_is_deleted_after_seven_days(daily: Newsletter, clock: FixedClock) -> None:
    sign_up(daily)
    clock.now += WEEK
    answer(daily)
    assert daily.store.subscribers.find(ANN) is not None
    clock.now += timedelta(seconds=1)
    answer(daily)
    assert daily.store.subscribers.find(ANN) is None
    assert letters(daily) == []
    assert daily.store.problems() == []


def test_who_asks_again_within_the_week_is_not_deleted(daily: Newsletter, clock: FixedClock) -> None:
    sign_up(daily)
    clock.now += 5 * DAY
    sign_up(daily)
    clock.now += 3 * DAY
    answer(daily)
    assert reader(daily).status is SubscriberStatus.PENDING
    assert len(letters(daily)) == 2


def test_who_was_on_the_list_is_not_deleted_for_not_answering(daily: Newsletter, clock: FixedClock) -> None:
    subscribe(daily, subscription(ANN))
    unsubscribe(daily, ANN)
    sign_up(daily)
    clock.now += WEEK + DAY
    answer(daily)
    assert reader(daily).status is SubscriberStatus.UNSUBSCRIBED
    with pytest.raises(NotFoundError):
        confirm(daily, token(daily))


def test_a_letter_that_cannot_be_delivered_within_two_days_is_not_tried_any_more(
    store: Store, clock: FixedClock
) -> None:
    daily = newsletter(store, clock=clock, transport=MemoryTransport([DeliveryDeferred("come back later")]))
    sign_up(daily)
    assert [one.status for one in letters(daily)] == [DeliveryStatus.DEFERRED]
    clock.now += timedelta(hours=48, seconds=1)
    deliver(daily)
    assert [one.status for one in letters(daily)] == [DeliveryStatus.FAILED]


def test_a_letter_whose_question_is_answered_is_not_sent(store: Store, clock: FixedClock) -> None:
    daily = newsletter(store, clock=clock)
    ask(daily, ANN, WISHES, HOME)
    answer(daily)
    subscribe(daily, subscription(ANN))
    deliver(daily)
    assert sent(daily) == []
    assert [one.status for one in letters(daily)] == [DeliveryStatus.CANCELLED]


# -- limits ------------------------------------------------------------------------------------------------------------


def test_an_address_gets_one_letter_a_day_and_three_a_month_whoever_asks(daily: Newsletter, clock: FixedClock) -> None:
    for hour in range(24 * 31):
        clock.now = NOON + timedelta(hours=hour)
        sign_up(daily, client=f"198.51.{hour // 200}.1")
    # on days 0, 1, 2, and when the first of these is thirty days old
    assert [one.planned_at - NOON for one in letters(daily)] == [0 * DAY, 1 * DAY, 2 * DAY, 30 * DAY]
    assert len(sent(daily)) == 4


def test_the_case_of_letters_makes_no_other_address(daily: Newsletter) -> None:
    sign_up(daily, ANN)
    sign_up(daily, "ANN@example.org")
    assert len(sent(daily)) == 1


def test_reminders_count_like_questions(daily: Newsletter) -> None:
    subscribe(daily, subscription(ANN))
    for _ in range(3):
        sign_up(daily)
    assert len(sent(daily)) == 1


@pytest.mark.parametrize(
    ("same", "other"),
    [(("192.0.2.1", "192.0.2.254"), "192.0.3.1"), (("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"), "2001:db8:1:3::1")],
)
def test_a_network_asks_five_times_an_hour(
    daily: Newsletter, clock: FixedClock, same: tuple[str, str], other: str
) -> None:
    for number in range(5):
        ask(daily, f"reader{number}@example.org", WISHES, same[number % 2])
    with pytest.raises(TooOften) as refused:
        ask(daily, ANN, WISHES, same[0])
    assert refused.value.wait == timedelta(hours=1)
    ask(daily, ANN, WISHES, other)
    clock.now += timedelta(hours=1)
    ask(daily, ANN, WISHES, same[1])
    answer(daily)
    assert len(daily.store.subscribers.all(SubscriberStatus.PENDING)) == 6


def test_sixty_letters_go_out_in_a_minute_and_the_others_wait(daily: Newsletter, clock: FixedClock) -> None:
    for number in range(150):
        ask(daily, f"reader{number}@example.org", WISHES, f"10.{number}.0.1")
    went: list[int] = []
    for _ in range(4):
        done = send_letters(daily, Stop())
        went.append(len(sent(daily)))
        assert done is (len(sent(daily)) == 150)
        clock.now += timedelta(seconds=30)
    assert went == [60, 60, 120, 120]
    clock.now += timedelta(seconds=30)
    assert send_letters(daily, Stop())
    assert len(set(sent(daily))) == 150


def test_what_is_limited_is_kept_without_addresses_and_not_for_ever(daily: Newsletter, clock: FixedClock) -> None:
    sign_up(daily)
    database = daily.store.signups._database
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM limited").all()
    assert rows
    assert all(ANN not in str(row) and "192.0.2" not in str(row) for row in rows)
    clock.now += timedelta(days=31)
    answer(daily)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT * FROM limited").all() == []


@pytest.mark.parametrize(
    "text", ["", "ann", "ann@", "@example.org", "-x@example.org", "a b@example.org", "a@b\r\nBcc:c@d"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        read_address(text)


def test_an_address_is_kept_in_the_form_that_mail_takes() -> None:
    assert read_address("  Ann@Exämple.org ") == "Ann@xn--exmple-cua.org"
