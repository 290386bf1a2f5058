"""Pages (頁の作り方): templates, the words around them, and how days and numbers are written.

Whatever comes from a person or an office is escaped; a template that names something that is not
there fails in the tests and never shows a gap. Days stand with their era and their Gregorian year,
whatever the language.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jukinet.law.leaf import JAPAN
from jukinet.names import era
from jukinet.names.era import PartialDate
from jukinet.web.tongues import NAMES, Tongue
from jukinet.web.visit import Page, Visit

STATIC: Final = "/static/"


def made(page: Page, visit: Visit) -> str:
    """A page as HTML."""
    template = environment(visit.tongue).get_template(page.template)
    return template.render(**_around(visit), **page.shows)


def _around(visit: Visit) -> Mapping[str, Any]:
    """What every page knows."""
    return {
        "visit": visit,
        "tongue": visit.tongue,
        "session": visit.session,
        "form_token": visit.form_token,
        "synthetic": visit.house.synthetic,
        "tongues": [(code, name, _same_page(visit, code)) for code, name in NAMES.items()],
    }


def _same_page(visit: Visit, tongue: str) -> str:
    return f"{visit.path}?{urlencode({**visit.query, 'lang': tongue})}"


@cache
def environment(tongue: Tongue) -> Environment:
    """The templates in one tongue."""
    made = Environment(
        loader=PackageLoader("jukinet.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's own
        tongue.say, tongue.say_of, newstyle=True
    )
    made.filters["day"] = lambda when: day(when, tongue)
    made.filters["moment"] = lambda when: moment(when, tongue)
    made.filters["count"] = lambda number: f"{number:,}"
    made.filters["refusal"] = lambda sentence: said(sentence, tongue)
    made.globals["static"] = static_address
    return made


def day(when: date | PartialDate, tongue: Tongue) -> str:
    """A day with its era and its Gregorian date, whichever the reader is at home in.

    >>> from jukinet.web.tongues import tongue
    >>> day(date(2025, 4, 1), tongue("ja")), day(date(2025, 4, 1), tongue("en"))
    ('令和7年4月1日（2025年）', '1 April 2025 (令和7年)')
    """
    partial = when if isinstance(when, PartialDate) else era.from_date(when)
    in_era = era.to_era(partial)
    if partial.year is None:
        return in_era if tongue.japanese else tongue.say("not known")
    if tongue.japanese:
        return in_era if in_era.startswith(str(partial.year)) else f"{in_era}（{partial.year}年）"
    short = in_era.partition("年")[0] + "年"
    known = partial.date
    gregorian = f"{known.day} {known:%B %Y}" if known else partial.iso.replace("-00", "-??")
    return f"{gregorian} ({short})" if not in_era.startswith(str(partial.year)) else gregorian


def moment(when: datetime, tongue: Tongue) -> str:
    """A time in Japan."""
    local = when.astimezone(JAPAN)
    return f"{day(local.date(), tongue)} {local:%H:%M}"


def said(sentence: str, tongue: Tongue) -> Markup:
    """A refusal's sentence; what has no translation is marked as English."""
    text = tongue.refusal(sentence)
    if tongue.html != "en" and text == sentence:
        return Markup('<span lang="en">{}</span>').format(text)
    return Markup("{}").format(text)


def static_address(name: str) -> str:
    """Where a file of ours is got, so that a new one has a new address."""
    return f"{STATIC}{name}?v={sha256(static(name) or b'').hexdigest()[:12]}"


@cache
def static(name: str) -> bytes | None:
    """A file that the pages bring along, or None; no other file can be named."""
    return _statics().get(name)


@cache
def _statics() -> dict[str, bytes]:
    folder = resources.files("jukinet.web").joinpath("static")
    found = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    for one in folder.joinpath("vendor").iterdir():
        found[f"vendor/{one.name}"] = one.read_bytes()
    return found


MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "LICENSE": "text/plain; charset=utf-8",
}
