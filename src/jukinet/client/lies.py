"""Lie (虚偽): what a log says and what is not so, with all that proves it to others.

A lie is told by a log, not by a line: a mirror may lack a file, but nobody else can sign what the
log has signed. What is kept with it (`files`) is enough to show it to somebody who was not there.

It is not an accusation of a person; and where files do not fit what is signed, it may be the
mirror's: the sentence says so.
"""

from collections.abc import Mapping
from enum import StrEnum

from jukinet.errors import OutOfStep


class Rule(StrEnum):
    """What a log must keep to (docs/spec/audit.md)."""

    SIGNATURE = "signature"
    FORK = "fork"
    TREE = "tree"
    FORM = "form"
    TIME = "time"
    LABEL = "label"
    ORPHAN = "orphan"
    INQUIRY = "inquiry"
    ROW = "row"
    BUNDLE = "bundle"
    DEFERRED = "deferred"
    OBJECTION = "objection"
    SAMPLE = "sample"
    RUN = "run"
    STATISTICS = "statistics"


class Lie(OutOfStep):
    """A rule that the log broke, the leaf or file in which it did, and what proves it."""

    def __init__(
        self, rule: Rule, place: str, sentence: str, files: Mapping[str, bytes] | None = None
    ) -> None:
        super().__init__(f"{place}: {sentence} (rule {rule})")
        self.rule = rule
        self.place = place
        self.files = dict(files or {})
