"""Records of harness `encoding_error`."""

from __future__ import annotations

from dataclasses import dataclass

from report.fields import Fields


@dataclass(frozen=True)
class ErrorRange:
    """Absolute errors at positions first … last, over the rows that were looked at and all columns."""

    first: int
    last: int
    rows: int
    largest: float
    mean: float
    worst_t: int  # where the largest is
    worst_column: int
    declared: float  # the largest that the way to make the sinusoid allows itself there


@dataclass(frozen=True)
class EncodingErrors:
    """One way to make the sinusoid against arithmetic of 50 digits."""

    arm: str  # what encoding_cost calls it
    ranges: list[ErrorRange]  # in order of positions


def read(fields: Fields, spec: Fields) -> EncodingErrors:
    suffix = "_t2t" if spec.text("convention") == "tensor2tensor" else ""
    return EncodingErrors(
        arm=spec.text("producer") + suffix,
        ranges=[
            ErrorRange(
                r.integer("from"),
                r.integer("to"),
                r.integer("rows"),
                r.number("max_abs_error"),
                r.number("mean_abs_error"),
                r.integer("worst_t"),
                r.integer("worst_column"),
                r.number("declared"),
            )
            for r in fields.rows("ranges")
        ],
    )
