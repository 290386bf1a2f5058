"""Serving (受付): a web application on a socket, until the process is told to stop.

It speaks plain HTTP and believes no header about who asks; TLS is for a server in front.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn

from jukinet.errors import Refused

AT_ONCE_MAX = 100
"""Connections; whoever comes when there are more is told to come again (503)."""
STOP_SECONDS = 5
"""How long a question that is under way may take when the server is told to stop."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that waits for connections; port 0 takes any that is free. Refused where it cannot.

    Who connects before the server serves waits in line.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise Refused(f"{host} port {port}: {error}; name another with --host and --port") from None
    # What is accepted here has it, too. Without it, the second part of each answer waits until the
    # asker has acknowledged the first, which takes 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def serve(app: Callable[..., Any], listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; what is under way is answered first."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=AT_ONCE_MAX,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
