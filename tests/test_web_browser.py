"""The pages in a real browser: the main tasks from end to end, seen wide and narrow, in two tongues."""

import shutil
import subprocess
from functools import partial
from urllib.parse import parse_qs

import pytest
from tests.browser import NARROW, WIDE, Window, browser
from tests.test_web import people_of, somebody
from tests.web_server import Visitor, serving

from jukinet.feed import outbox
from jukinet.register import book
from jukinet.web.passkeys import NOBODYS
from jukinet.web.tongues import tongue as tongue_of

WAYS = [
    pytest.param("en", WIDE, True, id="English, wide, with the script"),
    pytest.param("ja", NARROW, False, id="Japanese, narrow, without a script"),
    pytest.param("ja", WIDE, True, id="Japanese, wide", marks=pytest.mark.long),
    pytest.param("en", NARROW, False, id="English, narrow, no script", marks=pytest.mark.long),
]
SIGHTS = [
    pytest.param("ja", WIDE, id="Japanese, wide"),
    pytest.param("ja", NARROW, id="Japanese, narrow"),
    pytest.param("en", WIDE, id="English, wide", marks=pytest.mark.long),
    pytest.param("en", NARROW, id="English, narrow", marks=pytest.mark.long),
    pytest.param("ja-easy", NARROW, id="easy Japanese, narrow", marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("browser") / "demo") as one:
        yield one


@pytest.fixture(scope="module")
def running():
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def big(served):
    return served.towns[0]


@pytest.fixture
def window(running, served, request):
    """A window of one way to come in; whatever it complained of makes the test fail."""
    tongue, width, script = getattr(request, "param", ("ja", WIDE, True))
    one = Window(running, served.url, width=width, tongue=tongue, script=script)
    yield one
    assert one.complaints == []
    one.close()


def said(window, text):
    return tongue_of(window.tongue).say(text)


def in_each_way(test):
    return pytest.mark.parametrize(
        "window",
        [pytest.param(tuple(way.values), id=way.id, marks=way.marks) for way in WAYS],
        indirect=True,
    )(test)


def fresh(served, town, taken, fits=lambda record: True):
    """Somebody of a town of whom no other test has made anything."""
    record = somebody(served, town, lambda one: one.number not in taken and fits(one))
    taken.add(record.number)
    return record


@pytest.fixture(scope="module")
def taken():
    return set()


def address_of_the_town(served, town):
    record = somebody(served, town)
    return record.address.postal_code


def at_the_desk(window):
    window.fill(who="self", proof="number_card")


def go_on_and_accept(window):
    window.press("confirm")
    assert said(window, "Accept the notification") in window.text
    window.press("accept")
    assert said(window, "Accepted.") in window.text, window.text


def record_now(served, town, number):
    def read(house):
        with house.towns[town].store.begin() as tx:
            return book.records(tx, [number])[number].record

    return served.ask(read)


def told(served, town):
    """How many items the town has told the centre, and how many the centre has applied."""

    def read(house):
        node = house.towns[town]
        with node.store.begin() as tx:
            standing = outbox.standing(tx, node.to_centre)
        return standing.last, standing.acknowledged

    return served.ask(read)


@in_each_way
def test_a_family_moves_in_from_abroad(window, served, big):
    window.sign_in(f"clerk:{big}")
    window.go("/desk/take/move-in")
    before = told(served, big)[0]
    way = f"{window.tongue}{window.width}"
    ways = {"en1280": "英子 エイコ 5", "ja360": "和子 カズコ 6", "ja1280": "明子 アキコ 7"}
    given, kana, day = {**ways, "en360": "良子 リョウコ 8"}[way].split()
    window.press("more")
    window.fill(event_date="R8.1.4", m0_name=f"試験　{given}", m0_kana=f"シケン　{kana}")
    window.page.locator('[name="came_from_kind"][value="abroad"]').check()
    window.fill(m0_birth=f"S55.5.{day}", m0_sex="female", m0_rel="世帯主")
    window.fill(m0_domicile="東京都千代田区千代田１番", m0_first=f"試験　{given}")
    window.fill(
        m1_name=f"試験　{given[0]}太", m1_kana="シケン　コドモ", m1_birth=f"平成27年3月{day}日"
    )
    window.fill(m1_sex="male", m1_rel="子")
    window.fill(m1_domicile="東京都千代田区千代田１番", m1_first=f"試験　{given}")
    window.fill(postal=address_of_the_town(served, big))
    window.press("postal")
    assert window.page.locator("#town").input_value()
    window.fill(block="１番２号")
    at_the_desk(window)
    go_on_and_accept(window)
    assert f"試験　{given}" in window.text
    last, acknowledged = told(served, big)
    assert last == acknowledged == before + 2


@in_each_way
def test_a_person_is_found_and_the_record_of_another_day_is_shown(window, served, big):
    record = somebody(served, big, lambda one: one.name.reading is not None)
    window.sign_in(f"clerk:{big}")
    window.fill(kana=record.name.reading.text)
    window.page.locator("main form button:not([value])").first.click()
    window.page.locator(f'a[href="/desk/records/{record.number}"]').first.click()
    window.page.wait_for_load_state()
    assert record.name.legal.text in window.text
    window.fill(as_of="令和7年6月1日")
    window.page.locator("main form button").last.click()
    window.page.wait_for_load_state()
    assert said(window, "this is not the record of today.") in window.text


@in_each_way
def test_a_household_moves_inside_the_town(window, served, big, taken):
    record = fresh(served, big, taken, lambda one: one.is_head)
    window.sign_in(f"clerk:{big}")
    window.go(f"/desk/take/move-inside?record={record.number}")
    for box in window.page.locator('[name="goes"]').all():
        box.check()
    window.fill(event_date="令和8年1月4日", postal=address_of_the_town(served, big))
    window.press("postal")
    window.fill(block="９９番９号", building="新居１０１")
    at_the_desk(window)
    go_on_and_accept(window)
    now = record_now(served, big, record.number)
    assert now.address.block == "９９番９号"
    assert now.household == record.household


@in_each_way
def test_a_person_moves_out_and_the_notification_is_cancelled(window, served, big, taken):
    record = fresh(served, big, taken)
    window.sign_in(f"clerk:{big}")
    window.go(f"/desk/take/move-out?record={record.number}")
    other = served.towns[1]
    window.fill(event_date="令和8年1月20日", destination=other)
    at_the_desk(window)
    go_on_and_accept(window)
    assert record_now(served, big, record.number).planned is not None
    window.page.locator('a[href^="/desk/cancel"]').click()
    window.page.locator("main form button.grave").click()
    window.page.wait_for_load_state()
    cancelled = (
        "This notification was cancelled. Its entries stay in the book, reversed by further ones."
    )
    assert said(window, cancelled) in window.text
    assert record_now(served, big, record.number).planned is None


@in_each_way
def test_a_person_moves_to_another_town_whose_clerk_takes_the_certificate(
    window, served, big, taken
):
    old = served.towns[1]
    record = fresh(served, old, taken, lambda one: one.foreigner is None and one.name.reading)
    window.sign_in(f"clerk:{old}")
    window.go(f"/desk/take/move-out?record={record.number}")
    window.fill(event_date="2026-01-05", destination=big)
    at_the_desk(window)
    go_on_and_accept(window)
    window.go("/sessions")
    window.press("here")
    window.sign_in(f"clerk:{big}")
    window.go("/desk/take/move-in")
    window.page.locator(f'[name="take"][value="{record.code.digits}"]').check()
    window.press("take")
    assert window.page.locator("#m0_name").input_value() == record.name.legal.text
    window.fill(m0_rel="世帯主", postal=address_of_the_town(served, big))
    window.press("postal")
    window.fill(block="７番７号")
    at_the_desk(window)
    go_on_and_accept(window)
    assert record_now(served, old, record.number).deleted is not None


@in_each_way
def test_a_child_is_born(window, served, big, taken):
    record = fresh(
        served, big, taken, lambda one: one.is_head and one.foreigner is None and one.name.reading
    )
    window.sign_in(f"clerk:{big}")
    window.go(f"/desk/take/birth?record={record.number}")
    surname = record.name.legal.text.split("　")[0]
    reading = record.name.reading.text.split("　")[0]
    window.fill(event_date="R8.1.5", m0_name=f"{surname}　新", m0_kana=f"{reading}　アラタ")
    window.fill(m0_sex="male")
    at_the_desk(window)
    go_on_and_accept(window)
    assert f"{surname}　新" in window.text


@in_each_way
def test_a_death_is_entered(window, served, big, taken):
    record = fresh(served, big, taken)
    window.sign_in(f"clerk:{big}")
    window.go(f"/desk/take/death?record={record.number}")
    window.fill(event_date="令和8年1月5日", who="office", proof="office_paper")
    go_on_and_accept(window)
    assert record_now(served, big, record.number).deleted is not None


@in_each_way
def test_a_code_is_changed_and_the_new_one_is_shown_nowhere(window, served, big, taken):
    record = fresh(served, big, taken)
    window.sign_in(f"clerk:{big}")
    window.go(f"/desk/take/code-change?record={record.number}")
    at_the_desk(window)
    window.press("confirm")
    window.press("accept")
    now = record_now(served, big, record.number)
    assert now.code != record.code
    assert now.code.digits not in window.page.content()


@in_each_way
def test_somebody_alike_is_shown_before_a_second_record_is_made(window, served, big, taken):
    twin = fresh(served, big, taken, lambda one: one.name.reading and one.birth_date.known)
    window.sign_in(f"clerk:{big}")
    window.go("/desk/take/move-in")
    window.fill(event_date="R8.1.4", m0_name=twin.name.legal.text, m0_birth=twin.birth_date.iso)
    window.page.locator('[name="came_from_kind"][value="abroad"]').check()
    window.fill(m0_kana=twin.name.reading.text, m0_sex=twin.sex.value, m0_rel="世帯主")
    window.fill(m0_domicile="東京都千代田区千代田１番", m0_first=twin.name.legal.text)
    window.fill(postal=address_of_the_town(served, big))
    window.press("postal")
    window.fill(block="３番３号")
    at_the_desk(window)
    window.press("confirm")
    assert said(window, "Is it one of these?") in window.text
    window.press("accept")
    assert said(window, "look at them first, and say that it is another person") in window.text
    window.page.locator('[name="apart"]').check()
    window.press("accept")
    assert said(window, "Accepted.") in window.text


@in_each_way
def test_a_resident_sees_who_asked_and_who_looked(window, served):
    window.sign_in("resident")
    window.go("/portal/asked")
    window.page.locator("main form button").click()
    window.page.wait_for_load_state()
    assert said(window, "This is the whole list.") in window.text
    window.go("/portal/looked")
    assert said(window, "yourself") in window.text


def test_what_is_amiss_is_said_while_the_clerk_types(window, served, big):
    window.sign_in(f"clerk:{big}")
    window.go("/desk/take/move-in")
    window.fill(event_date="昭和99年1月1日")
    window.page.locator("#event_date").press("Tab")
    window.page.locator("#checks .box").wait_for()
    assert said(window, "Day of the event") in window.page.locator("#checks").inner_text()
    assert window.page.locator("#event_date").input_value() == "昭和99年1月1日"


def test_a_move_in_is_taken_by_keyboard_alone(window, served, big):
    window.sign_in(f"clerk:{big}")
    window.go("/desk/take/move-in")
    keys = window.page.keyboard
    window.page.locator("#event_date").focus()
    order = []
    for _ in range(60):
        order.append(window.page.evaluate("document.activeElement.name || ''"))
        if window.page.evaluate("document.activeElement.value") == "confirm":
            break
        keys.press("Tab")
    reached = [name for name in order if name]
    for name in ("event_date", "came_from", "m0_name", "m0_rel", "postal", "town", "home", "who"):
        assert name in reached, reached
    with window.page.expect_navigation():
        keys.press("Enter")
    assert window.page.locator("#summary").is_visible()


def test_variants_of_a_character_are_told_apart_on_the_screen(window):
    """Two variants of 邉, and 辻 with one dot and with two, are four pictures in the font of names."""
    shapes = "\u9089\U000e010f", "\u9089\U000e0110", "\u8fbb\U000e0102", "\u8fbb\U000e0103"
    seen = window.page.evaluate(
        """async shapes => {
            const found = [];
            for (const text of shapes) {
                const box = document.createElement('canvas');
                box.width = box.height = 120;
                const pen = box.getContext('2d');
                pen.font = '100px IPAmjMincho';
                pen.fillText(text, 5, 100);
                found.push(box.toDataURL());
            }
            return found;
        }""",
        list(shapes),
    )
    fonts = window.page.evaluate("document.fonts.check('20px IPAmjMincho')")
    if not _installed("IPAmjMincho"):
        pytest.skip("IPAmj Mincho is not installed (apt-get install fonts-ipamj-mincho)")
    assert fonts
    assert len(set(seen)) == len(shapes)


def _installed(family):
    if shutil.which("fc-list") is None:
        return False
    found = subprocess.run(["fc-list", family], capture_output=True, text=True, check=False)
    return bool(found.stdout)


# --- every page -------------------------------------------------------------------------------------

PUBLIC = ("/", "/licences", "/sign-in", "/observatory", "/observatory/questions")
PUBLIC += ("/observatory/towns", "/observatory/charges", "/observatory/check", "/nothing")


def look_over(window, *paths):
    """What is wrong with some pages: what axe finds, and what is too wide."""
    found = {}
    for path in paths:
        if callable(path):
            path()
            window.page.wait_for_load_state("networkidle")
        else:
            window.go(path)
        wrong = window.amiss()
        if window.too_wide():
            wrong.append("it scrolls sideways")
        if wrong:
            found[window.page.url] = wrong
    return found


@pytest.mark.parametrize(("tongue", "width"), SIGHTS)
def test_every_page_is_sound_to_axe_and_fits_its_window(running, served, big, tongue, width):
    anybody = Window(running, served.url, width=width, tongue=tongue)
    assert look_over(anybody, *PUBLIC) == {}
    anybody.close()
    record = max(people_of(served, big), key=lambda one: (not one.hidden, one.is_head, -one.number))
    here = f"/desk/records/{record.number}"
    clerk = Window(running, served.url, width=width, tongue=tongue)
    clerk.sign_in(f"clerk:{big}")
    forms = [f"/desk/take/{kind}?record={record.number}" for kind in FORMS]
    assert look_over(clerk, "/desk", "/desk/work", here, f"{here}/history", *forms) == {}
    assert look_over(clerk, "/desk/take/move-in", partial(clerk.press, "confirm")) == {}
    clerk.go("/desk")
    clerk.fill(number=str(record.number))
    assert look_over(clerk, clerk.page.locator("main form button").first.click) == {}
    clerk.close()
    resident = Window(running, served.url, width=width, tongue=tongue)
    resident.sign_in("resident")
    assert (
        look_over(resident, "/portal", "/portal/looked", "/portal/asked", "/sessions", "/passkeys")
        == {}
    )
    resident.go("/portal/asked")
    assert look_over(resident, resident.page.locator("main form button").click) == {}
    resident.close()


FORMS = ("move-inside", "move-out", "birth", "death", "code-change", "household-change", "measures")


# --- passkeys ---------------------------------------------------------------------------------------


def authenticator(window, **more):
    """The browser's own virtual authenticator, whose owner is there and is who he says."""
    session = window.page.context.new_cdp_session(window.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        **more,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


@pytest.mark.parametrize("role", ["clerk", "resident"])
def test_a_passkey_is_added_signs_in_and_opens_nothing_when_it_is_removed(window, served, role):
    authenticator(window)
    window.sign_in(role)
    home = window.page.url
    window.go("/passkeys")
    with window.page.expect_navigation():
        window.page.locator('form[data-passkey="make"] button').click()
    assert said(window, "never used") in window.text
    window.go("/sessions")
    window.press("here")
    window.go("/sign-in")
    with window.page.expect_navigation():
        window.page.locator('form[data-passkey="use"] button').click()
    assert window.page.url == home
    window.go("/passkeys")
    assert said(window, "last used on") in window.text
    window.page.locator('form[action="/passkeys/remove"] button').click()
    window.go("/sessions")
    window.press("here")
    window.go("/sign-in")
    with window.page.expect_navigation():
        window.page.locator('form[data-passkey="use"] button').click()
    assert "/sign-in/passkey" in window.page.url
    assert tongue_of("ja").refusal(NOBODYS) in window.text


def test_a_device_that_has_no_passkey_says_so_and_nothing_is_sent(window, served):
    session, id = authenticator(window)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": id, "isUserVerified": False})
    window.sign_in("clerk")
    window.go("/passkeys")
    window.page.locator('form[data-passkey="make"] button').click()
    window.page.locator("[data-trouble]").wait_for()
    assert said(window, "None yet.") in window.text


def test_what_a_device_signed_once_signs_nobody_in_again(window, served, big):
    authenticator(window)
    window.sign_in(f"clerk:{big}")
    window.go("/passkeys")
    with window.page.expect_navigation():
        window.page.locator('form[data-passkey="make"] button').click()
    window.go("/sessions")
    window.press("here")
    window.go("/sign-in")
    sent = {}
    window.page.on("request", lambda request: sent.update({request.url: request.post_data}))
    with window.page.expect_navigation():
        window.page.locator('form[data-passkey="use"] button').click()
    body = sent[f"{served.url}/sign-in/passkey"]
    credential = parse_qs(body)["credential"][0]
    thief = Visitor(served.url)
    thief.get("/sign-in")
    reply = thief.post("/sign-in/passkey", {"credential": credential})
    assert reply.status_code == 422
    assert thief.get("/desk").url.path == "/sign-in"


# --- further forms ------------------------------------------------------------------------------------


@in_each_way
def test_somebody_makes_a_household_of_their_own(window, served, big, taken):
    record = fresh(served, big, taken, lambda one: not one.is_head)
    window.sign_in(f"clerk:{big}")
    window.go(f"/desk/take/household-change?record={record.number}")
    window.page.locator(f'[name="goes"][value="{record.number}"]').check()
    window.fill(event_date="令和8年1月5日", **{f"rel_{record.number}": "世帯主"})
    at_the_desk(window)
    go_on_and_accept(window)
    now = record_now(served, big, record.number)
    assert now.is_head
    assert now.household != record.household


@in_each_way
def test_a_person_under_support_measures_is_hidden_at_once(window, served, big, taken):
    record = fresh(served, big, taken, lambda one: one.is_head)
    window.sign_in(f"clerk:{big}")
    window.go(f"/desk/take/measures?record={record.number}")
    window.fill(measure="begin", threat="violence", until="令和9年1月4日")
    at_the_desk(window)
    go_on_and_accept(window)
    assert record_now(served, big, record.number).hidden
    window.go(f"/desk/records/{record.number}")
    assert record.name.legal.text not in window.text
    assert said(window, "Why must it be opened?") in window.text


@in_each_way
def test_a_resident_objects_and_the_entry_says_so(window, served):
    window.sign_in("resident")
    window.go("/portal/asked")
    window.page.locator("main form button").click()
    window.page.wait_for_load_state()
    words = f"なぜですか（{window.tongue}{window.width}）"
    opened = window.page.locator("details").first
    opened.locator("summary").click()
    opened.locator('input[name="text"]').fill(words)
    with window.page.expect_navigation():
        opened.locator("button").click()
    assert said(window, "You objected") in window.text
    assert words in window.text
