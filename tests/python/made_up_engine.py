"""Made-up records of encoder_cost and peer_cost: a machine whose peak, and engines whose times, tests know."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

PEAK = 120.0  # GFLOP/s in f32
SHARES = {  # of a pass, but for the position and, in a forward pass, the optimizer
    "embedding": 0.02,
    "projections": 0.3,
    "scores": 0.1,
    "feed_forward": 0.45,
    "norm": 0.06,
    "head": 0.04,
    "optimizer": 0.03,
}
TIMES_OURS = {"pytorch": 2.0, "onnxruntime": 1.5}  # of every work
MEMORY = {"posbench": 80_000_000, "pytorch": 400_000_000, "onnxruntime": 120_000_000}
WORKS: Mapping[str, Mapping[str, Any]] = {
    "train": {"work": "train", "batch": 32},
    "train_bf16": {"work": "train", "batch": 32, "precision": "bf16"},
    "latency": {"batch": 1, "length": 32},
    "epoch": {"work": "epoch", "batch": 4096, "batch_by": "tokens"},
}


def parts_of(ns: Sequence[float], position: float) -> dict[str, list[float]]:
    """Each part's nanoseconds in calls that took `ns`."""
    parts = {part: [share * v for v in ns] for part, share in SHARES.items()}
    return parts | {"position": [position for _ in ns]}


def gflop_of(spec: Mapping[str, Any]) -> float:
    """The projections and the feed-forward products, which is most of it."""
    weights = 12 * spec["hidden"] ** 2 * spec["layers"]
    train = 3 if spec.get("pass", spec.get("work")) in ("train", "epoch") else 1
    return train * 2e-9 * weights * tokens_of(spec)


def tokens_of(spec: Mapping[str, Any]) -> int:
    if spec.get("work") == "epoch":
        return 4000
    return int(spec["length"] * spec["batch"])


def ns_of(spec: Mapping[str, Any], share: float = 0.8) -> float:
    """A call that reaches this share of the peak."""
    return 1e9 * gflop_of(spec) / (share * PEAK)


def encoder_spec(kind: str, process: int, **other: Any) -> dict[str, Any]:
    spec = {"harness": "encoder_cost", "pass": kind, "precision": "f32", "hidden": 128}
    spec |= {"layers": 2, "heads": 0, "feed_forward": 0, "length": 128, "batch": 8}
    return spec | other | {"isa": "native", "seed": process}


def encoder_result(
    spec: Mapping[str, Any], arms: dict[str, Any], allocations: int = 0
) -> dict[str, Any]:
    """What the harness says around the arms' times."""
    blocks = 1 + max(max(arm["block"]) for arm in arms.values())
    counts = {arm: {"own": allocations, "libraries": 72} for arm in arms}
    return {
        "arms": arms,
        "timer_ns": 21.0,
        "tokens": tokens_of(spec),
        "gflop": gflop_of(spec),
        "f32_peak_gflops": blocks * [PEAK],
        "allocations_per_call": counts,
    }


def engine_record(kind: str, process: int, **other: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Spec and result of one process with the learned table alone, five blocks."""
    spec = encoder_spec(kind, process, **other) | {"arms": ["learned"]}
    rng = np.random.default_rng([spec["hidden"], process])
    ns = [round(float(v)) for v in ns_of(spec) * np.exp(rng.normal(0, 0.01, 5))]
    arm = {"block": list(range(5)), "ns": ns, "parts": parts_of(ns, 0.002 * ns[0])}
    return spec, encoder_result(spec, {"learned": arm})


def peer_spec(process: int, **other: Any) -> dict[str, Any]:
    spec = {"harness": "peer_cost", "work": "forward", "precision": "f32", "hidden": 128}
    spec |= {"layers": 2, "heads": 4, "feed_forward": 512, "length": 128, "batch": 32}
    return spec | {"batch_by": "tokens"} | other | {"isa": "native", "seed": process}


def peer_result(
    spec: Mapping[str, Any],
    times_ours: Mapping[str, float],
    skipped: Mapping[str, str],
    blocks: int = 9,
) -> dict[str, Any]:
    """Blocks of every engine that takes part; machine noise that all meet alike, and 1 % of their own."""
    rng = np.random.default_rng([spec["seed"], len(spec["work"])])
    shared = np.exp(rng.normal(0, 0.05, blocks))
    epoch = spec["work"] == "epoch"
    sizes = rng.uniform(0.5, 1.5, blocks) if epoch else np.ones(blocks)  # of an epoch's batches
    sizes *= blocks / sizes.sum()
    arms = {}
    for arm, times in {"posbench": 1.0, **times_ours}.items():
        own = np.exp(rng.normal(0, 0.01, blocks))
        ns = ns_of(spec) * times * (sizes if epoch else shared) * own
        arms[arm] = {"block": list(range(blocks)), "ns": ns.tolist(), "calls": blocks * [2]}
    others = list(times_ours)
    score = {"accuracy": {arm: 0.9 for arm in arms}} if epoch else {}
    return {
        "arms": arms,
        "skipped": dict(skipped),
        "agreement": {"outputs": {arm: 2e-6 for arm in others}, "tolerance": {}} | score,
        "peak_memory_bytes": {arm: MEMORY[arm] for arm in arms},
        "versions": {arm: {arm: "1.0"} for arm in arms},
        "tuning": {arm: {"threads": 1, "tried_ms": {"a": 1.5}, "way": {"b": "c"}} for arm in arms},
        "tokens": tokens_of(spec),
        "gflop": gflop_of(spec),
        "f32_peak_gflops": (PEAK / (1 if epoch else shared) * np.ones(blocks)).tolist(),
    }


def peer_record(process: int, work: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Spec and result of one process: ONNX Runtime runs forward passes only."""
    spec = peer_spec(process, **WORKS[work])
    why = {} if spec["work"] == "forward" else {"onnxruntime": "runs forward passes only"}
    part = {arm: times for arm, times in TIMES_OURS.items() if arm not in why}
    return spec, peer_result(spec, part, why)
