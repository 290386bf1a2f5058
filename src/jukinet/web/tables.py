"""Tables (表の書き出し): the same rows as JSON and as CSV, for whoever wants to compute.

A cell that a spreadsheet would take for a formula gets an apostrophe before it.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from jukinet.web.visit import Content

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_json(what: Any) -> Content:
    """A reply in JSON, indented, so that people can read it, too."""
    text = json.dumps(what, ensure_ascii=False, indent=1, default=str) + "\n"
    return Content(text.encode(), "application/json")


def as_csv(rows: Iterable[Mapping[str, Any]], head: Sequence[str], name: str) -> Content:
    """A reply in CSV (RFC 4180, UTF-8 with a mark, since spreadsheets guess without one)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([[_cell(row[column]) for column in head] for row in rows])
    return Content(b"\xef\xbb\xbf" + out.getvalue().encode(), "text/csv; charset=utf-8", name)


def _cell(value: Any) -> Any:
    """A value that no spreadsheet computes.

    >>> _cell("=1+1"), _cell(-1), _cell(None)
    ("'=1+1", -1, '')
    """
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
