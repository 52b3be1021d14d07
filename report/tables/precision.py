"""Does bf16 train as well as f32? C1's own test and margin, on pairs of one encoding."""

from __future__ import annotations

from report.fields import Named
from report.pairs import arm_order
from report.rules import Part, contrast
from report.tables import Context, Row
from report.tables.accuracy import parts_in_order

STUDY = "precision"
SUFFIX = "_bf16"  # of an arm whose twin in f32 has the name without it


def precision_parity(context: Context) -> list[Row]:
    """One row per task and encoding: bf16 minus f32, paired by seed."""
    rows: list[Row] = []
    for part in parts_in_order(context, "C1"):
        pairing = contrast.pairing_of(on_precision(part), context.evidence)
        for arm in arm_order(pairing.arms) if pairing else []:
            reference = arm.removesuffix(SUFFIX)
            if reference == arm:
                continue
            asked = comparison(part, arm, reference)
            found = contrast.decide(asked, context.evidence, {})
            rows.append(
                [
                    part["task"],
                    reference,
                    found.n,
                    found.effect,
                    found.low,
                    found.high,
                    found.margin,
                    found.values.get("reachable", ""),
                    found.verdict,
                ]
            )
    return rows


def on_precision(part: Part) -> Named:
    """A part of C1, asked of the study of precisions; whether positions matter is no condition."""
    assert isinstance(part, Named)
    kept = {key: value for key, value in part.items() if not key.startswith("gate")}
    return Named({**kept, "study": STUDY}, part.place, part.way_out)


def comparison(part: Part, arm: str, reference: str) -> Named:
    asked = on_precision(part)
    return Named({**asked, "arm": arm, "reference": reference}, asked.place, asked.way_out)
