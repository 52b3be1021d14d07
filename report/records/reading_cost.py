"""Records of harness `reading_cost`."""

from __future__ import annotations

from dataclasses import dataclass

from report.fields import Fields, Floats


@dataclass(frozen=True)
class ReadingCost:
    bytes: int
    reading_s: Floats  # (repetitions,)
    tokenizing_s: Floats


def read(fields: Fields, spec: Fields) -> ReadingCost:
    return ReadingCost(
        fields.integer("bytes"), fields.numbers("reading_s"), fields.numbers("tokenizing_s")
    )
