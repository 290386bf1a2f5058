"""Sealing to a threshold key: anybody seals, k holders together open, and nobody alone.

A sealed text begins with U = r·G; its key comes from r·Y, which the holders make from U in parts.
The plain form is for a town's own texts, whose sender is known and trusted with them. The proved
form is for texts that come back from others: it carries a proof that its maker knew r, bound to
the context and to every byte behind it, so that a holder never works on an element that somebody
took, shifted or mixed out of another's text.

It is not a signature: anybody who knows Y can seal. Each text is sealed under a key of its own, so
AES-GCM's nonce is fixed; the key is `bytes` until it is collected, see `secret`.

Source: V. Shoup and R. Gennaro, "Securing threshold cryptosystems against chosen ciphertext
attack" (2002), for the proof that is checked before any share is used; with one generator
(C. P. Schnorr and M. Jakobsson, "Security of signed ElGamal encryption", 2000) it rests on the
generic group as well as on hashes. RFC 5869 (HKDF); NIST SP 800-38D (GCM).

>>> secret = group.scalar_of(17)
>>> sealed = seal(group.base(secret), b"text", context=b"row 5", chance=lambda size: b"5" * size)
>>> len(sealed) - len(b"text") == OVERHEAD
True
>>> open_with(group.times(secret, encapsulated(sealed)), sealed, context=b"row 5")
b'text'
"""

from hmac import digest as hmac_digest
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jukinet.errors import Damaged, Malformed
from jukinet.keys import dleq, group
from jukinet.keys.chance import Chance
from jukinet.keys.group import ELEMENT_SIZE, Element

TAG_SIZE: Final = 16
OVERHEAD: Final = ELEMENT_SIZE + TAG_SIZE
"""Bytes that a sealed text is longer than the text."""
OVERHEAD_PROVED: Final = OVERHEAD + dleq.PROOF_SIZE

_NONCE: Final = bytes(12)
_PLAIN: Final = b"jukinet threshold seal v1"
_PROVED: Final = b"jukinet threshold seal, proved, v1"
_PROVED_BODY: Final = ELEMENT_SIZE + dleq.PROOF_SIZE


def seal(public: Element, text: bytes, *, context: bytes, chance: Chance) -> bytes:
    """U, ciphertext and tag. Raises Malformed when the key is no element."""
    with group.draw_scalar(chance) as scalar:
        point = group.base(scalar)
        return point + _lock(group.times(scalar, public), point, text, context, _PLAIN)


def encapsulated(sealed: bytes) -> Element:
    """U of a plain sealed text, for the holders. Raises Malformed when it is no element."""
    _refuse_short(sealed, OVERHEAD)
    return group.parse_element(sealed[:ELEMENT_SIZE])


def open_with(shared: Element, sealed: bytes, *, context: bytes) -> bytes:
    """The text, once the holders made r·Y. Raises Damaged unless all of it is as it was sealed."""
    _refuse_short(sealed, OVERHEAD)
    point, body = sealed[:ELEMENT_SIZE], sealed[ELEMENT_SIZE:]
    return _unlock(shared, point, body, context, _PLAIN)


def seal_proved(public: Element, text: bytes, *, context: bytes, chance: Chance) -> bytes:
    """U, proof, ciphertext and tag. Raises Malformed when the key is no element.

    The context says for whom and when: sector, agency and epoch of the opening key, in a form in
    which no two read the same.
    """
    with group.draw_scalar(chance) as scalar:
        point = group.base(scalar)
        body = _lock(group.times(scalar, public), point, text, context, _PROVED)
        bound = _bound(context, body)
        return point + dleq.prove_knowledge(scalar, point, bound=bound, chance=chance) + body


def check_proof(sealed: bytes, *, context: bytes) -> Element:
    """U of a proved sealed text, if its maker knew r and nothing was changed since.

    Raises Malformed for what is no such text, Refused for a proof that does not fit.
    """
    _refuse_short(sealed, OVERHEAD_PROVED)
    point, proof = sealed[:ELEMENT_SIZE], sealed[ELEMENT_SIZE:_PROVED_BODY]
    dleq.verify_knowledge(point, proof, bound=_bound(context, sealed[_PROVED_BODY:]))
    return point


def open_proved(shared: Element, sealed: bytes, *, context: bytes) -> bytes:
    """The text, once the holders made r·Y. Raises Damaged unless all of it is as it was sealed."""
    _refuse_short(sealed, OVERHEAD_PROVED)
    point, body = sealed[:ELEMENT_SIZE], sealed[_PROVED_BODY:]
    return _unlock(shared, point, body, context, _PROVED)


def _lock(shared: Element, point: Element, text: bytes, context: bytes, form: bytes) -> bytes:
    return AESGCM(_key(shared, point, context, form)).encrypt(_NONCE, text, None)


def _unlock(shared: Element, point: Element, body: bytes, context: bytes, form: bytes) -> bytes:
    try:
        return AESGCM(_key(shared, point, context, form)).decrypt(_NONCE, body, None)
    except InvalidTag:
        raise Damaged(
            "sealed text: does not open with this key and context; ask for it again"
        ) from None


def _key(shared: Element, point: Element, context: bytes, form: bytes) -> bytes:
    """HKDF-SHA256: extracted from r·Y and U under the form, expanded for the context."""
    extracted = hmac_digest(form, shared + point, "sha256")
    return hmac_digest(extracted, context + b"\x01", "sha256")


def _bound(context: bytes, body: bytes) -> bytes:
    """What the proof binds: the context behind its length, and every byte of the body."""
    return len(context).to_bytes(8, "big") + context + body


def _refuse_short(sealed: bytes, size: int) -> None:
    if len(sealed) < size:
        raise Malformed(f"sealed text: wants {size} bytes or more, got {len(sealed)}")
