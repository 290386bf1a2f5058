"""The pages, by the door: who may see what, what is written down, and what is refused and how."""

import re
from datetime import timedelta
from typing import get_args

import pytest
from tests.web_server import MONDAY, Visitor, serving

from jukinet.client.rules import TYPES
from jukinet.law.notification import Notification
from jukinet.law.record import DeletionCause
from jukinet.law.schedule import load
from jukinet.names.display import display_name
from jukinet.register import book, looks
from jukinet.register.entries import Changes
from jukinet.web.app import BODY_BYTES_MAX, routes
from jukinet.web.desk.records import CAUSES, DELETIONS, FIELDS
from jukinet.web.desk.taking import KINDS
from jukinet.web.guard import HEADERS, Guard
from jukinet.web.observatory import LEAF_NAMES
from jukinet.web.pages import static
from jukinet.web.sessions import IDLE, LONGEST, Role, Sessions, Who
from jukinet.web.tongues import NAMES

ROUTES = routes()
PLAIN = [route for route in ROUTES if route.method == "GET" and "{" not in route.path]
PUBLIC = [route.path for route in PLAIN if route.open_to(Role.ANYBODY)]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("web") / "demo") as one:
        yield one


@pytest.fixture(scope="module")
def big(served):
    """The code of the largest town, whose clerk the tests play."""
    return served.towns[0]


@pytest.fixture
def anybody(served):
    return Visitor(served.url)


@pytest.fixture
def clerk(served, big):
    return Visitor(served.url).sign_in(f"clerk:{big}")


@pytest.fixture
def resident(served):
    return Visitor(served.url).sign_in("resident")


@pytest.fixture(scope="module")
def visitors(served, big):
    """Somebody of each role."""
    return {
        Role.ANYBODY: Visitor(served.url),
        Role.CLERK: Visitor(served.url).sign_in(f"clerk:{big}"),
        Role.RESIDENT: Visitor(served.url).sign_in("resident"),
    }


def people_of(served, town):
    """Everybody who lives in a town."""

    def read(house):
        with house.towns[town].store.begin() as tx:
            return [kept.record for kept in book.everybody(tx) if kept.record.live]

    return served.ask(read)


def somebody(served, town, fits=lambda record: True):
    return next(
        record
        for record in people_of(served, town)
        if not record.hidden and record.planned is None and fits(record)
    )


# --- who may see what -----------------------------------------------------------------------------


def filled(path):
    """An address with something in its holes that is never there."""
    return re.sub(r"\{\w+:(\w+)\}", lambda hole: "9" if hole[1] == "int" else "x", path)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_page_opens_to_its_roles_alone(visitors, route, role):
    http = visitors[role].http
    if route.method == "POST":  # without a form token nobody gets further than the door
        reply = http.post(filled(route.path), data={}, follow_redirects=False)
        assert reply.status_code == 403
        said = "too old" if route.open_to(role) else "not for you"
        assert said in reply.text
        return
    reply = http.get(filled(route.path), follow_redirects=False)
    if route.open_to(role):
        assert reply.status_code != 403
        assert reply.headers.get("location") != "/sign-in" or route.path == "/sign-in"
    elif role is Role.ANYBODY:
        assert (reply.status_code, reply.headers["location"]) == (303, "/sign-in")
    else:
        assert reply.status_code == 403


def test_every_route_names_its_roles_and_no_page_stands_twice():
    assert all(route.roles for route in ROUTES)
    places = [(route.method, route.path) for route in ROUTES]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("path", ["/desk", "/portal", "/sessions"])
def test_only_what_is_meant_for_anybody_is_open_to_anybody(path):
    assert path not in PUBLIC


def test_a_clerk_sees_no_record_of_another_town(served, big, clerk):
    other = next(town for town in served.towns if town != big)
    record = max(people_of(served, other), key=lambda one: one.number)
    mine = {one.number for one in people_of(served, big)}
    reply = clerk.get(f"/desk/records/{record.number}")
    assert record.name.legal.text not in reply.text or record.number in mine


def test_a_resident_cannot_be_played_who_is_not_on_the_list(served, big, anybody):
    record = somebody(served, big)
    reply = anybody.post("/sign-in", {"as": f"resident:{big}-{record.number + 10_000}"})
    assert reply.status_code == 400
    assert anybody.get("/sessions").url.path == "/sign-in"


# --- every reply ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PUBLIC, "/nothing", "/static/jukinet.css", "/log/checkpoint"])
def test_every_reply_bears_the_guards_headers(anybody, path):
    reply = anybody.get(path)
    assert {name: reply.headers[name] for name in HEADERS} == HEADERS
    assert "server" not in reply.headers
    kept = "immutable" if path.startswith("/static/") else "no-store"
    assert kept in reply.headers["cache-control"]


@pytest.mark.parametrize("path", [path for path in PUBLIC if not path.endswith((".json", ".csv"))])
def test_no_page_has_script_or_style_of_its_own(anybody, path):
    text = anybody.get(path).text
    assert re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son\w+=|javascript:", text) is None
    assert set(re.findall(r'(?:src|href)="(https?:[^"]*)"', text)) == set()


@pytest.mark.parametrize("path", [path for path in PUBLIC if path != "/sign-in"])
def test_who_only_reads_is_given_no_cookie(anybody, path):
    assert "set-cookie" not in anybody.get(path).headers


def test_the_sessions_cookie_is_for_our_pages_alone(anybody):
    cookie = anybody.get("/sign-in").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("tongue", list(NAMES))
def test_every_open_page_is_there_in_every_tongue(served, tongue):
    visitor = Visitor(served.url)
    for path in PUBLIC:
        reply = visitor.get(path, lang=tongue)
        assert reply.status_code == 200, path
        if reply.headers["content-type"].startswith("text/html"):
            assert f'<html lang="{tongue.split("-")[0]}">' in reply.text
    assert visitor.http.cookies["jukinet-lang"] == tongue


@pytest.mark.parametrize("path", ["/observatory", "/observatory/questions.json", "/sign-in"])
def test_an_unknown_parameter_is_refused(anybody, path):
    reply = anybody.get(path, colour="blue")
    assert reply.status_code == 400
    assert "colour" in reply.text


def test_machines_are_told_what_is_wrong_in_their_own_way(anybody):
    reply = anybody.get("/observatory/questions.json", colour="blue")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == 400
    assert reply.json()["detail"].startswith("colour: ")


@pytest.mark.parametrize(
    "path",
    [
        "/log/../../keys/centre.json",
        "/log/%2e%2e/%2e%2e/keys/centre.json",
        "/log//etc/passwd",
        "/log/.lock",
        "/static/../pages.py",
        "/static/%2e%2e/pages.py",
    ],
)
def test_no_path_leads_out_of_the_log_or_the_files_of_the_pages(anybody, path):
    assert anybody.get(path).status_code == 404


def test_a_form_that_is_far_too_long_is_not_read(clerk):
    reply = clerk.post("/desk/search", {"name": "あ" * BODY_BYTES_MAX}, page="/desk")
    assert reply.status_code == 413


def test_who_asks_too_fast_waits(tmp_path):
    from jukinet.web.guard import Bucket

    bucket = Bucket(a_second=1, at_once=3)
    assert [bucket.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take("b", 0.0)
    assert bucket.take("a", 1.5)
    assert not bucket.take("a", 1.6)
    assert isinstance(Guard, type)


def test_vendored_files_are_the_ones_that_their_names_say():
    htmx, tokens = static("vendor/htmx-2.0.11.min.js"), static("vendor/design-tokens-1.1.9.css")
    assert htmx is not None
    assert b'version:"2.0.11"' in htmx
    assert tokens is not None
    assert b"--color-primitive-blue-900" in tokens
    for name in ("vendor/htmx-2.0.11.LICENSE", "vendor/design-tokens-1.1.9.LICENSE"):
        assert static(name)


# --- sessions and forms -----------------------------------------------------------------------------


def test_a_form_from_elsewhere_is_refused(clerk, served):
    other = Visitor(served.url)
    theirs = other.token()
    reply = clerk.http.post("/desk/search", data={"form_token": theirs, "name": "山"})
    assert reply.status_code == 403
    assert clerk.http.post("/desk/search", data={"name": "山"}).status_code == 403


def test_signing_in_changes_the_token_and_signing_out_ends_it(served, big):
    visitor = Visitor(served.url)
    visitor.get("/sign-in")
    before = visitor.http.cookies["jukinet-session"]
    visitor.sign_in(f"clerk:{big}")
    token = visitor.http.cookies["jukinet-session"]
    assert token != before
    visitor.post("/sign-out", {"where": "here"}, page="/sessions")
    visitor.http.cookies.set("jukinet-session", token)
    assert visitor.get("/desk").url.path == "/sign-in"


def test_signing_out_everywhere_ends_every_session_of_that_person_alone(served):
    town = served.towns[1]
    first, second = (Visitor(served.url).sign_in(f"clerk:{town}") for _ in range(2))
    third = Visitor(served.url).sign_in(f"clerk:{served.towns[2]}")
    assert first.get("/sessions").text.count("another browser") == 1
    first.post("/sign-out", {"where": "everywhere"}, page="/sessions")
    assert second.get("/desk").url.path == "/sign-in"
    assert third.get("/desk").url.path == "/desk"


def test_a_session_ends_when_nobody_uses_it_and_after_a_day_of_use():
    sessions = Sessions(_chance)
    who = Who(role=Role.CLERK, id="1", name="")
    token = sessions.begin(who, MONDAY)
    assert sessions.of(token, MONDAY + IDLE) is not None
    assert sessions.of(token, MONDAY + IDLE + IDLE + timedelta(seconds=1)) is None
    token, now = sessions.begin(who, MONDAY), MONDAY
    while now < MONDAY + LONGEST:
        assert sessions.of(token, now) is not None
        now += IDLE
    assert sessions.of(token, MONDAY + LONGEST + timedelta(seconds=1)) is None


_drawn = iter(range(256))


def _chance(size):
    return bytes([next(_drawn)]) * size


# --- observatory ------------------------------------------------------------------------------------


def test_the_observatory_counts_what_the_log_says(anybody, served):
    rows = anybody.get("/observatory/questions.json").json()
    asked = sum(row["disclosures"] + row["deferred"] + row["refusals"] for row in rows)
    assert asked == 120
    assert f"<dd>{asked}</dd>" in anybody.get("/observatory/questions").text
    csv = anybody.get("/observatory/questions.csv").text.lstrip("\ufeff").splitlines()
    assert csv[0] == "month,agency,row,kind,inquiries,disclosures,deferred,refusals"
    assert len(csv) == 1 + len(rows)
    names = {grant.id for grant in load().grants.values()}
    assert {row["row"] for row in rows} & names


def test_the_observatory_says_that_the_log_is_sound_and_who_signed(anybody):
    seen = anybody.get("/observatory/log.json").json()
    assert seen["lie"] == ""
    assert seen["size"] == sum(seen["leaves"].values())
    assert [one["name"] for one in seen["witnesses"]] == ["w1", "w2", "w3"]
    assert "Sound." in anybody.get("/observatory").text
    assert seen["root"] in anybody.get("/observatory").text


def test_the_observatory_shows_each_town_and_its_pool(anybody, served):
    towns = anybody.get("/observatory/towns.json").json()
    assert sorted(town["town"] for town in towns) == sorted(served.towns)
    assert all(town["codes_in_pool"] > 0 and town["waiting"] == 0 for town in towns)


def test_nothing_of_anybody_stands_in_the_observatory(anybody, served):
    texts = [anybody.get(path).text for path in PUBLIC if path not in ("/sign-in",)]
    names = {one.name.legal.text for town in served.towns for one in people_of(served, town)}
    assert not any(name in text for name in names for text in texts)


def test_the_nine_charges_are_those_of_the_page(anybody):
    from pathlib import Path

    from jukinet.web import observatory

    root = Path(__file__).parent.parent
    copy = Path(observatory.__file__).with_name("charges.md")
    assert copy.read_text() == (root / "docs/charges.md").read_text(), (
        "run: cp docs/charges.md src/jukinet/web/charges.md"
    )
    assert [one["number"] for one in anybody.get("/observatory/charges.json").json()] == [
        f"C{n}" for n in range(1, 10)
    ]


def test_the_log_can_be_audited_from_the_addresses_that_the_page_names(served, anybody, tmp_path):
    from jukinet.tasks import auditing
    from jukinet.wire.mirror_reader import reader

    assert f"{served.url}/log/" in anybody.get("/observatory/check").text
    policy = tmp_path / "policy"
    policy.write_bytes(anybody.get("/log/policy").content)
    watched = auditing.Watched(
        reader(f"{served.url}/log/"), auditing.policy_of(str(policy)), tmp_path / "state", 0
    )
    found = auditing.audit(watched, MONDAY)
    assert found.lie is None
    assert found.size == anybody.get("/observatory/log.json").json()["size"]


# --- desk -------------------------------------------------------------------------------------------


def looks_at(served, town, person):
    def read(house):
        with house.towns[town].store.begin() as tx:
            return looks.looks_at(tx, person)

    return served.ask(read)


def test_a_person_is_found_by_name_reading_birth_date_code_and_number(served, big, clerk):
    record = somebody(served, big, lambda one: one.name.reading is not None)
    surname = record.name.legal.text.split("　")[0]
    for sent in (
        {"name": record.name.legal.text},
        {"name": surname, "birth": record.birth_date.iso},
        {"kana": record.name.reading.text},
        {"code": record.code.digits},
        {"number": str(record.number)},
    ):
        page = clerk.post("/desk/search", sent, page="/desk").text
        assert f'href="/desk/records/{record.number}"' in page, list(sent)
        assert record.code.digits not in re.sub(r'value="[^"]*"', "", page)


def test_a_variant_shape_of_a_name_is_found(served, big, clerk):
    record = somebody(served, big, lambda one: one.name.legal.text.startswith("佐"))
    page = clerk.post("/desk/search", {"name": record.name.legal.text[:1]}, page="/desk").text
    assert record.name.legal.text in page


def test_each_look_is_written_down_and_the_resident_reads_it(served, resident):
    sample = served.ask(lambda house: house.samples()[0])
    before = len(looks_at(served, sample.town, sample.person))
    colleague = Visitor(served.url).sign_in(f"clerk:{sample.town}")
    colleague.get(f"/desk/records/{sample.person}")
    rows = looks_at(served, sample.town, sample.person)
    assert len(rows) == before + 1
    assert (rows[0].screen, rows[0].official) == ("record", "official-1")
    assert "official-1" in resident.get("/portal/looked").text


def test_a_search_without_a_hit_is_written_down(served, big, clerk):
    before = len(looks_at(served, big, looks.NOBODY))
    reply = clerk.post("/desk/search", {"name": "不在"}, page="/desk")
    assert "Nobody was found" in reply.text
    assert len(looks_at(served, big, looks.NOBODY)) == before + 1


def test_the_looks_are_a_chain_from_which_none_can_be_taken(served, big):
    def read(house):
        with house.towns[big].store.begin() as tx:
            return looks.broken(tx), looks.LOOKS.count(tx)

    broken, count = served.ask(read)
    assert broken is None
    assert count > 0


def test_a_protected_record_opens_only_when_the_clerk_has_said_why(served):
    for town in served.towns:
        hidden = [one for one in people_of(served, town) if one.hidden]
        if hidden:
            break
    else:
        pytest.skip("nobody of this demo is under support measures")
    record = hidden[0]
    colleague = Visitor(served.url).sign_in(f"clerk:{town}")
    here = f"/desk/records/{record.number}"
    page = colleague.get(here).text
    assert "support measures" in page
    assert record.name.legal.text not in page
    assert record.address.one_line not in page
    refused = colleague.post(f"{here}/open", {"why": " "}, page=here)
    assert record.name.legal.text not in refused.text
    opened = colleague.post(f"{here}/open", {"why": "本人が来庁"}, page=here)
    assert record.name.legal.text in opened.text
    assert any(row.why == "本人が来庁" for row in looks_at(served, town, record.number))


def test_a_record_of_another_day_is_said_to_be_that(served, big, clerk):
    record = somebody(served, big)
    here = f"/desk/records/{record.number}"
    assert "not the record of today" in clerk.get(here, as_of="2025-12-31").text
    assert "none of that number" in clerk.get(here, as_of="1900-01-01").text
    assert "want a date like" in clerk.get(here, known_on="tomorrow").text


def test_a_record_that_is_not_there_is_not_found(clerk):
    assert clerk.get("/desk/records/99999999").status_code == 404
    assert clerk.get("/desk/filings/none").status_code == 404
    assert clerk.get("/desk/take/nothing").status_code == 404


FORM_FIELDS = (
    *("event_date", "m0_name", "m0_kana", "m0_birth", "m0_sex", "m0_rel", "m0_code", "m0_domicile"),
    *("m0_first", "postal", "town", "block", "building", "household", "came_from", "destination"),
    *("who", "proof", "goes", "count", "number", "record"),
)
HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "statement": "'; DROP TABLE record; --",
    "template": "{{ 7 * 7 }}{% raw %}%(num)s",
    "formula": "=cmd|' /C calc'!A0",
    "right to left": "山\u202e田",
    "null": "山\x00田",
    "selector": "渡\ufe0f\U000e01ef",
    "long": "山" * 1000,
    "huge number": "9" * 400,
}


@pytest.mark.parametrize("hostile", list(HOSTILE.values()), ids=list(HOSTILE))
def test_hostile_input_in_any_field_is_refused_or_shown_harmlessly(served, big, clerk, hostile):
    record = somebody(served, big)
    for kind in KINDS:
        sent = dict.fromkeys(FORM_FIELDS, hostile)
        sent["record"] = str(record.number)
        for step in ("confirm", "check", "postal", "more"):
            reply = clerk.post(f"/desk/take/{kind}", {**sent, "step": step}, page="/desk")
            assert reply.status_code in (200, 400, 422), (kind, step)
            assert "<script>alert" not in reply.text
            assert "<img src=x" not in reply.text
    for name in ("name", "kana", "birth", "code", "number"):
        reply = clerk.post("/desk/search", {name: hostile}, page="/desk")
        assert reply.status_code in (200, 422)
        assert "<script>alert" not in reply.text
        assert ">49<" not in reply.text


@pytest.mark.parametrize("raw", [b"%ED%A0%80", b"%FF%FE", b"%00", b"name=%C0%AE&&&=;"])
def test_bytes_that_are_no_text_are_taken_for_what_they_are(clerk, raw):
    token = clerk.token("/desk").encode()
    reply = clerk.http.post(
        "/desk/search",
        content=b"form_token=" + token + b"&name=" + raw,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert reply.status_code in (200, 400, 422)


# --- portal -----------------------------------------------------------------------------------------


def test_the_resident_opens_the_list_and_it_is_proved_to_be_whole(resident):
    assert "locked" in resident.get("/portal/asked").text
    page = resident.post("/portal/asked", {}, page="/portal/asked").text
    assert "This is the whole list." in page
    assert "Keys that were made for this list" in page
    key = resident.get("/portal/view-key")
    assert "attachment" in key.headers["content-disposition"]
    assert key.json()["state"]


def test_without_a_key_there_is_no_key_to_download(served):
    visitor = Visitor(served.url).sign_in("resident")
    assert visitor.get("/portal/view-key").status_code == 404


def test_the_resident_sees_the_own_record_and_no_code_in_full(served, resident):
    sample = served.ask(lambda house: house.samples()[0])
    record = next(one for one in people_of(served, sample.town) if one.number == sample.person)
    page = resident.get("/portal").text
    assert record.name.legal.text in page
    assert record.code.masked in page
    assert record.code.digits not in page
    assert display_name(record.name.legal) in page


# --- passkeys and names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "credential",
    ["", "{", "[]", "{}", '{"id": 7}', '{"id": "AAAA", "rawId": "AAAA", "type": "x"}', "9" * 9000],
)
def test_what_is_no_answer_of_a_device_signs_nobody_in(anybody, credential):
    reply = anybody.post("/sign-in/passkey", {"credential": credential})
    assert reply.status_code == 422
    assert "passkey: " in reply.text
    assert anybody.get("/desk").url.path == "/sign-in"


@pytest.mark.parametrize("credential", ["", "zz", "00" * 20])
def test_nobody_elses_passkey_can_be_removed(clerk, credential):
    reply = clerk.post("/passkeys/remove", {"credential": credential}, page="/passkeys")
    assert reply.status_code == 400


def test_a_challenge_counts_once_and_for_five_minutes():
    sessions = Sessions(_chance)
    fresh = sessions.challenge("a", MONDAY)
    assert sessions.take_challenge("b", MONDAY) is None
    assert sessions.take_challenge("a", MONDAY) == fresh
    assert sessions.take_challenge("a", MONDAY) is None
    sessions.challenge("a", MONDAY)
    assert sessions.take_challenge("a", MONDAY + timedelta(minutes=6)) is None


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "169.254.169.254", ""])
def test_under_another_name_nobody_is_answered(anybody, host):
    reply = anybody.http.get("/", headers={"host": host})
    assert reply.status_code in (400, 421)
    assert "<html" not in reply.text


# --- nothing is without words -----------------------------------------------------------------------------


def test_every_kind_of_leaf_notification_and_deletion_has_words():
    assert set(TYPES.values()) <= set(LEAF_NAMES)
    tags = {kind.__struct_config__.tag for kind in get_args(Notification)}
    assert tags <= set(CAUSES)
    assert set(DELETIONS) == set(DeletionCause)
    assert set(Changes.__struct_fields__) <= set(FIELDS)
