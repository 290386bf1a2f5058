"""Sealing of notices (通知の封緘): a town seals, the keepers open, the door reads.

Each notice has a data key of its own. The payload is sealed under it, padded to one size; the key
is sealed to the keepers. Both seals are bound to town, locator and version, so neither can be put
in another's place.
"""

from struct import pack

from jukinet.keys.chance import Chance
from jukinet.keys.seal import SealKey, lock, pad, unlock, unpad
from jukinet.law.identity import Attachment
from jukinet.law.notice import (
    PAYLOAD_BYTES,
    ChainStart,
    Notice,
    SealedNotice,
    unpack_notice,
)
from jukinet.law.tags import code_tag, tags_of

PAYLOAD_CONTEXT, SEED_CONTEXT = b"jukinet payload v1\x00", b"jukinet seed v1\x00"
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
PLAIN_BYTES = PAYLOAD_BYTES - NONCE_BYTES - TAG_BYTES


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
    seal: SealKey,
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
        wrapped=seal.seal(key, context=context),
        chain=start_chain(attachment, seal) if fresh_chain else None,
        kept=kept,
    )


def start_chain(attachment: Attachment, seal: SealKey) -> ChainStart:
    """The start of a chain of labels, its seed sealed to the keepers besides."""
    return ChainStart(
        epoch=attachment.epoch,
        seed=attachment.seed,
        sealed_seed=seal.seal(attachment.seed, context=seed_context(attachment.locator)),
    )


def open_payload(key: bytes, payload: bytes, context: bytes) -> Notice:
    """The notice, from its payload and the data key that the keepers opened; raises Damaged."""
    nonce, sealed = payload[:NONCE_BYTES], payload[NONCE_BYTES:]
    return unpack_notice(unpad(unlock(key, sealed, nonce=nonce, context=context)))
