"""Kill a working server at random and count what was lost: `python -m tests.faults --kills 20`."""

# ruff: noqa: T201 - a program that prints
from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.faults.harness import Report, plan, run
from tests.faults.site import KILLS

COLUMNS = ("acknowledged", "lost", "over_assigned", "double", "outage_s_median", "outage_s_max")


def main() -> int:
    """Run the harness as the command line says; return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="on each database (20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--database", choices=sorted(KILLS), action="append", help="default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--out", type=Path, help="add the JSON lines to this file as well")
    options = parser.parse_args()
    reports = []
    for kind in options.database or KILLS:
        with tempfile.TemporaryDirectory(prefix="annot-faults-") as folder:
            reports.append(
                run(
                    kind,
                    Path(folder),
                    plan(kind, options.kills, options.seed),
                    seed=options.seed,
                    say=lambda line: print(line, file=sys.stderr, flush=True),
                )
            )
    for report in reports:
        line = json.dumps(report.to_json())
        if options.out:
            with options.out.open("a", encoding="utf-8") as out:
                out.write(line + "\n")
        if options.json:
            print(line)
        else:
            print_table(report)
    return 0 if all(report.comparison.is_clean for report in reports) else 1


def print_table(report: Report) -> None:
    """Print one run for people."""
    found = report.to_json()
    kills = ", ".join(f"{n} x {what}" for what, n in found["kills"].items())
    print(f"{report.kind}: {len(report.kills)} kills ({kills}), {found['seconds']} s")
    for name in COLUMNS:
        print(f"  {name.replace('_', ' '):<16} {found[name]}")
    print(f"  {'audit':<16} {'clean' if found['audit_clean'] else report.comparison.audit}")


if __name__ == "__main__":
    sys.exit(main())
