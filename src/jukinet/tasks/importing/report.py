"""Report (取込結果): what an import did, in numbers.

Every row of the file is counted once: entered, there already, or rejected. It names nobody; the
reasons are counted with every digit left out, of a row with several faults the first.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jukinet.tasks.importing.resident import Fault


@dataclass(kw_only=True)
class Report:
    """What an import did; of a rehearsal, what it would do."""

    dry_run: bool = False
    rows: int = 0
    households: int = 0
    entered: int = 0
    households_entered: int = 0
    codes_drawn: int = 0
    already_there: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    encoding: str = ""
    dialect: str = ""
    rejects: Path | None = None

    def reject(self, fault: Fault) -> None:
        """Count a rejected row."""
        self.rejected += 1
        self.reasons[kind_of(fault)] += 1

    def as_dict(self) -> dict[str, Any]:
        """The report for a program to read; the commonest reasons first."""
        return {
            "dry_run": self.dry_run,
            "rows": self.rows,
            "households": self.households,
            "entered": self.entered,
            "households_entered": self.households_entered,
            "codes_drawn": self.codes_drawn,
            "already_there": self.already_there,
            "rejected": self.rejected,
            "reasons": dict(self.reasons.most_common()),
            "encoding": self.encoding,
            "dialect": self.dialect,
            "rejects": None if self.rejects is None else str(self.rejects),
        }


def kind_of(fault: Fault) -> str:
    """A fault without what differs from row to row, so that there are few kinds.

    >>> kind_of(Fault("code", "resident code: check digit is 4, digits ask for 3"))
    'code: resident code: check digit is N, digits ask for N'
    """
    reason = re.sub("(?<!art. )(?<!arts. )(?<![0-9])[0-9]+|元(?=年)", "N", fault.reason)
    return f"{fault.column}: {reason}" if fault.column else reason
