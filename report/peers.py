"""Times of one encoder in several engines, as a table: `python3 -m report.peers RUN`."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from report import load
from report.errors import ReportError
from report.records import PeerCost, Trial

OURS = "posbench"


def work_of(trial: Trial) -> str:
    """What was computed, in words: one row of the table."""
    spec = trial.spec
    shape = f"d {spec['hidden']}, {spec['layers']} layers, {spec['precision']}"
    if spec["work"] == "epoch":
        return f"epoch, {shape}, {spec['batch']} {spec['batch_by']} a batch"
    return f"{spec['work']}, {shape}, L {spec['length']}, B {spec['batch']}"


def ratio(result: PeerCost, arm: str, epoch: bool) -> float:
    """How many times as long an arm takes: of an epoch's totals, else the median of blocks' ratios."""
    ours, theirs = result.arms[OURS], result.arms[arm]
    if epoch:
        return float(np.dot(theirs.ns, result.calls[arm]) / np.dot(ours.ns, result.calls[OURS]))
    return float(np.median(theirs.ns / ours.ns))


def rows(trials: Sequence[Trial]) -> list[list[str]]:
    """Work, engine, milliseconds of a call, ratios of each process, megabytes, GFLOP/s or why not."""
    by_work: Mapping[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        by_work[work_of(trial)].append(trial)
    found = []
    for work, same in by_work.items():
        results = [t.result for t in same if isinstance(t.result, PeerCost)]
        epoch = same[0].spec["work"] == "epoch"
        for arm in results[0].arms:
            times = np.concatenate([r.arms[arm].ns for r in results if arm in r.arms])
            milliseconds = float(np.median(times)) / 1e6
            ratios = [ratio(r, arm, epoch) for r in results if arm in r.arms]
            gflops = results[0].gflop / milliseconds * 1e3
            memory = max(r.peak_memory_bytes[arm] for r in results if arm in r.arms) / 1e6
            shown = " ".join(f"{r:.2f}" for r in ratios)
            found.append(
                [work, arm, f"{milliseconds:.3g}", shown, f"{memory:.0f}", f"{gflops:.0f}"]
            )
        found += [[work, arm, "-", "-", "-", why] for arm, why in results[0].skipped.items()]
    return found


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("error: give one run directory, that of ci/peers", file=sys.stderr)
        return 2
    try:
        trials = load.load([Path(arguments[0])]).of("peer_cost")
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    header = ["work", "engine", "ms a call", "times ours", "peak MB", "GFLOP/s"]
    table = [header, *rows(trials)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    for row in table:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
