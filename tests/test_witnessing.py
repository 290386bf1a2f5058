"""Witnessing: the specification's own question, and what is none."""

from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed
from jukinet.merkle import note
from jukinet.merkle.checkpoint import parse as parse_checkpoint
from jukinet.merkle.witnessing import (
    CONFLICT,
    COSIGNED,
    PROOF_MAX,
    QUESTION_SIZE_MAX,
    Question,
    Reply,
    parse_question,
)

# tlog-witness, "Example request body".
EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()
HASH = b64encode(bytes(32)).decode()


def test_the_specifications_question_is_read_and_written():
    found = parse_question(EXAMPLE)
    assert (found.old_size, len(found.proof)) == (20852014, 4)
    opened = note.parse(found.checkpoint)
    assert parse_checkpoint(opened.text).size == 20852163
    assert len(opened.signatures) == 2
    assert found.encode() == EXAMPLE


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"old 0\n", id="no empty line"),
        pytest.param(b"\n\n", id="no first line"),
        pytest.param(b"new 0\n\nx", id="another word"),
        pytest.param(b"old  0\n\nx", id="two spaces"),
        pytest.param(b"old 00\n\nx", id="leading zeros"),
        pytest.param(b"old -1\n\nx", id="below nothing"),
        pytest.param(b"old 9223372036854775808\n\nx", id="beyond 63 bits"),
        pytest.param("old １\n\nx".encode(), id="a full-width digit"),
        pytest.param(b"old 0\r\n\r\n\n\nx", id="carriage returns"),
        pytest.param(b"old 1\nAAAA\n\nx", id="a hash too short"),
        pytest.param(b"old 1\n" + HASH[:-1].encode() + b"\n\nx", id="no padding"),
        pytest.param(b"old 1\n" + (HASH + "\n").encode() * 64 + b"\nx", id="64 hashes"),
        pytest.param(b"old 0\n\n" + bytes(QUESTION_SIZE_MAX), id="too long"),
    ],
)
def test_what_is_no_question_is_malformed(body):
    with pytest.raises(Malformed):
        parse_question(body)


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=PROOF_MAX),
    st.binary(max_size=100),
)
def test_a_question_is_read_as_it_was_written(old_size, proof, checkpoint):
    question = Question(old_size, tuple(proof), checkpoint)
    assert parse_question(question.encode()) == question


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body):
    with suppress(Malformed):
        assert parse_question(body).encode() == body


@pytest.mark.parametrize(
    ("reply", "size"),
    [
        pytest.param(Reply(CONFLICT, b"17\n"), 17, id="a conflict"),
        pytest.param(Reply(CONFLICT, b"17 \n"), None, id="another spelling"),
        pytest.param(Reply(CONFLICT, b"\xff\n"), None, id="no text"),
        pytest.param(Reply(COSIGNED, b"17\n"), None, id="no conflict"),
    ],
)
def test_only_a_conflict_says_the_size_that_is_known(reply, size):
    assert reply.known_size == size
