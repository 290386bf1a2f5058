"""Tiles: the names and contents of C2SP tlog-tiles, and proofs read from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed
from jukinet.merkle import tiles, tree
from jukinet.merkle.tiles import ENTRIES, Tile, TileTree
from jukinet.merkle.tree import leaf_hash


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        pytest.param(Tile(0, 0), "tile/0/000", id="the first"),
        pytest.param(Tile(0, 1234067), "tile/0/x001/x234/067", id="the specification's example"),
        pytest.param(Tile(63, 999, 255), "tile/63/999.p/255", id="the highest level, partial"),
        pytest.param(Tile(1, 1000, 1), "tile/1/x001/000.p/1", id="a partial one in a group"),
        pytest.param(Tile(ENTRIES, 1000000), "tile/entries/x001/x000/000", id="an entry bundle"),
    ],
)
def test_a_tile_has_one_path_and_a_path_one_tile(tile, path):
    assert tile.path == path
    assert tiles.parse_path(path) == tile


@given(st.integers(-1, 63), st.integers(0, 2**63 - 1), st.integers(1, 256))
def test_any_tile_is_found_again_from_its_path(level, index, width):
    tile = Tile(level, index, width)
    assert tiles.parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/data/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/1/",
        "tile/0/../000",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/000\n",
        "tile/entries/" + "x999/" * 7 + "000",
        "bodies/000",
    ],
)
def test_no_other_spelling_is_a_tile(path):
    with pytest.raises(Malformed):
        tiles.parse_path(path)


@pytest.mark.parametrize(
    ("level", "index", "width"), [(-2, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)]
)
def test_no_tile_outside_the_ranges(level, index, width):
    with pytest.raises(Malformed):
        Tile(level, index, width)


def test_seventy_thousand_leaves_have_the_tiles_of_the_specifications_example():
    found = tiles.new_tiles(0, 70_000)
    assert sum(tile.level == 0 and not tile.partial for tile in found) == 273
    assert sum(tile.level == 1 and not tile.partial for tile in found) == 1
    assert tiles.open_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert [tile for tile in found if tile.partial] == tiles.open_tiles(70_000)


def test_256_leaves_have_a_full_tile_and_a_partial_one_above():
    assert tiles.new_tiles(0, 256) == [Tile(0, 0), Tile(1, 0, 1)]


@given(st.integers(0, 200_000), st.integers(0, 70_000))
def test_new_tiles_are_those_that_only_the_larger_tree_has(old, added):
    new = old + added
    held = set(tiles.new_tiles(0, old))
    assert set(tiles.new_tiles(old, new)) == set(tiles.new_tiles(0, new)) - held
    bundles = [tile.index for tile in tiles.new_tiles(old, new) if tile.level == 0]
    assert [tile.index for tile in tiles.new_bundles(old, new)] == bundles


@pytest.mark.parametrize("made", [tiles.new_tiles, tiles.new_bundles])
@pytest.mark.parametrize(("old", "new"), [(1, 0), (-1, 1), (0, 2**63)])
def test_a_log_does_not_shrink(made, old, new):
    with pytest.raises(Malformed):
        made(old, new)


@given(st.lists(st.binary(max_size=400), max_size=256))
def test_a_bundle_gives_back_its_entries(entries):
    assert tiles.decode_bundle(tiles.encode_bundle(entries), width=len(entries)) == entries


def test_a_bundle_is_two_bytes_of_length_and_the_entry():
    assert tiles.encode_bundle([b"", b"ab"]) == bytes.fromhex("000000026162")


@pytest.mark.parametrize(
    ("bundle", "width"),
    [
        pytest.param("00", 1, id="half a length"),
        pytest.param("0001", 1, id="a length and no entry"),
        pytest.param("000161", 2, id="too few entries"),
        pytest.param("000161000162", 1, id="too many entries"),
        pytest.param("", 1, id="nothing"),
        pytest.param("00016100", 1, id="a stray byte"),
    ],
)
def test_a_torn_bundle_is_malformed(bundle, width):
    with pytest.raises(Malformed):
        tiles.decode_bundle(bytes.fromhex(bundle), width=width)


def test_an_entry_of_65536_bytes_does_not_fit():
    assert len(tiles.encode_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(Malformed):
        tiles.encode_bundle([bytes(65_536)])


def test_257_entries_do_not_fit():
    with pytest.raises(Malformed):
        tiles.encode_bundle([b""] * 257)


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(63), bytes(96)])
def test_a_tile_of_another_length_is_malformed(content):
    with pytest.raises(Malformed):
        tiles.decode_hashes(content, width=2)


def many(count):
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


class Shelf(dict):
    """Tiles by path; remembers which were asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def put(self, changed):
        for tile, content in changed:
            self[tile.path] = content

    def __call__(self, tile):
        self.asked.append(tile.path)
        return self[tile.path]


def test_a_growing_tree_writes_the_new_tiles_and_no_others():
    growing = TileTree(Shelf())
    leaves = many(1_000)
    at = 0
    for step in (0, 1, 254, 1, 1, 255, 300, 188):
        changed = growing.grow(leaves[at : at + step])
        assert [tile for tile, _ in changed] == tiles.new_tiles(at, at + step)
        for tile, content in changed:
            span = 256**tile.level
            first = tile.index * 256 * span
            wanted = [
                tree.root_of(leaves[first + k * span : first + (k + 1) * span])
                for k in range(tile.width)
            ]
            assert tiles.decode_hashes(content, width=tile.width) == wanted
        at += step
        assert growing.size == at
        assert tree.root(at, growing) == tree.root_of(leaves[:at])


def test_a_tree_opened_from_its_tiles_proves_what_the_growing_one_does():
    shelf = Shelf()
    growing = TileTree(shelf)
    leaves = many(70_000)
    for begin in range(0, 70_000, 700):
        shelf.put(growing.grow(leaves[begin : begin + 700]))
    opened = TileTree.at(70_000, shelf, cache_tiles=2)
    root = tree.root_of(leaves)
    assert tree.root(70_000, opened) == root
    for index in (0, 1, 255, 256, 65_535, 65_536, 69_888, 69_999):
        proof = tree.inclusion(index=index, size=70_000, nodes=opened)
        assert proof == tree.inclusion(index=index, size=70_000, nodes=growing)
        tree.verify_inclusion(leaves[index], index=index, size=70_000, proof=proof, root=root)
    for old in (1, 255, 256, 65_536, 69_999):
        proof = tree.consistency(old_size=old, new_size=70_000, nodes=opened)
        tree.verify_consistency(
            old_size=old,
            old_root=tree.root_of(leaves[:old]),
            new_size=70_000,
            new_root=root,
            proof=proof,
        )


def test_an_opened_tree_goes_on_growing():
    shelf = Shelf()
    leaves = many(70_000)
    first = TileTree(shelf)
    shelf.put(first.grow(leaves[:65_530]))
    opened = TileTree.at(65_530, shelf)
    shelf.put(opened.grow(leaves[65_530:]))
    assert tree.root(70_000, opened) == tree.root_of(leaves)
    assert tree.root(70_000, TileTree.at(70_000, shelf)) == tree.root_of(leaves)


def test_full_tiles_stay_in_memory_and_the_open_ones_are_never_asked_for():
    shelf = Shelf()
    shelf.put(TileTree(shelf).grow(many(600)))
    opened = TileTree.at(600, shelf)
    shelf.asked.clear()
    for _ in range(3):
        tree.inclusion(index=599, size=600, nodes=opened)
        tree.inclusion(index=3, size=600, nodes=opened)
    assert shelf.asked == ["tile/0/000"]


def test_a_tree_is_not_opened_from_a_short_tile():
    with pytest.raises(Malformed):
        TileTree.at(3, lambda tile: bytes(64))
