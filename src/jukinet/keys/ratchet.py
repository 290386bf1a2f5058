"""Ratchet: a chain of labels and keys that runs forward only.

From a state s come a label H("label" || s), cut to 16 bytes, a key for one entry H("key" || s),
and the next state H("next" || s); H is SHA-256 over a fixed name and the state. Whoever holds s_n
can compute all that follow and none that came before, so a thief of the present finds no past.

>>> s0 = bytes(32)
>>> label(s0).hex()[:8] != label(next_state(s0)).hex()[:8]
True
"""

from hashlib import sha256

LABEL_BYTES = 16
STATE_BYTES = 32
_LABEL, _KEY, _NEXT = b"jukinet label v1", b"jukinet entry key v1", b"jukinet next state v1"


def label(state: bytes) -> bytes:
    """The label under which the entry of this state stands, 16 bytes."""
    return sha256(_LABEL + state).digest()[:LABEL_BYTES]


def entry_key(state: bytes) -> bytes:
    """The key that opens the sealed body of the entry of this state, 32 bytes."""
    return sha256(_KEY + state).digest()


def objection(entry_key: bytes) -> tuple[bytes, bytes]:
    """Label and key of the objection to an entry: whoever opens the entry opens that, too."""
    return _aside(b"objection", entry_key)


def objection_answer(entry_key: bytes) -> tuple[bytes, bytes]:
    """Label and key of the answer to the objection to an entry."""
    return _aside(b"objection answer", entry_key)


def _aside(what: bytes, entry_key: bytes) -> tuple[bytes, bytes]:
    label = sha256(b"jukinet " + what + b" label v1" + entry_key).digest()[:LABEL_BYTES]
    return label, sha256(b"jukinet " + what + b" key v1" + entry_key).digest()


def next_state(state: bytes) -> bytes:
    """The state after this one, 32 bytes."""
    return sha256(_NEXT + state).digest()
