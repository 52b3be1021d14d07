"""Encoders that start from others: fine-tuned on a domain (C4) and on other tasks (C7)."""

from __future__ import annotations

import numpy as np

from report import pairs
from report.pairs import Pairing, arm_order, result_of
from report.statistics import LEVEL
from report.tables import Context, Row

# Said here and not read from the rule: runs that locked older rules have these tables too.
VARIES = ("steps", "freeze_positions", "position_shift")


def domain_scores(context: Context) -> list[Row]:
    return scores_of(context, "domain", "C4")


def pretraining_scores(context: Context) -> list[Row]:
    return scores_of(context, "pretraining", "C7")


def scores_of(context: Context, study: str, claim: str) -> list[Row]:
    """Per setting and arm the test score, and how far its table moved while training."""
    start = int(context.rule(claim)["first_seed"])
    found = pairs.pairings(context.evidence, study, start, None, VARIES)
    return [row for pairing in found for row in arms_of(pairing)]


def arms_of(pairing: Pairing) -> list[Row]:
    rows: list[Row] = []
    for arm in arm_order(pairing.arms):
        results = [result_of(trial) for trial in pairing.arms[arm].values()]
        mean = pairing.mean(arm)
        rows.append(
            [
                pairing.task,
                pairing.dataset,
                arm,
                len(results),
                pairing.metric,
                mean.effect,
                *mean.interval(LEVEL),
                float(np.mean([r.positions_moved for r in results])),
            ]
        )
    return rows
