"""Reading typed values out of parsed JSON or TOML, naming file and key when one is not there."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Mapping

import numpy as np
from numpy.typing import NDArray

from report.errors import ReportError

Floats = NDArray[np.float64]


class Named(dict[str, Any]):
    """A table whose missing keys raise ReportError naming it instead of KeyError."""

    def __init__(self, table: Mapping[str, Any], place: str, way_out: str) -> None:
        super().__init__(table)
        self.place, self.way_out = place, way_out

    def __missing__(self, key: str) -> Any:
        raise ReportError(f"{self.place} lacks '{key}'; {self.way_out}")


class Fields:
    """A table of a record; every getter raises ReportError naming `place` and the key."""

    def __init__(self, table: Any, place: str, way_out: str) -> None:
        self.place, self.way_out = place, way_out
        if not isinstance(table, dict):
            self.refuse("is not a table")
        self.table: dict[str, Any] = table

    def refuse(self, problem: str) -> None:
        raise ReportError(f"{self.place} {problem}; {self.way_out}")

    def get(self, key: str, kind: type | tuple[type, ...]) -> Any:
        if key not in self.table:
            self.refuse(f"lacks '{key}'")
        value = self.table[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.refuse(f"has {value!r:.40} as '{key}', which is not what it should be")
        return value

    def text(self, key: str) -> str:
        return str(self.get(key, str))

    def integer(self, key: str) -> int:
        return int(self.get(key, int))

    def number(self, key: str) -> float:
        """A number; null, which JSON has to use for one that is not finite, is nan."""
        value = self.get(key, (int, float, type(None)))
        return float("nan") if value is None else float(value)

    def table_at(self, key: str) -> Fields:
        return Fields(self.get(key, dict), f"{self.place}: '{key}'", self.way_out)

    def tables(self) -> Mapping[str, Fields]:
        """Every value as a table, by key."""
        return {k: self.table_at(k) for k in self.table}

    def texts(self) -> Mapping[str, str]:
        """Every value as text, by key."""
        return {k: self.text(k) for k in self.table}

    def integers(self) -> Mapping[str, int]:
        """Every value as an integer, by key."""
        return {k: self.integer(k) for k in self.table}

    def floats(self) -> Mapping[str, float]:
        """Every value as a number, by key."""
        return {k: self.number(k) for k in self.table}

    def rows(self, key: str) -> list[Fields]:
        name = f"{self.place}: '{key}'"
        return [Fields(row, name, self.way_out) for row in self.get(key, list)]

    def numbers(self, key: str) -> Floats:
        try:
            return np.asarray(self.get(key, list), dtype=np.float64)
        except (TypeError, ValueError):
            self.refuse(f"has something else than numbers in '{key}'")
            raise  # not reached: refuse raises

    def bits(self, key: str, count: int) -> Floats:
        """(count,) of 0 and 1 from base64 of packed bits, least significant first."""
        try:
            packed = base64.b64decode(self.text(key), validate=True)
        except binascii.Error:
            self.refuse(f"has no base64 in '{key}'")
        if len(packed) != (count + 7) // 8:
            self.refuse(f"has {len(packed)} bytes in '{key}' where {count} bits are due")
        raw = np.frombuffer(packed, dtype=np.uint8)
        return np.unpackbits(raw, count=count, bitorder="little").astype(np.float64)
