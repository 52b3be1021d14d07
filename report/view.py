"""Tables as readers see them: rounded, intervals in one cell, arms side by side."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from report.tables import Row, Table, Value
from report.text import Locale, number

HIDDEN_IF_CONSTANT = ("isa", "layers", "processes", "study")
MOST_PIVOTED = {False: 6, True: 13}  # columns of a pivot that a page takes, upright and on its side


@dataclass(frozen=True)
class Cell:
    text: str
    below: str = ""  # small, under the text
    numeric: bool = False


@dataclass(frozen=True)
class Part:
    """As many columns as a page takes."""

    head: list[Cell]
    rows: list[list[Cell]]


@dataclass(frozen=True)
class Grid:
    id: str
    title: str
    parts: list[Part]  # one, unless a pivot has more columns than a page takes
    about: str  # how to read it, or why it is empty
    wide: bool  # needs a page on its side
    appendix: bool


def grid(table: Table, locale: Locale) -> Grid:
    """A table ready for the template."""
    is_pivot = table.pivot and table.rows
    parts = pivoted(table, locale) if is_pivot else [listed(table, locale)]
    about = locale.find(f"tables.{table.id}.about") or ""
    if not table.rows:
        about = locale.find(f"tables.{table.id}.empty") or locale("report.empty")
    return Grid(
        id=table.id,
        title=table.title,
        parts=parts,
        about=about,
        wide=table.wide,
        appendix=table.appendix,
    )


def show(value: Value, form: str, locale: Locale) -> Cell:
    if isinstance(value, str):
        text = locale.find(f"values.{value}") or value
        if re.fullmatch("[0-9a-f]{40,}", text):
            text = text[:12]  # digests in full are for the CSV
        return Cell(text, numeric=text.startswith("< "))
    return Cell(number(value, "int" if form == "text" else form), numeric=True)


def is_interval(columns: list[str], i: int) -> bool:
    if i + 1 >= len(columns) or not columns[i].endswith("low"):
        return False
    return columns[i + 1] == columns[i].removesuffix("low") + "high"


def between(low: Value, high: Value, form: str) -> str:
    if isinstance(low, str) or isinstance(high, str) or math.isnan(low):
        return ""
    return f"{number(low, form)} … {number(high, form)}"


def kept(table: Table) -> list[int]:
    """Columns worth printing: not those with nothing in any row, nor a constant nobody compares."""
    found = []
    for i, name in enumerate(table.columns):
        values = {v for row in table.rows if not is_nothing(v := row[i])}
        constant = name in HIDDEN_IF_CONSTANT and len(values) <= 1
        if not table.rows or (values and not constant):
            found.append(i)
    return found


def is_nothing(value: Value) -> bool:
    return value == "" or (isinstance(value, float) and math.isnan(value))


def listed(table: Table, locale: Locale) -> Part:
    """One printed row per row; low and high share a cell."""
    columns = kept(table)
    names = [table.columns[i] for i in columns]
    head: list[Cell] = []
    rows: list[list[Cell]] = [[] for _ in table.rows]
    skip = False
    for place, i in enumerate(columns):
        if skip:
            skip = False
            continue
        skip = is_interval(names, place)
        form = table.formats[i]
        numeric = any(not isinstance(row[i], str) for row in table.rows)
        key = "interval" if skip else table.columns[i]
        head.append(Cell(locale(f"columns.{key}"), numeric=numeric))
        for row, cells in zip(table.rows, rows):
            if skip:
                cells.append(Cell(between(row[i], row[i + 1], form), numeric=True))
            else:
                cells.append(show(row[i], form, locale))
    return Part(head, rows)


def pivoted(table: Table, locale: Locale) -> list[Part]:
    """One row per shape, one column per arm; under each number its interval and a plain unit.

    Studies stand apart: each has its own arms.
    """
    parts: list[Part] = []
    for rows in by_study(table):
        split = table.columns.index(table.pivot)
        values = list(dict.fromkeys(row[split] for row in rows))
        arms = [str(v) for v in (values if isinstance(values[0], str) else sorted(values))]
        most = MOST_PIVOTED[table.wide]
        chunks = [arms[i : i + most] for i in range(0, len(arms), most)]
        parts += [chunk_of(table, rows, chunk, locale) for chunk in chunks]
    return parts


def by_study(table: Table) -> list[list[Row]]:
    """The rows of each study, or all of them where the table does not tell studies apart."""
    if "study" not in table.columns:
        return [table.rows]
    groups: dict[Value, list[Row]] = {}
    for row in table.rows:
        groups.setdefault(row[table.columns.index("study")], []).append(row)
    return list(groups.values())


def chunk_of(table: Table, rows: list[Row], arms: list[str], locale: Locale) -> Part:
    """The columns of some arms, and the shapes that any of them has."""
    split = table.columns.index(table.pivot)
    index = [i for i in kept(table) if i < split]
    shapes: dict[tuple[Value, ...], dict[str, Row]] = {}
    for row in rows:
        if str(row[split]) in arms:
            shapes.setdefault(tuple(row[i] for i in index), {})[str(row[split])] = row
    numeric = [not isinstance(value, str) for value in next(iter(shapes))]
    head = [Cell(locale(f"columns.{table.columns[i]}"), numeric=n) for i, n in zip(index, numeric)]
    head += [Cell(arm, numeric=True) for arm in arms]
    printed = []
    for shape, by_arm in shapes.items():
        cells = [show(value, table.formats[i], locale) for value, i in zip(shape, index)]
        printed.append(cells + [pivot_cell(table, by_arm.get(arm), locale) for arm in arms])
    return Part(head, printed)


def pivot_cell(table: Table, row: Row | None, locale: Locale) -> Cell:
    if row is None:
        return Cell("–", numeric=True)
    main, *other = (table.columns.index(name) for name in table.shown)
    below = []
    if is_interval(table.columns, main + 1):
        below.append(between(row[main + 1], row[main + 2], table.formats[main]))
    for i in (i for i in other if not is_nothing(row[i])):
        unit = locale(f"units.{table.columns[i]}")
        below.append(f"{show(row[i], table.formats[i], locale).text} {unit}")
    text = show(row[main], table.formats[main], locale).text
    return Cell(text, "\n".join(filter(None, below)), numeric=True)
