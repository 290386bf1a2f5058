"""Opening a folder: every command that needs a folder's key gets it here, and in one way.

The key is looked for in this machine's memory (`jukinet unlock`); else the passphrase is taken from
the file that JUKINET_PASSPHRASE_FILE names, from JUKINET_PASSPHRASE, or asked for where somebody
sits at a terminal. A passphrase is no argument of a command: those are seen by everybody.
"""

import os
import sys
from collections.abc import Mapping
from getpass import getpass
from pathlib import Path

from jukinet.cli.common import now, screen
from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.tasks import locking
from jukinet.tasks.folder import Folder

FILE, WORDS = "JUKINET_PASSPHRASE_FILE", "JUKINET_PASSPHRASE"


def opened(dir: Path) -> Folder:
    """A folder with its key; Refused, with the way out, where it is locked and nobody can be asked.

    A folder in which nothing of ours is comes back without a key: whoever uses it says so better.
    """
    root = Path(dir)
    bare = Folder(root)
    if not bare.lock_file.exists():
        return bare
    return locking.recalled(root, now()) or locking.open_with(root, passphrase_for(root))


def begun(dir: Path) -> Folder:
    """A folder to make something in: opened, or begun with a new key where nothing is there yet.

    Where no passphrase is given one is drawn, printed once, and the folder unlocked.
    """
    folder = Folder(Path(dir))
    folder.refuse_foreign()
    return opened(dir) if folder.exists else locked_anew(folder)


def locked_anew(folder: Folder) -> Folder:
    """A new folder with a lock, open."""
    passphrase = given(os.environ)
    if passphrase is not None:
        return locking.begin(folder, passphrase)
    passphrase = locking.draw_passphrase()
    made = locking.begin(folder, passphrase)
    show_passphrase(folder.root, passphrase)
    unlock_quietly(made)
    return made


def show_passphrase(root: Path, passphrase: str) -> None:
    """Print a passphrase that was drawn; it is nowhere else."""
    screen.print(
        f"The passphrase of {root}, printed this once:\n\n    {passphrase}\n\n"
        f"Write it down and keep it apart from this machine. After a restart: "
        f"jukinet unlock {root}",
        markup=False,
        soft_wrap=True,
    )


def unlock_quietly(folder: Folder) -> None:
    """Unlock a folder for the commands to come; where that cannot be, say what they will want."""
    try:
        locking.remember(folder)
    except JukinetError as error:
        screen.print(str(error), markup=False, style="yellow", soft_wrap=True)


def passphrase_for(root: Path) -> str:
    """The passphrase of a folder that is there, given or asked for."""
    passphrase = given(os.environ)
    if passphrase is None and sys.stdin.isatty():
        passphrase = getpass(f"Passphrase of {root}: ")
    if passphrase is None:
        raise Refused(
            f"{root}: it is locked; `jukinet unlock {root}` opens it until the machine is "
            f"restarted, or {FILE} names a file with its passphrase"
        )
    return passphrase


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


def given(environment: Mapping[str, str]) -> str | None:
    """The passphrase that the environment gives, or None."""
    if environment.get(FILE):
        return from_file(Path(environment[FILE]))
    return environment.get(WORDS)


def from_file(path: Path) -> str:
    """The first line of a passphrase file; Malformed where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        raise Malformed(f"passphrase file {path}: cannot be read; wants a line of UTF-8") from None
