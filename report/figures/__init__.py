"""Charts as SVG text: one function per chart id, in the module that `MODULES` searches.

Every chart draws intervals where there are any, labels its marks directly instead of in a legend,
uses colours that colour-blind readers can tell apart, and is narrow enough for a telephone.
"""

from __future__ import annotations

import importlib
from typing import Callable

import matplotlib

from report.errors import ReportError
from report.figures.style import RC, to_svg
from report.tables import Context

MODULES = (
    "accuracy",
    "sizes",
    "compared",
    "length",
    "domain",
    "convergence",
    "cost",
    "limit",
    "crossover",
    "tiers",
    "error",
    "memory",
    "engine",
    "systems",
)


def draw(chart: str, context: Context, prefix: str) -> list[str]:
    """The SVGs of a chart, their ids prefixed: one, several where one would not fit on a page, or
    none where the runs hold nothing to draw."""
    for name in MODULES:
        module = importlib.import_module(f"report.figures.{name}")
        maker: Callable[[Context], object] | None = getattr(module, chart, None)
        if maker is not None:
            with matplotlib.rc_context(RC):
                made = maker(context)
                figures = made if isinstance(made, list) else [made] if made else []
                return [to_svg(figure, f"{prefix}-{i}") for i, figure in enumerate(figures)]
    raise ReportError(f"a claim asks for chart '{chart}', and no file in report/figures draws it")
