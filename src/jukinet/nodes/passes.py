"""Passes (認証器): the passkeys of one town's clerks and residents, added, found, used and removed.

What an authenticator signed is verified before anything here is called.
"""

from datetime import datetime

from jukinet.errors import Malformed, Refused
from jukinet.register import passkeys
from jukinet.register.passkeys import PasskeyRow
from jukinet.store.engine import Store

EACH_MAX = 10
"""How many passkeys one holder may have."""


class Passes:
    """The passkeys of one town."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self, *, role: str, holder: str, credential: bytes, public_key: bytes, counter: int,
        now: datetime,
    ) -> None:  # fmt: skip
        """Register a passkey; Refused for one too many, or one that is somebody's already."""
        with self._store.begin() as tx:
            if passkeys.get(tx, credential) is not None:
                raise Refused("passkey: it is registered already; use another device or account")
            if len(passkeys.all_of(tx, role, holder)) >= EACH_MAX:
                raise Refused(f"passkey: there are {EACH_MAX} already; remove one first")
            row = PasskeyRow(
                credential, role, holder, public_key, counter, now.isoformat(timespec="seconds"), ""
            )
            passkeys.add(tx, row)

    def find(self, credential: bytes) -> PasskeyRow | None:
        """The passkey of a credential, or None."""
        with self._store.begin() as tx:
            return passkeys.get(tx, credential)

    def all_of(self, role: str, holder: str) -> list[PasskeyRow]:
        """Somebody's passkeys."""
        with self._store.begin() as tx:
            return passkeys.all_of(tx, role, holder)

    def used(self, row: PasskeyRow, *, counter: int, now: datetime) -> None:
        """It was just used."""
        with self._store.begin() as tx:
            passkeys.used(tx, row, counter=counter, at=now.isoformat(timespec="seconds"))

    def remove(self, role: str, holder: str, credential: bytes) -> None:
        """Remove one of somebody's own; Malformed where it is not."""
        with self._store.begin() as tx:
            row = passkeys.get(tx, credential)
            if row is None or (row.role, row.holder) != (role, holder):
                raise Malformed("passkey: it is none of yours; choose one of the list")
            passkeys.remove(tx, credential)
