"""Support measures (支援措置): from whom a person is hidden, until when, in both towns.

For victims of violence, stalking and child abuse. A measure lasts a year and is renewed on
request. It *expires closed*: on the day it ends nobody is shown; the person stays hidden until a
clerk, having asked, ends the measure by an entry of its own.
"""

from datetime import date
from enum import StrEnum

from jukinet.law.personal import Personal

RENEWAL_FROM_DAYS = 30  # a renewal is accepted from a month before the end


class Threat(StrEnum):
    """What the person is protected from."""

    VIOLENCE = "violence"  # 配偶者からの暴力
    STALKING = "stalking"  # ストーカー行為等
    CHILD_ABUSE = "child_abuse"  # 児童虐待
    OTHER = "other"  # その他これらに準ずる行為


class MeasureStanding(StrEnum):
    """How a measure stands on a day."""

    IN_FORCE = "in_force"
    EXPIRED = "expired"  # still closed; the person is to be asked
    ENDED = "ended"


class SupportMeasure(Personal, frozen=True, kw_only=True):
    """One support measure of one person."""

    threat: Threat
    since: date
    until: date
    ended: date | None = None

    @property
    def hides(self) -> bool:
        """Whether the person is hidden: until the measure is ended, not merely until it expires."""
        return self.ended is None

    def standing(self, on: date) -> MeasureStanding:
        """In force, expired (and closed), or ended."""
        if self.ended is not None and on >= self.ended:
            return MeasureStanding.ENDED
        return MeasureStanding.EXPIRED if on > self.until else MeasureStanding.IN_FORCE
