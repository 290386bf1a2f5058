"""A keeper's folder: what rests there, whom it works with, and what a crash leaves."""

import json
import os
import random
import shutil
import stat
import subprocess
import sys
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.forgetful_disk import ForgetfulDisk, PowerCut
from tests.offices import desks, generation, hold, resharing, trusted
from tests.support import CHIYODA, NOON, new_folder
from tests.test_wrap import PIN, softhsm, tokens  # noqa: F401

from apart import QUICK, WORDS, made_apart
from jukinet.errors import Damaged, JukinetError, Malformed, Refused
from jukinet.keys.master import MasterKey
from jukinet.keys.wrap import PassphraseLock
from jukinet.law.schedule import load
from jukinet.nodes.keyring import key_names
from jukinet.nodes.office import Trusted, agreements
from jukinet.nodes.office import ceremonies as made_by
from jukinet.tasks import ceremonies, keeping, locking
from jukinet.tasks.folder import Folder, Mark
from jukinet.tasks.keeping import Card, Keepers, SealedPapers, parse_keepers, write_keepers
from jukinet.tasks.network import create, open_network
from jukinet.tasks.verifying import verify

MASTER = MasterKey(bytes(range(32)))


def jukinet(*words, **environment):
    known = {key: value for key, value in os.environ.items() if not key.startswith("JUKINET_")}
    return subprocess.run(
        [sys.executable, "-m", "jukinet", "keeper", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**known, **environment},
    )


def ceremony(folders, keepers, names=("index",)):
    with ExitStack() as stack:
        seats = [stack.enter_context(keeping.open_seat(folder)) for folder in folders]
        round_ = ceremonies.Round(seats, NOON)
        plan = ceremonies.generation(keepers.trusted, names, 0, os.urandom)
        ceremonies.refuse_unagreed(round_.hold(plan))
        return [dict(seat.office.shares()) for seat in seats]


# --- at rest -------------------------------------------------------------------------------------


def test_no_secret_of_a_keeper_rests_readable(tmp_path):
    folders, keepers = made_apart(tmp_path, count=2)
    shares = ceremony(folders, keepers)
    secrets = [share.secret.publish() for held in shares for share in held.values()]
    for folder in folders:
        ring = folder.ring(keeping.KEEPER, keeping.KeeperRing)
        secrets += [ring.signing, ring.opening, folder.master.reveal()]
    for path in tmp_path.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for secret in secrets:
            assert secret not in content
            assert secret.hex().encode() not in content
    assert stat.S_IMODE((folders[0].root / "keys").stat().st_mode) == 0o700


def test_a_wrong_passphrase_opens_nothing(tmp_path):
    (folder,), _ = made_apart(tmp_path, count=1, wanted=1)
    with pytest.raises(Refused, match="not the one"):
        locking.open_with(folder.root, PassphraseLock("another passphrase", os.urandom, cost=QUICK))
    done = jukinet("show", folder.root, JUKINET_PASSPHRASE="another passphrase")
    assert (done.returncode, "not the one" in done.stderr) == (1, True)
    locked = jukinet("show", folder.root)
    assert (locked.returncode, "locked" in locked.stderr) == (1, True)
    assert jukinet("show", folder.root, JUKINET_PASSPHRASE=WORDS).returncode == 0


def test_another_key_opens_no_share(tmp_path):
    folders, keepers = made_apart(tmp_path, count=2)
    ceremony(folders, keepers)
    stranger = Folder(folders[0].root, MASTER)
    with pytest.raises(Damaged):
        keeping.read_shares(stranger)
    shutil.copy(folders[1].root / "papers" / "epoch", folders[0].root / "papers" / "epoch")
    with pytest.raises(Damaged):
        keeping.read_shares(folders[0])


@softhsm
def test_a_keeper_whose_key_is_wrapped_by_a_token_opens_with_it_and_without_it_does_not(
    tmp_path,
    tokens,  # noqa: F811
):
    (tmp_path / "pin").write_text(PIN)
    environment = {"SOFTHSM2_CONF": os.environ["SOFTHSM2_CONF"]}
    done = jukinet(
        *("init", tmp_path / "k", "--name", "keeper-1", "--pkcs11", tokens),
        *("--token", "keeper-1", "--pin-file", tmp_path / "pin"),
        **environment,
    )
    assert done.returncode == 0, done.stderr
    known = {"JUKINET_PKCS11": str(tokens), "JUKINET_PIN_FILE": str(tmp_path / "pin")}
    shown = jukinet("show", tmp_path / "k", "--json", **environment, **known)
    assert json.loads(shown.stdout)["name"] == "keeper-1"
    without = jukinet("show", tmp_path / "k", JUKINET_PASSPHRASE=WORDS)
    assert (without.returncode, "PKCS#11" in without.stderr) == (1, True)
    (tmp_path / "pin").write_text("999999")
    wrong = jukinet("show", tmp_path / "k", **environment, **known)
    assert (wrong.returncode, "PIN" in wrong.stderr) == (1, True)
    assert "999999" not in wrong.stderr


# --- papers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("keeps", ["nothing", "everything", "some"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_while_a_paper_is_written_leaves_the_old_one_or_the_new_one(keeps, when):
    for at in range(1, 8):
        disk = ForgetfulDisk()
        papers = SealedPapers(disk, MASTER, random.Random(1).randbytes)
        papers.put("epoch", b"old")
        disk.fail(at, when)
        try:
            papers.put("epoch", b"new")
            written = True
        except PowerCut:
            written = False
        found = SealedPapers(disk.after_crash(keeps, random.Random(at)), MASTER)
        assert found.get("epoch") in ((b"new",) if written else (b"old", b"new"))
        assert found.names() == ["epoch"]


def test_a_power_cut_at_any_write_of_a_refresh_leaves_every_keeper_in_an_epoch_that_all_can_reach():
    """The papers of one keeper are on a disk that fails; whatever it kept, it goes on."""
    for at in range(1, 40):
        keepers = desks()
        hold(generation(trusted()), keepers)
        victim = keepers[1]
        disk = ForgetfulDisk()
        papers = SealedPapers(disk, MASTER, random.Random(at).randbytes)
        for name in victim.drawer.names():
            papers.put(name, victim.drawer.get(name))
        victim.drawer = papers
        victim.up()
        disk.fail(at)
        try:
            hold(resharing(keepers[0]), keepers)
        except PowerCut:
            victim.drawer = SealedPapers(disk.after_crash("some", random.Random(at)), MASTER)
        else:
            break
        victim.up()
        assert victim.epoch in (0, 1)
        ahead = [keeper for keeper in keepers if keeper.epoch == 1]
        for keeper in keepers:
            if ahead and keeper.epoch == 0:
                ((_, certificate),) = made_by(ahead[0].office.standing())
                keeper.office.answer(agreements(certificate), None)
        assert len({keeper.epoch for keeper in keepers}) == 1
        assert hold(resharing(keepers[0]), keepers).agreed
    assert at > 10, "so many writes were cut"


def test_a_paper_that_decayed_or_was_exchanged_is_noticed():
    disk = ForgetfulDisk()
    papers = SealedPapers(disk, MASTER)
    papers.put("epoch", b"shares")
    papers.put("ceremony-00", b"seed")
    content = disk.read("papers/epoch")
    disk.write("papers/epoch", disk.read("papers/ceremony-00"))
    with pytest.raises(Damaged):
        papers.get("epoch")
    disk.write("papers/epoch", content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(Damaged):
        papers.get("epoch")
    assert papers.get("none") is None
    papers.remove("none")


# --- the folder ----------------------------------------------------------------------------------


def test_a_keeper_trusts_only_those_among_whom_it_is_itself(tmp_path):
    folders, keepers = made_apart(tmp_path, count=2)
    _, strangers = made_apart(tmp_path / "others", count=2)
    with pytest.raises(Refused, match="is not among these"):
        keeping.trust(folders[0], strangers.trusted)
    assert keeping.trusted_by(folders[0]) == keepers.trusted


def test_one_process_at_a_time_works_in_a_keepers_folder(tmp_path):
    (folder,), keepers = made_apart(tmp_path, count=1, wanted=1)
    with keeping.open_seat(folder):
        with pytest.raises(Refused, match="another jukinet"), keeping.open_seat(folder):
            pass
        with pytest.raises(Refused, match="another jukinet"):
            keeping.trust(folder, keepers.trusted)
        with keeping.open_seat(folder, looking=True) as seat:
            assert seat.office.held is None


WRONG = [
    pytest.param(("init", "{k}", "--name", "keeper-1"), 1, "a keeper already", id="again"),
    pytest.param(("init", "{new}", "--name", "a b"), 2, "letters, digits", id="a name"),
    pytest.param(("init", "{file}", "--name", "a"), 1, "not a folder", id="a file"),
    pytest.param(("init", "{foreign}", "--name", "a"), 1, "something else", id="foreign"),
    pytest.param(("init", "{new}", "--name", "a", "--pkcs11", "x"), 2, "--token", id="no token"),
    pytest.param(("show", "{new}"), 1, "no keeper in this folder", id="show what?"),
    pytest.param(("run", "{new}"), 1, "no keeper in this folder", id="run what?"),
    pytest.param(("run", "{k}", "--port", "70000"), 1, "--port", id="no port"),
    pytest.param(("trust", "{k}", "--keepers", "{none}"), 2, "cannot be read", id="no file"),
    pytest.param(("trust", "{k}", "--keepers", "{file}"), 2, "line 1", id="no file of keepers"),
    pytest.param(("ceremony",), 2, "--keepers", id="of whom?"),
    pytest.param(("ceremony", "--dir", "{new}"), 1, "no network", id="of which network?"),
    pytest.param(("join", "{k}", "{file}"), 1, "not what Jukinet wrote", id="no directory"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code", "sentence"), WRONG)
def test_wrong_input_gets_a_sentence_and_a_code(tmp_path, words, code, sentence):
    made_apart(tmp_path, count=1, wanted=1)
    named = {name: tmp_path / name for name in ("new", "file", "foreign", "none")}
    named["k"] = tmp_path / "keeper-1"
    named["file"].write_text("hello")
    (named["foreign"] / "things").mkdir(parents=True)
    done = jukinet(*(str(word).format(**named) for word in words), JUKINET_PASSPHRASE=WORDS)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


# --- the file of keepers -------------------------------------------------------------------------

cards = st.builds(
    Card,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}", fullmatch=True),
    verify=st.binary(min_size=32, max_size=32),
    seal=st.binary(min_size=32, max_size=32),
)


@given(
    st.lists(
        cards, min_size=1, max_size=6, unique_by=(lambda one: one.name, lambda one: one.verify)
    ),
    st.data(),
)
def test_a_file_of_keepers_is_read_as_it_was_written(found, data):
    wanted = data.draw(st.integers(1, len(found)))
    addressed = data.draw(st.sets(st.sampled_from([one.name for one in found])))
    keepers = Keepers(
        Trusted(
            threshold=wanted,
            keepers=tuple(one.entry(index) for index, one in enumerate(found, start=1)),
        ),
        dict.fromkeys(addressed, "https://keeper.example/"),
    )
    assert parse_keepers(write_keepers(keepers)) == keepers


@given(st.text())
def test_a_text_that_is_no_file_of_keepers_is_refused_and_nothing_else_happens(text):
    with suppress(Malformed):
        parse_keepers(text)


KEY = "00" * 32 + "11" * 32


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "threshold: wants 1 to 0", id="nothing"),
        pytest.param(f"keeper a {KEY}", "threshold", id="no threshold"),
        pytest.param(f"threshold 2\nkeeper a {KEY}", "threshold", id="more than there are"),
        pytest.param(f"threshold 1\nkeeper a {KEY}\nkeeper a {KEY}", "own", id="twice"),
        pytest.param(f"threshold 1\nthreshold 1\nkeeper a {KEY}", "line 2", id="two thresholds"),
        pytest.param("threshold 1\nkeeper a 00", "128", id="half a key"),
        pytest.param(f"threshold 1\nkeeper a {KEY} x y", "line 2", id="too many words"),
    ],
)
def test_what_is_wrong_with_a_file_of_keepers_is_said(text, sentence):
    with pytest.raises(Malformed, match=sentence):
        parse_keepers(text)


# --- a network's own keepers ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = new_folder(tmp_path_factory.mktemp("net") / "net")
    create(folder, Mark(towns=(CHIYODA,), agencies=("pension",)))
    return folder


def own(folder, name="keeper-1"):
    return folder.within(folder.keeper_name(name))


def test_a_new_network_has_three_keepers_and_shares_of_every_key(network):
    names = {frozenset(keeping.read_shares(own(network, f"keeper-{at}"))) for at in (1, 2, 3)}
    assert names == {frozenset(key_names(load()))}
    assert ceremonies.of_network(network).trusted.threshold == 2
    assert verify(network).findings == ()


def test_a_share_that_was_exchanged_is_found_by_verification(network, tmp_path):
    copy = Folder(shutil.copytree(network.root, tmp_path / "copy"), network.master)
    papers = SealedPapers(keeping.RealDisk(own(copy).root), own(copy).master)
    other = SealedPapers(keeping.RealDisk(own(copy, "keeper-2").root), own(copy, "keeper-2").master)
    papers.put("epoch", other.get("epoch"))
    found = [finding for finding in verify(copy).findings if "keeper-1" in finding.place]
    assert found


def test_a_directory_that_a_crash_left_behind_follows_the_keepers(network, tmp_path):
    """The ceremony counts, and the directory was not written any more."""
    copy = Folder(shutil.copytree(network.root, tmp_path / "copy"), network.master)
    who = ceremonies.of_network(copy)
    now = NOON
    with ceremonies.gathered(who, copy, now) as round_:
        sharing = ceremonies.shared(round_.caught_up(who.names), who)
        plan = ceremonies.resharing(sharing, who.trusted, who.names, os.urandom)
        ceremonies.refuse_unagreed(round_.hold(plan))
    with open_network(copy, now) as opened:
        assert opened.directory.epoch == 1
        assert opened.centre._releasing.done
    assert verify(copy).findings == ()


def test_a_network_refreshes_and_gets_a_lost_keeper_again_by_commands(network, tmp_path):
    copy = Folder(shutil.copytree(network.root, tmp_path / "copy"), network.master)
    lock = PassphraseLock(WORDS, os.urandom, cost=QUICK)
    locking.change(copy, lock)
    words = {"JUKINET_PASSPHRASE": WORDS}
    fresh = jukinet("refresh", "--dir", copy.root, "--json", **words)
    assert json.loads(fresh.stdout)["epoch"] == 1, fresh.stderr
    assert verify(copy).findings == ()
    shutil.rmtree(copy.keeper("keeper-3"))
    refused = jukinet("refresh", "--dir", copy.root, **words)
    assert (refused.returncode, "keeper-3" in refused.stderr) == (1, True)
    dry = jukinet("recover", "--lost", "keeper-3", "--dir", copy.root, "--dry-run", **words)
    assert (dry.returncode, copy.keeper("keeper-3").exists()) == (0, False)
    done = jukinet("recover", "--lost", "keeper-3", "--dir", copy.root, **words)
    assert done.returncode == 0, done.stderr
    assert verify(copy).findings == ()
    assert json.loads(jukinet("health", "--dir", copy.root, "--json", **words).stdout)["fine"]


def test_no_error_of_a_keepers_folder_shows_a_secret(tmp_path):
    folders, keepers = made_apart(tmp_path, count=2)
    shares = ceremony(folders, keepers)
    (folders[0].root / "papers" / "epoch").write_bytes(b"decayed")
    with pytest.raises(JukinetError) as error, keeping.open_seat(folders[0]):
        pass
    assert shares[0]["index"].secret.publish().hex() not in str(error.value)
