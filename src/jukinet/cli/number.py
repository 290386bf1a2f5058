"""`jukinet number`: sector numbers (符号), at a town's desk."""

from typing import Annotated

from cyclopts import App, Parameter

from jukinet.cli.common import DEFAULT_FOLDER, DONE, AsJson, InFolder, give, now, paper
from jukinet.cli.opening import opened
from jukinet.errors import Malformed
from jukinet.tasks.code_changes import live_record
from jukinet.tasks.network import open_network
from jukinet.tasks.residents import fresh_number

app = App(name="number", help="Sector numbers (符号): each agency's own number of a person.")

EXAMPLES = """Examples:
  jukinet number fresh demo --town 131016 --record 17 --sector pension/1-73
  jukinet number fresh --dir demo --town 131016 --record 17 --json"""


@app.command(help_epilogue=EXAMPLES)
def fresh(
    dir: InFolder = DEFAULT_FOLDER,
    *,
    town: Annotated[str, Parameter(help="Six digits of the municipality.")],
    record: Annotated[int, Parameter(help="A record number.")],
    sector: Annotated[
        str, Parameter(help="One agency's one affair, as `jukinet schedules` says; all without it.")
    ] = "",
    official: Annotated[str, Parameter(help="Who asks: the official's own number.")] = "official-1",
    as_json: AsJson = False,
) -> int:
    """Give a resident a fresh number in one sector or in all, on request; no reason is asked.

    It stands on the resident's own statement first. The former number and the handles of that
    sector end; the agency learns the fresh one with its next lawful question, and no other.
    """
    with open_network(opened(dir), now()) as network:
        if town not in network.towns:
            raise Malformed(f"--town: this folder has {', '.join(network.towns)}")
        node = network.towns[town]
        person = live_record(node, record)
        done = fresh_number(network, node, person, sector, official=official)
    result = {"town": town, "record": record, "sector": sector, "leaf": done.leaf}
    said = f"record {record}: fresh in {sector or 'every sector'}, by leaf {done.leaf}"
    give(result, as_json=as_json, show=lambda: paper.print(said, markup=False))
    return DONE
