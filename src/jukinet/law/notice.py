"""Change notice (通知): new state, coarse reason (異動事由), event date (異動日), number.

`Notice` is what a town tells; `SealedNotice` is what leaves it. The ten reasons are coarse on
purpose: marriage, divorce and adoption all read "ex officio correction". The payload is sealed by
the town to the keepers' key, so that the line, the centre's disk and its back-ups hold nothing
readable; the tags let the index find a person whose name, birth date and place are known already.

Every field that leaves a town stands in docs/leaving.md, by test.
"""

from datetime import date
from enum import StrEnum

import msgspec

from jukinet.errors import Damaged
from jukinet.law.identity import Identification, unpack
from jukinet.law.personal import Personal

PAYLOAD_BYTES = 1024 + 28  # padded, with nonce and tag: of one size for everybody


class Reason(StrEnum):
    """The ten reasons that a notice may give (異動事由)."""

    MOVE_IN = "move_in"  # 転入等
    BIRTH = "birth"  # 出生
    EX_OFFICIO_ENTRY = "ex_officio_entry"  # 職権記載等
    MOVE_OUT = "move_out"  # 転出
    DEATH = "death"  # 死亡
    EX_OFFICIO_DELETION = "ex_officio_deletion"  # 職権消除等
    MOVE_INSIDE = "move_inside"  # 転居
    EX_OFFICIO_CORRECTION = "ex_officio_correction"  # 職権修正等
    CODE_CHANGE = "code_change"  # 住民票コードの記載の変更請求
    EX_OFFICIO_CODE = "ex_officio_code"  # 住民票コードの職権記載等


class Notice(Personal, frozen=True, kw_only=True):
    """The new state of one person, as the index is to have it."""

    person: Identification
    reason: Reason
    event_date: date
    live: bool
    hidden: bool
    root: bytes

    def pack(self) -> bytes:
        """The bytes to be sealed."""
        return _encode(
            (
                self.person.pack(),
                self.reason.value,
                self.event_date.isoformat(),
                self.live,
                self.hidden,
                self.root,
            )
        )


def unpack_notice(content: bytes) -> Notice:
    """The notice from the bytes that were sealed; raises Damaged where they are something else."""
    try:
        texts, reason, event_date, live, hidden, root = _decode(content)
        return Notice(
            person=unpack(texts),
            reason=Reason(reason),
            event_date=date.fromisoformat(event_date),
            live=live,
            hidden=hidden,
            root=root,
        )
    except (ValueError, TypeError, msgspec.MsgspecError):
        raise Damaged("notice: the sealed payload is not a notice") from None


class ChainStart(Personal, frozen=True, kw_only=True, array_like=True):
    """The start of a chain of labels: told once for each fresh seed, and sealed to the keepers."""

    epoch: int
    seed: bytes
    sealed_seed: bytes


class SealedNotice(Personal, frozen=True, kw_only=True, array_like=True, tag="notice"):
    """All that leaves a town about a person; there is room for nothing else.

    `kept` is empty, but where the record was united with another one of the same person: then it
    is that one's locator, to which this one leads from now on. A later notice of this locator with
    an empty one takes that back.
    """

    town: str
    locator: bytes
    version: int
    live: bool
    code_tag: bytes
    search_tags: tuple[bytes, bytes, bytes, bytes]
    payload: bytes  # sealed, of one size for everybody
    wrapped: bytes  # the payload's data key, sealed to the keepers
    chain: ChainStart | None
    kept: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[list[str], str, str, bool, bool, bytes]).decode
