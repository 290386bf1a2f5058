"""`make bench`: every figure that the project claims, each beside the bare engine in the same run.

    python bench/run.py            all figures, as a table
    python bench/run.py --json     the same as JSON
    python bench/run.py register   only the figures of one script

Prints machine, date, commit and seed. Each figure is the median of several rounds.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "world",
    "sealed",
    "register",
    "feed",
    "inquiries",
    "door",
    "sameness",
    "statement",
    "log",
    "witnesses",
    "codes",
    "oprf",
)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True
    ).stdout.strip()
    return {
        "machine": f"{os.cpu_count()} x {model}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit or "unknown",
    }


def main() -> None:
    """Run the scripts and print what they found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scripts", nargs="*", default=list(SCRIPTS), help=", ".join(SCRIPTS))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    unknown = set(chosen.scripts) - set(SCRIPTS)
    if unknown:
        parser.error(f"no such script: {', '.join(sorted(unknown))}")
    sys.path.insert(0, str(HERE))
    figures = []
    for name in chosen.scripts:
        print(f"... {name}", file=sys.stderr)
        figures += importlib.import_module(name).figures()
    result = {**machine(), "figures": [figure.as_dict() for figure in figures]}
    if chosen.json:
        print(json.dumps(result, indent=1))
        return
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    for figure in figures:
        print(figure.line())


if __name__ == "__main__":
    main()
