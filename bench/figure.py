"""A figure: what was measured, how many a second, and the bare engine beside it."""

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the table. `bare` is what the bare engine does of the same rows, a second."""

    what: str
    a_second: float
    bare: float | None = None
    bare_is: str = "sqlite3, the same statements"
    at_least: float | None = None
    unit: str = "/s"

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "ratio": self.ratio}

    @property
    def ratio(self) -> float | None:
        """Our share of the bare engine's speed."""
        return None if not self.bare else round(self.a_second / self.bare, 3)

    def line(self) -> str:
        """For people."""
        beside = ""
        if self.bare:
            beside = f"   bare {self.bare:>10,.0f}{self.unit} ({self.bare_is}), ratio {self.ratio}"
        wanted = f"   (wanted {self.at_least:,.0f})" if self.at_least else ""
        return f"{self.what:<58} {self.a_second:>10,.0f}{self.unit}{wanted}{beside}"


def of_rounds(
    what: str,
    count: int,
    rounds: list[tuple[float, float]],
    *,
    at_least: float | None = None,
    bare_is: str = Figure.bare_is,
) -> Figure:
    """A figure from several rounds of (seconds, bare seconds): the medians."""
    seconds = median(one for one, _ in rounds)
    bare = median(other for _, other in rounds)
    return Figure(what, count / seconds, count / bare if bare else None, bare_is, at_least)
