"""Passkeys (認証器の登録): the public keys by which clerks and residents of a town sign in.

Nothing secret stands here: the private key never leaves its owner's device. A credential belongs to
one holder of one role; its counter shows a copied authenticator.
"""

from typing import NamedTuple

from sqlalchemy import MetaData, bindparam

from jukinet.store.engine import Transaction
from jukinet.store.rows import Rows, blob, integer, text

METADATA = MetaData()


class PasskeyRow(NamedTuple):
    """One registered passkey."""

    credential: bytes
    role: str
    holder: str  # an official's number, or a record number
    public_key: bytes  # COSE
    counter: int
    added_at: str
    used_at: str  # "" or when it was last used

    def __repr__(self) -> str:
        return "<PasskeyRow>"


PASSKEYS = Rows(
    "passkey",
    METADATA,
    PasskeyRow,
    [
        blob("credential", key=True),
        text("role"),
        text("holder"),
        blob("public_key"),
        integer("counter"),
        text("added_at"),
        text("used_at"),
    ],
    indexes=[("role", "holder")],
)

_OF = PASSKEYS.query(
    PASSKEYS.table.c.role == bindparam("role"),
    PASSKEYS.table.c.holder == bindparam("holder"),
    order_by=[PASSKEYS.table.c.added_at, PASSKEYS.table.c.credential],
)


def add(tx: Transaction, row: PasskeyRow) -> None:
    """Register one; OutOfStep where the credential is there already."""
    PASSKEYS.add(tx, row)


def get(tx: Transaction, credential: bytes) -> PasskeyRow | None:
    """The passkey of a credential, or None."""
    return PASSKEYS.get(tx, credential)


def all_of(tx: Transaction, role: str, holder: str) -> list[PasskeyRow]:
    """Somebody's passkeys, the oldest first."""
    return _OF.all(tx, role=role, holder=holder)


def used(tx: Transaction, row: PasskeyRow, *, counter: int, at: str) -> None:
    """Write down that one was used."""
    PASSKEYS.put(tx, row._replace(counter=counter, used_at=at))


def remove(tx: Transaction, credential: bytes) -> None:
    """It opens nothing any more."""
    PASSKEYS.remove(tx, credential)
