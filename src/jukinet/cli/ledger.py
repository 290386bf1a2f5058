"""`jukinet schedules`, `jukinet objection`, `jukinet sample`: what anybody does about the log."""

from pathlib import Path
from secrets import token_bytes
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.table import Table

from jukinet.cli.common import DEFAULT_FOLDER, DIFFERS, DONE, AsJson, InFolder, give, now, paper
from jukinet.cli.opening import opened
from jukinet.client.mirror import Mirror
from jukinet.client.row_history import RowHistory, row_history
from jukinet.client.view_key import parse_view_key
from jukinet.errors import Malformed
from jukinet.law.objection import Outcome
from jukinet.merkle import policy as policies
from jukinet.tasks.auditing import policy_of
from jukinet.tasks.folder import Folder
from jukinet.tasks.network import open_network
from jukinet.tasks.residents import answer_objection, draw_sample, object_to
from jukinet.wire.mirror_reader import reader

SCHEDULES_EXAMPLES = """Examples:
  jukinet schedules --dir demo
  jukinet schedules --dir demo --history
  jukinet schedules --history --log https://log.example/ --policy policy.txt --json"""


def schedules(
    *,
    history: Annotated[
        bool, Parameter(negative=(), help="Every row that ever was, not only the newest.")
    ] = False,
    dir: InFolder = DEFAULT_FOLDER,
    log: Annotated[str, Parameter(help="Another copy of the log: its address or folder.")] = "",
    policy: Annotated[str, Parameter(help="Of --log: a policy file, or the log's key.")] = "",
    as_json: AsJson = False,
) -> int:
    """The rows under which agencies may ask, as the public log has them, and how often they did.

    Read from the log alone: since when a row counts, what changed, how much was given under it.
    """
    where = log or str(Folder(Path(dir)).log)
    read = reader(where)
    if policy:
        trusted = policy_of(policy)
    else:
        found = read("policy")
        if found is None:
            raise Malformed("--policy: this log has no policy beside it; name one")
        trusted = policies.parse(found)
    rows = row_history(Mirror(read), trusted)
    give(_rows(rows, history), as_json=as_json, show=lambda: _show_rows(rows, history))
    return DONE


def _rows(found: RowHistory, history: bool) -> dict[str, Any]:
    newest = {state.leaf.row: state.number for state in found.states}
    return {
        "log_size": found.size,
        "log_root": found.root.hex(),
        "rows": [
            {
                "row": state.leaf.row,
                "leaf": state.number,
                "since": state.leaf.counts_from,
                "change": state.change,
                "receiver": state.leaf.receiver,
                "affair": state.leaf.affair,
                "items": state.leaf.items,
                "kinds": state.leaf.kinds,
                "valid_to": state.leaf.valid_to,
                "disclosures": state.disclosures,
                "refusals": state.refusals,
            }
            for state in found.states
            if history or newest[state.leaf.row] == state.number
        ],
        "disclosures_by_table": found.by_table,
    }


def _show_rows(found: RowHistory, history: bool) -> None:
    table = Table("row", "since", "change", "who", "for", "items", "used", "refused")
    shown = _rows(found, history)
    for row in shown["rows"]:
        since = row["since"] + (f" to {row['valid_to']}" if row["valid_to"] else "")
        items = ", ".join(row["items"]) or "-"
        counts = (f"{row['disclosures']:,}", f"{row['refusals']:,}")
        table.add_row(
            row["row"], since, row["change"], row["receiver"], row["affair"], items, *counts
        )
    paper.print(table)
    for name, count in sorted(found.by_table.items()):
        paper.print(f"under {name} (municipal askers, shown by table): {count:,}")
    paper.print(f"from the public log of {found.size:,} entries, root {found.root.hex()}")


# --- objections --------------------------------------------------------------------------------

objection = App(name="objection", help="Objections to entries: a resident's, an agency's answer.")

OBJECTION_EXAMPLES = """Examples:
  jukinet objection file --view-key mine.viewkey --entry 3 --text "I never applied there."
  jukinet objection list --agency pension
  jukinet objection answer --agency pension --objection 412 --outcome upheld \\
      --text "A clerk took your record for another's. It was not used." """


@objection.command(name="file", help_epilogue=OBJECTION_EXAMPLES)
def file(
    *,
    view_key: Annotated[Path, Parameter(help="The view key that the desk gave you.")],
    entry: Annotated[int, Parameter(help="The place of the entry, as the statement lists it.")],
    text: Annotated[str, Parameter(help="What is wrong, in a sentence or two.")],
    dir: InFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> int:
    """Object to an entry of your statement. Its leaf is public, its words are not.

    The agency must answer by the day that is printed; when it does not, everybody can see that.
    """
    if not view_key.exists():
        raise Malformed(f"--view-key: there is no file {view_key}")
    key = parse_view_key(view_key.read_bytes())
    with open_network(opened(dir), now(), only_towns=()) as network:
        stands = object_to(network, key, entry, text)
    result = {"objection": stands.receipt.index, "answer_by": stands.answer_by}
    give(result, as_json=as_json, show=lambda: _plain(result))
    return DONE


@objection.command(name="list", help_epilogue=OBJECTION_EXAMPLES)
def list_(
    *,
    agency: Annotated[str, Parameter(help="Whose, such as pension or tax.")],
    dir: InFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> int:
    """The objections that an agency has still to answer."""
    with open_network(opened(dir), now(), only_towns=()) as network:
        if agency not in network.agencies:
            raise Malformed(f"--agency: this folder has {', '.join(network.agencies)}")
        waiting = network.agencies[agency].objections()
    rows = [
        {
            "objection": one.objection,
            "row": one.row,
            "answer_by": one.answer_by,
            "text": one.text,
        }
        for one in waiting
    ]

    def show() -> None:
        table = Table("objection", "row", "answer by", "what the resident says")
        for one in waiting:
            table.add_row(str(one.objection), one.row, one.answer_by, one.text)
        paper.print(table)

    give({"agency": agency, "waiting": rows}, as_json=as_json, show=show)
    return DONE


@objection.command(name="answer", help_epilogue=OBJECTION_EXAMPLES)
def answer(
    *,
    agency: Annotated[str, Parameter(help="Who answers.")],
    objection: Annotated[int, Parameter(help="The number of the objection's leaf.")],
    outcome: Annotated[Outcome, Parameter(help="What it came to.")],
    text: Annotated[str, Parameter(help="The answer, for the resident to read.")],
    official: Annotated[str, Parameter(help="The official's own number.")] = "official-1",
    dir: InFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> int:
    """Answer an objection, as the agency objected to."""
    with open_network(opened(dir), now(), only_towns=()) as network:
        if agency not in network.agencies:
            raise Malformed(f"--agency: this folder has {', '.join(network.agencies)}")
        node = network.agencies[agency]
        answer_objection(network, node, objection, outcome=outcome, text=text, official=official)
    result = {"objection": objection, "outcome": outcome}
    give(result, as_json=as_json, show=lambda: _plain(result))
    return DONE


# --- samples -----------------------------------------------------------------------------------

SAMPLE_EXAMPLES = """Examples:
  jukinet sample --dir demo --month 2025-06
  jukinet sample --dir demo --month 2025-06 --randomness 5feceb66ffc86f38d952786c6d696c79..."""


def sample(
    *,
    month: Annotated[str, Parameter(help="A month that is over, such as 2025-06.")],
    randomness: Annotated[
        str, Parameter(help="64 hex digits that nobody could choose; drawn here if left out.")
    ] = "",
    dir: InFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> int:
    """Hold some of a month's answers against the chains that their leaves stand under.

    The picks follow from the randomness and stand in the log first; take it from something public
    (a lottery, a beacon), so that all can see that nobody chose. Exit 1 where one answer differs.
    """
    with open_network(opened(dir), now(), only_towns=()) as network:
        leaf = draw_sample(network, month, _randomness(randomness))
    result = {
        "sample": leaf.sample,
        "agree": leaf.agree,
        "differ": leaf.differ,
        "nobody": leaf.nobody,
        "not_shown": leaf.not_shown,
    }
    give(result, as_json=as_json, show=lambda: _plain(result))
    return DIFFERS if leaf.differ or leaf.not_shown else DONE


def _randomness(digits: str) -> bytes:
    if not digits:
        return token_bytes(32)
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise Malformed("--randomness: want 64 hexadecimal digits")
    return found


def _plain(result: dict[str, Any]) -> None:
    for name, value in result.items():
        paper.print(f"{name:>12}  {value}", markup=False)
