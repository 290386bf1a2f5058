"""The people of a false world: the census's households, the law's relations, one seed one world."""

import subprocess
import sys
from collections import Counter
from dataclasses import astuple
from datetime import date
from hashlib import sha256
from itertools import islice

import pytest

from jukinet.errors import Malformed
from jukinet.law.record import parse_relationship
from jukinet.world import ages, people, shapes
from jukinet.world.build import build
from jukinet.world.kinship import Line, relation
from jukinet.world.people import age_on
from jukinet.world.towns import choose

ON = date(2025, 4, 1)
RESIDENTS = 30_000


@pytest.fixture(scope="module")
def households():
    return list(build(1, choose(), RESIDENTS, ON))


@pytest.fixture(scope="module")
def residents(households):
    return [person for household in households for person in household.members]


def digest(seed):
    whole = sha256()
    for household in build(seed, choose(), 1_500, ON):
        whole.update(repr(astuple(household)).encode())
    return whole.hexdigest()


def test_one_seed_makes_one_world():
    assert digest(5) == digest(5)


def test_another_seed_makes_another_world():
    assert digest(5) != digest(6)


def test_the_hash_seed_of_the_process_changes_nothing():
    code = "import runpy, sys;names = runpy.run_path(sys.argv[1]);print(names['digest'](5))"
    found = subprocess.run(
        [sys.executable, "-c", code, __file__],
        env={"PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == digest(5)


def test_a_town_does_not_depend_on_the_other_towns():
    towns = choose()
    alone = list(build(3, towns[:1], 353, ON))
    first = [h for h in build(3, towns, 10_000, ON) if h.town == towns[0].code]
    names = [[p.name for p in h.members] for h in alone]
    assert names[:100] == [[p.name for p in h.members] for h in first][:100]


def test_people_are_exactly_as_many_as_wanted_and_numbered_in_order(households, residents):
    assert [person.id for person in residents] == list(range(1, RESIDENTS + 1))
    assert [home.id for home in households] == list(range(1, len(households) + 1))


def test_a_large_world_is_streamed():
    first = list(islice(build(1, choose(), 500_000_000, ON), 3))
    assert [home.id for home in first] == [1, 2, 3]


@pytest.mark.parametrize(("towns", "residents"), [((), 10), (choose(), 0)])
def test_an_empty_world_is_refused(towns, residents):
    with pytest.raises(Malformed):
        next(build(1, towns, residents, ON))


# --- shares -----------------------------------------------------------------------------------


def test_households_have_the_sizes_of_the_census(households):
    sizes = Counter(min(len(home.members), 6) for home in households)
    shares = [sizes[size] / len(households) for size in range(1, 7)]
    assert shares == pytest.approx([0.380, 0.281, 0.166, 0.119, 0.038, 0.016], abs=0.015)


@pytest.mark.parametrize("kind", shapes.KINDS)
def test_households_have_the_shapes_of_the_census(households, kind):
    found = sum(home.kind == kind for home in households) / len(households)
    assert found == pytest.approx(shapes.KINDS[kind], abs=0.012)


def test_the_pool_of_shapes_has_the_age_structure_of_the_year():
    pool = shapes.weighted(2025)
    size = pool.mean(lambda shape: len(shape.slots))
    structure = ages.structure(2025)
    for low, high in [(0, 5), (15, 20), (40, 45), (65, 70), (89, 92), (98, 101)]:
        found = pool.mean(lambda s, a=low, b=high: sum(a <= slot.age < b for slot in s.slots))
        assert found / size == pytest.approx(sum(structure[low:high]), abs=1e-6)


@pytest.mark.parametrize("low", range(0, 100, 10))
def test_residents_have_the_ages_of_japan(residents, low):
    found = sum(low <= age_on(ON, person.birth) < low + 10 for person in residents)
    wanted = sum(ages.structure(2025)[low : low + 10])
    assert found / RESIDENTS == pytest.approx(wanted, abs=0.008)


def test_residents_have_the_sexes_of_japan(residents):
    men = sum(person.sex == people.MALE for person in residents) / RESIDENTS
    assert men == pytest.approx(0.486, abs=0.01)
    old = [person for person in residents if age_on(ON, person.birth) >= 90]
    assert sum(person.sex == people.FEMALE for person in old) / len(old) > 0.65


def test_one_resident_in_38_is_foreign(residents):
    assert sum(p.foreign is not None for p in residents) / RESIDENTS == pytest.approx(
        0.026, abs=0.004
    )


def test_foreign_residents_are_of_the_four_classes():
    kinds = Counter(
        person.foreign.kind
        for home in build(2, choose(), 120_000, ON)
        for person in home.members
        if person.foreign
    )
    assert kinds[people.MID_TO_LONG_TERM] > 0.85 * kinds.total()
    assert 0.04 < kinds[people.SPECIAL_PERMANENT] / kinds.total() < 0.13
    assert kinds[people.PROVISIONAL_STAY] + kinds[people.TEMPORARY_REFUGE] > 0
    assert kinds[people.TRANSITIONAL_BY_BIRTH] > 0


def test_one_resident_in_800_is_under_a_measure():
    found = [
        person.measure
        for seed in (3, 4)
        for home in build(seed, choose(), 60_000, ON)
        for person in home.members
    ]
    covered = sum(measure is not None for measure in found)
    assert covered == pytest.approx(120_000 / 800, rel=0.3)
    assert all(m.since <= ON < m.until for m in found if m is not None)


def test_a_family_can_be_under_one_measure(households):
    covered = [h for h in households if h.members[0].measure and len(h.members) > 1]
    assert covered
    assert all(m.measure == h.members[0].measure for h in covered for m in h.members)


def test_a_few_birth_days_or_months_are_unknown(residents):
    unknown = [person for person in residents if person.birth_known != "day"]
    assert 3 <= len(unknown) <= 25
    assert {person.birth_known for person in unknown} <= {"month", "year"}
    assert all(p.birth.day == 1 for p in unknown)
    assert all(p.birth.month == 1 for p in unknown if p.birth_known == "year")


def test_some_wives_have_their_former_surname_entered(residents):
    former = [p for p in residents if p.former_surname]
    assert 10 < len(former) < 100
    assert all(p.sex == people.FEMALE and p.ties.spouse for p in former)


# --- soundness --------------------------------------------------------------------------------


def test_every_household_has_one_head_who_stands_first(households):
    for home in households:
        assert [p.relation for p in home.members].count(people.HEAD) == 1
        assert home.head is home.members[0]
        assert home.head.relation == people.HEAD
        assert age_on(ON, home.head.birth) >= 18


def test_relations_follow_from_the_ties(households):
    for home in households:
        ties = {p.id: p.ties for p in home.members}
        lines = {
            p.id: Line(p.sex, p.birth.toordinal(), t.mother, t.father, t.spouse, t.partner)
            for p in home.members
            for t in [ties[p.id]]
        }
        for person in home.members:
            told = relation(
                lines, head=home.members[0].id, member=person.id, otherwise=person.relation
            )
            assert told == person.relation


def test_relations_are_words_of_the_law(residents):
    found = {person.relation for person in residents}
    assert {"世帯主", "妻", "夫", "子", "父", "母", "子の妻", "子の子", "妻(未届)"} <= found
    assert {"縁故者", "同居人", "兄", "妹", "妻の母"} <= found
    for word in found:
        assert parse_relationship(word).text == word


def test_parents_are_older_than_their_children(residents):
    by_id = {person.id: person for person in residents}
    for person in residents:
        for parent in (person.ties.mother, person.ties.father):
            if parent in by_id:
                assert (person.birth - by_id[parent].birth).days > 16 * 365
        mother = by_id.get(person.ties.mother)
        if mother is not None:
            assert mother.sex == people.FEMALE
            assert (person.birth - mother.birth).days < 49 * 365


def test_couples_are_couples_of_two_adults(residents):
    by_id = {person.id: person for person in residents}
    for person in residents:
        for other in (person.ties.spouse, person.ties.partner):
            if other is not None:
                mate = by_id[other]
                assert person.id in (mate.ties.spouse, mate.ties.partner)
                assert mate.sex != person.sex
                assert mate.household == person.household


def test_most_families_share_one_surname(households):
    families = [h for h in households if h.kind in ("couple", "couple with children")]
    families = [h for h in families if not any(p.foreign for p in h.members)]
    one = sum(len({p.name.surname for p in h.members}) == 1 for h in families)
    assert 0.95 < one / len(families) < 0.995


def test_members_of_a_household_have_different_names(households):
    twice = sum(len({p.name for p in h.members}) < len(h.members) for h in households)
    assert twice <= 3


def test_citizens_have_a_family_register_and_foreigners_none(residents):
    assert all((person.registry is None) == (person.foreign is not None) for person in residents)


def test_a_couple_and_its_children_stand_in_one_register(households):
    for home in households:
        if home.kind == "couple with children" and not any(p.foreign for p in home.members):
            head, mate, *children = home.members
            if head.ties.spouse:
                assert head.registry == mate.registry
                assert head.registry.first in (head.name.text, mate.name.text)
                assert all(child.registry == head.registry for child in children)


def test_dates_stand_in_their_order(residents):
    for person in residents:
        assert person.birth <= person.resident_since <= person.address_since
        assert person.address_since <= person.notified <= ON
        if person.address_since == person.birth:
            assert person.previous is None


def test_foreign_residents_are_in_the_register_since_2012(residents):
    assert all(p.resident_since >= date(2012, 7, 9) for p in residents if p.foreign)


def test_stays_have_an_end_to_come_and_cards_a_form(residents):
    for foreign in (person.foreign for person in residents if person.foreign):
        assert foreign.until is None or foreign.until > ON
        if foreign.kind in (people.MID_TO_LONG_TERM, people.SPECIAL_PERMANENT):
            letters, digits, tail = foreign.card[:2], foreign.card[2:10], foreign.card[10:]
            assert letters.isalpha()
            assert digits.isdecimal()
            assert tail.isalpha()
            assert len(tail) == 2


def test_some_foreign_residents_have_an_alias_or_a_name_in_kanji(residents):
    foreign = [person for person in residents if person.foreign]
    assert 0.03 < sum(p.foreign.alias is not None for p in foreign) / len(foreign) < 0.25
    assert any(p.name.kanji for p in foreign)
    assert all(p.name.latin for p in foreign if p.foreign.kind == people.MID_TO_LONG_TERM)
    special = [p for p in foreign if p.foreign.kind == people.SPECIAL_PERMANENT]
    assert special
    assert not any(p.name.latin for p in special)


def test_nobody_prints_himself(households):
    for home in households[:200]:
        shown = repr(home) + "".join(map(repr, home.members))
        for person in home.members:
            for told in (person.name.given, person.name.kana, person.address.block):
                assert told not in shown
            assert str(person.birth.year) not in shown.replace(str(home.id), "")


# --- kinship ----------------------------------------------------------------------------------

FAMILY = {
    1: Line("男", 1930),
    2: Line("女", 1932, spouse=1),
    3: Line("男", 1955, mother=2, father=1, spouse=4),
    4: Line("女", 1957, mother=10, spouse=3),
    5: Line("女", 1958, mother=2, father=1, partner=11),
    6: Line("男", 1980, mother=4, father=3, spouse=7),
    7: Line("女", 1981, spouse=6),
    8: Line("女", 2005, mother=7, father=6),
    9: Line("男", 1985, mother=5),
    10: Line("女", 1930),
    11: Line("男", 1956, partner=5),
    12: Line("男", 1990),
}


@pytest.mark.parametrize(
    ("head", "member", "word"),
    [
        (3, 3, "世帯主"),
        (3, 4, "妻"),
        (4, 3, "夫"),
        (3, 1, "父"),
        (3, 2, "母"),
        (3, 10, "妻の母"),
        (4, 2, "夫の母"),
        (3, 6, "子"),
        (3, 7, "子の妻"),
        (3, 8, "子の子"),
        (1, 8, "子の子の子"),
        (8, 3, "父の父"),
        (8, 4, "父の母"),
        (3, 5, "妹"),
        (5, 3, "兄"),
        (5, 11, "夫(未届)"),
        (11, 5, "妻(未届)"),
        (11, 9, "妻(未届)の子"),
        (3, 9, "妹の子"),
        (5, 4, "兄の妻"),
        (4, 5, "夫の妹"),
        (3, 12, "同居人"),
    ],
)
def test_relation_to_the_head(head, member, word):
    assert relation(FAMILY, head=head, member=member) == word


def test_a_relation_that_no_tie_shows_is_not_guessed():
    assert relation(FAMILY, head=1, member=12, otherwise="縁故者") == "縁故者"


def test_a_chain_of_relations_is_one_the_law_reads():
    for head in FAMILY:
        for member in FAMILY:
            parse_relationship(relation(FAMILY, head=head, member=member))


# --- ages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", [1950, 1988, 2020, 2025, 2050, 2100])
def test_age_structures_are_shares(year):
    shares = ages.structure(year)
    assert len(shares) == ages.OLDEST + 1
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0


def test_a_group_of_ages_keeps_its_total():
    groups = {2020: (0.0354, 0.0772, 0.0743), 2025: (0.0336, 0.0686, 0.0631)}
    for year, (infants, forties, seventies) in groups.items():
        shares = ages.structure(year)
        assert sum(shares[0:5]) == pytest.approx(infants, abs=2e-4)
        assert sum(shares[45:50]) == pytest.approx(forties, abs=2e-4)
        assert sum(shares[70:75]) == pytest.approx(seventies, abs=2e-4)


def test_life_is_as_long_as_the_life_tables_say():
    assert ages.expectancy(people.MALE) == pytest.approx(81.3, abs=0.4)
    assert ages.expectancy(people.FEMALE) == pytest.approx(87.4, abs=0.4)


def test_dying_grows_with_age_and_is_rarer_for_women():
    men, women = ages.dying(people.MALE), ages.dying(people.FEMALE)
    assert list(men[30:]) == sorted(set(men[30:]))
    assert all(w <= m for m, w in zip(men, women, strict=True))


def test_fertility_adds_up_to_the_estimate():
    assert sum(ages.bearing(2025)) == pytest.approx(1.33, abs=0.01)
    assert ages.bearing(2025)[13] == ages.bearing(2025)[51] == 0
    assert 28 <= max(range(110), key=ages.bearing(2025).__getitem__) <= 33
