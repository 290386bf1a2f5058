"""View key on paper (閲覧鍵の紙): a QR code, the same in letters, and what it opens.

The QR code has version 15 at most and error level M, so that a desk's printer prints it and an old
telephone reads it.
"""

from datetime import date
from itertools import islice
from typing import Final

import segno
from markupsafe import Markup

from jukinet.client.view_key import ViewKey
from jukinet.errors import Malformed
from jukinet.merkle.note import VerifierKey
from jukinet.tasks.papers import TEMPLATES
from jukinet.tasks.papers.wording import HOLDERS, Both, day

VERSION_MAX: Final = 15
_GROUP: Final = 6


def view_key_qr(key: ViewKey) -> str:
    """The short form of a view key as a QR code, in SVG.

    Raises Malformed where it needs a larger code than a desk prints: the log's name is too long.
    """
    code = segno.make(key.text, error="m", micro=False, boost_error=False)
    if int(code.version) > VERSION_MAX:
        raise Malformed(
            f"view key: its QR code would have version {code.version}, at most {VERSION_MAX}; "
            "the log's name is too long"
        )
    return code.svg_inline(border=4, omitsize=True)


def view_key_sheet(key: ViewKey, town_name: str, given_on: date) -> str:
    """The sheet that a desk hands over with a view key, as HTML."""
    on = day(given_on)
    return TEMPLATES.get_template("view_key.html").render(
        given=Both(f"{on.ja} {town_name} 交付", f"given on {on.en} by {town_name}"),
        qr=Markup(view_key_qr(key)),
        rows=list(_rows(key).items()),
        groups=" ".join(_groups(key.text)),
        origin=VerifierKey.parse(key.log).name,
    )


def _rows(key: ViewKey) -> dict[Both, Both]:
    holder = HOLDERS[key.holder]
    begins = (
        Both(f"{key.place + 1} 件目の記録から", f"from entry {key.place + 1} of your chain on")
        if key.place
        else Both("この鎖の初めから", "from the beginning of your chain")
    )
    ends = (
        day(date.fromisoformat(key.valid_to))
        if key.valid_to
        else Both("期限なし", "it has no last day")
    )
    return {
        Both("開けるもの", "it opens"): Both(
            "誰が、いつ、何のために、どの項目を照会したか",
            "who asked about you, when, for what, and for which items",
        ),
        Both("どこから", "from"): begins,
        Both("有効期限", "last day"): ends,
        Both("受領者", "given to"): holder,
    }


def _groups(text: str) -> list[str]:
    letters = iter(text)
    groups = []
    while some := "".join(islice(letters, _GROUP)):
        groups.append(some)
    return groups
