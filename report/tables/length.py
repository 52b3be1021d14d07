"""Language models on texts longer than they were trained on: what C3 and C9 rest on."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, Mapping

from report import pairs
from report.pairs import POSITIONS, TEST, Pairing, arm_order, result_of, score_on
from report.statistics import LEVEL
from report.tables import Context, Row

# Said here and not read from the rule: runs that locked older rules have these tables too.
VARIES = ("steps", "fill", "system", "window", "memory", "max_length")
LONGER = tuple(f"test {times}x" for times in ("1.25", "1.5", "2", "4", "8", "16", "32"))
SHORT_TEXTS = {"trained_length": 64}
BANDS = ((0, 31), (32, 63), (64, 127))


def of_study(context: Context, claim: str, where: Mapping[str, int]) -> list[Pairing]:
    """The settings of a claim's study, with the seeds that its rule counts."""
    rule = context.rule(claim)
    return pairs.pairings(context.evidence, rule["study"], rule["first_seed"], where, VARIES)


def length_scores(context: Context) -> list[Row]:
    """Per arm and length of rows the loss, and how far it is from that at the trained length."""
    return [row for pairing in of_study(context, "C3", SHORT_TEXTS) for row in sides(pairing)]


def long_text_scores(context: Context) -> list[Row]:
    return [row for pairing in of_study(context, "C9", {}) for row in sides(pairing)]


def sides(pairing: Pairing) -> list[Row]:
    rows: list[Row] = []
    for arm in arm_order(pairing.arms):
        seeds = pairing.seeds(arm)
        longer = result_of(pairing.arms[arm][seeds[0]]).longer
        for side in (TEST, *(s for s in LONGER if s in longer)):
            score = float(pairing.scores(arm, seeds, side).mean())
            row: Row = [pairing.task, pairing.dataset, arm, len(seeds), side]
            if side == TEST:
                rows.append([*row, math.nan, math.nan, math.nan, score])
            else:
                increase = pairing.advantage({f"{arm}@{TEST}": 1.0, f"{arm}@{side}": -1.0})
                rows.append([*row, increase.effect, *increase.interval(LEVEL), score])
    return rows


def length_by_position(context: Context) -> list[Row]:
    """Loss by position in the longest rows, mean over seeds; bands of eight positions."""
    rows: list[Row] = []
    for pairing in of_study(context, "C3", SHORT_TEXTS):
        for arm in arm_order(pairing.arms):
            bands: dict[int, list[tuple[float, int]]] = defaultdict(list)
            for trial in pairing.arms[arm].values():
                longest = result_of(trial).longer.get("test 2x")
                for position, loss, n in longest.loss_by_position if longest else []:
                    bands[position // 8].append((loss, n))
            for band, members in sorted(bands.items()):
                units = sum(n for _, n in members)
                mean = math.fsum(loss * n for loss, n in members) / units
                rows.append([arm, 8 * band, 8 * band + 7, mean, units])
    return rows


def steps_on(spec: Mapping[str, Any], position: int) -> int:
    """How many training steps reach that row of the table, on a schedule of short rows or none."""
    short = int(spec.get("short_length", 0))
    share = float(spec["short_share"]) if 0 < short <= position else 0.0
    return round((1 - share) * int(spec["steps"]))


def late_rows(context: Context) -> list[Row]:
    """The advantage of learned by position, with and without a schedule of short rows."""
    rows: list[Row] = []
    for pairing in of_study(context, "C3", {"max_length": 128}):
        for schedule in ("short", "long"):
            arms = [f"{arm}_{schedule}" for arm in ("learned", "sinusoid")]
            seeds = pairing.seeds(*arms)
            for first, last in BANDS if seeds else ():
                side = f"{POSITIONS}{first}-{last}"
                losses = [
                    math.fsum(score_on(pairing.arms[arm][s], side) for s in seeds) / len(seeds)
                    for arm in arms
                ]
                gain = pairing.advantage({f"{arms[0]}@{side}": 1.0, f"{arms[1]}@{side}": -1.0})
                trained = steps_on(pairing.arms[arms[0]][seeds[0]].spec, first)
                row: Row = [schedule, first, last, trained, len(seeds), *losses]
                rows.append([*row, gain.effect, *gain.interval(LEVEL)])
    return rows
