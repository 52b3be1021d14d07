"""Records of harness `baseline`."""

from __future__ import annotations

from dataclasses import dataclass

from report.fields import Fields


@dataclass(frozen=True)
class Baseline:
    """A predictor that is no encoder; nan where the headline is a loss, which it has none of."""

    metric: str
    headline: float
    examples: int


def read(fields: Fields, spec: Fields) -> Baseline:
    metric = fields.text("metric")
    test = fields.table_at("test")
    scores = {"loss": float("nan"), **test.table_at("scores").floats()}
    if metric not in scores:
        fields.refuse(f"has no test score '{metric}', its own headline")
    return Baseline(metric, scores[metric], test.integer("examples"))
