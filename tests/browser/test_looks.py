"""Every page of the archive and of the operator, looked at in light and dark, on a desk and on a phone."""

from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not here: 'make browser' installs it")
pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not here: 'make browser' installs it")

from browser.looking import NARROWEST, SCHEMES, WIDTHS, Looks
from browser.papers_site import BASE, OTHER, REFUSED, TOKEN, papers_site
from browser.surfing import browsing, new_page

PUBLIC = {
    "today": "/",
    "day-without-papers": "/papers/2020-02-29",
    "search": "/papers?q=attention",
    "search-empty": "/papers",
    "search-nothing": "/papers?q=cabbages",
    "paper": "/paper/arxiv:2606.00001",
    "not-found": "/nothing/here",
}
ADMIN = {
    "admin-home": "/admin",
    "admin-subscribers": "/admin/subscribers",
    "admin-subscriber": f"/admin/subscriber?email={OTHER}",
    "admin-deliveries": "/admin/deliveries",
    "admin-delivery": "/admin/deliveries/1",
    "admin-held": "/admin/held",
    "admin-sources": "/admin/sources",
    "admin-runs": "/admin/runs",
    "admin-preview": f"/admin/preview?email={OTHER}",
    "admin-test": "/admin/test",
}


def test_all_public_and_admin_pages_are_accessible_and_fit(tmp_path: Path, chromium: str) -> None:
    looks = Looks()
    with papers_site(tmp_path, readers=(OTHER, REFUSED)) as site, browsing(chromium, site) as browser:
        page = new_page(browser)
        for name, path in PUBLIC.items():
            page.goto(BASE + path)
            looks.at(page, name)
        page.goto(f"{BASE}/admin")
        looks.at(page, "admin-login")
        page.get_by_label("Admin token").fill("not the token")
        page.get_by_role("button", name="Log in").click()
        looks.at(page, "admin-login-wrong")
        page.get_by_label("Admin token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        for name, path in ADMIN.items():
            page.goto(BASE + path)
            assert page.get_by_role("button", name="Log out").count() == 1, f"{name} was not shown"
            looks.at(page, name)
        page.get_by_label("To", exact=True).fill("friend@example.org")
        page.get_by_role("button", name="Send").click()
        page.get_by_text("Sent to friend@example.org").wait_for()
        looks.at(page, "admin-test-sent")
    assert not looks.findings, "\n".join(looks.findings)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ('<p style="color: #c4c4c4; background: #ffffff">Pale</p>', "color-contrast"),
        ('<input name="nameless">', "label"),
        ('<div style="width: 340px">Wide</div>', f"px wide at {NARROWEST} px"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, chromium: str, fault: str, told: str) -> None:
    looks = Looks()
    with browsing(chromium) as browser:
        page = new_page(browser)
        body = f"<title>Planted</title><body style='margin:0'><main><h1>One</h1>{fault}</main>"
        page.set_content(f"<!doctype html><html lang='en'>{body}")
        looks.at(page, "planted")
    assert any(told in finding for finding in looks.findings), looks.findings
    assert len(looks.findings) <= len(SCHEMES) * len(WIDTHS)
