"""Made-up records of encoder_cost whose arms grow with the length by powers that tests know."""

from __future__ import annotations

from typing import Any

import made_up_engine
import numpy as np

POWERS = {"encoder/learned": 2.0, "longformer/learned": 1.0}  # of the scores' time
SCORES = {
    "encoder/learned": 40.0,
    "longformer/learned": 40.0 * 1024,
}  # ns, times length to the power
REST = 20_000.0  # ns a token
BYTES = 4096  # of working memory a token
SLOWER = {"none": 1.0, "rope": 1.04, "gpt/none": 0.8, "gpt/rope": 0.84}


def growth_record(length: int, process: int, arms: tuple[str, ...]) -> tuple[Any, Any]:
    """Spec and result of one process at one length, five blocks with 1 % of noise that arms share."""
    noise = np.exp(np.random.default_rng([length, process]).normal(0, 0.01, 5))
    timings = {}
    for arm in arms:
        scores = SCORES[arm] * length ** POWERS[arm]
        ns = (scores + REST * length) * noise
        parts = {"position": 5 * [1.0], "scores": (scores * noise).tolist()}
        timings[arm] = {"block": list(range(5)), "ns": ns.tolist(), "parts": parts}
    sizes = {"hidden": 256, "layers": 4, "length": length, "batch": 1}
    spec = made_up_engine.encoder_spec("forward", process, **sizes) | {"arms": list(arms)}
    return spec, with_memory(made_up_engine.encoder_result(spec, timings), BYTES * length)


def encodings_record(process: int) -> tuple[Any, Any]:
    """Spec and result of one process with and without rope, in two systems."""
    noise = np.exp(np.random.default_rng(process).normal(0, 0.05, 5))
    timings = {}
    for arm, times in SLOWER.items():
        ns = (1e8 * times * noise).tolist()
        parts = {"position": [0.02 * v for v in ns], "scores": [0.2 * v for v in ns]}
        timings[arm] = {"block": list(range(5)), "ns": ns, "parts": parts}
    sizes = {"hidden": 256, "layers": 4, "length": 512, "batch": 8}
    spec = made_up_engine.encoder_spec("forward", process, **sizes) | {"arms": list(SLOWER)}
    return spec, with_memory(made_up_engine.encoder_result(spec, timings), 1 << 20)


def with_memory(result: dict[str, Any], working: int) -> dict[str, Any]:
    """The same with what a record of several systems tells of each arm."""
    told = {"parameters": 5000, "position_parameters": 0, "position_bytes": 64}
    memory = {arm: told | {"working_bytes": working} for arm in result["arms"]}
    return result | {"gflop": dict.fromkeys(result["arms"], 1.0), "memory": memory}
