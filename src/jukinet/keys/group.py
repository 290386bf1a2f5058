"""Group: ristretto255, a group of prime order in which the keys are scalars.

An element is 32 bytes, the canonical encoding of a point other than the identity; a scalar is 32
bytes, little-endian and below the order, in `bytes` when it is public and in a Secret when not.
Each operation decodes its elements anew, so none that is not canonical passes any of them, and none
returns the identity: `parse_element` is for elements that are kept before they are used. The top
bit of an element is looked at here, as libsodium 1.0.18 does not: it would take two encodings of
one element.

Scalar arithmetic returns Secrets: what may be seen is published by name.

Source: RFC 9496 (ristretto255); RFC 9380, section 5.3.1 (expand_message_xmd); RFC 9497, section
4.1 (hashing to scalars and elements).

>>> six = times(scalar_of(2), base(scalar_of(3)))
>>> six == base(scalar_mul(scalar_of(2), scalar_of(3)))
True
>>> parse_element(bytes(32))
Traceback (most recent call last):
    ...
jukinet.errors.Malformed: element: is the identity; ask for it again
"""

from collections.abc import Callable, Sequence
from ctypes import c_char
from hashlib import sha512
from typing import Final, TypeAlias

from jukinet.errors import Malformed
from jukinet.keys.chance import Chance, drawn
from jukinet.keys.secret import Secret
from jukinet.keys.sodium import load

ELEMENT_SIZE: Final = 32
SCALAR_SIZE: Final = 32
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
IDENTITY: Final = bytes(ELEMENT_SIZE)

Element: TypeAlias = bytes
Scalar: TypeAlias = bytes | Secret

_WIDE: Final = 64
"""Bytes that are reduced to a scalar, so that none is likelier than another."""
_LAST: Final = ELEMENT_SIZE - 1
_LAST_MAX: Final = 0x7F
_BLOCK_OF_ZEROS: Final = bytes(128)
_WANTED: Final = _WIDE.to_bytes(2, "big") + b"\x00"
_DST_MAX: Final = 255
_ZERO: Final = Secret(bytes(SCALAR_SIZE))
_ONE: Final = (1).to_bytes(SCALAR_SIZE, "little")

_sodium = load()
_is_valid = _sodium.crypto_core_ristretto255_is_valid_point
_multiply = _sodium.crypto_scalarmult_ristretto255
_multiply_base = _sodium.crypto_scalarmult_ristretto255_base
_add = _sodium.crypto_core_ristretto255_add
_subtract = _sodium.crypto_core_ristretto255_sub
_map = _sodium.crypto_core_ristretto255_from_hash
_reduce = _sodium.crypto_core_ristretto255_scalar_reduce
_scalar_add = _sodium.crypto_core_ristretto255_scalar_add
_scalar_subtract = _sodium.crypto_core_ristretto255_scalar_sub
_scalar_multiply = _sodium.crypto_core_ristretto255_scalar_mul
_scalar_negate = _sodium.crypto_core_ristretto255_scalar_negate
_scalar_invert = _sodium.crypto_core_ristretto255_scalar_invert

# One place for each result: the lock of the interpreter is free while the library works, so that
# threads would write into a shared one.
_Place = c_char * ELEMENT_SIZE
_Function: TypeAlias = Callable[..., int]


def parse_element(encoded: bytes) -> Element:
    """The element. Raises Malformed unless it is canonical and other than the identity."""
    if len(encoded) != ELEMENT_SIZE:
        raise Malformed(f"element: wants {ELEMENT_SIZE} bytes, got {len(encoded)}")
    if encoded == IDENTITY:
        raise Malformed("element: is the identity; ask for it again")
    if encoded[_LAST] > _LAST_MAX or _is_valid(encoded) != 1:
        raise _no_element()
    return bytes(encoded)


def parse_scalar(encoded: bytes) -> bytes:
    """A public scalar. Raises Malformed unless it is below the order; zero is one."""
    if len(encoded) != SCALAR_SIZE or int.from_bytes(encoded, "little") >= ORDER:
        raise _no_scalar()
    return bytes(encoded)


def keep_scalar(content: bytes | bytearray | memoryview) -> Secret:
    """A secret scalar out of bytes. Raises Malformed unless it is below the order and not zero."""
    scalar = Secret(content)
    _refuse_scalar(scalar)
    with Secret(bytes(_WIDE)) as wide, Secret(bytes(SCALAR_SIZE)) as reduced:
        wide.write(0, scalar)
        _reduce(reduced, wide)
        if reduced != scalar or is_zero(scalar):
            raise _no_scalar()
    return scalar


def scalar_of(number: int) -> bytes:
    """A public scalar: the number modulo the order."""
    return (number % ORDER).to_bytes(SCALAR_SIZE, "little")


def draw_scalar(chance: Chance) -> Secret:
    """A secret scalar, uniform, never zero."""
    while True:
        scalar = Secret(IDENTITY)
        with Secret(drawn(_WIDE, chance)) as wide:
            _reduce(scalar, wide)
        if not is_zero(scalar):
            return scalar


def is_zero(scalar: Secret) -> bool:
    """Whether it is nothing, in a time that does not say more."""
    return scalar == _ZERO


def base(scalar: Scalar) -> Element:
    """The scalar times the generator. Raises Malformed for zero."""
    if len(scalar) != SCALAR_SIZE:
        raise _no_scalar()
    place = _Place()
    if _multiply_base(place, scalar):
        raise Malformed("scalar: is zero, so that its element is the identity; draw another")
    return place.raw


def times(scalar: Scalar, element: Element) -> Element:
    """The scalar times the element. Raises Malformed for what is no element, and for zero."""
    if len(scalar) != SCALAR_SIZE or len(element) != ELEMENT_SIZE or element[_LAST] > _LAST_MAX:
        raise _no_element()
    place = _Place()
    if _multiply(place, scalar, element):
        raise _no_element()
    return place.raw


def times_each(scalar: Scalar, elements: Sequence[Element]) -> tuple[Element, ...]:
    """The scalar times each of the elements."""
    return tuple([times(scalar, element) for element in elements])


def plus(left: Element, right: Element) -> Element:
    """The sum. Raises Malformed for what is no element, and when the sum is the identity."""
    return _of_two(_add, left, right)


def minus(left: Element, right: Element) -> Element:
    """The difference. Raises Malformed as plus does."""
    return _of_two(_subtract, left, right)


def sum_of(elements: Sequence[Element]) -> Element:
    """The sum of one or more. Raises Malformed for none, and as plus does."""
    if not elements:
        raise Malformed("sum of elements: wants one or more")
    total = elements[0] if len(elements) > 1 else parse_element(elements[0])
    for element in elements[1:]:
        total = plus(total, element)
    return total


def weigh(weights: Sequence[Scalar], elements: Sequence[Element]) -> Element:
    """The sum of each element times its weight. Raises Malformed for none, and as plus does.

    The inner loop of every proof over many: its sums stay in two places of the library's.
    """
    if not elements:
        raise Malformed("sum of elements: wants one or more")
    total, term = _Place(), _Place()
    place = total
    for weight, element in zip(weights, elements, strict=True):
        if len(weight) != SCALAR_SIZE or len(element) != ELEMENT_SIZE or element[_LAST] > _LAST_MAX:
            raise _no_element()
        if _multiply(place, weight, element):
            raise _no_element()
        if place is term:
            _add(total, total, term)
        place = term
    if total.raw == IDENTITY:
        raise _no_element()
    return total.raw


def scalar_add(left: Scalar, right: Scalar) -> Secret:
    """The sum of two scalars."""
    return _scalar_of_two(_scalar_add, left, right)


def scalar_sub(left: Scalar, right: Scalar) -> Secret:
    """The difference of two scalars."""
    return _scalar_of_two(_scalar_subtract, left, right)


def scalar_mul(left: Scalar, right: Scalar) -> Secret:
    """The product of two scalars."""
    return _scalar_of_two(_scalar_multiply, left, right)


def scalar_negate(scalar: Scalar) -> Secret:
    """What makes zero with it."""
    return _scalar_of_one(_scalar_negate, scalar)


def scalar_invert(scalar: Scalar) -> Secret:
    """What makes one with it. Raises Malformed for zero."""
    found = _scalar_of_one(_scalar_invert, scalar)
    if is_zero(found):
        raise Malformed("scalar: zero has no inverse")
    return found


def invert_each(scalars: Sequence[Scalar]) -> list[Secret]:
    """The inverses of many, by one inversion and three products each. Raises Malformed for zero.

    Source: P. Montgomery, "Speeding the Pollard and elliptic curve methods", section 10.3.1.
    """
    before: list[Scalar] = [_ONE]
    for scalar in scalars:
        before.append(scalar_mul(before[-1], scalar))
    rest = scalar_invert(before.pop())
    inverses = []
    for scalar in reversed(scalars):
        inverses.append(scalar_mul(rest, before.pop()))
        rest = scalar_mul(rest, scalar)
    return inverses[::-1]


def hash_to_group(message: bytes, dst: bytes) -> Element:
    """The element of a message, whose logarithm nobody knows."""
    place = _Place()
    _map(place, _expand(message, dst))
    return place.raw


def hash_to_scalar(message: bytes, dst: bytes) -> bytes:
    """The public scalar of a message."""
    return reduced(_expand(message, dst))


def reduced(wide: bytes) -> bytes:
    """The public scalar that is left of 64 bytes, modulo the order."""
    if len(wide) != _WIDE:
        raise Malformed(f"scalar: is reduced from {_WIDE} bytes, got {len(wide)}")
    place = _Place()
    _reduce(place, wide)
    return place.raw


def _expand(message: bytes, dst: bytes) -> bytes:
    """expand_message_xmd with SHA-512 to 64 bytes, its first block being all of them."""
    if len(dst) > _DST_MAX:
        raise Malformed(f"domain: at most {_DST_MAX} bytes, got {len(dst)}")
    domain = dst + len(dst).to_bytes(1, "big")
    first = sha512(_BLOCK_OF_ZEROS + message + _WANTED + domain).digest()
    return sha512(first + b"\x01" + domain).digest()


def _of_two(function: _Function, left: Element, right: Element) -> Element:
    if len(left) != ELEMENT_SIZE or len(right) != ELEMENT_SIZE:
        raise _no_element()
    if left[_LAST] > _LAST_MAX or right[_LAST] > _LAST_MAX:
        raise _no_element()
    place = _Place()
    if function(place, left, right) or place.raw == IDENTITY:
        raise _no_element()
    return place.raw


def _scalar_of_one(function: _Function, scalar: Scalar) -> Secret:
    _refuse_scalar(scalar)
    found = Secret(IDENTITY)
    function(found, scalar)
    return found


def _scalar_of_two(function: _Function, left: Scalar, right: Scalar) -> Secret:
    _refuse_scalar(left)
    _refuse_scalar(right)
    found = Secret(IDENTITY)
    function(found, left, right)
    return found


def _refuse_scalar(scalar: Scalar) -> None:
    if len(scalar) != SCALAR_SIZE:
        raise Malformed(f"scalar: wants {SCALAR_SIZE} bytes, got {len(scalar)}")


def _no_scalar() -> Malformed:
    return Malformed(f"scalar: wants {SCALAR_SIZE} bytes, little-endian, below the order")


def _no_element() -> Malformed:
    return Malformed(
        f"element: wants {ELEMENT_SIZE} bytes that encode one canonically, other than the identity,"
        " and a scalar that is not zero or wiped; ask for it again"
    )
