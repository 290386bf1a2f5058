"""Checkpoints: three lines under a signature, and nothing else."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.test_note import LOG, WITNESSED, WITNESSES, Pen

from jukinet.errors import Malformed, Refused
from jukinet.merkle import note
from jukinet.merkle.checkpoint import Checkpoint, open_checkpoint, parse
from jukinet.merkle.note import COSIGNATURE_V1, VerifierKey

ROOT = bytes(range(32))
ENCODED = b64encode(ROOT).decode()
log_pen, first_pen, second_pen = (Pen(bytes([number]) * 32) for number in (1, 2, 3))
log = VerifierKey("example.org/log", log_pen.public_bytes)
first, second = (
    VerifierKey(name, pen.public_bytes, COSIGNATURE_V1)
    for name, pen in (("w/1", first_pen), ("w/2", second_pen))
)
head = Checkpoint("example.org/log", 7, ROOT)


def signed(*lines, text=head.text):
    return bytes(note.Note(text, lines))


def by_log(text=head.text, name="example.org/log"):
    return note.sign(text, name=name, key=log_pen)


def by_witness(name, pen, text=head.text):
    return note.cosign(text, name=name, key=pen, time_seconds=1)


def test_the_specifications_example_is_read():
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = parse(text)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert found.text == text


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(st.text("abc ", min_size=1), max_size=2),
)
def test_a_checkpoint_reads_back_as_it_was_written(origin, size, root, extensions):
    written = Checkpoint(origin, size, root, tuple(extensions))
    assert parse(written.text) == written


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"o\n7\n{ENCODED}", id="no newline at the end"),
        pytest.param("o\n7\n", id="no root"),
        pytest.param(f"\n7\n{ENCODED}\n", id="no origin"),
        pytest.param(f"o\n\n{ENCODED}\n", id="no size"),
        pytest.param(f"o\n07\n{ENCODED}\n", id="a leading zero"),
        pytest.param(f"o\n+7\n{ENCODED}\n", id="a sign"),
        pytest.param(f"o\n-7\n{ENCODED}\n", id="a negative size"),
        pytest.param(f"o\n 7\n{ENCODED}\n", id="a space"),
        pytest.param(f"o\n\uff17\n{ENCODED}\n", id="a full-width digit"),
        pytest.param(f"o\n7_0\n{ENCODED}\n", id="an underscore"),
        pytest.param(f"o\n{2**63}\n{ENCODED}\n", id="a size beyond the limit"),
        pytest.param(f"o\n{'9' * 5000}\n{ENCODED}\n", id="a size without end"),
        pytest.param(f"o\n7\n{ENCODED[:-1]}\n", id="no padding"),
        pytest.param(f"o\n7\n{b64encode(ROOT[1:]).decode()}\n", id="a short root"),
        pytest.param(f"o\n7\n{b64encode(ROOT + b'x').decode()}\n", id="a long root"),
        pytest.param(f"o\n7\n{ENCODED}\n\n", id="an empty line"),
        pytest.param(f"o\n7\n{ENCODED}\nx\n\n", id="an empty line after an extension"),
    ],
)
def test_what_is_no_checkpoint_is_malformed(text):
    with pytest.raises(Malformed):
        parse(text)


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1},
        {"size": 2**63},
        {"root": b""},
        {"origin": ""},
        {"origin": "a\nb"},
        {"extensions": ("",)},
        {"extensions": ("a\nb",)},
    ],
)
def test_a_checkpoint_that_could_not_be_written_is_malformed(change):
    with pytest.raises(Malformed):
        Checkpoint(**{"origin": "o", "size": 1, "root": ROOT, **change})


def test_a_checkpoint_signed_by_the_log_opens():
    assert open_checkpoint(signed(by_log()), log=log) == head


def test_lines_after_the_third_are_kept_and_signed():
    longer = Checkpoint("example.org/log", 7, ROOT, ("more",))
    found = open_checkpoint(signed(by_log(longer.text), text=longer.text), log=log)
    assert found.extensions == ("more",)


def test_enough_witnesses_are_needed():
    lines = (by_log(), by_witness("w/1", first_pen))
    witnesses = [first, second]
    assert open_checkpoint(signed(*lines), log=log, witnesses=witnesses, quorum=1) == head
    with pytest.raises(Refused):
        open_checkpoint(signed(*lines), log=log, witnesses=witnesses, quorum=2)


def test_one_witness_that_signs_twice_is_one_witness():
    lines = (by_log(), by_witness("w/1", first_pen), by_witness("w/1", first_pen))
    with pytest.raises(Refused):
        open_checkpoint(signed(*lines), log=log, witnesses=[first, second], quorum=2)


def test_witnesses_without_the_log_are_not_enough():
    with pytest.raises(Refused):
        open_checkpoint(signed(by_witness("w/1", first_pen)), log=log, witnesses=[first])


def test_a_checkpoint_of_another_origin_is_refused_although_the_log_signed_it():
    other = Checkpoint("example.org/other", 7, ROOT)
    with pytest.raises(Refused):
        open_checkpoint(signed(by_log(other.text), text=other.text), log=log)


@pytest.mark.parametrize("quorum", [-1, 2])
def test_a_quorum_that_cannot_be_reached_is_malformed(quorum):
    with pytest.raises(Malformed):
        open_checkpoint(signed(by_log()), log=log, witnesses=[first], quorum=quorum)


def test_a_published_checkpoint_opens_with_its_three_witnesses():
    witnesses = [VerifierKey.parse(vkey) for vkey in WITNESSES]
    found = open_checkpoint(WITNESSED, log=VerifierKey.parse(LOG), witnesses=witnesses, quorum=3)
    assert found.size == 114068855
