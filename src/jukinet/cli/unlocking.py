"""`jukinet unlock`, `jukinet lock`, `jukinet passphrase`: whether a folder's key is at hand."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from jukinet.cli import opening
from jukinet.cli.common import DEFAULT_FOLDER, DONE, now, paper, screen
from jukinet.errors import Malformed
from jukinet.tasks import locking, unlocked

passphrase_app = App(name="passphrase", help="The passphrase that a folder's key rests under.")

Where = Annotated[Path, Parameter(help="A folder that Jukinet made.")]
PassphraseFile = Annotated[
    Path | None, Parameter(help="A file whose first line is the passphrase; else it is asked for.")
]

Library = Annotated[
    Path | None, Parameter(name="--pkcs11", help="The PKCS#11 library of the folder's token.")
]
PinFile = Annotated[Path | None, Parameter(help="A file whose first line is the token's PIN.")]

UNLOCK_EXAMPLES = """Examples:
  jukinet unlock demo
  jukinet unlock demo --minutes 480
  jukinet unlock /srv/town --passphrase-file /run/credentials/jukinet/passphrase
  jukinet unlock /srv/town --pkcs11 /usr/lib/softhsm/libsofthsm2.so --pin-file pin"""


def unlock(
    dir: Where = DEFAULT_FOLDER,
    /,
    *,
    minutes: Annotated[int, Parameter(help="For how long; 0: until the restart.")] = 0,
    passphrase_file: PassphraseFile = None,
    pkcs11: Library = None,
    pin_file: PinFile = None,
) -> int:
    """Keep a folder's key in this machine's memory, so that commands need not ask for it.

    It is in a file that is in memory and not on a disk, readable by this user alone, until the
    machine is restarted, the time has run out, or `jukinet lock`. JUKINET_PASSPHRASE_FILE and
    JUKINET_PASSPHRASE give the passphrase, too, JUKINET_PKCS11 and JUKINET_PIN_FILE the token.
    """
    if minutes < 0:
        raise Malformed("--minutes: want none (until the restart) or more")
    lock = opening.lock_for(dir, passphrase_file=passphrase_file, library=pkcs11, pin_file=pin_file)
    until = now() + timedelta(minutes=minutes) if minutes else None
    locking.remember(locking.open_with(dir, lock), until=until)
    ends = f"until {until:%Y-%m-%d %H:%M}" if until else "until this machine is restarted"
    paper.print(f"{dir}: unlocked {ends}", markup=False, soft_wrap=True)
    if unlocked.swaps():
        screen.print(
            "this machine swaps memory to a disk, and could write the key there; encrypt the swap "
            "space, or turn it off",
            style="yellow",
            soft_wrap=True,
        )
    return DONE


LOCK_EXAMPLES = """Examples:
  jukinet lock demo"""


def lock(dir: Where = DEFAULT_FOLDER, /) -> int:
    """Take a folder's key out of this machine's memory; what is running ends as it would."""
    was = locking.forget(dir)
    paper.print(f"{dir}: {'locked' if was else 'was locked already'}", markup=False, soft_wrap=True)
    return DONE


CHANGE_EXAMPLES = """Examples:
  jukinet passphrase change demo
  jukinet passphrase change demo --draw
  jukinet passphrase change /srv/town --new-passphrase-file new.txt
  jukinet passphrase change /srv/town --new-token town --pkcs11 /usr/lib/softhsm/libsofthsm2.so"""


@passphrase_app.command(help_epilogue=CHANGE_EXAMPLES)
def change(
    dir: Where = DEFAULT_FOLDER,
    /,
    *,
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: Annotated[
        Path | None, Parameter(help="A file whose first line is the new one.")
    ] = None,
    draw: Annotated[bool, Parameter(negative=(), help="Draw one and print it once.")] = False,
    new_token: Annotated[
        str, Parameter(help="The label of a token to open with from now on, by no passphrase.")
    ] = "",
    pkcs11: Library = None,
    pin_file: PinFile = None,
) -> int:
    """Put a folder's key under another passphrase, or under a token (PKCS#11).

    The old passphrase or token is wanted even where the folder is unlocked. A copy of the folder's
    old lock.json still opens with the old one: where it may have been seen, remove those copies.
    """
    old = opening.lock_for(dir, passphrase_file=passphrase_file, library=pkcs11, pin_file=pin_file)
    folder = locking.open_with(dir, old)
    if new_token:
        locking.change(folder, opening.by_token(new_token, pkcs11, pin_file, new=True))
        how = f"the token {new_token}"
    else:
        locking.change(folder, opening.by_words(_new_words(dir, new_passphrase_file, draw)))
        how = "the new passphrase"
    paper.print(f"{dir}: opens with {how} from now on", markup=False, soft_wrap=True)
    return DONE


def _new_words(root: Path, file: Path | None, draw: bool) -> str:
    """The new passphrase: from a file, typed, or drawn and printed before it counts."""
    if file is not None:
        return opening.from_file(file)
    typed = None if draw else opening.new_passphrase(root)
    if typed is not None:
        return typed
    drawn = locking.draw_passphrase()
    opening.show_passphrase(root, drawn)
    return drawn
