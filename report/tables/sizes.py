"""The comparison of C1 at other sizes, and at other scales than each arm's best."""

from __future__ import annotations

from report import pairs
from report.pairs import COMPARED, Pairing
from report.statistics import LEVEL
from report.tables import Context, Row

TASKS = (("tagging", "brown_pos"), ("masked_lm", "brown_text"))


def effect_by_size(context: Context) -> list[Row]:
    """The advantage of learned by size, the size of `parity` among them."""
    rows: list[Row] = []
    start = int(context.rule("C1")["first_seed"])
    for task, dataset in TASKS:
        where = {"task": task, "dataset": dataset}
        found = [
            pairing
            for study in ("parity", "sizes")
            for pairing in pairs.pairings(context.evidence, study, start, where)
            if pairing.seeds(*COMPARED)
        ]
        rows += [size_row(p) for p in sorted(found, key=size_of)]
    return rows


def size_of(pairing: Pairing) -> tuple[int, int, int]:
    recipe = pairing.recipe
    rows = recipe.get("trained_length") or recipe["max_length"]
    return int(recipe["hidden"]), int(recipe["layers"]), int(rows)


def size_row(pairing: Pairing) -> Row:
    gain = pairing.difference(*COMPARED)
    return [
        pairing.task,
        pairing.dataset,
        *size_of(pairing),
        gain.n,
        pairing.metric,
        *(pairing.mean(arm).effect for arm in COMPARED),
        gain.effect,
        *gain.interval(LEVEL),
    ]


def matched_and_raw(context: Context) -> list[Row]:
    """The masked language model with both arms at one scale, and at those of the papers."""
    rows: list[Row] = []
    start = int(context.rule("C1")["first_seed"])
    for study, suffix in (("parity", ""), ("convergence", "_matched"), ("convergence", "_raw")):
        where = {"task": "masked_lm", "dataset": "brown_text"}
        for pairing in pairs.pairings(context.evidence, study, start, where):
            arms = [arm + suffix for arm in COMPARED]
            seeds = pairing.seeds(*arms)
            if seeds:
                scales = [pairing.arms[arm][seeds[0]].spec["position_rms"] for arm in arms]
                gain = pairing.difference(*arms)
                losses = [float(pairing.scores(arm, seeds).mean()) for arm in arms]
                name = {"": "own_best", "_matched": "matched", "_raw": "raw"}[suffix]
                rows.append([name, *scales, gain.n, *losses, gain.effect, *gain.interval(LEVEL)])
    return rows
