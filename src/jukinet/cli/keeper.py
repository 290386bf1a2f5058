"""`jukinet keeper`: a keeper of shares, and the ceremonies in which keepers come to them."""

from collections.abc import Callable
from pathlib import Path
from secrets import token_bytes
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.table import Table

from jukinet.cli.common import DIFFERS, DONE, AsJson, give, now, paper
from jukinet.cli.opening import by_token, by_words, from_file, locked_anew, opened
from jukinet.errors import Malformed, Refused
from jukinet.keys.ceremony import Plan
from jukinet.law.schedule import load
from jukinet.nodes.keyring import Directory, key_names
from jukinet.nodes.message import Standing
from jukinet.nodes.office import NO_EPOCH, Sharing
from jukinet.tasks import ceremonies, keeping, locking
from jukinet.tasks.ceremonies import Round, gathered, shared
from jukinet.tasks.folder import Folder, read_public
from jukinet.tasks.keeping import Keepers, open_seat
from jukinet.tasks.network import open_network

app = App(name="keeper", help="A keeper of the keys' shares (符号鍵の保管者).")

Where = Annotated[Path, Parameter(help="The folder of the keeper.")]
Network = Annotated[
    Path | None, Parameter(name="--dir", help="The folder of the network whose keepers they are.")
]
KeepersFile = Annotated[
    Path | None, Parameter(name="--keepers", help="The file of the keepers, with their addresses.")
]
DryRun = Annotated[
    bool, Parameter(negative=(), help="Ask everybody, say what would be done, and do nothing.")
]
PORT = 7390

FILE_HELP = """The file of the keepers has a line `threshold K`, and for each keeper, in the order
of their places, the line that its operator got from `jukinet keeper show`, with its address:
  threshold 2
  keeper keeper-1 94bb...e1 https://keeper-1.example/
"""

INIT_EXAMPLES = """Examples:
  jukinet keeper init K --name keeper-1
  jukinet keeper init K --name keeper-1 --passphrase-file words.txt
  jukinet keeper init K --name keeper-1 --pkcs11 libsofthsm2.so --token keeper-1 --pin-file pin"""


@app.command(help_epilogue=INIT_EXAMPLES)
def init(
    dir: Where,
    /,
    *,
    name: Annotated[str, Parameter(help="Of the keeper, such as keeper-1.")],
    passphrase_file: Annotated[
        Path | None, Parameter(help="A file whose first line is the passphrase.")
    ] = None,
    pkcs11: Annotated[Path | None, Parameter(help="The PKCS#11 library of a token.")] = None,
    token: Annotated[str, Parameter(help="The label of the token.")] = "",
    pin_file: Annotated[
        Path | None, Parameter(help="A file whose first line is the token's PIN.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make a keeper: draw its keys, and print the line by which others know it.

    Its keys and shares rest under a passphrase or a token. Without either a passphrase is drawn
    and printed once.
    """
    keeping.refuse_unfit(dir, name)
    if pkcs11 and not token:
        raise Malformed("--token: name the token by its label")
    if token:
        folder = locking.begin(Folder(dir), by_token(token, pkcs11, pin_file, new=True))
    elif passphrase_file:
        folder = locking.begin(Folder(dir), by_words(from_file(passphrase_file)))
    else:
        folder = locked_anew(Folder(dir))
    made = keeping.create(folder, name)
    result = {"name": name, "line": made.line()}
    give(result, as_json=as_json, show=lambda: _plain([made.line()]))
    return DONE


SHOW_EXAMPLES = """Examples:
  jukinet keeper show K
  jukinet keeper show K --json"""


@app.command(help_epilogue=SHOW_EXAMPLES)
def show(dir: Where, /, *, as_json: AsJson = False) -> int:
    """A keeper's line for others, whom it works with, and the shares that it holds; no share."""
    own = keeping.card(dir)
    folder = opened(dir)
    with open_seat(folder, looking=True) as seat:
        held, waiting = seat.office.held, seat.office.under_way
    trusted = keeping.trusted_by(folder)
    result = {
        "name": own.name,
        "line": own.line(),
        "epoch": held.sharing.epoch if held else None,
        "keys": [key.name for key in held.sharing.keys] if held else [],
        "threshold": trusted.threshold,
        "keepers": [one.name for one in trusted.keepers],
        "under_way": waiting,
        "network": keeping.joined(folder),
    }
    give(result, as_json=as_json, show=lambda: _plain(_shown(result)))
    return DONE


def _shown(result: dict[str, Any]) -> list[str]:
    told = f"{result['threshold']} of {', '.join(result['keepers'])}"
    return [
        result["line"],
        f"works with   {told if result['keepers'] else 'nobody; see `jukinet keeper trust`'}",
        f"for          {result['network'] or 'no network; see `jukinet keeper join`'}",
        f"epoch        {'none' if result['epoch'] is None else result['epoch']}",
        f"keys         {len(result['keys'])}",
        f"under way    {result['under_way']} ceremonies",
    ]


TRUST_EXAMPLES = """Examples:
  jukinet keeper trust K --keepers keepers.txt"""


@app.command(help_epilogue=TRUST_EXAMPLES)
def trust(dir: Where, /, *, keepers: Annotated[Path, Parameter(help="Their file.")]) -> int:
    """Tell a keeper with whom it is to work, and how many must. Stop it first, and start it again.

    It takes part in ceremonies of just these. See that each line is by that keeper's operator:
    whoever's key stands here gets a share.
    """
    found = keeping.read_keepers(keepers)
    keeping.trust(opened(dir), found.trusted)
    _plain([f"{dir}: works with {found.trusted.threshold} of {', '.join(found.names)}"])
    return DONE


JOIN_EXAMPLES = """Examples:
  jukinet keeper join K demo/public/directory.json"""


@app.command(help_epilogue=JOIN_EXAMPLES)
def join(
    dir: Where,
    directory: Annotated[Path, Parameter(help="A network's public/directory.json.")],
    /,
) -> int:
    """Have a keeper work for a network: its agencies, its log, its witnesses.

    Stop it first, and start it again. Its own keepers and keys it knows better than the directory.
    """
    found = read_public(directory, Directory)
    keeping.join(opened(dir), found)
    _plain([f"{dir}: works for {found.origin}"])
    return DONE


RUN_EXAMPLES = """Examples:
  jukinet keeper run K
  jukinet keeper run K --host 0.0.0.0 --port 8080"""


@app.command(help_epilogue=RUN_EXAMPLES)
def run(
    dir: Where,
    /,
    *,
    host: Annotated[str, Parameter(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port to listen on; 0 for any.")] = PORT,
) -> int:
    """Answer over HTTP until Ctrl-C: POST step; GET /, /health and /metrics show how it stands.

    It speaks plain HTTP; for the open net, put a server in front that speaks TLS.
    """
    from jukinet.wire import serving  # the web costs more than a short command
    from jukinet.wire.keeper_server import application

    with open_seat(opened(dir)) as seat, serving.listen(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        _plain([f"{seat.name} at http://{shown}:{listening.getsockname()[1]}/"])
        serving.serve(application(seat), listening)
    return DONE


FORGET_EXAMPLES = """Examples:
  jukinet keeper forget K"""


@app.command(help_epilogue=FORGET_EXAMPLES)
def forget(dir: Where, /) -> int:
    """Have a keeper give up ceremonies that came to no end, even those that it has agreed to.

    Only where no other keeper counts one of them: see `jukinet keeper health`.
    """
    count = keeping.forget(opened(dir))
    _plain([f"{dir}: {count} ceremonies given up"])
    return DONE


CEREMONY_EXAMPLES = f"""Examples:
  jukinet keeper ceremony --keepers keepers.txt
  jukinet keeper ceremony --dir demo --dry-run

{FILE_HELP}"""


@app.command(help_epilogue=CEREMONY_EXAMPLES)
def ceremony(
    *,
    dir: Network = None,
    keepers: KeepersFile = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Make the keys that the keepers lack, in shares: all of them at first, a new sector's later.

    Nobody sees a share but its keeper, and no key is ever whole. It counts at all keepers or at
    none: stopped in the middle, give the command again.
    """

    def plan(round_: Round, who: Keepers, found: Sharing | None) -> Plan | None:
        have = {key.name for key in found.keys} if found else set()
        lacking = [name for name in key_names(load()) if name not in have]
        epoch = found.epoch if found else 0
        return ceremonies.generation(who.trusted, lacking, epoch, token_bytes) if lacking else None

    return _hold(dir, keepers, plan, dry_run=dry_run, as_json=as_json)


REFRESH_EXAMPLES = f"""Examples:
  jukinet keeper refresh --dir demo
  jukinet keeper refresh --keepers keepers.txt
  jukinet keeper refresh --keepers keepers.txt --dir demo

{FILE_HELP}"""


@app.command(help_epilogue=REFRESH_EXAMPLES)
def refresh(
    *,
    dir: Network = None,
    keepers: KeepersFile = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Give all keepers fresh shares of the same keys: the next epoch. Old shares are worth nothing.

    Numbers and handles stay as they are. With --dir the network's directory follows.
    """

    def plan(round_: Round, who: Keepers, found: Sharing | None) -> Plan:
        return ceremonies.resharing(_some(found), who.trusted, who.names, token_bytes)

    return _hold(dir, keepers, plan, dry_run=dry_run, as_json=as_json)


CHANGE_EXAMPLES = f"""Examples:
  jukinet keeper change --old keepers.txt --keepers five.txt
  jukinet keeper change --old keepers.txt --keepers five.txt --dir demo

{FILE_HELP}"""


@app.command(help_epilogue=CHANGE_EXAMPLES)
def change(
    *,
    old: Annotated[Path, Parameter(help="The file of the keepers that hold shares now.")],
    keepers: Annotated[Path, Parameter(help="The file of the keepers to come.")],
    dir: Network = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Have other keepers hold the same keys, or another number of them work together.

    All of them, old and new, must have been told with `jukinet keeper trust --keepers NEW`; who
    holds shares now and will hold none only takes leave.
    """
    before, after = keeping.read_keepers(old), keeping.read_keepers(keepers)
    folder = opened(dir) if dir else None
    everybody = ceremonies.together(before, after)
    with gathered(everybody, folder, now()) as round_:
        found = _some(shared(round_.caught_up(before.names), before))
        plan = ceremonies.resharing(found, after.trusted, before.names, token_bytes)
        if not dry_run:
            ceremonies.refuse_unagreed(round_.hold(plan))
            found = _some(shared(round_.standings(after.names), after))
    return _say(folder, after, found, dry_run=dry_run, as_json=as_json)


RECOVER_EXAMPLES = f"""Examples:
  jukinet keeper recover --lost keeper-3 --dir demo
  jukinet keeper recover --lost keeper-3 --keepers keepers.txt

{FILE_HELP}"""


@app.command(help_epilogue=RECOVER_EXAMPLES)
def recover(
    *,
    lost: Annotated[str, Parameter(help="The keeper that lost its shares.")],
    dir: Network = None,
    keepers: KeepersFile = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Give a keeper its shares again, from as many others as must work together.

    A keeper whose folder is gone is made anew, by `jukinet keeper init` with the same name; the
    others are told its new line with `jukinet keeper trust`. In a network's own folder both are
    done here. The others learn nothing of its shares.
    """
    folder = opened(dir) if dir else None
    who = _who(folder, keepers)
    if folder is not None and not dry_run:
        who = ceremonies.make_lost(folder, who, lost)
    with gathered(who, folder, now()) as round_:
        standings = round_.caught_up(who.names)
        found = _some(shared(standings, who, without=lost))
        there = [name for name in who.names if name in standings]
        plan = ceremonies.recovery(found, who.trusted, lost, there, token_bytes)
        if not dry_run:
            ceremonies.refuse_unagreed(round_.hold(plan))
            found = _some(shared(round_.standings(who.names), who))
    return _say(folder, who, found, dry_run=dry_run, as_json=as_json)


HEALTH_EXAMPLES = """Examples:
  jukinet keeper health --dir demo
  jukinet keeper health --keepers keepers.txt --json"""


@app.command(help_epilogue=HEALTH_EXAMPLES)
def health(*, dir: Network = None, keepers: KeepersFile = None, as_json: AsJson = False) -> int:
    """How each keeper stands.

    Exit 1 unless all are there, with the keys of the file, and of one epoch.
    """
    folder = opened(dir) if dir else None
    who = _who(folder, keepers)
    with gathered(who, folder, now()) as round_:
        standings = round_.standings(who.names)
    rows = [_standing(one.name, one.verify, standings.get(one.name)) for one in who.trusted.keepers]
    fine = len({row["epoch"] for row in rows}) == 1 and all(row["state"] == "there" for row in rows)
    result = {"threshold": who.trusted.threshold, "keepers": rows, "fine": fine}
    give(result, as_json=as_json, show=lambda: _show_health(rows))
    return DONE if fine else DIFFERS


def _standing(name: str, verify: bytes, found: Standing | None) -> dict[str, Any]:
    if found is None:
        return {"keeper": name, "state": "does not answer", "epoch": None}
    state = "there" if found.verify == verify else "has other keys"
    return {"keeper": name, "state": state, "epoch": found.epoch}


def _show_health(rows: list[dict[str, Any]]) -> None:
    table = Table("keeper", "state", "epoch")
    for row in rows:
        epoch = "none" if row["epoch"] in (None, NO_EPOCH) else str(row["epoch"])
        table.add_row(row["keeper"], row["state"], epoch)
    paper.print(table)


# --- what the ceremonies share ---------------------------------------------------------------

Planned = Callable[[Round, Keepers, Sharing | None], Plan | None]


def _hold(
    dir: Path | None, file: Path | None, planned: Planned, *, dry_run: bool, as_json: bool
) -> int:
    """Hold a ceremony of keepers that all hold the same."""
    folder = opened(dir) if dir else None
    who = _who(folder, file)
    with gathered(who, folder, now()) as round_:
        found = shared(round_.caught_up(who.names), who)
        plan = planned(round_, who, found)
        if plan is not None and not dry_run:
            ceremonies.refuse_unagreed(round_.hold(plan))
            found = shared(round_.standings(who.names), who)
    return _say(folder, who, found, dry_run=dry_run, as_json=as_json)


def _say(
    folder: Folder | None, who: Keepers, found: Sharing | None, *, dry_run: bool, as_json: bool
) -> int:
    """What the keepers hold now; a network's directory and its public log say so, too."""
    if folder is not None and found is not None and not dry_run:
        ceremonies.put_sharing(folder, found, who.urls)
        with open_network(folder, now(), only_towns=()):
            pass  # it has the new keys written into its log when it comes up
    result = {
        "epoch": found.epoch if found else None,
        "keys": len(found.keys) if found else 0,
        "threshold": who.trusted.threshold,
        "keepers": who.names,
        "done": not dry_run,
    }
    told = f"{who.trusted.threshold} of {', '.join(who.names)}"
    said = "no keys yet" if found is None else f"epoch {found.epoch}, {len(found.keys)} keys"
    end = "; all are there, and nothing was done" if dry_run else ""
    give(result, as_json=as_json, show=lambda: _plain([f"{told}: {said}{end}"]))
    return DONE


def _who(folder: Folder | None, file: Path | None) -> Keepers:
    """The keepers of a file, or of a network's directory."""
    if file is not None:
        return keeping.read_keepers(file)
    if folder is None:
        raise Malformed("keepers: name their file with --keepers, or a network's folder with --dir")
    folder.require()
    return ceremonies.of_network(folder)


def _some(found: Sharing | None) -> Sharing:
    if found is None:
        raise Refused("keepers: they hold no shares yet; begin with `jukinet keeper ceremony`")
    return found


def _plain(lines: list[str]) -> None:
    for line in lines:
        paper.print(line, markup=False, soft_wrap=True)
