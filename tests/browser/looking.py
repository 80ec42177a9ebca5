"""Looks at a page as people with little sight, a phone, or a dark room do: axe-core, widths, colour schemes."""

import os
from importlib.resources import files
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (1280, 375)
#: WCAG 2.1, 1.4.10: no page needs to be moved sideways
NARROWEST = 320
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
_RUN = "() => axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)"


class Looks:
    """Gathers what is wrong with the pages that are shown to it.

    ``DIGESTMAIL_SCREENSHOTS`` names a folder that keeps a picture of each page, for people.
    """

    def __init__(self) -> None:
        self.findings: list[str] = []
        self.seen: list[str] = []
        folder = os.environ.get("DIGESTMAIL_SCREENSHOTS")
        self._folder = Path(folder) if folder else None

    def at(self, page: Page, name: str) -> None:
        """Look at a page in every scheme and width; it is left as it was."""
        self.seen.append(name)
        before = page.viewport_size
        page.evaluate(_AXE)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            for width in WIDTHS:
                self._resize(page, name, width)
                for found in page.evaluate(_RUN):
                    nodes = "; ".join(node["html"][:120] for node in found["nodes"][:3])
                    self.findings.append(f"{name}: {found['id']} at {width} px, {scheme}: {found['help']}: {nodes}")
                if self._folder:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=self._folder / f"{name}-{width}-{scheme}.png", full_page=True)
        self._resize(page, name, NARROWEST)
        page.emulate_media(color_scheme="light")
        if before:
            page.set_viewport_size(before)

    def _resize(self, page: Page, name: str, width: int) -> None:
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            self.findings.append(f"{name}: {wide} px wide at {width} px")
