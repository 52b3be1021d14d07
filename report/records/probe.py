"""Records of harness `probe`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from report.fields import Fields, Floats


@dataclass(frozen=True)
class Probe:
    """What a linear map reads off a table, and off random ones; nan where there is no table."""

    r2: float
    band_accuracy: float
    random_r2: Floats  # (draws,)
    random_band_accuracy: Floats


def read(fields: Fields, spec: Fields) -> Probe:
    if fields.table.get("table") is None:
        return Probe(float("nan"), float("nan"), np.array([]), np.array([]))
    table = fields.table_at("table")
    random = table.rows("random")
    return Probe(
        table.number("r2"),
        table.number("band_accuracy"),
        np.array([draw.number("r2") for draw in random]),
        np.array([draw.number("band_accuracy") for draw in random]),
    )
