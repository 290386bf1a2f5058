"""Search (検索): by name and birth date, and always a place, so one shard answers.

The number of statements and key operations is the same whether somebody is found, nobody is, or
the one who is found is hidden: where no tag leads anywhere, a decoy of the same size stands in for
the person, and is opened like one.
"""

from collections.abc import Sequence

from jukinet.index import people
from jukinet.law.inquiry import BySearch
from jukinet.law.tags import stored, tags_sought, town_key
from jukinet.store.engine import Transaction


def locators(
    tx: Transaction,
    search: BySearch,
    *,
    prefecture_key: bytes,
    index_key: bytes,
    towns: Sequence[str],
) -> list[bytes]:
    """The locators that a search leads to; `towns` are the place, or the wards of a city."""
    sought = [
        stored(index_key, tag)
        for town in towns
        for tag in tags_sought(town_key(prefecture_key, town), search)
    ]
    return people.by_tags(tx, search.place.prefecture, sought)
