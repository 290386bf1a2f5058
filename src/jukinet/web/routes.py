"""Routes (頁の表): each page with its address and the roles that may see it; there are no others.

A route that names no role cannot be written. The table is what the tests go through, each route
with each role.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from jukinet.web.visit import Reply, Role, Visit

Answer = Callable[[Visit], Reply]


class Route(NamedTuple):
    """One page."""

    method: str
    path: str
    roles: frozenset[Role]
    takes: frozenset[str]  # the parameters of the address that it knows
    answer: Answer

    def open_to(self, role: Role) -> bool:
        """Whether somebody of a role may come."""
        return Role.ANYBODY in self.roles or role in self.roles


class Routes:
    """A table of pages."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def get(self, path: str, *roles: Role, takes: str = "") -> Callable[[Answer], Answer]:
        """A page that shows something."""
        return self._route("GET", path, roles, takes)

    def post(self, path: str, *roles: Role, takes: str = "") -> Callable[[Answer], Answer]:
        """A page that takes a form."""
        return self._route("POST", path, roles, takes)

    def _route(
        self, method: str, path: str, roles: tuple[Role, ...], takes: str
    ) -> Callable[[Answer], Answer]:
        assert roles, f"{path}: name the roles that may see it"

        def take(answer: Answer) -> Answer:
            known = frozenset(takes.split()) | {"lang"}
            self._routes.append(Route(method, path, frozenset(roles), known, answer))
            return answer

        return take
