"""Moving house: a family leaves Chiyoda for Shinjuku, and not all goes as planned."""

from datetime import timedelta

import pytest

from jukinet.law import notification as law
from jukinet.law.notice import Reason
from jukinet.law.record import DeletionCause, parse_relationship
from jukinet.names import era
from jukinet.nodes.message import Filed, NotFiled
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.register import book
from support import CHIYODA, DAY, SHINJUKU, address, entrant, filed, name
from towns import Country, everybody

FATHER, MOTHER, SON, GRANDMOTHER = 1, 2, 3, 4


def on(days):
    return DAY + timedelta(days=days)


class Story:
    """What clerks do, said shortly."""

    def __init__(self):
        self.country = Country(CHIYODA, SHINJUKU)
        self.chiyoda, self.shinjuku = self.country
        self.chiyoda.household(
            entrant(
                name=name("山田 太郎", "ヤマダ タロウ"), birth_date=era.parse_iso("1985-03-03")
            ),
            entrant("妻", name=name("山田 花子"), birth_date=era.parse_iso("1986-06-06")),
            entrant(
                "子", name=name("山田 一", "ヤマダ ハジメ"), birth_date=era.parse_iso("2015-01-01")
            ),
            entrant(
                "母", name=name("山田 梅", "ヤマダ ウメ"), birth_date=era.parse_iso("1950-02-02")
            ),
            event=on(-90),
            notice=on(-90),
        )

    @property
    def today(self):
        return self.country.line.now.date()

    def filed(self, event=None, number=""):
        return filed(event or self.today, self.today, number)

    def until(self, days):
        self.country.until(on(days))

    def papers(self, *persons):
        """What the movers bring to the new town's desk."""
        old = [self.chiyoda.record(person) for person in persons]
        return tuple(
            entrant(
                record.relationship.text,
                name=record.name,
                birth_date=record.birth_date,
                code=record.code,
            )
            for record in old
        )

    def live(self, town):
        """Names and relationships in a town."""
        records = [kept.record for kept in everybody(town).values() if kept.record.live]
        return {r.name.legal.text.split()[1]: r.relationship.text for r in records}

    def believed(self):
        """Where the centre believes everybody to live."""
        return {
            told.notice.person.name.legal.text.split()[1]: told.notice.person.address.municipality
            for told in self.country.believed().values()
            if told.notice.live
        }


@pytest.fixture
def story():
    return Story()


def test_a_family_moves_and_the_grandmother_stays(story):
    plan = law.MoveOut(
        filed=story.filed(on(10)),
        persons=(FATHER, MOTHER, SON),
        destination=MunicipalityCode(SHINJUKU),
    )
    story.chiyoda.accept(plan)
    assert story.live(story.chiyoda).keys() == {"太郎", "花子", "一", "梅"}

    story.until(12)
    papers = story.papers(FATHER, MOTHER, SON)
    arrival = law.MoveIn(
        filed=story.filed(on(11)),
        movers=papers,
        address=address(SHINJUKU),
        household=None,
        came_from=MunicipalityCode(CHIYODA),
    )
    story.shinjuku.accept(arrival)

    assert story.live(story.shinjuku) == {"太郎": "世帯主", "花子": "妻", "一": "子"}
    assert story.live(story.chiyoda) == {"梅": "世帯主"}, "the one who is left is head"
    assert story.believed() == {
        "太郎": SHINJUKU,
        "花子": SHINJUKU,
        "一": SHINJUKU,
        "梅": CHIYODA,
    }
    assert story.chiyoda.record(FATHER).deleted.on == on(11), "the day of the move, not the plan's"


def test_a_child_is_born_between_the_plan_and_the_move(story):
    story.chiyoda.accept(
        law.MoveOut(
            filed=story.filed(on(10)),
            persons=(FATHER, MOTHER, SON),
            destination=MunicipalityCode(SHINJUKU),
        )
    )
    story.until(8)
    (baby,) = story.chiyoda.accept(
        law.Birth(
            filed=story.filed(on(7)),
            child=entrant(
                "子", name=name("山田 桃", "ヤマダ モモ"), birth_date=era.from_date(on(7))
            ),
            household=1,
        )
    )
    story.chiyoda.accept(
        law.MoveOut(
            filed=story.filed(on(10)), persons=(baby,), destination=MunicipalityCode(SHINJUKU)
        )
    )
    story.until(10)
    story.shinjuku.accept(
        law.MoveIn(
            filed=story.filed(),
            movers=story.papers(FATHER, MOTHER, SON, baby),
            address=address(SHINJUKU),
            household=None,
            came_from=MunicipalityCode(CHIYODA),
        )
    )
    assert story.live(story.shinjuku).keys() == {"太郎", "花子", "一", "桃"}
    assert story.believed()["桃"] == SHINJUKU


def test_they_decide_to_stay_after_all(story):
    story.chiyoda.accept(
        law.MoveOut(
            filed=story.filed(on(10), "the plan"),
            persons=(FATHER, MOTHER, SON),
            destination=MunicipalityCode(SHINJUKU),
        )
    )
    papers = story.papers(FATHER, MOTHER, SON)
    story.until(5)
    story.chiyoda.accept(law.Cancellation(filed=story.filed(), cancels="the plan"))
    reply = story.shinjuku.file(
        law.MoveIn(
            filed=story.filed(),
            movers=papers,
            address=address(SHINJUKU),
            household=None,
            came_from=MunicipalityCode(CHIYODA),
        )
    )
    assert isinstance(reply, NotFiled), "the old paper opens no door"
    assert story.believed().keys() == {"太郎", "花子", "一", "梅"}
    assert set(story.believed().values()) == {CHIYODA}


def test_the_father_dies_before_the_move_and_the_clerk_hears_of_it_late(story):
    story.chiyoda.accept(
        law.MoveOut(
            filed=story.filed(on(10)),
            persons=(FATHER, MOTHER, SON),
            destination=MunicipalityCode(SHINJUKU),
        )
    )
    story.until(10)
    papers = story.papers(MOTHER, SON)
    head = law.Entrant(**{**fields(papers[0]), "relationship": parse_relationship("世帯主")})
    story.shinjuku.accept(
        law.MoveIn(
            filed=story.filed(),
            movers=(head, papers[1]),
            address=address(SHINJUKU),
            household=None,
            came_from=MunicipalityCode(CHIYODA),
        )
    )
    story.until(14)
    reply = story.chiyoda.file(law.Death(filed=story.filed(on(9)), person=FATHER))
    assert isinstance(reply, Filed)
    assert story.chiyoda.record(FATHER).deleted.cause is DeletionCause.DIED
    assert story.live(story.chiyoda) == {"梅": "世帯主"}
    assert story.live(story.shinjuku) == {"花子": "世帯主", "一": "子"}
    with story.chiyoda.store.begin() as tx:
        mother_then = book.record_as(tx, GRANDMOTHER, as_of=on(9))
        mother_now = book.record_as(tx, GRANDMOTHER, as_of=on(10))
    assert mother_then.relationship.text == "母"
    assert mother_now.is_head, "from the day on which everybody else was gone"
    reasons = {t.notice.reason for t in story.country.believed().values() if not t.notice.live}
    assert reasons == {Reason.DEATH}


def fields(entrant):
    return {name: getattr(entrant, name) for name in entrant.__struct_fields__}


def test_one_of_them_does_not_come_along_in_the_end(story):
    """The son stays with his grandmother; his plan stands, overdue, until it is cancelled."""
    for number, person in (("father", FATHER), ("mother", MOTHER), ("son", SON)):
        story.chiyoda.accept(
            law.MoveOut(
                filed=story.filed(on(3), number),
                persons=(person,),
                destination=MunicipalityCode(SHINJUKU),
            )
        )
    story.until(4)
    story.shinjuku.accept(
        law.MoveIn(
            filed=story.filed(),
            movers=story.papers(FATHER, MOTHER),
            address=address(SHINJUKU),
            household=None,
            came_from=MunicipalityCode(CHIYODA),
        )
    )
    story.until(60)
    with story.chiyoda.store.begin() as tx:
        overdue = [kept.record.number for kept in book.due(tx, story.today)]
        home = book.households(tx, [1])[1]
    assert overdue == [SON]
    assert (home.head, home.members, home.head_due) == (None, 2, on(4 + 14))
    story.chiyoda.accept(law.Cancellation(filed=story.filed(), cancels="son"))
    story.chiyoda.accept(
        law.HouseholdChange(
            filed=story.filed(),
            placements=(
                law.Placement(
                    person=GRANDMOTHER, relationship=parse_relationship("世帯主"), household=1
                ),
                law.Placement(person=SON, relationship=parse_relationship("孫"), household=1),
            ),
        )
    )
    assert story.live(story.chiyoda) == {"梅": "世帯主", "一": "孫"}
    assert story.believed()["一"] == CHIYODA
