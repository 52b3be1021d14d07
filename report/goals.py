"""Are the goals met? `python3 -m report.goals kernels RUN`.

A goal is a row of goals/<name>.toml, which says how it is measured; a run's records say how far it is.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence, TextIO

import numpy as np

from report import cost, engine, growth, levels, load, scores
from report.errors import ReportError
from report.fields import Fields, Named
from report.load import Evidence
from report.records.encoder_cost import EncoderCost
from report.records.encoding_cost import EncodingCost
from report.records.encoding_error import EncodingErrors
from report.records.peer_cost import PeerCost
from report.records.reading_cost import ReadingCost
from report.statistics import LEVEL, Estimate, exact_interval, median_of_blocks

FOLDER = Path(__file__).parent / "goals"
HEADER = ("id", "arm", "goal", "measured", "low", "high", "met")
EPILOG = """\
It prints CSV, one line a goal; `met` compares `measured` with the goal, whatever the interval. What no
record measures is not met. Exit status: 0 all met, 1 some missed, 2 refused (says why).
"""


@dataclass(frozen=True)
class Goal:
    """A row of a goals file."""

    id: str
    arm: str  # what it is about, in words
    goal: str  # "<=1.45"
    study: str
    measure: str
    how: Named  # the row itself, for its measure

    def met(self, value: float) -> bool:
        sign, bound = self.goal[:2], float(self.goal[2:])
        return value <= bound if sign == "<=" else value >= bound


class Measured(NamedTuple):
    """A value with its interval; nan bounds where one process cannot give any."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Goals:
    """One goals/<name>.toml."""

    goals: list[Goal]
    losses: Named | None  # title, study, pairs: what to list after the goals

    @property
    def studies(self) -> list[str]:
        return list(dict.fromkeys(goal.study for goal in self.goals))


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_goals(path: Path) -> Goals:
    """A goals file. Raises ReportError naming a bad file and key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ReportError(f"{path} is not valid TOML: {error}") from error
    way_out = "compare it with report/goals/kernels.toml"
    losses = table.get("losses")
    return Goals(
        goals=[read_goal(row) for row in Fields(table, str(path), way_out).rows("goal")],
        losses=Named(losses, f"{path}: 'losses'", way_out) if losses else None,
    )


def read_goal(row: Fields) -> Goal:
    goal = Goal(
        id=row.text("id"),
        arm=row.text("arm"),
        goal=row.text("goal"),
        study=row.text("study"),
        measure=row.text("measure"),
        how=Named(row.table, f"{row.place}, '{row.text('id')}',", row.way_out),
    )
    if not re.fullmatch(r"[<>]=\d+(\.\d+)?(e-?\d+)?", goal.goal):
        row.refuse(f"has '{goal.goal}' as a goal, which is not <= or >= and a number")
    if goal.measure not in MEASURES:
        row.refuse(f"has no measure '{goal.measure}'; there are {', '.join(MEASURES)}")
    return goal


Pair = Sequence[str]  # arm, baseline
PairCell = tuple[cost.Cell, list[EncodingCost], Estimate]  # with the log of the median ratio


def level_of(evidence: Evidence, processes: Sequence[EncodingCost], baseline: str) -> str:
    """The level that holds what the baseline touches: in place that is less than out of place."""
    return levels.level(evidence, processes[0].working_set_bytes[baseline])


def kernel(processes: Sequence[EncodingCost], arm: str) -> str:
    """What ran under an arm's name; a rule knows the shape alone, so it is one kernel in a cell."""
    return processes[0].chosen.get(arm, arm)


def cells_of(evidence: Evidence, pair: Pair, how: Mapping[str, Any]) -> Iterator[PairCell]:
    """The cells with both arms of a pair that the row's conditions leave."""
    arm, baseline = pair
    for cell, processes in cost.cells(evidence, how["study"]).items():
        ratio = cost.ratio(evidence, cell, processes, arm, baseline)
        if (
            ratio is not None
            and how.get("state", cell.state) == cell.state
            and how.get("batch", cell.batch) == cell.batch
            and how.get("least_length", 0) <= cell.length
            and level_of(evidence, processes, baseline) in how.get("levels", levels.LEVELS)
            and (
                not how.get("non_temporal") or all(kernel(processes, a)[-3:] == "_nt" for a in pair)
            )
        ):
            yield cell, processes, ratio


def ratios_of(evidence: Evidence, how: Mapping[str, Any]) -> list[list[Estimate]]:
    """Per pair the logarithms of its cells' ratios; empty unless every pair has some."""
    found = [[ratio for _, _, ratio in cells_of(evidence, p, how)] for p in how["pairs"]]
    return found if all(found) else []


def geometric_mean(ratios: Sequence[Estimate]) -> Measured:
    return exponential(cost.summary(ratios).log_ratio)


def exponential(log: Estimate) -> Measured:
    return Measured(*(math.exp(v) for v in (log.effect, *log.interval(LEVEL))))


def mean_ratio(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    found = ratios_of(evidence, how)
    return geometric_mean([ratio for pair in found for ratio in pair]) if found else None


def largest_mean_ratio(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    return max(map(geometric_mean, ratios_of(evidence, how)), default=None)


def share_of_cells(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    most = math.log(how["at_most"])
    ratios = [ratio for pair in ratios_of(evidence, how) for ratio in pair]
    if not ratios:
        return None
    k = sum(ratio.effect <= most for ratio in ratios)
    return Measured(k / len(ratios), *exact_interval(k, len(ratios), LEVEL))


def largest_error(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    """Computing is exact, so the interval is a point; an error that is not finite is nan."""
    results = [t.result for t in evidence.trials(how["study"])]
    stated = [r for r in results if isinstance(r, EncodingErrors)]
    found = [[e.largest for r in stated if r.arm == arm for e in r.ranges] for arm in how["arms"]]
    return Measured(*(3 * [float(np.max(np.concatenate(found)))])) if all(found) else None


Compared = tuple[engine.Work, list[PeerCost]]


def work_of(evidence: Evidence, how: Mapping[str, Any]) -> Compared | None:
    """The work that a row names by its spec's values; raises ReportError where several fit."""
    where = {"kind" if key == "work" else key: value for key, value in how["where"].items()}
    if unknown := where.keys() - set(engine.Work._fields):
        raise ReportError(
            f"goal '{how['id']}' asks where {', '.join(sorted(unknown))}, which no work has"
        )
    found = [
        (work, processes)
        for work, processes in engine.works(evidence, [how["study"]]).items()
        if where.items() <= work._asdict().items()
    ]
    if len(found) > 1:
        raise ReportError(
            f"goal '{how['id']}' does not say which: " + "; ".join(str(w) for w, _ in found)
        )
    return found[0] if found else None


Comparison = Callable[[engine.Work, Sequence[PeerCost], str], Estimate | None]


def against_peers(
    evidence: Evidence, how: Mapping[str, Any], compare: Comparison
) -> list[Estimate]:
    """The work's comparison with each of `peers`; empty where one took no part."""
    if (found := work_of(evidence, how)) is None:
        return []
    logs = [compare(*found, peer) for peer in how["peers"]]
    return [log for log in logs if log is not None] if all(logs) else []


def speed_up(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    """Against the fastest peer: no luck in choosing it can help us."""
    logs = against_peers(evidence, how, engine.speed_up)
    return exponential(min(logs, key=lambda log: log.effect)) if logs else None


def memory_ratio(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    logs = against_peers(evidence, how, engine.memory_ratio)
    return exponential(max(logs, key=lambda log: log.effect)) if logs else None


def share_of_peak(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    found = work_of(evidence, how)
    share = engine.work_share(*found, engine.OURS) if found else None
    return exponential(share) if share else None


def allocations(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    """A count, so the interval is a point."""
    results = [t.result for t in evidence.trials(how["study"])]
    found = [n for r in results if isinstance(r, EncoderCost) for n in r.allocations.values()]
    return Measured(*(3 * [float(max(found))])) if found else None


def pass_ratio(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    """Time of `arm` over that of `baseline` in the one shape that the row names; of a `part` alone, if named."""
    found = [
        processes
        for shape, processes in cost.shapes(evidence, how["study"]).items()
        if how["where"].items() <= shape._asdict().items()
    ]
    if len(found) > 1:
        raise ReportError(f"goal '{how['id']}' does not say which of {len(found)} shapes it means")
    of = (how["timed"], how["baseline"])
    logs = cost.log_ratios(found[0], *of, part=how.get("part", "")) if found else []
    return exponential(median_of_blocks(logs, f"goal {how['id']}")) if logs else None


def growth_exponent(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    """The exponent of a quantity of the one line that the row names."""
    found = {
        line: points
        for line, points in growth.lines(evidence, how["quantity"], how["study"]).items()
        if how["where"].items() <= line._asdict().items()
    }
    if len(found) > 1:
        raise ReportError(f"goal '{how['id']}' does not say which: " + "; ".join(map(str, found)))
    for line, points in found.items():
        fitted = growth.exponent(points, how["least_length"], f"{how['quantity']} {line!r}")
        return Measured(fitted.effect, *fitted.interval(LEVEL)) if fitted else None
    return None


def contest_of(evidence: Evidence, how: Mapping[str, Any]) -> scores.Contest | None:
    """What the row's study holds of its data set."""
    found = scores.contests(evidence, (how["study"],))
    return next((contest for contest in found if contest.dataset == how["dataset"]), None)


def best_score(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    """The mean over seeds of the best arm, in the task's own headline."""
    contest = contest_of(evidence, how)
    best = contest.best() if contest else ""
    return Measured(*contest.mean(best)[:3]) if contest and best else None


def worst_allowed(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    """The lowest mean accuracy of the encodings that theory allows, all of which must be there."""
    contest = contest_of(evidence, how)
    theory = contest.theory if contest else None
    if contest is None or theory is None or any(arm not in contest.arms for arm in theory.allowed):
        return None
    return min(Measured(*contest.mean(arm)[:3]) for arm in theory.allowed)


def none_from_chance(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    """How far `none` is from chance, on either side."""
    contest = contest_of(evidence, how)
    theory = contest.theory if contest else None
    if contest is None or theory is None or "none" not in contest.arms:
        return None
    return Measured(abs(contest.mean("none").value - theory.chance), math.nan, math.nan)


def reading_speed(evidence: Evidence, how: Mapping[str, Any]) -> Measured | None:
    """MB/s of reading and tokenizing together: the slowest tokenizer's, medians in each process."""
    speeds: dict[str, list[float]] = {}
    for trial in evidence.trials(how["study"]):
        if isinstance(trial.result, ReadingCost) and trial.spec["dataset"] == how["dataset"]:
            result = trial.result
            seconds = float(np.median(result.reading_s) + np.median(result.tokenizing_s))
            speeds.setdefault(str(trial.spec["arm"]), []).append(result.bytes / 1e6 / seconds)
    means = [Measured(*scores.mean(values)[:3]) for values in speeds.values()]
    return min(means, default=None)


MEASURES: Mapping[str, Callable[[Evidence, Mapping[str, Any]], Measured | None]] = {
    "mean_ratio": mean_ratio,
    "largest_mean_ratio": largest_mean_ratio,
    "share_of_cells": share_of_cells,
    "largest_error": largest_error,
    "speed_up": speed_up,
    "share_of_peak": share_of_peak,
    "memory_ratio": memory_ratio,
    "allocations": allocations,
    "pass_ratio": pass_ratio,
    "growth_exponent": growth_exponent,
    "best_score": best_score,
    "worst_allowed": worst_allowed,
    "none_from_chance": none_from_chance,
    "reading_speed": reading_speed,
}


def number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.5g}"


def rows(goals: Goals, evidence: Evidence) -> list[list[str]]:
    """A row of text under HEADER for each goal."""
    found = []
    for goal in goals.goals:
        measured = MEASURES[goal.measure](evidence, goal.how) or Measured(*(3 * [math.nan]))
        shown = [number(value) for value in measured]
        # What is printed decides: nobody should read 0.8 beside <=0.80 and no.
        met = bool(shown[0]) and goal.met(float(shown[0]))
        found.append([goal.id, goal.arm, goal.goal, *shown, "yes" if met else "no"])
    return found


def print_losses(losses: Named, evidence: Evidence, out: TextIO) -> None:
    """Every cell in which the first of a pair takes longer, the worst first."""
    found = [
        (ratio, cell, processes, pair)
        for pair in losses["pairs"]
        for cell, processes, ratio in cells_of(evidence, pair, losses)
    ]
    lost = sorted((f for f in found if f[0].effect > 0), key=lambda f: -f[0].effect)
    print(f"{losses['title']}: {len(lost)} of {len(found)}", file=out)
    for ratio, cell, processes, (arm, baseline) in lost:
        value, low, high = geometric_mean([ratio])
        where = f"{cell.state} {level_of(evidence, processes, baseline)}, {cell}"
        who = f"{kernel(processes, arm)} against {kernel(processes, baseline)}"
        print(f"{value:6.3f} [{low:.3f}, {high:.3f}]  {where:<36} {who}", file=out)


def print_gaps(evidence: Evidence, studies: Sequence[str], out: TextIO) -> None:
    """What the goals' studies planned and these records do not hold."""
    for gap in (gap for run in evidence.runs for gap in run.gaps if gap.study in studies):
        print(f"warning: {gap.study} lacks {gap.count} of its records ({gap.why})", file=out)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python3 -m report.goals",
        description="Compare a run of posbench with the goals of report/goals/*.toml.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("name", choices=names(), help="which goals")
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("run", metavar="RUN", nargs="?", type=Path, help="folder of a run")
    what.add_argument("--studies", action="store_true", help="print the studies that measure them")
    return made


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    try:
        goals = read_goals(FOLDER / f"{options.name}.toml")
        if options.studies:
            print("\n".join(goals.studies))
            return 0
        evidence = load.load([options.run])
        found = rows(goals, evidence)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([HEADER, *found])
        sys.stdout.flush()  # the table comes first where both streams are one
        print_gaps(evidence, goals.studies, sys.stderr)
        if goals.losses:
            print_losses(goals.losses, evidence, sys.stderr)
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if all(row[-1] == "yes" for row in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
