"""Failures: what an engine says went wrong, as one of our few errors and without a value in it.

Drivers quote what they choke on. PostgreSQL names the key that is there already and shows the whole
row that a column refused; such a text must reach no log. So at the store's edge each of a driver's
errors is replaced by one that says what happened and who can act, and that holds nothing of what
was to be stored. Both engines come out alike:

- `Malformed`: a value that no engine, or only one of them, could keep;
- `Damaged`: the engine itself finds a page or an index decayed;
- `OutOfStep`: all else: a key that is there already, another process, a full disk, a lost server.

>>> import sqlite3
>>> driver = sqlite3.connect(":memory:")
>>> try:
...     _ = driver.execute("SELECT * FROM town")
... except sqlite3.Error as error:
...     in_our_words(error)
OutOfStep('store: no such table: town')
>>> driver.close()
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher

from jukinet.errors import Damaged, JukinetError, Malformed, OutOfStep

KEY_EXISTS = "store: a row with this key is there already"
BUSY = "store: another process is writing in it; do it again once that one is done"
FULL = "store: the disk is full; nothing of this transaction is kept"
NO_TEXT = "store: a text is not UTF-8 any more; restore it from a back-up"
LOST = "store: the database server has gone; once it is back, look at what it has and go on from it"

_KINDS = frozenset((str, int, bytes, type(None)))

_SQLITE: Mapping[int, str] = {
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: KEY_EXISTS,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: KEY_EXISTS,
    sqlite3.SQLITE_CONSTRAINT_ROWID: KEY_EXISTS,
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_FULL: FULL,
}
_POSTGRESQL: Mapping[str, str] = {
    "23505": KEY_EXISTS,
    "40001": BUSY,
    "40P01": BUSY,
    "55P03": BUSY,
    "53100": FULL,
}


def refuse_unstorable(values: Sequence[Any]) -> None:
    """Malformed for what not both engines can keep: other types, and text with U+0000 in it.

    PostgreSQL keeps no U+0000, and SQLite would compare and show such a text only up to it. Lone
    surrogates and whole numbers past 64 bits are refused by both drivers (`in_our_words`).
    """
    kinds = set(map(type, values))
    if not kinds <= _KINDS:
        raise Malformed(
            f"store: a value of type {min(kind.__name__ for kind in kinds - _KINDS)}; "
            "it keeps text, whole numbers of 64 bits, bytes and None"
        )
    if str in kinds:
        for value in values:
            if type(value) is str and "\x00" in value:
                raise Malformed("store: a text with U+0000 in it; leave that character out")


def in_our_words(error: Exception) -> JukinetError:
    """The error that takes the place of a driver's."""
    if isinstance(error, UnicodeEncodeError):
        return Malformed("store: a text with half of a surrogate pair in it; that is not Unicode")
    if isinstance(error, UnicodeDecodeError):
        return Damaged(NO_TEXT)
    if isinstance(error, OverflowError):
        return Malformed("store: a whole number of more than 64 bits")
    if isinstance(error, (sqlite3.Error, sqlcipher.Error)):
        return _of_sqlite(error)
    return _of_postgresql(error)


def _of_sqlite(error: Exception) -> JukinetError:
    """By SQLite's code; its own texts name tables and columns, and never a value.

    SQLCipher's driver gives the code's first byte alone, so there the text says which constraint.
    """
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    if extended is None:
        if str(error).startswith("Could not decode to UTF-8"):  # this text shows the value
            return Damaged(NO_TEXT)
        return OutOfStep(f"store: {error}")
    code = extended & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Damaged(f"store: {error}; restore it from a back-up")
    text = _SQLITE.get(extended) or _SQLITE.get(code)
    if extended == sqlite3.SQLITE_CONSTRAINT and str(error).startswith("UNIQUE"):
        text = KEY_EXISTS
    if text is not None:
        return OutOfStep(text)
    if code in (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG):
        return Malformed(f"store: {error}")
    return OutOfStep(f"store: {error}")


def _of_postgresql(error: Exception) -> JukinetError:
    """By SQLSTATE; the server's own texts hold values, but for those about names (class 42)."""
    state: str | None = getattr(error, "sqlstate", None)
    kind = type(error).__name__
    if state is None:
        return _of_psycopg(error)
    if state in _POSTGRESQL:
        return OutOfStep(_POSTGRESQL[state])
    if state in ("XX001", "XX002"):
        return Damaged(f"store: a page or an index has decayed ({kind}); restore from a back-up")
    if state.startswith(("08", "57P")):
        return OutOfStep(LOST)
    if state.startswith(("22", "23")):
        return Malformed(f"store: a column refused a value ({kind})")
    if state.startswith("42"):
        return OutOfStep(f"store: {error.diag.message_primary}")  # type: ignore[attr-defined]
    return OutOfStep(f"store: the server refused ({kind}, {state})")


def _of_psycopg(error: Exception) -> JukinetError:
    """The driver's own, which never reached the server."""
    match type(error).__name__:
        case "DataError":
            return Malformed("store: a value that the engine cannot keep")
        case "ProgrammingError":
            return OutOfStep(f"store: {error}")
        case _:
            return OutOfStep(LOST)
