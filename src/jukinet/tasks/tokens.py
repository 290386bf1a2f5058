"""Tokens (鍵装置): a PKCS#11 device that keeps a key and answers questions with it.

Any device that makes HMAC-SHA256 with a generic secret key serves: SoftHSM, a smart card, a network
HSM. `prepare` draws the key on the device, where it is neither readable nor extractable; whoever
loses the device has lost what was wrapped with it, so wrap for two, or keep a back-up.

The PIN is read from a file or asked for, never from the command line, where everybody sees it.

Source: PKCS #11 v3.1 (OASIS), sections 5.14 and 6.21.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from jukinet.errors import Malformed, Refused

KEY_LABEL: Final = "jukinet wrapping key"
KEY_BITS: Final = 256


class Pkcs11Token:
    """A token of a PKCS#11 library; its session is opened for each answer and closed again."""

    def __init__(self, library: Path, name: str, pin: str) -> None:
        """`name` is the token's label. Nothing is asked of it yet."""
        self.name = name
        self._library = library
        self._pin = pin

    def prepare(self) -> bool:
        """Draw the wrapping key on the token, unless it is there; whether it was drawn."""
        import pkcs11

        with self._session(write=True) as session:
            if _key(session) is not None:
                return False
            session.generate_key(
                pkcs11.KeyType.GENERIC_SECRET,
                KEY_BITS,
                label=KEY_LABEL,
                store=True,
                capabilities=pkcs11.MechanismFlag.SIGN,
                template={
                    pkcs11.Attribute.SENSITIVE: True,
                    pkcs11.Attribute.EXTRACTABLE: False,
                    pkcs11.Attribute.PRIVATE: True,
                },
            )
            return True

    def answer(self, question: bytes) -> bytes:
        """As keys.wrap.Token says."""
        import pkcs11

        with self._session(write=False) as session:
            key = _key(session)
            if key is None:
                raise Refused(f"token {self.name}: it has no key of Jukinet's; begin with it anew")
            return bytes(key.sign(question, mechanism=pkcs11.Mechanism.SHA256_HMAC))

    @contextmanager
    def _session(self, *, write: bool) -> Iterator[Any]:
        """A session with the token; its library's errors say what a person can do about them."""
        import pkcs11

        try:
            token = pkcs11.lib(str(self._library)).get_token(token_label=self.name)
            with token.open(rw=write, user_pin=self._pin) as session:
                yield session
        except (pkcs11.NoSuchToken, pkcs11.MultipleTokensReturned) as error:
            many = isinstance(error, pkcs11.MultipleTokensReturned)
            raise Refused(
                f"token {self.name}: {'several have' if many else 'none has'} this label; "
                "`softhsm2-util --show-slots` or the device's own tool lists them"
            ) from None
        except pkcs11.PinIncorrect:
            raise Refused(
                f"token {self.name}: the PIN is not its PIN; it locks after some"
            ) from None
        except pkcs11.PinLocked:
            raise Refused(
                f"token {self.name}: its PIN is locked; its own tool unlocks it"
            ) from None
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise Refused(
                f"token {self.name}: {self._library} says {type(error).__name__}; see that the "
                "library is a PKCS#11 module and that the device is there"
            ) from None

    def __repr__(self) -> str:
        """The token's name; no PIN."""
        return f"Pkcs11Token({self.name})"


def pin_from(path: Path) -> str:
    """The first line of a PIN file; Malformed where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        raise Malformed(f"PIN file {path}: cannot be read; wants a line of text") from None


def _key(session: Any) -> Any:
    import pkcs11

    try:
        return session.get_key(pkcs11.ObjectClass.SECRET_KEY, label=KEY_LABEL)
    except pkcs11.NoSuchKey:
        return None
