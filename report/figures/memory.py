"""Charts of parameters and bytes."""

from __future__ import annotations

from typing import Any

from report.figures.style import FAINT, INK, colour, figure, note, plain_ticks
from report.tables import Context
from report.tables.memory import EXACT, memory_encodings, model_shares as share_rows

PARTS = {  # what the bytes are for, in the order in which the bar is stacked
    "parameter_bytes": ("parameters", "#0072B2"),
    "gradient_bytes": ("gradients", "#56B4E9"),
    "optimizer_bytes": ("optimizer", "#A6CEE3"),
    "table_bytes": ("fixed table", "#D55E00"),
    "scratch_bytes": ("scratch", "#B8860B"),
    "activation_bytes": ("activations", "#BBBBBB"),
}


def model_shares(context: Context) -> Any:
    """Share of position parameters in published models, with the bound that decides."""
    rows = share_rows(context)
    if not rows:
        return None
    bound = float(context.rule("C5")["margin"])
    made, (axes,) = figure(0.7 + 0.3 * len(rows))
    for y, row in enumerate(reversed(rows)):
        share = float(row[3])
        axes.plot([1e-6, share], [y, y], color=FAINT, linewidth=1)
        axes.plot(share, y, "o", color=colour("learned" if share < bound else "sinusoid"))
        note(axes, f"{share:.3f} %", (share, y), (7, 0))
    axes.axvline(bound, color=INK, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), [str(row[0]) for row in reversed(rows)])
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    shares = [bound, *(float(row[3]) for row in rows)]
    axes.set_xlim(0.6 * min(shares), 2.6 * max(shares))
    plain_ticks(axes)
    axes.set_xlabel(f"position parameters, % of all (dotted: {bound:g} %)")
    return made


def memory(context: Context) -> Any:
    """Bytes of each encoding while training at the largest shape measured; tick: allocated."""
    rows = memory_encodings(context)
    if not rows:
        return None
    hidden, length = max((int(row[1]), int(row[2])) for row in rows)
    rows = [row for row in rows if (row[1], row[2]) == (hidden, length)]
    made, (axes,) = figure(1.3 + 0.32 * len(rows))
    used = set()
    for y, row in enumerate(reversed(rows)):
        left = 0.0
        for key, (name, shade) in PARTS.items():
            width = float(row[3 + EXACT.index(key)]) / 2**20
            if width:
                axes.barh(y, width, left=left, color=shade, height=0.6)
                left += width
                used.add(name)
        allocated = float(row[3 + len(EXACT)]) / 2**20
        axes.plot([allocated, allocated], [y - 0.36, y + 0.36], color=INK, linewidth=1.4)
        place = max(left, allocated)
        note(axes, f"{left:.2f}", (place, y), (5, 0))
    for i, (name, shade) in enumerate(entry for entry in PARTS.values() if entry[0] in used):
        spot = (0.3 * (i % 3), 1.02 + 0.06 * (8 / (3 + len(rows))) * (i // 3))
        axes.text(*spot, f"■ {name}", transform=axes.transAxes, color=shade, fontsize=8.5)
    axes.set_yticks(range(len(rows)), [str(row[0]) for row in reversed(rows)])
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.14)
    axes.set_xlabel(f"MiB while training, d {hidden}, L {length} (tick: as allocated)")
    return made
