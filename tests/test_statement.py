"""The statement: complete, proved, and of what follows alone."""

from datetime import date

import pytest
from msgspec.structs import replace
from tests.nation import Nation, search
from tests.support import CHIYODA, SAPPORO_CHUO, entrant, name

from jukinet.client.mirror import Mirror
from jukinet.client.statement import ViewKey, parse_view_key, statement
from jukinet.errors import Damaged, JukinetError, Malformed, Refused
from jukinet.keys import ratchet
from jukinet.keys.sign import SigningKey
from jukinet.law import leaf as leaves
from jukinet.law.inquiry import ByHandle
from jukinet.merkle import proof
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.tiles import ENTRIES, Tile, decode_bundle, encode_bundle

ASKED = 5


@pytest.fixture(scope="module")
def base():
    """Somebody who was asked about five times, among others who were."""
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension", "tax", "town-welfare"))
    (person,) = nation.enter(CHIYODA)
    (other,) = nation.enter(CHIYODA, entrant(name=name("佐藤 太郎")))
    mine, theirs = (search(nation.record(CHIYODA, one)) for one in (person, other))
    first = nation.ask("pension", "1-73", "items", mine, official="A-1").content
    nation.ask("tax", "1-40", "standing", theirs)
    nation.ask("pension", "1-73", "standing", ByHandle(handle=first.handle), official="A-2")
    nation.ask("tax", "1-999", "standing", mine)
    nation.ask("tax", "1-40", "standing", mine, official="B-1")
    nation.ask("town-welfare", "2-3", "standing", mine, official="C-1")
    nation.ask("pension", "1-73", "changes", mine, official="A-3", since=date(2026, 1, 1))
    nation.ask("tax", "1-40", "standing", search(nation.record(CHIYODA, other), place=SAPPORO_CHUO))
    return nation, person, other


def files(nation):
    """The public files and the bodies, as a mirror copies them."""
    return {path: nation.disk.read(path) for path in nation.disk.names}


def read(found, **changed):
    content = {**found, **changed}
    return Mirror(content.get)


# --- what it shows -------------------------------------------------------------------------------


def test_a_statement_lists_everything_that_was_asked_and_nothing_else(base):
    nation, person, _ = base
    found = statement(nation.view_key(CHIYODA, person), nation.mirror())
    assert [entry.place for entry in found.entries] == [*range(ASKED)]
    assert [(e.body.agency, e.body.official, e.body.row, e.body.kind) for e in found.entries] == [
        ("pension", "A-1", "1-73", "items"),
        ("pension", "A-2", "1-73", "standing"),
        ("tax", "B-1", "1-40", "standing"),
        ("town-welfare", "C-1", "2-3", "standing"),
        ("pension", "A-3", "1-73", "changes"),
    ]
    assert found.size == nation.centre.ledger.log.size
    assert found.root == nation.centre.ledger.log.root


def test_the_public_leaf_says_less_than_the_body(base):
    nation, person, _ = base
    welfare = statement(nation.view_key(CHIYODA, person), nation.mirror()).entries[3]
    assert (welfare.leaf.agency, welfare.leaf.row) == ("municipal/13", "table 2")
    assert (welfare.body.agency, welfare.body.row) == ("town-welfare", "2-3")
    assert welfare.body.affair == "municipalities of other prefectures: child allowance"


def test_each_entry_can_be_proved_to_somebody_else(base):
    nation, person, _ = base
    log = VerifierKey.parse(nation.directory.log)
    for entry in statement(nation.view_key(CHIYODA, person), nation.mirror()).entries:
        shown = proof.parse(entry.proof)
        assert shown.index == entry.leaf_index
        shown.verify(leaves.encode(entry.leaf), log=log)


def test_another_persons_statement_shows_another_persons(base):
    nation, _, other = base
    found = statement(nation.view_key(CHIYODA, other), nation.mirror())
    assert [(entry.body.agency, entry.body.row) for entry in found.entries] == [("tax", "1-40")]


def test_whoever_was_never_asked_about_has_an_empty_statement(base):
    nation = base[0].copy()
    (third,) = nation.enter(CHIYODA, entrant(name=name("誰 でもない")))
    assert statement(nation.view_key(CHIYODA, third), nation.mirror()).entries == ()


def test_a_log_in_which_nobody_has_asked_yet_has_an_empty_statement():
    nation = Nation((CHIYODA,), ("tax",))
    (person,) = nation.enter(CHIYODA)
    found = statement(nation.view_key(CHIYODA, person), nation.mirror())
    assert (found.size, found.entries) == (nation.centre.ledger.log.size, ())
    assert found.complete


# --- what a view key opens -----------------------------------------------------------------------


def later(key: ViewKey, steps: int) -> ViewKey:
    state = bytes.fromhex(key.state)
    for _ in range(steps):
        state = ratchet.next_state(state)
    return replace(key, place=key.place + steps, state=state.hex())


@pytest.mark.parametrize("steps", range(ASKED + 1))
def test_a_view_key_of_a_later_place_shows_only_what_follows(base, steps):
    nation, person, _ = base
    key = nation.view_key(CHIYODA, person)
    whole = statement(key, nation.mirror()).entries
    assert statement(later(key, steps), nation.mirror()).entries == whole[steps:]


def test_after_a_support_measure_the_old_view_key_shows_nothing_new(base):
    """Whoever was given it before, and from whom the person now hides."""
    nation, person, _ = base
    nation = nation.copy()
    old = nation.view_key(CHIYODA, person)
    record = nation.record(CHIYODA, person)
    nation.hide(CHIYODA, person)
    nation.ask("tax", "1-40", "standing", search(record))
    new = nation.view_key(CHIYODA, person)
    assert new.epoch == old.epoch + 1
    assert len(statement(old, nation.mirror()).entries) == ASKED
    (entry,) = statement(new, nation.mirror()).entries
    assert (entry.place, entry.body.agency) == (0, "tax")


def test_a_move_changes_no_chain(base):
    nation, person, _ = base
    nation = nation.copy()
    old = nation.view_key(CHIYODA, person)
    there = nation.move(person, CHIYODA, SAPPORO_CHUO)
    nation.ask("tax", "1-40", "standing", search(nation.record(SAPPORO_CHUO, there)))
    assert nation.view_key(SAPPORO_CHUO, there) == old
    assert len(statement(old, nation.mirror()).entries) == ASKED + 1


def test_a_view_key_is_read_as_it_was_written(base):
    nation, person, _ = base
    key = nation.view_key(CHIYODA, person)
    assert parse_view_key(key.encode()) == key
    assert repr(key) == "<ViewKey>"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda key: b"",
        lambda key: b"{}",
        lambda key: b"\xff\xfe",
        lambda key: key.encode()[:-10],
        lambda key: replace(key, state=key.state[:-2]).encode(),
        lambda key: replace(key, state="zz" + key.state[2:]).encode(),
        lambda key: replace(key, log="example.org").encode(),
    ],
    ids=["empty", "object", "no text", "cut off", "short", "no hex", "no log"],
)
def test_a_file_that_is_no_view_key_is_refused(base, wrong):
    nation, person, _ = base
    with pytest.raises(Malformed, match="view key: this file is not one"):
        parse_view_key(wrong(nation.view_key(CHIYODA, person)))


def test_a_view_key_of_another_log_opens_nothing(base):
    nation, person, _ = base
    other = VerifierKey(nation.directory.origin, SigningKey(bytes(32)).public_bytes)
    key = replace(nation.view_key(CHIYODA, person), log=str(other))
    with pytest.raises(Refused):
        statement(key, nation.mirror())


# --- bodies --------------------------------------------------------------------------------------


def test_a_deleted_body_shows_as_deleted_and_its_leaf_stays(base):
    nation, person, _ = base
    nation = nation.copy()
    key = nation.view_key(CHIYODA, person)
    index = statement(key, nation.mirror()).entries[1].leaf_index
    nation.centre.ledger.log.erase_body(index)
    entries = statement(key, nation.mirror()).entries
    assert [entry.body is None for entry in entries] == [False, True, False, False, False]
    assert not any(entry.altered for entry in entries)
    assert entries[1].leaf.agency == "pension"


def test_a_body_that_a_mirror_has_altered_shows_as_altered(base):
    nation, person, _ = base
    found = files(nation)
    key = nation.view_key(CHIYODA, person)
    index = statement(key, nation.mirror()).entries[1].leaf_index
    content = bytearray(found["bodies/000"])
    content[index * 512 + 100] ^= 1
    entry = statement(key, read(found, **{"bodies/000": bytes(content)})).entries[1]
    assert (entry.body, entry.altered) == (None, True)


def test_a_body_in_another_place_shows_as_altered(base):
    nation, person, _ = base
    found = files(nation)
    key = nation.view_key(CHIYODA, person)
    first, second = (e.leaf_index for e in statement(key, nation.mirror()).entries[:2])
    content = bytearray(found["bodies/000"])
    content[second * 512 : second * 512 + 512] = content[first * 512 : first * 512 + 512]
    entry = statement(key, read(found, **{"bodies/000": bytes(content)})).entries[1]
    assert (entry.body, entry.altered) == (None, True)


def test_a_body_that_its_leaf_does_not_commit_to_shows_as_altered(base):
    """The writer itself put another body beside the leaf: it opens, and is not the one."""
    nation, person, _ = base
    nation = nation.copy()
    key = nation.view_key(CHIYODA, person)
    last = statement(key, nation.mirror()).entries[-1]
    state = bytes.fromhex(later(key, ASKED).state)
    forged = leaves.seal_body(state, bytes(32), last.body.encode())
    leaf = replace(last.leaf, labels=(ratchet.label(state).hex(),))
    nation.centre.ledger.log.append([leaves.encode(leaf)], [forged])
    entry = statement(key, nation.mirror()).entries[-1]
    assert (entry.place, entry.body, entry.altered) == (ASKED, None, True)


def test_a_mirror_without_bodies_shows_the_leaves(base):
    nation, person, _ = base
    found = {path: content for path, content in files(nation).items() if "bodies" not in path}
    entries = statement(nation.view_key(CHIYODA, person), read(found)).entries
    assert [entry.body for entry in entries] == [None] * ASKED


# --- a mirror that lies --------------------------------------------------------------------------


def bundle_of(nation):
    size = nation.centre.ledger.log.size
    return Tile(ENTRIES, 0, size).path, size


def test_a_mirror_that_leaves_out_one_of_my_entries_is_found_out(base):
    """Another leaf stands in its place, and every file is well formed."""
    nation, person, _ = base
    found = files(nation)
    key = nation.view_key(CHIYODA, person)
    path, size = bundle_of(nation)
    entries = decode_bundle(found[path], width=size)
    index = statement(key, nation.mirror()).entries[2].leaf_index
    entries[index] = entries[index - 1]
    lying = read(found, **{path: encode_bundle(entries)})
    with pytest.raises(Damaged, match=f"{path}: entry {index} is not the one"):
        statement(key, lying)
    with pytest.raises(Damaged, match="entries that its checkpoint signs"):
        statement(key, lying, whole=True)


def test_a_mirror_that_changes_somebody_elses_entry_is_found_out_by_me(base):
    nation, person, _ = base
    found = files(nation)
    key = nation.view_key(CHIYODA, person)
    mine = {entry.leaf_index for entry in statement(key, nation.mirror()).entries}
    path, size = bundle_of(nation)
    entries = decode_bundle(found[path], width=size)
    other = next(n for n in range(size) if n not in mine and b'"tax"' in entries[n])
    entries[other] = entries[other].replace(b"tax", b"tix")
    with pytest.raises(Damaged):
        statement(key, read(found, **{path: encode_bundle(entries)}))


def test_a_mirror_that_changes_the_order_is_found_out(base):
    nation, person, _ = base
    found = files(nation)
    path, size = bundle_of(nation)
    entries = decode_bundle(found[path], width=size)
    entries[0], entries[1] = entries[1], entries[0]
    with pytest.raises(Damaged):
        statement(nation.view_key(CHIYODA, person), read(found, **{path: encode_bundle(entries)}))


def test_a_mirror_with_an_older_checkpoint_is_believed_for_its_size(base):
    nation = base[0].copy()
    older = files(nation)
    record = nation.record(CHIYODA, base[1])
    nation.ask("tax", "1-40", "standing", search(record))
    key = nation.view_key(CHIYODA, base[1])
    assert len(statement(key, read(older)).entries) == ASKED
    newer = statement(key, nation.mirror())
    assert len(newer.entries) == ASKED + 1
    assert newer.size == statement(key, read(older)).size + 1, "the size says how far it goes"


@pytest.mark.parametrize("what", ["missing", "empty", "cut off", "one bit"])
def test_a_mirror_that_lacks_or_changes_any_file_is_found_out_or_not_needed(base, what):
    """For every file: the statement is the same, or an error; never a shorter one."""
    nation, person, _ = base
    found = files(nation)
    key = nation.view_key(CHIYODA, person)
    whole = statement(key, nation.mirror())
    noticed = set()
    for path, content in found.items():
        changed = dict(found)
        if what == "missing":
            del changed[path]
        else:
            flipped = bytes([content[0] ^ 1]) + content[1:] if content else b"\x01"
            new = {"empty": b"", "cut off": content[:-1], "one bit": flipped}[what]
            changed[path] = new
        try:
            got = statement(key, Mirror(changed.get))
        except JukinetError:
            noticed.add(path)
            continue
        leaves_of = [[(e.place, e.leaf_index, e.leaf) for e in s.entries] for s in (got, whole)]
        assert leaves_of[0] == leaves_of[1], path
    path, size = bundle_of(nation)
    assert {"checkpoint", path, Tile(0, 0, size).path} <= noticed


def test_a_label_that_stands_twice_shows_twice(base):
    """A log that used a label again could hide one disclosure behind another."""
    nation, person, _ = base
    nation = nation.copy()
    log = nation.centre.ledger.log
    key = nation.view_key(CHIYODA, person)
    first = statement(key, nation.mirror()).entries[0]
    log.append([leaves.encode(first.leaf)], [None])
    entries = statement(key, nation.mirror()).entries
    assert [entry.place for entry in entries] == [0, 0, 1, 2, 3, 4]
    assert [entry.leaf_index for entry in entries[:2]] == [first.leaf_index, log.size - 1]
