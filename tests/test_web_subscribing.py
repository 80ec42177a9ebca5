"""The form that puts strangers on the list, what it tells and to whom, and the page that a letter leads to."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

import pages
from builders import NOON, THE_LIST, paper, papers
from digestmail.mail.tokens import Purpose, Tokens
from digestmail.model import DeliveryKind, Envelope, Subscriber, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.deliver import Stop
from digestmail.newsletter.run import run, send_letters
from digestmail.newsletter.subscribe import subscribe, unsubscribe
from digestmail.storage.store import Store
from digestmail.testing import FixedClock, MemoryTransport
from newsletters import newsletter, subscription
from pages import BASE, links, site

ANN, BOB, CLARA, DORA = (f"{name}@example.org" for name in ("ann", "bob", "clara", "dora"))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def daily(store: Store, clock: FixedClock) -> Newsletter:
    store.corpus.add([*papers(6), paper("Of Cabbages", key="arxiv:2606.09999")], NOON)
    return replace(newsletter(store, clock=clock), mailing_list=replace(THE_LIST, base_url=BASE))


def form(email: str = ANN, action: str = "subscribe", **fields: str) -> dict[str, str]:
    return pages.form(email=email, action=action, **fields)


def mails(daily: Newsletter) -> list[Envelope]:
    """Everything that goes out now has gone out, oldest first."""
    send_letters(daily, Stop())
    assert isinstance(daily.transport, MemoryTransport)
    return list(daily.transport.messages.values())


def door(daily: Newsletter) -> str:
    """The path of the link in the last letter."""
    text = mails(daily)[-1].content.decode().replace("=\r\n", "")
    found = re.search(rf"^{re.escape(BASE)}(/c/\S+)\r$", text.replace("=3D", "="), re.MULTILINE)
    assert found, text
    return found[1]


def reader(daily: Newsletter, email: str = ANN) -> Subscriber:
    return pages.reader(daily, email)


def everyone(daily: Newsletter) -> list[Subscriber]:
    return daily.store.subscribers.all()


# -- the whole way ---------------------------------------------------------------------------------------------------


def test_from_the_daily_papers_to_the_first_issue(daily: Newsletter, client: TestClient) -> None:
    today = client.get("/")
    assert "Get trending papers in your email inbox" in today.text
    assert "/subscribe" in links(today.text)
    assert client.get("/subscribe").status_code == 200
    asked = client.post("/subscribe", data=form(keywords="quantization^2\n-cabbages"))
    assert (asked.status_code, "Look into your inbox" in asked.text) == (200, True)
    link = door(daily)
    looked = client.get(link)
    assert "quantization^2" in looked.text
    assert reader(daily).status is SubscriberStatus.PENDING
    welcome = client.post(link)
    assert (welcome.status_code, "You are subscribed" in welcome.text) == (200, True)
    [preferences] = {to for to in links(welcome.text) if to.startswith("/p/")}
    assert "quantization^2" in client.get(preferences).text
    assert [len(issue.papers) for issue in run(daily).issues] == [6]


def test_a_preview_shows_the_last_days_and_asks_for_nothing(daily: Newsletter, client: TestClient) -> None:
    answer = client.post("/subscribe", data=form("", action="preview", keywords="quantization\nunheard"))
    assert answer.status_code == 200
    assert "would have received <strong>6</strong>" in answer.text
    assert "Never written in these days" in answer.text
    assert (mails(daily), everyone(daily), daily.store.signups.waiting(9)) == ([], [], [])


def test_keywords_may_be_added_with_a_weight_of_a_list(client: TestClient) -> None:
    chosen = {"add-1": "large models", "weight-1": "3", "add-2": "surveys", "weight-2": "out", "add-3": "x^2"}
    text = client.post("/subscribe", data=form(action="preview", keywords="first", **chosen)).text
    assert "first\nlarge models^3\n-surveys\nx^2</textarea>" in text
    again = client.post("/subscribe", data=form(action="preview", keywords="", **{"add-1": "x^many"}))
    assert (again.status_code, "x^many</textarea>" in again.text) == (422, True)


def test_a_search_leads_here_with_its_words(client: TestClient) -> None:
    [to] = {link for link in links(client.get("/papers?q=small+models").text) if "?keywords" in link}
    assert "small models</textarea>" in client.get(to).text


def test_mistakes_are_told_beside_their_fields_and_what_was_typed_stays(daily: Newsletter, client: TestClient) -> None:
    answer = client.post("/subscribe", data=form("nobody", keywords="fine\nattention^many", papers="1000"))
    assert answer.status_code == 422
    for name in ("email", "keywords", "papers"):
        assert f'id="{name}-problem"' in answer.text
    assert 'value="nobody"' in answer.text
    assert "attention^many</textarea>" in answer.text
    assert daily.store.signups.waiting(9) == []


def test_what_a_stranger_types_is_text_and_nothing_else(daily: Newsletter, client: TestClient) -> None:
    hostile = '</textarea><script>alert(1)</script>{{ 7 * 7 }}"onfocus='
    for action in ("preview", "subscribe"):
        text = client.post("/subscribe", data=form(hostile, action, keywords=hostile, timezone=hostile)).text
        assert "<script>" not in text
        assert '"onfocus' not in text
        assert "{{ 7 * 7 }}" in text
    client.post("/subscribe", data=form(keywords='"<b>bold</b>"'))
    assert "<b>bold" not in client.get(door(daily)).text


def test_a_list_that_is_closed_has_no_such_page(store: Store) -> None:
    closed = newsletter(store)
    with site(closed, subscribing=False) as client:
        assert client.get("/subscribe").status_code == 404
        assert client.post("/subscribe", data=form()).status_code == 404
        assert "/subscribe" not in client.get("/").text


def test_somebody_is_told_at_once_that_there_is_a_letter_to_write(daily: Newsletter, client: TestClient) -> None:
    told: list[bool] = []
    client.app.state.post = lambda: told.append(True)  # type: ignore[attr-defined]
    client.post("/subscribe", data=form(action="preview"))
    client.post("/subscribe", data=form("nobody"))
    assert told == []
    client.post("/subscribe", data=form())
    assert told == [True]


# -- who is on the list stays unknown --------------------------------------------------------------------------------


def of_all_kinds(daily: Newsletter) -> None:
    """Bob is on the list, Clara has left, mail to Dora has come back; nobody knows Ann."""
    for email in (BOB, CLARA, DORA):
        subscribe(daily, subscription(email))
    unsubscribe(daily, CLARA)
    daily.store.subscribers.put([replace(reader(daily, DORA), status=SubscriberStatus.SUPPRESSED)])


def test_every_address_gets_the_same_answer(daily: Newsletter, client: TestClient) -> None:
    of_all_kinds(daily)
    answers = {email: client.post("/subscribe", data=form(email)) for email in (ANN, BOB, CLARA, DORA)}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert len({answer.text.replace(email, "…") for email, answer in answers.items()}) == 1
    kept = [{**answer.headers, "content-length": ""} for answer in answers.values()]
    assert all(headers == kept[0] for headers in kept)
    went = [(mail.rcpt_to, mail.content.count(b"/c/") > 0) for mail in mails(daily)]
    assert went == [(ANN, True), (BOB, False), (CLARA, True)]


def test_the_store_is_asked_the_same_for_every_address(daily: Newsletter, client: TestClient) -> None:
    of_all_kinds(daily)
    engine = daily.store.signups._database._engine
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    seen = []
    for email in (ANN, BOB, CLARA, DORA):
        asked.clear()
        client.post("/subscribe", data=form(email))
        seen.append(tuple(asked))
    assert len(set(seen)) == 1
    assert seen[0]


def test_an_address_that_asks_again_gets_the_same_answer_and_no_other_letter(
    daily: Newsletter, client: TestClient
) -> None:
    answers = {client.post("/subscribe", data=form()).text for _ in range(4)}
    assert len(answers) == 1
    assert len(mails(daily)) == 1


# -- nobody is pestered ----------------------------------------------------------------------------------------------


def test_bombing_is_answered_with_not_now(daily: Newsletter) -> None:
    with site(daily, trusted_proxies=("10.0.0.0/8",)) as client:
        client._transport.client = ("10.0.0.1", 1)  # type: ignore[attr-defined]

        def ask(number: int, address: str) -> int:
            headers = {"X-Forwarded-For": f"203.0.113.99, {address}"}
            answer = client.post("/subscribe", data=form(f"reader{number}@example.org"), headers=headers)
            assert ("Retry-After" in answer.headers) is (answer.status_code == 429)
            return answer.status_code

        assert [ask(number, "198.51.100.1") for number in range(7)] == [200] * 5 + [429] * 2
        assert ask(8, "198.51.100.200") == 429, "the same network"
        assert ask(9, "198.51.101.1") == 200
    assert len(mails(daily)) == 6


def test_a_header_that_nobody_trusts_makes_no_other_network(daily: Newsletter, client: TestClient) -> None:
    told = [
        client.post("/subscribe", data=form(), headers={"X-Forwarded-For": f"198.51.{number}.1"}).status_code
        for number in range(6)
    ]
    assert told == [200] * 5 + [429]


def test_one_address_asked_for_by_a_thousand_networks_gets_one_letter(daily: Newsletter) -> None:
    with site(daily, trusted_proxies=("10.0.0.0/8",)) as client:
        client._transport.client = ("10.0.0.1", 1)  # type: ignore[attr-defined]
        for number in range(1000):
            headers = {"X-Forwarded-For": f"{number // 250 + 1}.{number % 250}.0.1"}
            assert client.post("/subscribe", data=form(), headers=headers).status_code == 200
    clock = daily.clock
    assert isinstance(clock, FixedClock)
    for _ in range(20):
        send_letters(daily, Stop())
        clock.advance(minutes=1)
    assert daily.store.signups.waiting(9) == []
    assert len(mails(daily)) == 1


# -- the link of a letter --------------------------------------------------------------------------------------------


def test_every_token_that_is_not_good_gets_the_same_page(
    daily: Newsletter, client: TestClient, clock: FixedClock
) -> None:
    client.post("/subscribe", data=form())
    link, who = door(daily), reader(daily)
    good = link.removeprefix("/c/")
    day = NOON.date().isoformat()
    bad = [
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        Tokens(b"another secret").link(Purpose.CONFIRM, who.uid, subject=day),
        daily.tokens.link(Purpose.PREFERENCES, who.uid, subject=day),
        daily.tokens.link(Purpose.CONFIRM, "nobody", subject=day),
        daily.tokens.link(Purpose.CONFIRM, who.uid, version=1, subject=day),
        daily.tokens.link(Purpose.CONFIRM, who.uid, subject="2020-01-01"),
        daily.tokens.link(Purpose.CONFIRM, who.uid, subject="soon"),
        daily.tokens.link(Purpose.CONFIRM, who.uid),
        "x" * 3000,
        "%00%ff<script>",
    ]
    for ask in (client.get, client.post):
        answers = [ask(f"/c/{token}") for token in bad]
        assert {answer.status_code for answer in answers} == {404}
        assert {answer.text for answer in answers} == {client.get("/nothing").text}
    clock.advance(hours=48)
    assert client.get(link).status_code == client.post(link).status_code == 404
    assert reader(daily).status is SubscriberStatus.PENDING


def test_link_scanners_that_look_confirm_nothing(daily: Newsletter, client: TestClient) -> None:
    client.post("/subscribe", data=form())
    link = door(daily)
    for ask in (client.get, client.head, client.options):
        ask(link)
    assert reader(daily).status is SubscriberStatus.PENDING
    assert [path for path in links(client.get(link).text) if path == link] == [link]


def test_a_yes_needs_no_cookie_and_leads_nowhere_else(daily: Newsletter, client: TestClient) -> None:
    client.post("/subscribe", data=form())
    answer = client.post(f"{door(daily)}?next=https://evil.example", data={"next": "https://evil.example"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert "evil.example" not in answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_yes_that_is_said_twice_is_answered_twice(daily: Newsletter, client: TestClient) -> None:
    client.post("/subscribe", data=form())
    link = door(daily)
    assert client.post(link).text == client.post(link).text == client.get(link).text
    assert len(everyone(daily)) == 1


def test_a_reminder_leads_to_the_preferences(daily: Newsletter, client: TestClient) -> None:
    subscribe(daily, subscription(ANN))
    client.post("/subscribe", data=form())
    text = mails(daily)[-1].content.decode().replace("=\r\n", "")
    found = re.search(rf"^{re.escape(BASE)}(/p/\S+)\r$", text, re.MULTILINE)
    assert found
    assert client.get(found[1]).status_code == 200
    [letter] = daily.store.deliveries.find(letters=True)
    assert letter.kind is DeliveryKind.REMINDER


def test_the_token_of_a_confirmation_is_masked_in_logs(
    daily: Newsletter, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.post("/subscribe", data=form())
    link = door(daily)
    caplog.set_level("INFO", "digestmail")
    client.get(link)
    said = "\n".join(one.getMessage() for one in caplog.records if one.name.startswith("digestmail"))
    assert "/c/…" in said
    assert link.removeprefix("/c/") not in said
    assert ANN not in said
