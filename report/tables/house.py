"""Tables about the run itself: verdicts, A/A checks, machine, data, studies, what is missing."""

from __future__ import annotations

import math
from typing import Any, Mapping, Sequence

import numpy as np
from scipy import stats

from report import cost
from report.pairs import Pairing
from report.records import Trial
from report.records.accuracy import Accuracy
from report.rules import Part, contrast
from report.statistics import LEVEL, exact_interval, sign_flips
from report.tables import Context, Row
from report.tables.accuracy import comparisons

HALVES = 10  # seeds needed for two disjoint sets of five


def verdicts(context: Context) -> list[Row]:
    return [
        [
            v.id,
            v.finding.setting,
            v.finding.verdict,
            v.finding.effect,
            v.finding.low,
            v.finding.high,
            v.finding.level,
            v.finding.margin,
            v.finding.unit,
            v.finding.n if v.finding.unit else "",
            v.p_holm,
            v.rule_digest,
            v.finding.bound,
            " ".join(v.marks),
        ]
        for v in context.verdicts
    ]


def aa(context: Context) -> list[Row]:
    """Cost: cells whose twin of the baseline looks different. Accuracy: sign flips and halves."""
    rows: list[Row] = []
    for state in cost.STATES:
        k, n = false_alarms(context, state)
        if n:
            low, high = exact_interval(k, n, LEVEL)
            rows.append(["cost_twin", state, k, n, k / n, low, high, "aa_twin"])
    for part, pairing in comparisons(context):
        rows += accuracy_checks(part["arm"], part["reference"], pairing, part)
    return rows


def false_alarms(context: Context, state: str) -> tuple[int, int]:
    """Cells of a state whose interval of learned_again / learned_slice excludes 1, and all cells."""
    k = n = 0
    for cell, processes in cost.cells(context.evidence).items():
        if cell.state == state:
            twin = cost.ratio(context.evidence, cell, processes, cost.AGAIN, cost.BASELINE)
            if twin is not None and twin.known:
                low, high = twin.interval(LEVEL)
                k, n = k + (low > 0 or high < 0), n + 1
    return k, n


def accuracy_checks(arm: str, reference: str, pairing: Pairing, part: Part) -> list[Row]:
    seeds = pairing.seeds(arm, reference)
    if len(seeds) < part["min_seeds"]:
        nothing: Row = ["sign_flips", pairing.name, "", "", math.nan, math.nan, math.nan]
        return [[*nothing, "aa_few_seeds"]]
    difference = pairing.scores(arm, seeds) - pairing.scores(reference, seeds)
    margin = contrast.margin(part)
    different, equal, flips = sign_flips(difference, margin, part["level"])
    found = [("false_different", different, "aa_different")]
    if math.isfinite(margin):
        found.append(("false_equal", equal, "aa_equal"))
    rows: list[Row] = []
    for what, k, note in found:
        every_pattern = flips == 2 ** len(difference)  # so nothing is left to chance
        bounds = (math.nan, math.nan) if every_pattern else exact_interval(k, flips, LEVEL)
        rows.append([what, pairing.name, k, flips, k / flips, *bounds, note])
    if len(seeds) >= HALVES:
        alarm = int(halves_differ(difference))
        bounds = exact_interval(alarm, 1, LEVEL)
        rows.append(["seed_halves", pairing.name, alarm, 1, float(alarm), *bounds, "aa_halves"])
    return rows


def halves_differ(difference: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Do two disjoint sets of seeds give different effects (Welch's test at 5 %)?"""
    half = len(difference) // 2
    test = stats.ttest_ind(difference[:half], difference[half:], equal_var=False)
    return bool(test.pvalue < 1 - LEVEL)


FIRST = (  # what a reader asks first; whatever else a host says comes after, by name
    "cpu_model cores numa_nodes isa_available isa_used isa_asked l1d_bytes l2_bytes l3_bytes "
    "memory_bytes os kernel governor thp compiler flags commit dirty"
).split()


def machine(context: Context) -> list[Row]:
    """One row per fact and value, with the builds that have it."""
    hosts = [plain_facts(host.facts) for host in context.evidence.hosts.values()]
    everyone = "all" if hosts[1:] else ""
    holders: dict[str, dict[str, list[int]]] = {}
    for number, host in enumerate(hosts, 1):
        for key, value in host.items():
            holders.setdefault(key, {}).setdefault(value, []).append(number)
    return [
        [everyone if len(builds) == len(hosts) else spans(builds), key, value]
        for key, values in holders.items()
        for value, builds in values.items()
    ]


def spans(numbers: Sequence[int]) -> str:
    """Ascending numbers, neighbours drawn together: 1, 3–5."""
    found: list[list[int]] = []
    for n in numbers:
        if found and n == found[-1][-1] + 1:
            found[-1][1:] = [n]
        else:
            found.append([n])
    return ", ".join("–".join(map(str, span)) for span in found)


def plain_facts(facts: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key in [*(k for k in FIRST if k in facts), *sorted(facts.keys() - set(FIRST))]:
        value = facts[key]
        if isinstance(value, dict):
            found |= {f"{key}: {name}": str(version) for name, version in value.items()}
        else:
            found[key] = plain_fact(key, value)
    return found


def plain_fact(key: str, value: object) -> str:
    if isinstance(value, int) and key.endswith("_bytes"):
        return f"{value / 2**20:,.0f} MiB" if value >= 2**20 else f"{value / 2**10:,.0f} KiB"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def datasets(context: Context) -> list[Row]:
    found = {}
    for run in context.evidence.runs:
        for name, facts in run.datasets.items():
            found[name] = [
                name,
                facts.get("citation", ""),
                facts.get("licence", ""),
                facts.get("digest", ""),
            ]
    return [list(found[name]) for name in sorted(found)]


def studies(context: Context) -> list[Row]:
    planned: dict[str, set[str]] = {}
    for run in context.evidence.runs:
        for study, ids in run.studies.items():
            planned.setdefault(study, set()).update(ids)
    rows: list[Row] = []
    for study, trials in planned.items():
        done = context.evidence.trials(study)
        rows.append(
            [
                study,
                len(trials),
                len(done),
                seeds_by_arm(done),
                math.fsum(t.core_seconds for t in done),
                max((t.peak_rss_bytes for t in done), default=0) / 1e6,
                100 * worst_steal(done),
            ]
        )
    return rows


def worst_steal(trials: Sequence[Trial]) -> float:
    """The largest share that others took; of a trial below a second, one tick of the clock is much."""
    return max((t.steal_share for t in trials if t.core_seconds >= 1), default=0.0)


def seeds_by_arm(trials: Sequence[Trial]) -> str:
    """How many seeds each arm has, where a study gives some fewer than others."""
    seeds: dict[str, set[int]] = {}
    for trial in trials:
        seeds.setdefault(str(trial.spec.get("arm", "")), set()).add(trial.seed)
    arms: dict[int, list[str]] = {}
    for arm, found in seeds.items():
        arms.setdefault(len(found), []).append(arm)
    if len(arms) < 2:
        return "".join(map(str, arms))
    most, *fewer = sorted(arms, reverse=True)
    return "; ".join([f"{most}", *(f"{n}: {', '.join(sorted(arms[n]))}" for n in fewer)])


def missing(context: Context) -> list[Row]:
    rows: list[Row] = []
    for run in context.evidence.runs:
        for gap in run.gaps:
            rows.append([gap.kind, gap.what, gap.study, gap.count, gap.why, gap.way_out])
        if run.ended is None:
            rows.append(["unfinished", run.profile, "", 1, "run_not_ended", run.command])
    for trial in context.evidence.of("accuracy"):
        if isinstance(trial.result, Accuracy) and trial.result.stopped:
            what = f"{trial.spec['arm']}, {trial.spec['task']}, seed {trial.seed}"
            rows.append(["stopped", what, "", 1, trial.result.stopped, ""])
    return rows + skipped_arms(context)


def skipped_arms(context: Context) -> list[Row]:
    """One row per arm, study and reason: what a CPU lacks, it lacks in every cell."""
    cells: dict[tuple[str, str, str], int] = {}
    for cell, processes in cost.all_cells(context.evidence).items():
        for arm, why in sorted({item for p in processes for item in p.skipped.items()}):
            key = (cell.study, arm, why)
            cells[key] = cells.get(key, 0) + 1
    return [["skipped", arm, study, n, why, ""] for (study, arm, why), n in cells.items()]
