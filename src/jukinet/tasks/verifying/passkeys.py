"""Passkeys (認証器の登録): each is a clerk's, or that of a resident whom the town's book has."""

from collections.abc import Collection

from jukinet.register.passkeys import PASSKEYS
from jukinet.tasks.verifying.stores import Shelf


def check_passkeys(shelf: Shelf, people: Collection[int]) -> None:
    """Whose the passkeys of a town are; what devices said of themselves stands nowhere else."""
    for place, row in enumerate(shelf.rows(PASSKEYS), start=1):
        if row.role == "clerk":
            continue
        if row.role != "resident":
            shelf.note(f"passkey, row {place}", "is of a role that has no passkeys")
        elif not (row.holder.isdecimal() and int(row.holder) in people):
            shelf.note(f"passkey, row {place}", "is of a record that the book does not have")
