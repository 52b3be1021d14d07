"""Every word that the report itself says, from a locale file."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any, Mapping

from report.errors import ReportError

FOLDER = Path(__file__).parent / "locales"


class Locale:
    """The strings of one language, by dotted key."""

    def __init__(self, name: str) -> None:
        path = FOLDER / f"{name}.toml"
        if not path.is_file():
            raise ReportError(f"{path} does not exist: no report in language '{name}'")
        self.name = name
        self.strings: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))

    def __call__(self, key: str, **values: Any) -> str:
        """The string at `key` with its {placeholders} filled; numbers get three digits."""
        found = self.find(key)
        if found is None:
            raise ReportError(f"locale '{self.name}' has no string '{key}'")
        shown = {k: short(v) if isinstance(v, float) else v for k, v in values.items()}
        return found.format(**shown)

    def find(self, key: str) -> str | None:
        at: Any = self.strings
        for step in key.split("."):
            at = at.get(step) if isinstance(at, dict) else None
        return at if isinstance(at, str) else None


def short(value: float) -> str:
    """A number in a sentence: three significant digits, fewer where they would be zeros."""
    return number(value, "plain" if f"{value:g}" == f"{value:.3g}" else "g3")


def number(value: float, form: str) -> str:
    """A number as tables print it; `form` as in tables.toml."""
    if not math.isfinite(value):
        return "–"
    if form == "int":
        text = f"{value:,.0f}"
    elif form == "plain":
        text = f"{value:g}"
    elif form == "kib":
        text = f"{value / 1024:,.1f}"
    elif form == "ratio":
        text = f"{value:,.{3 if abs(value) < 10 else 2 if abs(value) < 100 else 0}f}"
        if abs(value) >= 1e5:
            text = f"{value:.0e}"
    elif form[0] == "f":
        text = f"{value:,.{int(form[1:])}f}"
    elif form[0] == "e":
        text = f"{value:.{int(form[1:])}e}"
    else:
        text = significant(value, int(form[1:]))
    return text.replace("-", "−", 1) if text.startswith("-") else text


def significant(value: float, digits: int) -> str:
    """Three digits of 0.0123 are 0.0123, of 12.345 are 12.3, of 1234.5 are 1,234 (not 1.23e+03)."""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if places > 7:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, places)}f}"
