"""The group: published vectors, the laws of a group, and what is no element or scalar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed
from jukinet.keys import group
from jukinet.keys.secret import Secret

# RFC 9496, appendix A.1: the multiples of the generator from 0 to 15 (those up to 5 here).
MULTIPLES = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    "da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
    "e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e",
]
# RFC 9496, appendix A.2: encodings that must be refused.
INVALID = [
    pytest.param("00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", id="field"),
    pytest.param("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", id="field 2"),
    pytest.param("f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", id="field 3"),
    pytest.param("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", id="p"),
    pytest.param("0100000000000000000000000000000000000000000000000000000000000000", id="negative"),
    pytest.param(
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", id="negative 2"
    ),
    pytest.param(
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371", id="no square"
    ),
    pytest.param(
        "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f", id="no square 2"
    ),
    pytest.param(
        "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e", id="xy negative"
    ),
    pytest.param("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", id="y zero"),
    pytest.param("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2df6", id="top bit"),
    pytest.param("00" * 31 + "80", id="identity with the top bit"),
    pytest.param("00" * 32, id="identity"),
    pytest.param("e2f2ae0a", id="short"),
    pytest.param("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d7600", id="long"),
    pytest.param("", id="empty"),
]
G = bytes.fromhex(MULTIPLES[1])
numbers = st.integers(1, group.ORDER - 1)


@pytest.mark.parametrize("number", range(1, 6))
def test_the_multiples_of_the_generator_are_the_published_ones(number):
    assert group.base(group.scalar_of(number)).hex() == MULTIPLES[number]
    assert group.times(group.scalar_of(number), G).hex() == MULTIPLES[number]
    assert group.sum_of([G] * number).hex() == MULTIPLES[number]
    assert group.parse_element(bytes.fromhex(MULTIPLES[number])).hex() == MULTIPLES[number]


@pytest.mark.parametrize("encoded", INVALID)
def test_nothing_takes_what_is_no_element(encoded):
    element = bytes.fromhex(encoded)
    one = group.scalar_of(1)
    for use in (
        lambda: group.parse_element(element),
        lambda: group.times(one, element),
        lambda: group.times(Secret(one), element),
        lambda: group.times_each(one, [G, element]),
        lambda: group.sum_of([element]),
        lambda: group.sum_of([]),
        lambda: group.weigh([one], [element]),
        lambda: group.weigh([one, one], [G, element]),
        lambda: group.weigh([], []),
    ):
        with pytest.raises(Malformed):
            use()
    if element != group.IDENTITY:
        with pytest.raises(Malformed):
            group.plus(G, element)
        with pytest.raises(Malformed):
            group.minus(element, G)


def test_nothing_returns_the_identity():
    minus_g = group.base(group.scalar_of(-1))
    for use in (
        lambda: group.base(group.scalar_of(0)),
        lambda: group.base(group.scalar_of(group.ORDER)),
        lambda: group.base(group.ORDER.to_bytes(32, "little")),
        lambda: group.times(group.scalar_of(0), G),
        lambda: group.plus(G, minus_g),
        lambda: group.minus(G, G),
        lambda: group.sum_of([G, G, group.base(group.scalar_of(-2))]),
        lambda: group.weigh([group.scalar_of(3), group.scalar_of(3)], [G, minus_g]),
        lambda: group.scalar_invert(group.scalar_of(0)),
        lambda: group.invert_each([group.scalar_of(1), group.scalar_of(0)]),
    ):
        with pytest.raises(Malformed):
            use()


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(group.ORDER.to_bytes(32, "little"), id="the order"),
        pytest.param((group.ORDER + 1).to_bytes(32, "little"), id="one, not canonical"),
        pytest.param(b"\xff" * 32, id="the largest"),
        pytest.param(bytes(31) + b"\x80", id="the top bit, which the library ignores"),
        pytest.param(bytes(31), id="short"),
        pytest.param(bytes(33), id="long"),
        pytest.param(b"", id="empty"),
    ],
)
def test_a_scalar_is_below_the_order(encoded):
    with pytest.raises(Malformed):
        group.parse_scalar(encoded)
    with pytest.raises(Malformed):
        group.keep_scalar(encoded)


def test_zero_is_a_public_scalar_and_no_key():
    assert group.parse_scalar(bytes(32)) == bytes(32)
    with pytest.raises(Malformed):
        group.keep_scalar(bytes(32))


@given(numbers, numbers)
def test_scalars_reckon_as_numbers_modulo_the_order(left, right):
    one, other = group.scalar_of(left), Secret(group.scalar_of(right))

    def as_number(secret):
        return int.from_bytes(secret.publish(), "little")

    assert as_number(group.scalar_add(one, other)) == (left + right) % group.ORDER
    assert as_number(group.scalar_sub(one, other)) == (left - right) % group.ORDER
    assert as_number(group.scalar_mul(one, other)) == left * right % group.ORDER
    assert as_number(group.scalar_negate(other)) == -right % group.ORDER
    assert as_number(group.scalar_invert(one)) == pow(left, -1, group.ORDER)
    assert group.keep_scalar(one) == Secret(one)
    assert group.parse_scalar(one) == one


@given(st.lists(numbers, min_size=1, max_size=6))
def test_many_are_inverted_as_one_by_one(many):
    scalars = [Secret(group.scalar_of(number)) for number in many]
    assert group.invert_each(scalars) == [group.scalar_invert(scalar) for scalar in scalars]


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4))
def test_a_weighed_sum_is_the_sum_of_the_products(pairs):
    elements = [group.base(group.scalar_of(number)) for number, _ in pairs]
    weights = [group.scalar_of(weight) for _, weight in pairs]
    total = sum(number * weight for number, weight in pairs) % group.ORDER
    if total:
        assert group.weigh(weights, elements) == group.base(group.scalar_of(total))


@given(st.binary(min_size=32, max_size=32))
def test_an_element_has_one_encoding(encoded):
    try:
        element = group.parse_element(encoded)
    except Malformed:
        return
    assert group.times(group.scalar_of(1), element) == encoded


def test_a_drawn_scalar_is_64_bytes_of_chance_reduced_and_never_zero():
    draws = iter([bytes(64), group.ORDER.to_bytes(64, "little"), b"\xff" * 64])
    found = group.draw_scalar(lambda size: next(draws))
    assert int.from_bytes(found.publish(), "little") == (2**512 - 1) % group.ORDER


def test_a_domain_of_more_than_255_bytes_is_malformed():
    assert len(group.hash_to_group(b"", b"d" * 255)) == 32
    with pytest.raises(Malformed):
        group.hash_to_group(b"", b"d" * 256)
    with pytest.raises(Malformed):
        group.reduced(bytes(63))
