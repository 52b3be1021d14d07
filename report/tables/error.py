"""The table of errors: how exact each way to make the sinusoid is, by range of positions."""

from __future__ import annotations

from typing import Any, Mapping

from report.arms import rank
from report.records.encoding_error import EncodingErrors, ErrorRange
from report.tables import Context, Row

Key = tuple[str, str, str, int, int, int]  # isa, convention, producer, hidden, first, last


def merged(context: Context) -> Mapping[Key, list[ErrorRange]]:
    """What every record says about a range; records of one range differ by the sample of positions."""
    found: dict[Key, list[ErrorRange]] = {}
    for trial in context.evidence.of("encoding_error"):
        assert isinstance(trial.result, EncodingErrors)
        spec: Mapping[str, Any] = trial.spec
        for error in trial.result.ranges:
            shape = (spec["convention"], spec["producer"], spec["hidden"])
            found.setdefault((trial.isa.used, *shape, error.first, error.last), []).append(error)
    order = lambda key: (key[0], key[1], rank(key[2]), *key[3:])
    return {key: found[key] for key in sorted(found, key=order)}


def encoding_error(context: Context) -> list[Row]:
    rows: list[Row] = []
    for (isa, convention, producer, hidden, first, last), errors in merged(context).items():
        seen = sum(e.rows for e in errors)
        mean = sum(e.mean * e.rows for e in errors) / seen
        worst = max(errors, key=lambda e: e.largest)
        declared = max(e.declared for e in errors)
        place: Row = [isa, convention, producer, hidden, last, first]
        found: Row = [seen, worst.largest, mean, worst.worst_t, worst.worst_column, declared]
        rows.append(place + found)
    return rows
