"""Pictures of every page, for people to look at: `make screens`, into docs/screens.

They show a small demo at a fixed hour; its keys are drawn anew each time, so hashes differ.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser import NARROW, WIDE, Window, browser
from tests.test_web import somebody
from tests.web_server import Served, serving

SCREENS = Path(__file__).parent.parent / "docs" / "screens"


def main() -> None:
    """All pages in Japanese, wide and narrow; a resident's in English and easy Japanese, too."""
    SCREENS.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "demo") as served,
        browser() as running,
    ):
        for tongue, width in (("ja", WIDE), ("ja", NARROW), ("en", WIDE), ("ja-easy", NARROW)):
            Shots(running, served, tongue, width).take()


class Shots:
    """The pictures of one tongue and width."""

    def __init__(self, running: Any, served: Served, tongue: str, width: int) -> None:
        self._running = running
        self._served = served
        self._tongue = tongue
        self._width = width

    def take(self) -> None:
        """Anybody's pages, a resident's, a clerk's."""
        self._resident()
        if self._tongue == "ja":
            self._anybody()
            self._clerk()

    def _window(self) -> Window:
        return Window(self._running, self._served.url, width=self._width, tongue=self._tongue)

    def _shoot(self, window: Window, name: str, path: str | Callable[[], object]) -> None:
        if callable(path):
            path()
            window.page.wait_for_load_state("networkidle")
        else:
            window.go(path)
        file = SCREENS / f"{name}-{self._tongue}-{self._width}.png"
        window.page.screenshot(path=file, full_page=True)

    def _anybody(self) -> None:
        window = self._window()
        self._shoot(window, "home", "/")
        self._shoot(window, "sign-in", "/sign-in")
        for name in ("questions", "towns", "charges", "check"):
            self._shoot(window, name, f"/observatory/{name}")
        self._shoot(window, "observatory", "/observatory")
        window.close()

    def _resident(self) -> None:
        window = self._window()
        window.sign_in("resident")
        self._shoot(window, "portal", "/portal")
        self._shoot(window, "view-key", "/portal/asked")
        self._shoot(window, "asked", window.page.locator("main form button").click)
        self._shoot(window, "looked", "/portal/looked")
        window.close()

    def _clerk(self) -> None:
        window, town = self._window(), self._served.towns[0]
        record = somebody(
            self._served, town, lambda one: one.is_head and one.name.reading and not one.foreigner
        )
        window.sign_in(f"clerk:{town}")
        self._shoot(window, "desk", "/desk")
        window.fill(kana=record.name.reading.text[:2])
        self._shoot(window, "found", window.page.locator("main form button").first.click)
        here = f"/desk/records/{record.number}"
        self._shoot(window, "record", here)
        self._shoot(window, "history", f"{here}/history")
        self._shoot(window, "work", "/desk/work")
        self._shoot(window, "move-in", "/desk/take/move-in")
        self._shoot(window, "amiss", lambda: window.press("confirm"))
        self._shoot(window, "birth", f"/desk/take/birth?record={record.number}")
        self._shoot(window, "move-inside", f"/desk/take/move-inside?record={record.number}")
        window.fill(event_date="令和8年1月4日", postal=record.address.postal_code)
        window.press("postal")
        window.fill(block="９９番９号", who="self", proof="number_card")
        for box in window.page.locator('[name="goes"]').all():
            box.check()
        self._shoot(window, "look-it-over", lambda: window.press("confirm"))
        window.close()


if __name__ == "__main__":
    main()
