"""Made-up records of encoding_error: what a kernel's errors are is an argument, so tests know them."""

from __future__ import annotations

from typing import Any, Sequence

RANGES = ((0, 127), (128, 511), (512, 2047), (2048, 9999), (10_000, 99_999), (100_000, 1_000_000))


def spec_of(arm: str, hidden: int = 128, seed: int = 0) -> dict[str, Any]:
    convention = "tensor2tensor" if arm.endswith("_t2t") else "interleaved"
    settings = {"harness": "encoding_error", "producer": arm.removesuffix("_t2t")}
    settings |= {"convention": convention, "hidden": hidden}
    return settings | {"isa": "native", "seed": seed}


def result_of(largest: Sequence[float | None], rows: Sequence[int] = 6 * (2048,)) -> dict[str, Any]:
    """Ranges with these largest errors, means of a tenth of them, and twice them declared."""
    return {
        "ranges": [
            {
                "from": first,
                "to": last,
                "rows": n,
                "max_abs_error": error,
                "mean_abs_error": None if error is None else error / 10,
                "worst_t": last - 1,
                "worst_column": 3,
                "declared": 2e-7 if error is None else 2 * error,
            }
            for (first, last), n, error in zip(RANGES, rows, largest)
        ]
    }
