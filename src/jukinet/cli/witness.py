"""`jukinet witness`: a witness that cosigns checkpoints, and shows what it holds against logs."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.table import Table

from jukinet.cli.common import DIFFERS, DONE, AsJson, give, now, paper
from jukinet.cli.opening import locked_anew, opened
from jukinet.merkle.note import VerifierKey
from jukinet.nodes.witness import FORK, RULE, UNJOINED, Evidence, Witness
from jukinet.tasks import witnessing
from jukinet.tasks.folder import Folder
from jukinet.tasks.inspecting import inspector
from jukinet.tasks.witnessing import BOTH, open_witness
from jukinet.wire.mirror_reader import reader

app = App(name="witness", help="A witness of the public log (立会人).")

WitnessFolder = Annotated[Path, Parameter(name="--dir", help="The folder of the witness.")]
DEFAULT_FOLDER = Path("witness")
PORT = 7380
SAYS = {
    FORK: "two histories, proved by the log's own signatures",
    RULE: "entries that break the rules",
    UNJOINED: "a proof did not join; it may be the sender's mistake",
}

INIT_EXAMPLES = """Examples:
  jukinet witness init --dir W --name witness.example/w1
  jukinet witness init --dir W --name witness.example/w1 --kind ed25519"""


@app.command(help_epilogue=INIT_EXAMPLES)
def init(
    *,
    name: Annotated[str, Parameter(help="Of the witness; a domain and a path are usual.")],
    dir: WitnessFolder = DEFAULT_FOLDER,
    kind: Annotated[str, Parameter(help="Of its keys: ed25519, ml-dsa-44 or both.")] = BOTH,
    as_json: AsJson = False,
) -> int:
    """Make a witness: draw its keys, and print the public ones for the policies of others."""
    witnessing.refuse_unfit(dir, name, kind)
    vkeys = witnessing.create(locked_anew(Folder(dir)), name, kind)
    result = {"name": name, "keys": vkeys}
    give(result, as_json=as_json, show=lambda: _plain(vkeys))
    return DONE


TRUST_EXAMPLES = """Examples:
  jukinet witness trust --dir W jukinet.example/ledger+8c14a2d0+AQ...
  jukinet witness trust --dir W policy.txt"""


@app.command(help_epilogue=TRUST_EXAMPLES)
def trust(
    log: Annotated[str, Parameter(help="A log's verifier key, or a policy file that names logs.")],
    *,
    dir: WitnessFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> int:
    """Cosign for a log from now on. Stop the witness first, and start it again afterwards."""
    new = [key.name for key in witnessing.trust(dir, *witnessing.logs_of(log))]
    said = f"{dir}: cosigns for {', '.join(new)}" if new else f"{dir}: knows these logs already"
    give({"new": new}, as_json=as_json, show=lambda: _plain([said]))
    return DONE


RUN_EXAMPLES = """Examples:
  jukinet witness run --dir W
  jukinet witness run --dir W --host 0.0.0.0 --port 8080
  jukinet witness run --dir W --follow https://log.example/"""


@app.command(help_epilogue=RUN_EXAMPLES)
def run(
    *,
    dir: WitnessFolder = DEFAULT_FOLDER,
    host: Annotated[str, Parameter(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port to listen on; 0 for any.")] = PORT,
    follow: Annotated[
        str, Parameter(help="Where the log's files are: read its leaves before signing.")
    ] = "",
) -> int:
    """Cosign over HTTP until Ctrl-C: POST add-checkpoint; GET / and /metrics show how it stands.

    With --follow it refuses a checkpoint whose new leaves break the rules (a row that has not
    stood for its notice, a label twice, a wrong run), and keeps the evidence. It speaks plain
    HTTP; for the open net, put a server in front that speaks TLS.
    """
    from jukinet.wire import serving  # the web costs more than a short command
    from jukinet.wire.witness_server import application

    inspect = None
    if follow:
        logs = [VerifierKey.parse(vkey) for vkey in witnessing.card(dir).logs]
        inspect = inspector(reader(follow), logs, now)
    with (
        open_witness(opened(dir), inspect=inspect) as node,
        serving.listen(host, port) as listening,
    ):
        shown = f"[{host}]" if ":" in host else host
        _plain([f"{node.name} at http://{shown}:{listening.getsockname()[1]}/"])
        serving.serve(application(node), listening)
    return DONE


SHOW_EXAMPLES = """Examples:
  jukinet witness show --dir W
  jukinet witness show --dir W --json"""


@app.command(help_epilogue=SHOW_EXAMPLES)
def show(*, dir: WitnessFolder = DEFAULT_FOLDER, as_json: AsJson = False) -> int:
    """The witness's public keys, the logs that it knows, and the last size of each."""
    with open_witness(opened(dir), looking=True) as node:
        result = _standing(node, witnessing.card(dir).logs)
    give(result, as_json=as_json, show=lambda: _show(result))
    return DONE


EVIDENCE_EXAMPLES = """Examples:
  jukinet witness evidence --dir W
  jukinet witness evidence --dir W --out proof"""


@app.command(help_epilogue=EVIDENCE_EXAMPLES)
def evidence(
    *,
    dir: WitnessFolder = DEFAULT_FOLDER,
    out: Annotated[Path | None, Parameter(help="Write the notes into this folder.")] = None,
    as_json: AsJson = False,
) -> int:
    """What a log signed and this witness did not; exit 1 where it proves something.

    A fork is two notes that the log signed and that cannot both be true: show them to everybody.
    A checkpoint whose proof did not join proves nothing, as anybody can send a bad proof.
    """
    with open_witness(opened(dir), looking=True) as node:
        rows = node.evidence()
    files = witnessing.write_evidence(rows, out) if out else []
    result = {"evidence": list(map(_held, rows)), "files": list(map(str, files))}
    give(result, as_json=as_json, show=lambda: _show_evidence(rows, files))
    return DIFFERS if any(row.why != UNJOINED for row in rows) else DONE


def _standing(node: Witness, logs: tuple[str, ...]) -> dict[str, Any]:
    last = {row.origin: row for row in node.seen()}
    held = Counter(row.why for row in node.evidence())
    return {
        "name": node.name,
        "keys": node.vkeys,
        "logs": [
            {
                "log": vkey,
                "size": row.size if row else None,
                "root": row.root.hex() if row else None,
                "cosigned": _time(row.cosigned_seconds) if row else None,
            }
            for vkey in logs
            for row in [last.get(vkey.partition("+")[0])]
        ],
        "evidence": {why: held[why] for why in SAYS},
    }


def _show(result: dict[str, Any]) -> None:
    _plain([result["name"], *result["keys"], ""])
    table = Table("log", "size", "cosigned")
    for log in result["logs"]:
        size = "-" if log["size"] is None else f"{log['size']:,}"
        table.add_row(log["log"].partition("+")[0], size, log["cosigned"] or "-")
    paper.print(table)
    _plain(f"{count} held: {SAYS[why]}" for why, count in result["evidence"].items() if count)


def _held(row: Evidence) -> dict[str, Any]:
    return {
        "log": row.origin,
        "number": row.number,
        "why": row.why,
        "sentence": row.sentence,
        "offered": _time(row.offered_seconds),
        "size": row.size,
        "kept_note": row.kept.decode(),
        "offered_note": row.offered.decode(),
        "question": row.question.decode(),
    }


def _show_evidence(rows: list[Evidence], files: list[Path]) -> None:
    if not rows:
        _plain(["nothing is held against any log"])
    for row in rows:
        offered = _time(row.offered_seconds)
        said = row.sentence or SAYS[row.why]
        _plain([f"{row.origin} {row.size:,} {row.why} ({offered}): {said}"])
    _plain(map(str, files))


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _plain(lines: Any) -> None:
    for line in lines:
        paper.print(line, markup=False, soft_wrap=True)
