"""Tables: tables.toml says which there are, the modules here make their rows.

Adding one: an entry in tables.toml, and a function of the same name in the module it names, which
takes the Context and returns rows in the order of `columns`.
"""

from __future__ import annotations

import csv
import importlib
import io
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from report.claims import Claim, Verdict
from report.errors import ReportError
from report.load import Evidence

FILE = Path(__file__).parent.parent / "tables.toml"

Value = str | int | float
Row = list[Value]


@dataclass(frozen=True)
class Context:
    """What tables, charts and text may speak from."""

    evidence: Evidence
    claims: Sequence[Claim]
    verdicts: Sequence[Verdict]

    def claim(self, name: str) -> Claim:
        for claim in self.claims:
            if claim.id == name:
                return claim
        raise ReportError(f"report/claims/{name}.toml does not exist, and a table needs its rule")

    def rule(self, name: str) -> Mapping[str, Any]:
        """The rule that decides: the locked one, or today's where none was locked."""
        rule: Mapping[str, Any] = self.evidence.rules.get(name, self.claim(name).rule)
        return rule


@dataclass(frozen=True)
class Table:
    id: str
    title: str
    columns: list[str]
    formats: list[str]
    rows: list[Row]
    appendix: bool
    wide: bool
    pivot: str  # a column whose values become columns when printed, or empty
    shown: list[str]  # the columns that a printed pivot holds; the bounds of the first follow it

    def csv(self) -> str:
        """The table with its numbers in full; a number that does not exist is an empty field."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([plain(v) for v in row] for row in self.rows)
        return out.getvalue()

    def column(self, name: str) -> list[Value]:
        return [row[self.columns.index(name)] for row in self.rows]


def plain(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.10g}" if math.isfinite(value) else ""
    return str(value)


def make_tables(context: Context) -> dict[str, Table]:
    """Every table of tables.toml, by id; one without records has no rows."""
    listed = tomllib.loads(FILE.read_text(encoding="utf-8"))
    formats: Mapping[str, str] = listed["formats"]
    tables = {}
    for entry in listed["table"]:
        module = importlib.import_module(f"report.tables.{entry['module']}")
        rows = getattr(module, entry["id"])(context)
        columns = entry["columns"]
        for row in rows:
            assert len(row) == len(columns), f"{entry['id']}: {len(row)} of {len(columns)} columns"
        tables[entry["id"]] = Table(
            id=entry["id"],
            title=entry["title"],
            columns=columns,
            formats=resolve(columns, formats),
            rows=rows,
            appendix=entry.get("appendix", False),
            wide=entry.get("wide", False),
            pivot=entry.get("pivot", ""),
            shown=entry.get("shown", []),
        )
    return tables


def resolve(columns: Sequence[str], formats: Mapping[str, str]) -> list[str]:
    """The format of each column; `same` repeats that of the column before, as bounds do."""
    found: list[str] = []
    for column in columns:
        chosen = formats.get(column, "text")
        found.append(found[-1] if chosen == "same" else chosen)
    return found
