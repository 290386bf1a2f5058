"""The view key: one key in a file and on paper, and a slip of the pen is found."""

from datetime import date
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jukinet.client.trust import trust
from jukinet.client.view_key import PREFIX, ViewKey, parse_view_key, refuse_expired
from jukinet.errors import Malformed, Refused
from jukinet.keys.sign import SigningKey
from jukinet.law.leaf import Holder
from jukinet.merkle.note import COSIGNATURE_V1, VerifierKey
from jukinet.merkle.policy import Witness, m_of_n
from jukinet.tasks.papers.view_key import view_key_qr, view_key_sheet

LOG = VerifierKey("jukinet.example.go.jp/ledger", SigningKey(bytes(32)).public_bytes)
W1 = Witness("w1", VerifierKey("w.example/1", SigningKey(b"1" * 32).public_bytes, COSIGNATURE_V1))
KEY = ViewKey(
    log=str(LOG),
    policy="ab" * 32,
    epoch=3,
    place=17,
    state="cd" * 32,
    valid_to="2027-03-31",
    holder=Holder.GUARDIAN,
)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(KEY, id="with everything"),
        pytest.param(ViewKey(log=str(LOG), epoch=0, place=0, state="00" * 32), id="with little"),
        pytest.param(replace(KEY, place=2**40, epoch=2**31), id="with large numbers"),
    ],
)
def test_a_key_is_read_as_it_was_written_in_both_forms(key):
    assert parse_view_key(key.encode()) == key
    assert parse_view_key(key.text.encode()) == key


def test_a_file_of_before_there_were_policies_is_still_a_key():
    old = {"log": str(LOG), "epoch": 0, "place": 0, "state": "00" * 32}
    found = parse_view_key(str(old).replace("'", '"').encode())
    assert (found.policy, found.valid_to, found.holder) == ("", "", "self")


def test_the_short_form_may_be_typed_in_groups_and_on_several_lines():
    text = KEY.text
    typed = "\n".join(" ".join(text[at : at + 6]) for at in range(0, len(text), 6))
    assert parse_view_key(typed.encode()) == KEY


@given(at=st.integers(len(PREFIX), len(KEY.text) - 1), letter=st.sampled_from("AZaz09-_"))
def test_one_letter_typed_wrongly_is_found(at, letter):
    typed = KEY.text[:at] + letter + KEY.text[at + 1 :]
    try:
        found = parse_view_key(typed.encode())
    except Malformed:
        return
    assert found == KEY, "the last letter has bits that say nothing"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PREFIX.encode(), id="nothing after the prefix"),
        pytest.param(KEY.text[:-1].encode(), id="cut off"),
        pytest.param(KEY.text.replace("JUKINET1", "JUKINET2").encode(), id="another version"),
        pytest.param((KEY.text + "!").encode(), id="a foreign letter"),
        pytest.param(replace(KEY, valid_to="2027-02-30").encode(), id="no such day"),
        pytest.param(replace(KEY, policy="ab").encode(), id="half a policy"),
        pytest.param(replace(KEY, log=str(W1.key)).encode(), id="a witness's key"),
        pytest.param(KEY.encode().replace(b'"guardian"', b'"thief"'), id="no such holder"),
        pytest.param(KEY.encode().replace(b"17", b"-17"), id="a place before the first"),
    ],
)
def test_what_is_no_view_key_is_refused(content):
    with pytest.raises(Malformed, match="view key: this file is not one; fetch it anew"):
        parse_view_key(content)


def test_a_key_shows_nothing_of_itself():
    assert repr(KEY) == "<ViewKey>"
    assert "cd" * 32 not in f"{KEY}"


@pytest.mark.parametrize(
    ("today", "over"),
    [
        pytest.param(date(2027, 3, 31), False, id="on its last day"),
        pytest.param(date(2027, 4, 1), True, id="the day after"),
    ],
)
def test_a_key_is_over_after_its_last_day(today, over):
    assert KEY.expired(today) is over
    if over:
        with pytest.raises(Refused, match="its last day was 2027-03-31; have a new one given"):
            refuse_expired(KEY, today)
    else:
        refuse_expired(KEY, today)


def test_a_key_without_a_last_day_is_never_over():
    assert not replace(KEY, valid_to="").expired(date.max)


# --- the policy ----------------------------------------------------------------------------------

POLICY = bytes(m_of_n(LOG, [W1], 1))
NAMED = replace(KEY, policy="")


def named(policy: bytes) -> ViewKey:
    return replace(KEY, policy=sha256(policy).hexdigest())


def test_the_policy_beside_the_log_counts_if_the_key_names_it():
    found = trust(named(POLICY), found=POLICY)
    assert (found.policy.quorum, found.warning) == ("quorum", "")


@pytest.mark.parametrize(
    ("key", "found", "why"),
    [
        pytest.param(NAMED, POLICY, "names no policy", id="the key names none"),
        pytest.param(named(POLICY), None, "has no policy file", id="the copy has none"),
        pytest.param(named(POLICY), POLICY + b"#\n", "not the one", id="the copy has another"),
    ],
)
def test_without_the_policy_the_log_alone_is_believed_and_that_is_said(key, found, why):
    trusted = trust(key, found=found)
    assert trusted.policy.quorum == "none"
    assert why in trusted.warning


def test_a_policy_that_is_given_counts_whatever_the_key_names():
    assert trust(NAMED, given=POLICY, found=None).warning == ""
    assert "asks for no witness" in trust(NAMED, given=bytes(m_of_n(LOG, (), 0))).warning


def test_a_policy_of_another_log_is_refused():
    other = VerifierKey("example.org/other", SigningKey(b"o" * 32).public_bytes)
    with pytest.raises(Refused, match="does not know the log"):
        trust(KEY, given=bytes(m_of_n(other, [W1], 1)))


# --- on paper ------------------------------------------------------------------------------------


def test_the_sheet_has_the_key_as_a_code_and_in_letters_and_says_what_it_opens():
    sheet = view_key_sheet(KEY, "千代田区", date(2026, 4, 1))
    assert sheet.count("<svg") == 1
    groups = sheet.partition('class="groups">')[2].partition("<")[0]
    assert parse_view_key(groups.encode()) == KEY
    for said in (
        "令和8年4月1日 千代田区 交付",
        "令和9年3月31日",
        "18 件目の記録から",
        "法定代理人",
    ):
        assert said in sheet
    assert "Whoever has it reads who asked about you" in sheet


def test_the_sheet_loads_nothing_and_runs_nothing():
    sheet = view_key_sheet(KEY, "<script>alert(1)</script>", date(2026, 4, 1))
    assert "<script" not in sheet
    assert "src=" not in sheet
    assert "href=" not in sheet


def test_a_key_that_needs_too_large_a_code_is_refused():
    long = str(VerifierKey("x" * 250 + ".example.org", LOG.public))
    with pytest.raises(Malformed, match="the log's name is too long"):
        view_key_qr(replace(KEY, log=long))
