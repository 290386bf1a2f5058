"""Sodium: the compiled library under the group, found in the system or in a wheel.

The system's libsodium comes first, as its distributor mends it. Where there is none, the wheel
`rbcl` brings one; it writes the library to a temporary file and leaves it there, so that file is
removed as soon as it is loaded.

It is not a wrapper: it hands out the C functions as they are. Nobody but `secret` and `group` calls
them, as they check no length: a short argument would be read beyond its end.

Source: libsodium 1.0.18 or newer, "Ristretto" and "Scalar arithmetic".

>>> load().crypto_core_ristretto255_bytes()
32
"""

from contextlib import suppress
from ctypes import CDLL
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

from jukinet.errors import OutOfStep

NAMES: Final = ("libsodium.so.26", "libsodium.so.23", "libsodium.dylib", "libsodium.dll")
"""By version, as a library of another one may mean something else by the same call."""

_WHEEL: Final = "rbcl._sodium"
_NEEDED: Final = "crypto_scalarmult_ristretto255"
"""A libsodium built with --enable-minimal lacks it."""


@cache
def load() -> CDLL:
    """The library, ready. Raises OutOfStep when it says that it cannot work."""
    library = of_system(NAMES) or of_wheel()
    if library.sodium_init() < 0:
        raise OutOfStep("libsodium: cannot start on this machine; install another version")
    return library


def of_system(names: tuple[str, ...]) -> CDLL | None:
    """The first of these libraries that the system has and that knows the group, or None."""
    for name in names:
        try:
            library = CDLL(name)
        except OSError:
            continue
        if hasattr(library, _NEEDED):
            return library
    return None


def of_wheel() -> CDLL:
    """The library of the wheel. Raises OutOfStep when it is missing, or nothing may be loaded."""
    try:
        library: CDLL = import_module(_WHEEL)._sodium
    except (ImportError, OSError):
        raise OutOfStep(
            "libsodium: the system has none and the wheel rbcl does not load; install either"
            " (a temporary folder mounted noexec keeps the wheel from loading)"
        ) from None
    with suppress(PermissionError):  # Windows removes no library that is in use.
        Path(library._name).unlink(missing_ok=True)
    return library
