"""A reader's own pages: unsubscribe, preferences, pause, take along, erase."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from builders import NOON, TODAY, paper, papers
from digestmail.mail.tokens import Purpose, Tokens
from digestmail.model import DeliveryStatus, SubscriberStatus
from digestmail.newsletter import Newsletter
from digestmail.newsletter.audit import audit
from digestmail.newsletter.run import run
from digestmail.newsletter.subscribe import Change, import_subscriptions, subscribe, sync
from digestmail.storage.store import Store
from newsletters import newsletter, subscription
from pages import READER, door, form, links, reader, site

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def daily(store: Store) -> Newsletter:
    others = [paper(f"Pruning number {index}", key=f"arxiv:2606.1000{index}") for index in range(2)]
    store.corpus.add([*papers(6), *others, paper("Of Cabbages", key="arxiv:2606.09999")], NOON)
    daily = newsletter(store)
    subscribe(daily, subscription(READER))
    return daily


def at(daily: Newsletter, purpose: Purpose = Purpose.PREFERENCES) -> str:
    return door(daily, purpose)


# -- doors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.SAVED])
def test_every_token_that_is_not_good_gets_the_same_page(
    daily: Newsletter, client: TestClient, purpose: Purpose
) -> None:
    begin, uid = at(daily, purpose)[:3], reader(daily).uid
    good = daily.tokens.link(purpose, uid)
    bad = {
        "flipped": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "another secret": Tokens(b"another secret").link(purpose, uid),
        "another purpose": daily.tokens.link(Purpose.CONFIRM, uid),
        "another reader": daily.tokens.link(purpose, "nobody"),
        "an old version": daily.tokens.link(purpose, uid, version=1),
        "over": daily.tokens.link(purpose, uid, expires=NOON - timedelta(seconds=1)),
        "long": "x" * 3000,
        "signs": "%00%ff<script>",
    }
    assert client.get(begin + good).status_code == 200
    answers = {name: client.get(begin + token) for name, token in bad.items()}
    assert {answer.status_code for answer in answers.values()} == {404}
    assert {answer.text for answer in answers.values()} == {client.get("/nothing").text}
    assert {client.post(begin + token).status_code for token in bad.values()} <= {404, 405}


def test_a_readers_page_is_kept_by_no_cache_and_leads_nowhere_by_referrer(
    daily: Newsletter, client: TestClient
) -> None:
    headers = client.get(at(daily)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in headers


def test_a_weaker_link_never_leads_to_a_stronger_one(daily: Newsletter, client: TestClient) -> None:
    for purpose in (Purpose.UNSUBSCRIBE, Purpose.SAVED):
        assert not [link for link in links(client.get(at(daily, purpose)).text) if link.startswith("/p/")]


# -- unsubscribe -----------------------------------------------------------------------------------------------------


def test_link_scanners_that_look_at_the_unsubscribe_page_change_nothing(daily: Newsletter, client: TestClient) -> None:
    where = at(daily, Purpose.UNSUBSCRIBE)
    assert client.get(where).status_code == client.head(where).status_code == 200
    assert client.get(f"{where}/again").status_code == 405
    assert reader(daily).status is SubscriberStatus.ACTIVE


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (
            b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
        (
            b"--b\r\ncontent-disposition: form-data; name=List-Unsubscribe\r\nX-A: b\r\n\r\nOne-Click\r\n--b--\r\n",
            'multipart/form-data; boundary="b"',
        ),
    ],
)
def test_one_click_takes_off_at_once_without_cookie_or_redirect(
    daily: Newsletter, client: TestClient, body: bytes, kind: str
) -> None:
    for _ in range(2):
        answer = client.post(at(daily, Purpose.UNSUBSCRIBE), content=body, headers={"Content-Type": kind})
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert "You are unsubscribed" in answer.text
    assert reader(daily).status is SubscriberStatus.UNSUBSCRIBED
    events = daily.store.addresses.list(READER)
    assert [(event.kind, event.source, event.decision) for event in events] == [("unsubscribe", "web", "unsubscribed")]


@pytest.mark.parametrize("body", [b"", b"List-Unsubscribe=Later", b"x" * 1025, b"\xff\x00=&;&%"])
def test_a_request_that_does_not_ask_for_it_takes_nobody_off(
    daily: Newsletter, client: TestClient, body: bytes
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post(at(daily, Purpose.UNSUBSCRIBE), content=body, headers=headers)
    assert answer.status_code in (413, 422)
    assert reader(daily).status is SubscriberStatus.ACTIVE


def test_who_has_left_is_told_so_and_comes_back_by_a_button_of_its_own(daily: Newsletter, client: TestClient) -> None:
    where = at(daily, Purpose.UNSUBSCRIBE)
    client.post(where, data=ONE_CLICK)
    page = client.get(where).text
    assert "You are unsubscribed" in page
    assert f"{where}/again" in links(page)
    assert "Welcome back" in client.post(f"{where}/again").text
    assert reader(daily).status is SubscriberStatus.ACTIVE
    assert reader(daily).profile.keywords
    client.post(where, data=ONE_CLICK)
    assert reader(daily).status is SubscriberStatus.UNSUBSCRIBED


def test_the_config_file_does_not_bring_back_who_has_left_by_a_link(store: Store) -> None:
    daily = newsletter(store, subscriptions=[subscription(READER)])
    sync(daily)
    with site(daily) as client:
        client.post(at(daily, Purpose.UNSUBSCRIBE), data=ONE_CLICK)
    sync(daily)
    assert reader(daily).status is SubscriberStatus.UNSUBSCRIBED


# -- preferences -----------------------------------------------------------------------------------------------------


def test_saving_changes_all_that_the_form_has(daily: Newsletter, client: TestClient) -> None:
    asked = form(
        action="save",
        keywords='"mixture of experts"^3\r\n\r\n-survey\r\n[systems] caching',
        gate="strict",
        cadence="weekly:fri",
        timezone="Europe/Berlin",
        language="de",
        papers="7",
    )
    answer = client.post(at(daily), data=asked)
    assert answer.status_code == 200
    assert "Saved" in answer.text
    now = reader(daily)
    assert (str(now.profile.gate), str(now.cadence), now.timezone) == ("strict", "weekly:fri", "Europe/Berlin")
    assert (now.language, now.max_papers, len(now.profile.keywords)) == ("de", 7, 3)
    assert client.get(at(daily)).text.count("selected>Every week on Friday") == 1


def test_a_preview_shows_what_would_have_come_and_saves_nothing(daily: Newsletter, client: TestClient) -> None:
    before = reader(daily)
    words = "pruning\nNever Written Anywhere\nnumber"
    text = client.post(at(daily), data=form(action="preview", keywords=words)).text
    assert "Pruning number 0" in text
    assert "Never written in these days" in text
    assert "Noise: 89% of all papers have it" in text
    assert "Never Written Anywhere" in text
    assert reader(daily) == before


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("keywords", "good\n\na, b", "line 3: a comma"),
        ("keywords", "x" * 65, "line 1: longer than 64 characters"),
        ("keywords", "\n".join(f"word{number}" for number in range(51)), "51 keywords are too many"),
        ("gate", "open", "choose strict, normal or wide"),
        ("cadence", "hourly", "unknown cadence"),
        ("timezone", "../../etc/passwd", "that is no time zone"),
        ("language", "xx", "choose one of"),
        ("papers", "٣", "write a number"),
        ("papers", "0", "write a number"),
        ("papers", "9" * 40, "write a number"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_what_was_typed_stays(
    daily: Newsletter, client: TestClient, field: str, value: str, told: str
) -> None:
    before = reader(daily)
    answer = client.post(at(daily), data=form(action="save", **{field: value}))
    assert answer.status_code == 422
    assert told in answer.text
    assert f'id="{field}-problem"' in answer.text
    assert reader(daily) == before


def test_what_a_reader_types_is_text_and_nothing_else(daily: Newsletter, client: TestClient) -> None:
    hostile = '</textarea><script>alert(1)</script>{{ 7 * 7 }}"onfocus='
    for action in ("preview", "save"):
        text = client.post(at(daily), data=form(action=action, keywords=hostile, timezone=hostile)).text
        assert "<script" not in text
        assert "{{ 7 * 7 }}" in text
        assert '"onfocus' not in text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"&".join(b"a=1" for _ in range(200)), "application/x-www-form-urlencoded", 422),
        (b"x" * 20_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"--b\r\n", "multipart/form-data; boundary=b", 415),
    ],
)
def test_a_body_that_is_no_form_is_refused(
    daily: Newsletter, client: TestClient, body: bytes, kind: str, status: int
) -> None:
    assert client.post(at(daily), content=body, headers={"Content-Type": kind}).status_code == status


def test_a_profile_that_the_config_file_keeps_is_shown_and_not_changed(store: Store) -> None:
    daily = newsletter(store, subscriptions=[subscription(READER)])
    sync(daily)
    with site(daily) as client:
        assert "kept in a file" in client.get(at(daily)).text
        assert client.post(at(daily), data=form(action="save", keywords="pruning")).status_code == 422
    assert [keyword.phrase for keyword in reader(daily).profile.keywords] == ["quantization"]


def test_old_links_become_worthless_when_asked_for(daily: Newsletter, client: TestClient) -> None:
    old = [at(daily, purpose) for purpose in (Purpose.PREFERENCES, Purpose.UNSUBSCRIBE, Purpose.SAVED)]
    answer = client.post(f"{old[0]}/links")
    assert {client.get(link).status_code for link in old} == {404}
    assert client.post(old[1], data=ONE_CLICK).status_code == 404
    [fresh] = [link for link in links(answer.text) if link.startswith("/p/")]
    assert client.get(fresh).status_code == 200
    client.post(fresh, data=form(action="save"))
    assert client.get(fresh).status_code == 200


# -- pause -----------------------------------------------------------------------------------------------------------


def test_a_pause_ends_by_itself_or_by_a_button(daily: Newsletter, client: TestClient) -> None:
    until = TODAY + timedelta(days=10)
    for _ in range(2):
        assert "Paused until July 10, 2026" in client.post(f"{at(daily)}/pause", data={"until": str(until)}).text
    assert reader(daily).status is SubscriberStatus.PAUSED
    assert not run(daily).issues
    assert "Welcome back" in client.post(f"{at(daily)}/resume").text
    assert reader(daily).status is SubscriberStatus.ACTIVE
    assert [len(issue.papers) for issue in run(daily).issues] == [6]


@pytest.mark.parametrize("until", ["", "soon", "2026-06-30", "2020-01-01", "2027-06-30", "9999-12-31"])
def test_a_pause_needs_a_day_ahead(daily: Newsletter, client: TestClient, until: str) -> None:
    answer = client.post(f"{at(daily)}/pause", data={"until": until})
    assert answer.status_code == 422
    assert 'id="until-problem"' in answer.text
    assert f'type="date" value="{until}"' in answer.text
    assert reader(daily).status is SubscriberStatus.ACTIVE


# -- take along, erase -----------------------------------------------------------------------------------------------


def test_everything_can_be_taken_along(daily: Newsletter, client: TestClient) -> None:
    run(daily)
    daily.store.saved.add(READER, "arxiv:2606.09999", NOON)
    told = json.loads(client.get(f"{at(daily)}/data.json").content)
    assert told["email"] == READER
    assert len(told["issues"][0]["papers"]) == 6
    assert [one["title"] for one in told["saved"]] == ["Of Cabbages"]
    bib = client.get(f"{at(daily)}/data.bib")
    assert bib.text.count("@misc{") == 7
    assert "attachment" in bib.headers["content-disposition"]
    assert client.get(f"{at(daily)}/data.ris").text.count("ER  - ") == 7
    assert client.get(f"{at(daily)}/data.exe").status_code == 404


def test_erasing_needs_the_word_and_then_leaves_nothing_of_the_reader(daily: Newsletter, client: TestClient) -> None:
    run(daily)
    daily.store.saved.add(READER, "arxiv:2606.09999", NOON)
    where = at(daily)
    assert client.post(f"{where}/erase", data={"word": "yes"}).status_code == 422
    assert reader(daily).email == READER
    assert client.post(f"{where}/erase", data={"word": " Erase "}).status_code == 200
    assert client.get(where).status_code == 404
    assert client.post(f"{where}/erase", data={"word": "erase"}).status_code == 404
    assert daily.store.subscribers.find(READER) is None
    assert not daily.store.subscribers.all()
    database = daily.store._database.path
    assert database
    content = database.read_bytes()
    assert READER.encode() not in content
    assert b'"keywords": ["quantization"]' not in content


def test_the_audit_adds_up_when_a_reader_was_erased(daily: Newsletter) -> None:
    from digestmail.newsletter.farewell import erase

    run(daily)
    subscribe(daily, subscription("other@example.org", ["pruning"]))
    run(daily, dry_run=False)
    erase(daily, reader(daily))
    done = audit(daily)
    assert not done.faults
    assert done.slots == 2


def test_what_waits_for_an_erased_reader_is_cancelled(daily: Newsletter) -> None:
    from digestmail.newsletter.compose import plan_due
    from digestmail.newsletter.farewell import erase

    plan_due(daily, NOON)
    erase(daily, reader(daily))
    assert [one.status for one in daily.store.deliveries.find()] == [DeliveryStatus.CANCELLED]
    assert not run(daily).delivered.counts
    assert not audit(daily).faults


def test_no_list_brings_an_erased_address_back_but_its_owner_can(store: Store) -> None:
    from digestmail.newsletter.farewell import erase

    daily = newsletter(store, subscriptions=[subscription(READER)])
    sync(daily)
    erase(daily, reader(daily))
    assert [one.change for one in sync(daily)] == [Change.ERASED]
    asked = replace(subscription(READER), email="Reader@Example.org")
    assert [one.change for one in import_subscriptions(daily, [asked])] == [Change.ERASED]
    assert daily.store.subscribers.find(READER) is None
    without = replace(daily, subscriptions=())
    assert subscribe(without, subscription(READER)) is Change.ADDED
    assert import_subscriptions(without, [subscription(READER)])[0].change is Change.UNCHANGED
