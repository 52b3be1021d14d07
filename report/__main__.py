"""Command line of the report: `python3 -m report RUN... --out DIR`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from report import claims, load, render
from report.errors import ReportError
from report.tables import Context
from report.text import Locale

EPILOG = """\
examples:
  python3 -m report results/today --out results/today/report
      one run: its own folder, as given to 'posbench run --out'
  python3 -m report results/laptop results/cluster --out both
      scores of two runs together; their times only if both are of one host and build

It writes index.html (one file, no network), report.pdf, tables/*.csv, and the verdicts as
verdicts.csv and, a row a claim, as verdicts.md.
The same records always give the same bytes. Exit status: 0 done, 2 refused (says why).
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python3 -m report",
        description="Turn runs of posbench into verdicts, with the numbers behind them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="folder of a run")
    made.add_argument("--out", metavar="DIR", required=True, type=Path, help="where to write")
    return made


def table_of(context: Context, locale: Locale) -> str:
    """The verdicts as aligned text for a terminal."""
    head = ["claim", "verdict", "effect", "interval", "margin", "n"]
    rows = [head]
    for verdict in context.verdicts:
        line = render.line(verdict, locale)
        found = verdict.finding
        cells = [verdict.id, found.verdict, line.effect, line.interval, line.margin, str(found.n)]
        rows.append(cells)
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    aligned = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows)
    return "\n".join(aligned)


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    # Both libraries log about fonts; a user can do nothing with that.
    for library in ("weasyprint", "fontTools", "matplotlib"):
        logging.getLogger(library).setLevel(logging.ERROR)
    try:
        locale = Locale("en")
        evidence = load.load(options.runs)
        read = claims.read_claims()
        context = Context(evidence, read, claims.decide(read, evidence))
        index = render.write(context, options.out, locale)
        print(table_of(context, locale))
        print(f"\nreport: {index}")
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
