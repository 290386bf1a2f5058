"""Opening a folder: every command that needs a folder's key gets it here, and in one way.

The key is looked for in this machine's memory (`jukinet unlock`). Else the passphrase is taken from
the file that JUKINET_PASSPHRASE_FILE names, from JUKINET_PASSPHRASE, or asked for where somebody
sits at a terminal; a token's PIN from the file that JUKINET_PIN_FILE names, or asked for, and its
library from JUKINET_PKCS11. Neither is an argument of a command: those are seen by everybody.
"""

import os
import sys
from getpass import getpass
from pathlib import Path
from secrets import token_bytes

from jukinet.cli.common import now, screen
from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.keys.wrap import ByToken, Lock, PassphraseLock, TokenLock
from jukinet.tasks import locking
from jukinet.tasks.folder import Folder
from jukinet.tasks.tokens import Pkcs11Token, pin_from

FILE, WORDS = "JUKINET_PASSPHRASE_FILE", "JUKINET_PASSPHRASE"
LIBRARY, PIN_FILE = "JUKINET_PKCS11", "JUKINET_PIN_FILE"


def opened(dir: Path) -> Folder:
    """A folder with its key; Refused, with the way out, where it is locked and nobody can be asked.

    A folder in which nothing of ours is comes back without a key: whoever uses it says so better.
    """
    root = Path(dir)
    bare = Folder(root)
    if not bare.lock_file.exists():
        return bare
    return locking.recalled(root, now()) or locking.open_with(root, lock_for(root))


def begun(dir: Path) -> Folder:
    """A folder to make something in: opened, or begun with a new key where nothing is there yet.

    Where no passphrase is given one is drawn, printed once, and the folder unlocked.
    """
    folder = Folder(Path(dir))
    folder.refuse_foreign()
    return opened(dir) if folder.exists else locked_anew(folder)


def locked_anew(folder: Folder) -> Folder:
    """A new folder with a lock, open."""
    passphrase = _given()
    if passphrase is not None:
        return locking.begin(folder, by_words(passphrase))
    passphrase = locking.draw_passphrase()
    made = locking.begin(folder, by_words(passphrase))
    show_passphrase(folder.root, passphrase)
    _unlock_quietly(made)
    return made


def lock_for(
    root: Path,
    *,
    passphrase_file: Path | None = None,
    library: Path | None = None,
    pin_file: Path | None = None,
) -> Lock:
    """What opens a folder that is there: its token, or its passphrase, given or asked for."""
    way = locking.read(root).way
    if isinstance(way, ByToken):
        return by_token(way.token, library, pin_file)
    passphrase = _given() if passphrase_file is None else from_file(passphrase_file)
    if passphrase is None and sys.stdin.isatty():
        passphrase = getpass(f"Passphrase of {root}: ")
    if passphrase is None:
        raise Refused(
            f"{root}: it is locked; `jukinet unlock {root}` opens it until the machine is "
            f"restarted, or {FILE} names a file with its passphrase"
        )
    return by_words(passphrase)


def by_words(passphrase: str) -> Lock:
    """A lock of a passphrase, at the cost that RFC 9106 recommends."""
    return PassphraseLock(passphrase, token_bytes)


def by_token(name: str, library: Path | None, pin_file: Path | None, *, new: bool = False) -> Lock:
    """A lock of a token; a `new` one has its key drawn, unless it has one of ours already."""
    found = library or os.environ.get(LIBRARY)
    if not found:
        raise Refused(
            f"token {name}: it is reached by its PKCS#11 library; name that with --pkcs11 or "
            f"{LIBRARY}, such as /usr/lib/softhsm/libsofthsm2.so"
        )
    pins = pin_file or os.environ.get(PIN_FILE)
    if pins:
        pin = pin_from(Path(pins))
    elif sys.stdin.isatty():
        pin = getpass(f"PIN of the token {name}: ")
    else:
        raise Refused(f"token {name}: it wants its PIN; name a file with it by {PIN_FILE}")
    token = Pkcs11Token(Path(found), name, pin)
    if new:
        token.prepare()
    return TokenLock(token, token_bytes)


def show_passphrase(root: Path, passphrase: str) -> None:
    """Print a passphrase that was drawn; it is nowhere else."""
    screen.print(
        f"The passphrase of {root}, printed this once:\n\n    {passphrase}\n\n"
        f"Write it down and keep it apart from this machine. After a restart: "
        f"jukinet unlock {root}",
        markup=False,
        soft_wrap=True,
    )


def new_passphrase(root: Path) -> str | None:
    """One that somebody types twice, or None where they want one drawn (or nobody is there)."""
    if not sys.stdin.isatty():
        return None
    first = getpass(f"New passphrase of {root} (empty: one is drawn): ")
    if not first:
        return None
    if getpass("Once more: ") != first:
        raise Malformed("passphrase: the two are not the same; nothing is changed")
    return first


def from_file(path: Path) -> str:
    """The first line of a passphrase file; Malformed where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        raise Malformed(f"passphrase file {path}: cannot be read; wants a line of UTF-8") from None


def _unlock_quietly(folder: Folder) -> None:
    """Unlock a folder for the commands to come; where that cannot be, say what they will want."""
    try:
        locking.remember(folder)
    except JukinetError as error:
        screen.print(str(error), markup=False, style="yellow", soft_wrap=True)


def _given() -> str | None:
    """The passphrase that the environment gives, or None."""
    if os.environ.get(FILE):
        return from_file(Path(os.environ[FILE]))
    return os.environ.get(WORDS)
