"""Policies: the specification's example, what is no policy, and who is enough to open a checkpoint."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.test_note import LOG, WITNESSED, WITNESSES

from jukinet.errors import Malformed, Refused
from jukinet.keys.sign import LatticeKey, SigningKey
from jukinet.merkle import note, policy
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.note import COSIGNATURE_V1, ED25519, SUBTREE_V1, Note, VerifierKey
from jukinet.merkle.policy import EACH_MAX, Group, Log, Policy, Witness, m_of_n

ORIGIN = "example.org/log"
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(32))


def pen(name):
    return SigningKey(sha256(name.encode()).digest())


def key_of(name, kind=COSIGNATURE_V1):
    return VerifierKey(name, pen(name).public_bytes, kind)


LOG_KEY = key_of(ORIGIN, ED25519)
LATTICE = LatticeKey(bytes([9]) * 32)
LATTICE_KEY = VerifierKey("X1", LATTICE.public_bytes, SUBTREE_V1)
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")

# The example of tlog-policy, with keys in it.
EXAMPLE = f"""\
log {LOG_KEY}

witness X1 {key_of("X1")}
witness X2 {key_of("X2")}
witness X3 {key_of("X3")}
group X-witnesses 2 X1 X2 X3

witness Y1 {key_of("Y1")}
witness Y2 {key_of("Y2")}
witness Y3 {key_of("Y3")}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
example = policy.parse(EXAMPLE)


def by_log(text=CHECKPOINT.text, name=ORIGIN):
    return note.sign(text, name=name, key=pen(name))


def by(name, text=CHECKPOINT.text, at=1_700_000_000, key=None):
    return note.cosign(text, name=name, key=key or pen(name), time_seconds=at)


def signed(*lines, text=CHECKPOINT.text):
    return bytes(Note(text, lines))


# --- reading -------------------------------------------------------------------------------------


def test_the_example_of_the_specification_is_read():
    assert [log.key for log in example.logs] == [LOG_KEY]
    assert tuple(witness.name for witness in example.witnesses) == NAMES
    assert example.groups == (
        Group("X-witnesses", 2, ("X1", "X2", "X3")),
        Group("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
        Group("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
    )
    assert example.quorum == "X-and-Y"


@pytest.mark.parametrize(
    ("names", "met"),
    [
        pytest.param(("X1", "X2", "Y3"), True, id="two and one"),
        pytest.param(NAMES, True, id="all"),
        pytest.param(("X1", "X2", "X3"), False, id="one group only"),
        pytest.param(("X1", "Y1", "Y2", "Y3"), False, id="one too few in a group"),
        pytest.param(("X1", "X1", "Y1"), False, id="one witness twice"),
        pytest.param(("X-and-Y",), False, id="the name of a group"),
        pytest.param(("X1", "Z", "Y1"), False, id="a stranger"),
        pytest.param((), False, id="nobody"),
    ],
)
def test_a_quorum_is_met_by_members_enough_of_each_group(names, met):
    assert example.met_by(names) is met


def test_a_policy_may_want_nobody_and_know_nobody():
    found = policy.parse("quorum none\n")
    assert found == Policy("none")
    assert found.met_by([])


def test_a_policy_may_want_one_witness_by_name():
    found = policy.parse(f"witness w {key_of('a/b')}\nquorum w\n")
    assert found.met_by(["w"])
    assert not found.met_by(["a/b"])


def test_tabs_comments_spaces_and_empty_lines_say_nothing():
    text = f" \t# a comment é\n\n\tlog\t {LOG_KEY}  https://log.example/  \n  #\nquorum\tnone \n"
    assert policy.parse(text).logs == (Log(LOG_KEY, "https://log.example/"),)


def test_witnesses_and_logs_may_come_in_any_order_and_after_the_quorum():
    text = f"witness w {key_of('w')}\nquorum w\nlog {LOG_KEY}\nwitness v {key_of('v')}\n"
    assert len(policy.parse(text).witnesses) == 2


def test_names_are_octets_so_a_kelvin_sign_is_no_k():
    kelvin = "\u212a"
    text = (
        f"witness K {key_of('a')}\nwitness {kelvin} {key_of('b')}\ngroup g 2 K {kelvin}\nquorum g\n"
    )
    found = policy.parse(text.encode())
    assert not found.met_by(["K"])
    assert found.met_by(["K", kelvin])


def test_a_name_that_is_not_utf8_is_kept_as_it_is():
    text = b"witness \xff\xfe " + str(key_of("a")).encode() + b"\nquorum \xff\xfe\n"
    found = policy.parse(text)
    assert bytes(found) == text
    assert policy.parse(str(found)) == found
    assert found.met_by([found.witnesses[0].name])


def test_lattice_keys_are_known_too():
    found = policy.parse(f"witness X1 {LATTICE_KEY}\nquorum X1\n")
    assert found.witnesses[0].key.kind == SUBTREE_V1


def lines(*found):
    return "".join(f"{line}\n" for line in found)


A, B = f"witness A {key_of('A')}", f"witness B {key_of('B')}"
MALFORMED = [
    pytest.param("", "newline", id="nothing"),
    pytest.param("\n", "no quorum", id="an empty line"),
    pytest.param(A + "\n", "no quorum", id="no quorum"),
    pytest.param(lines(A, "quorum A").rstrip("\n"), "newline", id="a last line cut off"),
    pytest.param(lines(A, "quorum A", "quorum A"), "line 3: a second quorum", id="two quorums"),
    pytest.param(lines("quorum A", A), "line 1: name: 'A'", id="a quorum before its witness"),
    pytest.param(lines(A, "group g all A B", B, "quorum g"), "line 2: name: 'B'", id="a member later"),
    pytest.param(lines(A, "group g all g", "quorum g"), "'g'", id="a group in itself"),
    pytest.param(lines(A, "group g all none", "quorum g"), "'none'", id="none as a member"),
    pytest.param(lines(A, "group none all A", "quorum none"), "'none'", id="none as a name"),
    pytest.param(lines(A, "group A all A", "quorum A"), "'A' has a meaning", id="a name twice"),
    pytest.param(lines(A, "group g all A A", "quorum g"), "member already", id="a member twice"),
    pytest.param(
        lines(A, "group g all A", "group h all A", "quorum h"), "member already", id="in two groups"
    ),
    pytest.param(lines(A, "group g all", "quorum g"), "line 2: wants", id="no members"),
    pytest.param(lines(A, "group g 0 A", "quorum g"), "1 to 1", id="none of one"),
    pytest.param(lines(A, "group g 2 A", "quorum g"), "1 to 1", id="two of one"),
    pytest.param(lines(A, "group g 01 A", "quorum g"), "digits", id="a leading zero"),
    pytest.param(lines(A, "group g １ A", "quorum g"), "digits", id="a full-width digit"),
    pytest.param(lines(A, "group g some A", "quorum g"), "digits", id="some"),
    pytest.param(lines(A, "witness B " + A.split()[2], "quorum A"), "twice", id="a key twice"),
    pytest.param(
        lines(A, f"witness B {VerifierKey('b', pen('A').public_bytes, 4)}", "quorum A"),
        "twice",
        id="a key twice under two names",
    ),
    pytest.param(lines(f"log {LOG_KEY}", f"log {LOG_KEY}", "quorum none"), "twice", id="a log twice"),
    pytest.param(lines(f"log {key_of('A')}", "quorum none"), "0x01", id="a witness's key for a log"),
    pytest.param(lines(f"witness A {LOG_KEY}", "quorum A"), "0x04 or 0x06", id="a log's for a witness"),
    pytest.param(lines("log x", "quorum none"), "line 1: verifier key", id="no key"),
    pytest.param(lines(f"log {LOG_KEY} a b", "quorum none"), "line 1: wants", id="a word too many"),
    pytest.param(lines("logs x", "quorum none"), "line 1: wants", id="an unknown keyword"),
    pytest.param(lines("quorum"), "wants", id="quorum of what?"),
    pytest.param(lines("quorum none # but why"), "wants", id="a comment behind a line"),
    pytest.param("quorum none\r\n", "control", id="a carriage return"),
    pytest.param("quorum none\x7f\n", "control", id="a delete"),
    pytest.param("quorum none\x00\n", "control", id="a zero"),
    pytest.param("quorum \ud800\n", "surrogate", id="half a surrogate pair"),
    pytest.param(b"log \xff+00000000+AA==\nquorum none\n", "UTF-8", id="a key's name not UTF-8"),
    pytest.param("#" * 600_000 + "\n", "at most", id="too long"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), MALFORMED)
def test_what_is_no_policy_is_malformed_and_says_where(text, sentence):
    with pytest.raises(Malformed, match=sentence):
        policy.parse(text)


def test_thirty_two_of_each_are_supported_and_a_flood_is_not():
    def many(n):
        witnesses = [f"witness w{i} {key_of(f'w{i}')}" for i in range(n)]
        logs = [f"log {key_of(f'log/{i}', ED25519)}" for i in range(n)]
        groups = [f"group g{i} all w{i}" for i in range(n)]
        return lines(*witnesses, *logs, *groups, "quorum g0")

    assert len(policy.parse(many(32)).groups) == 32
    with pytest.raises(Malformed, match="at most"):
        policy.parse(many(EACH_MAX + 1))


def test_groups_of_groups_as_deep_as_may_be():
    deep = [f"group g{i} all g{i - 1}" for i in range(1, EACH_MAX)]
    found = policy.parse(lines(A, "group g0 all A", *deep, f"quorum g{EACH_MAX - 1}"))
    assert found.met_by(["A"])
    assert not found.met_by([])


# --- writing -------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=" "), min_size=1)


@st.composite
def policies(draw):
    """Policies of every shape: names of any octets, groups of groups."""
    count = draw(st.integers(1, 6))
    names = draw(
        st.lists(WORDS.filter(lambda w: w != "none"), min_size=count, max_size=count, unique=True)
    )
    free, groups = list(names), []
    for at in range(draw(st.integers(0, 3))):
        members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True)) if free else []
        if members and f"group{at}" not in names:
            wanted = draw(st.integers(1, len(members)))
            groups.append(Group(f"group{at}", wanted, tuple(members)))
            free = [one for one in free if one not in members] + [f"group{at}"]
    urls = st.sampled_from(["", "https://例え.jp/"])
    return Policy(
        quorum=draw(st.sampled_from([*free, "none"])),
        logs=tuple(Log(key_of(f"log/{i}", ED25519), draw(urls)) for i in range(draw(st.integers(0, 2)))),
        witnesses=tuple(Witness(name, key_of(f"w/{i}"), draw(urls)) for i, name in enumerate(names)),
        groups=tuple(groups),
    )  # fmt: skip


@given(policies())
def test_a_policy_is_written_as_text_that_is_the_same_policy(found):
    assert policy.parse(str(found)) == found
    assert policy.parse(bytes(found)) == found


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(content):
    try:
        found = policy.parse(content)
    except Malformed:
        return
    assert policy.parse(bytes(found)) == found


@given(st.data())
def test_a_changed_policy_is_read_or_refused_and_never_forgets_its_quorum(data):
    content = bytearray(EXAMPLE.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    try:
        found = policy.parse(bytes(content))
    except Malformed:
        return
    assert found.quorum
    assert policy.parse(bytes(found)) == found


# --- opening -------------------------------------------------------------------------------------


def test_a_checkpoint_opens_with_those_who_cosigned_and_when():
    found = example.open(signed(by_log(), by("X3", at=11), by("Y2", at=12), by("X1", at=13)))
    assert found.checkpoint == CHECKPOINT
    assert found.log == Log(LOG_KEY)
    assert found.names == ("X1", "X3", "Y2")
    assert [one.time_seconds for one in found.cosigned] == [13, 11, 12]


def test_a_published_checkpoint_opens_by_a_policy_of_its_three_witnesses():
    text = lines(
        f"log {LOG}",
        *[f"witness w{i} {vkey}" for i, vkey in enumerate(WITNESSES)],
        "group most 2 w0 w1 w2",
        "quorum most",
    )
    found = policy.parse(text).open(WITNESSED)
    assert (found.checkpoint.size, found.names) == (114068855, ("w0", "w1", "w2"))


def test_too_few_are_refused_with_how_many_there_are_and_how_many_are_wanted():
    with pytest.raises(Refused) as refused:
        example.open(signed(by_log(), by("X1"), by("Y1")))
    said = str(refused.value)
    assert "cosigned by 2 of 6 witnesses, the quorum 'X-and-Y' is not met" in said
    assert "'X-witnesses' has 1 of 3, wants 2" in said
    assert "'X-and-Y' has 1 of 2, wants 2" in said
    assert "'Y-witnesses'" not in said


def test_one_witness_who_is_wanted_and_missing_is_named():
    with pytest.raises(Refused, match="quorum 'A' is not met: the witness of that name has not"):
        policy.parse(lines(f"log {LOG_KEY}", A, "quorum A")).open(signed(by_log()))


OLDER = Checkpoint(ORIGIN, 6, bytes(32)).text
NOT_COUNTED = [
    pytest.param(by("X1"), id="one twice"),
    pytest.param(by("X2", text=OLDER), id="a cosignature of an older checkpoint"),
    pytest.param(by("Z"), id="a witness whom the policy does not know"),
    pytest.param(by("X2", key=pen("Z")), id="another key under a known name"),
    pytest.param(note.sign(CHECKPOINT.text, name="X2", key=pen("X2")), id="a plain signature"),
    pytest.param(by("X2", key=LATTICE), id="a key of another kind"),
]


@pytest.mark.parametrize("line", NOT_COUNTED)
def test_a_line_that_does_not_count_neither_helps_nor_harms(line):
    with pytest.raises(Refused, match="'X-witnesses' has 1 of 3"):
        example.open(signed(by_log(), by("X1"), by("Y1"), line))
    assert example.open(signed(line, by("X1"), by_log(), by("X3"), by("Y1"))).names == (
        "X1",
        "X3",
        "Y1",
    )


def test_a_witness_whose_first_line_does_not_fit_is_known_by_its_second():
    assert example.open(
        signed(by_log(), by("X1", text=OLDER), by("X1"), by("X2"), by("Y1"))
    ).names == ("X1", "X2", "Y1")


@pytest.mark.parametrize(
    "lines_there",
    [
        pytest.param([by("X1"), by("X2"), by("Y1")], id="not at all"),
        pytest.param([by_log(OLDER), by("X1"), by("X2"), by("Y1")], id="another checkpoint"),
        pytest.param([by_log(name="Z"), by("X1"), by("X2"), by("Y1")], id="another log"),
    ],
)
def test_witnesses_alone_are_not_enough(lines_there):
    with pytest.raises(Refused, match="none of its 1 logs has signed"):
        example.open(signed(*lines_there))


def test_a_known_log_does_not_sign_for_another_origin():
    other = Checkpoint("example.org/other", 7, bytes(32)).text
    with pytest.raises(Refused, match="origin"):
        policy.parse(lines(f"log {LOG_KEY}", "quorum none")).open(signed(by_log(other), text=other))


def test_what_is_no_note_is_malformed():
    with pytest.raises(Malformed, match="note"):
        example.open(b"quorum none\n")


def test_a_signed_text_that_is_no_checkpoint_is_malformed():
    with pytest.raises(Malformed, match="checkpoint"):
        example.open(signed(by_log("hello\n"), text="hello\n"))


# --- m of n --------------------------------------------------------------------------------------

THREE = [Witness(name, key_of(name)) for name in ("X1", "X2", "X3")]


def test_two_of_three():
    found = m_of_n(LOG_KEY, THREE, 2)
    assert policy.parse(str(found)) == found
    assert found.met_by(["X1", "X3"])
    assert not found.met_by(["X1"])


def test_none_of_three():
    assert m_of_n(LOG_KEY, THREE, 0).met_by([])


def test_four_of_three_is_malformed():
    with pytest.raises(Malformed, match="1 to 3"):
        m_of_n(LOG_KEY, THREE, 4)


def test_a_witness_with_two_keys_counts_once_whichever_has_signed():
    found = m_of_n(LOG_KEY, [Witness("X1.pq", LATTICE_KEY), *THREE], 2)
    assert not found.met_by(["X1", "X1.pq"])
    assert found.met_by(["X1.pq", "X2"])
    opened = found.open(signed(by_log(), by("X2"), by("X1", key=LATTICE)))
    assert set(opened.names) == {"X1.pq", "X2"}
