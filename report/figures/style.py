"""How charts look, and how they become SVG that is the same byte for byte every time."""

from __future__ import annotations

import io
import math
import re
from typing import Any, Sequence

from matplotlib import patheffects
from matplotlib.figure import Figure

WIDTH = 4.6  # inches: on a telephone the type is then still about 10 pixels high
MOST_PANELS = 3  # of a chart; more would leave the rest of the page before it empty

COLOURS = {  # Okabe and Ito's palette, then Paul Tol's muted one; names stand beside every line
    "learned": "#0072B2",
    "sinusoid": "#D55E00",
    "none": "#6B6B6B",
    "simd": "#009E73",
    "recurrence": "#B8860B",
    "vector_library": "#CC79A7",
    "libm": "#D55E00",
    "copy": "#6B6B6B",
    "sinusoid_table": "#56B4E9",
    "sinusoid_trainable": "#E69F00",
    "random_frozen": "#999933",
    "rope": "#CC79A7",
    "alibi": "#009E73",
    "t5_bias": "#56B4E9",
    "shaw": "#B8860B",
    "tupe": "#882255",
    "transformer_xl": "#44AA99",
    "longformer": "#332288",
}
DASHES = {"clamp": "--", "tile": ":", "interpolate": "-."}  # how a table's other rows were filled
OTHERS = ("#56B4E9", "#009E73", "#CC79A7", "#B8860B")
INK, FAINT, BAND = "#222222", "#BBBBBB", "#DCEBDD"

RC: dict[str, Any] = {
    "svg.hashsalt": "posbench",  # or ids would be drawn anew each time
    "svg.fonttype": "path",  # the same letters on every machine, and in the PDF
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "text.color": INK,
    "lines.linewidth": 1.6,
    "figure.constrained_layout.use": True,
}


def figure(height: float, panels: int = 1, **options: Any) -> tuple[Figure, list[Any]]:
    """A figure with `panels` axes below each other, and the axes."""
    made = Figure(figsize=(WIDTH, height))
    axes = made.subplots(panels, 1, squeeze=False, **options)
    return made, list(axes[:, 0])


def pages(panels: list[Any]) -> list[list[Any]]:
    """As many panels as a page takes, shared out evenly."""
    count = max(1, math.ceil(len(panels) / MOST_PANELS))
    size = max(1, math.ceil(len(panels) / count))
    return [panels[i : i + size] for i in range(0, len(panels), size)]


def colour(arm: str) -> str:
    """The colour of an arm, the same in every chart; its kind's where it has none of its own."""
    for name in sorted(COLOURS, key=len, reverse=True):
        if arm == name or arm.startswith(name):
            return COLOURS[name]
    return OTHERS[sum(map(ord, arm)) % len(OTHERS)]


def dashes(arm: str) -> str:
    """The line of an arm: what tells variants of one encoding apart."""
    return next((dash for name, dash in DASHES.items() if name in arm), "-")


def to_svg(figure: Any, prefix: str) -> str:
    """SVG for putting into a page: no header, no metadata, every id with `prefix`."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # A style element would reach out of the chart into the page; its one rule can be inherited.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    svg = svg.replace("<svg", '<svg style="stroke-linejoin: round; stroke-linecap: butt"', 1)
    # Definitions first: WeasyPrint looks for each by walking the chart from its start.
    definitions = re.findall(r"<defs>(.*?)</defs>", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>.*?</defs>", "", svg, flags=re.DOTALL)
    svg = svg.replace(">", f"><defs>{''.join(definitions)}</defs>", 1)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    return svg


def note(axes: Any, text: str, at: tuple[float, float], away: tuple[float, float]) -> None:
    """A value beside its mark, `away` in points, on a halo that keeps lines behind it legible."""
    sideways = {"ha": "left", "va": "center"} if away[0] else {"ha": "center", "va": "bottom"}
    halo = [patheffects.withStroke(linewidth=2.5, foreground="white", alpha=0.85)]
    axes.annotate(
        text.replace("-", "−"),
        at,
        away,
        textcoords="offset points",
        fontsize=8.5,
        path_effects=halo,
        **sideways,
    )


def plain_ticks(axes: Any) -> None:
    """Ticks of a logarithmic axis as plain numbers."""
    low, high = axes.get_xlim()
    ticks = [m * 10.0**e for e in range(-3, 5) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    if len(ticks) > 7:
        ticks = [t for t in ticks if f"{t:.0e}"[0] == "1"]
    ticks = ticks[:: 1 + len(ticks) // 7]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()


def separate(places: list[float], gap: float) -> list[float]:
    """Heights for labels near `places`, none closer than `gap` to the next, order kept."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for low, high in zip(order, order[1:]):
        moved[high] = max(moved[high], moved[low] + gap)
    return moved


def end_labels(axes: Any, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Names of lines beside their last points: (x, y, name, colour), kept apart in height."""
    bottom, top = axes.get_ylim()
    log = axes.get_yscale() == "log"
    scale = axes.transScale.transform
    heights = [float(scale((x, y))[1]) for x, y, _, _ in ends]
    span = float(scale((ends[0][0], top))[1] - scale((ends[0][0], bottom))[1])
    axes.figure.draw_without_rendering()  # lays the panels out, so that their height is known
    points = axes.get_window_extent().height / axes.figure.dpi * 72
    places = separate(heights, span * 11 / points)
    right = max(x for x, _, _, _ in ends)
    for (_, _, name, shade), place in zip(ends, places):
        y = 10**place if log else place
        axes.annotate(
            name,
            (right, y),
            xytext=(6, 0),
            textcoords="offset points",
            color=shade,
            va="center",
            fontsize=8.5,
            annotation_clip=False,
        )
