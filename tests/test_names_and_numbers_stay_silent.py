"""No error of names or numbers repeats what was typed; a personal value's repr shows nothing."""

import dataclasses

import pytest

from jukinet.errors import Malformed
from jukinet.names import address, era, legal, match
from jukinet.numbers import corporate_number, individual_number, municipality_code, resident_code

MARKER = "秘密花子7391"


def an_address(**typed):
    lawful = {"municipality": "131016", "postal_code": "1000001", "town": "千代田"}
    return address.parse(**(lawful | typed))


PARSERS = [
    pytest.param(resident_code.parse, id="resident code"),
    pytest.param(resident_code.complete, id="resident code, completed"),
    pytest.param(resident_code.check_digit, id="resident code, check digit"),
    pytest.param(individual_number.parse, id="individual number"),
    pytest.param(individual_number.complete, id="individual number, completed"),
    pytest.param(corporate_number.parse, id="corporate number"),
    pytest.param(corporate_number.complete, id="corporate number, completed"),
    pytest.param(municipality_code.parse, id="municipality code"),
    pytest.param(municipality_code.from_jis, id="municipality code from JIS"),
    pytest.param(municipality_code.prefecture_name, id="prefecture"),
    pytest.param(legal.parse, id="name"),
    pytest.param(legal.parse_reading, id="reading"),
    pytest.param(era.parse, id="date"),
    pytest.param(era.parse_iso, id="ISO date"),
    pytest.param(lambda text: an_address(municipality=text), id="municipality of an address"),
    pytest.param(lambda text: an_address(postal_code=text), id="postal code"),
    pytest.param(lambda text: an_address(town=text + "\x00"), id="town"),
    pytest.param(lambda text: an_address(block=text + "\u202e"), id="block"),
    pytest.param(lambda text: an_address(building=text + "\ue000"), id="building"),
]


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("around", ["*", "*\n", " *", "1931-04-*", "昭和6年*", "*" * 20])
def test_no_error_repeats_what_was_typed(parser, around):
    with pytest.raises(Malformed) as error:
        parser(around.replace("*", MARKER))
    told = str(error.value) + repr(error.value)
    assert not any(part in told for part in ("秘密", "花子", "7391"))
    assert error.value.__cause__ is None
    assert ": " in told


@pytest.mark.parametrize(
    ("parser", "typed"),
    [
        pytest.param(resident_code.parse, "25208017644", id="resident code"),
        pytest.param(individual_number.parse, "621498320258", id="individual number"),
        pytest.param(resident_code.parse, "2520801764", id="a digit short"),
        pytest.param(era.parse, "昭和64年1月8日", id="a date after its era"),
    ],
)
def test_a_slip_in_a_lawful_value_does_not_show_it(parser, typed):
    with pytest.raises(Malformed) as error:
        parser(typed)
    assert typed not in str(error.value)
    assert typed[:6] not in str(error.value) or typed.startswith("昭和64年")
    assert "1月8日" not in str(error.value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(resident_code.parse("12345678903"), id="resident code"),
        pytest.param(individual_number.parse("621498320257"), id="individual number"),
        pytest.param(legal.parse("秘密花子"), id="name"),
        pytest.param(legal.parse_reading("ひみつ"), id="reading"),
        pytest.param(match.name_key("秘密花子"), id="name key"),
        pytest.param(match.kana_key("ヒミツ"), id="kana key"),
        pytest.param(era.parse("昭和6年4月1日"), id="date"),
        pytest.param(an_address(block="1番1号", building="秘密荘"), id="address"),
    ],
)
def test_a_personal_value_cannot_print_itself(value):
    shown = f"{value!r}{value}{value!s}"
    for field in dataclasses.fields(value):
        held = getattr(value, field.name)
        if field.name != "version":
            assert field.repr is False
            assert not held or str(held) not in shown
    assert not hasattr(value, "__dict__")
