"""Exact claims: a count against a bound, without uncertainty (low = high = effect, n = 0)."""

from __future__ import annotations

from typing import Mapping

from report.load import Evidence
from report.records.memory_cost import MemoryModel
from report.rules import CONTRADICTED, SUPPORTED, UNDECIDED, Finding, Part


def decide(part: Part, evidence: Evidence, others: Mapping[str, Finding]) -> Finding:
    """Share of position parameters in a model, in percent, against `margin`."""
    for trial in evidence.trials(part["study"]):
        if isinstance(trial.result, MemoryModel) and trial.spec["arm"] == part["model"]:
            return compare(part, trial.result)
    return Finding(UNDECIDED, "no_records", {"study": part["study"]}, part["model"])


def compare(part: Part, model: MemoryModel) -> Finding:
    share = 100 * model.position_parameters / model.total_parameters
    counted = (model.position_parameters, model.total_parameters)
    published = (
        part.get("published_position", counted[0]),
        part.get("published_total", counted[1]),
    )
    verdict = SUPPORTED if share < part["margin"] else CONTRADICTED
    return Finding(
        verdict=verdict if counted == published else UNDECIDED,
        reason="count" if counted == published else "count_differs",
        values={
            "position": f"{counted[0]:,}",
            "total": f"{counted[1]:,}",
            "published_position": f"{published[0]:,}",
            "published_total": f"{published[1]:,}",
        },
        setting=part["model"],
        effect=share,
        low=share,
        high=share,
        level=1.0,
        margin=part["margin"],
        unit=part["unit"],
    )
