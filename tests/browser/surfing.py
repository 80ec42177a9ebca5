"""Chromium, driven by Playwright."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from browser.papers_site import HOST, Site

_ARGUMENTS = (
    "--no-sandbox",  # it wants rights that a container does not give; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def browsing(program: str, site: Site | None = None) -> Iterator[Browser]:
    """A browser that finds the public host at the front on loopback, and no other host anywhere."""
    here = f"MAP {HOST}:443 127.0.0.1:{site.front}, " if site else ""
    rules = f"{here}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*_ARGUMENTS, f"--host-resolver-rules={rules}"]
        )
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Browser, *, scripts: bool = True) -> Page:
    """A page of a person who was never here before."""
    # the certificate is of an authority that only the test knows
    context = browser.new_context(
        java_script_enabled=scripts, ignore_https_errors=True, viewport={"width": 1280, "height": 800}
    )
    return context.new_page()
