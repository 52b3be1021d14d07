"""Charts of precision."""

from __future__ import annotations

from typing import Any

from report.figures.style import FAINT, INK, colour, end_labels, figure
from report.tables import Context
from report.tables.error import merged

ROUNDED = 2.0**-25  # the best that an f32 near 1 can do: half a unit in the last place
DECIMALS = 0.005  # from here on the second decimal is wrong


def error_by_position(context: Context) -> Any:
    """Largest error against position, a line for each way to make the sinusoid, by convention."""
    worst: dict[str, dict[str, dict[int, float]]] = {}
    for (_, convention, producer, _, _, last), errors in merged(context).items():
        line = worst.setdefault(convention, {}).setdefault(producer, {})
        line[last] = max(line.get(last, 0.0), *(e.largest for e in errors))
    if not worst:
        return None
    made, panels = figure(2.5 * len(worst), len(worst), sharex=True, sharey=True)
    for axes, (convention, lines) in zip(panels, worst.items()):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(convention)
        axes.set_ylabel("largest absolute error")
        axes.grid(axis="y", color=FAINT, linewidth=0.4)
        draw_bound(axes, ROUNDED, "rounding to f32")
        draw_bound(axes, DECIMALS, "second decimal wrong")
        axes.set_ylim(ROUNDED / 2, 0.4)
        ends = []
        for producer, line in lines.items():
            shade = colour("sinusoid_table" if producer == "table" else producer)
            # Lines of one f32 angle lie on each other: a broad one below, a broken one above.
            style = "--" if producer == "libm_pow" else "-"
            width = 5 if producer == "vector_library" else 1.6
            axes.plot(
                list(line), list(line.values()), style, marker=".", color=shade, linewidth=width
            )
            ends.append((max(line), line[max(line)], producer, shade))
        end_labels(axes, ends)
    panels[-1].set_xlabel("position t, last of its range")
    return made


def draw_bound(axes: Any, height: float, name: str) -> None:
    axes.axhline(height, color=INK, linewidth=0.8, linestyle=":")
    axes.text(130, 1.2 * height, name, fontsize=7.5, color=INK)
