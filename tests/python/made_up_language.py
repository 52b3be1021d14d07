"""Made-up language models with losses that tests choose."""

from __future__ import annotations

import base64
from typing import Any, Mapping

import numpy as np

DOCUMENTS, UNITS = 40, 25


def spec(arm: str, seed: int, **more: Any) -> dict[str, Any]:
    return {
        "harness": "accuracy",
        "arm": arm,
        "task": "masked_lm",
        "dataset": "brown_text",
        "encoding": arm.partition("_")[0],
        "position_rms": 0.1,
        "token_rms": 0.02,
        "learning_rate": 0.002,
        "hidden": 128,
        "layers": 2,
        "max_length": 128,
        "trained_length": 64,
        "short_share": 0.9,
        "steps": 1200,
        "seed": seed,
        "init": "",
        **more,
    }


def result(
    loss: float,
    seed: int,
    sides: Mapping[str, float] | None = None,
    arrival: int | None = None,
    by_position: Mapping[int, float] | None = None,
) -> dict[str, Any]:
    """A training whose test loss is about `loss`; all arms of a seed share its luck.

    arrival: the step at which the learning curve falls from 6 to `loss`; None: it never does.
    """
    luck = np.random.default_rng(seed).normal(0, 0.2, DOCUMENTS)
    sums = (loss + luck - luck.mean()) * UNITS
    mean = float(sums.sum() / (DOCUMENTS * UNITS))
    bits = np.zeros(DOCUMENTS * UNITS, dtype=bool)
    score = {"loss": mean, "accuracy": 0.0, "examples": DOCUMENTS * UNITS, "scores": {}}
    positions = by_position or {p: loss for p in range(64)}
    documents = {"documents": [f"{d:03}" for d in range(DOCUMENTS)]}
    rows = [{"position": p, "loss": v, "n": 50} for p, v in positions.items()]
    return {
        "parameters": 1_000_000,
        "position_parameters": 16384,
        "positions_moved": 0.5,
        "stopped": None,
        "curve": [
            {
                "step": step,
                "tokens": step * 2048,
                "train_loss": 6.0,
                "dev_loss": loss if arrival is not None and step >= arrival else 6.0,
                "dev_accuracy": 0.1,
            }
            for step in range(100, 1300, 100)
        ],
        "dev": score,
        "test": score,
        "metric": "loss",
        "theory": None,
        "longer": [
            {
                **score,
                "name": name,
                "loss": mean + more,
                "loss_by_position": [{"position": p, "loss": mean + more, "n": 9} for p in (8, 80)],
                **documents,
                "headline": {"sums": (sums + more * UNITS).tolist(), "counts": [UNITS] * DOCUMENTS},
            }
            for name, more in (sides or {}).items()
        ],
        "loss_by_position": rows,
        "test_units": {
            **documents,
            "units_per_document": [UNITS] * DOCUMENTS,
            "correct": base64.b64encode(np.packbits(bits).tobytes()).decode(),
            "headline": {"sums": sums.tolist(), "counts": [UNITS] * DOCUMENTS},
        },
        "split": seed % 10,
        "vocabulary_digest": "",
        "weights": None,
    }
