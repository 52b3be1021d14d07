"""Times of one encoder in several engines, as a table: `python3 -m report.peers RUN`."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Sequence

from report import engine, load
from report.errors import ReportError
from report.load import Evidence
from report.statistics import Estimate

HEADER = ["work", "engine", "ms a call", "times ours", "95 %", "peak MB", "% of f32 peak"]


def interval(log: Estimate) -> str:
    """Of an exponential; empty where one process cannot give any."""
    return " … ".join(f"{math.exp(b):.2f}" for b in log.interval(0.95)) if log.known else ""


def rows(evidence: Evidence) -> list[list[str]]:
    """A row of text under HEADER for each work and engine; one that took no part says why."""
    found = []
    studies = (engine.PEERS, engine.ENCODING_PEERS)
    of_both = [item for study in studies for item in engine.works(evidence, study).items()]
    for work, processes in of_both:
        for arm in (engine.OURS, *engine.OTHERS):
            here = [p for p in processes if arm in p.arms]
            slower = engine.speed_up(work, processes, arm)
            share = engine.work_share(work, processes, arm)
            if here and slower:
                milliseconds = engine.call_ns(work, processes, arm) / 1e6
                memory = max(p.peak_memory_bytes[arm] for p in here) / 1e6
                ratio = [f"{math.exp(slower.effect):.2f}", interval(slower)]
                reached = f"{math.exp(share.effect):.0f}" if share else ""
                found.append(
                    [str(work), arm, f"{milliseconds:.3g}", *ratio, f"{memory:.0f}", reached]
                )
            for why in {p.skipped[arm] for p in processes if arm in p.skipped}:
                found.append([str(work), arm, "-", "-", "-", "-", why])
    return found


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("error: give one run directory, that of ci/peers", file=sys.stderr)
        return 2
    try:
        table = [HEADER, *rows(load.load([Path(arguments[0])]))]
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    widths = [max(len(row[i]) for row in table) for i in range(len(HEADER))]
    for row in table:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
