"""What readers think of papers, the papers they keep, and issues as pages."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

from builders import NOON, TODAY, paper, papers
from digestmail.mail.links import pages_of
from digestmail.mail.tokens import Purpose
from digestmail.newsletter import Newsletter
from digestmail.newsletter.deliver import joining_for, message_of
from digestmail.newsletter.inbound import Outcome, receive
from digestmail.newsletter.reactions import numbered
from digestmail.newsletter.run import run
from digestmail.newsletter.subscribe import subscribe, sync
from digestmail.protocols import Letter
from digestmail.ranking.profile import format_keywords
from digestmail.storage.store import Store
from newsletters import newsletter, subscription
from pages import READER, door, links, reader, site

HOSTILE = "<img src=x onerror=alert(1)> quantization {{ 7 * 7 }}"


@pytest.fixture
def daily(store: Store) -> Newsletter:
    pruned = paper("Pruning Cabbages", key="arxiv:2606.20000", abstract="We prune cabbages and their leaves.")
    store.corpus.add([*papers(3), pruned, paper(HOSTILE, key="arxiv:2606.20001")], NOON)
    daily = newsletter(store)
    subscribe(daily, subscription(READER, ["quantization^2", "pruning", "[roots] cabbages"]))
    run(daily)
    return daily


def at(daily: Newsletter, purpose: Purpose = Purpose.FEEDBACK) -> str:
    return door(daily, purpose)


def keywords(daily: Newsletter) -> list[str]:
    return format_keywords(reader(daily).profile)


def number_of(client: TestClient, where: str, title: str) -> int:
    """The number of a paper on the page of its issue."""
    before = client.get(where).text.partition(title)[0]
    return int(before.rpartition('id="p')[2].partition('"')[0])


@pytest.mark.parametrize("purpose", [Purpose.FEEDBACK, Purpose.ISSUE])
def test_a_link_is_about_one_issue_of_one_reader(daily: Newsletter, client: TestClient, purpose: Purpose) -> None:
    uid, begin, day = reader(daily).uid, at(daily, purpose)[:3], str(TODAY)
    bad = [
        daily.tokens.link(purpose, uid, subject="2026-06-29"),
        daily.tokens.link(purpose, uid, subject="yesterday"),
        daily.tokens.link(purpose, uid),
        daily.tokens.link(purpose, "nobody", subject=day),
        daily.tokens.link(purpose, uid, subject=day, version=3),
        daily.tokens.link(Purpose.PREFERENCES, uid, subject=day),
        at(daily, purpose)[3:].replace(day, "2026-06-29"),
    ]
    assert client.get(at(daily, purpose)).status_code == 200
    answers = [client.get(begin + token) for token in bad]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, client.get("/nothing").text)}


def test_papers_have_the_numbers_of_the_message(daily: Newsletter, client: TestClient) -> None:
    [delivery] = daily.store.deliveries.find()
    text = message_of(daily, delivery, joining_for(daily, delivery.template)).rendered.text
    page = client.get(at(daily)).text
    for title in ("Quantization number 1", "Pruning Cabbages"):
        number = number_of(client, at(daily), title)
        assert f"\n {number}. {title}" in text
    assert page.count('class="card"') == 5


def test_looking_at_an_effect_changes_nothing_and_the_button_does(daily: Newsletter, client: TestClient) -> None:
    where = f"{at(daily)}/{number_of(client, at(daily), 'Pruning Cabbages')}"
    for action in ("more", "less", "forget", "save", "unsave", "drop?keyword=pruning", "bar?keyword=leaves"):
        assert client.get(f"{where}/{action}").status_code == client.head(f"{where}/{action}").status_code == 200
    assert not reader(daily).profile.has_opinions
    assert keywords(daily) == ["quantization^2", "pruning", "[roots] cabbages"]
    assert not daily.store.saved.list(READER)
    for _ in range(2):
        assert client.post(f"{where}/more").status_code == 200
    assert [one.title for one in reader(daily).profile.liked] == ["Pruning Cabbages"]
    client.post(f"{where}/less")
    assert [one.title for one in reader(daily).profile.disliked] == ["Pruning Cabbages"]
    client.post(f"{where}/forget")
    assert not reader(daily).profile.has_opinions


def test_what_would_have_come_is_told_before_a_keyword_is_muted(daily: Newsletter, client: TestClient) -> None:
    where = f"{at(daily)}/1/drop?keyword={quote('quantization')}"
    text = unescape(client.get(where).text)
    assert "This takes out of your profile: <code>quantization^2</code>" in text
    assert "1 paper instead of 5" in text
    assert "Quantization number 0" in text.partition("No longer")[2]


def test_muting_takes_a_keyword_out_and_undoing_puts_it_back_as_it_was(daily: Newsletter, client: TestClient) -> None:
    for keyword in ("quantization^2", "[roots] cabbages"):
        answer = client.post(f"{at(daily)}/1/drop", data={"keyword": keyword})
        assert keyword not in keywords(daily)
        assert f'action="{at(daily)}/1/restore"' in answer.text
        for _ in range(2):
            client.post(f"{at(daily)}/1/restore", data={"keyword": keyword})
        assert keyword in keywords(daily)


def test_muting_twice_never_turns_a_keyword_into_its_opposite(daily: Newsletter, client: TestClient) -> None:
    for _ in range(2):
        client.post(f"{at(daily)}/1/drop", data={"keyword": "pruning"})
    assert keywords(daily) == ["quantization^2", "[roots] cabbages"]


def test_words_that_are_no_keyword_are_kept_out(daily: Newsletter, client: TestClient) -> None:
    asked = {"keyword": "leaves"}
    assert "-leaves" in client.get(f"{at(daily)}/1/bar", params=asked).text
    for _ in range(2):
        client.post(f"{at(daily)}/1/bar", data=asked)
    assert keywords(daily)[-1] == "-leaves"
    for _ in range(2):
        client.post(f"{at(daily)}/1/unbar", data=asked)
    assert keywords(daily) == ["quantization^2", "pruning", "[roots] cabbages"]


@pytest.mark.parametrize("keyword", ["", "   ", "x" * 500, '"', "a AND b", "\x00", "https://evil.example.org/"])
def test_words_that_cannot_be_a_keyword_are_refused_as_text(
    daily: Newsletter, client: TestClient, keyword: str
) -> None:
    before = keywords(daily)
    assert client.get(f"{at(daily)}/1/bar", params={"keyword": keyword}).status_code in (200, 422)
    assert keywords(daily) == before


@pytest.mark.parametrize(
    "rest", ["/0/more", "/6/more", "/-1/more", "/x/more", "/1/delete", "/99999999999999999999/more"]
)
def test_what_is_not_in_the_issue_is_not_found(daily: Newsletter, client: TestClient, rest: str) -> None:
    assert client.get(at(daily) + rest).status_code == 404
    assert client.post(at(daily) + rest).status_code == 404


def test_a_keyword_of_the_config_file_cannot_be_muted_but_opinions_can_be_given(store: Store) -> None:
    store.corpus.add(papers(2), NOON)
    daily = newsletter(store, subscriptions=[subscription(READER)])
    sync(daily)
    run(daily)
    with site(daily) as client:
        answer = client.post(f"{at(daily)}/1/drop", data={"keyword": "quantization"})
        assert answer.status_code == 422
        assert "kept in a file" in answer.text
        assert client.post(f"{at(daily)}/1/more").status_code == 200
    assert keywords(daily) == ["quantization"]
    assert len(reader(daily).profile.liked) == 1


def test_what_a_paper_says_is_text_on_all_pages(daily: Newsletter, client: TestClient) -> None:
    number = number_of(client, at(daily), "&lt;img")
    client.post(f"{at(daily)}/{number}/save")
    for where in (at(daily), f"{at(daily)}/{number}/more", at(daily, Purpose.SAVED)):
        text = client.get(where).text
        assert "<img" not in text
        assert "{{ 7 * 7 }}" in text


def test_saved_papers_have_a_page_a_feed_and_a_way_off(daily: Newsletter, client: TestClient) -> None:
    where = at(daily, Purpose.SAVED)
    assert "Nothing is saved yet" in client.get(where).text
    for _ in range(2):
        client.post(f"{at(daily)}/{number_of(client, at(daily), 'Pruning Cabbages')}/save")
    assert client.get(where).text.count('class="card"') == 1
    names = {"a": "http://www.w3.org/2005/Atom"}
    root = ET.fromstring(client.get(f"{where}.atom").content)
    assert [entry.findtext("a:title", namespaces=names) for entry in root.findall("a:entry", names)] == [
        "Pruning Cabbages"
    ]
    assert len(ET.fromstring(client.get(f"{where}/issues.atom").content).findall("a:entry", names)) == 5
    for _ in range(2):
        assert "Nothing is saved yet" in client.post(f"{where}/remove", data={"key": "arxiv:2606.20000"}).text


def test_an_issue_is_shown_as_it_was_sent_in_a_frame_that_lets_nothing_out(
    daily: Newsletter, client: TestClient
) -> None:
    where = at(daily, Purpose.ISSUE)
    page = client.get(where)
    assert f'<iframe class="mail" sandbox="" src="{where}/mail"' in page.text
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    [delivery] = daily.store.deliveries.find()
    mail = client.get(f"{where}/mail")
    assert mail.text == message_of(daily, delivery, joining_for(daily, delivery.template)).rendered.html
    policy = mail.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert mail.headers["x-frame-options"] == "SAMEORIGIN"


def test_a_message_leads_to_all_of_these_pages(store: Store) -> None:
    store.corpus.add(papers(2), NOON)
    public = newsletter(store)
    daily = replace(public, mailing_list=replace(public.mailing_list, base_url="https://papers.example.org"))
    subscribe(daily, subscription(READER))
    run(daily)
    [delivery] = store.deliveries.find()
    html = message_of(daily, delivery, joining_for(daily, delivery.template)).rendered.html
    ours = [link.removeprefix("https://papers.example.org") for link in links(html) if "papers.example.org" in link]
    with site(daily) as client:
        assert {link[:3] for link in ours} == {"/u/", "/p/", "/f/", "/v/"}
        assert {client.get(link).status_code for link in ours} == {200}


def test_a_paper_that_is_known_better_since_can_still_be_liked(daily: Newsletter, client: TestClient) -> None:
    daily.store.corpus.add([paper("Pruning Cabbages", key="arxiv:2606.20000", doi="10.1/x", upvotes=99)], NOON)
    number = number_of(client, at(daily), "Pruning Cabbages")
    daily.store.corpus.add([], NOON + timedelta(days=1))
    assert client.post(f"{at(daily)}/{number}/more").status_code == 200
    assert len(reader(daily).profile.liked) == 1


# -- by mail, where there is no web server -----------------------------------------------------------------------------


class _Box:
    """A mailbox with one message."""

    name = "test"

    def __init__(self, content: bytes) -> None:
        self.content, self.looks = content, list[bool]()

    def letters(self) -> Iterator[Letter]:
        yield Letter("message 1", self.content)

    def done(self, letter: Letter, *, look: bool) -> None:
        self.looks.append(look)


def answered(daily: Newsletter, token: str, body: str, *, dry_run: bool = False) -> tuple[list[Outcome], _Box]:
    head = f"From: Ann <someone@else.example>\r\nTo: papers@example.org\r\nSubject: Re: feedback {token}\r\n\r\n"
    box = _Box((head + body).encode())
    return list(receive(daily, box, dry_run=dry_run)), box


def test_a_mail_says_what_its_reader_thinks_of_papers_by_their_numbers(daily: Newsletter) -> None:
    [delivery] = daily.store.deliveries.find()
    url = pages_of(daily.mailing_list, daily.tokens, reader(daily), delivery.slot).feedback_url
    assert url.startswith("mailto:papers@example.org?subject=feedback%20")
    token, _, body = unquote(url).partition("subject=feedback ")[2].partition("&body=")
    titles = [ranked.paper.title for ranked in numbered(daily, delivery)]
    wishes = f"{body}more 1\r\n LESS  2.\r\nsave 3\r\nmore 99\r\n> more 4\r\nsent from my phone\r\n"
    for _ in range(2):
        [outcome], box = answered(daily, token, wishes)
        assert outcome.decision == "noted: more 1, less 2, save 3"
        assert box.looks == [False]
    assert [one.title for one in reader(daily).profile.liked] == titles[:1]
    assert [one.title for one in reader(daily).profile.disliked] == titles[1:2]
    assert [kept.paper.title for kept in daily.store.saved.list(READER)] == titles[2:3]
    answered(daily, token, "undo 1\r\nundo 2\r\nundo 3\r\n")
    assert not reader(daily).profile.has_opinions
    assert not daily.store.saved.list(READER)


@pytest.mark.parametrize("change", ["flip", "purpose", "nothing"])
def test_a_mail_that_proves_nothing_or_asks_for_nothing_is_for_a_person(daily: Newsletter, change: str) -> None:
    uid, day = reader(daily).uid, str(TODAY)
    good = daily.tokens.link(Purpose.FEEDBACK, uid, subject=day)
    token = {
        "flip": good[:-4] + "AAAA",
        "purpose": daily.tokens.link(Purpose.ISSUE, uid, subject=day),
        "nothing": good,
    }[change]
    [outcome], box = answered(daily, token, "hello\r\n" if change == "nothing" else "more 1\r\n")
    assert outcome.decision.startswith("unproven")
    assert box.looks == [True]
    assert not reader(daily).profile.has_opinions


def test_a_mail_mutes_the_weightiest_keyword_of_a_paper_and_puts_it_back_as_it_was(daily: Newsletter) -> None:
    [delivery] = daily.store.deliveries.find()
    token = daily.tokens.link(Purpose.FEEDBACK, reader(daily).uid, subject=str(TODAY))
    titles = [ranked.paper.title for ranked in numbered(daily, delivery)]
    number = titles.index("Pruning Cabbages") + 1
    [weightiest, other] = [match.keyword for match in numbered(daily, delivery)[number - 1].matches]
    [muted] = [keyword for keyword in keywords(daily) if weightiest in keyword]
    [outcome], box = answered(daily, token, f"mute {number}\r\n")
    assert outcome.decision == f"noted: mute {number} ({muted})"
    assert box.looks == [False]
    assert muted not in keywords(daily)
    assert any(other in keyword for keyword in keywords(daily))
    # the same mail, read once more, does not go on to the next keyword
    [outcome], _ = answered(daily, token, f"Mute {number}.\r\n")
    assert outcome.decision == f"noted: mute {number}"
    assert len(keywords(daily)) == 2
    for told in (f"noted: undo {number} ({muted})", f"noted: undo {number}"):
        [outcome], _ = answered(daily, token, f"undo {number}\r\n")
        assert outcome.decision == told
        assert sorted(keywords(daily)) == sorted(["quantization^2", "pruning", "[roots] cabbages"])
    events = daily.store.addresses.list(READER)
    assert [(event.decision, event.note, event.slot) for event in events] == [
        (f"noted: undo {number}", muted, TODAY),
        (f"noted: mute {number}", muted, TODAY),
    ]


def test_undoing_brings_back_only_what_a_mail_has_muted_by_this_paper(daily: Newsletter) -> None:
    [delivery] = daily.store.deliveries.find()
    token = daily.tokens.link(Purpose.FEEDBACK, reader(daily).uid, subject=str(TODAY))
    titles = [ranked.paper.title for ranked in numbered(daily, delivery)]
    number, another = titles.index("Quantization number 0") + 1, titles.index("Pruning Cabbages") + 1
    subscribe(daily, subscription(READER, ["cabbages"]))
    answered(daily, token, f"more {number}\r\nundo {number}\r\n")
    assert keywords(daily) == ["cabbages"]
    subscribe(daily, subscription(READER, ["quantization^2", "title:quantization", "cabbages"]))
    answered(daily, token, f"mute {number}\r\nundo {another}\r\n")
    assert keywords(daily) == ["title:quantization", "cabbages"]


def test_a_mail_mutes_all_keywords_that_a_card_tells_as_one(store: Store) -> None:
    store.corpus.add(papers(1), NOON)
    daily = newsletter(store)
    subscribe(daily, subscription(READER, ["quantization^2", "title:quantization", "pruning"]))
    run(daily)
    token = daily.tokens.link(Purpose.FEEDBACK, reader(daily).uid, subject=str(TODAY))
    [outcome], _ = answered(daily, token, "mute 1\r\n")
    assert outcome.decision == "noted: mute 1 (quantization^2, title:quantization)"
    assert keywords(daily) == ["pruning"]
    answered(daily, token, "undo 1\r\n")
    assert sorted(keywords(daily)) == ["pruning", "quantization^2", "title:quantization"]


def test_a_dry_run_of_a_mail_that_mutes_changes_nothing(daily: Newsletter) -> None:
    token = daily.tokens.link(Purpose.FEEDBACK, reader(daily).uid, subject=str(TODAY))
    before = keywords(daily)
    [outcome], _ = answered(daily, token, "mute 1\r\n", dry_run=True)
    assert outcome.decision.startswith("noted: mute 1 (")
    assert keywords(daily) == before
    assert not daily.store.addresses.list(READER)


@pytest.mark.parametrize(
    ("words", "why"),
    [(["quantization"], "kept in a file"), ([], "no keyword brought this paper")],
)
def test_what_a_mail_cannot_mute_is_for_a_person_and_the_rest_is_done(store: Store, words: list[str], why: str) -> None:
    store.corpus.add(papers(2), NOON)
    daily = newsletter(store, subscriptions=[subscription(READER, words)])
    sync(daily)
    run(daily)
    token = daily.tokens.link(Purpose.FEEDBACK, reader(daily).uid, subject=str(TODAY))
    [outcome], box = answered(daily, token, "mute 1\r\nmore 2\r\n")
    assert outcome.decision.startswith("noted: more 2, not mute 1: ")
    assert why in outcome.decision
    assert box.looks == [True]
    assert len(reader(daily).profile.liked) == 1
    assert keywords(daily) == words
