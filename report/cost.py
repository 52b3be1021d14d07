"""Timing records joined by block: cells of encoding_cost, shapes of encoder_cost."""

from __future__ import annotations

import math
from typing import Callable, NamedTuple, Sequence

import numpy as np
from numpy.typing import NDArray

from report import arms
from report.load import Evidence
from report.fields import Floats
from report.records import Trial
from report.records.encoder_cost import EncoderCost
from report.records.encoding_cost import EncodingCost
from report.records.timing import Timing
from report.statistics import Estimate, difference_of, mean_of, median_of_blocks

STATES = ("in_model", "hot", "dram_cold")  # the one that decides first
BASELINE = "learned_slice"
AGAIN = "learned_again"
MAIN = "encoding_cost"  # the study of the whole grid; further studies of the harness ask one thing each

Indices = NDArray[np.intp]
Cells = dict["Cell", list[EncodingCost]]


class Cell(NamedTuple):
    """One shape in one state of the caches, as one study timed it in several processes."""

    study: str
    state: str
    isa: str  # that the kernels used
    threads: int
    hidden: int
    length: int
    batch: int

    @property
    def elements(self) -> int:
        return self.hidden * self.length * self.batch

    def __str__(self) -> str:
        return f"d {self.hidden}, L {self.length}, B {self.batch}"


class Shape(NamedTuple):
    """One encoder in one kind of pass."""

    kind: str  # forward | train
    isa: str
    precision: str  # of matrix products: f32 | bf16
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    length: int
    batch: int

    def __str__(self) -> str:
        shape = f"d {self.hidden}, {self.layers} layers, L {self.length}, B {self.batch}"
        return shape if self.precision == "f32" else f"{shape}, {self.precision}"


def cells(evidence: Evidence, study: str = MAIN) -> Cells:
    """Processes by cell, in order of state and size, and of process number."""
    found: Cells = {}
    for t in sorted(evidence.trials(study), key=lambda t: t.seed):
        assert isinstance(t.result, EncodingCost)
        shape = (t.spec["hidden"], t.spec["length"], t.spec["batch"])
        cell = Cell(study, t.spec["state"], t.isa.used, t.result.threads, *shape)
        found.setdefault(cell, []).append(t.result)
    order = {state: i for i, state in enumerate(STATES)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0].state, 9), item[0])))


def all_cells(evidence: Evidence) -> Cells:
    """The cells of every study that ran encoding_cost."""
    studies = [s for s, trials in evidence.by_study.items() if trials[0].harness == "encoding_cost"]
    return {cell: found for s in studies for cell, found in cells(evidence, s).items()}


def arms_of(processes: Sequence[EncodingCost]) -> list[str]:
    """Arms of a cell in a fixed order, unknown ones last."""
    return sorted({arm for p in processes for arm in p.arms}, key=arms.rank)


def shapes(evidence: Evidence, study: str = "encoder_cost") -> dict[Shape, list[EncoderCost]]:
    found: dict[Shape, list[EncoderCost]] = {}
    names = ("hidden", "layers", "heads", "feed_forward", "length", "batch")
    for t in sorted(evidence.trials(study), key=lambda t: t.seed):
        assert isinstance(t.result, EncoderCost)
        # Records from before there was a choice do not say.
        precision = t.spec["precision"] if "precision" in t.spec else "f32"
        key = Shape(t.spec["pass"], t.isa.used, precision, *(t.spec[n] for n in names))
        found.setdefault(key, []).append(t.result)
    return dict(sorted(found.items()))


def joined(one: Timing, other: Timing) -> tuple[Indices, Indices]:
    """Indices of both arms in the blocks that ran both: slow arms run in every fifth only."""
    _, first, second = np.intersect1d(one.block, other.block, return_indices=True)
    return first, second


def log_ratios(
    processes: Sequence[EncodingCost] | Sequence[EncoderCost],
    arm: str,
    baseline: str,
    part: str = "",
) -> list[Floats]:
    """Per process (blocks,): log of time of arm over time of baseline in the same block.

    Of the whole, or of a part of both.
    """
    found = []
    for process in processes:
        if arm in process.arms and baseline in process.arms:
            one, other = process.arms[arm], process.arms[baseline]
            i, j = joined(one, other)
            if len(i):
                above, below = (t.parts[part] if part else t.ns for t in (one, other))
                found.append(np.log(above[i] / below[j]))
    return found


def ratio(
    evidence: Evidence, cell: Cell, processes: Sequence[EncodingCost], arm: str, baseline: str
) -> Estimate | None:
    """Log of the median ratio of times in a cell; None where the cell has not both arms."""
    key = f"ratio {cell!r} {arm} {baseline}"
    if key not in evidence.cache:
        logs = log_ratios(processes, arm, baseline)
        evidence.cache[key] = median_of_blocks(logs, key) if logs else None
    found: Estimate | None = evidence.cache[key]
    return found


def best_ratio(
    processes: Sequence[EncodingCost], candidates: Sequence[str], baseline: str, label: str
) -> tuple[Estimate, list[str]] | None:
    """The fastest of several arms over the baseline, and which arm each process was scored with.

    Choosing and scoring on the same times would flatter the winner, so the arm for one process is
    the one with the lowest mean of medians in the *other* processes.
    """
    usable = [p for p in processes if baseline in p.arms]
    medians = [
        {a: float(np.median(log_ratios([p], a, baseline)[0])) for a in candidates if a in p.arms}
        for p in usable
    ]
    chosen, logs = [], []
    for i, process in enumerate(usable):
        others = [m for j, m in enumerate(medians) if j != i] or medians
        common = [a for a in candidates if a in process.arms and all(a in m for m in others)]
        if common:
            arm = min(common, key=lambda a: math.fsum(m[a] for m in others))
            chosen.append(arm)
            logs += log_ratios([process], arm, baseline)
    return (median_of_blocks(logs, label), chosen) if logs else None


def per_process(
    processes: Sequence[EncoderCost], value: Callable[[EncoderCost], Floats | None], label: str
) -> Estimate | None:
    """Median over blocks, mean over processes of a value per block; None where no process has it."""
    found = [v for v in map(value, processes) if v is not None and len(v)]
    return median_of_blocks(found, label) if found else None


def saved_share(process: EncoderCost, arm: str, reference: str) -> Floats | None:
    """Per block: position time of arm minus that of reference, in percent of reference's pass."""
    if arm not in process.arms or reference not in process.arms:
        return None
    one, other = process.arms[arm], process.arms[reference]
    i, j = joined(one, other)
    saved = one.parts["position"][i] - other.parts["position"][j]
    return np.asarray(100 * saved / other.ns[j])


def own_share(process: EncoderCost, arm: str, part: str = "position") -> Floats | None:
    """Per block: the time of a part of the arm's pass in percent of that pass."""
    if arm not in process.arms or part not in process.arms[arm].parts:
        return None
    timing = process.arms[arm]
    return np.asarray(100 * timing.parts[part] / timing.ns)


def difference_share(process: EncoderCost, arm: str, reference: str) -> Floats | None:
    """Per block: whole pass with arm minus with reference, in percent of reference's pass."""
    logs = log_ratios([process], arm, reference)
    return np.asarray(100 * np.expm1(logs[0])) if logs else None


def median_ns(processes: Sequence[EncodingCost] | Sequence[EncoderCost], arm: str) -> float:
    """Median over processes of the median over blocks, nanoseconds a call; nan where absent."""
    medians = [float(np.median(p.arms[arm].ns)) for p in processes if arm in p.arms]
    return float(np.median(medians)) if medians else math.nan


def pace(evidence: Evidence, cell: Cell, processes: Sequence[EncodingCost], arm: str) -> Estimate:
    """Log of the arm's median nanoseconds a call."""
    key = f"pace {cell!r} {arm}"
    if key not in evidence.cache:
        logs = [np.log(p.arms[arm].ns) for p in processes if arm in p.arms]
        evidence.cache[key] = median_of_blocks(logs, key)
    found: Estimate = evidence.cache[key]
    return found


def across(
    evidence: Evidence, found: Cells, cell: Cell, reference: Cell, arm: str
) -> Estimate | None:
    """Log of time of an arm in one cell over its time in another; None where one has it not.

    The two were timed in different processes, so no block pairs them and the interval is wider than that of `ratio`.
    """
    for each in (cell, reference):
        if not any(arm in p.arms for p in found.get(each, [])):
            return None
    one, other = (pace(evidence, each, found[each], arm) for each in (cell, reference))
    return difference_of(one, other)


class Overall(NamedTuple):
    """A ratio over several cells."""

    log_ratio: Estimate  # of the geometric mean
    cells: int
    least: float
    most: float


def overall(evidence: Evidence, found: Cells, arm: str, baseline: str) -> Overall | None:
    """Geometric mean over cells of the ratio of times; None where no cell has both arms."""
    ratios = [
        r
        for cell, processes in found.items()
        if (r := ratio(evidence, cell, processes, arm, baseline)) is not None
    ]
    return summary(ratios) if ratios else None


def summary(ratios: Sequence[Estimate]) -> Overall:
    single = [math.exp(r.effect) for r in ratios]
    return Overall(mean_of(ratios), len(ratios), min(single), max(single))
