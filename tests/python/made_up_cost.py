"""A made-up machine for encoding_cost: what each arm would take, and records that say so.

Caches serve a working set at the pace of the level that holds it; computing takes a fixed time an
element, more with narrower vectors. An arm takes the longer of the two, so both sides win somewhere.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

CACHES = {"L1": 32768, "L2": 1 << 20, "L3": 1 << 25}  # as the made-up host has them
COPY = {"L1": 350.0, "L2": 200.0, "L3": 95.0, "DRAM": 26.0}  # GB/s of a plain copy
PAST = {"L1": 0.3, "L2": 0.7, "L3": 1.0, "DRAM": 1.5}  # times that with non-temporal stores
COMPUTE = {  # ns an element, native
    "best_computed": 0.055,
    "recurrence": 0.04,
    "recurrence_tiles": 0.05,
    "simd": 0.12,
    "vector_library": 0.35,
    "libm": 2.0,
    "libm_pow": 8.0,
}
NARROW = {"sse4": 3.0, "avx2": 1.6, "avx512": 1.0}
ERRORS = {"sinusoid_table": 3e-8, "libm_pow": 6e-5, "libm": 2e-5, "vector_library": 2.1e-5}
ERRORS |= {"simd": 3e-7, "recurrence": 9e-6}
RULES = {
    "best_lookup": "Non-temporal stores where x and y exceed half of L3, else the slice.",
    "best_computed": "Row tiles where d is a power of two from 512 on, else columns in registers.",
}
STREAMS = "copy copy_nt stream_add stream_add_nt stream_add_in_place stream_update".split()
PARTS = re.compile(r"(.+?)(_t2t)?(_bf16_table|_bf16)?(_in_place|_nt)?(_segments)?")

ARMS = {
    "encoding_variants": [
        *STREAMS,
        *(a + m for a in ("learned_slice", "simd", "recurrence") for m in ("", "_in_place", "_nt")),
        *("learned_slice_bf16", "learned_slice_bf16_table", "simd_bf16", "simd_t2t", "table_t2t"),
        *("best_lookup_in_place", "best_computed_in_place", "recurrence_tiles_in_place"),
        *("learned_gather_in_place",),
    ],
    "encoding_tiers": ["copy", "learned_slice", "simd", "recurrence", "libm", "best_computed"],
    "encoding_threads": ["copy", "learned_slice", "best_computed"],
    "encoding_roofline": [*STREAMS, "best_lookup", "best_computed"],
    "crossover": ["best_lookup", "best_computed", "learned_slice"],
    "embedding_cost": [
        *(f"embed_{a}{s}" for a in ("none", "learned", "simd") for s in ("", "_segments")),
        *("embed_recurrence", "embed_unfused"),
    ],
}


class Cell(NamedTuple):
    """What one process of encoding_cost is asked to time."""

    hidden: int
    length: int
    batch: int = 1
    state: str = "hot"
    isa: str = "native"
    threads: int = 1


def cells_of(study: str) -> list[Cell]:
    shapes = [(128, 16), (128, 512), (768, 2048), (1024, 16384)]  # one in each level
    if study == "encoding_tiers":
        tiers = ("native", "avx2", "sse4")
        return [Cell(128, length, isa=isa) for length in (128, 2048) for isa in tiers]
    if study == "encoding_threads":
        return [Cell(*shape, threads=threads) for shape in shapes for threads in (1, 2)]
    if study == "encoding_roofline":
        return [Cell(256, 2**k) for k in range(1, 17)]
    if study == "crossover":
        states, widths = ("hot", "in_model", "dram_cold"), (64, 128, 256, 512, 768, 1024)
        return [Cell(d, 2**k, 1, s) for s in states for d in widths for k in range(4, 17)]
    return [Cell(*shape) for shape in shapes]


def stream_of(arm: str) -> str | None:
    """The stream with the arm's mix: a lookup loads rows beside x, a computation does not."""
    source, _, _, mode, _ = parts_of(arm)
    if arm == "none" or arm in STREAMS:
        return None
    if source in COMPUTE or source in ("embed_none", "embed_simd", "embed_recurrence"):
        return {"": "copy", "_nt": "copy_nt", "_in_place": "stream_update"}[mode]
    return "stream_add" + mode


def parts_of(arm: str) -> list[str]:
    found = PARTS.fullmatch(arm)
    assert found
    return [part or "" for part in found.groups()]


def bytes_of(arm: str, cell: Cell) -> int:
    """x read, y written, and each row once where the arm reads rows; the streams likewise."""
    rows = cell.hidden * cell.length
    elements = rows * cell.batch
    storage = parts_of(arm)[2]
    if arm == "none":
        return 0
    if arm.startswith("stream_add"):
        return 12 * elements
    reads = (stream_of(arm) or "").startswith("stream_add")
    table = (2 if storage else 4) * rows if reads else 0
    return (4 if storage == "_bf16" else 8) * elements + table


def level_of(size: int) -> str:
    return next((name for name, bytes_ in CACHES.items() if size <= bytes_), "DRAM")


def ns_of(arm: str, cell: Cell) -> float:
    """Nanoseconds of a call on the made-up machine."""
    source, _, _, mode, segments = parts_of(arm)
    elements = cell.hidden * cell.length * cell.batch
    moved = max(bytes_of(arm, cell), 4 * elements)
    level = level_of(moved)
    pace = COPY[level] * (PAST[level] if mode == "_nt" else 1.3 if mode == "_in_place" else 1.0)
    reads_rows = (stream_of(arm) or "").startswith("stream_add")
    if cell.state != "hot" and reads_rows:
        pace /= {"in_model": 1.3, "dram_cold": 3.0}[cell.state]
    share = 1.0 if arm in STREAMS else 0.8
    compute = COMPUTE.get(source, 0.0) * NARROW[cell.isa.replace("native", "avx512")]
    added = {"embed_none": 0.3, "embed_learned": 0.36, "embed_simd": 0.4, "embed_recurrence": 0.35}
    fused = added.get(source, 0.9 if source == "embed_unfused" else 0.0) + 0.05 * bool(segments)
    each = max(moved / pace / share / elements, compute) + fused
    return 40 + elements * each / cell.threads**0.9


def spec_of(cell: Cell, arms: list[str], blocks: int, process: int) -> dict[str, Any]:
    """The spec as it is recorded: all cores are asked for as 0."""
    settings = {"harness": "encoding_cost", "arms": arms, "blocks": blocks, "slice_ms": 1.0}
    asked = {**cell._asdict(), "threads": 0 if cell.threads > 1 else 1}
    return settings | asked | {"max_seconds": 2.0, "seed": process}


def result_of(cell: Cell, timings: dict[str, Any]) -> dict[str, Any]:
    """What the harness says about a cell, around the times."""
    best = [arm for arm in timings if arm.startswith("best_")]
    far = cell.hidden * cell.length > 1 << 20
    chosen = {arm: kernel_of(arm, far) for arm in best}
    return {
        "arms": timings,
        "order": "random per block",
        "threads": cell.threads,
        "bytes": {arm: bytes_of(arm, cell) for arm in timings},
        "stream": {arm: s for arm in timings if (s := stream_of(arm)) in timings},
        "working_set_bytes": {arm: max(64, bytes_of(arm, cell)) for arm in timings},
        "chosen": chosen,
        "rule": {arm: RULES[arm.removesuffix("_in_place")] for arm in best},
        "max_abs_error": {a: e * (1 + cell.length / 512) for a, e in ERRORS.items()},
        "max_abs_error_1e6": {a: 100 * e for a, e in ERRORS.items()},
        "skipped": {},
    }


def kernel_of(best: str, far: bool) -> str:
    in_place = "_in_place" if best.endswith("_in_place") else ""
    if best.startswith("best_computed"):
        return "recurrence" + in_place
    return "learned_slice" + (in_place or ("_nt" if far else ""))


def measured(
    rng: np.random.Generator, cell: Cell, arms: list[str], blocks: int
) -> dict[str, dict[str, list[Any]]]:
    """Blocks of every arm of one process, with noise of 1 %."""
    found = {}
    for arm in arms:
        noise = np.exp(rng.normal(0, 0.01, blocks) + rng.normal(0, 0.004))
        ns = [round(float(v), 2) for v in ns_of(arm, cell) * noise]
        found[arm] = {"block": list(range(blocks)), "ns": ns}
    return found


def used(isa: str) -> dict[str, str]:
    """The record's instruction sets; the made-up machine has AVX-512."""
    name = isa.replace("native", "avx512")
    return {"asked": isa, "used": name, "onednn": name}
