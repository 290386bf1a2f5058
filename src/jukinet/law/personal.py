"""Personal values: frozen, and unable to print themselves.

Every noun of the law that may hold something of a person derives from `Personal`. Its repr is its
type's name and nothing else, so that no log, no error and no test output needs a filter.

>>> class Diary(Personal, frozen=True, kw_only=True):
...     secret: str
>>> Diary(secret="the whereabouts")
<Diary>
"""

from typing import Any

import msgspec


class Personal(msgspec.Struct, frozen=True, kw_only=True):
    """A value of the law whose repr shows nothing but its type."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Nothing for tracebacks that print locals, either."""
        return []
