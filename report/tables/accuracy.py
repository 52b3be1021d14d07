"""Tables of scores: what C1, C6, C8 and the size chart rest on."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from report import pairs
from report.claims import parts_of
from report.pairs import LOSS, PER_CENT, Pairing, arm_order, result_of
from report.rules import Part, contrast
from report.statistics import LEVEL, deviation, tost_margin
from report.tables import Context, Row

CLAIMS = ("C1", "C8")  # their rules name the study, the arms and the seeds of these tables


def parts_in_order(context: Context, claim: str) -> list[Part]:
    """The parts of a claim's rule that compare two arms on one setting."""
    parts = parts_of(claim, context.rule(claim))
    order = list(context.claim(claim).labels)  # a locked rule has lost the order of its file
    names = sorted(parts, key=lambda n: (order.index(n) if n in order else len(order), n))
    return [parts[name] for name in names if parts[name]["kind"] == "contrast"]


def comparisons(context: Context) -> list[tuple[Part, Pairing]]:
    """The settings of C1 and C8 that have trials, each once with the first rule that asks for it."""
    found: dict[tuple[str, str], tuple[Part, Pairing]] = {}
    for claim in CLAIMS:
        for part in parts_in_order(context, claim):
            pairing = contrast.pairing_of(part, context.evidence)
            if pairing is not None:
                found.setdefault((pairing.task, pairing.dataset), (part, pairing))
    return list(found.values())


def parity_scores(context: Context) -> list[Row]:
    rows: list[Row] = []
    for _, pairing in comparisons(context):
        for arm in arm_order(pairing.arms):
            seeds = pairing.seeds(arm)
            scores = pairing.scores(arm, seeds)
            first = result_of(pairing.arms[arm][seeds[0]])
            rows.append(
                [
                    pairing.task,
                    pairing.dataset,
                    arm,
                    len(seeds),
                    pairing.metric,
                    pairing.mean(arm).effect,
                    *pairing.mean(arm).interval(LEVEL),
                    deviation(scores),
                    float(scores.min()),
                    float(scores.max()),
                    first.position_parameters,
                ]
            )
    return rows


def gate(context: Context) -> list[Row]:
    rows: list[Row] = []
    for part, pairing in comparisons(context):
        opened = contrast.gate(part, pairing)
        difference = pairing.difference(part["arm"], part["reference"])
        if difference.n < part["min_seeds"] or not opened.known:
            state = "gate_open_question"
        else:
            state = "gate_passed" if opened.passed else "gate_closed"
        rows.append(
            [
                pairing.task,
                pairing.dataset,
                opened.best,
                opened.gain.effect,
                opened.low,
                opened.high,
                opened.sd,
                opened.bound,
                state,
                float(part.get("gap", math.nan)),
                contrast.margin(part),
                tost_margin(difference.n, part["power"], part["alpha"]) * difference.sd,
            ]
        )
    return rows


def parity_pairs(context: Context) -> list[Row]:
    rows: list[Row] = []
    for part, pairing in comparisons(context):
        arm, reference, baseline = part["arm"], part["reference"], part["baseline"]
        for seed in pairing.seeds(arm, reference):
            one, other = (float(pairing.scores(a, [seed])[0]) for a in (arm, reference))
            has_baseline = seed in pairing.arms.get(baseline, {})
            result = result_of(pairing.arms[arm][seed])
            rows.append(
                [
                    pairing.task,
                    pairing.dataset,
                    seed,
                    result.split,
                    one,
                    other,
                    float(pairing.scores(baseline, [seed])[0]) if has_baseline else math.nan,
                    pairing.better * (one - other),
                    len(result.documents),
                    int(result.units.sum()),
                ]
            )
    return rows


def learning_curves(context: Context) -> list[Row]:
    rows: list[Row] = []
    for _, pairing in comparisons(context):
        for arm in arm_order(pairing.arms):
            for seed in pairing.seeds(arm):
                result = result_of(pairing.arms[arm][seed])
                if result.curve:
                    last = result.curve[-1]
                    rows.append(
                        [
                            pairing.task,
                            pairing.dataset,
                            arm,
                            seed,
                            last.step,
                            last.tokens,
                            last.train_loss,
                            last.dev_loss,
                            last.dev_accuracy * PER_CENT,
                            result.headline * pairing.scale,
                            result.stopped or "",
                        ]
                    )
    return rows


def position_losses(pairing: Pairing, arm: str) -> dict[int, tuple[float, int]]:
    """Position -> mean test loss over seeds in nats (weighted by units), and the units."""
    total: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for trial in pairing.arms[arm].values():
        for position, loss, n in result_of(trial).loss_by_position:
            if n and math.isfinite(loss):
                total[position][0] += loss * n
                total[position][1] += n
    return {p: (loss / n, int(n)) for p, (loss, n) in sorted(total.items())}


def loss_by_position(context: Context) -> list[Row]:
    """Positions in bands that double, so that late and rare positions still hold enough units."""
    rows: list[Row] = []
    for _, pairing in comparisons(context):
        for arm in arm_order(pairing.arms):
            bands: dict[int, list[tuple[float, int]]] = defaultdict(list)
            for position, (loss, n) in position_losses(pairing, arm).items():
                bands[position.bit_length()].append((loss, n))
            for bits, members in bands.items():
                units = sum(n for _, n in members)
                mean = math.fsum(loss * n for loss, n in members) / units
                band = [2**bits // 2, 2**bits - 1]
                rows.append([pairing.task, pairing.dataset, arm, *band, mean, units])
    return rows
