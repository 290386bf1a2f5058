"""OPRF and VOPRF: every vector of RFC 9497 for ristretto255-SHA512, one by one and in batches."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import JukinetError, Malformed
from jukinet.keys import dleq, group, oprf
from jukinet.keys.secret import Secret

SUITES = json.loads((Path(__file__).parent / "data" / "rfc9497_ristretto255.json").read_text())
MODES = {0: oprf.OPRF, 1: oprf.VOPRF}
VECTORS = [
    pytest.param(suite, vector, id=f"mode {suite['mode']}, vector {count}")
    for suite in SUITES
    if suite["mode"] in MODES
    for count, vector in enumerate(suite["vectors"], start=1)
]
PROVED = [case for case in VECTORS if case.values[0]["mode"] == 1]


def parts(text):
    return [bytes.fromhex(part) for part in text.split(",")]


def key_of(suite):
    return group.keep_scalar(bytes.fromhex(suite["skSm"]))


def test_the_vectors_are_all_there():
    assert [len(suite["vectors"]) for suite in SUITES if suite["mode"] in MODES] == [2, 3]
    assert any(case.values[1]["Batch"] == 2 for case in PROVED)


@pytest.mark.parametrize("suite", SUITES[:2], ids=["OPRF", "VOPRF"])
def test_a_key_is_derived_as_published(suite):
    found = oprf.derive_key(
        bytes.fromhex(suite["seed"]), bytes.fromhex(suite["keyInfo"]), mode=MODES[suite["mode"]]
    )
    assert found == key_of(suite)
    if "pkSm" in suite:
        assert group.base(found).hex() == suite["pkSm"]


@pytest.mark.parametrize("suite", SUITES[:2], ids=["OPRF", "VOPRF"])
def test_the_domain_is_the_published_one(suite):
    assert bytes.fromhex(suite["groupDST"]) == b"HashToGroup-" + MODES[suite["mode"]]


@pytest.mark.parametrize(("suite", "vector"), VECTORS)
def test_inputs_are_blinded_evaluated_and_finished_as_published(suite, vector):
    mode, key = MODES[suite["mode"]], key_of(suite)
    inputs, blindings = parts(vector["Input"]), parts(vector["Blind"])
    blinded = [
        oprf.blind(text, Secret(blinding), mode=mode)
        for text, blinding in zip(inputs, blindings, strict=True)
    ]
    assert blinded == parts(vector["BlindedElement"])
    values = [oprf.evaluate(key, element) for element in blinded]
    assert values == parts(vector["EvaluationElement"])
    one_by_one = [
        oprf.unblind(value, Secret(blinding))
        for value, blinding in zip(values, blindings, strict=True)
    ]
    assert list(oprf.unblind_each(values, blindings)) == one_by_one
    outputs = [oprf.output(text, element) for text, element in zip(inputs, one_by_one, strict=True)]
    assert outputs == parts(vector["Output"])


@pytest.mark.parametrize(("suite", "vector"), PROVED)
def test_the_proof_is_the_published_one_and_verifies(suite, vector):
    blinded, public = parts(vector["BlindedElement"]), bytes.fromhex(suite["pkSm"])
    nonce = bytes.fromhex(vector["Proof"]["r"])
    values, proof = oprf.evaluate_proved(
        key_of(suite), blinded, chance=lambda size: nonce.ljust(size, b"\x00")
    )
    assert list(values) == parts(vector["EvaluationElement"])
    assert proof.hex() == vector["Proof"]["proof"]
    dleq.verify(public, blinded, values, proof, context=oprf.VOPRF)


@given(st.binary(max_size=40), st.integers(1, group.ORDER - 1), st.integers(1, group.ORDER - 1))
def test_the_output_depends_on_input_and_key_and_not_on_the_blinding(text, key, blinding):
    key, blinding = group.scalar_of(key), group.scalar_of(blinding)
    value = oprf.evaluate(key, oprf.blind(text, blinding))
    found = oprf.output(text, oprf.unblind(value, blinding))
    assert found == oprf.output(text, oprf.evaluate(key, oprf.hashed(text)))
    assert found != oprf.output(text + b"x", oprf.evaluate(key, oprf.hashed(text + b"x")))


def test_an_input_of_more_than_65_535_bytes_is_malformed():
    long = bytes(65_536)
    oprf.hashed(long[1:])
    for use in (
        lambda: oprf.hashed(long),
        lambda: oprf.blind(long, group.scalar_of(1)),
        lambda: oprf.output(long, bytes(32)),
    ):
        with pytest.raises(Malformed):
            use()


@pytest.mark.parametrize("element", [bytes(32), b"\xff" * 32, b"", bytes(31)])
def test_no_key_works_on_what_is_no_element(element):
    for use in (
        lambda: oprf.evaluate(group.scalar_of(5), element),
        lambda: oprf.evaluate_proved(group.scalar_of(5), [element], chance=lambda n: b"5" * n),
        lambda: oprf.unblind(element, group.scalar_of(5)),
        lambda: oprf.unblind_each([element], [group.scalar_of(5)]),
    ):
        with pytest.raises(JukinetError):
            use()
