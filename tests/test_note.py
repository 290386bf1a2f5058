"""Signed notes: the reference key and note of Go's sumdb, and a checkpoint that witnesses signed."""

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from jukinet.errors import Malformed, Refused
from jukinet.keys.sign import LatticeKey
from jukinet.merkle import note
from jukinet.merkle.checkpoint import Checkpoint
from jukinet.merkle.note import (
    COSIGNATURE_V1,
    SUBTREE_V1,
    Signature,
    VerifierKey,
    cosign,
    open_note,
)

# golang.org/x/mod/sumdb/note: the key, text and signatures of its tests.
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
ENOCH_VKEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
ENOCH = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"

# A checkpoint that a public log published in 2026 with the lines of three public witnesses.
WITNESSED = """\
log2025-1.rekor.sigstore.dev
114068855
uXmV5jkyZgXN2o6QMPYIPpTwzaAdL+3IFw0SMp4JmGI=

— log2025-1.rekor.sigstore.dev zxGZFazjmbNyzy8EePBwh61DpCvLn/pkXQhgwGayQKZeQ7BxDrs3XQPZTCridH/VjPk5eL36dtHVyLyKbtQ08lT51QA=
— witness.navigli.sunlight.geomys.org o+AP4gAAAABqrBYQPMdDRNVwMGPQD9N5E3AIrptPZ6/6OcsZY1+xNfGu0CsxNM0BsXvltbFkMsY/pjOaNT0Oz8ZBHN510YN+vn8lBg==
— witness.stagemole.eu Z/euoAAAAABqrBYQ+q67WRizVAmFq6sUXpfA+eMyO+dQ7i5Ce9WBkqPvq4RZTZLR/sU1hHl/NDSzJ4mLzhmQULr0HdTJoOVl/5BACg==
— staging.witness.transparency.goog/ring-any-bells LhqNyQAAAABqrBYQ3tiCPy63VE7DlWh6263nnhFXaEodX50PL9nB7QQ+3PGAlTajdyo/D+UWY9+pAlJF6PIVmSCYfbo71E6kuj5yAw==
""".encode()
LOG = "log2025-1.rekor.sigstore.dev+cf119915+AbfK5adZJxsI323FwGD2AJJ9F4i89cfDuLdGJBIYntuO"
WITNESSES = [
    "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "staging.witness.transparency.goog/ring-any-bells+2e1a8dc9+BG5JTpLc3FJtwzgh1Uv+Qelz9qeOH2bfWjS1s0s+y4rL",
]


class Pen:
    """A signer of the smallest kind."""

    def __init__(self, seed):
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_bytes = self._key.public_key().public_bytes_raw()

    def sign(self, message):
        return self._key.sign(message)


peter = VerifierKey.parse(VKEY)
enoch = VerifierKey.parse(ENOCH_VKEY)


def test_signing_with_the_reference_key_gives_the_reference_note():
    signed = note.sign(TEXT, name="PeterNeumann", key=Pen(SEED))
    assert signed.line == PETER
    assert bytes(note.Note(TEXT, (signed,))) == (TEXT + "\n" + PETER).encode()


def test_the_reference_note_opens_and_the_unknown_signature_is_kept():
    opened = open_note((TEXT + "\n" + PETER + ENOCH).encode(), [peter])
    assert opened.text == TEXT
    assert [verified.key for verified in opened.verified] == [peter]
    assert [signature.line for signature in opened.unknown] == [ENOCH]


def test_both_reference_signatures_count_when_both_keys_are_known():
    opened = open_note((TEXT + "\n" + PETER + ENOCH).encode(), [enoch, peter])
    assert [verified.key for verified in opened.verified] == [peter, enoch]
    assert opened.unknown == ()


def test_a_key_that_signed_twice_counts_once():
    opened = open_note((TEXT + "\n" + PETER + PETER).encode(), [peter])
    assert len(opened.verified) == 1


def test_no_known_signature_no_note():
    with pytest.raises(Refused):
        open_note((TEXT + "\n" + ENOCH).encode(), [peter])
    with pytest.raises(Refused):
        open_note((TEXT + "\n" + PETER).encode(), [])


def test_a_known_key_whose_signature_does_not_fit_spoils_the_note():
    stray = Signature("EnochRoot", enoch.key_id, bytes(64)).line
    with pytest.raises(Refused):
        open_note((TEXT + "\n" + PETER + stray).encode(), [peter, enoch])
    assert open_note((TEXT + "\n" + PETER + stray).encode(), [peter]).unknown


def test_a_key_of_the_same_name_and_another_id_is_another_key():
    namesake = VerifierKey("PeterNeumann", enoch.public)
    with pytest.raises(Refused):
        open_note((TEXT + "\n" + PETER).encode(), [namesake])


def test_two_keys_that_no_line_could_tell_apart_are_refused():
    with pytest.raises(Malformed):
        open_note((TEXT + "\n" + PETER).encode(), [peter, peter])


@pytest.mark.parametrize("change", ["If", "\n\n", "problem is"])
def test_a_changed_text_is_refused(change):
    with pytest.raises((Refused, Malformed)):
        open_note((TEXT + "\n" + PETER).replace(change, change + "x", 1).encode(), [peter])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT, id="no signatures"),
        pytest.param(TEXT + "\n", id="no signatures after the empty line"),
        pytest.param(TEXT + "\n" + PETER[:-1], id="no newline at the end"),
        pytest.param(TEXT + PETER, id="no empty line"),
        pytest.param("\x01" + TEXT + "\n" + PETER, id="a control character"),
        pytest.param(TEXT.replace("\n", "\r\n") + "\n" + PETER, id="a carriage return"),
        pytest.param(TEXT + "\n" + PETER.replace("PeterNeumann", "Bad Name"), id="a space"),
        pytest.param(TEXT + "\n" + PETER.replace("PeterNeumann", "Bad+Name"), id="a plus"),
        pytest.param(TEXT + "\n" + PETER.replace("PeterNeumann", ""), id="no name"),
        pytest.param(TEXT + "\n" + PETER.replace("—", "-"), id="a hyphen for a dash"),
        pytest.param(TEXT + "\n" + PETER + "Unexpected line.\n", id="a stray line"),
        pytest.param(TEXT + "\n" + PETER + "\n", id="an empty line at the end"),
        pytest.param(TEXT + "\n" + PETER.replace("=", ""), id="no padding"),
        pytest.param(TEXT + "\n" + PETER.replace("AM=", "AN="), id="stray bits in base64"),
        pytest.param(TEXT + "\n" + PETER.replace("/", "_"), id="base64 of another alphabet"),
        pytest.param(TEXT + "\n— PeterNeumann x08gow==\n", id="a key id and no signature"),
        pytest.param(TEXT + "\n" + PETER * 101, id="more than a hundred signatures"),
    ],
)
def test_what_is_no_note_is_malformed(text):
    with pytest.raises(Malformed):
        open_note(text.encode(), [peter])


def test_bytes_that_are_not_utf8_are_malformed():
    with pytest.raises(Malformed):
        note.parse(b"\xff" + TEXT.encode() + b"\n" + PETER.encode())


def test_a_note_beyond_the_limit_is_malformed():
    with pytest.raises(Malformed):
        note.parse(b"x" * note.NOTE_SIZE_MAX + b"\n\n" + PETER.encode())


def test_sixteen_signatures_of_five_kilobytes_are_read():
    lines = "".join(Signature(f"w{n}", bytes(4), bytes(5_000)).line for n in range(16))
    assert len(note.parse((TEXT + "\n" + lines).encode()).signatures) == 16


def test_the_text_may_have_empty_lines():
    text = "one\n\n\ntwo\n"
    signed = note.sign(text, name="PeterNeumann", key=Pen(SEED))
    assert open_note(bytes(note.Note(text, (signed,))), [peter]).text == text


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "\ud800\n"])
def test_text_that_no_note_can_hold_is_not_signed(text):
    with pytest.raises(Malformed):
        note.sign(text, name="PeterNeumann", key=Pen(SEED))
    with pytest.raises(Malformed):
        note.cosign(text, name="PeterNeumann", key=Pen(SEED), time_seconds=0)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\nb", "a\x7f b", "a\u0085"])
def test_a_name_that_no_line_can_hold_is_malformed(name):
    with pytest.raises(Malformed):
        note.sign(TEXT, name=name, key=Pen(SEED))


def test_the_reference_vkey_is_read_and_written():
    assert str(peter) == VKEY


def test_no_mangled_vkey_is_read():
    for begin in range(len(VKEY)):
        for end in range(begin + 1, len(VKEY) + 1):
            if (begin, end) != (0, len(VKEY)):
                with pytest.raises(Malformed):
                    VerifierKey.parse(VKEY[begin:end])
    for at in range(len(VKEY)):
        with pytest.raises(Malformed):
            VerifierKey.parse(VKEY[:at] + chr(ord(VKEY[at]) + 1) + VKEY[at + 1 :])


@pytest.mark.parametrize(
    "vkey",
    [
        pytest.param(
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
            id="a key of another length",
        ),
        pytest.param(
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            id="an unknown kind with a key id that fits",
        ),
        pytest.param("bananas.sigstore.dev+12344556", id="two parts"),
        pytest.param("rekor.sigstore.dev+12345678+THIS_IS_NOT_BASE64!", id="no base64"),
        pytest.param("rekor.sigstore.dev+12345678+", id="no key"),
    ],
)
def test_a_wrong_vkey_is_malformed(vkey):
    with pytest.raises(Malformed):
        VerifierKey.parse(vkey)


def test_cosignatures_of_public_witnesses_verify_with_their_published_keys():
    keys = [VerifierKey.parse(vkey) for vkey in (LOG, *WITNESSES)]
    opened = open_note(WITNESSED, keys)
    assert [verified.key.name for verified in opened.verified] == [key.name for key in keys]
    assert [verified.time_seconds for verified in opened.verified] == [None] + [1789662736] * 3


def test_the_specifications_cosignature_has_the_time_it_prints():
    """C2SP tlog-cosignature prints the line and the time, not the key."""
    line = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    (signature,) = note.parse((TEXT + "\n" + line).encode()).signatures
    assert signature.line == line
    assert int.from_bytes(signature.payload[:8], "big") == 1679315147
    assert len(signature.payload) == 72


@given(st.integers(0, 2**63 - 1))
def test_a_cosignature_carries_its_time(time_seconds):
    signed = note.cosign(TEXT, name="w", key=Pen(SEED), time_seconds=time_seconds)
    key = VerifierKey("w", Pen(SEED).public_bytes, COSIGNATURE_V1)
    assert key.verify(TEXT, signed) == time_seconds
    assert VerifierKey.parse(str(key)) == key


def test_a_cosignature_with_another_time_is_refused():
    signed = note.cosign(TEXT, name="w", key=Pen(SEED), time_seconds=5)
    later = Signature("w", signed.key_id, (6).to_bytes(8, "big") + signed.payload[8:])
    key = VerifierKey("w", Pen(SEED).public_bytes, COSIGNATURE_V1)
    with pytest.raises(Refused):
        key.verify(TEXT, later)


@pytest.mark.parametrize("time_seconds", [-1, 2**63])
def test_a_time_that_does_not_fit_is_malformed(time_seconds):
    with pytest.raises(Malformed):
        note.cosign(TEXT, name="w", key=Pen(SEED), time_seconds=time_seconds)


def test_a_time_beyond_the_limit_is_refused_although_it_is_signed():
    time_seconds = 2**63
    message = f"cosignature/v1\ntime {time_seconds}\n{TEXT}".encode()
    key = VerifierKey("w", Pen(SEED).public_bytes, COSIGNATURE_V1)
    payload = time_seconds.to_bytes(8, "big") + Pen(SEED).sign(message)
    with pytest.raises(Refused):
        key.verify(TEXT, Signature("w", key.key_id, payload))


def test_a_log_signature_is_no_cosignature_and_the_other_way_round():
    plain = VerifierKey("w", Pen(SEED).public_bytes)
    timed = VerifierKey("w", Pen(SEED).public_bytes, COSIGNATURE_V1)
    signed = note.sign(TEXT, name="w", key=Pen(SEED))
    cosigned = note.cosign(TEXT, name="w", key=Pen(SEED), time_seconds=1)
    with pytest.raises(Refused):
        timed.verify(TEXT, signed)
    with pytest.raises(Refused):
        plain.verify(TEXT, cosigned)
    with pytest.raises(Refused):
        plain.verify(TEXT, Signature("w", plain.key_id, cosigned.payload[8:]))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_note_or_malformed(content):
    try:
        parsed = note.parse(content)
    except Malformed:
        return
    assert bytes(parsed) == content


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=80),
    st.lists(st.binary(min_size=5, max_size=90), min_size=1, max_size=4),
)
def test_a_note_reads_back_as_it_was_written(text, payloads):
    signatures = tuple(Signature("name/鍵", body[:4], body[4:]) for body in payloads)
    written = note.Note(text + "\n", signatures)
    assert note.parse(bytes(written)) == written


def test_the_base64_of_a_signature_has_one_spelling():
    body = b64encode(peter.key_id + b"x").decode()
    assert note.parse(f"t\n\n— p {body}\n".encode()).signatures[0].payload == b"x"
    with pytest.raises(Malformed):
        note.parse(f"t\n\n— p {body}\xa0\n".encode())


CHECKPOINT_TEXT = Checkpoint("origin.example/log", 20852163, bytes(range(32))).text


def test_a_subtree_cosignature_is_verified_as_of_its_time():
    key = LatticeKey(b"w" * 32)
    signature = cosign(CHECKPOINT_TEXT, name="w.example", key=key, time_seconds=1679315147)
    verifier = VerifierKey("w.example", key.public_bytes, SUBTREE_V1)
    assert verifier.verify(CHECKPOINT_TEXT, signature) == 1679315147
    assert len(signature.payload) == 8 + 2420
    assert VerifierKey.parse(str(verifier)) == verifier


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param(
            CHECKPOINT_TEXT.replace("20852163", "20852164"), "w.example", id="another size"
        ),
        pytest.param(CHECKPOINT_TEXT.replace("origin", "0rigin"), "w.example", id="another log"),
        pytest.param(CHECKPOINT_TEXT, "v.example", id="another witness"),
    ],
)
def test_a_subtree_cosignature_is_of_one_checkpoint_by_one_witness(text, name):
    key = LatticeKey(b"w" * 32)
    signature = cosign(CHECKPOINT_TEXT, name="w.example", key=key, time_seconds=1)
    with pytest.raises(Refused):
        VerifierKey(name, key.public_bytes, SUBTREE_V1).verify(text, signature)


def test_what_is_no_checkpoint_gets_no_subtree_cosignature():
    with pytest.raises(Malformed, match="not that of a checkpoint"):
        cosign("just text\n", name="w", key=LatticeKey(b"w" * 32), time_seconds=1)


def test_a_lattice_key_shows_nothing_secret():
    key = LatticeKey(b"w" * 32)
    assert b"w" * 8 not in repr(key).encode()
    with pytest.raises(Refused):
        key.__reduce__()
