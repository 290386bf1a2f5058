"""Charts (図): SVG made on the server, each with a table of the same numbers beside it.

A chart is drawn for a page of 360 pixels and grows with it. It has a title for those who do not see
it; colours and type come from the style sheet, so no style stands in it.

>>> "<title>Questions</title>" in columns([Point("1", 3), Point("2", 0)], title="Questions")
True
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from markupsafe import Markup, escape

WIDTH: Final = 360
HEIGHT: Final = 190
LEFT, TOP, BOTTOM = 44, 14, 26
TILE: Final = 27

# Where each prefecture stands on a map of equal tiles: column and row.
TILES: Final[Mapping[str, tuple[int, int]]] = {
    "01": (11, 0), "02": (11, 1), "03": (11, 2), "04": (11, 3), "05": (10, 2), "06": (10, 3),
    "07": (11, 4), "08": (12, 5), "09": (11, 5), "10": (10, 5), "11": (10, 6), "12": (12, 6),
    "13": (11, 6), "14": (11, 7), "15": (10, 4), "16": (9, 4), "17": (8, 4), "18": (7, 5),
    "19": (9, 6), "20": (9, 5), "21": (8, 5), "22": (9, 7), "23": (8, 6), "24": (7, 7),
    "25": (7, 6), "26": (6, 5), "27": (5, 6), "28": (5, 5), "29": (6, 6), "30": (6, 7),
    "31": (4, 5), "32": (3, 5), "33": (4, 6), "34": (3, 6), "35": (2, 6), "36": (4, 8),
    "37": (4, 7), "38": (3, 7), "39": (3, 8), "40": (1, 7), "41": (0, 7), "42": (0, 8),
    "43": (0, 9), "44": (1, 8), "45": (1, 9), "46": (0, 10), "47": (0, 11),
}  # fmt: skip


class Point(NamedTuple):
    """A value and what stands below it."""

    label: str
    value: int


class Tile(NamedTuple):
    """A prefecture of the map: what it is called, how it stands, and what a pointer reads."""

    name: str
    state: str
    says: str


def columns(points: Sequence[Point], *, title: str) -> Markup:
    """Upright columns, such as one for each month."""
    top = _round_up(max((point.value for point in points), default=0))
    step = (WIDTH - LEFT) / max(len(points), 1)
    height = HEIGHT - TOP - BOTTOM
    parts = [_grid(top, height)]
    every = -(-len(points) // 12)
    for place, (label, value) in enumerate(points):
        tall = round(height * value / top, 1)
        x = round(LEFT + step * (place + 0.16), 1)
        y = round(TOP + height - tall, 1)
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}">').format(
                x, y, round(step * 0.68, 1), tall
            )
            + Markup("<title>{}: {:,}</title></rect>").format(label, value)
        )
        if place % every == 0:
            middle = round(LEFT + step * (place + 0.5), 1)
            parts.append(_text(middle, HEIGHT - 8, label, "middle"))
    return _svg(WIDTH, HEIGHT, title, parts)


def bar(value: int, most: int) -> Markup:
    """A bar that lies in a table's row; the number stands beside it, so it has no title."""
    share = round(100 * value / most, 1) if most else 0
    return Markup(
        '<svg class="lying" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rest" width="100" height="10"></rect>'
        '<rect class="bar" width="{}" height="10"></rect></svg>'
    ).format(share)


def japan(tiles: Mapping[str, Tile], *, title: str) -> Markup:
    """A map of equal tiles, one for each prefecture."""
    parts = []
    for code, (column, row) in TILES.items():
        tile = tiles[code]
        x, y = column * TILE, row * TILE
        box = Markup('<g class="tile {}"><title>{}</title>').format(tile.state, tile.says)
        box += Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="3"></rect>').format(
            x, y, TILE - 2, TILE - 2
        )
        name = _text(x + TILE / 2 - 1, y + 16, tile.name, "middle", small=len(tile.name) > 2)
        parts.append(box + name + Markup("</g>"))
    wide = 1 + max(column for column, _ in TILES.values())
    high = 1 + max(row for _, row in TILES.values())
    return _svg(wide * TILE, high * TILE, title, parts)


def _grid(top: int, height: int) -> Markup:
    lines = Markup("")
    for quarter in range(0, 5, 2):
        y = round(TOP + height * (1 - quarter / 4), 1)
        lines += Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"></line>').format(
            LEFT, WIDTH, y, y
        )
        lines += _text(LEFT - 6, y + 4, f"{top * quarter // 4:,}", "end")
    return lines


def _text(x: float, y: float, said: str, anchor: str, *, small: bool = False) -> Markup:
    kind = "small" if small else "plain"
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, said
    )


def _svg(width: int, height: int, title: str, parts: Sequence[Markup]) -> Markup:
    head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
        width, height, title
    )
    inside = Markup("<title>{}</title>").format(title) + Markup("").join(map(escape, parts))
    return head + inside + Markup("</svg>")


def _round_up(value: int) -> int:
    """The next number that divides well: 4, 8, 20, 40, 80, 200, ...

    >>> [_round_up(value) for value in (0, 3, 5, 9, 33, 412)]
    [4, 4, 8, 20, 40, 800]
    """
    step = 4
    while True:
        for factor in (1, 2, 5):
            if step * factor >= value:
                return step * factor
        step *= 10
