"""`jukinet serve`: the pages that people see, on one port of this machine."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jukinet.cli.common import DEFAULT_FOLDER, DONE, now, paper, screen
from jukinet.cli.opening import opened
from jukinet.errors import Malformed, Refused
from jukinet.tasks.serving import pages, worker
from jukinet.wire.serving import listen
from jukinet.wire.serving import serve as serve_on

EXAMPLES = """Examples:
  jukinet serve
  jukinet serve demo --port 8080"""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    dir: Annotated[Path, Parameter(help="The folder of the network.")] = DEFAULT_FOLDER,
    *,
    host: Annotated[str, Parameter(help="The address to listen at.")] = "127.0.0.1",
    name: Annotated[str, Parameter(help="The public name to which it answers, too.")] = "",
    port: Annotated[int, Parameter(help="The port; 0 takes any that is free.")] = 8080,
) -> int:
    """Serve desk, portal and observatory of a folder, until it is interrupted.

    In a demo's folder everybody is made up, and whoever opens the page may play a clerk or a
    resident: so it listens on this machine alone. Another command cannot work in the folder
    meanwhile.
    """
    if not 0 <= port <= 65535:
        raise Malformed("--port: want 0 to 65535")
    folder = opened(dir)
    synthetic = folder.require().seed is not None
    if synthetic and (host not in LOOPBACK or name):
        raise Refused("--host: a demo lets anybody play anybody; it is served on this machine only")
    working = worker(folder, now)
    with listen(host, port) as listening:
        working.open()
        try:
            where = listening.getsockname()[1]
            paper.print(f"{dir}: http://localhost:{where}/ (stop with Ctrl-C)", markup=False)
            serve_on(pages(working, _complain, name), listening)
        finally:
            working.close()
    return DONE


def _complain(sentence: str) -> None:
    screen.print(f"jukinet: {sentence}", style="red", markup=False, soft_wrap=True)
