"""A key at rest opens by its passphrase or its token, and by nothing else."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.softhsm import PIN, softhsm, tokens

from jukinet.errors import Damaged, Malformed, Refused
from jukinet.keys.secret import Secret
from jukinet.keys.wrap import Cost, PassphraseLock, TokenLock, read, rewrap
from jukinet.tasks.tokens import Pkcs11Token, pin_from

QUICK = Cost(memory_kib=64, passes=1, lanes=1)
KEY = bytes(range(32))
__all__ = ["tokens"]  # a fixture
WORDS = "a passphrase of some words"


def by_words(words=WORDS, cost=QUICK):
    return PassphraseLock(words, os.urandom, cost=cost)


def wrapped_with(lock, context=b"here"):
    return lock.wrap(Secret(KEY), context=context)


def test_what_is_wrapped_opens_again_and_is_never_the_same():
    one, two = wrapped_with(by_words()), wrapped_with(by_words())
    assert one != two
    assert by_words().unwrap(one, context=b"here").publish() == KEY
    assert KEY not in one


def test_another_passphrase_or_place_does_not_open():
    wrapped = wrapped_with(by_words())
    for words, context in (("another passphrase", b"here"), (WORDS, b"there")):
        with pytest.raises(Refused, match="not the one"):
            by_words(words).unwrap(wrapped, context=context)


def test_a_passphrase_is_the_same_however_it_was_typed():
    wrapped = wrapped_with(by_words("パスフレーズは十二字以上"))
    typed = by_words("\u30cf\u309aスフレース\u3099は十二字以上  ")
    assert typed.unwrap(wrapped, context=b"here").publish() == KEY


def test_the_cost_is_the_one_that_stands_beside_the_key():
    dear = Cost(memory_kib=128, passes=2, lanes=1)
    wrapped = wrapped_with(by_words(cost=dear))
    assert read(wrapped).cost == dear
    assert by_words().unwrap(wrapped, context=b"here").publish() == KEY


@pytest.mark.parametrize(
    "cost",
    [
        pytest.param(Cost(passes=0), id="no pass"),
        pytest.param(Cost(memory_kib=2**32), id="more memory than a machine has"),
        pytest.param(Cost(memory_kib=7, lanes=1), id="less memory than Argon2 takes"),
    ],
)
def test_no_cost_out_of_bounds(cost):
    with pytest.raises(Malformed, match="cost"):
        by_words(cost=cost)


def test_no_short_passphrase():
    with pytest.raises(Malformed, match="12 characters"):
        by_words("too  short")


def test_a_lock_shows_nothing_of_its_passphrase():
    lock = by_words()
    assert WORDS not in repr(lock) + str(lock)
    with pytest.raises(Malformed) as error:
        by_words("secret!")
    assert "secret!" not in str(error.value)


def test_a_changed_passphrase_opens_and_the_old_one_does_not():
    old, new = by_words(), by_words("a passphrase of other words")
    wrapped = rewrap(wrapped_with(old), old=old, new=new, context=b"here")
    assert new.unwrap(wrapped, context=b"here").publish() == KEY
    with pytest.raises(Refused):
        old.unwrap(wrapped, context=b"here")


@given(st.data())
def test_no_byte_of_it_can_be_changed(data):
    wrapped = wrapped_with(by_words())
    place = data.draw(st.integers(0, len(wrapped) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    mauled = wrapped[:place] + bytes([wrapped[place] ^ bit]) + wrapped[place + 1 :]
    try:
        cost = read(mauled).cost
        cheap = cost.memory_kib * cost.passes <= 2**16
    except (Damaged, AttributeError):
        cheap = True
    if cheap:  # a cost that was raised by the flip is honoured, and only takes longer to refuse
        with pytest.raises((Refused, Damaged)):
            by_words().unwrap(mauled, context=b"here")


@given(st.binary(max_size=300))
def test_bytes_that_nobody_wrapped_are_none(content):
    with pytest.raises(Damaged, match="wrapped key"):
        by_words().unwrap(content, context=b"here")


# --- a real PKCS#11 module ---------------------------------------------------------------------


def ready(library, name="keeper-1", pin=PIN):
    token = Pkcs11Token(library, name, pin)
    token.prepare()
    return token


@softhsm
def test_a_token_opens_what_it_has_wrapped_and_no_other_token_does(tokens):
    lock = TokenLock(ready(tokens), os.urandom)
    wrapped = wrapped_with(lock)
    assert lock.unwrap(wrapped, context=b"here").publish() == KEY
    with pytest.raises(Refused, match="keeper-2: it is not the one"):
        TokenLock(ready(tokens, "keeper-2"), os.urandom).unwrap(wrapped, context=b"here")
    with pytest.raises(Refused, match="wrapped by the token keeper-1"):
        by_words().unwrap(wrapped, context=b"here")


@softhsm
def test_a_token_is_prepared_once_and_its_key_cannot_be_read(tokens):
    import pkcs11

    ready(tokens)
    token = Pkcs11Token(tokens, "keeper-1", PIN)
    assert token.prepare() is False
    opened = pkcs11.lib(str(tokens)).get_token(token_label="keeper-1")
    with opened.open(user_pin=PIN) as session:
        (key,) = session.get_objects({pkcs11.Attribute.LABEL: "jukinet wrapping key"})
        with pytest.raises(pkcs11.AttributeSensitive):
            _ = key[pkcs11.Attribute.VALUE]


@softhsm
def test_a_wrong_pin_and_a_token_that_is_not_there_say_so_without_the_pin(tokens):
    with pytest.raises(Refused, match="PIN is not its PIN") as error:
        ready(tokens, pin="999999")
    assert "999999" not in str(error.value)
    with pytest.raises(Refused, match="none has this label"):
        ready(tokens, "keeper-9")


@softhsm
def test_a_passphrase_is_changed_for_a_token(tokens):
    lock = TokenLock(ready(tokens), os.urandom)
    wrapped = rewrap(wrapped_with(by_words()), old=by_words(), new=lock, context=b"here")
    assert lock.unwrap(wrapped, context=b"here").publish() == KEY


def test_a_file_that_is_no_pkcs11_module_is_named(tmp_path):
    (tmp_path / "x.so").write_bytes(b"nothing")
    with pytest.raises(Refused, match=r"x\.so"):
        Pkcs11Token(tmp_path / "x.so", "keeper-1", PIN).answer(b"")


def test_a_pin_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Malformed, match="PIN file"):
        pin_from(tmp_path / "none")
