"""What leaves a town: the page lists every field, and no other field, of every type that leaves."""

import dataclasses
import re
import typing
from datetime import date
from enum import Enum
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.nation import Nation, search
from tests.support import (
    CHIYODA,
    SAPPORO_CHUO,
    address,
    chance,
    entrant,
    filed,
    keeper_ring,
    name,
    opened_by_keepers,
)

from jukinet.errors import Damaged
from jukinet.feed import outbox
from jukinet.feed.link import stream_name
from jukinet.keys import group
from jukinet.keys.seal import OpenKey
from jukinet.keys.sign import SigningKey
from jukinet.law import notification as law
from jukinet.law import transfer
from jukinet.law.identity import Attachment, Identification, Name, Sex
from jukinet.law.notice import PAYLOAD_BYTES, Notice, Reason, SealedNotice
from jukinet.law.record import FamilyRegister, Foreigner, ResidentClass
from jukinet.names import address as addresses
from jukinet.names import era, legal
from jukinet.nodes import letters, message, pools
from jukinet.nodes.keyring import INDEX
from jukinet.nodes.letters import Posted
from jukinet.nodes.message import CENTRE
from jukinet.nodes.sealing import Seals, context_of, open_payload, seal_notice
from jukinet.numbers import individual_number, resident_code

PAGE = (Path(__file__).parent.parent / "docs/leaving.md").read_text(encoding="utf-8")

# What a town puts on the line, and what stands encoded in it.
SENT = (message.Feed, message.FeedAck, message.Compare)
INSIDE = {
    "notice": (SealedNotice,),
    "letter": (letters.Posted,),
    "pool_request": (pools.PoolRequest,),
    "sealed": (Notice, letters.Signed, *typing.get_args(transfer.Letter)),
}


def closure(*roots: type) -> dict[type, list[str]]:
    """All types that stand in some types, with their fields (or values)."""
    found: dict[type, list[str]] = {}

    def walk(kind: typing.Any) -> None:
        for inner in typing.get_args(kind):
            walk(inner)
        if not isinstance(kind, type) or kind in found:
            return
        if issubclass(kind, Enum):
            found[kind] = [member.value for member in kind]
        elif issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind):
            hints = typing.get_type_hints(kind)
            names = getattr(kind, "__struct_fields__", None) or [
                field.name for field in dataclasses.fields(kind)
            ]
            found[kind] = list(names)
            for field in names:
                walk(hints[field])

    for root in roots:
        walk(root)
    return found


LEAVING = closure(*SENT, *(kind for kinds in INSIDE.values() for kind in kinds))
TABLES = {
    title: re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", body, re.MULTILINE)
    for title, body in re.findall(
        r"^### `(\w+)` \([^\n]+\)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
}
CHOICES = {
    title: re.findall(r"`(\w+)`", values)
    for title, values in re.findall(
        r"^\| `(\w+)` \| [^|]+ \| (.+) \|$",
        PAGE[PAGE.index("## Words that stand") :],
        re.MULTILINE,
    )
}
STRUCTS = [kind for kind in LEAVING if not issubclass(kind, Enum)]
ENUMS = [kind for kind in LEAVING if issubclass(kind, Enum)]


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_the_page_lists_every_field_of_a_type_that_leaves_in_order(kind):
    assert [field for field, *_ in TABLES[kind.__name__]] == LEAVING[kind]


def test_the_page_lists_no_type_that_does_not_leave():
    assert set(TABLES) == {kind.__name__ for kind in STRUCTS}
    assert set(CHOICES) == {kind.__name__ for kind in ENUMS}


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_the_page_lists_every_value_of_a_choice_in_order(kind):
    assert CHOICES[kind.__name__] == LEAVING[kind]


@pytest.mark.parametrize(
    ("title", "row"), [(title, row) for title, rows in TABLES.items() for row in rows]
)
def test_a_field_has_its_japanese_its_form_and_who_reads_it(title, row):
    _, japanese, form, who = row
    assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", japanese), title
    assert form.strip()
    assert re.match(r"the centre|keepers|the agency|the town|as the ", who), (title, who)


def test_the_kinds_of_item_are_those_that_the_centre_knows():
    """A kind that the centre would take and the page does not know would be a way out."""
    source = Path(__file__).parent.parent / "src/jukinet/nodes/centre/intake.py"
    known = set(re.findall(r'item\.kind == "(\w+)"', source.read_text(encoding="utf-8")))
    assert known == set(INSIDE) - {"sealed"}
    (form,) = (form for field, _, form, _ in TABLES["Item"] if field == "kind")
    assert set(re.findall(r"`(\w+)`", form)) == known


# --- what reaches the centre ---------------------------------------------------------------------

CENTRES = closure(*SENT, SealedNotice, Posted, pools.PoolRequest, Notice)
NEVER = ("household", "head", "relationship", "register", "previous", "former_address", "member",
         "nationality", "status", "card", "cause", "record")  # fmt: skip


@pytest.mark.parametrize("kind", CENTRES, ids=lambda kind: kind.__name__)
def test_nothing_that_reaches_the_centre_has_a_field_for_family_or_former_homes(kind):
    fields = LEAVING[kind] if not issubclass(kind, Enum) else []
    assert [field for field in fields for word in NEVER if word in field] == []


@pytest.mark.parametrize("kind", [FamilyRegister, Foreigner])
def test_family_register_and_nationality_stand_in_the_certificate_alone(kind):
    holders = [one for one in LEAVING if kind in closure(one) and one is not kind]
    assert holders == [transfer.TransferCertificate]


def test_a_notice_has_six_items():
    assert Identification.__struct_fields__ == (
        "name",
        "birth_date",
        "sex",
        "address",
        "code",
        "individual_number",
    )
    assert not {one.value for one in Reason} & {"marriage", "divorce", "adoption"}


MARKS = {
    "family register": "稚内市鶴亀九丁目",
    "first named": "鶴亀 松之助",
    "cause": "marriage",
    "co-resident": "竹梅 鷹子",
    "household": "妻",
}


@pytest.fixture(scope="module")
def life():
    """A family enters, moves inside, marries, moves out to another prefecture, and is hidden."""
    nation = Nation((CHIYODA, SAPPORO_CHUO), ("pension",))
    register = FamilyRegister(place=MARKS["family register"], first_named=MARKS["first named"])
    with nation.carried() as carried:
        person, wife = nation.enter(
            CHIYODA,
            entrant(family_register=register, name=name("山田 花子")),
            entrant("妻", family_register=register, name=name(MARKS["co-resident"])),
        )
        nation.accept(
            CHIYODA,
            law.NameChange(
                filed=filed(date(2026, 4, 1)),
                person=wife,
                name=name(MARKS["co-resident"] + "乃"),
                cause=law.NameCause.MARRIAGE,
            ),
        )
        nation.move(person, CHIYODA, SAPPORO_CHUO, block="5番5号")
        nation.ask("pension", "1-73", "items", search(nation.record(CHIYODA, person)))
    return nation, carried


def told(nation, town):
    with nation.stores[town].begin() as tx:
        return list(outbox.items(tx, stream_name(town, CENTRE)))


def test_no_byte_to_the_centre_shows_anything_of_anybody(life):
    nation, carried = life
    sent = b"".join(
        message.encode(one)
        for one in carried
        if one.receiver == CENTRE and one.sender in nation.towns
    )
    assert len(sent) > 5_000
    plain = [*MARKS.values(), "山田", "花子", "千代田", "1番1号", "5番5号", "1980", "female"]
    record = nation.record(CHIYODA, 1)
    plain += [record.code.digits, record.individual_number.digits]
    assert [text for text in plain if text.encode() in sent] == []


def test_what_the_keepers_could_open_are_six_items_and_the_change(life):
    nation, _ = life
    opened = []
    for town in nation.towns:
        for row in told(nation, town):
            if row.kind == "notice":
                sealed = msgspec.msgpack.decode(row.body, type=SealedNotice)
                context = context_of(sealed.town, sealed.locator, sealed.version)
                key = opened_by_keepers(INDEX, sealed.wrapped, context)
                opened.append(open_payload(key, sealed.payload, context))
    assert len(opened) == 5
    for notice in opened:
        written = repr(notice.pack()) + repr(notice.person.pack())
        assert len(notice.person.pack()) == 14
        marks = {what for what, text in MARKS.items() if text in written}
        assert marks <= {"co-resident"}, "her own notice has her own name"
    moved = [one for one in opened if one.person.address.municipality == SAPPORO_CHUO]
    assert all("1番1号" not in repr(one.person.pack()) for one in moved), "no address before"


def test_the_certificate_opens_for_the_new_town_and_for_nobody_else(life):
    nation, _ = life
    posted = [
        msgspec.msgpack.decode(row.body, type=Posted)
        for row in told(nation, CHIYODA)
        if row.kind == "letter"
    ]
    assert [one.receiver for one in posted] == [SAPPORO_CHUO]
    relayed = letters.Relayed(sender=CHIYODA, sealed=posted[0].sealed)
    opening = OpenKey(nation.rings[SAPPORO_CHUO].opening)
    found = letters.open_letter(relayed, SAPPORO_CHUO, opening, nation.directory)
    assert found.family_register.place == MARKS["family register"]
    for other in (OpenKey(keeper_ring("keeper-1").opening), OpenKey(nation.rings[CHIYODA].opening)):
        with pytest.raises(Damaged, match="does not open"):
            letters.open_letter(relayed, SAPPORO_CHUO, other, nation.directory)


# --- one size ------------------------------------------------------------------------------------


def sealed(person: Identification, *, hidden: bool = False, version: int = 2**20) -> bytes:
    notice = Notice(
        person=person,
        reason=Reason.MOVE_IN,
        event_date=date(2026, 4, 1),
        live=True,
        hidden=hidden,
        root=bytes(16),
    )
    found = seal_notice(
        notice,
        town=CHIYODA,
        attachment=Attachment(locator=bytes(16), root=bytes(16), epoch=0, seed=bytes(32)),
        version=version,
        fresh_chain=False,
        tag_key=bytes(32),
        code_key=bytes(32),
        seals=Seals(*[group.base(group.scalar_of(7))] * 2),
        chance=chance("sealing"),
    )
    assert len(found.payload) == PAYLOAD_BYTES
    return msgspec.msgpack.encode(found)


SHORT = Identification(
    name=Name(legal=legal.parse("一")),
    birth_date=era.parse("不詳"),
    sex=Sex.MALE,
    address=addresses.parse(municipality=CHIYODA, postal_code="1000001", town="一"),
    code=resident_code.complete("1234567890"),
)
LONG = Identification(
    name=Name(
        legal=legal.parse("龍" * 40),
        reading=legal.parse_reading("リュウ" * 13),
        alias=legal.parse("Wolfeschlegelsteinhausenbergerdorff"),
        alias_reading=legal.parse_reading("ウォルフ" * 5),
        former_surname=legal.parse("勘解由小路"),
    ),
    birth_date=era.parse_iso("1904-12-31"),
    sex=Sex.UNSTATED,
    address=addresses.parse(
        municipality=CHIYODA,
        postal_code="1000001",
        town="霞が関一丁目",
        block="１００番地の１００",
        building="とても長い名前の共同住宅壱番館１２３４号室",
    ),
    code=resident_code.complete("1234567890"),
    individual_number=individual_number.complete("31415926535"),
)


def test_a_notice_of_long_and_of_short_names_has_one_size():
    assert len(sealed(SHORT)) == len(sealed(LONG))


def test_a_notice_of_whoever_is_hidden_has_the_same_size():
    assert len(sealed(LONG, hidden=True)) == len(sealed(LONG))


@given(st.integers(1, 40), st.integers(0, 30), st.booleans())
def test_a_notice_has_one_size_whatever_the_name(letters_of, town, number):
    person = msgspec.structs.replace(
        SHORT,
        name=Name(legal=legal.parse("龍" * letters_of)),
        address=address(block="番" * town),
        individual_number=LONG.individual_number if number else None,
    )
    assert len(sealed(person)) == len(sealed(SHORT))


@pytest.mark.parametrize("letter", ["certificate", "measures", "request", "refused"])
def test_a_letter_has_one_size_whatever_it_says(letter):
    nation = Nation((CHIYODA, SAPPORO_CHUO), ())
    attachment = Attachment(locator=bytes(16), root=bytes(16), epoch=0, seed=bytes(32))
    made = {
        "certificate": transfer.TransferCertificate(
            name=LONG.name,
            birth_date=LONG.birth_date,
            sex=LONG.sex,
            code=LONG.code,
            individual_number=LONG.individual_number,
            family_register=None,
            foreigner=Foreigner(nationality="米国", resident_class=ResidentClass.SPECIAL_PERMANENT),
            former_address="東京都千代田区" + LONG.address.one_line,
            planned_on=date(2026, 4, 1),
            attachment=attachment,
            version=2**20,
            measures=(),
        ),
        "measures": transfer.MeasuresNotice(locator=bytes(16), measures=()),
        "request": transfer.TransferRequest(
            code=LONG.code, birth_date=LONG.birth_date, moved_on=date(2026, 4, 1)
        ),
        "refused": transfer.TransferRefused(code=LONG.code),
    }[letter]
    key = SigningKey(nation.rings[CHIYODA].signing)
    posted = letters.seal_letter(made, CHIYODA, SAPPORO_CHUO, key, nation.directory)
    assert len(posted.sealed) == letters.SIZES[0] + 48
