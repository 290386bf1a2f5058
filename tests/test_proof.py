"""Proofs in one text: one of a public log, and every way to spoil one."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.test_note import LOG, Pen

from jukinet.errors import Malformed, OutOfStep, Refused
from jukinet.merkle import note, proof
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.proof import Proof
from jukinet.merkle.tree import leaf_hash, node_hash

# An entry of a public log with its proof, from the tests of a public client (2025).
PUBLIC_ENTRY = b64decode(
    "eyJhcGlWZXJzaW9uIjoiMC4wLjIiLCJraW5kIjoiaGFzaGVkcmVrb3JkIiwic3BlYyI6eyJoYXNoZWRSZWtvcmRWMDAyIjp7ImRhdGEiOnsiYWxnb3JpdGhtIjoiU0hBMl8yNTYiLCJkaWdlc3QiOiI1ZEoyU2FrVWVPWFk0dXQxaEJIUG9teitoVG42dGMwS1R6Y0dvc0ErZXBFPSJ9LCJzaWduYXR1cmUiOnsiY29udGVudCI6Ik1FWUNJUURjSk84Mm56MXJydHUxRHhTcHJ1WDFvZ0p1bThkbDRJaUdCTVB6M2pZY2JnSWhBS3dROHdOdTFPbjhwWWZoQUpDSzhPcVQwT09HVGgveUFRK0FuL2UzZC9kVSIsInZlcmlmaWVyIjp7ImtleURldGFpbHMiOiJQS0lYX0VDRFNBX1AyNTZfU0hBXzI1NiIsInB1YmxpY0tleSI6eyJyYXdCeXRlcyI6Ik1Ga3dFd1lIS29aSXpqMENBUVlJS29aSXpqMERBUWNEUWdBRTBxOVErdGRHMTk1Q1hLZm1VeDFZYXR2Wi9tTjNyaGpwT2ZtMWx2c2tXcHJIOVB4cGU5WGM2TGpFSmJCY1ZQaHV0a2ZVdkJCOVJEays0MlNORTYvNXhnPT0ifX19fX19"
)
PUBLIC_PROOF = """\
c2sp.org/tlog-proof@v1
index 412114
KIoYVJ0TqmaEkFboP7YWTjSh8vFjVECmokcTOAByfIM=
Umf0h0cK2hegTzNnSgsXszyiA4bp5OvEvP+GrWq3C8w=
vNQeSNBfepYZI2Ez3ViKdCft0JH87ZS8IGKwixxUVjc=
JBAugd5awOqmHXIKgz1MOjlR5f37VqmP0bWoRVcHX5M=
xYH2mAxGxfOgvSOLnItT2LsJt+Z2a2egjf8QJFwK7jA=
PbZWM3NitzChx9A22m/kddDtzh2bAKX5Fy7j76l3z2k=
sKX9Sbsahvw5DiC2oP6pbZsDi1NzuNS1nIULXkCC57o=
pfTCxXHnCM253jwYxVJcuUhmoTTtDxznn92QhN0M4Ws=
cJ8uk2ZvZyfg+HRILKOHcyHu2pvI8Fz3R1MyMvyzWtA=

log2025-1.rekor.sigstore.dev
412115
+8vUkEgBK/ansexBUomzocaWoPEmPIzxJC/y+xNMQN4=

— log2025-1.rekor.sigstore.dev zxGZFahCZ/+MqTjH4rC5MWcdLDWbpetE5l30RZfQc4BQkRjWSoKipEUPjvHENeZDHIlAsuezJcLzUVvItpNjaSRoMAs=
""".encode()

pen = Pen(bytes(32))
log = VerifierKey("example.org/log", pen.public_bytes)
leaves = [leaf_hash(b"a"), leaf_hash(b"b")]
head = Checkpoint("example.org/log", 2, node_hash(*leaves))
checkpoint = bytes(note.Note(head.text, (note.sign(head.text, name=log.name, key=pen),)))
good = Proof(index=1, hashes=(leaves[0],), checkpoint=checkpoint)
LINE = b64encode(leaves[0]).decode()


def test_the_proof_of_a_public_log_verifies():
    found = proof.parse(PUBLIC_PROOF)
    assert bytes(found) == PUBLIC_PROOF
    assert found.verify(PUBLIC_ENTRY, log=VerifierKey.parse(LOG)).size == 412115


def test_another_entry_is_not_proved():
    with pytest.raises(OutOfStep):
        proof.parse(PUBLIC_PROOF).verify(PUBLIC_ENTRY + b" ", log=VerifierKey.parse(LOG))


def test_a_proof_under_another_log_is_refused():
    with pytest.raises(Refused):
        proof.parse(PUBLIC_PROOF).verify(PUBLIC_ENTRY, log=log)


def test_a_proof_is_the_lines_of_the_specification():
    assert bytes(good) == (f"c2sp.org/tlog-proof@v1\nindex 1\n{LINE}\n\n".encode() + checkpoint)
    assert good.verify(b"b", log=log) == head


def test_a_proof_with_too_few_witnesses_is_refused():
    witness = VerifierKey("w", Pen(bytes([7]) * 32).public_bytes, note.COSIGNATURE_V1)
    with pytest.raises(Refused):
        good.verify(b"b", log=log, witnesses=[witness], quorum=1)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"index": 0}, id="another index"),
        pytest.param({"hashes": (leaves[1],)}, id="another hash"),
    ],
)
def test_a_proof_that_leads_elsewhere_is_out_of_step(change):
    spoiled = Proof(**{"index": 1, "hashes": good.hashes, "checkpoint": checkpoint, **change})
    with pytest.raises(OutOfStep):
        spoiled.verify(b"b", log=log)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"index": 2}, id="an index beyond the size"),
        pytest.param({"hashes": ()}, id="no hashes"),
        pytest.param({"hashes": good.hashes * 2}, id="too many hashes"),
    ],
)
def test_a_proof_of_impossible_numbers_is_malformed(change):
    spoiled = Proof(**{"index": 1, "hashes": good.hashes, "checkpoint": checkpoint, **change})
    with pytest.raises(Malformed):
        spoiled.verify(b"b", log=log)


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.one_of(st.none(), st.binary(max_size=100)),
)
def test_a_proof_reads_back_as_it_was_written(index, hashes, extra):
    written = Proof(index, tuple(hashes), checkpoint, extra)
    assert proof.parse(bytes(written)) == written


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex 1\n", id="no checkpoint"),
        pytest.param("c2sp.org/tlog-proof@v2\nindex 1\n\nx", id="another version"),
        pytest.param("c2sp.org/tlog-proof@v1\n\nx", id="no index"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex\n\nx", id="an index without a number"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex 01\n\nx", id="a leading zero"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex -1\n\nx", id="a negative index"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex  1\n\nx", id="two spaces"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex 1\nextra eA==\n\nx", id="extra too late"),
        pytest.param("c2sp.org/tlog-proof@v1\nextra eA\nindex 1\n\nx", id="extra not base64"),
        pytest.param("c2sp.org/tlog-proof@v1\nextra e\u00e9\nindex 1\n\nx", id="not ASCII"),
        pytest.param("c2sp.org/tlog-proof@v1\r\nindex 1\n\nx", id="a carriage return"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex 1\neA==\n\nx", id="a short hash"),
        pytest.param(f"c2sp.org/tlog-proof@v1\nindex 1\n{LINE} \n\nx", id="a stray space"),
        pytest.param(
            "c2sp.org/tlog-proof@v1\nindex 1\n" + (LINE + "\n") * 64 + "\nx", id="64 hashes"
        ),
        pytest.param("\nc2sp.org/tlog-proof@v1\nindex 1\n\nx", id="an empty first line"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex 1" + " " * 300_000 + "\n\nx", id="too long"),
    ],
)
def test_what_is_no_proof_is_malformed(text):
    with pytest.raises(Malformed):
        proof.parse(text.encode())


def test_an_extra_beyond_the_limit_is_malformed():
    with pytest.raises(Malformed):
        bytes(Proof(0, (), checkpoint, bytes(proof.EXTRA_SIZE_MAX + 1)))


def test_a_checkpoint_that_is_no_note_is_malformed():
    with pytest.raises(Malformed):
        Proof(1, good.hashes, b"x").verify(b"b", log=log)
