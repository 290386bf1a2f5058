"""FF1: the samples of NIST, and many at once as one by one."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed, Refused
from jukinet.keys.ff1 import FF1

KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94")
TWEAK = bytes.fromhex("39383736353433323130")


# NIST, "FF1 samples" to SP 800-38G: those of radix 10. Key size, tweak, plaintext, ciphertext.
SAMPLES = [
    pytest.param(16, b"", "0123456789", "2433477484", id="sample 1"),
    pytest.param(16, TWEAK, "0123456789", "6124200773", id="sample 2"),
    pytest.param(24, b"", "0123456789", "2830668132", id="sample 4"),
    pytest.param(24, TWEAK, "0123456789", "2496655549", id="sample 5"),
    pytest.param(32, b"", "0123456789", "6657667009", id="sample 7"),
    pytest.param(32, TWEAK, "0123456789", "1001623463", id="sample 8"),
]


@pytest.mark.parametrize(("key_size", "tweak", "plain", "cipher"), SAMPLES)
def test_the_samples_of_nist(key_size, tweak, plain, cipher):
    ff1 = FF1(KEY[:key_size], tweak=tweak)
    assert f"{ff1.encrypt(int(plain), digits=10):010}" == cipher
    assert f"{ff1.decrypt(int(cipher), digits=10):010}" == plain
    assert ff1.encrypt_many([int(plain)], 10) == [int(cipher)]
    assert ff1.decrypt_many([int(cipher)], 10) == [int(plain)]


@pytest.mark.parametrize(
    ("number", "digits", "tweak", "other"),
    [
        pytest.param(314159, 6, b"2718281828", 535005, id="six digits"),
        pytest.param(999999999, 9, b"7777777", 658229573, id="nine digits: an odd number"),
    ],
)
def test_the_vectors_of_the_authors(number, digits, tweak, other):
    """Bellare, Rogaway and Spies call the same cipher FFX[radix]; their vectors are of 2010."""
    ff1 = FF1(KEY[:16], tweak=tweak)
    assert ff1.encrypt(number, digits=digits) == other
    assert ff1.encrypt_many([number], digits) == [other]


@given(st.integers(6, 60), st.binary(max_size=40), st.sampled_from([16, 24, 32]), st.data())
def test_what_was_encrypted_decrypts_and_keeps_its_length(digits, tweak, key_size, choice):
    ff1 = FF1(KEY[:key_size], tweak=tweak)
    number = choice.draw(st.integers(0, 10**digits - 1))
    other = ff1.encrypt(number, digits=digits)
    assert 0 <= other < 10**digits
    assert ff1.decrypt(other, digits=digits) == number


@given(st.integers(6, 22), st.binary(max_size=40), st.data())
def test_many_at_once_are_as_one_by_one(digits, tweak, choice):
    ff1 = FF1(KEY, tweak=tweak)
    numbers = choice.draw(st.lists(st.integers(0, 10**digits - 1), max_size=20))
    many = ff1.encrypt_many(numbers, digits)
    assert many == [ff1.encrypt(number, digits=digits) for number in numbers]
    assert ff1.decrypt_many(many, digits) == numbers
    assert all(type(number) is int for number in many)


def test_more_than_one_call_of_the_cipher_is_the_same_again():
    ff1 = FF1(KEY)
    numbers = list(range(20_000))
    many = ff1.encrypt_many(numbers, 10)
    assert many[:5] == [ff1.encrypt(number, digits=10) for number in range(5)]
    assert many[-5:] == [ff1.encrypt(number, digits=10) for number in range(19_995, 20_000)]
    assert ff1.decrypt_many(many, 10) == numbers


def test_a_million_numbers_of_six_digits_are_each_other_exactly_once():
    many = FF1(KEY).encrypt_many(range(1_000_000), 6)
    assert len(set(many)) == 1_000_000
    assert max(many) == 999_999


def test_the_largest_numbers_of_eighteen_digits_do_not_overflow():
    ff1 = FF1(KEY)
    numbers = [10**18 - 1, 10**18 - 2, 0]
    many = ff1.encrypt_many(numbers, 18)
    assert many == [ff1.encrypt(number, digits=18) for number in numbers]
    assert ff1.decrypt_many(many, 18) == numbers


def test_another_key_or_tweak_is_another_permutation():
    numbers = list(range(50))
    found = {
        tuple(FF1(key, tweak=tweak).encrypt_many(numbers, 10))
        for key in (KEY, KEY[:16], KEY[16:])
        for tweak in (b"", b"\x00", b"\x00\x00", bytes(16), bytes(17))
    }
    assert len(found) == 15


@pytest.mark.parametrize("size", [0, 8, 15, 17, 31, 33, 64])
def test_a_key_of_another_length_is_malformed(size):
    with pytest.raises(Malformed):
        FF1(bytes(size))


def test_a_tweak_beyond_the_limit_is_malformed():
    with pytest.raises(Malformed):
        FF1(KEY, tweak=bytes(65_536))


@pytest.mark.parametrize("digits", [-1, 0, 5, 1_001])
def test_too_few_or_too_many_digits_are_malformed(digits):
    with pytest.raises(Malformed):
        FF1(KEY).encrypt(0, digits=digits)
    with pytest.raises(Malformed):
        FF1(KEY).encrypt_many([0], digits)


@pytest.mark.parametrize("number", [-1, 10**10, 10**30])
def test_a_number_that_does_not_fit_is_malformed_and_not_shown(number):
    for way in (
        lambda ff1: ff1.encrypt(number, digits=10),
        lambda ff1: ff1.decrypt(number, digits=10),
        lambda ff1: ff1.encrypt_many([5, number], 10),
        lambda ff1: ff1.decrypt_many([number], 10),
    ):
        with pytest.raises(Malformed) as error:
            way(FF1(KEY))
        assert str(number) not in str(error.value)


def test_a_cipher_shows_neither_key_nor_tweak():
    ff1 = FF1(KEY, tweak=TWEAK)
    for shown in (repr(ff1), str(ff1), f"{ff1}"):
        assert shown == "FF1()"
    assert not hasattr(ff1, "__dict__")
    with pytest.raises(Malformed) as error:
        FF1(KEY[:31])
    assert KEY[:31].hex() not in str(error.value)


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_cipher_is_not_written_out_by_accident(way):
    with pytest.raises(Refused):
        way(FF1(KEY))
