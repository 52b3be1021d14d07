"""All encodings together: what each scores, what it costs and what it holds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from report.pairs import Pairing, arm_order, result_of
from report.rules import contrast
from report.tables import Context, Row
from report.tables.accuracy import comparisons
from report.tables.systems import encodings_cost

NONE = "none"


def encodings_compared(context: Context) -> list[Row]:
    """Per encoding the share of what positions are worth, its time over that of none, its parameters.

    Scores are means over the settings that every encoding of the table has, and whose gate is passed.
    """
    found = [p for part, p in comparisons(context) if contrast.gate(part, p).passed]
    most = max((len(pairing.arms) for pairing in found), default=0)
    found = [on_common_seeds(pairing) for pairing in found if len(pairing.arms) == most]
    found = [pairing for pairing in found if pairing.seeds(*pairing.arms)]
    if not found:
        return []
    arms = set.intersection(*(set(gains(pairing)) for pairing in found))
    times = times_of(context)
    rows: list[Row] = []
    for arm in arm_order(arms):
        shares = [share_of_gap(pairing, arm) for pairing in found]
        first = found[0].arms[arm]
        rows.append(
            [
                arm,
                len(shares),
                min(len(pairing.arms[arm]) for pairing in found),
                float(np.mean(shares)) * 100,
                min(shares) * 100,
                max(shares) * 100,
                times.get(("forward", arm), math.nan),
                times.get(("train", arm), math.nan),
                result_of(next(iter(first.values()))).position_parameters,
            ]
        )
    return sorted(rows, key=lambda row: -float(row[3]))


def on_common_seeds(pairing: Pairing) -> Pairing:
    """Encodings that have fewer seeds would else be compared with others' luck on other seeds."""
    seeds = pairing.seeds(*pairing.arms)
    arms = {arm: {seed: trials[seed] for seed in seeds} for arm, trials in pairing.arms.items()}
    return replace(pairing, arms=arms, estimates={})


def share_of_gap(pairing: Pairing, arm: str) -> float:
    """0: no better than none; 1: as good as the best encoding of the setting."""
    gain = gains(pairing)
    return gain[arm] / max(gain.values())


def gains(pairing: Pairing) -> dict[str, float]:
    """The advantage of each arm over none."""
    others = [arm for arm in pairing.arms if pairing.seeds(arm, NONE)]
    return {arm: pairing.difference(arm, NONE).effect if arm != NONE else 0.0 for arm in others}


def times_of(context: Context) -> dict[tuple[str, str], float]:
    """Time of a pass over that without positions: the geometric mean over the shapes measured."""
    ratios: dict[tuple[str, str], list[float]] = {}
    for row in encodings_cost(context):
        ratio = float(row[8])
        if math.isfinite(ratio):
            ratios.setdefault((str(row[0]), str(row[5])), []).append(ratio)
    found = {key: float(np.exp(np.mean(np.log(values)))) for key, values in ratios.items()}
    found |= {(kind, NONE): 1.0 for kind in ("forward", "train")}
    return found
