"""Sealing of notices (通知の封緘): a town seals, the keepers open, the door reads.

Each notice has a data key of its own. The payload is sealed under it, padded to one size; the data
key is sealed to the key that the keepers share. Both seals are bound to town, locator and version,
so neither can be put in another's place.
"""

from struct import pack
from typing import NamedTuple

from jukinet.keys import kem
from jukinet.keys.chance import Chance
from jukinet.keys.seal import lock, pad, unlock, unpad
from jukinet.law.identity import Attachment
from jukinet.law.notice import (
    PAYLOAD_BYTES,
    ChainStart,
    Notice,
    SealedNotice,
    unpack_notice,
)
from jukinet.law.tags import code_tag, tags_of
from jukinet.nodes.keyring import INDEX, SEED, Directory

PAYLOAD_CONTEXT, SEED_CONTEXT = b"jukinet payload v1\x00", b"jukinet seed v1\x00"
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
PLAIN_BYTES = PAYLOAD_BYTES - NONCE_BYTES - TAG_BYTES


class Seals(NamedTuple):
    """The keepers' public keys to which a town seals."""

    payload: bytes
    seed: bytes

    @classmethod
    def of(cls, directory: Directory) -> "Seals":
        """As the directory has them."""
        return cls(directory.public(INDEX), directory.public(SEED))


def context_of(town: str, locator: bytes, version: int) -> bytes:
    """What the seals of one notice are bound to."""
    return PAYLOAD_CONTEXT + town.encode() + locator + pack(">Q", version)


def seed_context(locator: bytes) -> bytes:
    """What the seal of a chain's seed is bound to."""
    return SEED_CONTEXT + locator


def seal_notice(
    notice: Notice,
    *,
    town: str,
    attachment: Attachment,
    version: int,
    fresh_chain: bool,
    tag_key: bytes,
    code_key: bytes,
    seals: Seals,
    chance: Chance,
    kept: bytes = b"",
) -> SealedNotice:
    """All that leaves the town about this change; `kept` as SealedNotice has it."""
    context = context_of(town, attachment.locator, version)
    key, nonce = chance(KEY_BYTES), chance(NONCE_BYTES)
    payload = nonce + lock(key, pad(notice.pack(), PLAIN_BYTES), nonce=nonce, context=context)
    return SealedNotice(
        town=town,
        locator=attachment.locator,
        version=version,
        live=notice.live,
        code_tag=code_tag(code_key, notice.person.code.digits),
        search_tags=tags_of(tag_key, notice.person, attachment.locator),
        payload=payload,
        wrapped=kem.seal(seals.payload, key, context=context, chance=chance),
        chain=start_chain(attachment, seals, chance) if fresh_chain else None,
        kept=kept,
    )


def start_chain(attachment: Attachment, seals: Seals, chance: Chance) -> ChainStart:
    """The start of a chain of labels, its seed sealed to the keepers besides."""
    return ChainStart(
        epoch=attachment.epoch,
        seed=attachment.seed,
        sealed_seed=kem.seal(
            seals.seed, attachment.seed, context=seed_context(attachment.locator), chance=chance
        ),
    )


def open_payload(key: bytes, payload: bytes, context: bytes) -> Notice:
    """The notice, from its payload and the data key that the keepers opened; raises Damaged."""
    nonce, sealed = payload[:NONCE_BYTES], payload[NONCE_BYTES:]
    return unpack_notice(unpad(unlock(key, sealed, nonce=nonce, context=context)))
