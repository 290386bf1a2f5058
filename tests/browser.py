"""A real browser for the tests: Debian's chromium, driven by playwright; axe-core looks at each page.

Where there is no chromium these tests are skipped and say so (with CI set they fail).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
WIDE, NARROW = 1280, 360
PATIENCE_MS = 5_000


def chromium() -> str | None:
    """Where Debian's chromium is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser() -> Iterator[object]:
    """A running browser."""
    program = chromium()
    if program is None:
        notice = "there is no chromium (apt-get install chromium), so no page is seen in a browser"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(notice)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--font-render-hinting=none"]
        )
        try:
            yield running
        finally:
            running.close()


class Window:
    """One window: a width, a tongue, with or without a script, and what it complained of."""

    def __init__(self, running, url, *, width=WIDE, tongue="ja", script=True) -> None:
        self.complaints: list[str] = []
        self.url = url
        self.width = width
        self.tongue = tongue
        self._context = running.new_context(
            viewport={"width": width, "height": 800},
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        self.page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.go(f"/?lang={tongue}")

    def _heard(self, message) -> None:
        if message.type in ("error", "warning") and "the server responded" not in message.text:
            self.complaints.append(message.text)

    def close(self) -> None:
        self._context.close()

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def sign_in(self, who: str) -> None:
        """As a sample person of a kind."""
        self.go("/sign-in")
        self.page.locator(f'button[value^="{who}"]').first.click()

    def fill(self, **fields: str) -> None:
        for name, text in fields.items():
            box = self.page.locator(f'#paper [name="{name}"], main form [name="{name}"]').first
            if box.evaluate("box => box.tagName") == "SELECT":
                box.select_option(text)
            else:
                box.fill(text)

    def press(self, value: str) -> None:
        """The button with which a step is sent."""
        self.page.locator(f'button[value="{value}"]:not(.sr)').first.click()
        self.page.wait_for_load_state()

    @property
    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def too_wide(self) -> bool:
        """Whether the page scrolls sideways."""
        return self.page.evaluate("document.documentElement.scrollWidth") > self.width

    def amiss(self) -> list[str]:
        """What axe-core finds; it is put in by the debugger, past the page's own policy."""
        self.page.evaluate(f"() => {{ {AXE.read_text(encoding='utf-8')} }}")
        found = self.page.evaluate("axe.run()")
        return [
            f"{one['id']}: {node['html'][:200]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]
