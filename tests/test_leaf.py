"""The leaf: its bytes are those of the page; nothing else is a leaf; the page's vectors hold."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from tests.support import NOON

from jukinet.errors import Damaged, Malformed
from jukinet.keys import ratchet
from jukinet.law import leaf
from jukinet.law.identity import Item
from jukinet.law.leaf import Body, DisclosureLeaf, InquiryLeaf, RefusalLeaf
from jukinet.law.schedule import load

PAGE = (Path(__file__).parent.parent / "docs/spec/leaf.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r'^    (\{"type".*\})$', PAGE, re.MULTILINE)
VECTORS = re.findall(r"^\| (\d) \| `(\w{64})` \| `(\w{32})` \| `(\w{64})` \|$", PAGE, re.MULTILINE)
S0, SALT = bytes(range(32)), bytes(range(32, 64))
BODY = re.findall(r"^    body +(\{.*\})$", PAGE, re.MULTILINE)[0].encode()
DISCLOSURE = EXAMPLES[1].encode()


def fields_of(kind):
    """The fields of a kind of leaf, as the page's table has them."""
    section = PAGE[PAGE.index(f'| `type` | `"{kind}"` |') :].split("\n\n")[0]
    found = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
    names = [name for row in found for name in re.findall(r"`(\w+)`", row)]
    return ["type", *[name for name in names if name != "type"]]


@pytest.mark.parametrize(
    ("kind", "struct"),
    [("inquiry", InquiryLeaf), ("disclosure", DisclosureLeaf), ("refusal", RefusalLeaf)],
)
def test_the_page_lists_the_fields_of_a_leaf_in_order(kind, struct):
    assert fields_of(kind) == ["type", *struct.__struct_fields__]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: json.loads(text)["type"])
def test_an_example_of_the_page_is_a_leaf(example):
    found = leaf.decode(example.encode())
    assert leaf.encode(found).decode() == example


def test_the_page_lists_the_fields_of_a_body_in_order():
    section = PAGE[PAGE.index("| `agency` | the agency, in full") :].split("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
    assert [n for row in rows for n in re.findall(r"`(\w+)`", row)] == [*Body.__struct_fields__]


def test_the_page_names_the_rules_of_refusal_that_the_code_has():
    source = Path(__file__).parent.parent / "src/jukinet"
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("disclosure", "nodes/centre")
        for path in sorted((source / folder).glob("*.py"))
    )
    used = set(re.findall(r'rule="([a-z-]+)"', code)) | {"repeated", "out-of-step"}
    section = PAGE[PAGE.index("## The rules of refusal") : PAGE.index("## The body")]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == used


def test_there_are_three_vectors():
    assert [int(n) for n, *_ in VECTORS] == [0, 1, 2]


@pytest.mark.parametrize(("n", "state", "label", "key"), VECTORS)
def test_a_vector_of_the_chain_holds(n, state, label, key):
    found = S0
    for _ in range(int(n)):
        found = ratchet.next_state(found)
    assert found.hex() == state
    assert ratchet.label(found).hex() == label
    assert ratchet.entry_key(found).hex() == key


@pytest.mark.parametrize(("n", "state", "label", "key"), VECTORS)
def test_a_vector_of_the_chain_follows_from_sha256_alone(n, state, label, key):
    at = bytes.fromhex(state)
    assert sha256(b"jukinet label v1" + at).hexdigest()[:32] == label
    assert sha256(b"jukinet entry key v1" + at).hexdigest() == key
    if int(n) + 1 < len(VECTORS):
        assert sha256(b"jukinet next state v1" + at).hexdigest() == VECTORS[int(n) + 1][1]


def test_the_commitment_of_the_page_holds():
    wanted = re.findall(r"^    commitment +(\w{64})$", PAGE, re.MULTILINE)[0]
    assert leaf.commitment(SALT, BODY) == wanted
    assert sha256(b"jukinet commitment v1" + SALT + BODY).hexdigest() == wanted
    assert json.loads(DISCLOSURE)["commitment"] == wanted


def test_the_sealed_body_of_the_page_holds():
    wanted = re.findall(r"512 bytes: (\w{64})", PAGE)[0]
    plain = (SALT + BODY + b"\x80").ljust(496, b"\x00")
    by_hand = AESGCM(ratchet.entry_key(S0)).encrypt(bytes(12), plain, ratchet.label(S0))
    assert sha256(by_hand).hexdigest() == wanted
    assert leaf.seal_body(S0, SALT, BODY) == by_hand
    assert leaf.open_body(S0, by_hand) == (SALT, BODY)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(DISCLOSURE.replace(b",", b", ", 1), id="a space"),
        pytest.param(DISCLOSURE + b"\n", id="a newline"),
        pytest.param(DISCLOSURE.replace(b'"v":1', b'"v":2'), id="another version"),
        pytest.param(DISCLOSURE.replace(b'"v":1,', b""), id="no version"),
        pytest.param(DISCLOSURE.replace(b'"disclosure"', b'"note"'), id="another type"),
        pytest.param(DISCLOSURE.replace(b"03:00:00Z", b"12:00:00+09:00"), id="another zone"),
        pytest.param(DISCLOSURE.replace(b"00Z", b"00Z\\n"), id="a time and a newline"),
        pytest.param(DISCLOSURE.replace(b"7472186f", b"7472186F"), id="a label in capitals"),
        pytest.param(DISCLOSURE.replace(b"7472186f", b"zz72186f"), id="a label that is no hex"),
        pytest.param(
            DISCLOSURE.replace(b'["7472186f9993fedb3b1a24fd9def87e8"]', b"[]"), id="no label"
        ),
        pytest.param(DISCLOSURE.replace(b'"count":1', b'"count":0'), id="about nobody"),
        pytest.param(DISCLOSURE.replace(b"3ca722", b"3ca72"), id="a short commitment"),
        pytest.param(DISCLOSURE.replace(b'"inquiry":null', b'"inquiry":-1'), id="index -1"),
        pytest.param(DISCLOSURE.replace(b"}", b',"name":"x"}'), id="a field more"),
        pytest.param(DISCLOSURE.replace(b'"v":1', b'"v":1,"v":1'), id="a field twice"),
        pytest.param(DISCLOSURE.replace(b"pension", b"pensio\xff"), id="no UTF-8"),
        pytest.param(DISCLOSURE.replace(b"pension", b"\\u0070ension"), id="an escape"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"{}", id="an empty object"),
    ],
)
def test_what_is_not_written_the_one_way_is_no_leaf(wrong):
    with pytest.raises(Malformed, match="leaf: "):
        leaf.decode(wrong)


@given(st.data())
def test_a_changed_byte_is_refused_or_another_leaf(data):
    content = bytearray(DISCLOSURE)
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    with suppress(Malformed):
        assert leaf.encode(leaf.decode(bytes(content))) == content


@given(st.binary(max_size=leaf.BODY_TEXT_MAX), st.binary(min_size=32, max_size=32))
def test_every_sealed_body_has_one_size_and_opens_with_its_state(body, state):
    sealed = leaf.seal_body(state, SALT, body)
    assert len(sealed) == leaf.BODY_BYTES
    assert leaf.open_body(state, sealed) == (SALT, body)


def test_a_body_that_is_longer_than_the_longest_is_refused():
    with pytest.raises(Malformed):
        leaf.seal_body(S0, SALT, bytes(leaf.BODY_TEXT_MAX + 1))


@given(st.integers(0, leaf.BODY_BYTES * 8 - 1))
def test_a_sealed_body_with_a_changed_bit_does_not_open(bit):
    sealed = bytearray(leaf.seal_body(S0, SALT, BODY))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        leaf.open_body(S0, bytes(sealed))


def test_a_sealed_body_does_not_open_with_the_state_before_or_after():
    second = ratchet.next_state(S0)
    sealed = leaf.seal_body(second, SALT, BODY)
    for state in (S0, ratchet.next_state(second)):
        with pytest.raises(Damaged):
            leaf.open_body(state, sealed)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"agency":1}', BODY[:-1]])
def test_what_is_no_body_is_damaged(content):
    with pytest.raises(Damaged, match="body: "):
        leaf.decode_body(content)


@pytest.mark.parametrize(
    ("receiver", "row", "shown"),
    [
        pytest.param("pension", "1-73", ("pension", "1-73"), id="a national agency, in full"),
        pytest.param(
            "town-welfare", "2-3", ("municipal/13", "table 2"), id="a town, by prefecture and table"
        ),
        pytest.param(
            "prefecture", "5-10", ("municipal/13", "table 5"), id="a prefecture, the same way"
        ),
    ],
)
def test_the_public_sees_a_local_asker_by_prefecture_and_table(receiver, row, shown):
    assert leaf.public_asker(load().receivers[receiver], "13", row) == shown


def test_items_are_named_in_alphabetical_order():
    assert leaf.item_names(Item) == ("address", "birth_date", "name", "sex")


@pytest.mark.parametrize(
    "time",
    [
        NOON,
        NOON.astimezone(UTC),
        NOON + timedelta(microseconds=999_999),
    ],
)
def test_a_leaf_has_the_time_in_utc_and_whole_seconds(time: datetime):
    assert leaf.leaf_time(time) == "2026-04-01T03:00:00Z"


def test_a_body_shows_nothing_of_itself():
    assert repr(leaf.decode_body(BODY)) == "<Body>"
