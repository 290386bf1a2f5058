"""Ed25519 keys: the vectors of RFC 8032, and keys that show nothing."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed, Refused
from jukinet.keys.sign import SigningKey, VerifyKey

# RFC 8032, section 7.1: seed, public key, message, signature.
VECTORS = [
    pytest.param(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        id="TEST 1",
    ),
    pytest.param(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        id="TEST 2",
    ),
    pytest.param(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        id="TEST 3",
    ),
]

SEED = bytes(range(100, 132))


@pytest.mark.parametrize(("seed", "public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc(seed, public, message, signature):
    key = SigningKey(bytes.fromhex(seed))
    assert key.public_bytes.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    VerifyKey(bytes.fromhex(public)).verify(bytes.fromhex(message), bytes.fromhex(signature))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_a_key_verifies_what_it_signed(seed, message):
    key = SigningKey(seed)
    assert key.public.verify(message, key.sign(message)) is None
    assert key.reveal_seed() == seed


@given(st.binary(max_size=50), st.integers(0, 511))
def test_a_flipped_bit_in_a_signature_is_refused(message, bit):
    key = SigningKey(SEED)
    signature = bytearray(key.sign(message))
    signature[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Refused):
        key.public.verify(message, bytes(signature))


def test_another_message_or_another_key_is_refused():
    key = SigningKey(SEED)
    signature = key.sign(b"message")
    with pytest.raises(Refused):
        key.public.verify(b"messagf", signature)
    with pytest.raises(Refused):
        SigningKey(bytes(32)).public.verify(b"message", signature)


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65)])
def test_what_is_no_signature_is_refused(signature):
    with pytest.raises(Refused):
        SigningKey(SEED).public.verify(b"", signature)


@pytest.mark.parametrize("made", [SigningKey, VerifyKey])
@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_length_is_malformed(made, size):
    with pytest.raises(Malformed):
        made(bytes(size))


def test_a_key_is_drawn_from_chance():
    assert SigningKey.draw(lambda size: SEED[:size]).public == SigningKey(SEED).public


def test_a_signing_key_shows_only_its_public_half():
    key = SigningKey(SEED)
    for shown in (repr(key), str(key), f"{key}", f"{key!s}", "%s %r" % (key, key), repr([key])):  # noqa: UP031
        assert SEED.hex() not in shown
        assert repr(SEED)[2:12] not in shown
    assert not hasattr(key, "__dict__")


def test_an_error_about_a_seed_does_not_show_it():
    with pytest.raises(Malformed) as error:
        SigningKey(SEED[:31])
    assert SEED[:31].hex() not in str(error.value)
    assert repr(SEED)[2:12] not in str(error.value)


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_signing_key_is_not_written_out_by_accident(way):
    with pytest.raises(Refused):
        way(SigningKey(SEED))


def test_verify_keys_are_equal_when_their_bytes_are():
    public = SigningKey(SEED).public
    assert public == VerifyKey(public.raw)
    assert hash(public) == hash(VerifyKey(public.raw))
    assert public != SigningKey(bytes(32)).public
    assert public != public.raw
    assert public.raw.hex() in repr(public)
