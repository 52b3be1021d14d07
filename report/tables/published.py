"""Published figures beside our own in miniature, and who uses which encoding."""

from __future__ import annotations

import math
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from report import pairs
from report.pairs import arms_of
from report.statistics import LEVEL, Estimate
from report.tables import Context, Row

FILE = Path(__file__).parent.parent / "published.toml"
FIRST_SEED = 100
VARIES = ("steps", "fill", "system", "window", "freeze_positions", "position_shift")


@cache
def published() -> dict[str, list[dict[str, Any]]]:
    read: dict[str, list[dict[str, Any]]] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return read


def literature(context: Context) -> list[Row]:
    """Per published figure our contrast of the same question, and whether it points the same way."""
    rows: list[Row] = []
    for figure in published()["figure"]:
        arms = arms_of(figure["terms"])
        pairing = pairs.pairing(
            context.evidence, figure["study"], FIRST_SEED, figure["where"], arms, VARIES
        )
        row: Row = [figure["paper"], figure["what"]]
        if pairing is None or not pairing.seeds(*arms):
            rows.append([*row, "", math.nan, math.nan, math.nan, "", 0, "not_measured"])
            continue
        found = pairing.advantage(figure["terms"])
        low, high = found.interval(LEVEL)
        asked = f"{' − '.join(figure['terms'])} ({pairing.name})"
        said = direction(figure["expected"], found, float(figure["margin"]))
        rows.append([*row, asked, found.effect, low, high, pairing.unit, found.n, said])
    return rows


def direction(expected: int, found: Estimate, margin: float) -> str:
    """`same`, `opposite` or `cannot_tell`, from the whole interval.

    A paper that found no difference is confirmed by an interval inside the margin, and contradicted
    by one outside.
    """
    low, high = found.interval(LEVEL)
    if math.isnan(low):
        return "cannot_tell"
    if expected == 0:
        if -margin < low and high < margin:
            return "same"
        return "opposite" if low > margin or high < -margin else "cannot_tell"
    if low > 0 or high < 0:
        return "same" if (low > 0) == (expected > 0) else "opposite"
    return "cannot_tell"


def who_uses_what(context: Context) -> list[Row]:
    return [[user["system"], user["encoding"], user["source"]] for user in published()["user"]]
