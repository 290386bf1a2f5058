"""Format-preserving encryption (FF1): a number of n digits to another one of n digits, and back.

With one key every number has exactly one other, so that numbers can be handed out in an order that
nobody can guess and without a list of those already used. One at a time, or many at once: then each
of the ten rounds is one call of AES over all numbers.

It is not authentication: every number decrypts to some number. FF3 and FF3-1 are not here, as they
were broken.

Source: NIST SP 800-38G, sections 4.5, 5.1 and 6.2 (algorithms 7 and 8), radix 10.

>>> cipher = FF1(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
>>> cipher.encrypt(123456789, digits=10), cipher.decrypt(2433477484, digits=10)
(2433477484, 123456789)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from jukinet.errors import Malformed, Refused

DIGITS_MIN: Final = 6
"""Fewer than a million numbers can be tried one by one (SP 800-38G revision 1, section 4)."""
DIGITS_MAX: Final = 1_000
TWEAK_SIZE_MAX: Final = 65_535

_ROUNDS: Final = 10
_BLOCK: Final = 16
_DIGITS_AT_ONCE_MAX: Final = 18
"""Half of it is nine digits: what the rounds add up fits 64 bits."""
_CHUNK: Final = 16_384
"""Numbers to a call of AES: their blocks stay in the processor's cache."""

_Numbers = npt.NDArray[np.uint64]


class FF1:
    """A key and a tweak (a public value that makes it another permutation). Prints neither."""

    __slots__ = ("_aes", "_tweak")

    def __init__(self, key: bytes, *, tweak: bytes = b"") -> None:
        """Raises Malformed unless the key has 16, 24 or 32 bytes and the tweak at most 65,535."""
        if len(key) not in (16, 24, 32):
            raise Malformed(f"FF1 key: wants 16, 24 or 32 bytes, got {len(key)}")
        if len(tweak) > TWEAK_SIZE_MAX:
            raise Malformed(f"FF1 tweak: at most {TWEAK_SIZE_MAX} bytes, got {len(tweak)}")
        self._aes = Cipher(AES(key), ECB())
        self._tweak = bytes(tweak)

    def encrypt(self, number: int, *, digits: int) -> int:
        """Another number of as many digits. Raises Malformed when the number does not fit them."""
        return self._one(number, digits, range(_ROUNDS))

    def decrypt(self, number: int, *, digits: int) -> int:
        """The number that encrypt was given."""
        return self._one(number, digits, range(_ROUNDS - 1, -1, -1))

    def encrypt_many(self, numbers: Sequence[int], digits: int) -> list[int]:
        """As encrypt, for many numbers: up to 18 digits about a hundred times as fast."""
        return self._many(numbers, digits, range(_ROUNDS))

    def decrypt_many(self, numbers: Sequence[int], digits: int) -> list[int]:
        """As decrypt, for many numbers."""
        return self._many(numbers, digits, range(_ROUNDS - 1, -1, -1))

    def _one(self, number: int, digits: int, rounds: range) -> int:
        shape = _Shape.of(digits)
        _refuse_number(number, shape)
        left, right = divmod(number, shape.right)
        start = self._start(shape)
        for turn in rounds:
            forward = rounds.step > 0
            source, target = (right, left) if forward else (left, right)
            tail = bytes([turn]) + source.to_bytes(shape.bytes_of_half, "big")
            block = self._chain(start, tail.rjust(-(-len(tail) // _BLOCK) * _BLOCK, b"\x00"))
            added = int.from_bytes(self._stretch(block, shape.bytes_of_round), "big")
            modulus = shape.modulus(turn)
            if forward:
                left, right = right, (target + added) % modulus
            else:
                left, right = (target - added) % modulus, left
        return left * shape.right + right

    def _many(self, numbers: Sequence[int], digits: int, rounds: range) -> list[int]:
        shape = _Shape.of(digits)
        for number in numbers:
            _refuse_number(number, shape)
        if digits > _DIGITS_AT_ONCE_MAX:
            return [self._one(number, digits, rounds) for number in numbers]
        found: list[int] = []
        for at in range(0, len(numbers), _CHUNK):
            chunk = np.array(numbers[at : at + _CHUNK], dtype=np.uint64)
            found += self._chunk(chunk, shape, rounds).tolist()
        return found

    def _chunk(self, numbers: _Numbers, shape: "_Shape", rounds: range) -> _Numbers:
        """The rounds of _one over a whole array; the last block of the chain is the only one."""
        left, right = numbers // np.uint64(shape.right), numbers % np.uint64(shape.right)
        blocks = np.empty((len(numbers), _BLOCK), dtype=np.uint8)
        start = np.frombuffer(self._start(shape), dtype=np.uint8)
        encryptor = self._aes.encryptor()
        for turn in rounds:
            forward = rounds.step > 0
            source, target = (right, left) if forward else (left, right)
            tail = source.astype(">u8").view(np.uint8).reshape(-1, 8)
            blocks[:] = start
            blocks[:, 8:] ^= tail
            blocks[:, _BLOCK - 1 - shape.bytes_of_half] ^= np.uint8(turn)
            ciphered = np.frombuffer(encryptor.update(blocks.tobytes()), dtype=">u8")
            modulus = np.uint64(shape.modulus(turn))
            added = ciphered[::2].astype(np.uint64) % modulus
            if forward:
                left, right = right, (target + added) % modulus
            else:
                left, right = (target + modulus - added) % modulus, left
        return left * np.uint64(shape.right) + right

    def _start(self, shape: "_Shape") -> bytes:
        """The chain over P and all blocks of Q but the last: the same for every number.

        Q is tweak, zeros, round and half; its last block or blocks hold round and half, padded to
        whole blocks, and may begin with the tweak's end.
        """
        tail = 1 + shape.bytes_of_half
        zeros = -(len(self._tweak) + tail) % _BLOCK
        fixed = shape.header(len(self._tweak)) + self._tweak + bytes(zeros)
        whole = len(fixed) // _BLOCK * _BLOCK
        state = self._chain(bytes(_BLOCK), fixed[:whole])
        return _xor(state, fixed[whole:].ljust(_BLOCK, b"\x00"))

    def _chain(self, state: bytes, blocks: bytes) -> bytes:
        """CBC-MAC (algorithm 6, PRF) from a state."""
        encryptor = self._aes.encryptor()
        for at in range(0, len(blocks), _BLOCK):
            state = encryptor.update(_xor(state, blocks[at : at + _BLOCK]))
        return state

    def _stretch(self, block: bytes, size: int) -> bytes:
        """The first `size` bytes of R, CIPH(R xor 1), CIPH(R xor 2) ..."""
        encryptor = self._aes.encryptor()
        found = block
        count = 1
        while len(found) < size:
            found += encryptor.update(_xor(block, count.to_bytes(_BLOCK, "big")))
            count += 1
        return found[:size]

    def __reduce__(self) -> str:
        """Raises Refused: a key is not written out by accident."""
        raise Refused("FF1: is not pickled or copied; make it again from its key")

    def __repr__(self) -> str:
        """Nothing of the key."""
        return "FF1()"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What follows from the number of digits alone (steps 1 to 4)."""

    digits: int
    left: int
    right: int
    bytes_of_half: int
    bytes_of_round: int

    @classmethod
    def of(cls, digits: int) -> "_Shape":
        if not DIGITS_MIN <= digits <= DIGITS_MAX:
            raise Malformed(f"digits: wants {DIGITS_MIN} to {DIGITS_MAX}, got {digits}")
        left, right = 10 ** (digits // 2), 10 ** (digits - digits // 2)
        half = -(-(right - 1).bit_length() // 8)
        return cls(digits, left, right, half, 4 * -(-half // 4) + 4)

    def modulus(self, turn: int) -> int:
        return self.right if turn % 2 else self.left

    def header(self, tweak_size: int) -> bytes:
        """The block P (step 5)."""
        return (
            bytes([1, 2, 1, 0, 0, 10, 10, self.digits // 2 % 256])
            + self.digits.to_bytes(4, "big")
            + tweak_size.to_bytes(4, "big")
        )


def _refuse_number(number: int, shape: _Shape) -> None:
    if not 0 <= number < shape.left * shape.right:
        raise Malformed(f"number: has more than {shape.digits} digits, or is negative")


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(_BLOCK, "big")
