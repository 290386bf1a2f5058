"""Findings (検証の結果): what differs, where, and how much was looked at.

A finding names a place (a file), what it is about (record 17, leaf 204) and says in a sentence what
differs; never a name, a code, an address or a birth date, and of random bytes only the first four.
Of each kind of finding in one place the first few are named and the rest counted.

>>> findings = Findings()
>>> for number in range(12):
...     findings.note("towns/131016.db", f"record {number}", "differs from its entries")
>>> report = findings.report()
>>> report.ok, len(report.findings), report.findings[-1].about
(False, 11, '2 more')
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from sqlcipher3 import dbapi2 as sqlcipher

from jukinet.errors import JukinetError

NAMED_MAX = 10

Progress = Callable[[str, int, int | None], None]

UNREADABLE = (
    JukinetError,
    msgspec.MsgspecError,
    sqlcipher.Error,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
)
"""What reading a stored value that is not what was written can raise."""


class Finding(NamedTuple):
    """One thing that is not as it should be."""

    place: str
    about: str
    sentence: str


class Report(NamedTuple):
    """What a verification came to."""

    findings: tuple[Finding, ...]
    counts: dict[str, int]

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        named = [finding._asdict() for finding in self.findings]
        return {"ok": self.ok, **self.counts, "findings": named}


class Findings:
    """Findings and counts as they come."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._named: dict[tuple[str, str], list[Finding]] = {}

    def note(self, place: str, about: str, sentence: str) -> None:
        """Note a finding; of one place and sentence only the first few are kept."""
        kind = (place, sentence)
        self._seen[kind] += 1
        if self._seen[kind] <= NAMED_MAX:
            self._named.setdefault(kind, []).append(Finding(place, about, sentence))

    @contextmanager
    def reading(self, place: str, about: str, sentence: str) -> Iterator[None]:
        """Note a finding where the block cannot read what is stored, and go on after it."""
        try:
            yield
        except UNREADABLE:
            self.note(place, about, sentence)

    def report(self) -> Report:
        """What all of it came to."""
        found: list[Finding] = []
        for (place, sentence), named in self._named.items():
            found += named
            rest = self._seen[place, sentence] - len(named)
            if rest:
                found.append(Finding(place, f"{rest} more", sentence))
        return Report(tuple(found), dict(self.counts))


def short(random: bytes) -> str:
    """The beginning of random bytes, enough to find them again."""
    return random[:4].hex() + "…"


def listed(names: Iterable[str]) -> str:
    """Names in a row."""
    return ", ".join(names)
