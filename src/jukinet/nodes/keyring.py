"""Key rings (鍵束): what each node holds, and the directory of what everybody may know.

Secrets are drawn from chance once, at set-up. None of these values can print itself; a file of
them is written by `tasks.folder` with permissions for its owner alone.
"""

import msgspec

from jukinet.keys.chance import Chance
from jukinet.keys.seal import OpenKey, SealKey, hkdf
from jukinet.keys.sign import SigningKey, VerifyKey
from jukinet.law.personal import Personal
from jukinet.law.tags import town_key

KEY_BYTES = 32


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
    tags: dict[str, bytes]  # by prefecture: search tag keys, from which the towns' derive
    index: dict[str, bytes]  # by prefecture: the key of tags as stored
    codes: bytes
    pool: bytes  # FF1 key of the code pools
    numbers: bytes  # FF1 key of the individual numbers
    door: bytes  # MAC key of handles
    reconcile: dict[str, bytes]  # by town


class KeeperRing(Personal, frozen=True, kw_only=True):
    """The keeper's secret, from which the keys of all sectors derive (provisional: one keeper)."""

    master: bytes


class AgencyRing(Personal, frozen=True, kw_only=True):
    """An agency's secret."""

    signing: bytes


class TownEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of a town."""

    code: str
    name: str
    verify: bytes
    seal: bytes


class AgencyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of an agency: its key, and which receiver of the schedules it is."""

    id: str
    receiver: str
    prefecture: str  # "" for a national agency
    verify: bytes


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """The public directory (名簿): who is who, and their public keys."""

    origin: str  # the log's name
    log: str  # the log's verifier key, as other people's tools read it
    policy: str  # which witnesses must have signed too: a tlog-policy file
    centre: bytes
    payload_seal: bytes  # the keepers' key for index payloads
    sector_seals: dict[str, bytes]  # by sector: the keepers' key for handles
    towns: dict[str, TownEntry]
    agencies: dict[str, AgencyEntry]

    def town_verify(self, town: str) -> VerifyKey:
        """A town's signature key."""
        return VerifyKey(self.towns[town].verify)

    def town_seal(self, town: str) -> SealKey:
        """The key to which letters for a town are sealed."""
        return SealKey(self.towns[town].seal)


def payload_opening(ring: KeeperRing) -> OpenKey:
    """The keeper's key that opens payload keys."""
    return OpenKey(hkdf(ring.master, b"jukinet payload opening v1"))


def sector_opening(ring: KeeperRing, sector: str) -> OpenKey:
    """The keeper's key that opens a sector's handles; independent of the number key."""
    return OpenKey(hkdf(ring.master, b"jukinet sector opening v1", sector.encode()))


def sector_number_key(ring: KeeperRing, sector: str) -> bytes:
    """The keeper's key that makes a sector's numbers."""
    return hkdf(ring.master, b"jukinet sector number key v1", sector.encode())


def new_town_ring(chance: Chance, centre: CentreRing, town: str) -> TownRing:
    """A town's secrets, those that it shares with the centre taken from there."""
    return TownRing(
        signing=chance(KEY_BYTES),
        opening=chance(KEY_BYTES),
        tags=town_key(centre.tags[town[:2]], town),
        codes=centre.codes,
        reconcile=centre.reconcile[town],
    )


def new_centre_ring(chance: Chance, towns: list[str]) -> CentreRing:
    """The centre's secrets, for some towns."""
    prefectures = sorted({town[:2] for town in towns})
    return CentreRing(
        signing=chance(KEY_BYTES),
        log=chance(KEY_BYTES),
        tags={prefecture: chance(KEY_BYTES) for prefecture in prefectures},
        index={prefecture: chance(KEY_BYTES) for prefecture in prefectures},
        codes=chance(KEY_BYTES),
        pool=chance(KEY_BYTES),
        numbers=chance(KEY_BYTES),
        door=chance(KEY_BYTES),
        reconcile={town: chance(KEY_BYTES) for town in towns},
    )


def signing_key(seed: bytes) -> SigningKey:
    """A signature key from its seed."""
    return SigningKey(seed)
