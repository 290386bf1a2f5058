"""Sealing: published vectors, and every way in which sealed bytes must not open."""

import copy
import pickle

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Damaged, Malformed, Refused
from jukinet.keys import seal
from jukinet.keys.seal import OpenKey, SealKey

SECRET = bytes(range(100, 132))
KEY = bytes(range(32))
NONCE = bytes(12)
keeper = OpenKey(SECRET)

# The test vectors of RFC 9180 for mode base, X25519, HKDF-SHA256, AES-256-GCM, first encryption.
RFC_9180 = {
    "info": "4f6465206f6e2061204772656369616e2055726e",
    "secret": "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
    "public": "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
    "enc": "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
    "aad": "436f756e742d30",
    "ciphertext": "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a",
    "plaintext": "4265617574792069732074727574682c20747275746820626561757479",
}


def test_the_suite_opens_the_vector_of_the_rfc():
    """The vectors have associated data, which the library takes only in a form for tests."""
    vector = {name: bytes.fromhex(digits) for name, digits in RFC_9180.items()}
    key = OpenKey(vector["secret"])
    assert key.public.raw == vector["public"]
    found = openssl.hpke._decrypt_with_aad(
        seal._SUITE, vector["enc"] + vector["ciphertext"], key._key, vector["info"], vector["aad"]
    )
    assert found == vector["plaintext"]


@given(st.binary(max_size=300), st.binary(max_size=50))
def test_what_was_sealed_opens(text, context):
    sealed = keeper.public.seal(text, context)
    assert keeper.open(sealed, context) == text
    assert len(sealed) == len(text) + seal.SEAL_OVERHEAD


def test_the_same_text_is_sealed_another_way_each_time():
    assert keeper.public.seal(b"x", b"") != keeper.public.seal(b"x", b"")


@given(st.binary(max_size=40), st.data())
def test_a_flipped_bit_in_a_sealed_text_is_noticed(text, choice):
    sealed = bytearray(keeper.public.seal(text, b"context"))
    # The top bit of the encapsulated key is ignored by X25519, not by HPKE, which hashes the bytes.
    bit = choice.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        keeper.open(bytes(sealed), b"context")


def test_another_context_or_another_key_does_not_open():
    sealed = keeper.public.seal(b"text", b"record 5")
    with pytest.raises(Damaged):
        keeper.open(sealed, b"record 6")
    with pytest.raises(Damaged):
        OpenKey(KEY).open(sealed, b"record 5")


@pytest.mark.parametrize("size", [0, 1, 31, 32, 47, 48, 80])
def test_what_is_no_sealed_text_is_damaged(size):
    with pytest.raises(Damaged):
        keeper.open(bytes(size), b"")


def test_nothing_is_sealed_to_a_weak_key():
    with pytest.raises(Malformed):
        SealKey(bytes(32)).seal(b"text", b"")


@pytest.mark.parametrize("made", [OpenKey, SealKey])
@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_length_is_malformed(made, size):
    with pytest.raises(Malformed):
        made(bytes(size))


def test_an_open_key_is_drawn_from_chance():
    assert OpenKey.draw(lambda size: SECRET[:size]).public == keeper.public
    assert keeper.reveal_secret() == SECRET


def test_an_open_key_shows_only_its_public_half():
    for shown in (repr(keeper), str(keeper), f"{keeper}", "%s %r" % (keeper, keeper)):  # noqa: UP031
        assert SECRET.hex() not in shown
        assert repr(SECRET)[2:12] not in shown
    assert not hasattr(keeper, "__dict__")


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_an_open_key_is_not_written_out_by_accident(way):
    with pytest.raises(Refused):
        way(keeper)


def test_seal_keys_are_equal_when_their_bytes_are():
    public = keeper.public
    assert public == SealKey(public.raw)
    assert hash(public) == hash(SealKey(public.raw))
    assert public != OpenKey(KEY).public
    assert public != public.raw
    assert public.raw.hex() in repr(public)


def test_lock_gives_the_published_vector():
    """McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16."""
    locked = seal.lock(
        bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2),
        bytes.fromhex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ),
        nonce=bytes.fromhex("cafebabefacedbaddecaf888"),
        context=bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
    )
    assert locked.hex() == (
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )


@given(st.binary(max_size=100), st.binary(max_size=20), st.data())
def test_a_flipped_bit_in_a_locked_text_is_noticed(text, context, choice):
    locked = bytearray(seal.lock(KEY, text, nonce=NONCE, context=context))
    assert seal.unlock(KEY, bytes(locked), nonce=NONCE, context=context) == text
    bit = choice.draw(st.integers(0, 8 * len(locked) - 1))
    locked[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        seal.unlock(KEY, bytes(locked), nonce=NONCE, context=context)


@pytest.mark.parametrize(
    "change",
    [{"key": SECRET}, {"nonce": bytes(11) + b"\x01"}, {"context": b"b"}, {"locked": b"short"}],
    ids=["key", "nonce", "context", "length"],
)
def test_another_key_nonce_context_or_length_does_not_unlock(change):
    locked = seal.lock(KEY, b"text", nonce=NONCE, context=b"a")
    wrong = {"key": KEY, "locked": locked, "nonce": NONCE, "context": b"a", **change}
    with pytest.raises(Damaged):
        unlocked(**wrong)


@pytest.mark.parametrize(("key", "nonce"), [(bytes(16), NONCE), (bytes(33), NONCE), (KEY, b"")])
def test_a_key_or_nonce_of_another_length_is_malformed(key, nonce):
    with pytest.raises(Malformed):
        seal.lock(key, b"", nonce=nonce, context=b"")
    with pytest.raises(Malformed):
        seal.unlock(key, bytes(16), nonce=nonce, context=b"")


@given(st.binary(max_size=99))
def test_padding_makes_one_size_of_all_and_comes_off_again(text):
    padded = seal.pad(text, 100)
    assert len(padded) == 100
    assert seal.unpad(padded) == text


def test_padding_is_0x80_and_zeros():
    assert seal.pad(b"ab", 5).hex() == "6162800000"


@pytest.mark.parametrize("size", [-1, 0, 3, 4])
def test_a_text_that_leaves_no_room_for_padding_is_malformed(size):
    with pytest.raises(Malformed):
        seal.pad(b"text", size)


@pytest.mark.parametrize("padded", ["", "00", "61", "6180ff", "618061", "8001"])
def test_what_has_no_padding_is_damaged(padded):
    with pytest.raises(Damaged):
        seal.unpad(bytes.fromhex(padded))


def test_a_derived_key_is_hkdf_expand_over_labels_behind_their_lengths():
    """The same by the library (its RFC 5869 vectors are the library's own tests)."""
    info = bytes(7) + b"\x01a" + bytes(7) + b"\x02bc"
    assert seal.hkdf(KEY, b"a", b"bc") == HKDFExpand(SHA256(), 32, info).derive(KEY)


@given(
    st.lists(st.binary(max_size=5), min_size=1, max_size=4),
    st.lists(st.binary(max_size=5), min_size=1, max_size=4),
)
def test_other_parts_have_another_mac_even_when_they_join_to_the_same(left, right):
    assert (seal.mac(KEY, *left) == seal.mac(KEY, *right)) == (left == right)
    assert (seal.hkdf(KEY, *left) == seal.hkdf(KEY, *right)) == (left == right)
    assert seal.mac(KEY, *left) != seal.hkdf(KEY, *right)


def test_a_mac_is_hmac_of_parts_behind_their_lengths():
    """RFC 4231 fixes HMAC itself; the message is written out here."""
    import hashlib
    import hmac

    message = bytes(7) + b"\x02ab" + bytes(8)
    assert seal.mac(KEY, b"ab", b"") == hmac.new(KEY, message, hashlib.sha256).digest()


@pytest.mark.parametrize("made", [seal.mac, seal.hkdf])
def test_no_part_no_mac_and_no_short_key(made):
    with pytest.raises(Malformed):
        made(KEY)
    with pytest.raises(Malformed):
        made(KEY[:31], b"a")


def test_equality_is_of_all_bytes():
    assert seal.equal(KEY, bytes(KEY))
    assert not seal.equal(KEY, KEY[:31])
    assert not seal.equal(KEY, SECRET)


@pytest.mark.parametrize(
    "fails",
    [
        lambda: keeper.open(bytes(80), b""),
        lambda: seal.unlock(SECRET, bytes(40), nonce=NONCE, context=b""),
        lambda: seal.unlock(SECRET + b"x", bytes(40), nonce=NONCE, context=b""),
        lambda: seal.mac(SECRET[:31], b"a"),
        lambda: OpenKey(SECRET + b"x"),
    ],
)
def test_no_error_shows_a_key(fails):
    with pytest.raises((Damaged, Malformed)) as error:
        fails()
    assert SECRET.hex()[:20] not in repr(error.value)
    assert repr(SECRET)[2:12] not in repr(error.value)


def unlocked(*, key, locked, nonce, context):
    return seal.unlock(key, locked, nonce=nonce, context=context)
