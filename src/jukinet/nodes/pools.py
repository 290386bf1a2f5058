"""Pools on the line (付番プールの指定): a town asks ahead of need, the centre allots."""

from typing import Final

import msgspec

from jukinet.law.personal import Personal

GRANT_MAX: Final = 100_000
"""So many codes one request is granted at most; whoever needs more asks more often."""


class PoolRequest(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A town asks for more codes; `level` is what it has left."""

    count: int
    level: int


class PoolGrant(Personal, frozen=True, kw_only=True, array_like=True):
    """The centre allots codes, each with its individual number."""

    pairs: tuple[tuple[str, str], ...]
