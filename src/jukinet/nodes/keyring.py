"""Key rings (鍵束): what each node holds, and the directory of what everybody may know.

Secrets are drawn from chance once, at set-up. None of these values can print itself; a file of
them is written by `tasks.folder` with permissions for its owner alone.
"""

from collections.abc import Iterable, Mapping

import msgspec

from jukinet.errors import Damaged
from jukinet.keys import kem
from jukinet.keys.chance import Chance
from jukinet.keys.seal import SealKey
from jukinet.keys.sign import SigningKey, VerifyKey
from jukinet.keys.threshold import GroupKey
from jukinet.law.personal import Personal
from jukinet.law.schedule import Schedule
from jukinet.law.tags import town_key

KEY_BYTES = 32

INDEX, SEED, DEFERRED, RELEASE = "index", "seed", "deferred", "release"
"""The keepers' keys that are no sector's: for payloads' keys, for chains' seeds, for what is kept
from its resident for a while, and for the keys of the centre's tags. Each opens what it is for and
nothing else, so none is an oracle for another."""


def number_key(sector: str) -> str:
    """The name of the key that makes a sector's numbers."""
    return f"number/{sector}"


def opening_key(sector: str) -> str:
    """The name of the key that opens a sector's handles; independent of the other."""
    return f"open/{sector}"


def key_names(schedule: Schedule) -> list[str]:
    """The names of all keys that the keepers hold shares of, in the order of a ceremony."""
    sectors = [grant.sector for grant in schedule.grants.values()]
    return [
        *(INDEX, SEED, DEFERRED, RELEASE),
        *map(opening_key, sectors),
        *map(number_key, sectors),
    ]


class TownRing(Personal, frozen=True, kw_only=True):
    """A town's secrets."""

    signing: bytes  # Ed25519 seed: signs its feed and its letters
    opening: bytes  # X25519: opens letters from other towns
    tags: bytes  # the town's search tag key
    codes: bytes  # the code tag key, the same for all towns
    reconcile: bytes  # shared with the centre


class CentreRing(Personal, frozen=True, kw_only=True):
    """The centre's secrets."""

    signing: bytes
    log: bytes  # Ed25519 seed: signs checkpoints
    released: dict[str, bytes]  # by prefecture: its `TagKeys`, sealed to the keepers
    codes: bytes
    pool: bytes  # FF1 key of the code pools
    numbers: bytes  # FF1 key of the individual numbers
    door: bytes  # MAC key of handles
    reconcile: dict[str, bytes]  # by town


class TagKeys(Personal, frozen=True, kw_only=True):
    """The keys under which the people of a prefecture are found; in memory alone."""

    tags: bytes  # the search tag key, from which the towns' derive
    index: bytes  # the key of tags as stored

    def sealed(self, prefecture: str, public: bytes, chance: Chance) -> bytes:
        """As they rest at the centre: sealed to the keepers' key for them."""
        context = release_context(prefecture)
        return kem.seal(public, self.tags + self.index, context=context, chance=chance)


class KeeperRing(Personal, frozen=True, kw_only=True):
    """What a keeper is known by; its shares are kept apart (`nodes.keeper.Shares`)."""

    signing: bytes  # Ed25519 seed: signs its answers
    opening: bytes  # X25519: opens what other keepers seal to it


class AgencyRing(Personal, frozen=True, kw_only=True):
    """An agency's secrets."""

    signing: bytes
    enrol: bytes  # X25519: opens the parts of its numbers


class TownEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of a town."""

    code: str
    name: str
    verify: bytes
    seal: bytes


class AgencyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of an agency: its keys, and which receiver of the schedules it is."""

    id: str
    receiver: str
    prefecture: str  # "" for a national agency
    verify: bytes
    enrol: bytes  # to which the keepers seal the parts of its numbers


class KeeperEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of a keeper; its index is its place in every sharing, from 1."""

    name: str
    index: int
    verify: bytes
    seal: bytes


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """The public directory (名簿): who is who, and their public keys."""

    origin: str  # the log's name
    log: str  # the log's verifier key, as other people's tools read it
    policy: str  # which witnesses must have signed too: a tlog-policy file
    centre: bytes
    threshold: int  # how many keepers must work together
    keepers: dict[str, KeeperEntry]
    group_keys: dict[str, GroupKey]  # by name: the public halves of what the keepers share
    towns: dict[str, TownEntry]
    agencies: dict[str, AgencyEntry]

    def town_verify(self, town: str) -> VerifyKey:
        """A town's signature key."""
        return VerifyKey(self.towns[town].verify)

    def town_seal(self, town: str) -> SealKey:
        """The key to which letters for a town are sealed."""
        return SealKey(self.towns[town].seal)

    def public(self, name: str) -> bytes:
        """The public half of one of the keepers' keys."""
        return self.group_keys[name].public

    @property
    def epoch(self) -> int:
        """The epoch of the keepers' shares; every refresh begins another."""
        return self.group_keys[INDEX].epoch


def release_context(prefecture: str) -> bytes:
    """What the seal of a prefecture's tag keys is bound to."""
    return b"jukinet tag keys v1\x00" + prefecture.encode()


def read_tag_keys(opened: bytes) -> TagKeys:
    """The tag keys that the keepers have opened; raises Damaged."""
    if len(opened) != 2 * KEY_BYTES:
        raise Damaged("tag keys: what the keepers opened is none")
    return TagKeys(tags=opened[:KEY_BYTES], index=opened[KEY_BYTES:])


def new_town_ring(chance: Chance, centre: CentreRing, tags: TagKeys, town: str) -> TownRing:
    """A town's secrets, those that it shares with the centre taken from there."""
    return TownRing(
        signing=chance(KEY_BYTES),
        opening=chance(KEY_BYTES),
        tags=town_key(tags.tags, town),
        codes=centre.codes,
        reconcile=centre.reconcile[town],
    )


def new_tag_keys(chance: Chance, towns: Iterable[str]) -> dict[str, TagKeys]:
    """The tag keys of the prefectures of some towns, to be sealed and forgotten."""
    prefectures = sorted({town[:2] for town in towns})
    return {one: TagKeys(tags=chance(KEY_BYTES), index=chance(KEY_BYTES)) for one in prefectures}


def new_centre_ring(
    chance: Chance, towns: Iterable[str], tags: Mapping[str, TagKeys], release: bytes
) -> CentreRing:
    """The centre's secrets, for some towns; `release` is the keepers' key for the tags' own."""
    return CentreRing(
        signing=chance(KEY_BYTES),
        log=chance(KEY_BYTES),
        released={one: keys.sealed(one, release, chance) for one, keys in tags.items()},
        codes=chance(KEY_BYTES),
        pool=chance(KEY_BYTES),
        numbers=chance(KEY_BYTES),
        door=chance(KEY_BYTES),
        reconcile={town: chance(KEY_BYTES) for town in towns},
    )


def signing_key(seed: bytes) -> SigningKey:
    """A signature key from its seed."""
    return SigningKey(seed)
