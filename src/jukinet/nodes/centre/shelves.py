"""Shelves (保存先): the centre's stores: one for each prefecture, one national, one for chains."""

from collections.abc import Mapping
from typing import NamedTuple

from jukinet.errors import OutOfStep
from jukinet.feed import inbox, outbox
from jukinet.index import generations, numbering, people, whereabouts
from jukinet.ledger import chains
from jukinet.nodes import relay
from jukinet.store.engine import Store

PREFECTURE = (people.METADATA, inbox.METADATA, outbox.METADATA, relay.METADATA)
NATIONAL = (numbering.METADATA, whereabouts.METADATA, generations.METADATA)
CHAINS = (chains.METADATA,)


class Shelves(NamedTuple):
    """Where everything of the centre's stands."""

    prefectures: Mapping[str, Store]
    national: Store
    chains: Store

    def of(self, prefecture: str) -> Store:
        """A prefecture's store, or OutOfStep where this centre has none for it."""
        if prefecture not in self.prefectures:
            raise OutOfStep(f"centre: it holds no index of prefecture {prefecture}")
        return self.prefectures[prefecture]
