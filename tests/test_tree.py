"""Merkle trees: values of the Certificate Transparency reference tree, and a naive tree beside."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed, OutOfStep
from jukinet.merkle import tree
from jukinet.merkle.tree import Edge, leaf_hash

# The eight entries and the roots of the first 0 to 8 of them, as the reference implementation of
# Certificate Transparency publishes them for RFC 6962.
ENTRIES = [
    bytes.fromhex(digits)
    for digits in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def naive_root(leaves):
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m, leaves):
    """RFC 6962, section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(m, leaves, whole=True):
    """RFC 6962, section 2.1.2, word for word."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*naive_proof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_proof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def split(size):
    """The largest power of two smaller than size."""
    return 1 << (size - 1).bit_length() - 1


def nodes_of(leaves):
    """A reader of the nodes over these leaves, which refuses incomplete ones."""

    def nodes(level, index):
        part = leaves[index << level : (index + 1) << level]
        assert len(part) == 1 << level, "an incomplete node was asked for"
        return naive_root(part)

    return nodes


def many(count):
    return [leaf_hash(number.to_bytes(2, "big")) for number in range(count)]


@pytest.mark.parametrize("size", range(9))
def test_the_reference_tree_has_the_published_roots(size):
    assert tree.root_of(LEAVES[:size]).hex() == ROOTS[size]
    assert tree.root(size, nodes_of(LEAVES)).hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "proof"),
    [
        pytest.param(0, 1, [], id="the only leaf"),
        pytest.param(
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
            id="first of eight",
        ),
        pytest.param(
            5,
            8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
            id="sixth of eight",
        ),
        pytest.param(
            2,
            3,
            ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
            id="the odd one",
        ),
        pytest.param(
            1,
            5,
            [
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
            id="beside a ragged end",
        ),
    ],
)
def test_inclusion_in_the_reference_tree_has_the_published_proof(index, size, proof):
    made = tree.inclusion(index=index, size=size, nodes=nodes_of(LEAVES))
    assert [one.hex() for one in made] == proof
    root = bytes.fromhex(ROOTS[size])
    tree.verify_inclusion(LEAVES[index], index=index, size=size, proof=made, root=root)


def test_consistency_in_the_reference_tree_has_the_published_proof():
    made = tree.consistency(old_size=1, new_size=8, nodes=nodes_of(LEAVES))
    assert [one.hex() for one in made] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_every_inclusion_proof_up_to_forty_leaves_is_the_one_of_the_rfc():
    leaves = many(40)
    for size in range(1, 41):
        root = naive_root(leaves[:size])
        for index in range(size):
            proof = tree.inclusion(index=index, size=size, nodes=nodes_of(leaves))
            assert proof == naive_path(index, leaves[:size])
            tree.verify_inclusion(leaves[index], index=index, size=size, proof=proof, root=root)


def test_every_consistency_proof_up_to_forty_leaves_is_the_one_of_the_rfc():
    leaves = many(40)
    roots = [naive_root(leaves[:size]) for size in range(41)]
    for new in range(1, 41):
        for old in range(1, new + 1):
            proof = tree.consistency(old_size=old, new_size=new, nodes=nodes_of(leaves))
            assert proof == naive_proof(old, leaves[:new])
            tree.verify_consistency(
                old_size=old, old_root=roots[old], new_size=new, new_root=roots[new], proof=proof
            )


sizes = st.integers(min_value=1, max_value=600)


@given(sizes, st.data())
def test_no_other_index_size_leaf_or_root_passes_with_a_good_inclusion_proof(size, choice):
    leaves = many(size)
    index = choice.draw(st.integers(0, size - 1))
    proof = naive_path(index, leaves)
    root = naive_root(leaves)
    good = {"leaf": leaves[index], "index": index, "size": size, "proof": proof, "root": root}
    wrong = choice.draw(
        st.one_of(
            st.integers(0, size + 5).filter(lambda i: i != index).map(lambda i: {"index": i}),
            st.binary(min_size=32, max_size=32).map(lambda b: {"leaf": b}),
            st.binary(min_size=32, max_size=32).map(lambda b: {"root": b}),
            st.just({"proof": [*proof, proof[0] if proof else root]}),
            st.just({"proof": proof[:-1] if proof else [root]}),
        )
    )
    with pytest.raises((Malformed, OutOfStep)):
        verify(**{**good, **wrong})


@given(sizes, st.data())
def test_a_single_flipped_bit_in_an_inclusion_proof_is_noticed(size, choice):
    leaves = many(size)
    index = choice.draw(st.integers(0, size - 1))
    proof = naive_path(index, leaves)
    if not proof:
        return
    at = choice.draw(st.integers(0, len(proof) - 1))
    proof[at] = flipped(proof[at], choice.draw(st.integers(0, 255)))
    with pytest.raises(OutOfStep):
        verify(leaf=leaves[index], index=index, size=size, proof=proof, root=naive_root(leaves))


@given(sizes, st.data())
def test_a_log_that_changed_an_old_leaf_cannot_prove_that_it_only_grew(new, choice):
    old = choice.draw(st.integers(1, new))
    leaves = many(new)
    old_root = naive_root(leaves[:old])
    at = choice.draw(st.integers(0, old - 1))
    leaves[at] = flipped(leaves[at], choice.draw(st.integers(0, 255)))
    proof = tree.consistency(old_size=old, new_size=new, nodes=nodes_of(leaves))
    with pytest.raises(OutOfStep):
        tree.verify_consistency(
            old_size=old,
            old_root=old_root,
            new_size=new,
            new_root=naive_root(leaves),
            proof=proof,
        )


@given(sizes, st.data())
def test_a_single_flipped_bit_in_a_consistency_proof_is_noticed(new, choice):
    old = choice.draw(st.integers(1, new))
    leaves = many(new)
    proof = naive_proof(old, leaves)
    if not proof:
        return
    at = choice.draw(st.integers(0, len(proof) - 1))
    proof[at] = flipped(proof[at], choice.draw(st.integers(0, 255)))
    with pytest.raises(OutOfStep):
        tree.verify_consistency(
            old_size=old,
            old_root=naive_root(leaves[:old]),
            new_size=new,
            new_root=naive_root(leaves),
            proof=proof,
        )


HASH = bytes(32)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"size": 0}, id="no leaves"),
        pytest.param({"size": -1}, id="a negative size"),
        pytest.param({"size": 2**63}, id="a size that no checkpoint can carry"),
        pytest.param({"index": -1}, id="a negative index"),
        pytest.param({"index": 3}, id="an index beyond the end"),
        pytest.param({"proof": [HASH]}, id="too few hashes"),
        pytest.param({"proof": [HASH] * 3}, id="too many hashes"),
        pytest.param({"proof": [HASH, HASH[1:]]}, id="a short hash"),
        pytest.param({"proof": [HASH, HASH + b"x"]}, id="a long hash"),
        pytest.param({"leaf": b""}, id="no leaf"),
        pytest.param({"root": HASH[1:]}, id="a short root"),
    ],
)
def test_an_impossible_inclusion_proof_is_malformed(change):
    good = {"leaf": HASH, "index": 1, "size": 3, "proof": [HASH, HASH], "root": HASH}
    with pytest.raises(Malformed):
        verify(**{**good, **change})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"old_size": 0}, id="from nothing"),
        pytest.param({"old_size": -1}, id="a negative size"),
        pytest.param({"old_size": 8}, id="a log that shrank"),
        pytest.param({"new_size": 2**63}, id="a size that no checkpoint can carry"),
        pytest.param({"proof": []}, id="no hashes"),
        pytest.param({"proof": [HASH] * 5}, id="too many hashes"),
        pytest.param({"proof": [HASH, HASH, HASH, b""]}, id="an empty hash"),
        pytest.param({"old_root": b"", "proof": [HASH] * 4}, id="no old root"),
        pytest.param({"new_root": HASH * 2}, id="a long new root"),
        pytest.param({"old_size": 7, "proof": [HASH]}, id="hashes between equal sizes"),
    ],
)
def test_an_impossible_consistency_proof_is_malformed(change):
    good = {
        "old_size": 3,
        "old_root": HASH,
        "new_size": 7,
        "new_root": HASH,
        "proof": [HASH] * 4,
    }
    with pytest.raises(Malformed):
        tree.verify_consistency(**{**good, **change})


def test_equal_sizes_with_different_roots_are_out_of_step():
    roots = {"old_root": HASH, "new_root": leaf_hash(b"")}
    with pytest.raises(OutOfStep):
        tree.verify_consistency(old_size=3, new_size=3, proof=[], **roots)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3), (0, -1)])
def test_no_proof_is_made_of_a_leaf_that_is_not_there(index, size):
    with pytest.raises(Malformed):
        tree.inclusion(index=index, size=size, nodes=nodes_of(LEAVES))


@pytest.mark.parametrize(("old", "new"), [(0, 3), (-1, 3), (4, 3)])
def test_no_proof_is_made_between_impossible_sizes(old, new):
    with pytest.raises(Malformed):
        tree.consistency(old_size=old, new_size=new, nodes=nodes_of(LEAVES))


@given(st.integers(0, 600), st.integers(0, 600))
def test_an_edge_goes_on_from_its_hashes_alone(before, after):
    leaves = many(before + after)
    edge = Edge()
    edge.extend(leaves[:before])
    kept = Edge(edge.size, edge.hashes)
    kept.extend(leaves[before:])
    assert (kept.size, kept.root) == (before + after, naive_root(leaves))


@pytest.mark.parametrize(
    ("size", "hashes"),
    [
        pytest.param(3, [HASH], id="too few hashes"),
        pytest.param(4, [HASH, HASH], id="too many hashes"),
        pytest.param(1, [HASH[1:]], id="a short hash"),
        pytest.param(-1, [], id="a negative size"),
    ],
)
def test_an_edge_needs_one_hash_for_each_subtree(size, hashes):
    with pytest.raises(Malformed):
        Edge(size, hashes)


def verify(*, leaf, **rest):
    tree.verify_inclusion(leaf, **rest)


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    return bytes(changed)
