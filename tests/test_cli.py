"""The command line: names are a contract, help has examples, wrong input gets a sentence."""

import json
import subprocess
import sys

import pytest

COMMANDS = [
    ("demo",),
    ("verify",),
    ("unlock",),
    ("lock",),
    ("passphrase", "change"),
    ("audit",),
    ("ask",),
    ("statement",),
    ("world", "build"),
    ("world", "live"),
    ("town", "init"),
    ("town", "import"),
    ("town", "show"),
    ("town", "view-key"),
    ("schedules",),
    ("objection", "file"),
    ("objection", "list"),
    ("objection", "answer"),
    ("sample",),
    ("code", "check"),
    ("code", "levels"),
    ("code", "allot"),
    ("code", "change"),
    ("code", "mass-change"),
    ("code", "letters"),
    ("code", "letter-key"),
    ("code", "open-letters"),
    ("number", "fresh"),
    ("town", "unite"),
    ("witness", "init"),
    ("witness", "trust"),
    ("witness", "run"),
    ("witness", "show"),
    ("witness", "evidence"),
]


def jukinet(*words):
    return subprocess.run(
        [sys.executable, "-m", "jukinet", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Three towns with their books just filled."""
    folder = tmp_path_factory.mktemp("cli") / "world"
    done = jukinet("world", "build", "--dir", folder, "--towns", 3, "--residents", 200, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["residents"] == 200
    return folder


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_has_help_with_examples(words):
    done = jukinet(*words, "--help")
    assert done.returncode == 0
    assert "Examples:" in done.stdout
    assert f"jukinet {' '.join(words)}" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        pytest.param(("code", "check", "12345678904"), 2, "check digit", id="a wrong check digit"),
        pytest.param(("code", "check", "12"), 2, "11 digits", id="too short a code"),
        pytest.param(("verify", "/nowhere/at/all"), 1, "no network in this folder", id="no folder"),
        pytest.param(("town", "show", "--dir", "{world}", "--town", "999999"), 2, "--town", id="town"),
        pytest.param(
            ("town", "show", "--dir", "{world}", "--town", "{town}", "--record", 10**6),
            1,
            "no record",
            id="no such record",
        ),
        pytest.param(
            ("ask", "--dir", "{world}", "--agency", "police", "--row", "1-1", "--kind", "standing",
             "--name", "山田　花子", "--birth", "1980-05-05", "--place", "131016"),
            2, "--agency", id="an agency that is not there",
        ),
        pytest.param(
            ("ask", "--dir", "{world}", "--agency", "pension", "--row", "1-73", "--kind", "standing",
             "--name", "山田　花子"),
            2, "all three name a person", id="a name alone",
        ),
        pytest.param(
            ("ask", "--dir", "{world}", "--agency", "pension", "--row", "1-73", "--kind", "standing",
             "--name", "山田　花子", "--birth", "平成32年1月1日", "--place", "131016"),
            2, "令和2年", id="a year that never was",
        ),
        pytest.param(
            ("ask", "--dir", "{world}", "--agency", "pension", "--row", "1-73", "--kind", "items",
             "--items", "本籍", "--name", "山田　花子", "--birth", "1980-05-05", "--place", "131016"),
            2, "no others to ask for", id="an item that cannot be asked for",
        ),
        pytest.param(
            ("ask", "--dir", "{world}", "--agency", "pension", "--row", "1-39", "--kind", "items",
             "--items", "name", "--name", "山田　花子", "--birth", "1980-05-05", "--place", "{town}"),
            1, "not-your-row", id="another body's row",
        ),
        pytest.param(("world", "live", "--dir", "{world}"), 2, "how long", id="live how long?"),
        pytest.param(("demo", "--towns", 0), 2, "--towns", id="no towns"),
        pytest.param(("statement", "--view-key", "none.viewkey"), 2, "no file", id="no view key"),
    ],
)  # fmt: skip
def test_wrong_input_gets_a_sentence_and_a_code(world, words, code, sentence):
    named = {"world": world, "town": _towns(world)[0]}
    done = jukinet(*[str(word).format(**named) for word in words])
    assert done.returncode == code, done.stderr
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def _towns(world):
    return json.loads((world / "jukinet.json").read_text())["towns"]


def test_a_code_may_be_typed_full_width_and_is_shown_masked():
    done = jukinet("code", "check", "１２３４５－６７８９０３")
    assert done.returncode == 0
    assert "*********03" in done.stdout
    assert "12345678903" not in done.stdout


def test_an_agency_asks_about_a_resident_and_asks_again_by_handle(world):
    town, name, birth = somebody(world)
    asked = jukinet(
        *("ask", "--dir", world, "--json", "--agency", "pension", "--row", "1-73"),
        *("--kind", "items", "--items", "address"),
        *("--name", name, "--birth", birth, "--place", town),
    )
    assert asked.returncode == 0, asked.stderr
    first = json.loads(asked.stdout)
    assert first["standing"] == "resident"
    assert set(first["items"]) == {"address"}
    assert first["receipt_verified"] is True
    again = jukinet(
        *("ask", "--dir", world, "--json", "--agency", "pension", "--row", "1-73"),
        *("--kind", "standing", "--handle", first["handle"]),
    )
    assert json.loads(again.stdout)["sector_number"] == first["sector_number"]
    other = jukinet(
        *("ask", "--dir", world, "--json", "--agency", "tax", "--row", "1-40"),
        *("--kind", "standing", "--handle", first["handle"]),
    )
    assert other.returncode == 1
    assert json.loads(other.stdout)["rule"] == "not-your-handle"


def test_an_unknown_person_is_said_to_be_unknown_with_how_old_that_is(world):
    town, name, _ = somebody(world)
    done = jukinet(
        *("ask", "--dir", world, "--agency", "pension", "--row", "1-73", "--kind", "standing"),
        *("--name", name, "--birth", "1901-01-01", "--place", town),
    )
    assert done.returncode == 0
    assert "unknown" in done.stdout
    assert "known_at" in done.stdout
    assert "proves no lack of entitlement" in done.stdout


def test_a_record_is_shown_as_of_a_day_with_its_code_masked(world):
    town = _towns(world)[0]
    done = jukinet(
        "town", "show", "--dir", world, "--town", town, "--record", 1, "--history", "--json"
    )
    record = json.loads(done.stdout)
    assert record["code"].startswith("*********")
    assert record["history"][0]["kind"] == "entry"
    before = jukinet(
        "town", "show", "--dir", world, "--town", town, "--record", 1, "--as-of", "2024-12-31"
    )
    assert before.returncode == 1
    assert "no record of that number on that day" in before.stderr


def test_a_view_key_is_given_at_the_desk_and_reads_a_statement(world, tmp_path):
    town, _, _ = somebody(world)
    given = jukinet(
        "town", "view-key", "--dir", world, "--town", town, "--record", record_of(world)
    )
    assert given.returncode == 0
    key = tmp_path / "mine.viewkey"
    key.write_text(given.stdout)
    read = jukinet("statement", "--dir", world, "--view-key", key)
    assert read.returncode == 0
    assert "proved to stand in the public log" in read.stdout


def somebody(world):
    """Town, name and birth date of some resident who is not hidden."""
    town = _towns(world)[0]
    shown = jukinet(
        "town", "show", "--dir", world, "--town", town, "--record", record_of(world), "--json"
    )
    record = json.loads(shown.stdout)
    return town, record["name"], record["birth_date"].split()[0]


def record_of(world):
    town = _towns(world)[0]
    for number in range(1, 20):
        done = jukinet("town", "show", "--dir", world, "--town", town, "--record", number, "--json")
        if done.returncode == 0 and "-00" not in json.loads(done.stdout)["birth_date"]:
            return number
    raise AssertionError("nobody to show")


# --- codes ------------------------------------------------------------------------------------------


def levels(world):
    done = jukinet("code", "levels", world, "--json")
    assert done.returncode == 0, done.stderr
    return {one["town"]: one for one in json.loads(done.stdout)["towns"]}


def test_a_pool_is_filled_by_hand_and_its_level_told(world):
    town = _towns(world)[0]
    before = levels(world)[town]["free"]
    done = jukinet("code", "allot", world, town, 70, "--json")
    assert done.returncode == 0, done.stderr
    assert levels(world)[town]["free"] == before + 70


def test_a_code_is_changed_and_told_in_a_letter_alone(world, tmp_path):
    town = _towns(world)[0]
    words = ("code", "change", "--dir", world, "--town", town, "--record", 2, "--json")
    dry = json.loads(jukinet(*words, "--dry-run").stdout)
    assert dry["done"] is False
    letter = tmp_path / "letter.html"
    done = jukinet(*words, "--number", "d-1", "--letter", letter)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["before"] == dry["before"]
    assert found["after"] != found["before"]
    assert "住民票コード通知票" in letter.read_text()
    again = json.loads(jukinet(*words, "--number", "d-1").stdout)
    assert again["after"] == found["after"], "the same number changes a code once"


def test_a_mass_change_is_counted_approved_by_two_and_written_out(world, tmp_path):
    town = _towns(world)[1]
    words = ("code", "mass-change", world, "--town", town, "--incident", "a list", "--json")
    (counted,) = json.loads(jukinet(*words).stdout)["towns"]
    assert "approved_by" not in counted
    (first,) = json.loads(jukinet(*words, "--official", "A").stdout)["towns"]
    assert (first["waiting"], first["changed"]) == (counted["persons"], 0)
    done = jukinet(*words, "--official", "B", "--per-second", 10_000)
    assert done.returncode == 0, done.stderr
    (second,) = json.loads(done.stdout)["towns"]
    assert (second["waiting"], second["changed"]) == (0, counted["persons"])
    key, out = tmp_path / "key", tmp_path / "sealed"
    assert jukinet("code", "letter-key", key).returncode == 0
    letters = ("code", "letters", world, "--town", town, "--change", first["number"])
    made = jukinet(*letters, "--out", out, "--seal-to", f"{key}.pub", "--json")
    assert made.returncode == 0, made.stderr
    report = json.loads(made.stdout)
    assert report["by_post"] + report["at_desk"] == counted["persons"]
    sheets = tmp_path / "sheets.html"
    opened = jukinet(
        *("code", "open-letters", out / "by-post.sealed", "--town", town),
        *("--key", key, "--html", sheets),
    )
    assert opened.returncode == 0, opened.stderr
    assert sheets.read_text().count('class="sheet"') == report["by_post"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        pytest.param(("mass-change", "{world}", "--incident", "x"), 2, "--town or --list", id="whose"),
        pytest.param(
            ("mass-change", "{world}", "--incident", "x", "--list", "{world}/none"), 2, "cannot be read",
            id="no list",
        ),
        pytest.param(("letters", "{world}", "--town", "{town}", "--out", "o"), 2, "by one of them", id="letters"),
        pytest.param(
            ("change", "{world}", "--town", "{town}", "--record", 10**6), 1, "no live record", id="nobody"
        ),
        pytest.param(("allot", "{world}", "{town}", 0), 2, "count", id="no codes"),
    ],
)  # fmt: skip
def test_wrong_input_about_codes_gets_a_sentence_and_a_code(world, words, code, sentence):
    named = {"world": world, "town": _towns(world)[0]}
    done = jukinet("code", *[str(word).format(**named) for word in words])
    assert done.returncode == code, done.stderr
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_fresh_number_is_asked_for_in_a_sector_that_there_is(world):
    town = _towns(world)[0]
    words = ("number", "fresh", world, "--town", town, "--record", 3, "--sector", "none/0")
    done = jukinet(*words)
    assert done.returncode == 2
    assert "the schedules know no" in done.stderr


def test_two_records_of_two_people_are_not_united(world):
    town = _towns(world)[0]
    done = jukinet("town", "unite", "--dir", world, "--town", town, "--record", 3, "--kept", 3)
    assert done.returncode == 2
    assert "named twice" in done.stderr
