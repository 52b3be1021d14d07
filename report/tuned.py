"""What the search found, as bench/tuned.toml: `python3 -m report.tuned RUN`.

Studies of accuracy take each arm's scales and learning rate from that file. It is keyed by setting,
a word of study files that records do not hold, so the study of the last rung is read as well.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

from report import load
from report.errors import ReportError
from report.load import Evidence
from report.tables.search import BASELINE, FINAL, Winner, winners

STUDY = Path(__file__).parent.parent / "bench" / "studies" / f"{FINAL}.toml"
HEAD = """\
# What the search for scales and learning rates found, see bench/studies/tuning.toml. Written by
# python3 -m report.tuned; a study's arm refers to it with `tuned` (format: src/study/study.h).
# gap: what the better of the two arms that are compared is ahead of the best without positions, in
# points or nats, on the test side, which chose neither; margins of equality are a tenth of it at most.
"""


def toml(evidence: Evidence) -> str:
    """bench/tuned.toml from the records of the search."""
    settings = tomllib.loads(STUDY.read_text(encoding="utf-8"))["setting"]
    found = winners(evidence)
    blocks = [HEAD]
    for setting in settings:
        here = [w for w in found if (w.task, w.dataset) == (setting["task"], setting["dataset"])]
        gaps = [winner.ahead for winner in here if winner.arm != BASELINE]
        if not gaps:
            raise ReportError(
                f"no records of study {FINAL} on {setting['setting']}; run it to its end: "
                f"build/bin/posbench run {FINAL} --profile standard --out RUN"
            )
        lines = [f"[{setting['setting']}]", f"gap = {max(gaps):.4f}", *map(line, here)]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def line(winner: Winner) -> str:
    """An arm's keys; without a table in the sum there is no scale of positions."""
    keys = [f"{key} = {value:g}" for key, value in winner.point.items() if value]
    return f"{winner.arm} = {{ {', '.join(keys)} }}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m report.tuned",
        description="Print bench/tuned.toml from a run of the study tuning_final.",
        epilog="Exit status: 0 done, 2 refused (says why).",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a run")
    try:
        print(toml(load.load([parser.parse_args(arguments).run])), end="")
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
