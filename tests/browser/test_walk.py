"""A reader's whole way, in a real browser, with and without scripts: from the first look to the last goodbye."""

import re
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright", reason="playwright is not here: 'make browser' installs it")
pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not here: 'make browser' installs it")

from playwright.sync_api import Locator, Page, expect

from browser.looking import Looks
from browser.papers_site import BASE, OTHER, Site, html_of, one_click_url, papers_site, text_of
from browser.surfing import browsing, new_page
from digestmail.config import load_config
from digestmail.newsletter.run import run
from digestmail.protocols import Clock
from digestmail.wiring import clock_of, open_newsletter

READER = "reader@example.org"
PAUSE = 4  # days
#: only issues have such a link
ISSUE = f"{BASE}/v/"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_from_the_first_look_to_the_last_goodbye(tmp_path: Path, chromium: str, scripts: bool) -> None:
    looks = Looks()
    with papers_site(tmp_path) as site, browsing(chromium, site) as browser:
        walk = Walk(site, new_page(browser, scripts=scripts), looks.at if scripts else _do_not_look)
        walk.subscribe()
        walk.confirm()
        issue = walk.read_the_first_issue()
        walk.change_keywords(issue)
        walk.pause(issue)
        caught_up = walk.get_the_issue_after_the_pause()
        walk.say_what_it_thinks(caught_up)
        walk.leave(caught_up)
        walk.get_nothing_more()
        walk.be_forgotten(caught_up)
    assert not looks.findings, "\n".join(looks.findings)
    assert bool(looks.seen) is scripts


def _do_not_look(_page: Page, _name: str) -> None:
    """axe-core is a script itself."""


class Walk:
    """One reader, one page after another. Issues of the reader are counted: none comes that is not looked for."""

    def __init__(self, site: Site, page: Page, look: Callable[[Page, str], None]) -> None:
        self.site, self.page, self._look = site, page, look
        self._today = datetime.now(UTC).date()
        self._read = 0
        page.set_default_timeout(20_000)

    def subscribe(self) -> None:
        page = self.page
        page.goto(BASE)
        self.look("today")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Subscribe").click()
        self.look("subscribe")
        self._address().fill("nobody")
        self._keywords().fill("attention^many")
        page.locator("form[method=post]").evaluate("form => form.noValidate = true")
        self.press("Preview")
        expect(self._keywords()).to_have_attribute("aria-invalid", "true")
        expect(self._address()).to_have_attribute("aria-invalid", "true")
        self.look("subscribe-errors")
        self._address().fill(READER)
        self._keywords().fill("attention")
        page.get_by_label("Keyword to add, 1").fill("nonsense")
        page.get_by_label("Its weight, 1").select_option("keep out")
        self.press("Preview")
        expect(page.get_by_role("link", name="Attention in Small Models")).to_be_visible()
        expect(self._keywords()).to_have_value("attention\n-nonsense")
        self.look("subscribe-preview")
        assert self.site.postbox.to(READER) == []
        self.press("Subscribe")
        expect(page.get_by_role("heading", name="Look into your inbox")).to_be_visible()
        self.look("asked")

    def confirm(self) -> None:
        letter = self.site.postbox.wait_for(READER, 1, f"{BASE}/c/")
        [link] = set(re.findall(rf"{BASE}/c/\S+", text_of(letter)))
        self.page.goto(link)
        self.look("confirm")
        # looking is not confirming: link scanners look, too
        self.run()
        assert self.issues() == 0
        self.press("Yes, subscribe me")
        expect(self.page.get_by_role("heading", name="You are subscribed")).to_be_visible()
        self.look("welcome")

    def read_the_first_issue(self) -> EmailMessage:
        self.run()
        issue = self.next_issue()
        self.page.set_content(html_of(issue))
        expect(self.page.get_by_role("link", name="Attention in Small Models").first).to_be_visible()
        self.follow(issue, "View in browser")
        frame = self.page.frame_locator("iframe")
        expect(frame.get_by_role("link", name="Attention in Small Models").first).to_be_visible()
        self.look("view")
        return issue

    def change_keywords(self, issue: EmailMessage) -> None:
        self.follow(issue, "Preferences")
        self.look("preferences")
        self._keywords().fill("attention^many")
        self.press("Preview")
        expect(self._keywords()).to_have_attribute("aria-invalid", "true")
        self.look("preferences-errors")
        self._keywords().fill("attention\nquantization^2")
        self.press("Preview")
        expect(self.page.get_by_text("Nothing is saved yet")).to_be_visible()
        expect(self.page.get_by_role("link", name="Quantization without Regret")).to_be_visible()
        self.look("preferences-preview")
        self.press("Save")
        expect(self.page.get_by_role("status")).to_contain_text("Saved")
        self.follow(issue, "Preferences")
        expect(self._keywords()).to_have_value("attention\nquantization^2")

    def pause(self, issue: EmailMessage) -> None:
        until = self.page.get_by_label("No issue before")
        self.follow(issue, "Preferences")
        until.fill(str(self.day(1000)))
        self.press("Pause")
        expect(until).to_have_attribute("aria-invalid", "true")
        expect(until).to_have_value(str(self.day(1000)))
        self.look("pause-errors")
        until.fill(str(self.day(PAUSE)))
        self.press("Pause")
        expect(self.page.get_by_text("Paused until")).to_be_visible()
        self.look("paused")
        self.site.publish(("Attention while You Are Away", "Attention!"))
        self.run(days=1)
        assert "Attention while You Are Away" in text_of(self.site.postbox.to(OTHER)[-1])
        assert self.issues() == self._read

    def get_the_issue_after_the_pause(self) -> EmailMessage:
        self.site.publish(("Attention when You Are Back", "Attention again."))
        self.run(days=PAUSE)
        issue = self.next_issue()
        assert "Attention while You Are Away" in text_of(issue)
        assert "Attention when You Are Back" in text_of(issue)
        return issue

    def say_what_it_thinks(self, issue: EmailMessage) -> None:
        page = self.page
        self.follow(issue, "More or less like these")
        self.look("papers")
        page.get_by_role("link", name="More like this").first.click()
        self.look("more")
        self.press("Do it")
        expect(page.get_by_role("status")).to_contain_text("more like this")
        self.look("more-done")
        self.press("Undo")
        page.get_by_role("link", name="Back to the papers").click()
        page.get_by_role("link", name=re.compile("^Mute")).first.click()
        self.look("mute")
        page.get_by_role("link", name="Leave it as it is").click()
        page.get_by_text("Keep out papers with other words").first.click()
        page.get_by_label("Words", exact=True).first.fill('"')
        self.press("See what that changes")
        expect(page.get_by_role("heading", name="That does not work")).to_be_visible()
        self.look("words-that-are-no-keyword")
        self.follow(issue, "More or less like these")
        self.press(re.compile("^Save paper"))
        expect(page.get_by_role("status")).to_contain_text("saved papers")
        page.get_by_role("link", name="Back to the papers").click()
        page.get_by_role("link", name="Saved papers").click()
        expect(page.get_by_text("1 paper", exact=False).first).to_be_visible()
        self.look("saved")
        self.press(re.compile("^Remove"))
        self.look("saved-nothing")

    def leave(self, issue: EmailMessage) -> None:
        page = self.page
        self.follow(issue, "Preferences")
        page.get_by_role("link", name="Erase me").click()
        self.look("erase")
        page.get_by_label("to confirm").fill("yes")
        self.press("Erase me")
        expect(page.get_by_label("to confirm")).to_have_attribute("aria-invalid", "true")
        self.look("erase-errors")
        self.follow(issue, "Unsubscribe")
        self.look("unsubscribe")
        self.press("Unsubscribe")
        expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
        self.look("unsubscribed")
        self.press("Subscribe again")
        expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
        self.look("welcome-back")
        assert self.one_click(issue) == 200
        self.follow(issue, "Unsubscribe")
        expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()

    def one_click(self, issue: EmailMessage) -> int:
        """What a mail provider does (RFC 8058 §3.2): a request without cookies; a redirect would be a failure."""
        path = urlsplit(one_click_url(issue)).path
        asked = urllib.request.Request(f"http://127.0.0.1:{self.site.port}{path}", data=b"List-Unsubscribe=One-Click")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60) as answer:
            assert answer.url == asked.full_url
            return int(answer.status)

    def get_nothing_more(self) -> None:
        self.site.publish(("Attention for the Others", "Attention, everybody!"))
        self.run(days=PAUSE + 1)
        assert "Attention for the Others" in text_of(self.site.postbox.to(OTHER)[-1])
        assert self.issues() == self._read
        self.site.house.process("audit")

    def be_forgotten(self, issue: EmailMessage) -> None:
        page = self.page
        self.follow(issue, "Preferences")
        old = page.url
        self.press("Make old links worthless")
        expect(page.get_by_role("heading", name="Old links are worthless now")).to_be_visible()
        self.look("links")
        page.get_by_role("link", name="Your preferences, by a new link").click()
        assert page.url != old
        page.get_by_role("link", name="Erase me").click()
        page.get_by_label("to confirm").fill("erase")
        self.press("Erase me")
        expect(page.get_by_role("heading", name="Forgotten")).to_be_visible()
        self.look("forgotten")
        page.goto(old)
        expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
        self.look("old-link")
        assert READER not in self.site.house.process("subscribers", "list").stdout
        self.site.house.process("audit")

    # -- how -----------------------------------------------------------------------------------------------------------

    def look(self, name: str) -> None:
        self._look(self.page, name)

    def press(self, name: str | re.Pattern[str]) -> None:
        exact = isinstance(name, str)
        self.page.get_by_role("main").get_by_role("button", name=name, exact=exact).first.click()

    def follow(self, letter: EmailMessage, link: str) -> None:
        """Show the mail, and go where its link leads."""
        self.page.set_content(html_of(letter))
        target = self.page.get_by_role("link", name=link, exact=True).last.get_attribute("href")
        assert target
        assert target.startswith(f"{BASE}/")
        answer = self.page.goto(target)
        assert answer
        assert answer.status == 200

    def day(self, days: int) -> date:
        return self._today + timedelta(days=days)

    def run(self, *, days: int = 0) -> None:
        """The run of today or, which the command refuses, of a day ahead."""
        if not days:
            self.site.house.process("run")
            return
        with ThreadPoolExecutor() as apart:  # Playwright has the event loop of this thread
            apart.submit(self._run_ahead, clock_of(self.day(days))).result()

    def _run_ahead(self, clock: Clock) -> None:
        with open_newsletter(load_config(self.site.house.folder / "config.yaml", {}), clock=clock) as newsletter:
            run(newsletter)

    def issues(self) -> int:
        return len(self.site.postbox.to(READER, ISSUE))

    def next_issue(self) -> EmailMessage:
        self._read += 1
        return self.site.postbox.wait_for(READER, self._read, ISSUE)

    def _address(self) -> Locator:
        return self.page.get_by_label("Email address")

    def _keywords(self) -> Locator:
        return self.page.get_by_label(re.compile("^Keywords"))
